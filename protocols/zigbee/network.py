"""The NWK layer's data path: securing, next hop, relaying, broadcasts, and what the MAC hands up (05-3474 clauses 3.6, 4.3).

An end device sends everything to its parent; a router or the coordinator delivers to children and neighbouring routers, and asks
`routing` for the way to others; it relays for everybody, securing each hop anew. Broadcasts are `broadcasts`, who is near
`neighbours`. Not here: joining (`joining`, `parent`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import Protocol, TypeVar, cast

from protocols.core import crc
from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError
from protocols.zigbee import enhanced, mac, nwk, security
from protocols.zigbee.addresses import Addresses
from protocols.zigbee.broadcasts import Broadcasts
from protocols.zigbee.changes import Changes
from protocols.zigbee.context import Confirm, Context
from protocols.zigbee.devices import Devices, Relation
from protocols.zigbee.freshness import Freshness
from protocols.zigbee.neighbours import Neighbours
from protocols.zigbee.node import (
    COORDINATOR,
    ROUTERS,
    RX_ON_DEVICES,
    UNASSIGNED,
    Configure,
    NodeType,
    ParentLost,
    TxStatus,
)
from protocols.zigbee.relaying import Relay, onward
from protocols.zigbee.routing import Routing, Waiting
from protocols.zigbee.sealing import AUXILIARY, Sealing

PARENT_FAILURES = 3
"""Frames in a row the parent must not acknowledge before it counts as lost."""


_NWK = Struct("<HHHBB")
_UNICAST = mac.SHORT_DATA | mac.ACK_REQUEST
_ROOM = mac.MAX_PSDU - mac.SHORT_HEADER.size - mac.FCS - AUXILIARY - security.MIC
"""Octets for the header and payload of a secured frame."""

ROUTING = frozenset({NodeType.COORDINATOR, NodeType.ROUTER})


class Upper(Protocol):
    """What the layers above the NWK data path take from it."""

    def nsdu(self, header: nwk.Header, payload: bytes, secured: bool) -> None:
        """Data for us: an APS frame."""

    def beacon(self, header: mac.Header, msdu: bytes, lqi: int) -> None:
        """A beacon was heard."""

    def mac_command(self, header: mac.Header, msdu: bytes) -> None:
        """A MAC command addressed to us or to everybody."""


class Origin:
    """Where a NWK command came from: its header, and the EUI-64 of the device that secured it for this hop.

    Not `secured`, as a device without the network key rejoins: the EUI-64 is only what the header says.
    """

    __slots__ = ("header", "secured", "sender")

    def __init__(self, header: nwk.Header, sender: int, secured: bool = True) -> None:
        self.header = header
        self.sender = sender
        self.secured = secured


CommandHandler = Callable[[Origin, Frame], None]
_F = TypeVar("_F", bound=Frame)


class Network:
    """NWK layer of one node."""

    def __init__(self, context: Context, devices: Devices, upper: Upper) -> None:
        self.context = context
        self.devices = devices
        self.upper = upper
        self.type = context.config.type
        self.routing = self.type in ROUTING
        self.sleepy = self.type is NodeType.SLEEPY_END_DEVICE
        self._commands: dict[type[Frame], CommandHandler] = {}
        self.on_enhanced: list[Callable[[enhanced.Enhanced, int], None]] = []
        """Who hears of MAC frames of version 2, with their link quality."""
        self.on_beacon: list[Callable[[mac.Header, bytes, int], None]] = []
        self.on_inter_pan: Callable[[mac.Header, bytes], None] | None = None
        """Who hears of data from an EUI-64, which is of no network."""
        self.mac_sequence = context.rng.getrandbits(8)
        self._sequence = context.rng.getrandbits(8)
        self.lqi = 255
        self.broadcasts = Broadcasts(self)
        self.neighbours = Neighbours(self)
        self.routes = Routing(self)
        self.changes = Changes(self)
        self.addresses = Addresses(self)
        self._relay = Relay(self)
        self.freshness = Freshness(self)
        self.sealing = Sealing(self)
        self.changed: Callable[[], None] = lambda: None
        """Set by the stack: the state is to be stored."""
        self.reset()

    def on(self, command: type[_F], handler: Callable[[Origin, _F], None]) -> None:
        """Hand this NWK command, when it comes for us, to `handler`."""
        self._commands[command] = cast("CommandHandler", handler)

    def reset(self) -> None:
        """No network."""
        config = self.context.config
        self.page, self.channel = 0, config.channels[0]
        self.second = config.sub_ghz[0] if config.sub_ghz and self.type is NodeType.COORDINATOR else None
        self.pan_id = UNASSIGNED
        self.extended_pan_id = 0
        self.short = UNASSIGNED
        self.parent = UNASSIGNED
        self.depth = 0
        self.update_id = 0
        self.keys: dict[int, security.NetworkKey] = {}
        self.active_key = 0
        self.joined = False
        self.awaiting_key = False
        self._parent_failures = 0
        self.broadcasts.clear()
        self.routes.clear()
        self.addresses.clear()

    @property
    def capability(self) -> int:
        """Capability information octet of this node (802.15.4-2006 clause 7.3.1.2)."""
        octet = mac.CAPABILITY_ALLOCATE
        if self.routing:
            octet |= mac.CAPABILITY_ROUTER
        if self.context.config.mains_powered:
            octet |= mac.CAPABILITY_MAINS
        if not self.sleepy:
            octet |= mac.CAPABILITY_RX_ON
        return octet

    def configure(self, rx_on: bool | None = None) -> None:
        """Tell the radio who we are."""
        on = not self.sleepy if rx_on is None else rx_on
        self.context.effects.append(Configure(self.channel, self.pan_id, self.short, on, self.page))
        if self.second is not None:
            page, channel = self.second
            self.context.effects.append(Configure(channel, self.pan_id, self.short, on, page, 1))

    def other_key(self, sequence: int) -> None:
        """A good frame came under a network key that is not the active one: the one after it is what everybody uses by now.

        The trust centre alone decides when that is (4.6.3.4.2): it does not follow.
        """
        if sequence == self.active_key + 1 & 0xFF and self.type is not NodeType.COORDINATOR:
            self.active_key = sequence

    def next_sequence(self) -> int:
        """Next MAC sequence number."""
        self.mac_sequence = sequence = self.mac_sequence + 1 & 0xFF
        return sequence

    # --- sending -------------------------------------------------------------------------------------------------

    def unicast(
        self,
        destination: int,
        payload: bytes,
        *,
        kind: int = nwk.DATA,
        radius: int = nwk.MAX_RADIUS,
        secure: bool = True,
        destination_eui64: int | None = None,
        source_eui64: int | None = None,
        hop: int | None = None,
        indirect: bool = False,
        key: int | None = None,
        source: int | None = None,
        confirm: Confirm | None = None,
    ) -> None:
        """Send a NWK frame towards `destination`, through `hop` when given, else by our own idea of the next hop.

        It is held for a sleepy child, and for any hop when `indirect`. `key`: the sequence number of its network key, where
        it is not the active one. `source`: the child for which a parent speaks.
        """
        source = self.short if source is None else source
        self._sequence = sequence = self._sequence + 1 & 0xFF
        control = kind | nwk.VERSION_PRO
        if secure:
            control |= nwk.SECURITY
        routes = self.routes
        if hop is None and not self.routing:
            hop = self.parent
        elif hop is None:
            if destination == COORDINATOR and routes.concentrator is not None:
                routes.record(routes.concentrator, self.short)
            hop = self.next_hop(destination)
            if (
                hop != destination
                and destination in routes.records
                and self._source_routed(control, destination, radius, sequence, payload, confirm)
            ):
                return
        if destination_eui64 is None and source_eui64 is None:
            header = _NWK.pack(control, destination, source, radius, sequence)
        else:
            header = self._header(control, destination, radius, sequence, destination_eui64, source_eui64)
        if hop is None:
            routes.wait(Waiting(destination, self.short, header, payload, secure, confirm, indirect))
        else:
            self._hop(hop, header, payload, secure, confirm, indirect, key)

    def _source_routed(
        self, control: int, destination: int, radius: int, sequence: int, payload: bytes, confirm: Confirm | None
    ) -> bool:
        """Send along the way that the destination's route record told, if a frame has room for that."""
        relays = self.routes.records[destination]
        route = nwk.SourceRoute(len(relays), len(relays) - 1, list(relays))
        header = nwk.Header(control | nwk.SOURCE_ROUTE, destination, self.short, radius, sequence, route=route).build()
        if len(header) + len(payload) > _ROOM:
            return False
        self._hop(relays[-1], header, payload, True, confirm)
        return True

    def hand(self, hop: int, header: bytes, payload: bytes) -> None:
        """Hand another device's frame to a neighbour."""
        self._hop(hop, header, payload, True, None)

    def forward(self, hop: int, frame: Waiting) -> None:
        """Hand over a frame that waited for a route."""
        self._hop(hop, frame.header, frame.payload, frame.secure, frame.confirm, frame.indirect)

    def broadcast(
        self,
        destination: int,
        payload: bytes,
        *,
        kind: int = nwk.DATA,
        radius: int = nwk.MAX_RADIUS,
        source_eui64: int | None = None,
        confirm: Confirm | None = None,
    ) -> None:
        """Send a NWK frame to everybody a broadcast address names; a sleeper has its parent do it."""
        header = self.header(kind, destination, radius, source_eui64)
        key = self.short, self._sequence
        self.broadcasts.remember(key)
        if self.sleepy:
            self._hop(self.parent, header, payload, True, confirm)
        elif radius > 1:
            self.broadcasts.spread(key, destination, header, payload, confirm)
        else:
            self.spread(destination, header, payload, confirm)

    def next_hop(self, destination: int) -> int | None:
        """Short address of the device to hand a frame to; None: a route has to be found."""
        if not self.routing:
            return self.parent
        device = self.devices.at(destination)
        if device is not None and device.relation is not Relation.NONE and not device.lost:
            return destination
        return self.routes.next_hop(destination)

    def header(self, kind: int, destination: int, radius: int, source_eui64: int | None = None) -> bytes:
        """The header of a new secured frame, with the next sequence number."""
        self._sequence = sequence = self._sequence + 1 & 0xFF
        return self._header(kind | nwk.VERSION_PRO | nwk.SECURITY, destination, radius, sequence, None, source_eui64)

    def _header(self, control: int, destination: int, radius: int, sequence: int, to: int | None, source: int | None) -> bytes:
        if to is not None:
            control |= nwk.DESTINATION_EUI64
        if source is not None:
            control |= nwk.SOURCE_EUI64
        return nwk.Header(control, destination, self.short, radius, sequence, to, source).build()

    def _hop(
        self,
        hop: int,
        header: bytes,
        payload: bytes,
        secure: bool,
        confirm: Confirm | None,
        indirect: bool = False,
        key: int | None = None,
    ) -> None:
        frame = self.sealing.seal(header, payload, key) if secure else header + payload
        self.mac_sequence = sequence = self.mac_sequence + 1 & 0xFF
        psdu = crc.append_kermit(mac.SHORT_HEADER.pack(_UNICAST, sequence, self.pan_id, hop, self.short) + frame)
        if len(psdu) > mac.MAX_PSDU:
            raise LocalProtocolError(f"a PSDU of {len(psdu)} octets")
        device = self.devices.at(hop)
        held = indirect or (device is not None and device.relation is Relation.CHILD and device.sleepy)
        if self.neighbours.several and secure and not held:
            confirm = partial(self.routes.sent, hop, header, confirm)
        if hop == self.parent:
            self.context.transmit(psdu, False, partial(self._parent_confirm, confirm))
            return
        self.context.transmit(psdu, held, confirm, self.context.interface if device is None else device.interface)

    def _parent_confirm(self, confirm: Confirm | None, status: TxStatus, frame_pending: bool) -> None:
        if status is TxStatus.ACKED:
            self._parent_failures = 0
        else:
            self._parent_failures += 1
            if self._parent_failures == PARENT_FAILURES and self.joined:
                self.context.effects.append(ParentLost())
        if confirm is not None:
            confirm(status, frame_pending)

    @property
    def orphaned(self) -> bool:
        """The parent has not answered for long enough to count as lost."""
        return self._parent_failures >= PARENT_FAILURES

    def parent_answered(self, status: TxStatus) -> None:
        """A data request ended: that too shows whether the parent is there."""
        self._parent_confirm(None, status, False)

    def spread(
        self, destination: int, header: bytes, payload: bytes, confirm: Confirm | None = None, children: bool = True
    ) -> None:
        """Send a broadcast once to who listens, and leave it out for sleeping `children` where it is for all."""
        frame = self.sealing.seal(header, payload)
        head = mac.SHORT_HEADER.pack(mac.SHORT_DATA, self.next_sequence(), self.pan_id, mac.BROADCAST, self.short)
        psdu = crc.append_kermit(head + frame)
        self.context.transmit(psdu, False, confirm)
        if self.second is not None and destination != ROUTERS:  # there are no routers below 1 GHz (05-3474-22 annex D.5)
            self.context.transmit(psdu, False, None, 1)
        if children and destination == mac.BROADCAST:
            for child in self.devices.children():
                if child.sleepy:
                    self._hop(child.short, header, payload, True, None)

    # --- receiving -----------------------------------------------------------------------------------------------

    def receive(self, psdu: bytes, lqi: int) -> None:
        """Take a PSDU from the radio. Raises RemoteProtocolError on malformed octets."""
        context = self.context
        context.layer = "mac"
        self.lqi = lqi
        mac.check(psdu)
        addresses = mac.short_data(psdu)
        if addresses is not None:
            pan, destination, source = addresses
            self._data(pan, destination, source, psdu[mac.SHORT_HEADER.size : -mac.FCS])
            return
        if enhanced.is_enhanced(psdu):
            frame = enhanced.parse(psdu)
            for handler in self.on_enhanced:
                handler(frame, lqi)
            return
        header, msdu = mac.split(psdu)
        kind = header.control & mac.TYPE
        if kind == mac.DATA and header.source_eui64 is not None and self.on_inter_pan is not None:
            self.on_inter_pan(header, msdu)
        elif kind == mac.DATA:
            self._data(header.destination_pan, header.destination, header.source, msdu)
        elif kind == mac.BEACON:
            self.upper.beacon(header, msdu, lqi)
            for hear in self.on_beacon:
                hear(header, msdu, lqi)
        elif kind == mac.COMMAND:
            self.upper.mac_command(header, msdu)
        elif kind != mac.ACK:
            context.drop("a reserved frame type")

    def _data(self, pan: int | None, destination: int | None, source: int | None, msdu: bytes) -> None:
        if pan != self.pan_id or (destination != self.short and destination != mac.BROADCAST):
            self.context.ignore("not for us")
        elif source is None or not (self.joined or self.awaiting_key):
            self.context.ignore("no use for data")
        else:
            self._nwk_frame(msdu, source, destination != mac.BROADCAST)

    def _nwk_frame(self, frame: bytes, previous: int, unicast: bool) -> None:
        context = self.context
        context.layer = "nwk"
        header, at = nwk.Header.parse_from(frame, 0)
        control = header.control
        if control & nwk.VERSION != nwk.VERSION_PRO or control & nwk.TYPE > nwk.COMMAND:
            context.drop("another protocol version or frame type")
            return
        if control & nwk.MULTICAST:
            context.drop("multicast")
            return
        if header.destination == ROUTERS and not self.routing:
            context.ignore("for routers")  # before it is decrypted: every link status of every router comes by here
            return
        if header.destination == RX_ON_DEVICES and self.sleepy:
            context.ignore("for devices that listen always")  # its counter is above those of frames that the parent holds for us
            return
        sender: int | None = None
        if control & nwk.SECURITY:
            sender, payload = self.sealing.open(frame, at, previous)
            if sender is None:
                return
        else:
            payload = frame[at:]
            if header.destination != self.short or not unicast:
                context.drop("unsecured")
                return
        if header.source == self.short and sender is not None and header.destination < nwk.LOWEST_BROADCAST:
            context.drop("our own address as source")
            self.addresses.heard(header, previous)
            return
        if header.source_eui64 is not None and sender is not None and header.source_eui64 != context.config.eui64:
            self.devices.learn(header.source_eui64, header.source)
        if header.source != previous and unicast and sender is not None and self.routing:
            self.routes.relayed(header.source, previous)
        self._route(header, frame[:at], payload, sender, previous, unicast)

    def _route(self, header: nwk.Header, octets: bytes, payload: bytes, sender: int | None, previous: int, unicast: bool) -> None:
        destination = header.destination
        if destination == self.short:
            self._take(header, payload, sender)
        elif destination >= nwk.LOWEST_BROADCAST:
            self._broadcast_heard(header, octets, payload, sender, previous)
        elif self.routing and unicast and sender is not None:
            self._relay.relay(header, octets, payload, previous)
        else:
            self.context.ignore("not for us")

    def _take(self, header: nwk.Header, payload: bytes, sender: int | None) -> None:
        if not header.control & nwk.TYPE:
            self.upper.nsdu(header, payload, sender is not None)
            return
        frame = nwk.commands.parse(payload)
        secured = sender is not None
        if sender is None:
            sender = header.source_eui64 if isinstance(frame, nwk.RejoinRequest | nwk.RejoinResponse) else None
            if sender is None:
                self.context.drop("an unsecured command")
                return
        handler = self._commands.get(type(frame))
        if handler is None:
            self.context.ignore("a command of no use here")
        else:
            handler(Origin(header, sender, secured), frame)

    def _broadcast_heard(self, header: nwk.Header, octets: bytes, payload: bytes, sender: int | None, previous: int) -> None:
        destination = header.destination
        if header.control & nwk.TYPE and payload[:1] == _ROUTE_REQUEST:
            self._take(header, payload, sender)  # known by its identifier and cost, not by its sequence number
            return
        key = header.source, header.sequence
        if not self.broadcasts.heard(key, previous):
            self.context.ignore("a broadcast heard before")
            return
        if header.source == self.short:
            self.context.drop("our own address as source")
            if sender is not None:
                self.addresses.heard(header, previous)
            return
        if destination not in _BROADCASTS_KNOWN:
            self.context.drop("a reserved broadcast address")
            return
        if self.routing and header.radius > 1:
            self.broadcasts.relay(key, destination, onward(octets), payload)
        self._take(header, payload, sender)


_ROUTE_REQUEST = b"\x01"
_BROADCASTS_KNOWN = frozenset({mac.BROADCAST, RX_ON_DEVICES, ROUTERS})


TRUST_CENTRE_ADDRESS = COORDINATOR
"""In a home the coordinator is the trust centre."""
