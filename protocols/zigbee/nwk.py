"""ZigBee NWK frames: the header and the commands of 05-3474 clauses 3.3 and 3.4.

Frames only: who sends them, when, and under which key is `protocols.zigbee.network`, `joining` and `parent`. The auxiliary
header of a secured frame follows the header and is in `protocols.zigbee.security`. Not here: inter-PAN frames, network
report and update, the commands of later revisions.
"""

from __future__ import annotations

from protocols.core.codec import Choice, Frame, array, choice, const, le, this, when

DATA, COMMAND = 0x0000, 0x0001
TYPE = 0x0003
VERSION = 0x003C
VERSION_PRO = 0x0008
DISCOVER_ROUTE = 0x0040
MULTICAST = 0x0100
SECURITY = 0x0200
SOURCE_ROUTE = 0x0400
DESTINATION_EUI64 = 0x0800
SOURCE_EUI64 = 0x1000

HEADER = 8
"""Octets of the header without its optional fields."""

LOWEST_BROADCAST = 0xFFF8
MAX_RADIUS = 30


class SourceRoute(Frame):
    """Source route subframe. Clause 3.3.1.9."""

    count: le.u8
    index: le.u8
    relays: list[int] = array(le.u16, count=this.count)


class Header(Frame):
    """NWK header. Clause 3.3.1."""

    control: le.u16
    destination: le.u16
    source: le.u16
    radius: le.u8
    sequence: le.u8
    destination_eui64: int | None = when(this.control & 0x0800, le.u64, default=None)
    source_eui64: int | None = when(this.control & 0x1000, le.u64, default=None)
    multicast: int | None = when(this.control & 0x0100, le.u8, default=None)
    route: SourceRoute | None = when(this.control & 0x0400, SourceRoute, default=None)


class RouteRequest(Frame):
    """Clause 3.4.1. Read, never sent: parents relay for their children."""

    command: int = const(0x01, le.u8)
    options: le.u8
    identifier: le.u8
    destination: le.u16
    cost: le.u8
    destination_eui64: int | None = when(this.options & 0x20, le.u64, default=None)


class NetworkStatus(Frame):
    """Clause 3.4.3. `status` 0 is no route, 0D a conflict of short addresses."""

    command: int = const(0x03, le.u8)
    status: le.u8
    destination: le.u16


NO_ROUTE = 0x00


class Leave(Frame):
    """Clause 3.4.4."""

    command: int = const(0x04, le.u8)
    options: le.u8

    REJOIN = 0x20
    REQUEST = 0x40
    REMOVE_CHILDREN = 0x80


class RejoinRequest(Frame):
    """Clause 3.4.6."""

    command: int = const(0x06, le.u8)
    capability: le.u8


class RejoinResponse(Frame):
    """Clause 3.4.7. `status` as in an association response."""

    command: int = const(0x07, le.u8)
    short: le.u16
    status: le.u8


class LinkCost(Frame):
    """One neighbour in a link status. Costs 1 (best) to 7; 0 outgoing is unknown."""

    neighbour: le.u16
    costs: le.u8


class LinkStatus(Frame):
    """Clause 3.4.8: the routers we hear, every 15 s."""

    command: int = const(0x08, le.u8)
    options: le.u8
    links: list[LinkCost] = array(LinkCost, count=this.options & 0x1F)

    FIRST_AND_LAST = 0x60


class EndDeviceTimeoutRequest(Frame):
    """05-3474-21 clause 3.4.11. `timeout`: 0 is 10 s, n is 2^n minutes, to 14."""

    command: int = const(0x0B, le.u8)
    timeout: le.u8
    configuration: le.u8


class EndDeviceTimeoutResponse(Frame):
    """05-3474-21 clause 3.4.12. `status`: 0 success, 1 incorrect value."""

    command: int = const(0x0C, le.u8)
    status: le.u8
    parent: le.u8

    DATA_POLL = 0x01
    TIMEOUT_REQUEST = 0x02


commands: Choice[Frame] = choice(
    "NWK command",
    [
        RouteRequest,
        NetworkStatus,
        Leave,
        RejoinRequest,
        RejoinResponse,
        LinkStatus,
        EndDeviceTimeoutRequest,
        EndDeviceTimeoutResponse,
    ],
)
"""Any NWK command, by its first octet."""

MINUTE_NS = 60_000_000_000


def timeout_ns(enumeration: int) -> int:
    """Nanoseconds of an End Device Timeout enumeration (05-3474-21 table 3-54)."""
    return MINUTE_NS // 6 if enumeration == 0 else MINUTE_NS << enumeration
