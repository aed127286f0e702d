"""What a plant delivers: nothing by night, never more than its peak, more in June than in December, the same from the same seed."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from devices.parts.demand import HOUR
from devices.parts.sun import Sun

PEAK = 3_600


def day(month, seed=1, date=15):
    """(hour, watts, ns) of a day's levels."""
    at = int(datetime(2026, month, date, tzinfo=UTC).timestamp()) * 1_000_000_000
    end, sun, levels = at + 24 * HOUR, Sun(PEAK, Random(seed)), []
    while at < end:
        level = sun.next(at)
        assert level.duration > 0
        levels.append((at // HOUR % 24, level.value, level.duration))
        at += level.duration
    return levels


def wh(levels):
    return sum(watts * duration for _, watts, duration in levels) / HOUR


@pytest.mark.parametrize("month", range(1, 13))
def test_it_delivers_by_day_alone_and_no_more_than_its_peak(month):
    levels = day(month)
    assert all(0 <= watts <= PEAK for _, watts, _ in levels)
    assert all(watts == 0 for hour, watts, _ in levels if hour < 3 or hour > 21)
    assert any(watts > PEAK / 10 for hour, watts, _ in levels if 10 <= hour <= 14)
    assert len(levels) < 400


def test_summer_gives_several_times_what_winter_does():
    summer, winter = (sum(wh(day(month, seed)) for seed in range(5)) / 5 for month in (6, 12))
    assert 8_000 < summer < 25_000
    assert summer > 4 * winter > 2_000


def test_the_seed_decides():
    assert day(5, seed=3) == day(5, seed=3) != day(5, seed=4)
