"""The devices a node knows: addresses that belong together, who is parent, child or neighbouring router (05-3474 clause 3.6.1.5).

One fixed-size table serves as neighbour table, child table and address map. When it is full the entry that has been
there longest goes, a neighbouring router only when nobody else can, and never parent, children, the trust centre and partners
with a link key: strangers cannot push out those we need. Not here: frame counters (they belong to keys), routes (`routing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from protocols.zigbee import mac
from protocols.zigbee.node import UNASSIGNED


class Relation(Enum):
    """What a device is to us."""

    NONE = "none"
    PARENT = "parent"
    CHILD = "child"
    NEIGHBOUR = "neighbouring router"


@dataclass(slots=True)
class Device:
    """One known device. `heard` is ns; `timeout` an End Device Timeout enumeration; `lqi` of the last link status.

    `link`: link quality of the last frame that itself sent us; None: none since we started.
    `lost`: a neighbour that neither acknowledges nor is heard. `interface`: the radio on which we hear it. `kept`: a child that
    has polled, or asked for something else that only a parent gives, since we started.
    """

    eui64: int
    short: int
    relation: Relation = Relation.NONE
    capability: int = mac.CAPABILITY_RX_ON
    partner: bool = False
    timeout: int = 8
    heard: int = 0
    lqi: int = 255
    outgoing_cost: int = 0
    lost: bool = False
    interface: int = 0
    kept: bool = False
    link: int | None = None

    @property
    def router(self) -> bool:
        return bool(self.capability & mac.CAPABILITY_ROUTER)

    @property
    def sleepy(self) -> bool:
        return not self.capability & mac.CAPABILITY_RX_ON

    @property
    def evictable(self) -> bool:
        return self.relation in _EVICTABLE and not self.partner


_OTHERS = 64
_EVICTABLE = frozenset({Relation.NONE, Relation.NEIGHBOUR})


class Devices:
    """The table, with room for `max_children` and 64 others. Lookups are by EUI-64 or short address."""

    def __init__(self, max_children: int) -> None:
        self._size = max_children + _OTHERS
        self._by_eui64: dict[int, Device] = {}
        self._by_short: dict[int, Device] = {}
        self.get: Callable[[int], Device | None] = self._by_eui64.get
        """The device with an EUI-64."""
        self.at: Callable[[int], Device | None] = self._by_short.get
        """The device at a short address."""
        self.usurped: Callable[[Device, int], None] = lambda device, short: None
        """Told of a device whose address turns out to be another one's."""

    def __len__(self) -> int:
        return len(self._by_eui64)

    def __iter__(self) -> Iterator[Device]:
        return iter(list(self._by_eui64.values()))

    def learn(self, eui64: int, short: int) -> Device:
        """These two addresses belong together."""
        device = self._by_eui64.get(eui64)
        if device is None:
            self._make_room()
            device = self._by_eui64[eui64] = Device(eui64, UNASSIGNED)
        if device.short != short:
            self._unmap(device)
            usurped = self._by_short.get(short)
            if usurped is not None:
                usurped.short = UNASSIGNED
            device.short = short
            if short < mac.NO_SHORT_ADDRESS:
                self._by_short[short] = device
            if usurped is not None:
                self.usurped(usurped, short)
        return device

    def forget(self, eui64: int) -> None:
        """Drop a device, if it is known."""
        device = self._by_eui64.pop(eui64, None)
        if device is not None:
            self._unmap(device)

    def clear(self) -> None:
        """Drop all."""
        self._by_eui64.clear()
        self._by_short.clear()

    def children(self) -> list[Device]:
        """Our children, in order of joining."""
        return [device for device in self._by_eui64.values() if device.relation is Relation.CHILD]

    def _unmap(self, device: Device) -> None:
        if self._by_short.get(device.short) is device:
            del self._by_short[device.short]

    def _make_room(self) -> None:
        if len(self._by_eui64) < self._size:
            return
        devices = self._by_eui64.values()
        # There is always somebody: children and a parent alone cannot fill the table.
        oldest = next((device for device in devices if device.evictable and device.relation is Relation.NONE), None)
        oldest = oldest or next((device for device in devices if device.evictable), None)
        oldest = oldest or next(device for device in devices if device.relation in _EVICTABLE)
        self.forget(oldest.eui64)
