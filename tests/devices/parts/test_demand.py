from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.parts import demand
from devices.parts.integrator import HOUR, Integrator

YEAR = 365 * 24 * HOUR


@pytest.mark.parametrize(
    "shape, expected_kwh, kwh_per_unit_hour",
    [
        (demand.electricity(2_700), 2_700, 1 / 1000),
        (demand.gas(11_500), 11_500, demand.GAS_KWH_PER_CUBIC_METRE / 1000),
    ],
)
def test_a_year_of_demand_comes_out_near_the_yearly_use(shape: demand.Shape, expected_kwh: int, kwh_per_unit_hour: float) -> None:
    source = demand.Demand(shape, Random("year"))
    now, register, levels = 0, Integrator(0), 0
    while now < YEAR:
        level = source.next(now)
        register.set(level.value, now)
        now += level.duration
        levels += 1
    used = register.total(YEAR) * kwh_per_unit_hour
    assert 0.8 * expected_kwh < used < 1.2 * expected_kwh
    assert levels < 365 * 300  # a year stays cheap


def test_the_same_stream_gives_the_same_household() -> None:
    one, other = (demand.Demand(demand.electricity(), Random("7/home1/esme/load")) for _ in range(2))
    assert [one.next(t * HOUR) for t in range(48)] == [other.next(t * HOUR) for t in range(48)]


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 3 * HOUR)), max_size=30))
def test_reading_never_changes_a_register_and_it_never_falls(steps: list[tuple[int, int]]) -> None:
    read, unread = Integrator(0), Integrator(0)
    now, last = 0, 0
    for level, duration in steps:
        read.set(level, now)
        unread.set(level, now)
        now += duration
        assert read.total(now) >= last
        last = read.total(now)
    assert read.state(now) == unread.state(now)
    assert sum(level * duration for level, duration in steps) == read.state(now)[0] * HOUR + read.state(now)[1]


def test_a_register_goes_on_from_its_stored_state() -> None:
    register = Integrator(0, total=12_345, remainder=7)
    register.set(500, 0)
    total, remainder = register.state(HOUR)
    assert (total, remainder) == (12_845, 7)
    assert Integrator(HOUR, total, remainder).total(HOUR) == 12_845


def test_a_negative_level_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="level -1"):
        Integrator(0).set(-1, 0)
