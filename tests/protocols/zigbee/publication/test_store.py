"""The rules of publications: older ones ignored, current and next, withdrawal, parts, questions, restarts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.zigbee.calendar.table import ROWS as CALENDAR
from protocols.zigbee.clusters.calendar import Calendar, ScheduleEntry
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.price import BlockThresholds, Price, PriceMatrixEntry
from protocols.zigbee.device_management.table import ROWS as DEVICES
from protocols.zigbee.price.table import ROWS as PRICE
from protocols.zigbee.publication.store import Store
from protocols.zigbee.zcl.status import Status

NOW = 800_000_000
DAY = 86_400
NEVER = 0xFFFFFFFF


@pytest.fixture
def store():
    return Store(PRICE + CALENDAR + DEVICES)


def value(event, start, number=395):
    return Price.PublishCalorificValue(event, start, number, 1, 0x10)


def tariff(event, start, tariff_id=7, *, tiers=2, thresholds=0, type_=0, scheme=0, label=b"E7"):
    return Price.PublishTariffInformation(
        1, event, tariff_id, start, scheme << 4 | type_, label, tiers, thresholds, 0, 826, 0x40, 0, 0, 1, 1
    )


def matrix(event, *prices, tariff_id=7, index=0, of=1, start=0):
    entries = [PriceMatrixEntry(tier, price) for tier, price in prices]
    return Price.PublishPriceMatrix(1, event, start, tariff_id, index, of, 1, entries)


def day(event, number, *switches, total=None, index=0, of=1, calendar=3):
    entries = [ScheduleEntry(minute, tier) for minute, tier in switches]
    return Calendar.PublishDayProfile(1, event, calendar, number, len(switches) if total is None else total, index, of, 0, entries)


def header(event=1, start=0, calendar=3, seasons=1, weeks=1, days=2):
    return Calendar.PublishCalendar(1, event, calendar, start, 0, 0, b"cal", seasons, weeks, days)


def test_start_time_zero_is_now(store):
    assert store.publish(value(1, 0), NOW)[:2] == (Status.SUCCESS, True)
    (published,) = store.answer(Price.GetCalorificValue(0, 0, 0), NOW + 5)
    assert published.start_time == NOW


def test_current_and_next_switch_at_the_start_time(store):
    store.publish(value(1, 0, 390), NOW)
    store.publish(value(2, NOW + DAY, 400), NOW)
    assert store.deadline(NOW) == NOW + DAY
    assert store.one(Price.PublishCalorificValue, NOW + DAY - 1).calorific_value == 390
    assert store.one(Price.PublishCalorificValue, NOW + DAY).calorific_value == 400
    assert store.expire(NOW + DAY)
    assert [each.calorific_value for each in store.answer(Price.GetCalorificValue(0, 0, 0), NOW + DAY)] == [400]


def test_a_third_to_come_is_too_many(store):
    store.publish(value(1, 0), NOW)
    store.publish(value(2, NOW + DAY), NOW)
    assert store.publish(value(3, NOW + 2 * DAY), NOW).status == Status.INSUFFICIENT_SPACE
    assert len(store.answer(Price.GetCalorificValue(0, 0, 0), NOW)) == 2


def test_an_older_one_is_ignored(store):
    store.publish(value(5, 0, 390), NOW)
    for start in (0, NOW + 100):
        assert store.publish(value(4, start, 400), NOW + 1)[:2] == (Status.SUCCESS, False)
    assert store.one(Price.PublishCalorificValue, NOW + 200).calorific_value == 390


def test_the_current_one_is_taken_after_the_next(store):
    """As a reader hears them who was off: what comes first has the later identifier."""
    store.publish(value(6, NOW + DAY, 400), NOW)
    assert store.publish(value(5, NOW - DAY, 390), NOW).changed
    assert store.one(Price.PublishCalorificValue, NOW).calorific_value == 390


def test_a_later_issued_one_replaces_what_was_to_come(store):
    store.publish(value(1, 0, 390), NOW)
    store.publish(value(2, NOW + DAY, 400), NOW)
    store.publish(value(3, NOW + DAY - 60, 410), NOW)
    starts = [each.start_time for each in store.answer(Price.GetCalorificValue(0, 0, 0), NOW)]
    assert starts == [NOW, NOW + DAY - 60]


def test_never_withdraws_the_one_of_the_same_identifier(store):
    store.publish(value(1, 0, 390), NOW)
    store.publish(value(2, NOW + DAY, 400), NOW)
    assert store.publish(value(3, NEVER), NOW).status == Status.NOT_FOUND
    assert store.publish(value(2, NEVER), NOW)[:2] == (Status.SUCCESS, True)
    assert store.one(Price.PublishCalorificValue, NOW + 2 * DAY).calorific_value == 390


@pytest.mark.parametrize("question", [
    Price.GetCalorificValue(0, 0, 0), Price.GetPriceMatrix(7), Price.GetTariffCancellation(), Calendar.GetSeasons(1, 3),
    DeviceManagement.GetSiteId(), Price.GetCreditPayment(0, 0), DeviceManagement.RequestNewPassword(1),
])  # fmt: skip
def test_nothing_published_is_not_found(store, question):
    assert store.answer(question, NOW) == Status.NOT_FOUND


def test_questions_choose_by_time_identifier_number_and_type(store):
    store.publish(tariff(1, 0), NOW)
    store.publish(tariff(2, NOW + DAY, 8), NOW)
    store.publish(tariff(3, 0, 9, type_=1), NOW)

    def ids(*fields):
        answer = store.answer(Price.GetTariffInformation(*fields), NOW)
        return answer if isinstance(answer, Status) else [each.issuer_tariff_id for each in answer]

    assert ids(0, 0, 0, 0) == [7, 8]
    assert ids(0, 0, 1, 0) == [7]
    assert ids(NOW + DAY, 0, 0, 0) == [8]
    assert ids(0, 2, 0, 0) == [8]
    assert ids(0, 0, 0, 1) == [9]
    assert ids(0, 0, 0, 2) == Status.NOT_FOUND


def test_parts_hold_when_the_last_is_here_and_the_old_ones_until_then(store):
    store.publish(tariff(1, 0), NOW)
    store.publish(matrix(1, (1, 100), (2, 50)), NOW)
    store.publish(matrix(2, (1, 200), index=1, of=2), NOW)
    assert [each.issuer_event_id for each in store.in_force(Price.PublishPriceMatrix, NOW, issuer_tariff_id=7)] == [1]
    store.publish(matrix(2, (2, 90), index=0, of=2), NOW)
    assert [each.payload[0].price for each in store.answer(Price.GetPriceMatrix(7), NOW)] == [90, 200]


def test_a_part_beyond_the_last_is_refused(store):
    store.publish(matrix(2, (1, 200), index=0, of=2), NOW)
    assert store.publish(matrix(2, (2, 90), index=2, of=2), NOW).status == Status.INVALID_FIELD
    assert store.publish(matrix(2, (2, 90), index=1, of=3), NOW).status == Status.INVALID_FIELD


def test_a_cancelled_tariff_takes_its_parts_along(store):
    store.publish(tariff(1, 0), NOW)
    store.publish(matrix(1, (1, 100), (2, 50)), NOW)
    assert store.publish(Price.CancelTariff(1, 8, 0), NOW).status == Status.NOT_FOUND
    assert store.publish(Price.CancelTariff(1, 7, 0), NOW).changed
    assert store.answer(Price.GetPriceMatrix(7), NOW) == Status.NOT_FOUND
    assert store.answer(Price.GetTariffCancellation(), NOW) == [Price.CancelTariff(1, 7, 0)]


def test_g7_what_is_out_of_range_is_refused(store):
    store.publish(tariff(1, 0, tiers=2, thresholds=1, scheme=2), NOW)
    store.publish(header(days=2, weeks=1, seasons=1), NOW)
    refused = [
        matrix(2, (3, 100)), matrix(2, (0, 100)), matrix(2, (49, 1)), matrix(2, (1, 1), (1, 2)),
        tariff(2, 0, tiers=49), tariff(2, 0, type_=3), tariff(2, 0, scheme=9),
        Price.PublishBlockThresholds(1, 2, 0, 7, 0, 1, 0, [BlockThresholds(0x31, [5])]),
        day(2, 3, (0, 1)), day(2, 0, (0, 1)), day(2, 1, (0, 49)), day(2, 1, (0, 0)),
        Calendar.PublishWeekProfile(1, 2, 3, 1, 1, 1, 1, 1, 1, 1, 3),
        Calendar.PublishWeekProfile(1, 2, 3, 2, 1, 1, 1, 1, 1, 1, 1),
        Price.PublishCppEvent(1, 2, 0, 60, 0, 2, 3),
        DeviceManagement.RequestNewPasswordResponse(1, 0, 10, 5, b"x"),
    ]  # fmt: skip
    before = store.plain()
    assert [store.publish(each, NOW).status for each in refused] == [Status.INVALID_FIELD] * len(refused)
    assert store.plain() == before


def test_g14_switch_times_too_many_with_a_gap_or_overlapping(store):
    store.publish(header(days=2), NOW)
    store.publish(day(1, 1, (0, 1), (420, 2)), NOW)
    before = store.plain()
    assert store.publish(day(2, 1, *((minute, 1) for minute in range(20)), total=49, of=3), NOW).status == Status.INSUFFICIENT_SPACE
    for bad in (day(2, 1, (60, 1)), day(2, 1, (0, 1), (60, 2), (60, 1)), day(2, 1, (0, 1), (1440, 2)), day(2, 1, (0, 1), total=2)):
        assert store.publish(bad, NOW).status == Status.INVALID_FIELD
    assert store.publish(header(2, days=17), NOW).status == Status.INSUFFICIENT_SPACE
    assert store.plain() == before


def test_prices_follow_each_other_half_hour_by_half_hour(store):
    def price(event, start, pence):
        fields = {"provider_id": 1, "rate_label": b"RTP", "issuer_event_id": event, "current_time": NOW, "unit_of_measure": 0,
                  "currency": 826, "price_trailing_digit_and_price_tier": 0x21, "number_of_price_tiers_and_register_tier": 0x11,
                  "start_time": start, "duration_in_minutes": 30, "price": pence, "price_ratio": 0xFF,
                  "generation_price": 0xFFFFFFFF, "generation_price_ratio": 0xFF}  # fmt: skip
        return Price.PublishPrice(**fields)

    for number in range(50):
        assert store.publish(price(1 + number, NOW + 1800 * number, number), NOW).changed
    assert store.publish(price(99, NOW + 1800 * 50, 1), NOW).status == Status.INSUFFICIENT_SPACE
    assert store.one(Price.PublishPrice, NOW + 1800 * 7 + 5).price == 7
    assert store.publish(price(60, NOW + 1800 * 7, 70), NOW).changed  # one of them anew
    assert [store.one(Price.PublishPrice, NOW + 1800 * n).price for n in (6, 7, 8)] == [6, 70, 8]
    assert len(store.answer(Price.GetScheduledPrices(NOW + 1800 * 40, 3), NOW)) == 3
    store.expire(NOW + 1800 * 49)
    assert len(store.answer(Price.GetScheduledPrices(0, 0), NOW + 1800 * 49)) == 1


def test_payments_are_told_newest_first(store):
    for event in range(1, 8):
        payment = Price.PublishCreditPayment(1, event, 0, 0, 1, 100 * event, NOW + event, b"ref")
        assert store.publish(payment, NOW + 10).changed
    paid = [each.credit_payment for each in store.answer(Price.GetCreditPayment(0, 0), NOW + 10)]
    assert paid == [700, 600, 500, 400, 300]
    assert [each.credit_payment for each in store.answer(Price.GetCreditPayment(NOW + 5, 2), NOW + 10)] == [500, 400]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 8), st.integers(0, 3)), max_size=20))
def test_a_restart_changes_nothing(published):
    store, now = Store(PRICE), NOW
    for event, start, step in published:
        now += step
        store.publish(value(event, NOW + 2 * start if start else 0, event), now)
    again = Store(PRICE, store.plain())
    for time in range(now, now + 20):
        ours, theirs = (each.one(Price.PublishCalorificValue, time) for each in (store, again))
        assert ours == theirs
    assert again.plain() == store.plain()


@given(st.permutations([(1, 0), (2, 5), (3, 9)]))
def test_whatever_the_order_the_latest_issued_holds_from_its_start(order):
    """A reader that hears all, in any order, before any of them begins."""
    store = Store(PRICE)
    for event, start in order:
        store.publish(value(event, NOW + 10 + start, event), NOW)
    held = [store.one(Price.PublishCalorificValue, NOW + 10 + time) for time in (0, 5, 9)]
    assert [each.issuer_event_id for each in held if each] == sorted(each.issuer_event_id for each in held if each)
    assert len(store.answer(Price.GetCalorificValue(0, 0, 0), NOW)) <= 2
