"""Inter-PAN: messages between devices that are not on one network, over one hop, by EUI-64 (SE 1.4 annex B).

    MAC data, no PAN compression, from EUI-64 | NWK stub 0B 00 | APS stub: control, [group], cluster, profile | payload

A node takes them for the clusters in `allowed`, and that is none unless its firmware says so; others are dropped. A message
may be under a link key that both ends agreed on by inter-PAN key establishment (`keys`), which serves for nothing else.
`discover` lists the networks around without joining one; a coordinator may look in the same way before it forms its own, and takes
a channel that is quiet and that the fewest are on, and a PAN identifier that none has. Not here: touchlink, groups, fragments,
repetition above the MAC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from protocols.core import crc
from protocols.core.codec import Frame, const, le, when
from protocols.core.codec import this as fields
from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.zigbee import mac, security
from protocols.zigbee.context import Context
from protocols.zigbee.energy import EnergyScan, Levels
from protocols.zigbee.network import Network
from protocols.zigbee.node import Delivered, S, TxStatus, Undelivered

PROFILE: Final = 0x0109
APART: Final = 30 * S
"""Over how long a time hubs that start together begin to look around."""
SCAN: Final = S // 7
"""Listening time on a channel."""
EXPONENT: Final = 5
"""Of the energy scan before it: half a second a channel."""
ACCEPTABLE: Final = 100
"""Energy up to which a channel will do: some 12 dB above sensitivity, where clear channel assessment finds it busy."""

_STUB = b"\x0b\x00"
_TYPE, _DELIVERY, _SECURITY = 0x03, 0x0C, 0x20
_INTER_PAN, _BROADCAST, _GROUP = 0x03, 0x08, 0x0C
_FORM = security.KEY_IDENTIFIER | security.EXTENDED_NONCE
_PARTNERS = 4
_NETWORKS = 16


class Stub(Frame):
    """NWK and APS headers of an inter-PAN frame."""

    nwk: int = const(0x000B, le.u16)
    control: le.u8
    group: int | None = when((fields.control & 0x0C) == 0x0C, le.u16, default=None)
    cluster: le.u16 = 0
    profile: le.u16 = PROFILE


class InterPan(Effect, frozen=True):
    """A message arrived from outside any network. `source`: EUI-64; answer to it in `pan_id`."""

    source: int
    pan_id: int
    profile: int
    cluster: int
    payload: bytes
    secured: bool
    broadcast: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A network around."""

    extended_pan_id: int
    pan_id: int
    channel: int
    lqi: int
    permits: bool


class NetworksFound(Effect, frozen=True):
    """`discover` has ended; the best heard first."""

    networks: tuple[Found, ...]


class OutsideNetwork:
    """A node's messages outside its network. Each call returns the node's effects."""

    def __init__(self, context: Context, network: Network, energy: EnergyScan, done: Callable[[], list[Effect]]) -> None:
        self._context = context
        self._network = network
        self._energy = energy
        self._done = done
        self.allowed: frozenset[int] = frozenset()
        """Clusters whose messages are taken."""
        self.keys: dict[int, security.LinkKey] = {}
        """EUI-64 to the link key of inter-PAN key establishment."""
        self._found: dict[tuple[int, int], Found] | None = None
        self._surveyed: Callable[[], None] | None = None
        self._pan = mac.BROADCAST
        self._levels: Levels = {}
        network.on_inter_pan = self._heard
        network.on_beacon.append(self._beacon)

    def agree(self, partner: int, key: bytes) -> None:
        """Both ends established a key. The oldest of four makes room."""
        self.keys.pop(partner, None)
        while len(self.keys) >= _PARTNERS:
            del self.keys[next(iter(self.keys))]
        self.keys[partner] = security.LinkKey(key, security.CERTIFIED)

    def labelled(self) -> list[tuple[str, bytes]]:
        """The keys, for a capture's key file."""
        return [(f"inter-PAN key {partner:016X}", link.key) for partner, link in self.keys.items()]

    # --- sending ---

    def send(
        self,
        destination: int | None,
        pan_id: int,
        cluster: int,
        payload: bytes,
        now: int,
        *,
        short: bool = False,
        secured: bool = False,
    ) -> tuple[int, list[Effect]]:
        """Send to an EUI-64, to a short address (`short`), or to everybody (None) in a PAN, 0xFFFF being all.

        Returns the handle that Delivered or Undelivered names. Raises LocalProtocolError for more than one frame carries, or a
        secured message to one with whom there is no key.
        """
        context = self._context
        context.now = now
        control = _INTER_PAN | (_BROADCAST if destination is None else 0) | (_SECURITY if secured else 0)
        stub = Stub(control, cluster=cluster).build()
        body = stub + payload
        if secured:
            link = None if destination is None else self.keys.get(destination)
            if link is None:
                raise LocalProtocolError("no inter-PAN key with the destination")
            counter = context.counters.next(f"inter-pan.{destination:016x}")
            auxiliary = security.Auxiliary(security.EXTENDED_NONCE, counter, context.config.eui64).build()
            body = _STUB + security.seal(link.key, context.eui64_octets, stub[2:], auxiliary, payload)
        handle = context.handle()
        psdu = self._frame(destination, pan_id, short, body)
        if len(psdu) > mac.MAX_PSDU:
            raise LocalProtocolError(f"an inter-PAN payload of {len(payload)} octets does not fit")
        context.transmit(psdu, False, partial(self._sent, handle))
        return handle, self._done()

    def _frame(self, destination: int | None, pan_id: int, short: bool, body: bytes) -> bytes:
        network, own = self._network, self._context.config.eui64
        control, sequence = mac.DATA | mac.SOURCE_EXTENDED, network.next_sequence()
        if destination is None:
            control |= mac.DESTINATION_SHORT
            header = mac.Header(control, sequence, pan_id, mac.BROADCAST, source_pan=network.pan_id, source_eui64=own)
        elif short:
            control |= mac.DESTINATION_SHORT | mac.ACK_REQUEST
            header = mac.Header(control, sequence, pan_id, destination, source_pan=network.pan_id, source_eui64=own)
        else:
            control |= mac.DESTINATION_EXTENDED | mac.ACK_REQUEST
            header = mac.Header(
                control, sequence, pan_id, destination_eui64=destination, source_pan=network.pan_id, source_eui64=own
            )
        return crc.append_kermit(header.build() + body)

    def _sent(self, handle: int, status: TxStatus, frame_pending: bool) -> None:
        if status is TxStatus.ACKED:
            self._context.effects.append(Delivered(handle))
        else:
            self._context.effects.append(Undelivered(handle, "no acknowledgement"))

    # --- receiving ---

    def _heard(self, header: mac.Header, msdu: bytes) -> None:
        """A data frame from an EUI-64. Raises RemoteProtocolError on malformed octets."""
        context = self._context
        context.layer = "inter-pan"
        if msdu[:2] != _STUB or header.source_pan is None or header.source_eui64 is None:
            context.drop("a data frame from an EUI-64 that is not inter-PAN")
            return
        stub, at = Stub.parse_from(msdu, 0)
        if stub.control & _TYPE != _INTER_PAN or stub.group is not None:
            context.drop("not an inter-PAN frame, or one for a group")
            return
        if stub.cluster not in self.allowed or stub.profile != PROFILE:
            context.drop("inter-PAN to a cluster that takes none")
            return
        secured = bool(stub.control & _SECURITY)
        payload = self._opened(header.source_eui64, msdu, at) if secured else msdu[at:]
        if payload is None:
            return
        broadcast = stub.control & _DELIVERY == _BROADCAST
        context.effects.append(
            InterPan(header.source_eui64, header.source_pan, stub.profile, stub.cluster, payload, secured, broadcast)
        )

    def _opened(self, source: int, msdu: bytes, at: int) -> bytes | None:
        """The plain payload of a secured message; None when it was refused."""
        context = self._context
        link = self.keys.get(source)
        auxiliary, end = security.Auxiliary.parse_from(msdu, at)
        if link is None or auxiliary.control & _FORM != security.EXTENDED_NONCE or auxiliary.source != source:
            context.drop("secured by a key that we do not share, or not its sender's")
            return None
        if auxiliary.counter <= link.incoming:
            context.drop("replayed frame counter")
            return None
        try:
            payload = security.unseal(link.key, source.to_bytes(8, "little"), msdu[2:], at - 2, end - 2)
        except RemoteProtocolError:
            context.drop("the MIC does not fit")
            return None
        link.incoming = auxiliary.counter
        return payload

    # --- what is around ---

    def tune(self, channel: int, now: int) -> list[Effect]:
        """Be on a channel, on no network. Raises LocalProtocolError on a network."""
        self._outside(now)
        network = self._network
        network.channel, network.pan_id = channel, mac.BROADCAST
        network.configure(rx_on=True)
        return self._done()

    def discover(self, now: int) -> list[Effect]:
        """Listen for networks on all channels. Ends in NetworksFound. Raises LocalProtocolError on a network."""
        self._outside(now)
        self._found = {}
        self._look(0)
        return self._done()

    def survey(self, go_on: Callable[[], None]) -> None:
        """Have a coordinator start its network, at once or (`NodeConfig.survey`) where there is most room."""
        context = self._context
        if not context.config.survey:
            self._start(go_on)
            return
        # Hubs of a street whose power comes back look one after another.
        self._surveyed, self._pan = go_on, self._network.pan_id
        context.after("discover", int(context.rng.random() * APART), self._listen)

    def _listen(self) -> None:
        network, channels = self._network, self._context.config.channels
        network.channel, network.pan_id = channels[0], mac.BROADCAST
        network.configure(rx_on=True)
        self._energy.start(channels, EXPONENT, self._listened)

    def _listened(self, levels: Levels) -> None:
        self._levels, self._found = levels, {}
        self._look(0)

    def _settle(self, others: list[Found], go_on: Callable[[], None]) -> None:
        network, channels = self._network, self._context.config.channels
        network.channel, network.pan_id = min(channels, key=partial(self._unfit, others)), self._pan
        while any(other.pan_id == network.pan_id for other in others):
            network.pan_id = self._context.rng.getrandbits(14) | 1
        self._start(go_on)

    def _unfit(self, others: list[Found], channel: int) -> tuple[bool, int, int]:
        level = self._levels.get(channel, 0)
        return level > ACCEPTABLE, sum(other.channel == channel for other in others), level

    def _start(self, go_on: Callable[[], None]) -> None:
        go_on()
        self._network.changed()

    def _outside(self, now: int) -> None:
        self._context.now = now
        if self._network.joined:
            raise LocalProtocolError("on a network")

    def _look(self, index: int) -> None:
        network, channels = self._network, self._context.config.channels
        if index == len(channels):
            found, self._found = self._found or {}, None
            best = sorted(found.values(), key=lambda each: -each.lqi)
            self._context.effects.append(NetworksFound(tuple(best)))
            surveyed, self._surveyed = self._surveyed, None
            if surveyed is not None:
                self._settle(best, surveyed)
            return
        network.channel, network.pan_id = channels[index], mac.BROADCAST
        network.configure(rx_on=True)
        self._context.transmit(mac.beacon_request(network.next_sequence()))
        self._context.after("discover", SCAN, partial(self._look, index + 1))

    def _beacon(self, header: mac.Header, msdu: bytes, lqi: int) -> None:
        if self._found is None or header.source != 0 or header.source_pan is None or len(self._found) >= _NETWORKS:
            return
        beacon = mac.Beacon.parse(msdu)
        told = mac.BeaconPayload.parse(beacon.payload)
        place = self._network.channel
        self._found[told.extended_pan_id, place] = Found(
            told.extended_pan_id, header.source_pan, place, lqi, beacon.association_permit
        )
