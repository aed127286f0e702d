"""Dates and times with open fields (Blue Book 4.1.6.1), and local time with daylight saving (4.5.1)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, Zone, date_time
from protocols.dlms.cosem.recurrence import (
    DATE,
    OPEN_DATE,
    OPEN_TIME,
    RECURRENCE,
    TIME,
    TIME_OF_DAY,
    Date,
    Recurrence,
    Time,
    midnight,
)
from protocols.dlms.cosem.zone import UTC as ZONE_UTC
from protocols.dlms.cosem.zone import saving_rule

LAST_SUNDAY_OF_MARCH = bytes.fromhex("FFFF03FE07010000008000FF")
LAST_SUNDAY_OF_OCTOBER = bytes.fromhex("FFFF0AFE07020000008000FF")
LONDON = Zone(0, 60, saving_rule(LAST_SUNDAY_OF_MARCH), saving_rule(LAST_SUNDAY_OF_OCTOBER))


def at(text: str) -> int:
    """An instant of UTC, or a local time."""
    return date_time.from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def shown(instant: int | None) -> str | None:
    return None if instant is None else date_time.to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize("octets, since, first, last", [
    ("07E80314FF", "2024-01-01", "2024-03-20", None),
    ("07E80314FF", "2024-06-01", None, "2024-03-20"),
    ("FFFF0C19FF", "2024-12-26", "2025-12-25", "2024-12-25"),
    ("FFFFFFFFFF", "2024-02-29", "2024-02-29", "2024-02-29"),
    ("FFFFFF01FF", "2024-02-02", "2024-03-01", "2024-02-01"),
    ("FFFFFFFF01", "2024-05-07", "2024-05-13", "2024-05-06"),  # a Tuesday
    ("FFFF021DFF", "2021-03-01", "2024-02-29", "2020-02-29"),
    ("FFFF021DFF", "2096-03-01", "2104-02-29", "2096-02-29"),
    ("FFFFFFFEFF", "2023-02-10", "2023-02-28", "2023-01-31"),
    ("FFFFFFFDFF", "2024-02-28", "2024-02-28", "2024-02-28"),
    ("FFFF03FE07", "2024-03-31", "2024-03-31", "2024-03-31"),
    ("FFFF03FE07", "2024-04-01", "2025-03-30", "2024-03-31"),
    ("FFFF03FD07", "2024-03-01", "2024-03-24", "2023-03-19"),
    ("FFFF060F01", "2024-06-01", "2024-06-17", "2023-06-19"),  # the Monday on or after the 15th of June
    ("FFFFFF1F07", "2024-09-01", "2024-09-01", "2024-09-01"),  # on or after the 31st of August
    ("000001FFFF", "2024-09-01", None, None),  # the beginning of all time (GB)
])  # fmt: skip
def test_days_that_fit(octets: str, since: str, first: str | None, last: str | None) -> None:
    rule = Date.parse(bytes.fromhex(octets))
    day = date.fromisoformat(since)
    found = rule.first(day, ZONE_UTC), rule.last(day, ZONE_UTC)
    assert found == tuple(None if text is None else date.fromisoformat(text) for text in (first, last))


@pytest.mark.parametrize("octets, since, first, last", [
    ("07000000", "06:59", "07:00", None),
    ("07000000", "07:01", None, "07:00"),
    ("FF1E0000", "07:30", "07:30", "07:30"),
    ("FF1E0000", "07:31", "08:30", "07:30"),
    ("05FF0000", "05:17", "05:17", "05:17"),
    ("FFFFFFFF", "05:17", "05:17", "05:17"),
    ("0005FFFF", "00:05", "00:05", "00:05"),
])  # fmt: skip
def test_times_that_fit(octets: str, since: str, first: str | None, last: str | None) -> None:
    def ns(text: str | None) -> int | None:
        return None if text is None else at(f"1970-01-01T{text}")

    rule = Time.parse(bytes.fromhex(octets))
    start = at(f"1970-01-01T{since}")
    assert (rule.first(start), rule.last(start)) == (ns(first), ns(last))


DATES = st.builds(
    lambda year, month, day, weekday: year.to_bytes(2, "big") + bytes((month, day, weekday)),
    st.sampled_from([2023, 2024, 0xFFFF]),
    st.sampled_from([0xFF, 2, 3, 12]),
    st.sampled_from([0xFF, 0xFE, 0xFD, 1, 28, 29, 31]),
    st.sampled_from([0xFF, 1, 7]),
)


@given(DATES, st.dates(date(2022, 1, 1), date(2026, 12, 31)))
def test_the_first_day_is_the_nearest_one(octets: bytes, since: date) -> None:
    try:
        rule = Date.parse(octets)
    except DecodeError:
        return  # a day that is not in its year
    first, last = rule.first(since, ZONE_UTC), rule.last(since, ZONE_UTC)
    week = [since + timedelta(days) for days in range(8)]
    assert next((day for day in week if rule.falls_on(day, ZONE_UTC)), None) == (first if first and first <= week[-1] else None)
    assert first is None or (first >= since and rule.last(first, ZONE_UTC) == first)
    assert last is None or (last <= since and rule.first(last, ZONE_UTC) == last)


@given(st.binary(max_size=13) | st.binary(min_size=12, max_size=12) | st.binary(min_size=4, max_size=5))
def test_any_octets_are_a_rule_or_refused(octets: bytes) -> None:
    for reads in (Date, Time, Recurrence):
        try:
            rule = reads.parse(octets)
        except DecodeError:
            continue
        if isinstance(rule, Recurrence):
            found = rule.next(at("2024-05-05T12:00"), ZONE_UTC)
            assert found is None or found > at("2024-05-05T12:00")


@pytest.mark.parametrize("kind, octets", [
    (DATE, "07E80D01FF"), (DATE, "07E7021DFF"), (DATE, "07E8031508"), (DATE, "07E8031401"), (DATE, "270F0101FF"),
    (TIME, "18000000"), (TIME, "FF3C0000"), (TIME_OF_DAY, "FF000000"), (TIME_OF_DAY, "0700FFFF"),
    (RECURRENCE, "07E8031401070000008000FF"),
])  # fmt: skip
def test_what_is_no_date_or_time_is_out_of_scope(kind, octets: str) -> None:
    with pytest.raises(AccessError) as caught:
        kind.admit(axdr.octets(bytes.fromhex(octets)))
    assert caught.value.result == 13


@pytest.mark.parametrize("kind, octets", [(DATE, "FFFFFF"), (TIME, "0700000000"), (RECURRENCE, "FFFFFFFFFF")])
def test_wrong_sizes_are_a_wrong_type(kind, octets: str) -> None:
    for value in (axdr.octets(bytes.fromhex(octets)), axdr.u8(0)):
        with pytest.raises(AccessError) as caught:
            kind.admit(value)
        assert caught.value.result == 12


# --- local time: the machine's own time zone data are the judge


@given(st.datetimes(datetime(2023, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))
def test_local_time_is_londons(moment: datetime) -> None:
    instant = date_time.from_datetime(moment)
    expected = moment.astimezone(ZoneInfo("Europe/London"))
    local = LONDON.local(instant)
    assert date_time.to_datetime(local).replace(tzinfo=None) == expected.replace(tzinfo=None)
    octets = LONDON.encode(instant)
    assert date_time.instant(octets) == instant - instant % 10_000_000
    assert bool(octets[11] & 0x80) == bool(expected.dst())
    assert LONDON.utc(local) <= instant
    assert LONDON.local(LONDON.utc(local)) == local


BERLIN = Zone(
    -60, 60, saving_rule(bytes.fromhex("FFFF03FE07020000008000FF")), saving_rule(bytes.fromhex("FFFF0AFE07030000008000FF"))
)
SYDNEY = Zone(
    -600, 60, saving_rule(bytes.fromhex("FFFF0A0107020000008000FF")), saving_rule(bytes.fromhex("FFFF040107030000008000FF"))
)


@pytest.mark.parametrize("zone, name", [(BERLIN, "Europe/Berlin"), (SYDNEY, "Australia/Sydney")])
@given(moment=st.datetimes(datetime(2023, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)))
def test_other_zones(zone: Zone, name: str, moment: datetime) -> None:
    local = zone.local(date_time.from_datetime(moment))
    assert date_time.to_datetime(local).replace(tzinfo=None) == moment.astimezone(ZoneInfo(name)).replace(tzinfo=None)


EVERY_QUARTER = [Recurrence(Date.parse(OPEN_DATE), Time.parse(bytes((0xFF, minute, 0, 0)))) for minute in (0, 15, 30, 45)]


def test_what_a_change_skips_happens_at_the_change() -> None:
    night = Recurrence(Date.parse(OPEN_DATE), Time.parse(bytes.fromhex("011E0000")))
    assert shown(LONDON.upcoming(night, at("2024-03-30T12:00"))) == "2024-03-31T01:00:00"
    assert shown(LONDON.latest(night, at("2024-03-31T01:00"))) == "2024-03-31T01:00:00"
    assert shown(LONDON.upcoming(night, at("2024-03-31T01:00"))) == "2024-04-01T00:30:00"


def test_what_a_change_repeats_happens_once() -> None:
    rings = []
    now = at("2024-10-26T23:50")
    while now < at("2024-10-27T02:40"):
        now = min(ring for rule in EVERY_QUARTER if (ring := LONDON.upcoming(rule, now)) is not None)
        rings.append(shown(now))
    # clocks go back at 01:00 UTC: 00:00 to 00:45 UTC show 01:00 to 01:45, which comes again until 02:00 UTC
    assert rings == [
        f"2024-10-{day}:00" for day in (
            "27T00:00", "27T00:15", "27T00:30", "27T00:45", "27T02:00", "27T02:15", "27T02:30", "27T02:45",
        )
    ]  # fmt: skip


def test_days_of_change_have_names() -> None:
    begins, ends = Date.parse(bytes.fromhex("FFFFFEFFFF")), Date.parse(bytes.fromhex("07E8FDFFFF"))
    assert begins.first(date(2024, 1, 1), LONDON) == date(2024, 3, 31)
    assert begins.last(date(2024, 1, 1), LONDON) == date(2023, 3, 26)
    assert ends.first(date(2020, 1, 1), LONDON) == date(2024, 10, 27)
    assert ends.first(date(2024, 10, 28), LONDON) is None
    assert begins.first(date(2024, 1, 1), ZONE_UTC) is None


def test_a_date_time_without_deviation_is_local() -> None:
    assert LONDON.instant(bytes.fromhex("07E80701FF0C0000008000FF")) == at("2024-07-01T11:00")
    assert LONDON.instant(bytes.fromhex("07E80701FF0C000000000000")) == at("2024-07-01T12:00")
    assert LONDON.instant(bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")) is None


def test_every_day_at_no_set_time_is_every_minute() -> None:
    rule = Recurrence(Date.parse(OPEN_DATE), Time.parse(OPEN_TIME))
    assert shown(ZONE_UTC.upcoming(rule, at("2024-12-31T23:59:30"))) == "2025-01-01T00:00:00"
    assert midnight(date(2025, 1, 1)) == at("2025-01-01T00:00")
