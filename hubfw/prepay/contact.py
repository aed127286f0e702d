"""The hub's count of the half hours without contact, which the meter counts too (paper B, appendix C, figures 10 and 11).

    report, in credit      -> the whole time-out again
    report, not in credit  -> as many half hours as were left: nothing is won, nothing lost
    half hour, no report   -> one less, at both ends; the first one is told to display and head end

Half hours are counted by their numbers, so those in which the hub had no power count like any other: the meter has counted them,
too, and who switches the hub off wins nothing.
The paper's sentence "reset each half hour only if the balance is above zero and a valid report came; else both ends decrement"
and its scenario 3 "the time-out starts only when communications fail" do not agree on a meter that reports without credit: here
scenario 3 is followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class News(Enum):
    """What a half hour brought."""

    NONE = "nothing new"
    FAILED = "the first half hour without a report"
    STILL_FAILED = "another one"
    ENDED = "the time-out has ended"
    RESTORED = "a report came again"


HALF_HOUR: Final = 1800 * 1_000_000_000


@dataclass(slots=True)
class Contact:
    """`delay`: half hours of the whole time-out. `left`: of it. `failed`: half hours without a report, in a row. `counted`: which
    half hour was counted last. `programmed`: whether the head end has said how long the time-out is."""

    delay: int
    left: int
    failed: int = 0
    counted: int | None = None
    _heard: bool = False
    programmed: bool = False

    def program(self, delay: int) -> None:
        """The whole time-out from the next reset on; of one that has begun no more than this is left."""
        self.delay, self.left, self.programmed = delay, min(self.left, delay), True

    def report(self, *, in_credit: bool, due: bool = True) -> News:
        """A valid report came: the one that was `due` at the half hour, or another between."""
        restored, self.failed = self.failed > 0, 0
        self._heard |= due
        if in_credit:
            self.left = self.delay
        return News.RESTORED if restored else News.NONE

    def half_hour(self, number: int) -> News:
        """A half hour is over, and so are those before it that were not counted. One that was is not counted again."""
        over = 1 if self.counted is None else number - self.counted
        self.counted = number
        if over <= 0:
            return News.NONE
        heard, self._heard = self._heard, False
        silent = over - heard
        if not silent:
            return News.NONE
        first, ended = not self.failed, 0 < self.left <= silent
        self.failed, self.left = self.failed + silent, max(self.left - silent, 0)
        if ended:
            return News.ENDED
        return News.FAILED if first else News.STILL_FAILED

    def plain(self) -> list[int | None]:
        """For flash."""
        return [self.left, self.failed, int(self._heard), self.counted, self.delay if self.programmed else None]

    def restore(self, plain: list[Any]) -> None:
        """What `plain` gave; before there were numbers, and a time-out that can be programmed, it gave none."""
        self.left, self.failed, heard, self.counted, delay = [*plain, None, None][:5]
        self._heard, self.programmed = bool(heard), delay is not None
        self.delay = self.delay if delay is None else delay
