"""One premises as it is built: boards, wires, reserves, and the engineer who comes and goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.runtime.kernel import MIN, S
from devices.runtime.port import Occupied
from tools.bench.commissioning import commission
from tools.bench.config import load, loads
from tools.bench.run import Run

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"


@pytest.fixture
def home():
    run = Run(load(BENCHES / "home.toml"))
    commission(run)
    return run


@pytest.mark.req("S-003", part=True)
@pytest.mark.parametrize("reserve, hold_up", [(240, 1), (20, 0.2), (0.5, 5)])
def test_reserves_last_as_long_as_the_file_says(reserve, hold_up):
    devices = f'[[home.device]]\nkind = "hub"\nreserve_s = {reserve}\n[[home.device]]\nkind = "esme"\nhold_up_s = {hold_up}\n'
    run = Run(loads("[[home]]\n" + devices))
    commission(run)
    lost, ends = run.now, {}
    run.log.subscribe(lambda now, who, kind, data: ends.setdefault(who, now - lost) if data["state"] == "off" else None, ["power"])
    run.mains.off()
    run.run(for_=5 * MIN)
    assert ends == {"home1/hub": int(reserve * S), "home1/esme": int(hold_up * S)}


@pytest.mark.req("S-030", part=True)
def test_a_visit_reads_and_then_leaves_nothing_on_the_terminal(home):
    visit = home.visit()
    assert visit.report is None
    home.run(for_=2 * MIN)
    report = visit.report
    assert report is not None
    terminal = home.board("hht")
    visit.end()
    home.run(for_=S)
    assert not terminal.powered
    assert visit.report is None
    again = home.visit()
    home.run(for_=2 * MIN)
    assert again.report is not None


def test_one_head_at_a_time_is_on_the_optical_port(home):
    visit = home.visit()
    with pytest.raises(Occupied):
        home.visit()
    home.run(for_=2 * MIN)
    assert visit.report is not None  # whoever came second has not disturbed it
    visit.end()
    home.visit().end()


def test_keys_of_a_home_are_each_told_once(home):
    home.run(for_=MIN)
    keys = home.zigbee_keys()
    assert len({key for _, key in keys}) == len(keys)
    assert len({label for label, _ in keys}) == len(keys)
    assert all(label.startswith("home1 ") and len(key) == 16 for label, key in keys)


def test_a_device_without_power_tells_no_key(home):
    before = home.zigbee_keys()
    for board in home.only.boards.values():
        board.cut()
    assert before
    assert home.zigbee_keys() == []
