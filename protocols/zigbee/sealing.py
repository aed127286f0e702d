"""The NWK layer's security: every hop under the network key, with the sender's counter checked (05-3474 clauses 4.3.1, 4.5.1).

A counter is taken note of only when the MIC fits. An older key is good for those alone who may have missed the new one. Not here:
where keys come from, counters over a restart (`freshness`).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.zigbee import security

if TYPE_CHECKING:
    from protocols.zigbee.network import Network

_LAYOUT = Struct("<BIQB")
AUXILIARY = _LAYOUT.size
"""Octets of the auxiliary header: control, counter, the sender's EUI-64, key sequence number."""
_NWK_SECURITY = security.NETWORK_KEY | security.EXTENDED_NONCE
_SECURITY_FORM = security.KEY_IDENTIFIER | security.EXTENDED_NONCE
_NEIGHBOURS_OF_KEY = 128
_OLDER = 128
"""Key sequence numbers go round: what is less than half a round behind is older."""


class Sealing:
    """Seals and opens frames for one node."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def seal(self, header: bytes, payload: bytes, key: int | None = None) -> bytes:
        """The secured frame, under the active key or the one with this sequence number. Raises LocalProtocolError."""
        network, context = self._network, self._network.context
        counter = context.counters.next("nwk")
        if counter >= security.COUNTER_LIMIT:
            raise LocalProtocolError("the network key's outgoing frame counter is used up")
        sequence = network.active_key if key is None else key
        auxiliary = _LAYOUT.pack(_NWK_SECURITY, counter, context.config.eui64, sequence)
        return security.seal(network.keys[sequence].key, context.eui64_octets, header, auxiliary, payload)

    def open(self, frame: bytes, at: int, previous: int) -> tuple[int | None, bytes]:
        """The sender's EUI-64 and the plain payload; no sender when the frame was refused. Raises RemoteProtocolError."""
        network, context = self._network, self._network.context
        end = at + AUXILIARY
        if len(frame) < end:
            raise RemoteProtocolError(f"no room for the auxiliary header (offset {at})")
        control, counter, sender, key_sequence = _LAYOUT.unpack_from(frame, at)
        if control & _SECURITY_FORM != _NWK_SECURITY:
            context.drop("not secured by the network key with an extended nonce")
            return None, b""
        key = network.keys.get(key_sequence)
        if key is None:
            context.drop("unknown key sequence number")
            return None, b""
        if sender == context.config.eui64:
            context.ignore("our own frame")
            return None, b""
        if key_sequence != network.active_key and self._retired(key_sequence, sender):
            context.drop("under a network key that was replaced")
            return None, b""
        incoming = key.incoming
        if counter <= incoming.get(sender, -1):
            if sender in key.doubted:
                network.freshness.doubt(key, sender, frame, at, end, previous)
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
        if len(incoming) >= _NEIGHBOURS_OF_KEY and sender not in incoming:
            del incoming[next(iter(incoming))]
        incoming[sender] = counter
        if key_sequence != network.active_key:
            network.other_key(key_sequence)
        device = network.devices.get(sender)
        if device is None or device.short != previous:
            device = network.devices.learn(sender, previous)
            device.interface = context.interface
        device.heard = context.now
        device.link = network.lqi
        device.lost = False
        if counter > key.stored.get(sender, -1) and not device.evictable:  # strangers cost no writes
            key.doubted.pop(sender, None)
            network.changed()
        return sender, payload

    def _retired(self, sequence: int, sender: int) -> bool:
        """Whether this key is over for this sender: it is an older one, and only who may have missed the new one still uses it."""
        network = self._network
        if not 0 < (network.active_key - sequence & 0xFF) < _OLDER:
            return False
        device = network.devices.get(sender)
        return device is None or device.evictable or sender in network.keys[network.active_key].incoming
