"""Profiles against a register that is simply a table of times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.metering.profile import INVALID, MOST, SECONDS, Channel, Log, Period, Status, profile
from protocols.zigbee.zcl.status import Status as ZclStatus

HALF = SECONDS[Period.MINUTES_30]


def kept(rows):
    """A log with these totals by slot."""
    table = {slot * HALF: total for slot, total in rows.items()}
    return Log(Period.MINUTES_30, table.get, (min(table), max(table)) if table else None)


def ask(rows, end=0, count=MOST, channel=Channel.DELIVERED):
    return profile(Metering.GetProfile(channel, end, count), lambda asked: kept(rows) if asked is Channel.DELIVERED else None)


@st.composite
def registers(draw):
    """A register that never falls, known at some ends of half hours."""
    slots = sorted(draw(st.sets(st.integers(1, 400), max_size=60)))
    totals = sorted(draw(st.lists(st.integers(0, 2**40), min_size=len(slots), max_size=len(slots))))
    return dict(zip(slots, totals, strict=True))


@given(registers(), st.integers(0, 420 * HALF), st.integers(1, 255))
def test_no_half_hour_is_lost_or_doubled(rows, end, count):
    answer = ask(rows, end, count)
    assert len(answer.intervals) == answer.number_of_periods_delivered <= min(count, MOST)
    assert answer.end_time == (answer.end_time // HALF * HALF if answer.intervals else end)
    for ago, interval in enumerate(answer.intervals):
        slot = answer.end_time // HALF - ago
        before, after = rows.get(slot - 1), rows.get(slot)
        expected = INVALID if before is None or after is None else min(after - before, INVALID - 1)
        assert interval == expected
    if answer.intervals and end:
        assert answer.end_time <= end


@given(registers())
def test_all_of_a_log_is_read_by_asking_for_what_is_older(rows):
    seen = {}
    end = 0
    while (answer := ask(rows, end, 5)).intervals:
        for ago, interval in enumerate(answer.intervals):
            assert answer.end_time - ago * HALF not in seen
            seen[answer.end_time - ago * HALF] = interval
        end = answer.end_time - len(answer.intervals) * HALF
        if end <= 0:
            break
    assert answer.status in (Status.SUCCESS, Status.NO_INTERVALS)
    whole = {slot * HALF for slot in rows if slot - 1 in rows}
    assert {end for end, interval in seen.items() if interval != INVALID} == whole


def test_statuses():
    rows = {number: 100 * number for number in range(10, 60)}
    assert ask(rows, channel=9).status == Status.UNDEFINED_CHANNEL
    assert ask(rows, channel=Channel.RECEIVED).status == Status.CHANNEL_NOT_SUPPORTED
    assert ask(rows, count=0) is ZclStatus.INVALID_FIELD
    assert ask(rows, end=0xFFFFFFFF).status == Status.INVALID_END_TIME
    assert ask(rows, end=9 * HALF).status == Status.NO_INTERVALS
    assert ask({}).status == Status.NO_INTERVALS
    assert ask(rows, count=25).status == Status.TOO_MANY_PERIODS
    assert ask(rows, end=12 * HALF, count=9).intervals == [100, 100]
