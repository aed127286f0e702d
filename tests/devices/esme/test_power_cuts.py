"""Power that goes in the middle of any flash operation: registers never fall, rows stay whole, the meter comes back."""

from __future__ import annotations

from itertools import pairwise

import pytest

from devices.parts.profile_log import RowStatus
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import HOUR, MIN, S

EVERY = 23
"""Every so many-th flash operation of about two hours is cut, and the one that follows the restart too."""


@pytest.fixture
def wired(new_meter, premises):
    """A meter with flash banks so small that they are compacted and erased every few hours. It is not on the air."""
    meter = new_meter(flash=Flash(2 * KIB), hold_up=0, interface="wired")
    meter.board.rtc.set(premises.kernel.utc)
    meter.run(HOUR + 10 * MIN)
    return meter


@pytest.mark.parametrize("operations", range(0, 3_000, EVERY))
def test_registers_never_fall_over_a_cut_at_any_flash_operation(wired, operations):
    """Invariants 1 and 4, as a display sees them that reads every 20 s. There is no hold-up: no last moment to save in."""
    board, kernel = wired.board, wired.kernel
    seen: list[tuple[int, int]] = []
    offs: list[int] = []

    def look():
        if board.powered and board.firmware.running:
            meter = board.firmware.meter
            seen.append((meter.import_wh, meter.import_varh))

    def cut_again(now, who, kind, data):
        if (who, kind) == ("esme", "power") and data["state"] == "off":
            offs.append(now)
            if len(offs) == 1:
                kernel.at(now, board.cut_at_flash_operation, operations % 200, 30 * S, who="test")

    kernel.log.subscribe(cut_again)
    board.cut_at_flash_operation(operations, off_for=30 * S)
    for _ in range(300):
        kernel.at(kernel.now, look, who="esme")
        wired.run(20 * S)
    assert len(offs) == 2
    assert seen == sorted(seen)
    assert len(seen) > 290
    rows = board.firmware.meter.half_hours.rows()
    assert [row.totals[:2] for row in rows] == sorted(row.totals[:2] for row in rows)
    assert len({row.at for row in rows}) == len(rows) >= 4
    for before, row in pairwise(rows):
        assert bool(row.status & RowStatus.GAP) is (row.at - before.at != 30 * MIN)


def test_a_switch_is_as_it_was_after_a_cut_while_it_moves(wired):
    """Old or new, and the same on both faces; never neither."""
    board, kernel = wired.board, wired.kernel
    for operations in range(0, 120, 3):
        switch = board.firmware.meter.switch
        before = switch.state
        board.cut_at_flash_operation(operations, off_for=S)
        kernel.at(kernel.now, switch.disconnect if switch.closed else switch.reconnect, who="esme")
        wired.run(MIN)
        board.flash.cut_after(None)
        switch = board.firmware.meter.switch
        assert switch.state in (0, 1)
        assert switch.state == before or operations > 10
        assert board.firmware.meter.metrology.watts * (not switch.closed) == 0
