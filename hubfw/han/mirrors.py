"""The mirrors of battery meters, one endpoint each, from 0x10 up (SE 1.4 annex D.3).

A gas meter of the device log asks for a mirror on the energy services interface and gets the same endpoint each time. Into the
mirror only its owner reports; everybody on the HAN reads there, and sees the last complete set (`gas_mirror`). The answer to a
complete set tells the meter what waits for it, after the acknowledgement of its last report.

Not here: GetNotifiedMessage and what it would fetch; it comes with commands for the meter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer
from hubfw.config import GSME
from hubfw.device_log import DeviceLog
from hubfw.gas_mirror import GasMirror, Reading
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import DeviceType, Metering
from protocols.zigbee.clusters.mirror import FLAG_WORDS, MIRROR_REFUSED, Functional, Scheme
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.zcl.cluster import SERVER, Attribute, Cluster
from protocols.zigbee.zcl.endpoint import Endpoint, Instance, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

FIRST_ENDPOINT: Final = 0x10
DEVICE: Final = 0x0501
MIRRORED: Final[tuple[type[Cluster], ...]] = (Basic, Metering, Prepayment)
NOTHING: Final = Functional(0)
OFFSET: Final = DeviceType.MIRRORED_ELECTRIC - DeviceType.ELECTRIC

_KEY = "mirror/"


@dataclass(slots=True)
class Mirror:
    """One mirror. `scheme`: how the meter wants to be told what waits, None: not at all. `waiting`: functional flags."""

    endpoint: Endpoint
    gas: GasMirror
    scheme: Scheme | None = None
    waiting: Functional = NOTHING
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
        metering.on(Metering.RequestMirror, self._requested)
        metering.on(Metering.RemoveMirror, self._removed)
        for key in self._board.nvm.keys(_KEY):
            stored = self._board.nvm.get(key)
            scheme = stored["scheme"]
            self._add(stored["endpoint"], GasMirror.from_plain(stored), None if scheme is None else Scheme(scheme))

    @property
    def room(self) -> bool:
        """Whether another meter could have a mirror."""
        return len(self._mirrors) < self._count

    def of(self, eui64: int) -> Mirror | None:
        """A meter's mirror."""
        return self._mirrors.get(eui64)

    def tell(self, flag: Functional) -> None:
        """Have every mirrored meter learn of this at its next report."""
        for mirror in self._mirrors.values():
            mirror.waiting |= flag

    # --- asking for one, giving it up ---

    def _requested(self, command: Metering.RequestMirror, request: Request) -> Outcome:
        eui64 = request.message.source_eui64
        if eui64 is None or self._log.kind(eui64) != GSME:
            self._board.log("mirror.refused", {"eui64": eui64, "reason": "not a gas meter of the log"})
            return Metering.RequestMirrorResponse(MIRROR_REFUSED)
        mirror = self._mirrors.get(eui64)
        if mirror is None:
            if not self.room:
                self._board.log("mirror.refused", {"eui64": eui64, "reason": "no room"})
                return Metering.RequestMirrorResponse(MIRROR_REFUSED)
            taken = [mirror.endpoint.number for mirror in self._mirrors.values()]
            number = next(number for number in range(FIRST_ENDPOINT, FIRST_ENDPOINT + self._count) if number not in taken)
            mirror = self._add(number, GasMirror(eui64), None)
            self._store(mirror)
            self._board.log("mirror.made", {"eui64": eui64, "endpoint": number})
        return Metering.RequestMirrorResponse(mirror.endpoint.number)

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
        self._board.nvm.delete(_key(eui64))
        self._board.log("mirror.removed", {"eui64": eui64, "endpoint": mirror.endpoint.number})
        return mirror.endpoint.number

    def _add(self, number: int, gas: GasMirror, scheme: Scheme | None) -> Mirror:
        mirror = self._mirrors[gas.meter] = Mirror(Endpoint(number, DEVICE), gas, scheme)
        for cluster in MIRRORED:
            mirror.servers[cluster.id] = mirror.endpoint.serve(cluster)
            mirror.endpoint.use(cluster).on_report(self._taker(mirror, cluster))
        metering = mirror.endpoint.client(Metering)
        metering.on(Metering.ConfigureMirror, lambda command, request: self._configured(mirror, command, request))
        mirror.show(gas.reading)
        self._han.add(mirror.endpoint)
        return mirror

    def _store(self, mirror: Mirror) -> None:
        own = {"endpoint": mirror.endpoint.number, "scheme": None if mirror.scheme is None else int(mirror.scheme)}
        self._board.nvm.put({_key(mirror.gas.meter): mirror.gas.plain() | own})

    # --- what the owner sends into it ---

    def _owns(self, mirror: Mirror, request: Request) -> bool:
        owner = request.message.source_eui64 == mirror.gas.meter
        if not owner:
            told = {"eui64": request.message.source_eui64, "endpoint": mirror.endpoint.number}
            self._board.log("mirror.not-owner", told)
        return owner

    def _configured(self, mirror: Mirror, command: Metering.ConfigureMirror, request: Request) -> Outcome:
        if not self._owns(mirror, request):
            return Status.NOT_AUTHORIZED
        scheme: Scheme | None = None
        if command.mirror_notification_reporting:
            scheme = next((known for known in FLAG_WORDS if known == command.notification_scheme), None)
            if scheme is None:
                return Status.INVALID_FIELD
        mirror.scheme = scheme
        mirror.gas.configure()
        self._store(mirror)
        return Status.SUCCESS

    def _taker(
        self, mirror: Mirror, cluster: type[Cluster]
    ) -> Callable[[dict[Attribute[object], object], Request], Outcome]:
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

    def _completed(self, mirror: Mirror, request: Request) -> None:
        mirror.show(mirror.gas.reading)
        self._store(mirror)
        self._board.log("mirror.complete", {"eui64": mirror.gas.meter, "endpoint": mirror.endpoint.number})
        if mirror.scheme is not None:
            message = request.message
            self._firmware.spawn(self._notify(mirror, mirror.scheme, message.source, message.source_endpoint))

    async def _notify(self, mirror: Mirror, scheme: Scheme, address: int, endpoint: int) -> None:
        """Tell the meter what waits. What it was told waits no longer."""
        told = mirror.waiting
        words = [int(told), *[0] * (FLAG_WORDS[scheme] - 1)]
        response = Metering.MirrorReportAttributeResponse(scheme, words)
        try:
            await self._han.tell(address, endpoint, response, source=mirror.endpoint.number)
        except NoAnswer:
            return
        mirror.waiting &= ~told


def _key(eui64: int) -> str:
    return f"{_KEY}{eui64:016X}"
