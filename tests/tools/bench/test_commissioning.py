"""Commissioning: everybody joins, or it is said who did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.runtime.kernel import HOUR, MIN
from tools.bench.commissioning import LIMIT, commission
from tools.bench.config import load, loads
from tools.bench.run import Run
from tools.errors import CheckFailed

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
HUB = '[[home.device]]\nkind = "hub"\n'
GAS = '[[home.device]]\nkind = "gsme"\n'
FAR = "at = [500, 0]\n"


@pytest.mark.parametrize("path", sorted(BENCHES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_bench_we_ship_is_commissioned_in_minutes(path: Path) -> None:
    run = Run(load(path))
    commission(run)
    assert run.commissioned
    assert run.now < 5 * MIN


@pytest.mark.parametrize(
    "text, missing",
    [
        (HUB + GAS + FAR, "home1: gsme has not joined"),
        (HUB + '[[home.device]]\nkind = "esme"\n' + FAR + GAS, "home1: esme has not joined"),
        (HUB + GAS + FAR + '[[home.device]]\nkind = "ihd"\nname = "kitchen"\n' + FAR, "home1: gsme, kitchen has not joined"),
    ],
)
def test_who_has_not_joined_is_named(text: str, missing: str) -> None:
    run = Run(loads("[[home]]\n" + text))
    with pytest.raises(CheckFailed) as failed:
        commission(run, HOUR)
    assert str(failed.value) == f"not commissioned after 60 minutes of virtual time: {missing}"
    assert run.now == HOUR <= LIMIT


def test_a_home_in_the_dark_is_not_commissioned() -> None:
    run = Run(loads("[[home]]\n" + HUB + GAS))
    run.mains.off(HOUR)
    with pytest.raises(CheckFailed, match="home1/hub has no power"):
        commission(run, 10 * MIN)
