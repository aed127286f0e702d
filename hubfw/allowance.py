"""How much of a kind may cross the WAN: so many at once, then one in so long a time. What is beyond it is for the caller to keep.

In RAM: a restart gives the burst anew.
"""

from __future__ import annotations

from typing import Final

from devices.runtime.kernel import MIN

BURST: Final = 16
PAUSE: Final = 5 * MIN
"""One more may be told after each."""


class Allowance:
    """One kind's."""

    def __init__(self) -> None:
        self._all_back = 0
        """When a whole burst may be told again."""

    def take(self, now: int) -> bool:
        """Whether one more may be told at `now` (ns); it is told then."""
        if self._all_back > now + (BURST - 1) * PAUSE:
            return False
        self._all_back = max(self._all_back, now) + PAUSE
        return True
