"""What the meter used in days, weeks and months, and where its registers stood: read from its logs when somebody asks.

A period's consumption is the difference of the register at its two ends, as the logs of `meter` have it; where a log lacks one (no
power at midnight, a new meter) it is not known. Weeks begin on Monday, all is UTC. Nothing is kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from devices.esme.meter import VARH, WH, Meter, exported
from devices.parts.profile_log import HALF_HOUR, Row
from devices.runtime.kernel import DAY, S
from devices.runtime.rtc import Rtc
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.metering.profile import Channel, Log, Period

_LARGEST: Final = 0xFFFFFE
_MONDAY: Final = 4
"""1970-01-01 was a Thursday: this many days later is a Monday."""
_REGISTERS: Final[Mapping[Channel, Callable[[Row], int]]] = {
    Channel.DELIVERED: lambda row: row.totals[WH],
    Channel.RECEIVED: exported,
    Channel.REACTIVE_DELIVERED: lambda row: row.totals[VARH],
    Channel.REACTIVE_RECEIVED: lambda row: 0,
}


class History:
    """One meter's."""

    __slots__ = ("_meter", "_rtc")

    def __init__(self, meter: Meter, rtc: Rtc) -> None:
        self._meter = meter
        self._rtc = rtc

    def read(self, identifier: int) -> int | None:
        """The value of an attribute of DERIVED."""
        return DERIVED[identifier](self)

    def profile(self, channel: Channel) -> Log:
        """The half hours."""
        log, register = self._meter.half_hours, _REGISTERS[channel]

        def total(time: int) -> int | None:
            row = log.at((time + EPOCH) * S)
            return None if row is None else register(row)

        first, last = log.first, log.last
        ends = None if first is None or last is None else (_seconds(min(first.at, last.at)), _seconds(last.at))
        return Log(Period.MINUTES_30, total, ends)

    def _used(self, begin: Callable[[int, int], int], ago: int) -> int | None:
        """In the present period (`ago` 0) or one before it; `begin(utc, ago)` is when that period began."""
        if not self._rtc.valid:
            return None
        now = self._rtc.read()
        first = self._meter.days.at(begin(now, ago))
        last = self._meter.days.at(begin(now, ago - 1)) if ago else None
        if first is None or (ago and last is None):
            return None
        return max((self._meter.import_wh if last is None else last.total) - first.total, 0)

    def day(self, ago: int) -> int | None:
        """Wh of a day."""
        return _small(self._used(_day, ago))

    def week(self, ago: int) -> int | None:
        """Wh of a week."""
        return _small(self._used(_week, ago))

    def month(self, ago: int) -> int | None:
        """Wh of a month."""
        return self._used(_month, ago)

    def half_hour_start(self) -> int | None:
        """When the half hour began that is not over yet."""
        return _seconds(self._rtc.read() // HALF_HOUR * HALF_HOUR) if self._rtc.valid else None

    def half_hour_used(self) -> int | None:
        """Wh since then."""
        row = self._meter.half_hours.at(self._rtc.read()) if self._rtc.valid else None
        return None if row is None else _small(max(self._meter.import_wh - row.total, 0))

    def last_demand(self) -> int | None:
        """Watts on average in the half hour that was over last."""
        if not self._rtc.valid:
            return None
        end = self._rtc.read()
        before, after = self._meter.half_hours.at(end - HALF_HOUR), self._meter.half_hours.at(end)
        return None if before is None or after is None else _small(2 * max(after.total - before.total, 0))

    def midnight_total(self) -> int | None:
        """The register at the last midnight that it saw."""
        row = self._meter.days.last
        return None if row is None else row.total


def _small(value: int | None) -> int | None:
    return None if value is None else min(value, _LARGEST)


def _seconds(utc: int) -> int:
    return seconds(utc)


def _day(utc: int, ago: int) -> int:
    return (utc // DAY - ago) * DAY


def _week(utc: int, ago: int) -> int:
    return ((utc // DAY - _MONDAY) // 7 - ago) * 7 * DAY + _MONDAY * DAY


def _month(utc: int, ago: int) -> int:
    date = datetime.fromtimestamp(utc // S, UTC)
    month = date.year * 12 + date.month - 1 - ago
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp()) * S


def _ago(used: Callable[[History, int], int | None], ago: int) -> Callable[[History], int | None]:
    return lambda history: used(history, ago)


_M: Final = Metering
DERIVED: Final[Mapping[int, Callable[[History], int | None]]] = {
    _M.dft_summation.id: History.midnight_total,
    _M.current_partial_profile_interval_start_time_delivered.id: History.half_hour_start,
    _M.current_partial_profile_interval_value_delivered.id: History.half_hour_used,
    _M.current_demand_delivered.id: History.last_demand,
    **{
        attribute.id: _ago(used, ago)
        for used, attributes in (
            (History.day, (_M.current_day_consumption_delivered, _M.previous_day_consumption_delivered,
                           *_M.previous_days_consumption_delivered)),
            (History.week, (_M.current_week_consumption_delivered, _M.previous_week_consumption_delivered,
                            *_M.previous_weeks_consumption_delivered)),
            (History.month, (_M.current_month_consumption_delivered, _M.previous_month_consumption_delivered,
                             *_M.previous_months_consumption_delivered)),
        )
        for ago, attribute in enumerate(attributes)
    },
}  # fmt: skip
"""By identifier, what an attribute's value is read from: one table for all meters."""
