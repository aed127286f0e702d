"""Dates and times with open fields, and when they come round. Blue Book 4.1.6.1.

A date has 5 octets (year, month, day of month, day of week), a time 4. A field that is not specified leaves it open:
such a date or time is a rule, met as often as the rest fits. Two places of a month and of a year have names of their
own: its last day and the one before, and the days on which daylight saving begins and ends, which only a clock's zone
can tell.

An open second or hundredth counts as 0: nothing here recurs more often than every minute. Instants are nanoseconds of
local time, as if it were UTC; `zone` has the way to UTC.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol, Self

from protocols.core.errors import DecodeError
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.types import Simple
from protocols.dlms.xdlms import DataAccessResult

DAY: Final = 86_400 * SECOND
MINUTE: Final = 60 * SECOND
OPEN_DATE: Final = bytes.fromhex("FFFFFFFFFF")
OPEN_TIME: Final = bytes.fromhex("FFFFFFFF")
OPEN_DATE_TIME: Final = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")

_OPEN_YEAR, _OPEN = 0xFFFF, 0xFF
_LAST_DAY, _SECOND_LAST_DAY = 0xFE, 0xFD
_SAVING_BEGINS, _SAVING_ENDS = 0xFE, 0xFD
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MONTHS_AHEAD = 12 * 9
"""Further than this no open date is away from its next day: leap days are at most eight years apart."""


class Changes(Protocol):
    """Who knows on which days daylight saving begins and ends."""

    def change(self, year: int, *, begins: bool) -> date | None:
        """The day of the change; None: that year has none."""
        ...


@dataclass(frozen=True, slots=True)
class Date:
    """A date; None: not specified. `day` and `month` keep the octets that name a place, not a number."""

    year: int | None
    month: int | None
    day: int | None
    weekday: int | None

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """From 5 octets. Raises DecodeError."""
        if len(octets) != 5:
            raise DecodeError(f"date: has {len(octets)} octets, needs 5")
        year, (month, day, weekday) = int.from_bytes(octets[:2], "big"), octets[2:]
        for name, value, highest, names in (
            ("month", month, 12, (_SAVING_BEGINS, _SAVING_ENDS)),
            ("day of month", day, 31, (_LAST_DAY, _SECOND_LAST_DAY)),
            ("day of week", weekday, 7, ()),
        ):
            if value != _OPEN and value not in names and not 1 <= value <= highest:
                raise DecodeError(f"date.{name}: {value}")
        if year != _OPEN_YEAR and (year == 1 or year > 9998):  # 0 stands for the beginning of all time (GB)
            raise DecodeError(f"date.year: {year}")
        self = cls(None if year == _OPEN_YEAR else year, *(None if it == _OPEN else it for it in (month, day, weekday)))
        if self.year and month <= 12 and day <= 31 and not self._in_month(self.year, month):
            raise DecodeError(f"date: there is no {self}")
        return self

    @property
    def is_open(self) -> bool:
        """Nothing is specified: every day fits."""
        return self.year is self.month is self.day is self.weekday is None

    @property
    def is_complete(self) -> bool:
        """Year, month and day are numbers."""
        return bool(self.year) and self.month is not None and self.month <= 12 and self.day is not None and self.day <= 31

    def __str__(self) -> str:
        fields = (self.year, self.month, self.day, self.weekday)
        return "{}-{}-{} weekday {}".format(*("*" if field is None else field for field in fields))

    def falls_on(self, day: date, changes: Changes) -> bool:
        """Whether the day fits."""
        return self.is_open or day in self._days(_month_before(day), 1, changes, months=2)

    def first(self, since: date, changes: Changes) -> date | None:
        """The first day that fits, `since` or later."""
        if self.is_open:
            return since
        if self.year is not None and since.year < self.year:
            since = date(self.year, 1, 1)
        return next((day for day in self._days(_month_before(since), 1, changes) if day >= since), None)

    def last(self, until: date, changes: Changes) -> date | None:
        """The last day that fits, `until` or earlier."""
        if self.is_open:
            return until
        if self.year and until.year > self.year + 1:
            until = date(self.year + 1, 12, 31)
        return next((day for day in self._days(until, -1, changes) if day <= until), None)

    def _days(self, begin: date, step: int, changes: Changes, months: int = _MONTHS_AHEAD) -> Iterator[date]:
        """The days that fit, month by month from that of `begin`, in steps of 1 or -1."""
        year, month = begin.year, begin.month
        for _ in range(months):
            if self.year is None or self.year == year:
                named = self._change(year, changes) if self.month in (_SAVING_BEGINS, _SAVING_ENDS) else None
                if named is not None and named.month == month:
                    if self.weekday in (None, named.isoweekday()) and self.day in (None, named.day):
                        yield named
                elif self.month in (None, month):
                    yield from self._in_month(year, month)[::step]
            month += step
            if not 1 <= month <= 12:
                year, month = year + step, 1 if step == 1 else 12
            if not 1 <= year <= 9998:
                return

    def _change(self, year: int, changes: Changes) -> date | None:
        return changes.change(year, begins=self.month == _SAVING_BEGINS)

    def _in_month(self, year: int, month: int) -> list[date]:
        """The days that fit, as if only day and weekday were specified, and the year for how both go together."""
        length = monthrange(year, month)[1]
        if self.day is None:
            days = [date(year, month, day) for day in range(1, length + 1)]
            return days if self.weekday is None else [day for day in days if day.isoweekday() == self.weekday]
        if self.day in (_LAST_DAY, _SECOND_LAST_DAY):
            back = _LAST_DAY - self.day
            if self.weekday is None:
                return [date(year, month, length - back)]
            end = date(year, month, length)
            return [end - timedelta((end.isoweekday() - self.weekday) % 7 + 7 * back)]
        if self.day > length:
            return []
        day = date(year, month, self.day)
        if self.weekday is None or day.isoweekday() == self.weekday:
            return [day]
        # both, and no year: the weekday on or after that day; with a year they have to agree
        return [] if self.year is not None else [day + timedelta((self.weekday - day.isoweekday()) % 7)]


_FIRST = date(1, 2, 1)


def _month_before(day: date) -> date:
    """In the month before a day's: "the Sunday on or after the 30th" may lie in the month after the one it is written for."""
    return day.replace(day=1) - timedelta(1) if day > _FIRST else day


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day; None: not specified."""

    hour: int | None
    minute: int | None
    second: int | None
    hundredths: int | None

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """From 4 octets. Raises DecodeError."""
        if len(octets) != 4:
            raise DecodeError(f"time: has {len(octets)} octets, needs 4")
        for name, value, highest in zip(("hour", "minute", "second", "hundredths"), octets, (23, 59, 59, 99), strict=True):
            if value != _OPEN and value > highest:
                raise DecodeError(f"time.{name}: {value}")
        return cls(*(None if value == _OPEN else value for value in octets))

    @property
    def is_complete(self) -> bool:
        """Hour, minute and second are there."""
        return None not in (self.hour, self.minute, self.second)

    def closed(self) -> Time:
        """The time with 0 in every open field."""
        return Time(self.hour or 0, self.minute or 0, self.second or 0, self.hundredths or 0)

    def first(self, since: int) -> int | None:
        """The first time that fits, in ns of the day, `since` or later."""
        for hour in range(since // (60 * MINUTE), 24) if self.hour is None else (self.hour,):
            for minute in range(60) if self.minute is None else (self.minute,):
                if (at := self._at(hour, minute)) >= since:
                    return at
        return None

    def last(self, until: int) -> int | None:
        """The last time that fits, in ns of the day, `until` or earlier."""
        for hour in range(until // (60 * MINUTE), -1, -1) if self.hour is None else (self.hour,):
            for minute in range(59, -1, -1) if self.minute is None else (self.minute,):
                if (at := self._at(hour, minute)) <= until:
                    return at
        return None

    def _at(self, hour: int, minute: int) -> int:
        return ((hour * 60 + minute) * 60 + (self.second or 0)) * SECOND + (self.hundredths or 0) * 10_000_000


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A date and a time, either of them possibly open."""

    date: Date
    time: Time

    @classmethod
    def parse(cls, octets: bytes) -> Self:
        """From the 12 octets of a date-time, whose deviation and status say nothing here. Raises DecodeError."""
        if len(octets) != 12:
            raise DecodeError(f"date-time: has {len(octets)} octets, needs 12")
        return cls(Date.parse(octets[:5]), Time.parse(octets[5:9]))

    def next(self, after: int, changes: Changes) -> int | None:
        """The first local time that fits, later than `after`."""
        day, time = split(after + 1)
        first = self.date.first(day, changes)
        if first == day:
            at = self.time.first(time)
            if at is not None:
                return midnight(day) + at
            first = self.date.first(day + timedelta(1), changes)
        at = self.time.first(0)
        return None if first is None or at is None else midnight(first) + at

    def latest(self, until: int, changes: Changes) -> int | None:
        """The last local time that fits, `until` or earlier."""
        day, time = split(until)
        last = self.date.last(day, changes)
        if last == day:
            at = self.time.last(time)
            if at is not None:
                return midnight(day) + at
            last = self.date.last(day - timedelta(1), changes)
        at = self.time.last(DAY - 1)
        return None if last is None or at is None else midnight(last) + at


def split(local: int) -> tuple[date, int]:
    """A local time as its day and the ns of that day."""
    days, rest = divmod(local, DAY)
    return date.fromordinal(_EPOCH_DAY + days), rest


def midnight(day: date) -> int:
    """The local time at which a day begins."""
    return (day.toordinal() - _EPOCH_DAY) * DAY


class _Open(Simple):
    """An octet-string whose fields may be open: `read` refuses octets that are none."""

    def __init__(self, size: int, reads: type[Date] | type[Time] | type[Recurrence], *, complete: bool = False) -> None:
        super().__init__(Tag.OCTET_STRING, size)
        self.reads = reads
        self.complete = complete

    def admit(self, data: Data) -> None:
        super().admit(data)
        try:
            value = self.reads.parse(data.value)
        except DecodeError as error:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(error)) from None
        if self.complete and isinstance(value, Date | Time) and not value.is_complete:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "has open fields")


DATE = _Open(5, Date)
"""octet-string (5): a date, open fields allowed."""
TIME = _Open(4, Time)
"""octet-string (4): a time of day, open fields allowed."""
TIME_OF_DAY = _Open(4, Time, complete=True)
"""octet-string (4): a time of day to the second."""
RECURRENCE = _Open(12, Recurrence)
"""octet-string (12): a date-time, open fields and named days allowed."""
