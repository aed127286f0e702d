"""Storms drawn at random, as lists of explicit failures that shrink: afterwards every home must come back by itself.

`HYPOTHESIS_PROFILE=soak` draws hundreds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import HOUR, MIN, MS, S
from tests.compliance.capture import Capture
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

BENCHES = Path(__file__).resolve().parents[2] / "fixtures" / "benches"
EXAMPLES = max(6, settings().max_examples // 16)
STORM = 2 * HOUR
CALM = 2 * HOUR
WIRED = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
interface = "wired"
[[home.device]]
kind = "gsme"
at = [6, 2]
"""
DEVICES = ("hub", "esme", "esme1", "esme2", "gsme", "ihd", "ppmid")
LENGTHS = [50 * MS, 999 * MS, S, 10 * S, 179 * S, 180 * S, 181 * S, 10 * MIN, 50 * MIN]

moments = st.integers(1 * MIN, STORM - HOUR)
lengths = st.sampled_from(LENGTHS)
names = st.sampled_from(DEVICES)


@dataclass(frozen=True)
class Loss:
    """The mains fail."""

    at: int
    length: int

    def plan(self, run: Told) -> None:
        run.kernel.at(self.at, run.mains.off, self.length, who="storm")


@dataclass(frozen=True)
class Cut:
    """A device loses its power, at once or in the middle of a later flash operation."""

    at: int
    length: int
    name: str
    operations: int | None

    def plan(self, run: Told) -> None:
        if self.name not in run.only.boards:
            return
        board = run.board(self.name)
        if self.operations is None:
            run.kernel.at(self.at, board.cut, self.length, who="storm")
        else:
            run.kernel.at(self.at, board.cut_at_flash_operation, self.operations, self.length, who="storm")


@dataclass(frozen=True)
class Shield:
    """A device is heard by nobody, and hears nobody."""

    at: int
    length: int
    name: str

    def plan(self, run: Told) -> None:
        if self.name in run.only.boards and f"{run.only.name}/{self.name}" in run.only.air.radios:
            run.kernel.at(self.at, run.shield, self.name, who="storm")
            run.kernel.at(self.at + self.length, lambda: run.shield(self.name, loss=0.0), who="storm")


@dataclass(frozen=True)
class Volts:
    """The voltage leaves its limits."""

    at: int
    length: int
    volts: float

    def plan(self, run: Told) -> None:
        run.kernel.at(self.at, run.mains.on, self.volts, who="storm")
        run.kernel.at(self.at + self.length, run.mains.on, 230.0, who="storm")


Failure = Loss | Cut | Shield | Volts
failures = st.one_of(
    st.builds(Loss, moments, lengths),
    st.builds(Cut, moments, lengths, names, st.none() | st.integers(0, 3000)),
    st.builds(Shield, moments, lengths, names),
    st.builds(Volts, moments, lengths, st.sampled_from([180.0, 270.0])),
)
benches = st.sampled_from(["home", "two-electricity-meters", "gas-first", "wired"])


@pytest.mark.timeout(3600)  # a soak takes its time
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[phase for phase in Phase if EXAMPLES > 6 or phase is not Phase.shrink],  # a soak has the time to shrink
)
@given(benches, st.integers(0, 999), st.lists(failures, min_size=1, max_size=12), st.sampled_from([0.0, 0.05]))
def test_after_every_storm_the_home_comes_back(bench: str, seed: int, storm: list[Failure], loss: float) -> None:
    run = Told(config.loads(WIRED) if bench == "wired" else config.load(BENCHES / f"{bench}.toml"), seed)
    capture = Capture(run)
    commission(run)
    if loss:
        run.only.air.faults = Faults(run.kernel, "air", [Fault(Effect.DROP, chance=loss, until=STORM)])
    for failure in storm:
        failure.plan(run)
    run.run_until(STORM)
    for board in run.only.boards.values():
        board.flash.cut_after(None)  # what has not struck by now never will
    run.mains.on(230.0)
    run.run(for_=CALM)

    assert run.commissioned
    mirror = run.hub.firmware.mirrors.of(run.gsme.eui64)
    assert run.kernel.utc - mirror.gas.reading.at < 31 * MIN
    for name in run.only.of_kind("esme"):
        assert run.head_end.meter(name).register("1-0:1.8.0").value > 0
        assert run.board(name).firmware.commissioned
    if "ihd" in run.only.boards and bench != "gas-first":
        assert run.screen("ihd")[1].endswith("kW")
    told = run.notices()
    assert told == ["LastGasp", "FirstBreath"] * (len(told) // 2)
    assert capture.closed == []
    assert capture.reused == []
