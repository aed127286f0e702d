"""Path loss, walls and link quality: the documented formula, and nothing better than it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.air import Air
from devices.runtime.kernel import Kernel
from devices.runtime.propagation import Propagation, Wall, link_quality

PLACES = st.tuples(st.floats(-50, 50), st.floats(-50, 50))
BRICK = Wall((5, -5), (5, 5), 12)


@pytest.mark.parametrize(("metres", "margin"), [(30, 0), (3, 30), (0.3, 60), (15, 9.031), (60, -9.031), (0, 74.314)])
def test_ten_n_log_of_range_by_distance(metres, margin):
    assert Propagation(30).margin((0, 0), (metres, 0)) == pytest.approx(margin, abs=1e-3)


@pytest.mark.parametrize(("there", "walls"), [
    ((10, 0), 1),
    ((4.9, 0), 0),  # in front of it
    ((0, 10), 0),  # beside it
    ((10, 12), 0),  # past its end
])  # fmt: skip
def test_a_wall_takes_its_db_from_what_goes_through_it(there, walls):
    free, built = Propagation(30), Propagation(30, [BRICK])
    assert free.margin((0, 0), there) - built.margin((0, 0), there) == pytest.approx(12 * walls)


def test_two_walls_take_both():
    room = Propagation(30, [BRICK, Wall((6, -5), (6, 5), 5)])
    assert Propagation(30).margin((0, 0), (10, 0)) - room.margin((0, 0), (10, 0)) == pytest.approx(17)


@given(PLACES, PLACES)
def test_a_link_is_the_same_both_ways(here, there):
    place = Propagation(30, [BRICK])
    assert place.margin(here, there) == pytest.approx(place.margin(there, here))


@pytest.mark.parametrize(("margin", "lqi"), [(-0.1, 0), (0, 1), (15, 128), (30, 255), (74, 255)])
def test_link_quality(margin, lqi):
    assert link_quality(margin) == lqi


def test_an_air_with_walls_hears_less():
    heard = {}
    for name, walls in ("open", ()), ("brick", (BRICK,)), ("concrete", (Wall((5, -5), (5, 5), 40),)):
        air = Air(Kernel(), propagation=Propagation(30, walls))
        heard[name] = air.link(air.radio("a"), air.radio("b", 10)).lqi
    assert heard["open"] > heard["brick"] > heard["concrete"] == 0
