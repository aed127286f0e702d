"""The valve's rules against the paper's words, case by case, and against a plain reading of them for any story."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.prepay_gas.rules import Refused, Rules
from protocols.zigbee.hub_prepayment.cluster import NEVER, Valve


def rules(volume: int = 0, cut_off: int = 100, delay: int = 3) -> Rules:
    made = Rules()
    made.written(cut_off, delay, volume)
    return made


@pytest.mark.req("S-136")
def test_the_valve_closes_at_the_cut_off_and_not_before() -> None:
    made = rules()
    assert not made.look(99)
    assert made.look(100)
    assert made.valve is Valve.CLOSED
    assert not made.look(100)
    friendly = rules(cut_off=NEVER)
    assert not friendly.look(10**9)


@pytest.mark.req("S-139", "S-147", "S-151")
def test_without_contact_it_stays_open_until_the_time_out_has_ended() -> None:
    made = rules()
    for left in (2, 1):
        made.half_hour_without_contact()
        assert made.left == left
        assert not made.look(150)
    made.half_hour_without_contact()
    assert made.look(150)
    ended_first = rules()
    for _ in range(5):
        ended_first.half_hour_without_contact()
    assert not ended_first.look(99)
    assert ended_first.look(100)


@pytest.mark.req("S-149")
def test_the_emergency_button_works_in_one_case_only_and_once() -> None:
    made = rules()
    assert made.press() is Refused.OPEN
    made.look(100)
    assert made.press() is Refused.CONTACT
    made.half_hour_without_contact()
    assert made.press() is None
    assert made.valve is Valve.OPEN
    assert not made.look(120)
    made.half_hour_without_contact()
    made.half_hour_without_contact()
    assert made.look(120)
    assert made.press() is Refused.NOTHING_LEFT
    made.written(120, 1, 120)  # contact, and no credit
    made.half_hour_without_contact()
    assert made.press() is Refused.NOTHING_LEFT
    made.written(120, 2, 120)
    made.half_hour_without_contact()
    assert made.press() is Refused.USED
    made.written(200, 3, 120)
    assert (made.valve, made.emergency) == (Valve.OPEN, False)


@pytest.mark.req("S-138", part=True)
def test_credit_opens_the_valve() -> None:
    made = rules()
    made.look(100)
    assert not made.written(100, 3, 100)
    assert made.written(101, 3, 100)
    assert made.valve is Valve.OPEN


EVENTS = st.lists(
    st.one_of(
        st.just("silent"), st.just("press"), st.integers(1, 50), st.tuples(st.integers(0, 300), st.integers(0, 4))
    ), max_size=40,
)  # fmt: skip


@pytest.mark.req("S-154", part=True)
@given(EVENTS)
def test_no_story_gives_gas_without_credit_for_longer_than_the_half_hours_written(story: list[object]) -> None:
    """Beyond the cut-off gas flows only in half hours without contact, and no more of them than the hub last wrote."""
    made, volume, beyond, allowed = Rules(), 0, 0, 0
    for event in story:
        if event == "silent":
            made.half_hour_without_contact()
            beyond += made.valve is Valve.OPEN and volume >= made.cut_off
        elif event == "press":
            made.press()
        elif isinstance(event, int):
            volume += event if made.valve is Valve.OPEN else 0
        elif isinstance(event, tuple):
            cut_off, delay = event
            made.written(cut_off, delay, volume)
            beyond, allowed = 0, delay
        made.look(volume)
        assert Rules.from_plain(made.plain()) == made
        assert not (made.valve is Valve.OPEN and volume >= made.cut_off and (made.contact or not made.left))
        assert beyond <= allowed
