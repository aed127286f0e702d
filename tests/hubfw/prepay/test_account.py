"""Accounts in the hub: every watt-hour costs what its rate and block say, and what can be used is exactly what can be paid."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfw.han.local_time import GREAT_BRITAIN
from hubfw.prepay.account import DAY, MINUTE, NO_LIMIT, PENNY, Account, Energy, Rate, Tariff
from hubfw.prepay.contact import Contact, News
from protocols.core.errors import LocalProtocolError

NOON = 20_000 * DAY + 720 * MINUTE
GAS = Energy.gas(395, 102264)
FLAT = Tariff((Rate(0, (6 * PENNY,)),))
TWO_RATES = Tariff((Rate(0, (3 * PENNY,)), Rate(420, (9 * PENNY,)), Rate(1380, (3 * PENNY,))))
BLOCKS = Tariff((Rate(0, (12 * PENNY, 4 * PENNY)),), blocks=(5_000,))


def account(tariff: Tariff = FLAT, balance: int = 0, energy: Energy = GAS, emergency: int = 0) -> Account:
    made = Account(tariff, energy, emergency, balance)
    made.advance(NOON)
    made.read(1000)
    return made


def test_a_cubic_metre_costs_what_its_heat_says() -> None:
    """39.5 MJ/m3 x 1.02264 / 3.6 = 11.2206 kWh, at 6 pence: 67.32 pence."""
    made = account(balance=100 * PENNY)
    cost = made.read(2000)
    assert cost == pytest.approx(Fraction(395 * 102264 * 6 * PENNY, 36 * 10**5), abs=10_000)
    assert made.balance == 100 * PENNY - cost


@pytest.mark.req("S-135", part=True)
@given(
    st.sampled_from([FLAT, TWO_RATES, BLOCKS]),
    st.integers(0, 500 * PENNY),
    st.integers(0, 30_000),
    st.sampled_from([GAS, Energy()]),
)
def test_what_is_affordable_can_be_paid_and_no_unit_more(tariff: Tariff, balance: int, used: int, energy: Energy) -> None:
    made = account(tariff, energy=energy)
    made.read(1000 + used)
    made.balance = balance
    plain, room = made.plain(), made.affordable()
    made.read(1000 + used + room)
    assert made.balance >= -1
    made.restore(plain)
    made.read(1000 + used + room + 2)
    most = max(tariff.rate(NOON).prices) * energy.watt_hours // energy.units // 1000 * 2 + 2 * PENNY
    assert made.balance <= most  # two units more leave nothing worth a unit


@given(st.lists(st.integers(0, 4000), max_size=20), st.sampled_from([FLAT, BLOCKS]))
def test_the_sum_does_not_depend_on_how_often_it_was_read(steps: list[int], tariff: Tariff) -> None:
    often, once = account(tariff), account(tariff)
    register = 1000
    for step in steps:
        register += step
        often.read(register)
    once.read(register)
    assert often.plain() == once.plain()


@pytest.mark.req("S-144")
def test_the_cut_off_is_another_one_at_each_rate() -> None:
    made = account(TWO_RATES, balance=90 * PENNY)
    dear = made.affordable()
    night = TWO_RATES.next_change(NOON)
    assert night % DAY == 1380 * MINUTE
    made.advance(night)
    assert made.affordable() == pytest.approx(3 * dear, abs=3)


@pytest.mark.req("S-145", part=True)
def test_blocks_are_reckoned_through_and_begin_anew_each_day() -> None:
    made = account(BLOCKS, balance=100 * PENNY, energy=Energy())
    assert made.affordable() == 5_000 + (100 - 60) * 1000 // 4
    made.read(1000 + 4_000)
    assert made.affordable() == 1_000 + (52 - 12) * 1000 // 4
    made.advance(NOON + DAY)
    assert made.affordable() == 52 * 1000 // 12


HALF_HOUR = 30 * MINUTE
DEAR = Tariff((Rate(0, (PENNY,)), Rate(420, (900 * PENNY,))))


@pytest.mark.req("S-144", part=True)
def test_what_was_used_before_a_change_is_charged_at_the_old_rate() -> None:
    """A report comes at the half hour, and some seconds late: only what fell into these costs what now holds."""
    made = account(DEAR, energy=Energy())
    change = NOON + 19 * 60 * MINUTE  # seven o'clock
    for late, cost in ((0, 600), (20_000_000_000, 593 + 7 * 900)):
        made = account(DEAR, energy=Energy())
        made.advance(change + late - HALF_HOUR)
        made.read(1000)
        for at in (change - 10 * MINUTE, change, change + late):  # a display that is drawn moves time, too
            made.advance(at)
        assert made.read(1600) == cost * PENNY // 1000


@pytest.mark.req("S-145", part=True)
def test_what_was_used_before_midnight_fills_the_blocks_of_that_day() -> None:
    made = account(BLOCKS, energy=Energy())
    made.advance(NOON + 700 * MINUTE)
    made.read(1000 + 5_000)  # the first block is full
    made.advance(NOON + 720 * MINUTE + 20 * MINUTE)
    assert made.read(1000 + 5_000 + 400) == (200 * 4 + 200 * 12) * PENNY // 1000
    assert made.used_today == 200


@given(st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(0, 30_000)), min_size=1, max_size=12))
def test_whenever_it_is_read_a_unit_costs_one_of_the_prices_and_none_is_lost(steps: list[tuple[int, int]]) -> None:
    made, flat = account(TWO_RATES, energy=Energy()), account(FLAT, energy=Energy())
    utc, register, cost, even = NOON, 1000, 0, 0
    for later, used in steps:
        utc, register = utc + later, register + used
        for each in (made, flat):
            each.advance(utc)
        cost, even = cost + made.read(register), even + flat.read(register)
    assert even == (register - 1000) * 6 * PENNY // 1000
    assert (register - 1000) * 3 * PENNY // 1000 <= cost <= (register - 1000) * 9 * PENNY // 1000
    again = account(TWO_RATES, energy=Energy())
    again.restore(made.plain())
    assert again.plain() == made.plain()


def test_emergency_credit_is_lent_once_until_there_is_credit_again() -> None:
    made = account(emergency=500 * PENNY)
    assert made.affordable() == 0
    assert made.lend()
    assert made.affordable() > 0
    assert not made.lend()
    made.read(1500)
    assert made.balance < 0
    made.top_up(-made.balance)
    assert not made.lend()
    made.top_up(PENNY)
    assert (made.lent, made.in_credit) == (0, True)
    assert not made.lend()
    made.read(10_000)
    assert made.lend()


def test_a_standing_charge_is_for_each_day_even_without_use() -> None:
    made = account(Tariff((Rate(0, (PENNY,)),), standing=30 * PENNY), balance=100 * PENNY)
    made.advance(NOON + 3 * DAY)
    made.advance(NOON + 3 * DAY)
    assert made.balance == 10 * PENNY


def test_free_energy_has_no_end_and_a_register_that_falls_is_ours_to_blame() -> None:
    assert account(Tariff((Rate(0, (0,)),)), balance=PENNY).affordable() == NO_LIMIT
    with pytest.raises(LocalProtocolError, match="fell"):
        account().read(999)
    for rates in ((), (Rate(5, (1,)),), (Rate(0, (1,)), Rate(0, (2,))), (Rate(0, (1, 2)),)):
        with pytest.raises(LocalProtocolError):
            Tariff(rates)


@pytest.mark.req("S-148", "S-154", part=True)
def test_half_hours_without_a_report_are_counted_and_given_back_only_in_credit() -> None:
    contact = Contact(delay=4, left=4)
    assert contact.report(in_credit=True) is News.NONE
    assert [contact.half_hour(number) for number in (7, 8, 9)] == [News.NONE, News.FAILED, News.STILL_FAILED]
    assert contact.left == 2
    assert contact.report(in_credit=False) is News.RESTORED
    assert contact.left == 2
    assert [contact.half_hour(number) for number in (10, 11, 12, 13)] == [News.NONE, News.FAILED, News.ENDED, News.STILL_FAILED]
    assert (contact.left, contact.failed) == (0, 3)
    contact.report(in_credit=True)
    assert (contact.left, contact.failed) == (4, 0)


# --- by local time ---


def local(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 10**9


SEVEN = Tariff((Rate(0, (PENNY,)), Rate(420, (9 * PENNY,))), standing=100 * PENNY)


@pytest.mark.req("S-059", part=True)
@pytest.mark.req("S-144", part=True)
@pytest.mark.parametrize(("day", "seven", "hours"), [
    ((2026, 3, 28), (2026, 3, 28, 7), 24),
    ((2026, 3, 29), (2026, 3, 29, 6), 23),
    ((2026, 7, 1), (2026, 7, 1, 6), 24),
    ((2026, 10, 25), (2026, 10, 25, 7), 25),
])  # fmt: skip
def test_rates_and_days_are_those_of_the_people(day: tuple[int, ...], seven: tuple[int, ...], hours: int) -> None:
    """A watt-hour a minute: what is used before seven by the people's clock is cheap, however many hours that is."""
    zone = GREAT_BRITAIN
    midnight = zone.utc(local(*day))
    made = Account(SEVEN, Energy(), balance=1_000 * PENNY, zone=lambda: zone)
    made.advance(midnight - MINUTE)
    made.advance(midnight)
    made.read(0)
    assert made.balance == 900 * PENNY  # the day's standing charge
    register, cheap, change = 0, 0, local(*seven)
    for at in range(midnight + HALF_HOUR, midnight + hours * 60 * MINUTE, HALF_HOUR):
        made.advance(at)
        register += 30
        cost = made.read(register)
        assert cost == (30 if at <= change else 270) * PENNY // 1000, at
        cheap += at <= change
    assert cheap * HALF_HOUR == change - midnight
    assert made.used_today == register
    balance = made.balance
    made.advance(midnight + hours * 60 * MINUTE)
    assert made.balance == balance - 100 * PENNY


@pytest.mark.req("S-059", part=True)
def test_an_hour_that_comes_twice_changes_no_rate_twice_and_one_that_is_skipped_loses_none() -> None:
    tariff = Tariff((Rate(0, (PENNY,)), Rate(90, (2 * PENNY,)), Rate(150, (3 * PENNY,))))
    for day, changes in (((2026, 10, 25), ((0, 30), (2, 30))), ((2026, 3, 29), ((1, 0), (1, 30)))):
        made = Account(tariff, Energy(), balance=PENNY, zone=lambda: GREAT_BRITAIN)
        midnight, prices = GREAT_BRITAIN.utc(local(*day)), []
        for at in range(midnight, midnight + 5 * 60 * MINUTE, MINUTE):
            made.advance(at)
            made.balance = PENNY
            prices.append((at, 1000 // made.affordable()))
        met = [at for (_, before), (at, after) in pairwise(prices) if after != before]
        assert met == [local(*day, hour, minute) for hour, minute in changes]


@pytest.mark.req("S-148", "S-154", part=True)
def test_half_hours_without_power_count_and_none_counts_twice() -> None:
    contact = Contact(delay=8, left=8)
    contact.report(in_credit=True)
    assert contact.half_hour(100) is News.NONE
    again = Contact(delay=8, left=8)
    again.restore(contact.plain())  # three half hours without power
    assert again.half_hour(103) is News.FAILED
    assert (again.left, again.failed) == (5, 3)
    assert [again.half_hour(number) for number in (103, 102)] == [News.NONE] * 2  # and a clock that was set back
    assert again.left == 5
    again.report(in_credit=False, due=False)  # somebody pressed a button at the meter
    assert (again.half_hour(103), again.left) == (News.FAILED, 4)
    assert again.half_hour(200) is News.ENDED
    old = Contact(delay=8, left=8)
    old.restore([6, 2, 0])
    assert (old.left, old.failed, old.half_hour(7)) == (6, 2, News.STILL_FAILED)
