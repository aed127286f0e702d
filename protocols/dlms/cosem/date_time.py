"""The 12-octet date-time of clocks, profiles and notifications. Blue Book 4.1.6.1.

Every field may be "not specified". Local time plus deviation is UTC; a date-time without deviation counts as UTC, which
is what the meters of this bench keep. The wildcards of schedules (last day of the month, daylight-saving change) name
no instant and are refused.
"""

from __future__ import annotations

import struct
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from enum import IntFlag

from protocols.core.errors import DecodeError, LocalProtocolError

SECOND = 1_000_000_000
"""Nanoseconds. Every instant here is an integer count of them since 1970-01-01 UTC."""

_LAYOUT = struct.Struct(">HBBBBBBBhB")
_NO_DEVIATION = -0x8000
_DEVIATIONS = range(-840, 841)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# field: value that says "not specified", lowest, highest
_FIELDS = (
    ("year", 0xFFFF, 2, 9998),  # a deviation must not lead out of the calendar's years 1 to 9999
    ("month", 0xFF, 1, 12),
    ("day of month", 0xFF, 1, 31),
    ("day of week", 0xFF, 1, 7),
    ("hour", 0xFF, 0, 23),
    ("minute", 0xFF, 0, 59),
    ("second", 0xFF, 0, 59),
    ("hundredths", 0xFF, 0, 99),
)


class ClockStatus(IntFlag):
    """clock_status, the last octet; all ones: not specified."""

    INVALID = 0x01
    DOUBTFUL = 0x02
    OTHER_BASE = 0x04
    INVALID_STATUS = 0x08
    DAYLIGHT_SAVING = 0x80


def encode(instant: int, status: int = 0) -> bytes:
    """The 12 octets of an instant: UTC, deviation 0, to the hundredth of a second. Years 1 to 9999 have octets."""
    seconds, fraction = divmod(instant, SECOND)
    days, seconds = divmod(seconds, 86_400)
    try:
        day = date.fromordinal(_EPOCH_DAY + days)
    except (ValueError, OverflowError):
        raise LocalProtocolError(f"no date-time for {instant} ns") from None
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    hundredths = fraction // 10_000_000
    return _LAYOUT.pack(day.year, day.month, day.day, day.isoweekday(), hour, minute, second, hundredths, 0, status)


def instant(octets: bytes) -> int | None:
    """The instant of 12 octets; None when the day, the hour or the minute is not specified. Errors: DecodeError."""
    whole = _whole(octets)
    if whole is not None:
        return whole
    values, deviation = _parse(octets)
    if None in (*values[:3], *values[4:6]):
        return None
    return _instant(values, deviation, highest=False)


def is_complete(octets: bytes) -> bool:
    """Whether date, time to the second, and deviation are all there. Errors: DecodeError."""
    values, deviation = _parse(octets)
    return deviation is not None and None not in (*values[:3], *values[4:7])


def earliest(octets: bytes) -> int | None:
    """The first instant that fits: what is not specified is at its lowest. None: no year, any time at all fits."""
    values, deviation = _parse(octets)
    return None if values[0] is None else _instant(values, deviation, highest=False)


def latest(octets: bytes) -> int | None:
    """The last instant that fits: what is not specified is at its highest. None: no year, any time at all fits."""
    values, deviation = _parse(octets)
    return None if values[0] is None else _instant(values, deviation, highest=True)


def to_datetime(instant: int) -> datetime:
    """An instant as an aware datetime in UTC, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=instant // 1000)


def from_datetime(moment: datetime) -> int:
    """An aware datetime as an instant."""
    if moment.tzinfo is None:
        raise LocalProtocolError(f"{moment} has no time zone: an instant needs one")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _whole(octets: bytes) -> int | None:
    """As `_parse` and `_instant` together, where every field is there and right, as in the rows of every log; None: look closer."""
    if len(octets) != _LAYOUT.size:
        return None
    year, month, day, weekday, hour, minute, second, hundredths, deviation, _status = _LAYOUT.unpack(octets)
    if hour > 23 or minute > 59 or second > 59 or hundredths > 99 or not 2 <= year <= 9998:
        return None
    if not (0 < weekday < 8 or weekday == 0xFF) or not -840 <= deviation <= 840:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    seconds: int = ((days * 24 + hour) * 60 + minute + deviation) * 60 + second
    return seconds * SECOND + int(hundredths) * 10_000_000


def _parse(octets: bytes) -> tuple[list[int | None], int | None]:
    """The eight fields and the deviation in minutes; None: not specified."""
    if len(octets) != _LAYOUT.size:
        raise DecodeError(f"date-time: has {len(octets)} octets, needs {_LAYOUT.size}")
    *fields, deviation, _status = _LAYOUT.unpack(octets)
    values: list[int | None] = []
    for (name, not_specified, lowest, highest), value in zip(_FIELDS, fields, strict=True):
        if value != not_specified and not lowest <= value <= highest:
            raise DecodeError(f"date-time.{name}: {value} is not in {lowest}..{highest}")
        values.append(None if value == not_specified else value)
    year, month, day = values[:3]
    if year and month and day and day > monthrange(year, month)[1]:
        raise DecodeError(f"date-time: there is no day {day} in {year}-{month:02}")
    if deviation == _NO_DEVIATION:
        return values, None
    if deviation not in _DEVIATIONS:
        raise DecodeError(f"date-time.deviation: {deviation} minutes")
    return values, deviation


def _instant(values: list[int | None], deviation: int | None, *, highest: bool) -> int:
    year, month, day, _weekday, hour, minute, second, hundredths = (
        (limits[3] if highest else limits[2]) if value is None else value for value, limits in zip(values, _FIELDS, strict=True)
    )
    day = min(day, monthrange(year, month)[1])
    days = date(year, month, day).toordinal() - _EPOCH_DAY
    seconds = ((days * 24 + hour) * 60 + minute + (deviation or 0)) * 60 + second
    return seconds * SECOND + hundredths * 10_000_000
