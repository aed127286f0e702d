"""More than a year of load: what it costs, and what the log holds when its oldest rows have been overwritten."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest

from devices import esme
from devices.parts.demand import ELECTRICITY_KWH_A_YEAR
from devices.runtime.board import Board
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import DAY, HOUR, MIN, Kernel, S
from devices.runtime.supply import Mains, MainsSupply
from protocols.dlms.cosem import date_time
from protocols.dlms.direct import Direct
from protocols.dlms.meter import Meter

ROWS = 19_056
DAYS = 400
START = 1_767_225_600 * S  # 2026-01-01 00:00:00 UTC


@pytest.fixture(scope="module")
def board():
    """A meter without radio, its clock set by hand, after 400 days; `board.calls` is what they took of the kernel."""
    kernel = Kernel(seed=3, start_ns=START)
    config = esme.Config(b"", interface="wired")
    made = Board(
        kernel, "esme", firmware=partial(esme.Firmware, config=config), supply=MainsSupply(Mains(kernel), S), eui64=1,
        flash=Flash(2048 * KIB), display=(24, 8), buttons=("a", "b"),
    )  # fmt: skip
    made.rtc.set(START)
    made.calls = kernel.run_until(DAYS * DAY)
    return made


@pytest.fixture
def reader(board):
    """A client of the meter with nothing between."""

    def read():
        session = board.firmware.server.session(16, 1, 4096)
        meter = Meter(Direct(session, lambda: board.kernel.now))
        meter.associate()
        return meter

    return read


def test_a_day_costs_a_few_hundred_events(board):
    assert board.calls < 300 * DAYS


def test_a_year_uses_what_the_household_is_said_to_use(board, reader):
    used = int(reader().register("1-0:1.8.0").value) - 4_321_000
    assert used == pytest.approx(ELECTRICITY_KWH_A_YEAR * 1000 * DAYS / 365, rel=0.05)


def test_the_full_log_holds_the_newest_rows_and_survives_a_power_cut(board, reader):
    before = reader().profile("1-0:99.1.0").rows()
    assert len(before) == ROWS
    oldest = START + (DAYS * 48 - ROWS + 1) * 30 * MIN
    assert date_time.from_datetime(before[0][0]) == oldest
    assert all(later[0] > sooner[0] and later[2].value >= sooner[2].value for sooner, later in pairwise(before))
    assert {row[1] for row in before} == {0}
    assert before[-1][2].value == reader().register("1-0:1.8.0").value  # read at the end of a half hour
    board.cut(off_for=S)
    board.kernel.run_until(board.kernel.now + 10 * S)
    assert reader().profile("1-0:99.1.0").rows() == before


def test_a_range_of_the_full_log(board, reader):
    since = START + 300 * DAY
    rows = reader().profile("0-0:99.1.0").rows(since=since, until=since + 2 * HOUR)
    assert [date_time.from_datetime(row[0]) for row in rows] == [since + n * 30 * MIN for n in range(5)]
    assert reader().profile("1-0:99.1.0").rows(since=START, until=START + DAY) == []  # overwritten


def test_daily_rows_are_the_half_hours_of_midnight(board, reader):
    daily = reader().profile("0-0:99.1.3").rows()
    assert len(daily) == DAYS
    midnights = [row for row in reader().profile("1-0:99.1.0").rows() if (row[0].hour, row[0].minute) == (0, 0)]
    assert [(row[0], row[2]) for row in daily[-len(midnights) :]] == [(row[0], row[2]) for row in midnights]
