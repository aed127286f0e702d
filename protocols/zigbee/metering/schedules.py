"""Schedules of snapshots: every so many days, weeks or months, at a time or at the start or end of the unit (SE 1.4 annex D.3).

Times are seconds since 2000 (UTC). Weeks begin on Monday; a month that is too short has its last day. An end is the last second
of its unit. A schedule that begins in the past goes on with its next time, and what was missed is not made up for.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

from protocols.zigbee.clusters.metering import Metering, SnapshotSchedule, SnapshotScheduleOutcome

MOST: Final = 8
"""Schedules that a meter keeps."""
LAST_TIME: Final = 0xFFFFFFFE
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400
_FREQUENCY: Final = 0xFFFFF


class Unit(IntEnum):
    """Bits 20 and 21 of a schedule."""

    DAY = 0
    WEEK = 1
    MONTH = 2


class Point(IntEnum):
    """Bits 22 and 23."""

    START = 0
    END = 1
    AS_GIVEN = 2
    """As far into the unit as the start time is."""


class Outcome(IntEnum):
    """What became of a schedule."""

    ACCEPTED = 0
    TYPE_NOT_SUPPORTED = 1
    CAUSE_NOT_SUPPORTED = 2
    NOT_AVAILABLE = 3
    NOT_SUPPORTED = 4
    NO_SPACE = 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """One that is kept. `issuer_event_id`: of the command that brought it."""

    id: int
    start: int
    bits: int
    payload_type: int
    cause: int
    issuer_event_id: int

    def next(self, after: int) -> int | None:
        """The first time later than `after`; None: there is none."""
        every, unit, point = self.bits & _FREQUENCY, self.bits >> 20 & 3, self.bits >> 22
        if not every or unit > Unit.MONTH or point > Point.AS_GIVEN:
            return None
        begin = _EPOCH + timedelta(seconds=self.start)
        turn = max(_passed(begin, max(after, 0), unit) // every - 1, 0)
        while True:
            try:
                time = _time(begin, turn * every, unit, point)
            except OverflowError:
                return None
            if time > LAST_TIME:
                return None
            if time > after and time >= self.start:
                return time
            turn += 1


def _passed(begin: datetime, seconds: int, unit: int) -> int:
    """Whole units from `begin` to a time, at most one too few."""
    end = _EPOCH + timedelta(seconds=seconds)
    if unit == Unit.MONTH:
        return max((end.year - begin.year) * 12 + end.month - begin.month - 1, 0)
    return max((end - begin) // timedelta(days=7 if unit == Unit.WEEK else 1), 0)


def _time(begin: datetime, units: int, unit: int, point: int) -> int:
    """The point of the unit that is so many after the one of `begin`. OverflowError beyond the calendar."""
    if unit == Unit.MONTH:
        month = begin.year * 12 + begin.month - 1 + units
        year, month = month // 12, month % 12 + 1
        if year > 9998:
            raise OverflowError("year")
        days = monthrange(year, month)[1]
        at = begin.replace(year=year, month=month, day=min(begin.day, days))
        first = at.replace(day=1)
        length = days
    else:
        length = 7 if unit == Unit.WEEK else 1
        at = begin + timedelta(days=units * length)
        first = at - timedelta(days=at.weekday()) if unit == Unit.WEEK else at
    if point == Point.AS_GIVEN:
        return int((at - _EPOCH).total_seconds())
    midnight = int((first - _EPOCH).total_seconds()) // _DAY * _DAY
    return midnight if point == Point.START else midnight + length * _DAY - 1


class Schedules:
    """A meter's. `types` and `causes`: what it can take snapshots of and for. `plain` and `stored`: for non-volatile memory."""

    __slots__ = ("_causes", "_due", "_kept", "_types")

    def __init__(self, types: frozenset[int], causes: int, stored: list[list[int]] | None = None) -> None:
        self._types = types
        self._causes = causes
        self._kept: dict[int, Schedule] = {}
        self._due: dict[int, int] = {}
        for *schedule, due in stored or []:
            self._kept[schedule[0]] = Schedule(*schedule)
            self._due[schedule[0]] = due

    def plain(self) -> list[list[int]]:
        """All of them with their next times."""
        return [[*astuple(schedule), self._due[schedule.id]] for schedule in self._kept.values()]

    @property
    def deadline(self) -> int | None:
        """When the next one is due."""
        return min(self._due.values(), default=None)

    def take(self, command: Metering.ScheduleSnapshot, now: int) -> Metering.ScheduleSnapshotResponse:
        """Keep what can be kept, each in the place of one with its identifier."""
        outcomes = [
            SnapshotScheduleOutcome(each.snapshot_schedule_id, self._take(each, command.issuer_event_id, now))
            for each in command.snapshot_schedule_payload[:MOST]
        ]
        rest = command.snapshot_schedule_payload[MOST:]
        outcomes += [SnapshotScheduleOutcome(each.snapshot_schedule_id, Outcome.NO_SPACE) for each in rest]
        return Metering.ScheduleSnapshotResponse(command.issuer_event_id, outcomes)

    def _take(self, asked: SnapshotSchedule, issuer: int, now: int) -> Outcome:
        identifier = asked.snapshot_schedule_id
        if identifier in (0, 0xFF):
            return Outcome.NOT_AVAILABLE
        if asked.snapshot_payload_type not in self._types:
            return Outcome.TYPE_NOT_SUPPORTED
        if asked.snapshot_cause & ~self._causes:
            return Outcome.CAUSE_NOT_SUPPORTED
        known = self._kept.get(identifier)
        if known is not None and issuer < known.issuer_event_id:
            return Outcome.NOT_AVAILABLE
        if known is None and len(self._kept) >= MOST:
            return Outcome.NO_SPACE
        start = asked.snapshot_start_time or now
        wanted = Schedule(identifier, start, asked.snapshot_schedule, asked.snapshot_payload_type, asked.snapshot_cause, issuer)
        due = wanted.next(now)
        if due is None:
            return Outcome.NOT_AVAILABLE
        self._kept[identifier] = wanted
        self._due[identifier] = due
        return Outcome.ACCEPTED

    def expire(self, now: int) -> list[Schedule]:
        """Those that are due; each has its next time after now."""
        due = [schedule for schedule in self._kept.values() if self._due[schedule.id] <= now]
        for schedule in due:
            following = schedule.next(now)
            if following is None:
                del self._kept[schedule.id], self._due[schedule.id]
            else:
                self._due[schedule.id] = following
        return due
