"""Incoming frame counters of the network key over a restart: no replay, one write in 1,024 frames (05-3474 clause 4.3.1.2).

What is stored of a neighbour is the end of the block of 1,024 that its counter is in: senders reserve their counters in such
blocks, and one that restarts goes on in the next. A node that restarts refuses everything up to there: it cannot tell what it had
heard. A neighbour that was in the middle of its block is told so ("bad frame counter", 3.4.3) once its frame proves to be under the
key, again after a while as long as it does not listen; it goes on in its next block and repeats what is under way. Towards a
stranger's coordinator, which may not know that status, the last counter heard is stored instead. Strangers are stored when
somebody else is. Not here: the counters of link keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import nwk, security
from protocols.zigbee.node import MINUTE, S

if TYPE_CHECKING:
    from protocols.zigbee.network import Network, Origin

BLOCK = 1024
TELL_AGAIN = 15 * S
"""After which a neighbour is told once more that its counter is in doubt."""
SKIPS = 16
"""Blocks a node may skip at once, for as many neighbours that restart one after another; a minute gives one back."""


def end_of_block(counter: int) -> int:
    """The last counter of the block that a counter is in: 1 to 1024 is the first."""
    return ((counter - 1) // BLOCK + 1) * BLOCK


class Freshness:
    """What one node does about counters it cannot judge, its own among them. `repeat` sends what is under way once more."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._context = network.context
        self._skips_back = 0
        """When all skips are given back."""
        self.repeat: Callable[[], None] = lambda: None

    def take(self) -> list[tuple[int, int, int]]:
        """What to store: key sequence number, EUI-64, counter."""
        exact = self._context.config.foreign
        stored = []
        for sequence, key in self._network.keys.items():
            key.stored = {eui64: heard if exact else end_of_block(heard) for eui64, heard in key.incoming.items()}
            stored += [(sequence, eui64, counter) for eui64, counter in key.stored.items()]
        return stored

    def give(self, stored: list[tuple[int, int, int]]) -> None:
        """After a restart: what `take` gave."""
        for sequence, eui64, counter in stored:
            key = self._network.keys.get(sequence)
            if key is not None:
                key.incoming[eui64] = key.stored[eui64] = counter
                key.doubted[eui64] = 0

    def doubt(self, key: security.NetworkKey, sender: int, frame: bytes, at: int, end: int, previous: int) -> None:
        """A frame with a counter we may have heard before the restart: its sender, if it is that, has to skip some."""
        now = self._context.now
        counter = int.from_bytes(frame[at + 1 : at + 5], "little")
        if now < key.doubted[sender] or self._context.config.foreign or counter <= key.incoming[sender] - BLOCK:
            return
        try:
            security.unseal(key.key, sender.to_bytes(8, "little"), frame, at, end)
        except RemoteProtocolError:
            return
        key.doubted[sender] = now + TELL_AGAIN
        status = nwk.NetworkStatus(nwk.BAD_FRAME_COUNTER, previous)
        self._network.unicast(previous, status.build(), kind=nwk.COMMAND, radius=1, hop=previous)

    def refused(self, origin: Origin) -> None:
        """A neighbour doubts our counter: go on in the next block. Once a minute in the long run, for a counter ends some day."""
        now = self._context.now
        if origin.header.destination != self._network.short or self._skips_back > now + (SKIPS - 1) * MINUTE:
            self._context.ignore("our frame counter doubted again")
            return
        self._skips_back = max(self._skips_back, now) + MINUTE
        for _ in range(BLOCK):
            self._context.counters.next("nwk")
        self.repeat()
