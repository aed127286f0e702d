"""What was used today, this week, this month, and before (UTC): from the register as each period found it.

A period begins with the first reading in it, so the one in which the meter was installed is a short one. Periods before that,
and those without a reading, have no value. Weeks begin on Monday.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

S = 1_000_000_000
DAY = 86_400
PERIODS = {"day": 9, "week": 7, "month": 15}
"""How many begins are kept: the present period's, the past ones that GB reports, and one more."""


def _numbers(utc: int) -> dict[str, int]:
    """The number of the day, week and month that a time (ns since 1970) lies in."""
    days = utc // (DAY * S)
    date = datetime.fromtimestamp(days * DAY, UTC)
    return {"day": days, "week": (days + 3) // 7, "month": date.year * 12 + date.month - 1}


class History:
    """`stored` is what `plain` gave before a restart."""

    def __init__(self, stored: Mapping[str, Iterable[tuple[int, int]]] | None = None) -> None:
        self._begins = {period: dict((stored or {}).get(period, [])) for period in PERIODS}
        self._now: dict[str, int] = {}

    def note(self, utc: int, total: int) -> bool:
        """The register shows `total` at `utc` (ns). True when a period begins with it."""
        self._now = _numbers(utc)
        begun = False
        for period, number in self._now.items():
            begins = self._begins[period]
            if number not in begins:
                begins[number] = total
                begun = True
            for old in sorted(begins)[: -PERIODS[period]]:
                del begins[old]
        return begun

    @property
    def day_of_month(self) -> int | None:
        """Of the last reading that had a time; None: no such reading."""
        day = self._now.get("day")
        return None if day is None else datetime.fromtimestamp(day * DAY, UTC).day

    def used(self, period: str, ago: int, total: int) -> int | None:
        """Used in the present period (`ago` 0, with `total` on the register now) or in one before it; None: not known."""
        begins, number = self._begins[period], self._now.get(period)
        if number is None:
            return None
        begin = begins.get(number - ago)
        end = total if ago == 0 else begins.get(number - ago + 1)
        return None if begin is None or end is None else end - begin

    def plain(self) -> dict[str, list[tuple[int, int]]]:
        """For non-volatile memory."""
        return {period: list(begins.items()) for period, begins in self._begins.items()}
