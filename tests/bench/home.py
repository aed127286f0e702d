"""How fast a home lives: one day of the demo's home, its memory, and how soon `meterbench run` has a frame on the air.

Every frame of the day is built, secured and read in full: MAC, NWK and APS with both encryptions, ZCL, the DLMS tunnel. Times are
of the processor and not of the wall clock, so that a busy machine measures the same; only the start is what a user waits.
Medians of repeated runs. Run with `python -m tests.bench.home` or through `make bench`; exit status 1 below a gate.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

from msgspec.structs import replace

from devices.runtime.kernel import MIN, S
from tools.bench.commissioning import commission
from tools.bench.day import BENCH, LENGTH, Day
from tools.bench.run import Run
from tools.bench.tally import Tally
from tools.capture.observer import Capture

ROOT = Path(__file__).resolve().parents[2]
START = 1_768_348_800 * S
"""Virtual time zero: a winter day."""
DAYS = 3
STARTS = 5
HOMES = 20
SETTLED = 10 * MIN

FIRST_FRAME = """
import sys
from tools.cli.run import command
from tools.bench import config
from tools.bench.run import Run
from pathlib import Path
run = Run(config.load(Path("fixtures/benches/home.toml")))
first = []
run.log.subscribe(lambda *event: first.append(event), ["air.frame"])
while not first:
    run.run(for_=1_000_000)
print("on the air", flush=True)
"""
"""`meterbench run` up to its first frame on the air."""


class Row(NamedTuple):
    """A line of the table: at `better` ("least" or "most") the gate, or the bench fails; the goal is what we aim for."""

    what: str
    figure: float
    unit: str
    better: str
    gate: float
    goal: float

    @property
    def passed(self) -> bool:
        """Whether the gate is met."""
        return self.figure >= self.gate if self.better == "least" else self.figure <= self.gate

    def __str__(self) -> str:
        figure = f"{self.figure:,.0f}" if self.figure >= 10 else f"{self.figure:.2f}"
        verdict = "" if self.passed else "   MISSES THE GATE"
        return f"{self.what:34}{figure:>8} {self.unit:14} at {self.better} {self.gate:>6,g}   aim {self.goal:>6,g}{verdict}"


def day(capture: Path | None = None) -> float:
    """Processor seconds of one day. The story must have gone as it should."""
    run = Run(BENCH, start_ns=START)
    story = Day(run, lambda who, what: None)
    story.start()
    with nullcontext() if capture is None else Capture(capture, run.kernel, "bench"):
        begin = process_time()
        run.run_until(LENGTH)
        seconds = process_time() - begin
    assert not story.problems(), story.problems()
    return seconds


def traffic() -> tuple[int, int, int]:
    """Of one day: frames on the air, acknowledgements among them, and calls of the kernel."""
    run = Run(BENCH, start_ns=START)
    tally = Tally(run.kernel)
    Day(run, lambda who, what: None).start()
    run.run_until(LENGTH)
    return tally.frames, tally.counts["802.15.4", "acknowledgement"], run.kernel.events


def memory() -> float:
    """KiB of a home among others in one process, commissioned and settled."""
    declared = replace(BENCH, home=[replace(BENCH.home[0], name=f"home{number}") for number in range(1, HOMES + 1)])
    gc.collect()
    tracemalloc.start()
    run = Run(declared, start_ns=START)
    commission(run)
    run.run_until(SETTLED)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / HOMES / 1024


def first_frame() -> float:
    """Wall-clock seconds from the start of a process to its first frame on the air."""
    begin = perf_counter()
    with subprocess.Popen([sys.executable, "-c", FIRST_FRAME], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on the air\n"
        seconds = perf_counter() - begin
    return seconds


def median(repeats: int, measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(repeats))


def main() -> int:
    """Print the table."""
    frames, acknowledgements, events = traffic()  # it also warms up what is made on first use
    plain = median(DAYS, day)
    with tempfile.TemporaryDirectory() as folder:
        captured = median(DAYS, lambda: day(Path(folder) / "day.pcapng"))
    virtual = LENGTH / S
    rows = [
        Row("one home, a day", virtual / plain, "x real time", "least", 5_000, 20_000),
        Row("the same with a capture", virtual / captured, "x real time", "least", 4_000, 15_000),
        Row(f"memory, {HOMES} homes in one kernel", memory(), "KiB a home", "most", 1024, 200),
        Row("start to first frame on the air", median(STARTS, first_frame), "s", "most", 1.0, 0.3),
    ]
    print(
        f"a home day: {frames:,} frames on the air, {acknowledgements:,} acknowledgements among them; {events:,} kernel calls;"
        f" {plain:.2f} s, {plain / frames * 1e6:.1f} us a frame"
    )
    for row in rows:
        print(row, flush=True)
    return not all(row.passed for row in rows)


if __name__ == "__main__":
    sys.exit(main())
