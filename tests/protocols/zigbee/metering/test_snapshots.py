"""Snapshots: kept, evicted, found and published; schedules against a calendar walked day by day."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError
from protocols.zigbee.clusters.metering import Metering, SnapshotSchedule
from protocols.zigbee.metering.schedules import MOST as SCHEDULES
from protocols.zigbee.metering.schedules import Outcome, Point, Schedule, Schedules, Unit
from protocols.zigbee.metering.snapshots import ANY_CAUSE, MOST, PART, Assembly, Cause, Snapshots
from protocols.zigbee.zcl.status import Status

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
EVERY = 0, 0xFFFFFFFF


def get(store, offset=0, cause=ANY_CAUSE, first=0, last=0xFFFFFFFF, others=()):
    return store.get(Metering.GetSnapshot(first, last, offset, cause), others)


@given(st.lists(st.tuples(st.integers(1, 2**18 - 1), st.integers(0, 10**6), st.binary(max_size=300)), max_size=60), st.data())
def test_a_store_is_a_list_of_the_last_ones(taken, data):
    store, oracle = Snapshots(), []
    for cause, time, payload in taken:
        oracle = [*oracle, store.take(cause, 4, payload, time)][-MOST:]
        if data.draw(st.booleans()):
            store = Snapshots(store.plain())
    assert len({each.id for each in oracle}) == len(oracle)
    cause = data.draw(st.sampled_from([ANY_CAUSE, 1, 6, 0x400]))
    first, last = sorted((data.draw(st.integers(0, 10**6)), data.draw(st.integers(0, 10**6))))
    fitting = sorted((each for each in oracle if first <= each.time <= last and (cause == ANY_CAUSE or each.cause & cause)),
                     key=lambda each: (each.time, each.id))  # fmt: skip
    for offset, expected in enumerate(fitting):
        parts = get(store, offset, cause, first, last)
        assembly, whole = Assembly(), None
        for part in data.draw(st.permutations(parts)):
            assert len(part.snapshot_payload) <= PART
            assert part.total_snapshots_found == len(fitting)
            assert whole is None
            whole = assembly.add(part)
        assert whole == expected
    assert get(store, len(fitting), cause, first, last) is Status.NOT_FOUND


def test_parts_that_cannot_be():
    part = Snapshots().take(Cause.GENERAL, 4, b"", 5).parts(1)[0]
    for index, total in ((0, 0), (1, 1), (9, 2)):
        with pytest.raises(DecodeError):
            Assembly().add(Metering.PublishSnapshot(1, 5, 1, index, total, 1, 4, part.snapshot_payload))


def bits(every, unit, point):
    return every | unit << 20 | point << 22


def walked(start, every, unit, point, after, days=1500):
    """The next time, by trying day after day."""
    begin = EPOCH + timedelta(seconds=start)
    for day in range(days):
        date = begin.replace(hour=0, minute=0, second=0) + timedelta(days=day)
        months = (date.year - begin.year) * 12 + date.month - begin.month
        monday = begin.date() - timedelta(days=begin.weekday())
        weeks = (date.date() - monday).days // 7
        last = monthrange(date.year, date.month)[1]
        if unit == Unit.DAY:
            fits = day % every == 0
        elif unit == Unit.WEEK:
            fits = weeks % every == 0 and date.weekday() == {Point.START: 0, Point.END: 6}.get(point, begin.weekday())
        else:
            wanted = {Point.START: 1, Point.END: last}.get(point, min(begin.day, last))
            fits = months % every == 0 and date.day == wanted
        if not fits:
            continue
        at = {Point.START: date, Point.END: date + timedelta(seconds=86_399)}.get(
            point, date + timedelta(hours=begin.hour, minutes=begin.minute, seconds=begin.second)
        )
        seconds = int((at - EPOCH).total_seconds())
        if seconds >= start and seconds > after:
            return seconds
    return None


@given(st.integers(0, 800_000_000), st.integers(1, 9), st.sampled_from(Unit), st.sampled_from(Point), st.integers(0, 30_000_000))
def test_a_schedule_against_the_calendar(start, every, unit, point, later):
    schedule = Schedule(1, start, bits(every, unit, point), 4, 1, 1)
    assert schedule.next(start + later) == walked(start, every, unit, point, start + later)


def test_schedules_that_never_come():
    for every, unit, point in ((0, 0, 0), (1, 3, 0), (1, 0, 3), (0xFFFFF, 2, 0)):
        assert Schedule(1, 5, bits(every, unit, point), 4, 1, 1).next(10**9) is None
    assert Schedule(1, 0xFFFFFFF0, bits(1, 0, 2), 4, 1, 1).next(0xFFFFFFF5) is None


def ask(schedules, identifier, issuer=1, now=1000, start=0, every=1):
    one = SnapshotSchedule(identifier, start, bits(every, Unit.DAY, Point.START), 4, Cause.GENERAL)
    (outcome,) = schedules.take(Metering.ScheduleSnapshot(issuer, 0, 1, [one]), now).snapshot_response_payload
    return outcome.snapshot_schedule_confirmation


def test_schedules_are_bounded_and_replaced_by_newer_ones():
    schedules = Schedules(frozenset({4}), int(sum(Cause)))
    assert [ask(schedules, number) for number in range(1, SCHEDULES + 2)] == [Outcome.ACCEPTED] * SCHEDULES + [Outcome.NO_SPACE]
    assert ask(schedules, 0) == ask(schedules, 255) == Outcome.NOT_AVAILABLE
    assert ask(schedules, 3, issuer=9, every=2) == Outcome.ACCEPTED
    assert ask(schedules, 3, issuer=8) == Outcome.NOT_AVAILABLE
    again = Schedules(frozenset({4}), 1, schedules.plain())
    assert again.deadline == schedules.deadline == 86_400
    assert len(again.expire(86_400)) == SCHEDULES - 1  # the replaced one is for every other day
    assert again.expire(86_400) == []
    assert again.deadline == 2 * 86_400
    assert len(again.expire(2 * 86_400)) == SCHEDULES


def test_what_was_missed_is_not_made_up_for():
    schedules = Schedules(frozenset({4}), 1)
    ask(schedules, 1)
    assert len(schedules.expire(10 * 86_400 + 5)) == 1
    assert schedules.deadline == 11 * 86_400
