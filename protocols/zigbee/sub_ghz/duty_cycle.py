"""The regulatory duty cycle of a sub-GHz radio: so much of any hour may be spent sending (ETSI EN 300 220-2, bands of 863-876 MHz).

The hour slides by minutes: airtime is forgotten an hour after the minute it was spent in has ended, so the count is never below
the truth. Cluster 0x070B tells the others how long to be silent (`SuspendZclMessages.period`): `minutes` is that number.
"""

from __future__ import annotations

from collections import deque

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class DutyCycle:
    """The account of one radio. `share`: 0..1 of an hour. Times are ns."""

    def __init__(self, share: float) -> None:
        self.budget = int(share * HOUR)
        self.spent = 0
        self._minutes: deque[list[int]] = deque()  # [minute, airtime in it], oldest first

    def spend(self, now: int, airtime: int) -> bool:
        """Use so much airtime now. False, and nothing is used, when the budget does not have it."""
        self._forget(now)
        if self.spent + airtime > self.budget:
            return False
        minute = now // MINUTE
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0])
        self._minutes[-1][1] += airtime
        self.spent += airtime
        return True

    def used(self, now: int) -> float:
        """Share of the budget that is used, 0..1."""
        self._forget(now)
        return self.spent / self.budget if self.budget else 1.0

    def resumes(self, now: int) -> int:
        """ns until something of what is used comes back; 0 when nothing is used."""
        self._forget(now)
        return self._minutes[0][0] * MINUTE + MINUTE + HOUR - now if self._minutes else 0

    def minutes(self, now: int) -> int:
        """The same in whole minutes, rounded up: what `SuspendZclMessages` says."""
        return -(-self.resumes(now) // MINUTE)

    def _forget(self, now: int) -> None:
        while self._minutes and (self._minutes[0][0] + 1) * MINUTE + HOUR <= now:
            self.spent -= self._minutes.popleft()[1]
