"""The NWK layer's data path: securing, next hop, relaying, broadcasts, and what the MAC hands up (05-3474 clauses 3.6, 4.3).

One hop around the hub: an end device sends everything to its parent; a router or the coordinator delivers to children and
neighbouring routers and relays for its children, securing each hop anew. What a neighbour relays shows the way back: a child that
moved to another parent is reached through it. A router without a better idea asks its parent.
Broadcasts are relayed once by routers and remembered for 9 s; passive acknowledgement and repetition are left out. Not here:
route discovery, source routing, address conflicts, joining (`joining`, `parent`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import Protocol, TypeVar, cast

from protocols.core import crc
from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.zigbee import mac, nwk, security
from protocols.zigbee.context import Confirm, Context
from protocols.zigbee.devices import Device, Devices, Relation
from protocols.zigbee.node import (
    COORDINATOR,
    MS,
    ROUTERS,
    RX_ON_DEVICES,
    UNASSIGNED,
    Configure,
    NodeType,
    ParentLost,
    S,
    TxStatus,
)

BROADCAST_DELIVERY = 9 * S
BROADCAST_JITTER = 64 * MS
PARENT_FAILURES = 3
"""Frames in a row the parent must not acknowledge before it counts as lost."""

_BROADCASTS = 64
_NEIGHBOURS_OF_KEY = 128

_NWK = Struct("<HHHBB")
_AUXILIARY = Struct("<BIQB")
_UNICAST = mac.SHORT_DATA | mac.ACK_REQUEST
_NWK_SECURITY = security.NETWORK_KEY | security.EXTENDED_NONCE
_SECURITY_FORM = security.KEY_IDENTIFIER | security.EXTENDED_NONCE
_RADIUS = 6
"""Where the radius is in a header."""

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
        self.on(nwk.LinkStatus, self._link_status)
        self.mac_sequence = context.rng.getrandbits(8)
        self._sequence = context.rng.getrandbits(8)
        self.reset()

    def on(self, command: type[_F], handler: Callable[[Origin, _F], None]) -> None:
        """Hand this NWK command, when it comes for us, to `handler`."""
        self._commands[command] = cast("CommandHandler", handler)

    def reset(self) -> None:
        """No network."""
        self.channel = self.context.config.channels[0]
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
        self._broadcasts: dict[tuple[int, int], int] = {}

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
        self.context.effects.append(Configure(self.channel, self.pan_id, self.short, on))

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
        confirm: Confirm | None = None,
    ) -> None:
        """Send a NWK frame towards `destination`, through `hop` when given, else by our own idea of the next hop.

        It is held for a sleepy child, and for any hop when `indirect`. `key`: the sequence number of its network key, where
        it is not the active one.
        """
        self._sequence = sequence = self._sequence + 1 & 0xFF
        control = kind | nwk.VERSION_PRO
        if secure:
            control |= nwk.SECURITY
        if destination_eui64 is None and source_eui64 is None:
            header = _NWK.pack(control, destination, self.short, radius, sequence)
        else:
            header = self._header(control, destination, radius, sequence, destination_eui64, source_eui64)
        self._hop(self.next_hop(destination) if hop is None else hop, header, payload, secure, confirm, indirect, key)

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
        self._sequence = sequence = self._sequence + 1 & 0xFF
        header = self._header(kind | nwk.VERSION_PRO | nwk.SECURITY, destination, radius, sequence, None, source_eui64)
        self._remember(self.short, sequence)
        if self.sleepy:
            self._hop(self.parent, header, payload, True, confirm)
        else:
            self._spread(destination, header, payload, confirm)

    def next_hop(self, destination: int) -> int:
        """Short address of the device to hand a frame to."""
        if not self.routing:
            return self.parent
        device = self.devices.at(destination)
        if device is not None and (device.relation is not Relation.NONE or device.router):
            return destination
        if device is not None and device.hop is not None:
            return device.hop
        return destination if self.type is NodeType.COORDINATOR else self.parent

    def _header(self, control: int, destination: int, radius: int, sequence: int, to: int | None, source: int | None) -> bytes:
        if to is not None:
            control |= nwk.DESTINATION_EUI64
        if source is not None:
            control |= nwk.SOURCE_EUI64
        return nwk.Header(control, destination, self.short, radius, sequence, to, source).build()

    def _secured(self, header: bytes, payload: bytes, key: int | None = None) -> bytes:
        counter = self.context.counters.next("nwk")
        if counter >= security.COUNTER_LIMIT:
            raise LocalProtocolError("the network key's outgoing frame counter is used up")
        sequence = self.active_key if key is None else key
        auxiliary = _AUXILIARY.pack(_NWK_SECURITY, counter, self.context.config.eui64, sequence)
        return security.seal(self.keys[sequence].key, self.context.eui64_octets, header, auxiliary, payload)

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
        frame = self._secured(header, payload, key) if secure else header + payload
        self.mac_sequence = sequence = self.mac_sequence + 1 & 0xFF
        psdu = crc.append_kermit(mac.SHORT_HEADER.pack(_UNICAST, sequence, self.pan_id, hop, self.short) + frame)
        if len(psdu) > mac.MAX_PSDU:
            raise LocalProtocolError(f"a PSDU of {len(psdu)} octets")
        if hop == self.parent:
            self.context.transmit(psdu, False, partial(self._parent_confirm, confirm))
            return
        device = self.devices.at(hop)
        held = indirect or (device is not None and device.relation is Relation.CHILD and device.sleepy)
        self.context.transmit(psdu, held, confirm)

    def _parent_confirm(self, confirm: Confirm | None, status: TxStatus, frame_pending: bool) -> None:
        if status is TxStatus.ACKED:
            self._parent_failures = 0
        else:
            self._parent_failures += 1
            if self._parent_failures == PARENT_FAILURES and self.joined:
                self.context.effects.append(ParentLost())
        if confirm is not None:
            confirm(status, frame_pending)

    def parent_answered(self, status: TxStatus) -> None:
        """A data request ended: that too shows whether the parent is there."""
        self._parent_confirm(None, status, False)

    def _spread(self, destination: int, header: bytes, payload: bytes, confirm: Confirm | None = None) -> None:
        frame = self._secured(header, payload)
        head = mac.SHORT_HEADER.pack(mac.SHORT_DATA, self.next_sequence(), self.pan_id, mac.BROADCAST, self.short)
        self.context.transmit(crc.append_kermit(head + frame), False, confirm)
        if destination == mac.BROADCAST:
            for child in self.devices.children():
                if child.sleepy:
                    self._hop(child.short, header, payload, True, None)

    # --- receiving -----------------------------------------------------------------------------------------------

    def receive(self, psdu: bytes, lqi: int) -> None:
        """Take a PSDU from the radio. Raises RemoteProtocolError on malformed octets."""
        context = self.context
        context.layer = "mac"
        mac.check(psdu)
        addresses = mac.short_data(psdu)
        if addresses is not None:
            self._data(*addresses, psdu[mac.SHORT_HEADER.size : -mac.FCS])
            return
        header, msdu = mac.split(psdu)
        kind = header.control & mac.TYPE
        if kind == mac.DATA:
            self._data(header.destination_pan, header.destination, header.source, msdu)
        elif kind == mac.BEACON:
            self.upper.beacon(header, msdu, lqi)
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
        if control & (nwk.MULTICAST | nwk.SOURCE_ROUTE):
            context.drop("multicast or source route")
            return
        if header.destination == ROUTERS and not self.routing:
            context.ignore("for routers")  # before it is decrypted: every link status of every router comes by here
            return
        sender: int | None = None
        if control & nwk.SECURITY:
            sender, payload = self._unsecured(frame, at, previous)
            if sender is None:
                return
        else:
            payload = frame[at:]
            if header.destination != self.short or not unicast:
                context.drop("unsecured")
                return
        if header.source == self.short and sender is not None and header.destination < nwk.LOWEST_BROADCAST:
            context.drop("our own address as source")
            return
        if header.source_eui64 is not None and sender is not None and header.source_eui64 != context.config.eui64:
            self.devices.learn(header.source_eui64, header.source)
        if header.source != previous and unicast and sender is not None and self.routing:
            self.devices.relayed(header.source, previous)
        self._route(header, frame[:at], payload, sender, unicast)

    def _unsecured(self, frame: bytes, at: int, previous: int) -> tuple[int | None, bytes]:
        """The sender's EUI-64 and the plain payload; no sender when the frame was refused."""
        context = self.context
        end = at + _AUXILIARY.size
        if len(frame) < end:
            raise RemoteProtocolError(f"no room for the auxiliary header (offset {at})")
        control, counter, sender, key_sequence = _AUXILIARY.unpack_from(frame, at)
        if control & _SECURITY_FORM != _NWK_SECURITY:
            context.drop("not secured by the network key with an extended nonce")
            return None, b""
        key = self.keys.get(key_sequence)
        if key is None:
            context.drop("unknown key sequence number")
            return None, b""
        if sender == context.config.eui64:
            context.ignore("our own frame")
            return None, b""
        if counter <= key.incoming.get(sender, -1):
            context.drop("replayed frame counter")
            return None, b""
        if counter >= security.COUNTER_LIMIT:
            context.drop("frame counter used up")
            return None, b""
        try:
            payload = security.unseal(key.key, frame[at + 5 : at + 13], frame, at, end)
        except RemoteProtocolError:
            context.drop("the MIC does not fit")
            return None, b""
        if sender not in key.incoming and len(key.incoming) >= _NEIGHBOURS_OF_KEY:
            del key.incoming[next(iter(key.incoming))]
        key.incoming[sender] = counter
        device = self.devices.get(sender)
        if device is None or device.short != previous:
            device = self.devices.learn(sender, previous)
        device.heard = context.now
        return sender, payload

    def _route(self, header: nwk.Header, octets: bytes, payload: bytes, sender: int | None, unicast: bool) -> None:
        destination = header.destination
        if destination == self.short:
            self._take(header, payload, sender)
        elif destination >= nwk.LOWEST_BROADCAST:
            self._broadcast_heard(header, octets, payload, sender)
        elif self.routing and unicast:
            self._relay(header, octets, payload)
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

    def _relay(self, header: nwk.Header, octets: bytes, payload: bytes) -> None:
        context = self.context
        if header.radius <= 1:
            context.drop("radius used up")
            return
        hop = self.next_hop(header.destination)
        if hop == header.source or (self.devices.at(hop) is None and hop != self.parent):
            context.drop("no route")
            status = nwk.NetworkStatus(nwk.NO_ROUTE, header.destination).build()
            self.unicast(header.source, status, kind=nwk.COMMAND)
            return
        self._hop(hop, _onward(octets), payload, True, None)

    def _broadcast_heard(self, header: nwk.Header, octets: bytes, payload: bytes, sender: int | None) -> None:
        destination = header.destination
        if not self._remember(header.source, header.sequence):
            self.context.ignore("a broadcast heard before")
            return
        if destination not in _BROADCASTS_KNOWN:
            self.context.drop("a reserved broadcast address")
            return
        if self.routing and header.radius > 1:
            jitter = int(self.context.rng.random() * BROADCAST_JITTER)
            relay = partial(self._spread, destination, _onward(octets), payload)
            self.context.after(("relay", header.source, header.sequence), jitter, relay)
        self._take(header, payload, sender)

    def _remember(self, source: int, sequence: int) -> bool:
        """Enter a broadcast into the transaction table; False when it is there already."""
        now = self.context.now
        table = self._broadcasts
        if table.get((source, sequence), 0) > now:
            return False
        while table:  # in order of time
            oldest = next(iter(table))
            if table[oldest] > now and len(table) < _BROADCASTS:
                break
            del table[oldest]
        table[source, sequence] = now + BROADCAST_DELIVERY
        return True

    # --- link status ---------------------------------------------------------------------------------------------

    def start_link_status(self) -> None:
        """Routers: say every period which routers we hear."""
        period = self.context.config.link_status_period
        if self.routing and period is not None:
            first = int(self.context.rng.random() * period)
            self.context.after("link status", first, partial(self._send_link_status, period))

    def _send_link_status(self, period: int) -> None:
        links = [nwk.LinkCost(device.short, cost(device.lqi) | device.outgoing_cost << 4) for device in self._routers()]
        frame = nwk.LinkStatus(len(links) | nwk.LinkStatus.FIRST_AND_LAST, links)
        self.broadcast(ROUTERS, frame.build(), kind=nwk.COMMAND, radius=1, source_eui64=self.context.config.eui64)
        self.context.after("link status", period, partial(self._send_link_status, period))

    def _routers(self) -> list[Device]:
        routers = [device for device in self.devices if device.router and device.relation is not Relation.NONE]
        return sorted(routers, key=lambda device: device.short)[:24]

    def _link_status(self, origin: Origin, frame: nwk.LinkStatus) -> None:
        device = self.devices.at(origin.header.source)
        if device is None or not self.routing:
            return
        if device.relation is Relation.NONE:
            device.relation = Relation.NEIGHBOUR
        device.capability |= mac.CAPABILITY_ROUTER
        for link in frame.links:
            if link.neighbour == self.short:
                device.outgoing_cost = link.costs & 0x07


_BROADCASTS_KNOWN = frozenset({mac.BROADCAST, RX_ON_DEVICES, ROUTERS})


def _onward(octets: bytes) -> bytes:
    """The header for the next hop."""
    return octets[:_RADIUS] + bytes((octets[_RADIUS] - 1,)) + octets[_RADIUS + 1 :]


def cost(lqi: int) -> int:
    """Link cost of a link quality: 1 for a good link to 7."""
    return max(1, min(7, 8 - lqi // 32))


TRUST_CENTRE_ADDRESS = COORDINATOR
"""In a home the coordinator is the trust centre."""
