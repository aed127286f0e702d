"""What a node is told, and what it tells: configuration, effects, transmit status and the state kept over power loss.

These are the types both neighbours of `protocols.zigbee.stack.Stack` are written against: the radio below and the
firmware above. Primitives follow 802.15.4-2006 clause 7 (MCPS-DATA, MLME) and 05-3474 clauses 2.2 (APSDE), 2.4 (ZDO)
and 3.2 (NLME). No behaviour lives here.

EUI-64 addresses are integers throughout (`0x00DB123456789A01`); they are written little-endian on the air.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import msgspec

from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError

US = 1_000
MS = 1_000_000
S = 1_000_000_000
MINUTE = 60 * S

COORDINATOR = 0x0000
UNASSIGNED = 0xFFFF
"""Short address of a device without one; as a destination, every device, sleepers too."""
RX_ON_DEVICES = 0xFFFD
"""Broadcast to every device whose receiver is on when idle."""
ROUTERS = 0xFFFC
"""Broadcast to the coordinator and all routers."""


class NodeType(Enum):
    """Logical device type (05-3474 clause 2.3.2.3.1); an end device is sleepy when its receiver is off when idle."""

    COORDINATOR = "coordinator"
    ROUTER = "router"
    END_DEVICE = "end device"
    SLEEPY_END_DEVICE = "sleepy end device"


class TxStatus(Enum):
    """How a transmission ended, as the radio reports it (MCPS-DATA.confirm)."""

    ACKED = "acked"
    """The addressed node acknowledged; also the status of a frame that asks for no acknowledgement, once sent."""
    NO_ACK = "no ack"
    """No acknowledgement after the radio's own retries."""
    EXPIRED = "expired"
    """An indirect frame nobody fetched within the transaction persistence time (7.68 s)."""
    OVERFLOW = "overflow"
    """The radio's queue of indirect frames is full."""
    BUSY = "busy"
    """The channel was not clear at any assessment (CHANNEL_ACCESS_FAILURE)."""
    SUSPENDED = "suspended"
    """The radio has used up its duty cycle: the frame was not sent, or not once more."""


class Counters(Protocol):
    """Outgoing frame counters from reserve-ahead storage: never the same number twice, over any power cut."""

    def next(self, name: str) -> int:
        """The next number of the counter `name`; the first is free to be 0 or 1."""
        ...


@dataclass(frozen=True, slots=True)
class SimpleDescriptor:
    """An endpoint a node offers (05-3474 clause 2.3.2.5)."""

    endpoint: int
    device_id: int
    input_clusters: tuple[int, ...] = ()
    output_clusters: tuple[int, ...] = ()
    profile: int = 0x0109
    device_version: int = 0


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """One node: who it is, what it may join, how long it waits.

    `install_code` is the code with its CRC (8, 10, 14 or 18 octets) of a joiner; the coordinator keeps its partners' codes in the
    trust centre's device log. Times are nanoseconds. `extended_pan_id` limits a joiner to one network; a
    coordinator without one uses its own EUI-64.
    """

    eui64: int
    type: NodeType
    install_code: bytes = b""
    channels: tuple[int, ...] = tuple(range(11, 27))
    sub_ghz: tuple[tuple[int, int], ...] = ()
    """(page, channel): a joiner with some scans these and no 2.4 GHz; a coordinator with some has a second radio, on the first."""
    survey: bool = False
    """The coordinator looks for other networks before it forms one, and takes the channel that fewest are on."""
    extended_pan_id: int | None = None
    pan_id: int | None = None
    endpoints: tuple[SimpleDescriptor, ...] = ()
    manufacturer: int = 0x0000
    mains_powered: bool = True
    end_device_timeout: int = 8
    """Requested End Device Timeout enumeration: 0 is 10 s, n is 2^n minutes (05-3474-22 table 3-44)."""
    link_status_period: int | None = 15 * S
    """None: no link status at all."""
    poll_period: int = 250 * MS
    """How often a sleeper asks its parent while it waits for something."""
    max_children: int = 32
    aps_window: int = 1
    """Blocks of a long payload on their way at once, 1..8: the same at both ends (apsMaxWindowSize; 1 in smart energy)."""
    certified: bool = False
    """Smart energy data needs a link key that certificates made (SE 1.4 5.4.6); else that of the install code will do."""
    default_link_key: bool = False
    """A joiner takes the network key under the well-known default link key, too, as home-automation hosts send it."""
    stored: bool = True
    """Its network outlives a loss of power (Persist)."""
    foreign: bool = False
    """The coordinator is no smart energy hub: data may go under the network key alone, and a join is tried again at once."""


# --- Effects towards the radio -----------------------------------------------------------------------------------


class Transmit(Effect, frozen=True):
    """Send this PSDU (FCS included). Indirect: hold it until the addressed sleeper asks with a data request."""

    handle: int
    psdu: bytes
    indirect: bool = False
    interface: int = 0
    """Which of the node's radios; only a dual-band coordinator has a second one."""


class Configure(Effect, frozen=True):
    """Set the radio's channel, PAN and address filter, and whether it listens when idle."""

    channel: int
    pan_id: int
    short: int
    rx_on_when_idle: bool
    page: int = 0
    interface: int = 0


class Measure(Effect, frozen=True):
    """Listen to a channel of 2.4 GHz for `duration` ns, whoever is on it, and tell `Stack.measured` how loud it was."""

    channel: int
    duration: int


# --- Effects towards the firmware --------------------------------------------------------------------------------


class Joined(Effect, frozen=True):
    """The node is on a network and holds its key; after `resume` too (then `resumed`)."""

    short: int
    pan_id: int
    extended_pan_id: int
    channel: int
    resumed: bool = False


class JoinFailed(Effect, frozen=True):
    """A join or rejoin gave up. Ask again no sooner than `retry_after` ns from now (60 s doubling to 15 min, SE 1.4 5.4)."""

    reason: str
    retry_after: int


class Left(Effect, frozen=True):
    """The node left its network, by its own wish or because its parent or the trust centre said so."""

    rejoin: bool = False


class TrustCentreReplaced(Effect, frozen=True):
    """Another trust centre knew the hash of the link key held with the one before: it is ours now, under that hash."""

    eui64: int
    before: int


class ParentLost(Effect, frozen=True):
    """The parent has not acknowledged several frames in a row: rejoin is due."""


class DeviceJoined(Effect, frozen=True):
    """Trust centre: the device was sent the network key."""

    eui64: int
    short: int


class JoinRefused(Effect, frozen=True):
    """Trust centre: a device that asks for the network key gets none."""

    eui64: int
    reason: str


class DeviceAnnounced(Effect, frozen=True):
    """A device announced itself: its addresses belong together (ZDO device_annce)."""

    eui64: int
    short: int
    capability: int


class DeviceLeft(Effect, frozen=True):
    """A child or partner left, or a child was not heard of within its end device time-out (`aged`)."""

    eui64: int
    short: int
    aged: bool = False


class Message(Effect, frozen=True):
    """An application payload arrived (APSDE-DATA.indication); duplicates are gone and fragments put together."""

    source: int
    source_eui64: int | None
    profile: int
    cluster: int
    source_endpoint: int
    destination_endpoint: int
    payload: bytes
    secured: bool
    """The APS link key shared with the source protected it."""
    broadcast: bool
    acknowledged: bool = False
    """Its sender asked for an APS acknowledgement and has it."""


class Delivered(Effect, frozen=True):
    """`send` with this handle arrived: acknowledged by the peer's APS, or (no APS ACK asked for) by the first hop."""

    handle: int


class Undelivered(Effect, frozen=True):
    """`send` with this handle gave up."""

    handle: int
    reason: str


class PartnerKey(Effect, frozen=True):
    """An application link key shared with this partner was installed."""

    eui64: int


class PartnerKeyFailed(Effect, frozen=True):
    """The trust centre brokered no key with this partner in time."""

    eui64: int


class MatchResponse(Effect, frozen=True):
    """Somebody answered our Match_Desc_req; `endpoints` is empty when `status` is not 0."""

    source: int
    sequence: int
    status: int
    endpoints: tuple[int, ...]


class ZdoResponse(Effect, frozen=True):
    """Any other ZDO response to a request of ours; `response` is its frame in `protocols.zigbee.zdo`."""

    source: int
    cluster: int
    sequence: int
    response: object


class Persist(Effect, frozen=True):
    """Put this in non-volatile memory, in place of what was there; give it to `resume` after a restart."""

    state: dict[str, object]
    """Plain values only: str, int, bytes, list, dict. It holds keys."""

    def __repr__(self) -> str:
        return "Persist(<redacted>)"


class Dropped(Effect, frozen=True):
    """A received frame was refused: at which layer, why, and its octets (rule 8: every rejection is visible)."""

    layer: str
    reason: str
    psdu: bytes


# --- State over power loss ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkKeyRecord:
    """A link key with its partner, what it is, and the lowest incoming frame counter still acceptable."""

    partner: int
    key: bytes = field(repr=False)
    kind: str
    incoming: int


@dataclass(frozen=True, slots=True)
class ChildRecord:
    """A child: EUI-64, short address, capability octet, end device time-out enumeration, and on which radio it is heard."""

    eui64: int
    short: int
    capability: int
    timeout: int
    interface: int = 0


@dataclass(frozen=True, slots=True)
class NetworkState:
    """What survives power loss; `plain()` and `from_plain()` turn it into str, int, bytes, list and dict and back."""

    channel: int
    pan_id: int
    extended_pan_id: int
    short: int
    parent: int
    depth: int
    update_id: int
    trust_centre: int
    active_key: int
    network_keys: dict[str, bytes] = field(repr=False)
    link_keys: list[LinkKeyRecord] = field(default_factory=list)
    addresses: list[tuple[int, int]] = field(default_factory=list)
    children: list[ChildRecord] = field(default_factory=list)
    brokered: list[tuple[int, int, bytes]] = field(default_factory=list, repr=False)
    page: int = 0
    second: tuple[int, int] | None = None
    """Page and channel of a dual-band coordinator's second radio."""
    groups: list[tuple[int, int]] = field(default_factory=list)
    bindings: list[bytes] = field(default_factory=list)
    heard: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each neighbour: sequence number of the network key, EUI-64, and the frame counter that it must exceed after a restart."""

    def plain(self) -> dict[str, object]:
        """The same as plain values, for `Persist`."""
        plain: dict[str, object] = msgspec.to_builtins(self, builtin_types=(bytes,))
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, object]) -> NetworkState:
        """Read what `plain()` gave. Raises LocalProtocolError on anything else: the store is ours."""
        try:
            return msgspec.convert(plain, cls, builtin_types=(bytes,))
        except msgspec.ValidationError as reason:
            raise LocalProtocolError(f"stored network state: {reason}") from None
