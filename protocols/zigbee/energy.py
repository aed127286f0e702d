"""Energy scans: how loud the channels are, one after another (802.15.4-2006 clause 7.5.2.1.1).

The radio measures, and tells 0 (nothing) to 255. One scan at a time. Not here: pages below 1 GHz; who may ask
(`management`), what is made of it (`interpan.survey`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from protocols.zigbee.context import Context
from protocols.zigbee.node import Measure, S

SUPERFRAME: Final = 15_360_000
"""aBaseSuperframeDuration, ns: 960 symbols."""
LONGEST: Final = 5
"""The scan duration up to which a node scans while it is on a network (05-3474 clause 2.4.3.3.9)."""
PATIENCE: Final = 5 * S
"""How long a radio may take beyond the measurement: what it was sending comes first."""

Levels = dict[int, int]
"""Channel to energy. Channels that the radio did not tell of are not there."""


class EnergyScan:
    """One node's scans."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._left: list[int] = []
        self._duration = 0
        self._levels: Levels = {}
        self._done: Callable[[Levels], None] | None = None

    def start(self, channels: Iterable[int], exponent: int, done: Callable[[Levels], None]) -> bool:
        """Measure each channel for 15.36 ms (2^exponent + 1). False: another scan is under way."""
        if self._done is not None:
            return False
        self._left, self._levels, self._done = list(channels), {}, done
        self._duration = SUPERFRAME * (2**exponent + 1)
        self._next()
        return True

    def reset(self) -> None:
        """Forget a scan: nobody waits for it any longer."""
        self._left, self._done = [], None

    def measured(self, level: int | None) -> None:
        """The radio's answer; None: it cannot tell."""
        if self._done is None:
            return
        channel = self._left.pop(0)
        if level is not None:
            self._levels[channel] = level
        self._next()

    def _next(self) -> None:
        done = self._done
        if self._left:
            self._context.effects.append(Measure(self._left[0], self._duration))
            self._context.after("energy", self._duration + PATIENCE, lambda: self.measured(None))
        elif done is not None:
            self._context.timers.cancel("energy")
            self._done = None
            done(self._levels)
