"""Which tier, block and price hold: against a simple oracle that walks the calendar minute by minute, and case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.zigbee.calendar import schedule
from protocols.zigbee.calendar.schedule import ANY, Schedule, Zone
from protocols.zigbee.calendar.table import ROWS as CALENDAR
from protocols.zigbee.clusters.calendar import Calendar, ScheduleEntry, SeasonEntry, SpecialDay
from protocols.zigbee.clusters.price import BlockThresholds, Price, PriceMatrixEntry
from protocols.zigbee.price.table import BLOCK, BLOCK_TOU, BLOCK_TOU_OWN_THRESHOLDS, ROWS, TOU
from protocols.zigbee.price.tariff import Active, tariff
from protocols.zigbee.publication.store import Store
from protocols.zigbee.zcl.status import Status

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
NOW = int((datetime(2026, 3, 1, tzinfo=UTC) - EPOCH).total_seconds())
DAY = 86_400


def at(*moment):
    return int((datetime(*moment, tzinfo=UTC) - EPOCH).total_seconds())


def oracle(days, weeks, seasons, special, moment):
    """The tier of a local date-time: each rule looked up as a person would, a day back at a time, a minute back at a time."""
    today = moment.date()
    places = (today.year, today.month, today.day, today.isoweekday())
    profile = None
    for pattern, number in special:
        if profile is None and all(wanted in (None, place) for wanted, place in zip(pattern, places, strict=True)):
            profile = number
    if profile is None:
        day = today
        while not (week := [week for (month, number), week in seasons if (month, number) == (day.month, day.day)]):
            day -= timedelta(days=1)
        profile = weeks[week[0]][today.isoweekday() - 1]
    minute = moment.hour * 60 + moment.minute
    while minute not in days[profile]:
        minute -= 1
    return days[profile][minute]


PROFILES = st.dictionaries(st.integers(1, 1439), st.integers(1, 4), max_size=5).flatmap(
    lambda rest: st.integers(1, 4).map(lambda first: {0: first, **rest})
)


@st.composite
def calendars(draw):
    days = {number: draw(PROFILES) for number in range(1, draw(st.integers(1, 4)) + 1)}
    weeks = {number: draw(st.lists(st.sampled_from(list(days)), min_size=7, max_size=7)) for number in (1, 2)}
    firsts = draw(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 28)), min_size=1, max_size=4, unique=True))
    seasons = [(first, draw(st.sampled_from([1, 2]))) for first in firsts]
    place = st.one_of(st.none(), st.integers(1, 12))
    pattern = st.tuples(st.sampled_from([None, 2025, 2026]), place, place, st.one_of(st.none(), st.integers(1, 7)))
    special = draw(st.lists(st.tuples(pattern, st.sampled_from(list(days))), max_size=3))
    return days, weeks, seasons, special


def publish(store, days, weeks, seasons, special, *, reference=0, calendar=3):
    """The calendar as commands, a long day in two of them."""
    frames = [Calendar.PublishCalendar(1, 1, calendar, 0, 0, reference, b"", len(seasons), len(weeks), len(days))]
    for number, switches in days.items():
        entries = [ScheduleEntry(minute, switches[minute]) for minute in sorted(switches)]
        parts = [entries[:3], entries[3:]] if len(entries) > 3 else [entries]
        frames += [
            Calendar.PublishDayProfile(1, 1, calendar, number, len(entries), index, len(parts), 0, part)
            for index, part in enumerate(parts)
        ]
    frames += [Calendar.PublishWeekProfile(1, 1, calendar, number, *week) for number, week in weeks.items()]
    entries = [SeasonEntry(schedule.day(ANY, month, number), week) for (month, number), week in seasons]
    frames.append(Calendar.PublishSeasons(1, 1, calendar, 0, 1, entries))
    if special:
        entries = [
            SpecialDay(schedule.day(*(ANY if each is None else each for each in pattern)), profile) for pattern, profile in special
        ]
        frames.append(Calendar.PublishSpecialDays(1, 1, calendar, 0, 0, len(entries), 0, 1, entries))
    for frame in frames:
        assert store.publish(frame, NOW - 1000 * DAY).status == Status.SUCCESS


@given(calendars(), st.integers(0, 2 * 365), st.integers(0, 59))
def test_every_quarter_of_an_hour_is_as_the_oracle_says(calendar, first_day, minute):
    store = Store(CALENDAR)
    publish(store, *calendar)
    made = schedule.schedule(store, NOW, 0)
    start = EPOCH + timedelta(days=365 * 25 + first_day, minutes=minute)
    for quarter in range(0, 24 * 4 * 2, 3):
        moment = start + timedelta(minutes=15 * quarter)
        seconds = int((moment - EPOCH).total_seconds())
        assert made.value(seconds) == oracle(*calendar, moment)


@given(calendars(), st.integers(-12 * 3600, 12 * 3600), st.booleans())
def test_local_calendars_are_read_by_the_premises_clock(calendar, offset, summer):
    days, weeks, seasons, _ = calendar
    zone = Zone(offset, at(2026, 3, 29, 1), at(2026, 10, 25, 1), 3600)
    store = Store(CALENDAR)
    publish(store, days, weeks, seasons, [], reference=2)
    made = schedule.schedule(store, NOW, 0)
    for hour in range(-5, 30):
        utc = at(2026, 7, 1) if summer else at(2026, 1, 10)
        seconds = utc + 3600 * hour
        local = EPOCH + timedelta(seconds=seconds + offset + (3600 if summer else 0))
        assert made.value(seconds, zone) == oracle(days, weeks, seasons, [], local)


def test_a_day_has_23_hours_when_summer_begins():
    """Night until 7 by the premises' clock: 06:00 UTC from the last Sunday of March on."""
    zone = Zone(0, at(2026, 3, 29, 1), at(2026, 10, 25, 1), 3600)
    made = Schedule(2, {1: ((0, 2), (420, 1))}, {})
    assert [made.value(at(2026, 3, 28, hour), zone) for hour in (6, 7)] == [2, 1]
    assert [made.value(at(2026, 3, 29, hour), zone) for hour in (5, 6)] == [2, 1]
    assert [made.value(at(2026, 10, 25, hour), zone) for hour in (6, 7)] == [2, 1]
    assert Schedule(1, {1: ((0, 2), (420, 1))}, {}).value(at(2026, 7, 1, 6), zone) == 2  # standard time all year


# --- prices ---

MATRIX = {(1, 1): 30, (1, 2): 40, (2, 1): 10, (2, 2): 20}


def publish_tariff(store, scheme, mode, thresholds, prices, *, tiers=2, blocks=1, multiplier=1, divisor=1, control=None):
    information = Price.PublishTariffInformation(
        1, 1, 7, 0, scheme << 4, b"T", tiers, blocks, 0, 826, 0x40, 0, mode, multiplier, divisor
    )
    assert store.publish(information, NOW).changed
    payload = [PriceMatrixEntry(tier if not block else tier << 4 | block - 1, price) for (tier, block), price in prices.items()]
    assert store.publish(Price.PublishPriceMatrix(1, 1, 0, 7, 0, 1, 1 if scheme == TOU else 0, payload), NOW).changed
    if thresholds:
        entries = [BlockThresholds(tier << 4 | len(each), each) for tier, each in thresholds.items()]
        control = 1 if control is None else control
        assert store.publish(Price.PublishBlockThresholds(1, 1, 0, 7, 0, 1, control, entries), NOW).changed


@pytest.fixture
def night_and_day():
    store = Store(ROWS + CALENDAR)
    publish(store, {1: {0: 2, 420: 1}}, {1: [1] * 7}, [((1, 1), 1)], [])
    return store


NIGHT, NOON = at(2026, 3, 2, 6, 59), at(2026, 3, 2, 12)


def used(*amounts):
    return lambda tier: Fraction(amounts[tier]) if tier < len(amounts) else None


def test_two_rates(night_and_day):
    publish_tariff(night_and_day, TOU, 0, {}, {(1, 0): 30, (2, 0): 10}, blocks=0)
    made = tariff(night_and_day, NOW)
    assert made.active(NIGHT) == Active(2, 0, 10)
    assert made.active(NOON) == Active(1, 0, 30)


@pytest.mark.parametrize(("kwh", "expected"), [(0, Active(0, 1, 30)), (100, Active(0, 1, 30)), (101, Active(0, 2, 40))])
def test_blocks_alone(night_and_day, kwh, expected):
    publish_tariff(night_and_day, BLOCK, 0, {0: [100]}, {(0, 1): 30, (0, 2): 40}, tiers=0)
    assert tariff(night_and_day, NOW).active(NOON, used(kwh)) == expected


def test_blocks_of_each_tier(night_and_day):
    publish_tariff(night_and_day, BLOCK_TOU_OWN_THRESHOLDS, 2, {1: [100], 2: [50]}, MATRIX, control=0)
    made = tariff(night_and_day, NOW)
    consumption = used(150, 90, 60)
    assert made.active(NOON, consumption) == Active(1, 1, 30)
    assert made.active(NIGHT, consumption) == Active(2, 2, 20)


def test_the_same_blocks_for_all_tiers(night_and_day):
    publish_tariff(night_and_day, BLOCK_TOU, 0, {0: [100]}, MATRIX)
    assert tariff(night_and_day, NOW).active(NIGHT, used(150, 90, 60)) == Active(2, 2, 20)


def test_nobody_knows_the_consumption(night_and_day):
    publish_tariff(night_and_day, BLOCK_TOU, 0, {0: [100]}, MATRIX)
    assert tariff(night_and_day, NOW).active(NOON) == Active(1, None, None)


@pytest.mark.parametrize(("multiplier", "divisor"), [(1, 0), (0, 1)])
def test_g6_a_divisor_of_zero_gives_no_price(night_and_day, multiplier, divisor):
    publish_tariff(night_and_day, BLOCK_TOU, 0, {0: [100]}, MATRIX, multiplier=multiplier, divisor=divisor)
    assert tariff(night_and_day, NOW).active(NOON, used(150, 90, 60)) == Active(1, None, None)


def test_g7_a_tier_that_the_tariff_does_not_have_is_unknown():
    store = Store(ROWS + CALENDAR)
    publish(store, {1: {0: 4}}, {1: [1] * 7}, [((1, 1), 1)], [])
    publish_tariff(store, TOU, 0, {}, {(1, 0): 30, (2, 0): 10}, blocks=0)
    assert tariff(store, NOW).active(NOON) == Active(None, None, None)


def test_a_tariff_without_its_calendar_or_prices_has_no_price():
    store = Store(ROWS + CALENDAR)
    publish_tariff(store, TOU, 0, {}, {(1, 0): 30}, blocks=0)
    assert tariff(store, NOW).active(NOON) == Active(None, None, None)
    publish(store, {1: {0: 2}}, {1: [1] * 7}, [((1, 1), 1)], [])
    assert tariff(store, NOW).active(NOON) == Active(2, 0, None)


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=15, unique=True), st.integers(0, 600), st.integers(1, 9), st.integers(1, 9)
)
def test_the_block_is_counted_up_unit_by_unit(thresholds, units, multiplier, divisor):
    store = Store(ROWS + CALENDAR)
    thresholds.sort()
    prices = {(0, block): block for block in range(1, len(thresholds) + 2)}
    publish_tariff(
        store, BLOCK, 0, {0: thresholds}, prices, tiers=0, blocks=len(thresholds), multiplier=multiplier, divisor=divisor
    )
    block = 1  # the oracle: as it is used up, each threshold that is passed begins the next block
    for unit in range(units + 1):
        while block <= len(thresholds) and unit * divisor > thresholds[block - 1] * multiplier:
            block += 1
    assert tariff(store, NOW).active(NOON, used(units)) == Active(0, block, block)


SUMMER = Zone(3600, at(2026, 3, 29, 1), at(2026, 10, 25, 1), 3600)


@given(
    st.lists(PROFILES, min_size=2, max_size=2), st.integers(-3 * DAY, 3 * DAY), st.sampled_from([0, 1, 2]),
    st.sampled_from([at(2026, 3, 29), at(2026, 10, 25), at(2026, 6, 1)]),
)  # fmt: skip
def test_nothing_changes_before_the_time_at_which_it_is_to_be_looked_at_again(profiles, off, reference, around):
    days = {number: tuple(sorted(profile.items())) for number, profile in enumerate(profiles, 1)}
    calendar = Schedule(reference, days, {1: (1, 2, 1, 1, 2, 2, 1)})
    now = around + off
    again = calendar.change(now, SUMMER)
    assert now < again <= now + 2 * DAY
    present = calendar.value(now, SUMMER)
    assert all(calendar.value(each, SUMMER) == present for each in range(now, again, 60))
    assert calendar.value(again - 1, SUMMER) == present
