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
