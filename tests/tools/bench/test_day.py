"""The demo's story: what it finds, and that it notices when something is missing."""

from __future__ import annotations

import msgspec
import pytest

from devices.runtime.kernel import HOUR, MIN
from tools.bench.day import BENCH, LENGTH, Day
from tools.bench.run import Run


@pytest.fixture(scope="module")
def day():
    run, said = Run(BENCH, 3), []
    story = Day(run, lambda who, what: said.append((run.now, who, what)))
    story.start()
    run.run_until(LENGTH)
    return story, said


def test_a_day_of_any_seed_has_no_problems(day):
    story, said = day
    assert story.problems() == []
    dark = [at - story.run.kernel.start_ns for reads in (story.electricity, story.gas) for at, _ in reads.failures]
    assert {at // HOUR for at in dark} <= {9, 11, 17}  # those that fell into an interruption
    assert len(dark) <= 4
    assert story.visit is not None
    assert [who for _, who, _ in said].count("mains") == 2
    assert [at for at, _, _ in said] == sorted(at for at, _, _ in said)


def test_its_faces_are_those_of_the_devices(day):
    story, _ = day
    assert set(story.faces) == {"ihd", "ppmid", "hht"}
    assert story.faces["ihd"][1].endswith("kW")


def test_a_hub_that_cannot_tell_is_a_problem_of_the_day():
    home = BENCH.home[0]
    devices = [msgspec.structs.replace(device, reserve_s=10) if device.kind == "hub" else device for device in home.device]
    run = Run(msgspec.structs.replace(BENCH, home=[msgspec.structs.replace(home, device=devices)]))
    story = Day(run, lambda who, what: None)
    story.start()
    run.run_until(11 * HOUR + 30 * MIN)
    about = [line.partition(":")[0] for line in story.problems()]
    assert len(about) == 5  # and of the reads, whole report and notices none is forgotten
    for missing in ("electricity reads", "gas reads", "engineer's visit", "LastGasp notices", "FirstBreath notices"):
        assert any(missing in line for line in about)
