"""Local time of a clock: the way between what it shows and UTC, with daylight saving. Blue Book 4.5.1.

Deviations are those of a date-time: minutes that local time plus deviation is UTC. Local times that a change skips
happen at the change; those that it repeats happen the first time only, so that nothing scheduled runs twice (Blue Book
4.5.3, changes of time).
"""

from __future__ import annotations

import struct
from datetime import date
from functools import lru_cache
from typing import Final

from protocols.core.errors import DecodeError
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.date_time import ClockStatus
from protocols.dlms.cosem.recurrence import DAY, MINUTE, Recurrence, midnight, split

_NO_DEVIATION = -0x8000


class Zone:
    """`deviation`: minutes from local normal time to UTC. `saving`: minutes that a clock goes forward while daylight saving lasts,
    which `begins` at a local normal time and `ends` at a local summer time; without both there is none."""

    def __init__(
        self, deviation: int = 0, saving: int = 0, begins: Recurrence | None = None, ends: Recurrence | None = None
    ) -> None:
        self._normal = -deviation * MINUTE
        self._summer = self._normal + saving * MINUTE
        self._begins = begins
        self._ends = ends
        self._known: dict[int, tuple[int, int] | None] = {}

    @property
    def normal(self) -> int:
        """ns that local normal time is ahead of UTC."""
        return self._normal

    def offset(self, utc: int) -> int:
        """ns that local time is ahead of UTC."""
        if self._begins is None or self._ends is None:
            return self._normal
        changes = self.changes(split(utc + self._normal)[0].year)
        if changes is None:
            return self._normal
        begins, ends = changes
        summer = begins <= utc < ends if begins < ends else not ends <= utc < begins
        return self._summer if summer else self._normal

    def saving(self, utc: int) -> bool:
        """Whether daylight saving is on."""
        return self.offset(utc) != self._normal

    def local(self, utc: int) -> int:
        """Local time of an instant."""
        return utc + self.offset(utc)

    def reached(self, utc: int) -> int:
        """The furthest local time that was shown until an instant: after a change back it stands still for a while."""
        offset = self.offset(utc)
        for change in self.changes(split(utc + self._normal)[0].year) or ():
            drop = self.offset(change - 1) - self.offset(change)
            if change <= utc < change + drop:
                return change + offset + drop - 1
        return utc + offset

    def utc(self, local: int) -> int:
        """The instant of a local time: the first of two, or the change that skipped it."""
        for offset in sorted((self._normal, self._summer), reverse=True):
            if self.offset(local - offset) == offset:
                return local - offset
        for change in self.changes(split(local)[0].year) or ():
            if change + self.offset(change - 1) <= local < change + self.offset(change):
                return change
        return local - self._normal

    def upcoming(self, rule: Recurrence, after: int) -> int | None:
        """The first instant at which a rule is met, later than `after`."""
        local = rule.next(self.reached(after), self)
        return None if local is None else self.utc(local)

    def latest(self, rule: Recurrence, until: int) -> int | None:
        """The last instant at which a rule was met, `until` or earlier."""
        local = rule.latest(self.reached(until), self)
        return None if local is None else self.utc(local)

    def instant(self, octets: bytes) -> int | None:
        """The instant of a date-time, which is local if it has no deviation; None if fields are open. Raises DecodeError."""
        instant = date_time.instant(octets)
        if instant is None or int.from_bytes(octets[9:11], "big", signed=True) != _NO_DEVIATION:
            return instant
        return self.utc(instant)

    def encode(self, utc: int, status: int = 0) -> bytes:
        """The 12 octets of an instant in local time, with its deviation and whether daylight saving is on."""
        offset = self.offset(utc)
        octets = date_time.encode(utc + offset, status | (ClockStatus.DAYLIGHT_SAVING if self.saving(utc) else 0))
        return octets[:9] + struct.pack(">h", -offset // MINUTE) + octets[11:]

    def change(self, year: int, *, begins: bool) -> date | None:
        """The local day on which daylight saving begins, or ends; None: not that year."""
        changes = self.changes(year)
        if changes is None:
            return None
        return split(changes[0] + self._normal if begins else changes[1] + self._summer)[0]

    def changes(self, year: int) -> tuple[int, int] | None:
        """The instants at which daylight saving begins and ends in a year; None: it has none."""
        if self._begins is None or self._ends is None:
            return None
        if year not in self._known:
            self._known = {year: self._find(self._begins, self._ends, year)}
        return self._known[year]

    def _find(self, begins: Recurrence, ends: Recurrence, year: int) -> tuple[int, int] | None:
        start = midnight(date(year, 1, 1)) - 1
        first, last = begins.next(start, _NO_CHANGES), ends.next(start, _NO_CHANGES)
        if first is None or last is None or not start < min(first, last) <= max(first, last) <= start + 366 * DAY:
            return None
        return first - self._normal, last - self._summer


class _NoChanges:
    """A rule of daylight saving cannot be written in terms of itself."""

    def change(self, year: int, *, begins: bool) -> date | None:
        return None


_NO_CHANGES: Final = _NoChanges()
UTC: Final = Zone()


@lru_cache(maxsize=64)
def summer_zone(standard: int, summer: int, begins: bytes, ends: bytes) -> Zone:
    """The zone of a clock's attributes 3, 7, 5 and 6. Clocks are asked often, and a zone remembers the changes of a year."""
    return Zone(standard, summer, saving_rule(begins), saving_rule(ends))


def saving_rule(octets: bytes) -> Recurrence | None:
    """The rule of a begin or end of daylight saving; None: not specified."""
    try:
        rule = Recurrence.parse(octets)
    except DecodeError:
        return None
    return None if rule.date.is_open else rule
