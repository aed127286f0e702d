"""Broadcasts: the transaction table, relaying with jitter, passive acknowledgement and repetition (05-3474 clause 3.6.5).

A router that sends or relays a broadcast expects to hear it from each neighbouring router, an end device from its parent; what
one of them sent before counts. Whoever is not heard within 500 ms gets it again, twice at most. Where there is nobody
to wait for, nothing waits. The table has a fixed size: in a storm the oldest entry goes, and the radius ends what comes
round again. Not here: route requests, which are repeated and relayed by their cost (`routing`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from protocols.zigbee.devices import Relation
from protocols.zigbee.node import MS, S

if TYPE_CHECKING:
    from protocols.zigbee.context import Confirm
    from protocols.zigbee.network import Network

DELIVERY = 9 * S
"""nwkNetworkBroadcastDeliveryTime."""
JITTER = 64 * MS
"""nwkcMaxBroadcastJitter."""
PASSIVE_ACK = 500 * MS
"""nwkPassiveAckTimeout."""
RETRIES = 2
"""nwkMaxBroadcastRetries."""
SIZE = 64
RELAYING = 16
"""Broadcasts that wait to be relayed at once; more are a storm, and end here."""

Key = tuple[int, int]
"""Source and sequence number."""


class Broadcast:
    """One entry: until when it is remembered, and whom we have heard it from."""

    __slots__ = ("expires", "heard")

    def __init__(self, expires: int) -> None:
        self.expires = expires
        self.heard: set[int] = set()


class Broadcasts:
    """The broadcast transaction table of one node."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._context = network.context
        self._table: dict[Key, Broadcast] = {}
        self._relaying: set[Key] = set()

    def clear(self) -> None:
        """No network."""
        self._table.clear()
        self._relaying.clear()

    def __len__(self) -> int:
        return len(self._table)

    def remember(self, key: Key) -> Broadcast | None:
        """Enter a broadcast into the table; None when it is there already."""
        now = self._context.now
        table = self._table
        known = table.get(key)
        if known is not None and known.expires > now:
            return None
        table.pop(key, None)
        while table:  # in order of time
            oldest = next(iter(table))
            if table[oldest].expires > now and len(table) < SIZE:
                break
            del table[oldest]
        entry = table[key] = Broadcast(now + DELIVERY)
        return entry

    def heard(self, key: Key, previous: int) -> bool:
        """A neighbour sent this broadcast. False: it was heard before, and now a neighbour has acknowledged it."""
        entry = self.remember(key)
        if entry is None:
            self._table[key].heard.add(previous)
            return False
        entry.heard.add(previous)
        return True

    def relay(self, key: Key, destination: int, header: bytes, payload: bytes) -> None:
        """Pass a broadcast on after a moment, so that neighbours do not speak at once."""
        if len(self._relaying) >= RELAYING:
            self._context.drop("too many broadcasts at once")
            return
        self._relaying.add(key)
        jitter = int(self._context.rng.random() * JITTER)
        self._context.after(("relay", key), jitter, partial(self._relay_now, key, destination, header, payload))

    def _relay_now(self, key: Key, destination: int, header: bytes, payload: bytes) -> None:
        self._relaying.discard(key)
        self.spread(key, destination, header, payload)

    def spread(self, key: Key, destination: int, header: bytes, payload: bytes, confirm: Confirm | None = None) -> None:
        """Send a broadcast that is in the table, and again while a neighbour has not relayed it."""
        self._network.spread(destination, header, payload, confirm)
        self._expect(key, destination, header, payload, RETRIES)

    def _expect(self, key: Key, destination: int, header: bytes, payload: bytes, retries: int) -> None:
        if retries and not self._acknowledged(key):
            again = partial(self._unacknowledged, key, destination, header, payload, retries)
            self._context.after(("passive", key), PASSIVE_ACK, again)

    def _unacknowledged(self, key: Key, destination: int, header: bytes, payload: bytes, retries: int) -> None:
        if self._network.joined and not self._acknowledged(key):
            self._network.spread(destination, header, payload, None, children=False)
            self._expect(key, destination, header, payload, retries - 1)

    def _acknowledged(self, key: Key) -> bool:
        """Whether every neighbour that relays has it; so does one whose broadcast it is, and one that has gone."""
        entry = self._table.get(key)
        if entry is None:
            return True
        expected = (
            device.short
            for device in self._network.devices
            if device.router and not device.lost and device.relation is not Relation.NONE
        )
        return all(short in entry.heard or short == key[0] for short in expected)
