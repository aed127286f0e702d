"""Fast poll mode: a meter renews its demand more often for some minutes (SE 1.4 annex D.3, Request Fast Poll Mode).

Whoever asks while the mode lasts is told its period and its end, and lengthens nothing. The mode ends with the power.
"""

from __future__ import annotations

from typing import Final

from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.node import MINUTE

MOST_MINUTES: Final = 15
UNKNOWN_TIME: Final = 0xFFFFFFFF


class FastPoll:
    """`default` and `least`: update periods in seconds, without the mode and the shortest in it."""

    __slots__ = ("_end", "_period", "_told", "default", "least")

    def __init__(self, default: int, least: int) -> None:
        self.default = default
        self.least = least
        self._period = default
        self._end = 0
        self._told = UNKNOWN_TIME

    def period(self, now: int) -> int:
        """The update period in force (s) at `now` (ns)."""
        return self._period if now < self._end else self.default

    def request(self, command: Metering.RequestFastPollMode, now: int, utc: int | None) -> Metering.RequestFastPollModeResponse:
        """The answer at `now` (ns); `utc`: seconds since 2000, None where they are not known."""
        if now >= self._end:
            minutes = min(command.duration, MOST_MINUTES)
            self._period = max(command.fast_poll_update_period, self.least)
            self._end = now + minutes * MINUTE
            self._told = UNKNOWN_TIME if utc is None else utc + minutes * 60
        return Metering.RequestFastPollModeResponse(self._period, self._told)
