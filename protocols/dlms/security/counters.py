"""Invocation counters: peers' last ones, and the end of the road for one's own (Green Book 9.2.3.7.3).

One's own counter is a function that never gives a number twice; on a device it comes from non-volatile memory, which reserves
ahead, so that not even a restored image repeats one. Which frames are authentic is `context`'s to know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from protocols.core.errors import LocalProtocolError

MOST: Final = 64
"""Senders and keys whose counters are kept; others are refused until the keys change."""
LAST: Final = 0xFFFFFFFF
"""The largest counter: behind it nothing can be said, or believed, under the same key."""


class CounterExhausted(LocalProtocolError):
    """One's own counter has come to its end: nothing is sealed until the key is changed."""


def own(take: Callable[[], int]) -> Callable[[], int]:
    """A counter that ends instead of wrapping. `take`: numbers that only grow. Raises CounterExhausted."""

    def following() -> int:
        number = take()
        if number > LAST:
            raise CounterExhausted("the invocation counter has come to its end")
        return number

    return following


class PeerCounters:
    """The last counter accepted from each sender under each key; only a higher one is accepted.

    `known`: {(system title, key_id): counter} from an earlier life. `on_change` is told of each that was accepted.
    """

    def __init__(
        self,
        known: Mapping[tuple[bytes, int], int] | None = None,
        on_change: Callable[[bytes, int, int], object] | None = None,
    ) -> None:
        self._last = dict(known or {})
        self._on_change = on_change

    def expected(self, title: bytes, key: int) -> int:
        """The lowest counter that would be accepted; 2**32 when none would."""
        return self._last.get((title, key), -1) + 1

    def has_room(self, title: bytes, key: int) -> bool:
        """Whether a counter of that sender can be kept."""
        return len(self._last) < MOST or (title, key) in self._last

    def accept(self, title: bytes, key: int, counter: int) -> None:
        """A message came under this counter, and was let in."""
        self._last[title, key] = max(counter, self._last.get((title, key), counter))
        if self._on_change is not None:
            self._on_change(title, key, counter)

    def forget(self, key: int) -> None:
        """The key is a new one: everybody's counter begins anew."""
        for title, of in list(self._last):
            if of == key:
                del self._last[title, of]

    @property
    def known(self) -> dict[tuple[bytes, int], int]:
        """For another life."""
        return dict(self._last)
