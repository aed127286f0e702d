"""ZigBee NWK frames: the header and the commands of 05-3474 clauses 3.3 and 3.4.

Frames only: who sends them, when, and under which key is `protocols.zigbee.network`, `routing`, `joining` and `parent`. The
auxiliary header of a secured frame follows the header and is in `protocols.zigbee.security`. Not here: inter-PAN frames,
multicast, the commands of later revisions.
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
    """Clause 3.4.1. `cost` grows with each hop. Many to one: a concentrator wants routes to itself, from every router."""

    command: int = const(0x01, le.u8)
    options: le.u8
    identifier: le.u8
    destination: le.u16
    cost: le.u8
    destination_eui64: int | None = when(this.options & 0x20, le.u64, default=None)

    MANY_TO_ONE = 0x08
    """The concentrator keeps a table of route records."""
    TO_ONE = 0x18


class RouteReply(Frame):
    """Clause 3.4.2. From hop to hop, back along the way that the request came."""

    command: int = const(0x02, le.u8)
    options: le.u8
    identifier: le.u8
    originator: le.u16
    responder: le.u16
    cost: le.u8
    originator_eui64: int | None = when(this.options & 0x10, le.u64, default=None)
    responder_eui64: int | None = when(this.options & 0x20, le.u64, default=None)


class NetworkStatus(Frame):
    """Clause 3.4.3."""

    command: int = const(0x03, le.u8)
    status: le.u8
    destination: le.u16


NO_ROUTE, LINK_FAILURE = 0x00, 0x02
SOURCE_ROUTE_FAILURE, MANY_TO_ONE_FAILURE = 0x0B, 0x0C
ADDRESS_CONFLICT, BAD_FRAME_COUNTER = 0x0D, 0x11
"""Status codes of a network status (table 3-42)."""


class RouteRecord(Frame):
    """Clause 3.4.5: the relays that it passed, the sender's own neighbour first."""

    command: int = const(0x05, le.u8)
    count: le.u8
    relays: list[int] = array(le.u16, count=this.count)


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


class NetworkReport(Frame):
    """Clause 3.4.9: another network uses our PAN identifier; `pan_ids` are those in use around the sender."""

    command: int = const(0x09, le.u8)
    options: le.u8
    extended_pan_id: le.u64
    pan_ids: list[int] = array(le.u16, count=this.options & 0x1F)


class NetworkUpdate(Frame):
    """Clause 3.4.10: the network's new PAN identifier."""

    command: int = const(0x0A, le.u8)
    options: int = const(0x01, le.u8)
    extended_pan_id: le.u64
    update_id: le.u8
    pan_id: le.u16


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
        RouteReply,
        NetworkStatus,
        Leave,
        RouteRecord,
        RejoinRequest,
        RejoinResponse,
        LinkStatus,
        NetworkReport,
        NetworkUpdate,
        EndDeviceTimeoutRequest,
        EndDeviceTimeoutResponse,
    ],
)
"""Any NWK command, by its first octet."""

MINUTE_NS = 60_000_000_000


def timeout_ns(enumeration: int) -> int:
    """Nanoseconds of an End Device Timeout enumeration (05-3474-21 table 3-54)."""
    return MINUTE_NS // 6 if enumeration == 0 else MINUTE_NS << enumeration
