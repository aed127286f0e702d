"""The mirrors of battery meters, one endpoint each, from 0x10 up (SE 1.4 annex D.3).

A gas meter of the device log asks for a mirror on the energy services interface and gets the same endpoint each time. Into the
mirror only its owner reports; everybody on the HAN reads there, and sees the last complete set (`gas_mirror`). The answer to a
complete set tells the meter what waits for it, after the acknowledgement of its last report; the same flags can be read on the
client side of the mirror's Metering cluster. Who has something for a meter that sleeps says so:

    mirrors.notify(Functional.NEW_OTA_FIRMWARE)                            every mirrored meter learns of it, once
    mirrors.notify(Functional.STAY_AWAKE_REQUEST_HAN, eui64)               this one does, until `withdraw`
    mirrors.hold(eui64, Functional.GET_SNAPSHOT, Metering.GetSnapshot(...))   it fetches this command with GetNotifiedMessage
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer
from devices.runtime.kernel import HOUR
from hubfw.config import GSME, PPMID
from hubfw.device_log import DeviceLog
from hubfw.gas_mirror import GasMirror, Reading
from hubfw.han.metering import hear, hear_payments
from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.metering import DeviceType, Metering, SupplyStatus
from protocols.zigbee.clusters.mirror import FLAG_WORDS, MIRROR_REFUSED, Flag, Functional, PrepaymentCommand, Scheme
from protocols.zigbee.clusters.prepayment import PaymentControl, Prepayment
from protocols.zigbee.metering.supply import local
from protocols.zigbee.mirror.notification import ATTRIBUTES, Notifications, Place
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Attribute, Cluster
from protocols.zigbee.zcl.endpoint import Endpoint, Instance, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

FIRST_ENDPOINT: Final = 0x10
DEVICE: Final = 0x0501
MIRRORED: Final[tuple[type[Cluster], ...]] = (Basic, Metering, Prepayment)
HELD: Final[tuple[type[Cluster], ...]] = (*MIRRORED, DeviceManagement)
"""Clusters of commands that are held."""
HAND: Final = HOUR
"""How long a hand at a display is meant; a restart of the hub forgets it."""
PAYING: Final[dict[type[Frame], Flag]] = {
    Prepayment.ConsumerTopUp: PrepaymentCommand.CONSUMER_TOP_UP,
    Prepayment.SelectAvailableEmergencyCredit: PrepaymentCommand.SELECT_AVAILABLE_EMERGENCY_CREDIT,
}
"""What somebody at a display may do about an account."""
MOST_PAYING: Final = 8
"""Codes that wait."""
OFFSET: Final = DeviceType.MIRRORED_ELECTRIC - DeviceType.ELECTRIC

_KEY = "mirror/"
_FLAGS_KEY = "mirror-flags/"


@dataclass(slots=True)
class Mirror:
    """One mirror. `scheme`: how the meter wants to be told what waits, None: not at all. `event`: of its last configuration."""

    endpoint: Endpoint
    gas: GasMirror
    scheme: Scheme | None = None
    event: int | None = None
    notifications: Notifications = field(default_factory=Notifications)
    servers: dict[int, Instance] = field(default_factory=dict)

    def show(self, reading: Reading | None) -> None:
        """Let readers see this set; before the first one, only what kind of meter it is."""
        for server in self.servers.values():
            server.values.clear()
        values = {} if reading is None else reading.values
        self.servers[Basic.id][Basic.zcl_version] = 8
        self.servers[Metering.id][Metering.metering_device_type] = DeviceType.MIRRORED_GAS
        for (cluster, attribute), value in values.items():
            declared = self.servers[cluster].cluster.attributes[SERVER][attribute]
            if declared is Metering.metering_device_type and isinstance(value, int):
                value = min(value + OFFSET, 0xFF)
            self.servers[cluster][declared] = value


class Mirrors:
    """All mirrors. `metering` is the client side on the energy services interface, where meters ask for one."""

    def __init__(self, firmware: Firmware, han: Han, metering: Instance, log: DeviceLog, count: int) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._log = log
        self._count = count
        self._mirrors: dict[int, Mirror] = {}
        self.on_answer: dict[int, Callable[[Frame], object]] = {}
        """Whoever hears what a meter answers, by its EUI-64."""
        self.on_complete: list[Callable[[int], object]] = []
        """Called when a meter, by its EUI-64, has reported a complete set."""
        self.on_told: Callable[[int], object] = lambda eui64: None
        """Called when a meter, by its EUI-64, has heard what waits, and is awake."""
        self.on_removed: Callable[[int], object] = lambda eui64: None
        metering.on(Metering.RequestMirror, self._requested)
        metering.on(Metering.RemoveMirror, self._removed)
        for key in self._board.nvm.keys(_KEY):
            stored = self._board.nvm.get(key)
            scheme, gas = stored["scheme"], GasMirror.from_plain(stored)
            flags = self._board.nvm.get(_flags_key(gas.meter))
            notifications = Notifications() if flags is None else Notifications.from_plain(flags, HELD)
            notifications.withdraw(Functional.LOCAL_CHANGE_SUPPLY)
            mirror = self._add(stored["endpoint"], gas, notifications)
            mirror.scheme, mirror.event = None if scheme is None else Scheme(scheme), stored.get("event")

    @property
    def room(self) -> bool:
        """Whether another meter could have a mirror."""
        return len(self._mirrors) < self._count

    def of(self, eui64: int) -> Mirror | None:
        """A meter's mirror."""
        return self._mirrors.get(eui64)

    def owner(self, endpoint: int) -> int | None:
        """Whose mirror is at an endpoint."""
        return next((eui64 for eui64, mirror in self._mirrors.items() if mirror.endpoint.number == endpoint), None)

    def take(self, eui64: int, values: Mapping[tuple[int, int], object]) -> None:
        """A complete set of a meter that is on no ZigBee network, by (cluster, attribute): it has a mirror for whoever reads."""
        mirror = self._mirrors.get(eui64) or self._make(eui64)
        if mirror is not None:
            mirror.gas.reading = Reading(values, self._board.rtc.read())
            self._shown(mirror)

    # --- what waits for the meters ---

    def notify(self, flag: Flag, eui64: int | None = None) -> None:
        """Have a meter, or every mirrored one, learn of this at its next report."""
        for mirror in self._chosen(eui64):
            if mirror.notifications.set(flag):
                self._keep_flags(mirror)

    def withdraw(self, flag: Flag, eui64: int | None = None) -> None:
        """There is nothing to learn any more."""
        for mirror in self._chosen(eui64):
            if mirror.notifications.withdraw(flag):
                self._keep_flags(mirror)

    def hold(self, eui64: int, flag: Flag, command: Frame) -> None:
        """Keep a command (of a cluster in HELD) for a meter, which fetches it by this flag.

        Raises LocalProtocolError when it has no mirror, or for a flag that cannot stand for a command.
        """
        mirror = self._mirrors.get(eui64)
        if mirror is None:
            raise LocalProtocolError(f"{eui64:016X} has no mirror")
        mirror.notifications.hold(flag, command)
        self._keep_flags(mirror)
        self._board.log("mirror.held", {"eui64": eui64, "command": type(command).__name__})

    def held(self, eui64: int) -> list[Frame]:
        """The commands that wait for a meter."""
        mirror = self._mirrors.get(eui64)
        return [] if mirror is None else [each for held in mirror.notifications.held.values() for each in held.values()]

    def _chosen(self, eui64: int | None) -> list[Mirror]:
        return [mirror for mirror in self._mirrors.values() if eui64 in (None, mirror.gas.meter)]

    def _keep_flags(self, mirror: Mirror) -> None:
        key, flags = _flags_key(mirror.gas.meter), mirror.notifications.plain()
        if self._board.nvm.get(key, Notifications().plain()) != flags:
            self._board.nvm.put({key: flags})

    # --- asking for one, giving it up ---

    def _requested(self, command: Metering.RequestMirror, request: Request) -> Outcome:
        eui64 = request.message.source_eui64
        if eui64 is None or self._log.kind(eui64) != GSME:
            self._board.log("mirror.refused", {"eui64": eui64, "reason": "not a gas meter of the log"})
            return Metering.RequestMirrorResponse(MIRROR_REFUSED)
        mirror = self._mirrors.get(eui64) or self._make(eui64)
        return Metering.RequestMirrorResponse(MIRROR_REFUSED if mirror is None else mirror.endpoint.number)

    def _make(self, eui64: int) -> Mirror | None:
        """A mirror for a meter that has none, if there is room."""
        if not self.room:
            self._board.log("mirror.refused", {"eui64": eui64, "reason": "no room"})
            return None
        taken = [mirror.endpoint.number for mirror in self._mirrors.values()]
        number = next(number for number in range(FIRST_ENDPOINT, FIRST_ENDPOINT + self._count) if number not in taken)
        mirror = self._add(number, GasMirror(eui64), Notifications())
        self._store(mirror)
        self._board.log("mirror.made", {"eui64": eui64, "endpoint": number})
        return mirror

    def _removed(self, command: Metering.RemoveMirror, request: Request) -> Outcome:
        eui64 = request.message.source_eui64
        endpoint = None if eui64 is None else self.remove(eui64)
        return Status.NOT_AUTHORIZED if endpoint is None else Metering.MirrorRemoved(endpoint)

    def remove(self, eui64: int) -> int | None:
        """Have no mirror of a meter any more; the endpoint that it had."""
        mirror = self._mirrors.pop(eui64, None)
        if mirror is None:
            return None
        self._han.remove(mirror.endpoint.number)
        self._board.nvm.delete(_key(eui64), _flags_key(eui64))
        self._board.log("mirror.removed", {"eui64": eui64, "endpoint": mirror.endpoint.number})
        self.on_removed(eui64)
        return mirror.endpoint.number

    def _add(self, number: int, gas: GasMirror, notifications: Notifications) -> Mirror:
        mirror = self._mirrors[gas.meter] = Mirror(Endpoint(number, DEVICE), gas, notifications=notifications)
        for cluster in MIRRORED:
            mirror.servers[cluster.id] = mirror.endpoint.serve(cluster)
            mirror.endpoint.use(cluster).on_report(self._taker(mirror, cluster))
        metering = mirror.endpoint.client(Metering)
        metering.on(Metering.ConfigureMirror, lambda command, request: self._configured(mirror, command, request))
        metering.on(Metering.GetNotifiedMessage, lambda command, request: self._fetch(mirror, command, request))
        mirror.servers[Metering.id].on(Metering.LocalChangeSupply, lambda command, request: self._pressed(mirror, command, request))
        for paying in PAYING:
            mirror.servers[Prepayment.id].on(paying, lambda command, request: self._paid(mirror, command, request))
        for listen, client in ((hear, metering), (hear_payments, mirror.endpoint.client(Prepayment))):
            listen(self._board, client, lambda eui64: eui64 == gas.meter, lambda frame: self._answered(gas.meter, frame))
        for attribute in Metering.attributes[CLIENT].values():
            if attribute.id < ATTRIBUTES:
                metering[attribute] = partial(_word, notifications, attribute.id)
        mirror.show(gas.reading)
        self._han.add(mirror.endpoint)
        return mirror

    def _store(self, mirror: Mirror) -> None:
        scheme = None if mirror.scheme is None else int(mirror.scheme)
        own = {"endpoint": mirror.endpoint.number, "scheme": scheme, "event": mirror.event}
        self._board.nvm.put({_key(mirror.gas.meter): mirror.gas.plain() | own})

    # --- what the owner sends into it ---

    def _owns(self, mirror: Mirror, request: Request) -> bool:
        owner = request.message.source_eui64 == mirror.gas.meter
        if not owner:
            told = {"eui64": request.message.source_eui64, "endpoint": mirror.endpoint.number}
            self._board.log("mirror.not-owner", told)
        return owner

    def _pressed(self, mirror: Mirror, command: Metering.LocalChangeSupply, request: Request) -> Outcome:
        """A hand at a display: the meter hears of it when it wakes, and says itself whether its valve is armed."""
        source = request.message.source_eui64
        if source is None or self._log.kind(source) != PPMID:
            return Status.NOT_AUTHORIZED
        shown = mirror.servers[Metering.id].values.get(Metering.supply_status.id)
        outcome = local(command, next((status for status in SupplyStatus if status == shown), SupplyStatus.UNCHANGED))
        if outcome is Status.SUCCESS:
            self.hold(mirror.gas.meter, Functional.LOCAL_CHANGE_SUPPLY, command)
            self._firmware.after(HAND, self.withdraw, Functional.LOCAL_CHANGE_SUPPLY, mirror.gas.meter)
        return outcome

    def _paid(self, mirror: Mirror, command: Frame, request: Request) -> Outcome:
        """Somebody at a display pays, or asks for emergency credit: the meter hears of it when it wakes, and judges it itself."""
        source = request.message.source_eui64
        if source is None or self._log.kind(source) != PPMID:
            return Status.NOT_AUTHORIZED
        control = mirror.servers[Prepayment.id].values.get(Prepayment.payment_control_configuration.id)
        if not isinstance(control, int) or not control & PaymentControl.PREPAYMENT:
            return Status.FAILURE
        if sum(type(each) is type(command) for each in self.held(mirror.gas.meter)) >= MOST_PAYING:
            return Status.INSUFFICIENT_SPACE
        self.hold(mirror.gas.meter, PAYING[type(command)], command)
        return Status.SUCCESS

    def _answered(self, eui64: int, frame: Frame) -> None:
        if eui64 in self.on_answer:
            self.on_answer[eui64](frame)

    def _configured(self, mirror: Mirror, command: Metering.ConfigureMirror, request: Request) -> Outcome:
        if not self._owns(mirror, request):
            return Status.NOT_AUTHORIZED
        scheme: Scheme | None = None
        if command.mirror_notification_reporting:
            scheme = next((known for known in FLAG_WORDS if known == command.notification_scheme), None)
            if scheme is None:
                return Status.INVALID_FIELD
        if mirror.event is not None and command.issuer_event_id <= mirror.event:
            return Status.SUCCESS  # not newer than what applies
        mirror.scheme, mirror.event = scheme, command.issuer_event_id
        mirror.gas.configure()
        self._store(mirror)
        return Status.SUCCESS

    def _taker(self, mirror: Mirror, cluster: type[Cluster]) -> Callable[[dict[Attribute[object], object], Request], Outcome]:
        def take(values: Mapping[Attribute[object], object], request: Request) -> Outcome:
            if not self._owns(mirror, request):
                return Status.NOT_AUTHORIZED
            refused = mirror.gas.refused
            if mirror.gas.report(cluster, values, request.now, self._board.rtc.read()):
                self._completed(mirror, request)
            elif mirror.gas.refused > refused:
                self._board.log("mirror.incomplete", {"eui64": mirror.gas.meter})
            return Status.SUCCESS

        return take

    def _shown(self, mirror: Mirror) -> None:
        """A complete set is there for everybody."""
        mirror.show(mirror.gas.reading)
        self._store(mirror)
        self._board.log("mirror.complete", {"eui64": mirror.gas.meter, "endpoint": mirror.endpoint.number})

    def _completed(self, mirror: Mirror, request: Request) -> None:
        self._shown(mirror)
        for each in self.on_complete:
            each(mirror.gas.meter)
        if mirror.scheme is not None:
            message = request.message
            self._firmware.spawn(self._notify(mirror, mirror.scheme, message.source, message.source_endpoint))

    async def _notify(self, mirror: Mirror, scheme: Scheme, address: int, endpoint: int) -> None:
        """Tell the meter what waits."""
        words = mirror.notifications.answer(scheme)
        response = Metering.MirrorReportAttributeResponse(scheme, words)
        try:
            await self._han.tell(address, endpoint, response, source=mirror.endpoint.number)
        except NoAnswer:
            return
        if mirror.notifications.told(words):
            self._keep_flags(mirror)
        self.on_told(mirror.gas.meter)

    def _fetch(self, mirror: Mirror, command: Metering.GetNotifiedMessage, request: Request) -> Outcome:
        if not self._owns(mirror, request):
            return Status.NOT_AUTHORIZED
        if command.notification_scheme != mirror.scheme:
            return Status.INVALID_FIELD
        found = mirror.notifications.fetched(command.notification_flag_attribute_id, command.notification_flags_n)
        if not found:
            return Status.NOT_FOUND
        self._firmware.spawn(self._give(mirror, found, request.message.source, request.message.source_endpoint))
        return ()

    async def _give(self, mirror: Mirror, found: list[tuple[Place, Frame]], address: int, endpoint: int) -> None:
        """The commands that the meter asked for; what does not arrive is held on."""
        for place, command in found:
            try:
                await self._han.tell(address, endpoint, command, source=mirror.endpoint.number)
            except NoAnswer:
                return
            mirror.notifications.gone(place, command)
            self._keep_flags(mirror)


def _word(notifications: Notifications, attribute: int) -> int:
    return notifications.words[attribute]


def _key(eui64: int) -> str:
    return f"{_KEY}{eui64:016X}"


def _flags_key(eui64: int) -> str:
    return f"{_FLAGS_KEY}{eui64:016X}"
