"""Load control events on a device: SE 1.4 annex D.2.4.2, the table of cases of the schedule, one by one."""

from __future__ import annotations

import pytest

from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.demand_response import DemandResponse, EventStatus
from protocols.zigbee.demand_response.cycle import Cycle, cycle
from protocols.zigbee.demand_response.issuer import Issuer
from protocols.zigbee.demand_response.schedule import ROOM, Event, Schedule

NOW = 500_000_000
HEATER, CAR = 0x0004, 0x0400
S = EventStatus


def event(number=1, at=60, minutes=30, *, classes=HEATER, group=0, criticality=1, duty=0xFF, adjustment=-128, control=0):
    start = 0 if at is None else NOW + at
    return Event(number, classes, group, start, minutes, criticality, 0xFF, 0xFF, -32768, -32768, adjustment, duty, control)


def cancel(number=1, *, classes=HEATER, group=0, control=0, at=0):
    return DemandResponse.CancelLoadControlEvent(number, classes, group, control, at)


@pytest.fixture
def schedule():
    return Schedule(lambda: HEATER, lambda: 3, lambda: (30, 10), lambda: 0.5)


def told(reports):
    return [(each.status.issuer_event_id, S(each.status.event_status)) for each in reports]


def live(schedule, until, since=NOW):
    """What is reported as time goes by: (seconds after NOW, event, status)."""
    found = []
    while schedule.deadline is not None and schedule.deadline <= NOW + until:
        at = max(schedule.deadline, since)
        found += [(at - NOW, *each) for each in told(schedule.expire(at))]
    return found


def test_an_event_is_received_starts_and_is_completed(schedule):
    assert told(schedule.received(event(), NOW)) == [(1, S.RECEIVED)]
    assert live(schedule, 7200) == [(60, 1, S.STARTED), (1860, 1, S.COMPLETED)]
    assert schedule.entries == {}


def test_an_event_now_runs_at_once(schedule):
    assert told(schedule.received(event(at=None), NOW)) == [(1, S.RECEIVED), (1, S.STARTED)]
    assert live(schedule, 7200) == [(1800, 1, S.COMPLETED)]


def test_one_that_has_begun_ends_when_it_says(schedule):
    assert told(schedule.received(event(at=-600), NOW)) == [(1, S.RECEIVED), (1, S.STARTED)]
    assert live(schedule, 7200) == [(1200, 1, S.COMPLETED)]


REFUSED = {
    "over already": (event(at=-1800), S.EXPIRED),
    "no time at all": (Event(1, HEATER, 0, 0xFFFFFFFF, 30, 1, 0xFF, 0xFF, 0, 0, 0, 0xFF, 0), S.REJECTED),
    "no duration": (event(minutes=0), S.REJECTED),
    "longer than a day": (event(minutes=1441), S.REJECTED),
    "no criticality": (event(criticality=0), S.REJECTED),
    "an unknown criticality": (event(criticality=16), S.REJECTED),
    "a duty cycle of 101 %": (event(duty=101), S.REJECTED),
    "an adjustment of -101 %": (event(adjustment=-101), S.REJECTED),
}


@pytest.mark.parametrize(("refused", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_events_that_cannot_be(schedule, refused, status):
    assert told(schedule.received(refused, NOW)) == [(1, status)]
    assert schedule.entries == {}


@pytest.mark.parametrize("elsewhere", [event(classes=CAR), event(group=4)], ids=["other appliances", "another group"])
def test_events_for_others_are_not_heard(schedule, elsewhere):
    assert schedule.received(elsewhere, NOW) == []
    assert schedule.entries == {}


@pytest.mark.parametrize("group", [0, 3])
def test_events_for_every_group_and_for_ours(schedule, group):
    assert told(schedule.received(event(group=group), NOW)) == [(1, S.RECEIVED)]


def test_an_event_is_not_taken_twice_nor_changed(schedule):
    schedule.received(event(), NOW)
    assert schedule.received(event(at=600, minutes=60), NOW) == []
    assert live(schedule, 7200)[0] == (60, 1, S.STARTED)


def test_there_is_room_for_so_many(schedule):
    for number in range(ROOM):
        assert told(schedule.received(event(number, 3600 * number), NOW))[0] == (number, S.RECEIVED)
    assert told(schedule.received(event(99, 90_000), NOW)) == [(99, S.REJECTED)]


# --- two events. The first is from 600 to 2400 s ---

OVERLAPS = {
    "after the first": (
        (3000, 10),
        [],
        [(600, 1, S.STARTED), (2400, 1, S.COMPLETED), (3000, 2, S.STARTED), (3600, 2, S.COMPLETED)],
    ),
    "successive": ((2400, 10), [], [(600, 1, S.STARTED), (2400, 1, S.COMPLETED), (2400, 2, S.STARTED), (3000, 2, S.COMPLETED)]),
    "overlaps its end": ((2000, 30), [(1, S.SUPERSEDED)], [(2000, 2, S.STARTED), (3800, 2, S.COMPLETED)]),
    "overlaps its start": ((300, 10), [(1, S.SUPERSEDED)], [(300, 2, S.STARTED), (900, 2, S.COMPLETED)]),
    "nested": ((1200, 10), [(1, S.SUPERSEDED)], [(1200, 2, S.STARTED), (1800, 2, S.COMPLETED)]),
    "around it": ((300, 60), [(1, S.SUPERSEDED)], [(300, 2, S.STARTED), (3900, 2, S.COMPLETED)]),
    "the same time": ((600, 30), [(1, S.SUPERSEDED)], [(600, 2, S.STARTED), (2400, 2, S.COMPLETED)]),
}


@pytest.mark.parametrize(("second", "at_once", "later"), OVERLAPS.values(), ids=OVERLAPS.keys())
def test_a_second_event_before_the_first_has_begun(schedule, second, at_once, later):
    schedule.received(event(1, 600), NOW)
    assert told(schedule.received(event(2, *second), NOW)) == [(2, S.RECEIVED), *at_once]
    assert live(schedule, 7200) == later


WHILE_RUNNING = {
    "overlaps its end": ((2000, 30), [(2000, 1, S.SUPERSEDED), (2000, 2, S.STARTED), (3800, 2, S.COMPLETED)]),
    "nested": ((1200, 10), [(1200, 1, S.SUPERSEDED), (1200, 2, S.STARTED), (1800, 2, S.COMPLETED)]),
    "now": ((None, 10), [(1620, 2, S.COMPLETED)]),
    "successive": ((2400, 10), [(2400, 1, S.COMPLETED), (2400, 2, S.STARTED), (3000, 2, S.COMPLETED)]),
}


@pytest.mark.parametrize(("second", "later"), WHILE_RUNNING.values(), ids=WHILE_RUNNING.keys())
def test_a_second_event_while_the_first_runs(schedule, second, later):
    schedule.received(event(1, 600), NOW)
    schedule.expire(NOW + 600)
    reports = told(schedule.received(event(2, *second), NOW + 1020))
    expected = [(1, S.SUPERSEDED), (2, S.STARTED)] if second[0] is None else []
    assert reports == [(2, S.RECEIVED), *expected]
    assert live(schedule, 7200, NOW + 1020) == later


# --- random offsets: half of 30 and half of 10 minutes ---


@pytest.mark.parametrize(
    ("control", "expected"),
    [(0, (60, 1860)), (1, (960, 2760)), (2, (60, 2160)), (3, (960, 3060))],
)
def test_start_and_end_are_randomised_where_the_event_asks_for_it(schedule, control, expected):
    schedule.received(event(control=control), NOW)
    assert live(schedule, 7200) == [(expected[0], 1, S.STARTED), (expected[1], 1, S.COMPLETED)]


def test_a_random_end_gives_way_to_the_next_start(schedule):
    schedule.received(event(1, 600, control=2), NOW)
    schedule.received(event(2, 2400), NOW)
    assert live(schedule, 7200) == [
        (600, 1, S.STARTED), (2400, 1, S.COMPLETED), (2400, 2, S.STARTED), (4200, 2, S.COMPLETED),
    ]  # fmt: skip


# --- opting out ---


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([(0, False)], [S.OPTED_OUT, S.COMPLETED_WITHOUT_PARTICIPATION]),
        ([(0, False), (1, True)], [S.STARTED, S.COMPLETED]),
        ([(600, False)], [S.STARTED, S.PARTLY_COMPLETED_OPTED_OUT]),
        ([(0, False), (600, True)], [S.OPTED_OUT, S.PARTLY_COMPLETED_OPTED_IN]),
    ],
)
def test_opting_out_and_in(schedule, choices, expected):
    schedule.received(event(), NOW)
    found = []
    for at, take_part in choices:
        found += live(schedule, at)
        status = schedule.choose(1, NOW + at, take_part=take_part)
        assert status == (S.OPTED_IN if take_part else S.OPTED_OUT)
    assert [status for _, _, status in found + live(schedule, 7200)] == expected


def test_nobody_opts_out_of_what_is_mandatory(schedule):
    schedule.received(event(criticality=6), NOW)
    assert schedule.choose(1, NOW, take_part=False) == S.INVALID_OPT_OUT
    assert schedule.choose(7, NOW, take_part=False) == S.NOT_FOUND
    assert live(schedule, 60) == [(60, 1, S.STARTED)]
    assert schedule.running.participating


# --- cancelling ---


def test_an_event_to_come_is_cancelled_at_once(schedule):
    schedule.received(event(), NOW)
    assert told(schedule.cancelled(cancel(), NOW + 1)) == [(1, S.CANCELLED)]
    assert schedule.deadline is None


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (cancel(9), S.UNDEFINED_EVENT),
        (cancel(classes=CAR), S.INVALID_CANCEL),
        (cancel(group=4), S.INVALID_CANCEL),
        (cancel(at=0xFFFFFFFF), S.INVALID_EFFECTIVE_TIME),
        (cancel(at=NOW + 1861), S.INVALID_EFFECTIVE_TIME),
    ],
)
def test_cancellations_that_cannot_be(schedule, command, status):
    schedule.received(event(), NOW)
    assert told(schedule.cancelled(command, NOW)) == [(command.issuer_event_id, status)]
    assert list(schedule.entries) == [1]


def test_a_running_event_is_cancelled_now_later_or_at_a_random_time(schedule):
    schedule.received(event(1, 0, control=2), NOW)
    assert told(schedule.cancelled(cancel(), NOW + 60)) == [(1, S.CANCELLED)]
    schedule.received(event(2, 0), NOW)
    assert schedule.cancelled(cancel(2, at=NOW + 100), NOW + 60) == []
    assert live(schedule, 7200) == [(100, 2, S.CANCELLED)]
    schedule.received(event(3, 0, control=2), NOW)
    assert schedule.cancelled(cancel(3, control=1), NOW + 60) == []
    assert live(schedule, 7200) == [(360, 3, S.CANCELLED)]


def test_all_are_cancelled(schedule):
    schedule.received(event(1, 0), NOW)
    schedule.received(event(2, 3600), NOW)
    assert told(schedule.all_cancelled(DemandResponse.CancelAllLoadControlEvents(0), NOW)) == [(1, S.CANCELLED), (2, S.CANCELLED)]


# --- memory and time ---


def test_an_image_holds_everything(schedule):
    schedule.received(event(1, 0, control=3), NOW)
    schedule.received(event(2, 7200), NOW)
    schedule.expire(NOW + 901)
    schedule.choose(1, NOW + 902, take_part=False)
    other = Schedule(lambda: HEATER, lambda: 0, lambda: (0, 0), lambda: 0.0)
    other.restore(schedule.image())
    assert other.image() == schedule.image()
    assert live(other, 36_000) == live(schedule, 36_000)


def test_what_passed_while_there_was_no_power(schedule):
    schedule.received(event(1, 60), NOW)
    schedule.received(event(2, 3600), NOW)
    assert told(schedule.expire(NOW + 3700)) == [(1, S.COMPLETED_WITHOUT_PARTICIPATION), (2, S.STARTED)]


# --- the issuer ---


def test_an_issuer_tells_what_is_not_over():
    issuer = Issuer()
    for number, at in ((1, 7200), (2, 0), (3, 3600)):
        issuer.issue(event(number, at), NOW)
    query = DemandResponse.GetScheduledEvents
    assert [each.issuer_event_id for each in issuer.asked(query(0, 0), NOW)] == [2, 3, 1]
    assert [each.issuer_event_id for each in issuer.asked(query(0, 1), NOW)] == [2]
    assert [each.issuer_event_id for each in issuer.asked(query(NOW + 5400, 0), NOW)] == [1]
    assert [each.issuer_event_id for each in issuer.asked(query(0, 0, 3), NOW)] == [3, 1]
    assert [each.issuer_event_id for each in issuer.asked(query(0, 0), NOW + 1800)] == [3, 1]
    again = Issuer()
    again.restore(issuer.image())
    assert again.events == issuer.events


@pytest.mark.parametrize("impossible", [event(at=-7200), event(minutes=0), event(minutes=1441), event(at=None)])
def test_an_issuer_issues_nothing_impossible(impossible):
    with pytest.raises(LocalProtocolError):
        Issuer().issue(impossible, NOW)


@pytest.mark.parametrize(
    ("duty", "period", "on", "off", "expected"),
    [
        (0xFF, 600, 60, 60, Cycle(0, 1)),
        (0, 600, 60, 60, Cycle(0, 1)),
        (100, 600, 60, 60, Cycle(1, 0)),
        (50, 0, 60, 60, Cycle(0, 1)),
        (50, 600, 60, 60, Cycle(300, 300)),
        (5, 600, 60, 60, Cycle(60, 1140)),
        (95, 600, 60, 60, Cycle(1140, 60)),
    ],
)
def test_duty_cycles_respect_the_least_times(duty, period, on, off, expected):
    assert cycle(duty, period, on, off) == expected
