"""Who is in the hub's network, by whose leave, by which specification, on what power, and who depends on whom.

The hub asks: the routers for their neighbours (Mgmt_Lqi), who is awake for its node and simple descriptors and Basic's power
source. Who sleeps answers nothing: its mirror says what it runs on, and a router's table that it is there. Nothing is asked but for
a survey, and nothing is kept of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer, Refused
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.zcl.security import SMART_ENERGY

if TYPE_CHECKING:
    from hubfw.device_log import DeviceLog
    from hubfw.gas_mirror import Reading
    from hubfw.han.mirrors import Mirrors

CONFIGURED, ORDERED = "configuration", "order"
SOURCES: Final = {0: "unknown", 1: "mains", 2: "three phases", 3: "battery", 4: "DC", 5: "emergency mains", 6: "emergency mains"}
"""Basic.PowerSource without the bit of a second source."""
_SECOND = 0x80
PRO: Final = 21
"""Revision of ZigBee PRO from which on a device says it."""


@dataclass(slots=True)
class Line:
    """One device. `entered`: by whom it is in the log; `profile`, `device`, `revision`, `power`: None where nobody said.

    `parent` None: the hub, or unknown where it is not `there`. `dependants`: those that only reach the hub through it now.
    """

    eui64: int
    kind: str
    entered: str
    there: bool = False
    router: bool = False
    profile: int | None = None
    device: int | None = None
    revision: int | None = None
    power: str | None = None
    parent: int | None = None
    dependants: tuple[int, ...] = ()

    @property
    def conforms(self) -> bool | None:
        """Smart Energy on ZigBee PRO by its own words; None: it said none."""
        return None if self.profile is None or self.revision is None else self.profile == SMART_ENERGY and self.revision >= PRO


async def survey(han: Han, log: DeviceLog, mirrors: Mirrors) -> list[Line]:
    """A line for each device of the log, in its order."""
    lines = {device.eui64: Line(device.eui64, device.kind, ORDERED if device.managed else CONFIGURED) for device in log}
    for line in lines.values():
        await _describe(han, mirrors, line)
    asleep = [line.eui64 for line in lines.values() if _mirrored(mirrors, line.eui64) is not None]
    for child in han.stack.children:
        if child in asleep:
            lines[child].there = True
    for line in lines.values():
        if not line.router:
            continue
        try:
            table = await han.neighbours(await han.find(line.eui64))
        except (NoAnswer, Refused, RemoteProtocolError):
            continue
        for neighbour in table:
            other = lines.get(neighbour.eui64)
            if neighbour.is_child and other is not None and neighbour.eui64 not in han.stack.children:
                other.parent = line.eui64
                other.there = other.there or other.eui64 in asleep
    for line in lines.values():
        line.dependants = tuple(other.eui64 for other in lines.values() if line.eui64 in _above(lines, other))
    return list(lines.values())


async def _describe(han: Han, mirrors: Mirrors, line: Line) -> None:
    reading = _mirrored(mirrors, line.eui64)
    if reading is not None:
        line.power = _source(reading.get(Basic, Basic.power_source))
        return
    try:
        address = await han.find(line.eui64)
        node = await han.node_descriptor(address)
        line.there, line.router, line.revision = True, node.router, node.revision
        endpoint, *_ = await han.active_endpoints(address)
        simple = await han.simple_descriptor(address, endpoint)
        line.profile, line.device = simple.profile, simple.device
        told = await han.read(address, endpoint, Basic, [Basic.power_source])
        line.power = _source(told.get(Basic.power_source)) or ("mains" if node.mains else "battery")
    except (NoAnswer, Refused, RemoteProtocolError, ValueError):
        return


def _mirrored(mirrors: Mirrors, eui64: int) -> Reading | None:
    """What a sleeper has said last; None: it does not sleep, or has said nothing."""
    mirror = mirrors.of(eui64)
    return None if mirror is None else mirror.gas.reading


def _source(value: object) -> str | None:
    return SOURCES.get(value & ~_SECOND) if isinstance(value, int) else None


def _above(lines: dict[int, Line], line: Line) -> Iterator[int]:
    """The devices between this one and the hub."""
    seen: list[int] = []
    parent = line.parent
    while parent is not None and parent not in seen:
        seen.append(parent)
        yield parent
        parent = lines[parent].parent
