"""The hub's count of the half hours without contact, which the meter counts too (paper B, appendix C, figures 10 and 11).

    report, in credit      -> the whole time-out again
    report, not in credit  -> as many half hours as were left: nothing is won, nothing lost
    half hour, no report   -> one less, at both ends; the first one is told to display and head end

The paper's sentence "reset each half hour only if the balance is above zero and a valid report came; else both ends decrement"
and its scenario 3 "the time-out starts only when communications fail" do not agree on a meter that reports without credit: here
scenario 3 is followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


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
    """`delay`: half hours of the whole time-out. `left`: of it. `failed`: half hours without a report, in a row."""

    delay: int
    left: int
    failed: int = 0
    _heard: bool = False

    def report(self, *, in_credit: bool) -> News:
        """A valid report came."""
        restored, self.failed = self.failed > 0, 0
        self._heard = True
        if in_credit:
            self.left = self.delay
        return News.RESTORED if restored else News.NONE

    def half_hour(self) -> News:
        """A half hour is over."""
        heard, self._heard = self._heard, False
        if heard:
            return News.NONE
        self.failed += 1
        if self.left:
            self.left -= 1
            if not self.left:
                return News.ENDED
        return News.FAILED if self.failed == 1 else News.STILL_FAILED

    def plain(self) -> list[int]:
        """For flash."""
        return [self.left, self.failed, int(self._heard)]

    def restore(self, plain: list[int]) -> None:
        """What `plain` gave."""
        self.left, self.failed, heard = plain
        self._heard = bool(heard)
