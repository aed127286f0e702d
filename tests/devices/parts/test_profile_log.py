"""The half-hour log: once, in order, gaps flagged."""

from __future__ import annotations

import pytest

from devices.parts.profile_log import HALF_HOUR, ProfileLog, RowStatus
from devices.runtime.flash import Flash
from devices.runtime.nvm import Nvm

SLOT = 981_792
"""The half hour that ends at 2026-01-01 00:00 UTC."""


@pytest.fixture
def nvm():
    return Nvm(Flash())


def fill(nvm, log, *steps):
    for slot, total in steps:
        nvm.put(log.record(slot * HALF_HOUR + 1, total))


def test_a_slot_is_written_once_whatever_the_clock_does(nvm):
    log = ProfileLog(nvm)
    fill(nvm, log, (SLOT, 10), (SLOT + 1, 12), (SLOT, 99), (SLOT + 1, 99), (SLOT + 2, 15))
    assert [(row.at // HALF_HOUR - SLOT, row.total, row.status) for row in log.rows()] == [(0, 10, 0), (1, 12, 0), (2, 15, 0)]


def test_gaps_and_doubt_are_flagged_over_restarts(nvm):
    fill(nvm, ProfileLog(nvm), (SLOT, 10))
    log = ProfileLog(nvm)
    fill(nvm, log, (SLOT + 3, 20))
    nvm.put(log.record((SLOT + 4) * HALF_HOUR, 21, doubtful=True))
    assert [row.status for row in log.rows()] == [RowStatus(0), RowStatus.GAP, RowStatus.CLOCK_DOUBTFUL]


def test_the_oldest_rows_give_way(nvm):
    log = ProfileLog(nvm, rows=4)
    fill(nvm, log, *((SLOT + n, n) for n in range(7)))
    assert [row.total for row in log.rows()] == [3, 4, 5, 6]


def test_a_clock_that_was_ahead_and_is_set_back_leaves_room_for_the_slots_it_jumped(nvm):
    log = ProfileLog(nvm)
    fill(nvm, log, (SLOT, 10), (SLOT + 50, 12), (SLOT + 51, 13), (SLOT + 1, 14), (SLOT + 2, 15), (SLOT + 51, 99), (SLOT + 3, 16))
    expected = [(0, 10, 0), (50, 12, RowStatus.GAP), (51, 13, 0), (1, 14, RowStatus.GAP), (2, 15, 0), (3, 16, 0)]
    for kept in (log, ProfileLog(nvm)):
        assert [(row.at // HALF_HOUR - SLOT, row.total, row.status) for row in kept.rows()] == expected
    assert ProfileLog(nvm).record((SLOT + 50) * HALF_HOUR, 99) == {}


def test_a_slot_whose_row_gave_way_may_be_written_again(nvm):
    log = ProfileLog(nvm, rows=3)
    fill(nvm, log, *((SLOT + n, n) for n in range(4)), (SLOT, 9))
    assert [row.total for row in log.rows()] == [2, 3, 9]


def test_several_registers_other_periods_and_failures(nvm):
    day = 48 * HALF_HOUR
    log = ProfileLog(nvm, "day", 10, day)
    nvm.put(log.record(SLOT // 48 * day, 1, 2, 3, failed=True))
    (row,) = log.rows()
    assert (row.at, row.totals, row.total, row.status) == (SLOT // 48 * day, (1, 2, 3), 1, RowStatus.POWER_FAILED)
    assert log.last == row
    assert ProfileLog(nvm, "other").last is None
