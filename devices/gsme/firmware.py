"""The gas meter's firmware: it sleeps, and at each wake takes a reading and reports it to its mirror in the hub.

At a wake it sends one complete set of attributes, each piece delivered before the next, the last one saying that the set is
complete; the mirror's answer says what waits for the meter. A set that breaks off is begun anew at the next wake; only the very
first one is repeated sooner, and not for ever. A mirror that has not answered a complete set is asked for again.

What it does about the answer's flags is `notified`'s, with Metering's commands `commands`', what remote parties tell it
`messages`', prices `rates`', the valve `valve`'s, prepayment `payments`',
whom it belongs to `identity`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar, Final

from devices.gsme import notified, zcl
from devices.gsme.battery import Battery, RadioTime
from devices.gsme.commands import Commands
from devices.gsme.config import Config
from devices.gsme.identity import Identity
from devices.gsme.messages import Messages
from devices.gsme.payments import Payments
from devices.gsme.rates import Rates
from devices.gsme.register import Register
from devices.gsme.update import Update
from devices.gsme.valve import BUTTON, Valve
from devices.gsme.valve import EVENTS as SWITCHED
from devices.parts.event_recorder import EventRecorder
from devices.parts.event_settings import EventSettings
from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.inbox import Inbox
from devices.parts.interview import Interview
from devices.parts.network_clock import NOT_ADJUSTED, NetworkClock
from devices.parts.node import NETWORK
from devices.parts.ota import running_version
from devices.parts.physical_alarm import PhysicalAlarm
from devices.parts.prepayment_face import PAYMENT_EVENTS
from devices.parts.profile_log import HALF_HOUR, ProfileLog
from devices.parts.screen import amount, line
from devices.parts.specification import Specification
from devices.parts.sub_ghz import Silence
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.tasks import Event
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.clusters.metering import Metering, Unit
from protocols.zigbee.clusters.mirror import MIRROR_REFUSED, Scheme
from protocols.zigbee.clusters.power_configuration import PowerConfiguration
from protocols.zigbee.node import Joined, Left, NodeType, TrustCentreReplaced
from protocols.zigbee.zcl.endpoint import Endpoint, Request

S = 1_000_000_000
DAY = 86_400 * S
ANSWER = 3 * S
"""How long a mirror may take to answer a complete set."""
LISTEN = S // 2
"""It polls in pieces of this length while it waits for that."""
FIRST_SETS = 3
"""How often the first set is tried before the meter goes back to its rhythm."""
FIRST_PAUSE = 60 * S
MOST_OFFSET = 60

_GENERAL: Final[tuple[int, ...]] = (
    EventId.CLOCK_ADJ_BACKWARD, EventId.CLOCK_ADJ_FORWARD, *SWITCHED.values(), EventId.EXCESS_FLOW, *PAYMENT_EVENTS,
    EventId.EVENT_LOG_CLEARED,
)  # fmt: skip
_EVENTS: Final[dict[int, LogId]] = {
    **dict.fromkeys(_GENERAL, LogId.GENERAL),
    EventId.LOW_BATTERY: LogId.FAULT,
    EventId.UNAUTHORISE_ACTION_FROM_HAN: LogId.SECURITY,
    NOT_ADJUSTED: LogId.GBCS_GENERAL,
}
"""All that can happen to it, and the log it goes to as it was made."""

MIRROR = "gas/mirror"
SPENT = "gas/spent"


class Firmware(firmware.Firmware):
    """Measures gas, keeps a half-hour log, and reports to its mirror at each wake.

    The board has a radio, a battery, a display, and flash for the log: 13 months want a megabyte a bank.
    """

    scheme: ClassVar[Scheme] = Scheme.B
    """How its mirror tells it what waits."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config
        self.sets = 0
        """Complete sets that the mirror has answered since boot."""

        self.han: Han
        self.messages: Messages
        self.events: EventRecorder
        self.update: Update
        self.rates: Rates
        self.valve: Valve
        self.payments: Payments | None = None
        self.notified: Sequence[notified.Row] = notified.ROWS
        """What it does about its mirror's flags."""

    def _begin(self) -> Battery:
        """Network, clock, register; the battery."""
        board, config = self.board, self.config
        self._booted = self.now
        self._life: int
        self._life, radio = board.nvm.get(SPENT, [0, 0])
        self.mirror: int | None = board.nvm.get(MIRROR)
        """Its endpoint."""
        self._answered = Event()
        self._synchronised: int | None = None
        node = config.node(board.eui64, NodeType.END_DEVICE if config.fed_by_hub else NodeType.SLEEPY_END_DEVICE)
        self.han = Han(self, replace(node, sub_ghz=config.sub_ghz, mains_powered=config.fed_by_hub))
        if config.foreign:
            interview = Interview(self.han)
            self.han.on(Joined, lambda joined: None if joined.resumed else self.spawn(interview.over()))
        self.clock = NetworkClock(self.han)
        self.radio_time = RadioTime(self.han, radio)
        self.register = Register(self, config.start_litres, config.kwh_a_year)
        self.alarm = PhysicalAlarm(board, self._face)
        return Battery(config.cell, lambda: self.life, lambda: self.radio_time.total)

    def boot(self, why: Reset) -> None:
        board, config = self.board, self.config
        battery = self._begin()
        self.rates = Rates(self.han, self.clock, config, self.register, self._read)
        endpoint = zcl.endpoint(config, self.rates, self.register, battery, running_version(board))
        if not config.fed_by_hub:
            endpoint.serve(PowerConfiguration, {
                PowerConfiguration.battery_voltage: lambda: round(board.supply.volts * 10),
                PowerConfiguration.battery_percentage_remaining: lambda: 2 * battery.percent,
            })  # fmt: skip
        if config.credentials:
            self.han.certify(endpoint, config.credentials)
        self.inbox = Inbox(board)
        self.messages = Messages(self, self.han, endpoint, self.inbox)
        self.update = Update(self.han, endpoint, config.credentials, self._read)
        if config.sub_ghz:
            Silence(self.han, endpoint)
        self.events = EventRecorder(self, endpoint, self.han, EventSettings(self, endpoint, _EVENTS))
        self.events.on_seen = self.alarm.happened
        self.clock.happened = self._clock_happened
        self._serve(endpoint)
        if config.end_to_end_key:
            from devices.parts.sealed_endpoint import SealedEndpoint  # few meters have it

            self.sealed = self.han.add(SealedEndpoint(board, endpoint, config.end_to_end_key))
        self.han.on(Joined, lambda joined: self.messages.rejoined())
        self.valve.happened = self.events.happened
        self._battery = battery
        self._battery_low = battery.low
        self.identity = Identity(board, config, endpoint)
        self.rates.start(endpoint)
        self.specification = Specification(board, config.version)
        self.specification.limit_endpoint(endpoint)
        self.payments = Payments(self, endpoint)
        self._start()

    def _serve(self, endpoint: Endpoint) -> None:
        """The endpoint with mirror, logs and valve."""
        self.han.add(endpoint)
        metering = endpoint.server(Metering)
        metering.on(Metering.MirrorReportAttributeResponse, self._told)
        metering.on(Metering.MirrorRemoved, lambda command, request: self._forget_mirror())
        self.han.on(Left, lambda left: None if left.rejoin else self._left())
        self.han.on(TrustCentreReplaced, lambda replaced: self._forget_mirror())
        self.log = ProfileLog(self.board.nvm)
        self._commands = Commands(self, metering, self.log, self._read)
        self.valve = Valve(self, self.register, self._read, self._acknowledge)
        self.valve.serve(metering)

    def _start(self) -> None:
        self.board.buttons.on_press = self._pressed
        self.every(HALF_HOUR, self._half_hour, align=True)
        self._read()
        self.spawn(self._live())

    @property
    def commissioned(self) -> bool:
        """It has joined, and its mirror has taken a complete set since boot."""
        return self.sets > 0

    @property
    def life(self) -> int:
        """How long (ns) the meter has had power, all boots together."""
        return self._life + self.now - self._booted

    # --- the rhythm ---

    async def _live(self) -> None:
        await self.han.join()
        for _ in range(FIRST_SETS):
            if await self._wake():
                break
            await self.sleep(FIRST_PAUSE)
        while True:
            await self.sleep(self._next_wake() - self.now)
            await self._wake()

    def _next_wake(self) -> int:
        offset = self.config.wake_offset
        if offset is None:
            offset = self.board.eui64 % MOST_OFFSET * S
        return self.board.rtc.when_multiple(self.config.wake_period) + offset

    async def _wake(self) -> bool:
        """Take a reading and report it. False when the set broke off or was not answered."""
        try:
            if NETWORK not in self.board.nvm:
                await self.han.join()  # it was sent away
            if self._synchronised is None or self.now - self._synchronised >= DAY:
                await self.synchronise()
            if self.mirror is None:
                self.mirror = await self._get_mirror()
                self.board.nvm.put({MIRROR: self.mirror})
            self._read()
            taken = await self._report(self.mirror)
        except (NoAnswer, Refused) as reason:
            self.board.log("gsme.set-broken", {"reason": str(reason)})
            return False
        if taken and not self.config.foreign:
            await self._after_set()
        return taken

    async def _after_time(self) -> None:
        """The hub has told the time."""
        await self.rates.fetch_zone()

    async def _after_set(self) -> None:
        """The mirror has what the meter knows."""
        await self.rates.fetch()
        await self.messages.wake()
        await self.update.go_on()
        self._look_at_battery()
        await self.events.tell()

    def _clock_happened(self, event: int) -> None:
        self.events.happened(event, LogId.GBCS_GENERAL if event == NOT_ADJUSTED else LogId.GENERAL)

    def _look_at_battery(self) -> None:
        """Once it is low, and once more for the next one."""
        low = self._battery.low
        if low and not self._battery_low:
            self.events.happened(EventId.LOW_BATTERY, LogId.FAULT)
        self._battery_low = low

    def _half_hour(self) -> None:
        rtc = self.board.rtc
        if rtc.valid:
            self._read(self.log.record(rtc.read(), self.register.total, doubtful=not self.clock.reliable))

    def _read(self, row: Mapping[str, object] | None = None) -> int:
        """Take a reading, with a row of the log where one is due; the litres."""
        reading = self.register.take({SPENT: [self.life, self.radio_time.total], **(row or {})})
        if self.payments is not None:
            self.payments.taken(reading.litres)
        self._face()
        return reading.litres

    def _face(self) -> None:
        volume = amount(self.register.reading.litres, 1, 1000, Unit.CUBIC_METRES)
        credit = [] if self.payments is None else self.payments.lines
        alarm = [] if self.alarm.line is None else [self.alarm.line]
        self.board.display.show([line("GAS", volume), line("VALVE", self.valve.word), *alarm, *credit])

    def _pressed(self, button: str) -> None:
        self.alarm.seen()
        if button == BUTTON:
            self.valve.press()

    def _acknowledge(self, response: Metering.SupplyStatusResponse) -> None:
        if self.mirror is not None:
            with suppress(NoAnswer):
                self.han.command(HUB, self.mirror, response)

    async def synchronise(self) -> None:
        """Ask for the time; a hub that has none for us is no reason not to report."""
        with suppress(NoAnswer, Refused):
            if await self.clock.synchronise():
                self._synchronised = self.now
                await self._after_time()

    # --- the mirror ---

    async def _get_mirror(self) -> int:
        """The mirror's endpoint, configured. Raises NoAnswer, Refused."""
        found = await self.han.match([Metering.id], served=False, destination=HUB)
        if not found:
            raise NoAnswer("the hub has no place for mirrors")
        answer = await self.han.request(*found[0], Metering.RequestMirror(), Metering.RequestMirrorResponse)
        if answer.endpoint_id == MIRROR_REFUSED:
            raise NoAnswer("the hub has no mirror to give")
        event, interval = min(self.board.rtc.read() // S, 0xFFFFFFFF), self.config.wake_period // S
        configure = Metering.ConfigureMirror(event, interval, True, self.scheme)
        await self.han.confirm(HUB, answer.endpoint_id, configure)
        return answer.endpoint_id

    def _left(self) -> None:
        self._forget_mirror()
        self.messages.forget()

    def _forget_mirror(self) -> None:
        self.mirror = None
        self.board.nvm.delete(MIRROR)

    async def _report(self, mirror: int) -> bool:
        """One complete set, and its answer. Raises NoAnswer."""
        self._answered.clear()
        for cluster, attributes in zcl.reported(self.han.endpoints[zcl.ENDPOINT]):
            await self.han.report(HUB, mirror, cluster, attributes)
        give_up = self.now + ANSWER
        while not self._answered.is_set and self.now < give_up:
            self.han.apply(self.han.stack.stay_awake(self.now + LISTEN, self.now))
            await self.sleep(LISTEN)
        if not self._answered.is_set:
            self._forget_mirror()
            return False
        self.sets += 1
        self.board.log("gsme.set-taken", {"litres": self.register.reading.litres})
        return True

    async def push(self) -> None:
        """Report again, what the mirror has lost among the rest. Raises NoAnswer."""
        if self.mirror is not None:
            await self._report(self.mirror)

    def _told(self, command: Metering.MirrorReportAttributeResponse, request: Request) -> None:
        """The mirror has a complete set; its flags say what waits."""
        self._answered.set()
        if any(command.notification_flags):
            self.spawn(notified.act(self, command.notification_flags, self.notified))
