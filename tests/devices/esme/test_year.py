"""A year of a meter: cheap, whole, and as much energy as its household uses."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from devices import esme
from devices.runtime.board import Board
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import DAY, HOUR, MIN, Kernel, S
from devices.runtime.supply import Mains, MainsSupply
from protocols.dlms.client import Client
from protocols.dlms.meter import Meter

START = 1_767_225_600 * S  # 2026-01-01 00:00 UTC


def test_a_year_and_a_month(install_code):
    """Nothing ticks: a day has some hundred events. The log has GB's 13 months at the end, and is read by range."""
    kernel = Kernel(1, START)
    config = esme.Config(install_code, interface="wired", kwh_a_year=2_700)
    board = Board(
        kernel, "esme", firmware=partial(esme.Firmware, config=config), supply=MainsSupply(Mains(kernel), S),
        flash=Flash(2048 * KIB),
    )  # fmt: skip
    board.rtc.set(kernel.utc)
    kernel.run_until(365 * DAY + MIN)
    assert kernel.events < 365 * 250
    assert 0.9 < (board.firmware.meter.import_wh - config.start_wh) / 2_700_000 < 1.1
    assert len(board.firmware.meter.half_hours.rows()) == 17_520
    kernel.run_until(400 * DAY + MIN)
    board.cut(off_for=S)
    kernel.run_until(kernel.now + MIN)

    rows = board.firmware.meter.half_hours.rows()
    assert len(rows) == 19_056
    assert all(later.at - sooner.at == HOUR // 2 and later.total >= sooner.total for sooner, later in pairwise(rows))
    assert rows[-1].at == START + 400 * DAY
    assert len(board.firmware.meter.days.rows()) == 400
    session = board.firmware.server.session(16, 1, 1492)
    client = Meter(lambda apdu: session.request(apdu, kernel.now), Client())
    client.associate()
    assert client.get("1-0:99.1.0", 7, 7).value == client.get("1-0:99.1.0", 7, 8).value == 19_056
    found = client.profile("1-0:99.1.0").rows(since=START + 399 * DAY, until=START + 400 * DAY)
    assert [int(row[2].value) for row in found] == [row.total for row in rows[-49:]]
