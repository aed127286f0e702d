"""The hub's firmware: its parts, and what passes between them.

    WAN  --- wan.endpoint --- SAP 1 Local(hub_device), SAP 2 Local(gas_device), SAP 3.. Meter --- han.tunnels | wired
    HAN  --- han.coordinator --- esi, messages, images, mirrors -> translation -> gas_device; reports -> supply_watch -> notifier
    deliver --- han.mailbox (gas meters) | han.tunnels (who is awake) --- on_message

Every part takes up from non-volatile memory what it was before the power went. `loader` brings the flash to the present layout
before; `boot` starts what talks last; `supervision` resets the board when a job is stuck.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from devices.parts.dlms_access import Clients
from devices.parts.dlms_port import DlmsPort
from devices.parts.han import Han
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import DAY, HOUR, MIN, Timer
from hubfw.config import ESME, GSME, PPMID, PREPAY_GAS, Config, MBusMeter
from hubfw.device_facts import device_facts
from hubfw.device_log import Device, DeviceLog
from hubfw.electricity_meters import ElectricityMeters
from hubfw.event_reports import EventReports
from hubfw.gas_device import GasDevice
from hubfw.gas_meters import GasMeters
from hubfw.han.coordinator import Coordinator
from hubfw.han.esi import Esi
from hubfw.han.events import HubEvents
from hubfw.han.guard import Guard
from hubfw.han.images import Images
from hubfw.han.interviews import Interviews
from hubfw.han.load_control import LoadControl
from hubfw.han.mailbox import Mailbox
from hubfw.han.messages import Messages
from hubfw.han.mirrors import Mirrors
from hubfw.han.shown import Shown
from hubfw.han.tariffs import Tariffs
from hubfw.han.tunnels import Tunnels
from hubfw.han.visitors import Visitors
from hubfw.hub_device import HubDevice, SupplyRecord, clock, device_name, firmware_version
from hubfw.image_intake import TRANSFER, Intake
from hubfw.image_schedule import ImageSchedule
from hubfw.local import Local
from hubfw.network_control import NetworkControl
from hubfw.sap_table import GAS, HEAT, HUB, SapTable
from hubfw.supervision import Supervision
from hubfw.supply_reports import SupplyReports
from hubfw.supply_watch import SupplyWatch
from hubfw.swap import Swap
from hubfw.translation_home import home_objects
from hubfw.translation_prices import price_objects
from hubfw.wan.application import WanApplication
from hubfw.wan.endpoint import Shared, Target
from hubfw.wan.network import Network
from hubfw.wan.notifier import Notifier
from hubfw.wan.serial_line import SerialLine
from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import date_time
from protocols.dlms.server import Server
from protocols.dlms.xdlms import DataNotification
from protocols.gbcs.message import message_code
from protocols.zigbee.clusters.messaging import UNTIL_CHANGED
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.clusters.tunneling import GB_HRGP, TRANSFER_LIMIT

if TYPE_CHECKING:
    from hubfw.consumer_view import ConsumerView
    from hubfw.han.sub_ghz import SecondRadio
    from hubfw.han.wired_view import WiredView
    from hubfw.heat import HeatDevice
    from hubfw.mbus import MBus
    from hubfw.prepay.config import Prepay
    from hubfw.prepay.part import Prepayment
    from protocols.zigbee.calendar.schedule import Zone

ASK_AGAIN: Final = MIN
"""After a network that did not tell the time."""
HIGH_PRIORITY: Final = 0x80000000
"""Of a long-invoke-id; the rest is a number, and no confirmation is asked for."""


class Firmware(firmware.Firmware):
    """Coordinator, trust centre, gas proxy and WAN endpoint of one home. The board has a radio and a network host."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config
        self._ask_time: Timer | None = None
        self.supervision = Supervision(self)
        self._clock_alive = self.supervision.job("clock", DAY + HOUR)
        self._log_alive = self.supervision.job("device log", 2 * HOUR)
        self.log = DeviceLog(board.nvm, config.device_log)
        self.saps = SapTable(board.nvm)
        self.gas = GasMeters(self.log, config.mbus, self.saps, self._serve_gas)
        self.coordinator = Coordinator(self, config, self.log, self._arrived)
        self.esi = Esi(
            board, config.tariff,
            room=lambda: self.mirrors.room,
            may_report=lambda eui64: self.log.kind(eui64) == ESME,
            reported=lambda eui64, endpoint, status: self.supply_watch.reported(eui64, endpoint, status),
            zone=self._zone,
        )  # fmt: skip
        self.messages = Messages(self, self.han, self.esi.messaging, self.log)
        self.events = HubEvents(self, self.esi.endpoint, config, self.log)
        self.load_control = LoadControl(self, self.han, self.esi.endpoint, self.log)
        self.images = Images(self, self.han, self.esi.endpoint, config, lambda: self.mirrors.notify(Functional.NEW_OTA_FIRMWARE))
        self.mirrors = Mirrors(self, self.han, self.esi.metering, self.log, config.mirrors)
        self.interviews = Interviews(self, self.han, self.log, self.coordinator.admission, lambda eui64: self._strike_off(eui64))
        self.guard = Guard(self, self.han, self.log, self._expel)
        self.visitors = Visitors(self, config, self.coordinator, self.log) if config.credentials else None
        self.second_radio = self._second_radio() if config.sub_ghz else None
        self.mbus = self._on_mbus(config.mbus) if config.mbus else None
        self.tariffs = Tariffs(self, self.han, self.esi.endpoint, self.log, self.mirrors, self.gas, self._zone)
        self.coordinator.leaving = self.gas.leaving
        self.tariffs.shown = Shown(self.log, self.gas, self.mirrors, self.tariffs, self.events)
        self.han.stack.show(self.tariffs.shown)
        self.on_message: Callable[[int, bytes], object] = lambda eui64, message: None
        """Hears of each message of a device (EUI-64) for remote parties."""
        self.mailbox = Mailbox(self, self.han, self.esi.endpoint, self.log, self.mirrors, self._message)
        self.tunnels = Tunnels(self, self.han, self.esi.endpoint, config.tunnel_protocol, self._message)
        self._tunnelled = (ESME, PPMID) if config.tunnel_protocol == GB_HRGP else (ESME,)
        self.record = SupplyRecord()
        self.clients = clients = Clients(board, config.lls_password, config.lab)
        self.meters = ElectricityMeters(self, config, self.saps, clients, lambda sap, meter: self.targets.update({sap: meter}))
        self.clock = clock(board)
        self.clock.watch(lambda *_: self.mirrors.notify(Functional.TIME_SYNC))  # what local time is, gas meters ask at a wake
        self.device = HubDevice(
            board, config, self.clock, self.log, self.record,
            threshold=lambda: self.supply_watch.threshold,
            set_threshold=lambda ns: setattr(self.supply_watch, "threshold", ns),
            clients=clients,
        )  # fmt: skip
        self.swap = Swap(board, config, self.log, firmware_version(board), self.coordinator.backup, self.han.hush)
        self.image_schedule = ImageSchedule(self, self.device, TRANSFER)
        intake = Intake(board, config, self.log, self.images, self.image_schedule.clear, self._save)
        for thing in (*self.swap.objects(), *intake.objects()):
            self.device.add(thing)
        self.network = self._network()
        self.modem_line: SerialLine | None = None
        self.notifier = Notifier(
            self, lambda: self.device.destination, lambda: self.device.service, self.network,
            tell=lambda service, apdu: self.modem_line is not None and self.modem_line.tell(service, apdu),
            carry=lambda apdu: self.application.notice(apdu),
        )  # fmt: skip
        self.network_control = NetworkControl(
            board, self.coordinator, config, self.log, lambda eui64: self.gas.serve(), self._gone,
            tell=lambda code, body: self.notifier.add(self._alert(code, body)), start=self.notifier.start,
            restore=self.swap.restore_network,
        )  # fmt: skip
        self.device.add(self.network_control.thing)
        facts = device_facts(self.log, self.mirrors, self.images, self.han.stack.trust_centre.link_quality)
        for thing in (*facts, *home_objects(self.messages, self.load_control), *price_objects(board, self.tariffs)):
            self.device.add(thing)
        reports = SupplyReports(board, config, lambda: self.now, self._minor, self.notifier.start)
        events = EventReports(self, config, self._minor, self.notifier.start)
        self.events.on_event = events.heard
        for setting in (*reports.objects(), *events.objects()):
            self.device.add(setting)
        self.supply_watch = SupplyWatch(
            self, config, self.log, self.han, self.record, self.notifier, self._notification, reports
        )  # fmt: skip
        self.application = WanApplication(self, config.wan_application, config.wan_layers)
        for thing in self.application.objects():
            self.device.add(thing)
        self.server = Server({HUB: self.device}, elsewhere=self.meters.names)
        self.targets: dict[int, Target | Shared] = {HUB: Local(board, self.server, HUB)}
        self.prepay = self._prepayment(config.prepay) if config.prepay is not None else None
        self.wired_view: WiredView | None = None
        self.consumer_view = self._consumers() if config.consumer_view else None
        self.gas.serve_first()
        self.heat = next((self._serve_heat(meter.eui64) for meter in config.mbus if meter.heat), None)

    def _serve_heat(self, eui64: int) -> HeatDevice:
        from hubfw.heat import HeatDevice  # likewise

        device = HeatDevice(eui64, self.clients)
        self.server.add(HEAT, device)
        self.targets[HEAT] = Local(self.board, self.server, HEAT, translations=1)
        return device

    def _pair_at_keypad(self) -> None:
        from hubfw.local_pairing import LocalPairing  # likewise

        LocalPairing(self.board, self.log, self.network_control.let_in)

    def _name_radio(self) -> None:
        from hubfw.han.module import RadioModule  # loaded where the radio comes off

        RadioModule(self)

    def _network(self) -> Network:
        if self.config.wan_address is None:
            return self.board.net
        from hubfw.wan.module import ModuleNetwork  # loaded where the WAN part comes off

        module = ModuleNetwork(self, self.config.wan_address)
        module.on_time = self._set_clock
        return module

    def _consumers(self) -> ConsumerView:
        from hubfw.consumer_view import ConsumerView  # likewise

        return ConsumerView(self, self.han, self.log, self.config.tariff, self.mirrors, self.gas, lambda: self.wired_view)

    def _on_mbus(self, meters: Iterable[MBusMeter]) -> MBus:
        from hubfw.mbus import MBus  # few homes have such a radio: the others don't wait for it

        return MBus.of(self, meters, self.mirrors.take, lambda records: None if self.heat is None else self.heat.take(records))

    def _prepayment(self, config: Prepay) -> Prepayment:
        from hubfw.prepay.part import Prepayment  # likewise

        part = Prepayment(
            self, config, self.han, self.esi.endpoint, self.log,
            show=self.mirrors.take, warn=self.messages.display, notice=self._notice,
            wired=lambda: self.meters.wired,
            password=self.config.lls_password, time=lambda: date_time.encode(self.board.rtc.read()),
            zone=lambda: self.clock.zone,
        )  # fmt: skip
        for thing in part.hub_objects():
            self.device.add(thing)
        return part

    @property
    def han(self) -> Han:
        """The hub's place on the HAN, with its stack and keys."""
        return self.coordinator.han

    def _second_radio(self) -> SecondRadio:
        from hubfw.han.sub_ghz import SecondRadio  # loaded for dual-band hubs only

        return SecondRadio(self, self.han, self.esi.endpoint, self.log, self.mirrors, self.config.duty_limits)

    def boot(self, why: Reset) -> None:
        """Set the clock, take up the network, open the doors."""
        self._set_clock()
        if self.config.han_module:
            self._name_radio()
        if self.config.local_pairing:
            self._pair_at_keypad()
        self.coordinator.certify(self.esi.endpoint)
        self.han.add(self.esi.endpoint)
        self.coordinator.start()
        if self.visitors is not None and why is Reset.POWER_ON:
            self.visitors.start()
        self.application.start()
        transmits = (lambda: True) if self.config.wan_address is not None else self.board.net.transmits
        self.modem_line = SerialLine(self, lambda: self.application.endpoint, transmits, self.notifier.try_now)
        self.service_port = DlmsPort(self, self.board.uart("service"), self.server)
        self.meters.start()
        self.gas.serve()
        for eui64 in self.log.farewells:
            self._gone(eui64)  # the power may have gone before all of it was forgotten
        if self.config.wired_meter is not None:
            from hubfw.han.wired_view import WiredView  # likewise

            meter = self.meters.wire(self.config.wired_meter)
            self.wired_view = WiredView(self, self.han, self.log, meter, always=self.config.consumer_view)
        for device in self.log.of(*self._tunnelled):
            if device.joined:
                self._arrived(device)  # once more, for all that a power cut left undone then
        self.meters.learn()
        self.images.start()
        self.image_schedule.start()
        self.tariffs.start()
        self.messages.start()
        self.mailbox.start()
        self.load_control.start()
        self.events.log_changed()
        self.network_control.changed()
        if self.prepay is not None:
            self.prepay.start()
        if self.consumer_view is not None:
            self.consumer_view.start()
        self.supply_watch.boot(why)
        self.every(HOUR, self._save_log)
        self.supervision.start()

    def on_power_fail(self) -> None:
        self._save()
        self.supply_watch.on_power_fail()

    def on_power_return(self) -> None:
        self.supply_watch.on_power_return()

    def on_voltage(self) -> None:
        self.supply_watch.on_voltage()

    def _save(self) -> None:
        self.log.save()
        self.clients.save()

    def _save_log(self) -> None:
        self.log.save()
        self._log_alive()

    # --- for the firmware's owner ---

    @property
    def commissioned(self) -> bool:
        """Every device of the log has joined, each meter is reachable, and each gas mirror holds a complete set."""
        wired = self.config.wired_meter
        listed = [device.eui64 for device in self.log.of(ESME)]
        mirrors = [self.mirrors.of(eui64) for eui64 in self.gas.listed]
        return (
            not self.coordinator.missing
            and all(self.reaches(eui64) for eui64 in ([*listed, wired] if wired is not None else listed))
            and all(mirror is not None and mirror.gas.reading is not None for mirror in mirrors)
        )

    def reaches(self, eui64: int) -> bool:
        """Whether an electricity meter can be read by now."""
        tunnel = self.tunnels.of(eui64)
        return self.meters.named(eui64) and (tunnel is None or tunnel.open)

    def display_message(self, text: str, *, minutes: int = UNTIL_CHANGED) -> int:
        """Have the displays show a text (at most 116 octets in UTF-8) from now on; the message's identifier."""
        return self.messages.display(text, minutes)

    def deliver(self, eui64: int, message: bytes) -> None:
        """Carry a remote party's message (GBCS) to a device, as it is; what comes back is for `on_message`.

        One for a gas meter waits until the meter fetches it, for a day; one for a device that is awake goes at once. Raises
        LocalProtocolError for a device that has no mirror or no tunnel of GB's protocol, for too many messages, or a long one.
        """
        if self.log.kind(eui64) == GSME:
            self.mailbox.put(eui64, message)
            return
        tunnel = self.tunnels.of(eui64)
        if tunnel is None or tunnel.protocol != GB_HRGP:
            raise LocalProtocolError(f"{eui64:016X} has no tunnel of GB's protocol")
        if not 0 < len(message) <= TRANSFER_LIMIT:
            raise LocalProtocolError(f"a message of {len(message)} octets, and 1 to {TRANSFER_LIMIT} go through a tunnel")
        tunnel.deliver(message)

    def _message(self, eui64: int, message: bytes) -> None:
        self.board.log("hub.message", {"eui64": eui64, "message": message_code(message), "octets": len(message)})
        self.on_message(eui64, message)

    # --- devices come ---

    def _arrived(self, device: Device) -> None:
        self.network_control.changed()
        self.interviews.arrived(device)
        if device.kind == ESME:
            self.meters.serve(device.eui64)
        self.gas.serve()
        if device.kind in self._tunnelled:
            self._open_tunnel(device)
        self.meters.learn(device.eui64)

    def _expel(self, eui64: int) -> None:
        """Somebody does not leave of his own accord: what he knows of the network is worth nothing from now on."""
        self._strike_off(eui64)
        if not self.config.new_key_after_removal:
            self.coordinator.replace_network_key()

    def _strike_off(self, eui64: int) -> None:
        self.coordinator.unregister(eui64)
        self._gone(eui64)
        self.network_control.changed()

    def _gone(self, eui64: int) -> None:
        """A device is struck off the log."""
        self.tunnels.close(eui64)
        self.mailbox.forget(eui64)
        self.mirrors.remove(eui64)
        self.events.log_changed()

    def _serve_gas(self, eui64: int, sap: int) -> None:
        """Have a gas meter's proxy at a SAP; a meter of kind prepay-gas has its account there, which is the hub's."""
        fuel, secret = self.gas.fuel(eui64), self.config.gas_supplier_secrets.get(eui64, b"")
        more = self.prepay.gas_objects() if self.prepay is not None and self.log.kind(eui64) == PREPAY_GAS else []
        gas = self.board, eui64, self.mirrors, self.tariffs, fuel
        self.server.add(sap, GasDevice(device_name(eui64), *gas, self.clock, self.clients, secret, more))
        self.targets[sap] = Local(self.board, self.server, sap, translations=1)
        if sap != GAS:
            self.board.log("hub.sap", {"eui64": eui64, "sap": sap})

    def _open_tunnel(self, device: Device) -> None:
        if device.eui64 != self.config.wired_meter:
            self.tunnels.open(device.eui64, self.meters.of(device.eui64))

    # --- what the logical devices tell ---

    def _notice(self, code: int) -> None:
        """Tell the head end of an event without a time of its own."""
        self.record.event = code
        self.board.nvm.put(self.notifier.add(self._notification()))
        self.notifier.start()

    def _notification(self) -> bytes:
        return self.device.notification(self.device.push, self._number(), date_time.encode(self.board.rtc.read()))

    def _alert(self, code: int, body: Data, *, urgent: bool = True) -> bytes:
        """A notification that no push object list makes: name, code, and a body of its own. Those that are urgent have priority."""
        told = axdr.structure(axdr.octets(device_name(self.board.eui64)), axdr.u16(code), body)
        return DataNotification(self._number(urgent=urgent), date_time.encode(self.board.rtc.read()), told).build()

    def _minor(self, code: int, body: Data) -> Mapping[str, object]:
        """An alert that gives way to outages where too many wait: what is to be stored."""
        return self.notifier.add(self._alert(code, body, urgent=False))

    def _number(self, *, urgent: bool = True) -> int:
        return HIGH_PRIORITY * urgent | self.board.nvm.counter("notice", step=16).next() & 0xFFFFFF

    # --- the clock ---

    def _zone(self, utc: int) -> Zone:
        from hubfw.han.local_time import zone  # who asks is rare

        return zone(utc, self.clock.zone)

    def _set_clock(self) -> None:
        """From the network, daily; battery meters are told to look."""
        self._clock_alive()
        if self._ask_time is not None:
            self._ask_time.cancel()
        utc = self.network.network_time()
        self._ask_time = self.after(ASK_AGAIN if utc is None else DAY, self._set_clock)
        if utc is not None:
            self.board.rtc.set(utc)
            self.mirrors.notify(Functional.TIME_SYNC)
