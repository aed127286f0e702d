"""The electricity meter's firmware: measures, keeps its clock by the hub's, answers on every interface, reports loss of supply.

DLMS comes through the HAN tunnel, on the optical port (which shows the main registers over IEC 62056-21, too) and, where the meter
is wired to its hub, on that interface over HDLC (or that one shows the registers over IEC 62056-21, and nothing else); Smart Energy
on its endpoint. All of them show the values of one `Meter`. A meter wired to its hub has no radio, and nobody to report a loss of
supply to. Not here: tariffs, prepayment accounts, GBCS messages.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from devices.esme import cosem, face, zcl
from devices.esme.config import Config
from devices.esme.limits import Limits
from devices.esme.meter import Meter
from devices.esme.metering import Commands
from devices.esme.metering_alarms import MeteringAlarms
from devices.esme.neutral import EVENTS as NEUTRAL_EVENTS
from devices.esme.neutral import NeutralWatch
from devices.esme.prepayment import Prepayment
from devices.esme.readout import IDENTIFICATION, Readout, on_wire
from devices.esme.supply import RESTORED, RESTORED_AFTER_LONG, Supply
from devices.esme.timed_objects import PUSH, RESET_BLOCKS
from devices.esme.tunnel import DlmsTunnel
from devices.parts.cosem_clockwork import CosemClockwork
from devices.parts.cosem_push import CosemPush
from devices.parts.dlms_access import Clients
from devices.parts.dlms_port import DlmsPort
from devices.parts.event_recorder import EventRecorder
from devices.parts.event_settings import EventSettings
from devices.parts.flag_port import FlagPort
from devices.parts.han import Han, NoAnswer, Refused
from devices.parts.identify import TEXT, Identifier
from devices.parts.inbox import Inbox
from devices.parts.keep_alive import TrustCentreWatch
from devices.parts.load_switch import ARMED, CLOSED, OPEN
from devices.parts.mains_power import MainsPower
from devices.parts.network_clock import NOT_ADJUSTED, NetworkClock
from devices.parts.optical_port import OpticalPort
from devices.parts.physical_alarm import PhysicalAlarm
from devices.parts.prepayment_face import PAYMENT_EVENTS, PrepaymentFace
from devices.parts.specification import Specification
from devices.parts.utrns import Utrns
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import DAY, MIN
from protocols.dlms.cosem import AccessError, Clock
from protocols.dlms.obis import Obis
from protocols.dlms.server import Server
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.prepayment import Prepayment as PrepaymentCluster
from protocols.zigbee.node import NodeType
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.esme.auxiliary import Auxiliary
    from devices.esme.offset import Offset
    from devices.esme.rates import FromHub, Rates

CLOCK: Final = Obis("0-0:1.0.0")
CLOCK_RETRY: Final = MIN
RECONNECT_BUTTON: Final = "b"
_SWITCHED: Final = {OPEN: EventId.SUPPLY_OFF, ARMED: EventId.SUPPLY_ARMED, CLOSED: EventId.SUPPLY_ON}
_FAILURES: Final = {True: EventId.SUPPLY_DISCONNECT_FAILURE, False: EventId.SUPPLY_CONNECT_FAILURE}
"""By where the contact of the load switch is, and should not be."""
CONTACT_FAILED: Final = "switch/failed"
RATES: Final = "meter/split"
_FAULTS: Final[tuple[int, ...]] = (EventId.POWER_LOSS, *_FAILURES.values(), *NEUTRAL_EVENTS)
_GENERAL: Final[tuple[int, ...]] = (
    EventId.CLOCK_ADJ_BACKWARD, EventId.CLOCK_ADJ_FORWARD, *_SWITCHED.values(), *PAYMENT_EVENTS, EventId.EVENT_LOG_CLEARED
)  # fmt: skip
_EVENTS: Final[dict[int, LogId]] = {
    **dict.fromkeys(_GENERAL, LogId.GENERAL),
    **dict.fromkeys(_FAULTS, LogId.FAULT),
    EventId.UNAUTHORISE_ACTION_FROM_HAN: LogId.SECURITY,
    **dict.fromkeys((NOT_ADJUSTED, RESTORED, RESTORED_AFTER_LONG), LogId.GBCS_GENERAL),
}
"""All that can happen to it, and the log it goes to as it was made."""


class Firmware(firmware.Firmware):
    """The board has mains with a hold-up, a radio (unless wired), a display, and the UARTs `optical` and `wired`."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config
        self.meter: Meter
        self.supply: Supply
        self.server: Server
        self.clients: Clients
        self.inbox = Inbox(board)
        self.han: Han | None = None
        self.clock: NetworkClock | None = None
        self.events: EventRecorder | None = None
        self._power: MainsPower | None = None
        self._identifier: Identifier | None = None
        self._alarm: PhysicalAlarm | None = None
        self._neutral: NeutralWatch | None = None
        self.auxiliary: Auxiliary | None = None
        self._rates: Rates | None = None
        self._from_hub: FromHub | None = None
        self._contact_failed = bool(board.nvm.get(CONTACT_FAILED, False))
        self.running = False

    def boot(self, why: Reset) -> None:
        self.after(self.config.boot_ns, self._start, why)

    def _start(self, why: Reset) -> None:
        board, config = self.board, self.config
        wired = config.interface == "wired"
        if not wired:
            self.han = Han(self, config.node(board.eui64, NodeType.ROUTER))
            self.clock = NetworkClock(self.han)
        self.meter = Meter(self, config, reliable=lambda: self.clock_reliable, failed=why is Reset.POWER_ON)
        self.supply = Supply(self, self.meter.voltage, self.han)
        self.clients = Clients(board, config.lls_password, config.lab, {"meter": config.supplier_secret})
        offset = self._offset()
        self.server = cosem.server(board, config, self.meter, self.supply, lambda: self.clock_reliable, self.clients, offset)
        registers = Readout(self.meter, config, lambda: board.rtc.read() if self.clock_reliable else None)
        password = config.lls_password.decode("ascii", "replace")
        self._optical = OpticalPort(self, board.uart("optical"), self.server, IDENTIFICATION, registers, password)
        if wired:
            self._wired = self._wire(password)
        device = self._device = self.server.devices[cosem.MANAGEMENT]
        account = Prepayment(board, config, self.meter, device)
        limits = Limits(board, self.meter, device)
        if config.auxiliary:
            from devices.esme.auxiliary import Auxiliary  # few meters have any

            self.auxiliary = Auxiliary(self, self.meter, device, config.auxiliary, offset, self.han)
        clockwork = CosemClockwork(self, device)
        CosemPush(self, device, PUSH, self._say)
        clock = device.find(CLOCK)
        if isinstance(clock, Clock):
            clock.on = {**clock.on, "adjust_to_preset_time": lambda argument: self._believe_hub(clock)}

        self.specification = Specification(board, config.version)
        self.specification.limit_device(device)

        def level_changed() -> None:
            clockwork.watch()
            limits.watch()
            self._check_contact()

        self.meter.metrology.on_level = level_changed
        self.meter.on_change = self._changed
        self.meter.on_tariff_script = self._tariff_script
        board.buttons.on_press = self._press
        self.running = True
        self._show()
        if self.han is not None and self.clock is not None:
            self._join(self.han, self.clock, account, limits, offset)
        else:
            self._supply_checked()
        if config.neutral_detection:
            self._neutral = NeutralWatch(self, self.meter, self._fault)
        if config.rates is not None or RATES in board.nvm:
            self.rates.offer()

    def _join(self, han: Han, clock: NetworkClock, account: Prepayment, limits: Limits, offset: Offset | None) -> None:
        """Put what it serves and asks for on its endpoint, and go where the network is."""
        board, config = self.board, self.config
        endpoint = zcl.endpoint(board, config, self.meter, self.supply)
        if config.credentials:
            han.certify(endpoint, config.credentials)
        self.prepayment = PrepaymentFace(self, endpoint.serve(PrepaymentCluster), account, config.tariff.currency)
        if config.utrn_secret:
            self.prepayment.take(Utrns(board, "utrn", config.utrn_secret, config.utrn_originator, account))
        self._record(endpoint, han, clock)
        self._power = MainsPower(self, han, endpoint)
        alarms = MeteringAlarms(board, endpoint.server(Metering), self._power.raise_alarm)
        if self.events is not None:
            self.events.on_event = alarms.happened
        self._identifier = Identifier(self, endpoint, self._show)
        self._trust_centre = TrustCentreWatch(han, endpoint)
        self._tunnel = DlmsTunnel(han, endpoint, self.server, config.tunnel_protocol, self.inbox)
        self.commands = Commands(self, han, endpoint, self.meter, limits, self._device)
        self.specification.limit_endpoint(endpoint)
        han.add(endpoint)
        if config.end_to_end_key:
            self.sealed = self._sealed(han, endpoint, config.end_to_end_key)
        if config.rates == "hub":
            self._from_hub = self._published_rates(han, endpoint, clock, offset)
        self.spawn(self._live(han, clock))

    def _sealed(self, han: Han, endpoint: Endpoint, key: bytes) -> Endpoint:
        from devices.parts.sealed_endpoint import SealedEndpoint  # few meters have it: the others don't wait for it

        return han.add(SealedEndpoint(self.board, endpoint, key))

    # --- rates ---

    def _offset(self) -> Offset | None:
        if self.config.offset is None:
            return None
        from devices.esme.offset import Offset

        limit, either_side = self.config.offset
        return Offset(self.board, limit, either_side=either_side)

    @property
    def rates(self) -> Rates:
        """The registers by rate, made when they are first needed."""
        if self._rates is None:
            from devices.esme.rates import Rates  # few meters have more than one

            server = None if self.han is None else self.han.endpoints[zcl.ENDPOINT].server(Metering)
            self._rates = Rates(self, self.meter, self._device, server)
        return self._rates

    def _tariff_script(self, number: int) -> None:
        """What holds is the hub's to say, where it does."""
        if number and self.config.rates != "hub":
            if number == RESET_BLOCKS:
                self.rates.reset_blocks()
            else:
                self.rates.script(number)

    def _published_rates(self, han: Han, endpoint: Endpoint, clock: NetworkClock, offset: Offset | None) -> FromHub:
        from devices.esme.rates import FromHub

        return FromHub(self, self.rates, han, endpoint, clock, offset)

    def _wire(self, password: str) -> object:
        """The wired meter interface, in the protocol that it speaks."""
        port, (mode, baud) = self.board.uart("wired"), self.config.flag
        if mode is None or baud is None:
            return DlmsPort(self, port, self.server)
        rtc = self.board.rtc
        registers = Readout(self.meter, self.config, lambda: rtc.read() if self.clock_reliable else None, rtc.set)
        if mode == "D":
            from devices.parts.push_port import PushPort  # few meters speak by themselves

            return PushPort(self, port, on_wire(mode, baud), registers)
        return FlagPort(self, port, on_wire(mode, baud), registers, password)

    @property
    def commissioned(self) -> bool:
        """It can be reached, and its clock is set where somebody sets it."""
        return self.running and (self.clock is None or self.clock_reliable)

    @property
    def clock_reliable(self) -> bool:
        """Whether its time can be believed."""
        return self.board.rtc.valid if self.clock is None else self.clock.reliable

    def _record(self, endpoint: Endpoint, han: Han, clock: NetworkClock) -> None:
        """Write down what happens to supply, switch, clock and account, and tell the hub."""
        events = self.events = EventRecorder(self, endpoint, han, EventSettings(self, endpoint, _EVENTS))
        self._alarm = PhysicalAlarm(self.board, self._show)
        events.on_seen = self._alarm.happened
        self.supply.happened = events.happened
        self.prepayment.happened = self.prepayment.alarms.happened = events.happened
        clock.happened = lambda event: events.happened(event, LogId.GBCS_GENERAL if event == NOT_ADJUSTED else LogId.GENERAL)
        self.meter.switch.watch(lambda state: events.happened(_SWITCHED[state]))
        self._check_contact()

    async def _live(self, han: Han, clock: NetworkClock) -> None:
        await han.join()
        self.spawn(self._trust_centre.run())
        self._supply_checked()
        while True:
            try:
                synchronised = await clock.synchronise()
            except (NoAnswer, Refused):
                synchronised = False
            if synchronised and self._from_hub is not None:
                await self._from_hub.fetch()
            self._show()
            await self.sleep(DAY if synchronised else CLOCK_RETRY)

    def _believe_hub(self, clock: Clock) -> None:
        """A client told to set a time, and said none: the hub's is the one, in the interval that the client gave (GB, ECS70)."""
        if clock.preset is not None:
            return
        if self.clock is None:
            raise AccessError(DataAccessResult.OTHER_REASON, "a wired meter has nobody to ask")
        self.spawn(self._take_time(self.clock))

    async def _take_time(self, clock: NetworkClock) -> None:
        with suppress(NoAnswer, Refused):
            await clock.synchronise(trusted=True)
        self._show()

    def _say(self, destination: bytes, apdu: bytes) -> bool:
        """Push to the head on the optical port, if there is one."""
        if self.board.uart("optical").occupied:
            self._optical.notify(destination[0], cosem.MANAGEMENT, apdu)
        return self.board.uart("optical").occupied

    # --- supply ---

    def on_power_fail(self) -> None:
        if self.running:
            self.clients.save()
            self.meter.supply_failed(self.supply.failed())
            self._show()

    def on_power_return(self) -> None:
        self.on_voltage()

    def on_voltage(self) -> None:
        if self.running:
            self.meter.supply_changed()
            self.supply.judge()
            if self._neutral is not None:
                self._neutral.look()
            if self._power is not None:
                self._power.look()
            self._show()

    def _supply_checked(self) -> None:
        """After boot: what the supply did meanwhile."""
        if self.board.supply.live:
            self.supply.judge()
        else:
            self.meter.supply_failed(self.supply.failed())

    def _fault(self, event: int) -> None:
        """Write it down and tell the hub; a wired meter has nobody to tell."""
        if self.events is not None:
            self.events.happened(event, LogId.FAULT)

    def _changed(self) -> None:
        self._check_contact()
        self._show()

    def _check_contact(self) -> None:
        """A load switch that did not do what it was told, or did what it was not told, is an event, once."""
        fails = self.meter.contact_fails
        if fails is not self._contact_failed:
            self._contact_failed = fails
            self.board.nvm.put({CONTACT_FAILED: fails})
            if fails:
                self._fault(_FAILURES[self.meter.tails.contact])
            self._show()

    # --- the face ---

    def _show(self) -> None:
        utc = self.board.rtc.read() if self.clock_reliable else None
        lines = face.lines(self.meter, self.supply, utc, () if self.auxiliary is None else self.auxiliary.states)
        if self._alarm is not None and self._alarm.line is not None:
            lines = [self._alarm.line, *lines]
        identified = self._identifier is not None and self._identifier.left
        self.board.display.show([*lines[:-1], TEXT] if identified else lines)

    def _press(self, button: str) -> None:
        if self._alarm is not None:
            self._alarm.seen()
        if button == RECONNECT_BUTTON:
            self.meter.switch.press()
