"""Profiles: a register's consumption by intervals, newest first (SE 1.4 annex D.3, Get Profile).

An interval is the difference of the register at its two ends. Where the register is not known at one of them the interval is
INVALID: nothing is filled in, and no consumption is counted twice. The answer ends with the newest interval that is over at the
time asked for. Where the register is kept is the owner's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.zcl.status import Status as ZclStatus

INVALID: Final = 0xFFFFFF
LARGEST: Final = 0xFFFFFE
MOST: Final = 24
"""Intervals in an answer: what goes into the smallest transfer that a Smart Energy device takes."""
NEWEST: Final = 0
"""End time: as new as there are."""
NO_TIME: Final = 0xFFFFFFFF


class Channel(IntEnum):
    """Interval channels."""

    DELIVERED = 0
    RECEIVED = 1
    REACTIVE_DELIVERED = 2
    REACTIVE_RECEIVED = 3


class Period(IntEnum):
    """Values of `Metering.profile_interval_period`."""

    DAILY = 0
    MINUTES_60 = 1
    MINUTES_30 = 2
    MINUTES_15 = 3


class Status(IntEnum):
    """Status of an answer."""

    SUCCESS = 0
    UNDEFINED_CHANNEL = 1
    CHANNEL_NOT_SUPPORTED = 2
    INVALID_END_TIME = 3
    TOO_MANY_PERIODS = 4
    NO_INTERVALS = 5


SECONDS: Final[Mapping[Period, int]] = {
    Period.DAILY: 86_400, Period.MINUTES_60: 3_600, Period.MINUTES_30: 1_800, Period.MINUTES_15: 900,
}  # fmt: skip


def consumption(before: int | None, after: int | None) -> int:
    """Between two readings of a register; INVALID where one is not known, or was taken out of order by a clock that was set."""
    return INVALID if before is None or after is None or after < before else min(after - before, LARGEST)


@dataclass(frozen=True, slots=True)
class Log:
    """A register at the ends of periods. Times are seconds since 2000.

    `total(time)`: the register then, None where it is not known; `ends`: the first and the last time at which it is, None: none.
    """

    period: Period
    total: Callable[[int], int | None]
    ends: tuple[int, int] | None

    def interval(self, end: int) -> int:
        """Consumption in the period that ends then."""
        return consumption(self.total(end - SECONDS[self.period]), self.total(end))


def profile(command: Metering.GetProfile, log: Callable[[Channel], Log | None]) -> Metering.GetProfileResponse | ZclStatus:
    """The answer; `log(channel)`: None where the meter does not keep one."""
    if not command.number_of_periods:
        return ZclStatus.INVALID_FIELD
    if command.interval_channel not in list(Channel):
        return _none(command, Status.UNDEFINED_CHANNEL)
    kept = log(Channel(command.interval_channel))
    if kept is None:
        return _none(command, Status.CHANNEL_NOT_SUPPORTED)
    if command.end_time == NO_TIME:
        return _none(command, Status.INVALID_END_TIME, kept.period)
    if kept.ends is None:
        return _none(command, Status.NO_INTERVALS, kept.period)
    length, (first, last) = SECONDS[kept.period], kept.ends
    end = last if command.end_time == NEWEST else min(command.end_time // length * length, last)
    count = min(command.number_of_periods, MOST, max(end - first, 0) // length)
    if not count:
        return _none(command, Status.NO_INTERVALS, kept.period)
    intervals = [kept.interval(end - length * ago) for ago in range(count)]
    status = Status.TOO_MANY_PERIODS if command.number_of_periods > MOST else Status.SUCCESS
    return Metering.GetProfileResponse(end, status, kept.period, count, intervals)


def _none(command: Metering.GetProfile, status: Status, period: Period = Period.DAILY) -> Metering.GetProfileResponse:
    return Metering.GetProfileResponse(command.end_time, status, period, 0, [])
