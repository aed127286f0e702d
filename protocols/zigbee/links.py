"""The link keys of a node and the APS frames they secure (05-3474 clauses 4.4.1, 4.4.3).

While the network key is awaited it may come under another key than the one held with its sender: `alternatives` names them, and
the one that opens it takes the place of the one held. Not here: where the keys come from (`keys`, `trust_centre`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.zigbee import nwk, security
from protocols.zigbee.context import Context
from protocols.zigbee.devices import Devices
from protocols.zigbee.network import Network

_COUNTER = Struct("<BI")
_NAMED = security.KEY_IDENTIFIER | security.EXTENDED_NONCE
"""Bits of which none is set where the key is the link key and the frame does not name its sender."""


class Links:
    """Link keys by the partner's EUI-64."""

    def __init__(self, context: Context, network: Network, devices: Devices) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self.keys: dict[int, security.LinkKey] = {}
        self.alternatives: Callable[[int], Sequence[security.LinkKey]] = lambda sender: ()

    def trusts(self, partner: int) -> bool:
        """Whether a link key protects application data: where certificates are asked for, that of an install code does not."""
        link = self.keys.get(partner)
        return link is not None and (link.kind in security.AGREED or not self._context.config.certified)

    def seal(self, partner: int, header: bytes, payload: bytes, identifier: int = security.DATA_KEY) -> bytes | None:
        """The secured frame, under the key that `identifier` derives; None without a link key."""
        link = self.keys.get(partner)
        if link is None:
            return None
        auxiliary = _COUNTER.pack(identifier, self._frame_counter(partner))
        return security.seal(link.derived(identifier), self._context.eui64_octets, header, auxiliary, payload)

    def seal_named(self, partner: int, header: bytes, payload: bytes, identifier: int = security.DATA_KEY) -> bytes:
        """The secured frame with our EUI-64 in its nonce, as commands have it. Raises LocalProtocolError without a link key."""
        link = self.keys.get(partner)
        if link is None:
            raise LocalProtocolError("no link key with the partner")
        own = self._context.eui64_octets
        auxiliary = _COUNTER.pack(identifier | security.EXTENDED_NONCE, self._frame_counter(partner)) + own
        return security.seal(link.derived(identifier), own, header, auxiliary, payload)

    def _frame_counter(self, partner: int) -> int:
        counter = self._context.counters.next(f"aps.{partner:016x}")
        if counter >= security.COUNTER_LIMIT:
            raise LocalProtocolError("the link key's outgoing frame counter is used up")
        return counter

    def open(self, header: nwk.Header, frame: bytes, at: int) -> tuple[int, int, bytes] | None:
        """The sender's EUI-64, the key identifier and the plain payload of a secured frame; None when refused.

        Raises RemoteProtocolError when its security cannot be one of ours.
        """
        context = self._context
        source: int | None
        if len(frame) >= at + _COUNTER.size and not frame[at] & _NAMED:  # as data are, of which there is the most
            (control, counter), end, source = _COUNTER.unpack_from(frame, at), at + _COUNTER.size, None
        else:
            auxiliary, end = security.Auxiliary.parse_from(frame, at)
            control, counter, source = auxiliary.control, auxiliary.counter, auxiliary.source
        sender = self.eui64(header) if source is None else source
        if sender is None:
            context.drop("the sender's EUI-64 is unknown")
            return None
        identifier = control & security.KEY_IDENTIFIER
        held = self.keys.get(sender)
        keys: Sequence[security.LinkKey] = () if held is None else (held,)
        if self._network.awaiting_key and identifier == security.KEY_TRANSPORT_KEY:
            keys = (*keys, *self.alternatives(sender))
        reason = "no link key with the sender"
        for link in keys:
            if counter <= link.incoming or counter >= security.COUNTER_LIMIT:
                reason = "replayed frame counter"
                continue
            try:
                payload = security.unseal(link.derived(identifier), sender.to_bytes(8, "little"), frame, at, end)
            except RemoteProtocolError:
                reason = "the MIC does not fit"
                continue
            link.incoming = counter
            self.keys[sender] = link
            return sender, identifier, payload
        context.drop(reason)
        return None

    def eui64(self, header: nwk.Header) -> int | None:
        """Who sent this, as far as it is known."""
        if header.source_eui64 is not None:
            return header.source_eui64
        device = self._devices.at(header.source)
        return None if device is None else device.eui64
