"""Consumption by day, week and month."""

from __future__ import annotations

from datetime import UTC, datetime

from devices.gsme.history import History


def at(year, month, day, hour=0):
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000_000_000


def test_days_weeks_and_months_are_differences_of_the_register():
    history = History()
    for day in range(1, 32):
        history.note(at(2026, 1, day), 1000 + 10 * day)
        history.note(at(2026, 1, day, 12), 1005 + 10 * day)
    history.note(at(2026, 2, 1), 1320)
    history.note(at(2026, 2, 1, 6), 1323)
    assert [history.used("day", ago, 1323) for ago in range(4)] == [3, 10, 10, 10]
    assert history.used("month", 0, 1323) == 3
    assert history.used("month", 1, 1323) == 310
    assert history.used("week", 0, 1323) == 1323 - 1260  # since Monday 26 January
    assert history.used("week", 1, 1323) == 70


def test_what_was_not_seen_has_no_value():
    history = History()
    assert history.used("day", 0, 7) is None
    history.note(at(2026, 1, 10, 9), 100)
    history.note(at(2026, 1, 13), 130)
    assert [history.used("day", ago, 135) for ago in range(5)] == [5, None, None, None, None]
    assert history.used("month", 1, 135) is None


def test_a_restart_and_a_year_change_nothing():
    history = History()
    for day in range(1, 29):
        for month in range(1, 13):
            history.note(at(2025, month, day), month * 1000 + day)
    again = History(history.plain())
    again.note(at(2026, 1, 1), 13_001)
    history.note(at(2026, 1, 1), 13_001)
    wanted = [("day", 0), ("day", 1), ("week", 1), ("month", 0), ("month", 1), ("month", 11), ("month", 12)]
    assert [again.used(*each, 13_005) for each in wanted] == [history.used(*each, 13_005) for each in wanted]
    assert again.used("month", 12, 13_005) == 1000
    assert again.used("month", 14, 13_005) is None
    assert again.plain() == history.plain()
    assert all(len(begins) < 20 for begins in again.plain().values())
