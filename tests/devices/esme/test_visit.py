"""The hand-held terminal reads the meter itself."""

from __future__ import annotations

from functools import partial

from devices import hht
from devices.runtime.board import Board
from devices.runtime.kernel import HOUR, MIN
from devices.runtime.supply import Battery


def test_a_terminal_reads_the_meter(meter, premises):
    meter.run(HOUR)
    cell = Battery(premises.kernel, inserted=False)
    terminal = Board(premises.kernel, "hht", firmware=partial(hht.Firmware, config=hht.Config()), supply=cell, display=(24, 8))
    wire = terminal.uart("optical").attach(meter.board.uart("optical"), baud=9600)
    cell.insert()
    premises.until(lambda: terminal.firmware and terminal.firmware.report, 2 * MIN)
    report = terminal.firmware.report
    assert report["meter"] == "E6 0000001"
    assert report["clock"].startswith("2026-01-01T01:00:")
    assert 0 <= meter.meter.import_wh - int(report["import"].removesuffix(" Wh")) < 10
    wire.unplug()
    assert not meter.board.uart("optical").occupied
