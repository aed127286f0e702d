"""The 12-octet date-time: published octets, what is not specified, and what names no instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms.cosem import date_time

CLOCK = bytes.fromhex("07E50118FF0E303950FFC400")
"""The time of a published SET of a clock (u9n/dlms-cosem, test_set.py): 2021-01-24 14:48:57.80, deviation -60 minutes."""


def test_published_clock_value() -> None:
    local = datetime(2021, 1, 24, 14, 48, 57, 800_000, timezone(timedelta(hours=1)))
    instant = date_time.instant(CLOCK)
    assert instant is not None
    assert date_time.to_datetime(instant) == local


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)))
def test_round_trip_to_the_hundredth(moment: datetime) -> None:
    instant = date_time.from_datetime(moment)
    octets = date_time.encode(instant)
    assert date_time.instant(octets) == instant - instant % 10_000_000
    assert date_time.is_complete(octets)
    assert octets[4] == moment.isoweekday()


@pytest.mark.parametrize(
    "octets, instant, earliest, latest",
    [
        ("07E70B0EFF16FFFFFF800000", None, "2023-11-14T22:00:00", "2023-11-14T22:59:59.99"),
        ("07E70B0EFF1610FFFF800000", "2023-11-14T22:16:00", "2023-11-14T22:16:00", "2023-11-14T22:16:59.99"),
        ("07E802FFFFFFFFFFFF800000", None, "2024-02-01T00:00:00", "2024-02-29T23:59:59.99"),
        ("FFFFFFFFFFFFFFFFFF8000FF", None, None, None),
    ],
    ids=["no minute", "no second", "a leap February", "nothing"],
)
def test_not_specified(octets: str, instant: str | None, earliest: str | None, latest: str | None) -> None:
    def at(written: str | None) -> int | None:
        return None if written is None else date_time.from_datetime(datetime.fromisoformat(written + "+00:00"))

    value = bytes.fromhex(octets)
    assert not date_time.is_complete(value)
    assert (date_time.instant(value), date_time.earliest(value), date_time.latest(value)) == (
        at(instant), at(earliest), at(latest),
    )  # fmt: skip


@pytest.mark.parametrize(
    "octets",
    [
        "07E70B0EFF161000000000",
        "07E70B0EFF16100000000000" + "00",
        "07E70D0EFF16100000000000",
        "07E7021DFF16100000000000",
        "07E70BFEFF16100000000000",
        "07E70B0EFF18100000000000",
        "07E70B0EFF16100000700000",
        "",
    ],
    ids=["11 octets", "13", "month 13", "29 February 2023", "last day of month", "hour 24", "deviation", "none"],
)
def test_names_no_instant(octets: str) -> None:
    for read in (date_time.instant, date_time.earliest, date_time.latest, date_time.is_complete):
        with pytest.raises(DecodeError):
            read(bytes.fromhex(octets))


@given(st.binary(max_size=14) | st.binary(min_size=12, max_size=12))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        low, high = date_time.earliest(octets), date_time.latest(octets)
    except DecodeError:
        return
    assert (low is None) == (high is None)
    assert low is None or high is None or date_time.to_datetime(low) <= date_time.to_datetime(high)


FIELD = st.integers(0, 99) | st.just(0xFF)
NEARLY = st.builds(
    lambda year, fields, deviation, status: (
        year.to_bytes(2, "big") + bytes(fields) + deviation.to_bytes(2, "big", signed=True) + status
    ),
    st.integers(0, 9_999) | st.just(0xFFFF),
    st.tuples(st.integers(0, 13), st.integers(0, 32), FIELD, st.integers(0, 25), st.integers(0, 61), st.integers(0, 61), FIELD),
    st.integers(-900, 900) | st.just(-0x8000),
    st.binary(min_size=1, max_size=1),
)


@given(NEARLY | st.binary(min_size=12, max_size=12))
def test_one_instant_is_the_first_and_the_last_that_fit(octets: bytes) -> None:
    try:
        complete = date_time.is_complete(octets)
    except DecodeError:
        with pytest.raises(DecodeError):
            date_time.instant(octets)
        return
    if complete and octets[8] != 0xFF:
        assert date_time.earliest(octets) == date_time.instant(octets) == date_time.latest(octets)


def test_our_own_mistakes_are_named() -> None:
    with pytest.raises(LocalProtocolError, match="time zone"):
        date_time.from_datetime(datetime(2024, 1, 1))
    with pytest.raises(LocalProtocolError):
        date_time.encode(10**30)
