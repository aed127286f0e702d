"""How long a gas meter's cell lasts, by how often it wakes and how bad its radio is."""

from __future__ import annotations

import pytest

from devices.gsme.battery import Battery
from devices.gsme.config import Cell
from devices.runtime.kernel import DAY, HOUR, S

PREMISES = """
[[home]]
[home.air]
loss = {loss}
contention = {contention}
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = {minutes}
"""


@pytest.fixture
def lasts(build):
    """(seconds of radio a day, days that the cell lasts at that), measured over a day."""

    def measure(minutes, loss=0.0, contention="false"):
        home = build(PREMISES.format(minutes=minutes, loss=loss, contention=contention))
        home.run_until(HOUR)
        radio = home.board("gsme").firmware.radio_time
        before = radio.total
        home.run(for_=DAY)
        spent = radio.total - before
        return spent / S, Battery(Cell(), lambda: DAY, lambda: spent).days

    return measure


def test_waking_six_times_as_often_costs_six_times_the_radio_and_months_of_the_cell(lasts):
    (rare, long), (often, short) = lasts(30), lasts(5)
    assert 5 < often / rare < 7
    assert 5 * 365 < short < long - 180


def test_a_tenth_of_all_frames_lost_costs_twice_the_radio(lasts):
    (clean, long), (lossy, short) = lasts(5), lasts(5, loss=0.1)
    assert 1.8 < lossy / clean < 3.5
    assert short < long - 180


def test_listening_before_sending_costs_a_little(lasts):
    (turns, _), (contended, _) = lasts(30), lasts(30, contention="true")
    assert turns < contended < 2 * turns
