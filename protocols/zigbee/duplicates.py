"""Which APS frames were taken already (05-3474 clause 2.2.8.4.2): 16 recent counters of each peer, for a limited time.

The limit in time is what lets a restarted peer, whose counter begins anywhere, be heard again.
"""

from __future__ import annotations

from protocols.zigbee.node import S

COUNTERS = 16
PEERS = 64
LIFE = 12 * S


class Duplicates:
    """APS duplicate rejection table, by source short address."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[int, dict[int, int]] = {}

    def clear(self) -> None:
        """Forget all."""
        self._seen.clear()

    def knows(self, source: int, counter: int, now: int) -> bool:
        """This counter came from there lately."""
        seen = self._seen.get(source)
        return seen is not None and seen.get(counter, 0) > now

    def note(self, source: int, counter: int, now: int) -> None:
        """Remember a frame taken; the oldest of the peer, and the peer known longest, make room."""
        seen = self._seen.get(source)
        if seen is None:
            if len(self._seen) >= PEERS:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[source] = {}
        seen.pop(counter, None)
        while seen:
            oldest = next(iter(seen))
            if seen[oldest] > now and len(seen) < COUNTERS:
                break
            del seen[oldest]
        seen[counter] = now + LIFE
