"""How fast a home lives: one day of the demo's home, what of it is AES, a join with certificates, the memory of many homes, and
how soon `meterbench run` has a frame on the air.

Every frame of the day is built, secured and read in full: MAC, NWK and APS with both encryptions, ZCL, the DLMS tunnel. Times are
of the processor and not of the wall clock, so that a busy machine measures the same; only the start is what a user waits, and the
interpreter has its compiled modules, as a user's has from the second time on. Medians of repeated runs. Run with
`python -m tests.bench.home [--homes N]` or through `make bench`; exit status 1 below a gate.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time
from typing import NamedTuple

from msgspec.structs import replace

from devices.runtime.kernel import MIN, S
from protocols.core import aes
from protocols.zigbee.key_establishment.certificates import public_key
from tools.bench import config
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
CROWD = 100
SETTLED = 10 * MIN
MEASURED = 10 * MIN

FIRST_FRAME = """
import sys
import click
from tools.cli.main import cli
cli.get_command(click.Context(cli), "run")
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
PAIR = replace(BENCH, home=[config.Home(device=[config.Hub(), config.Esme(at=(0.3, 0.0))])])
"""A hub, and one device that joins it."""


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


class Ciphers:
    """OpenSSL's part of a day: each call of AES-CCM and AES-GCM is made once more, and that is timed."""

    NAMES = "ccm_seal", "ccm_open", "gcm_seal", "gcm_open"

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0

    def day(self) -> None:
        """A day with them watched."""
        held = {name: getattr(aes, name) for name in self.NAMES}
        for name, cipher in held.items():
            setattr(aes, name, partial(self._timed, cipher))
        try:
            day()
        finally:
            for name, cipher in held.items():
                setattr(aes, name, cipher)

    def _timed(self, cipher: Callable[..., bytes], *arguments: bytes) -> bytes:
        result = cipher(*arguments)
        begin = perf_counter()
        cipher(*arguments)
        self.seconds += perf_counter() - begin
        self.calls += 1
        return result


def joined() -> tuple[float, int]:
    """Processor seconds and frames until a device has joined, with certificates: both ends, and the air between them."""
    run = Run(PAIR, start_ns=START)
    tally = Tally(run.kernel)
    public_key.cache_clear()
    begin = process_time()
    commission(run)
    return process_time() - begin, tally.frames


def many(homes: int) -> config.Bench:
    """The demo's home, so many times."""
    return replace(BENCH, home=[replace(BENCH.home[0], name=f"home{number}") for number in range(1, homes + 1)])


def crowd(homes: int) -> None:
    """Print what so many homes in a process of their own take: KiB of memory each, and how fast they live together."""
    others = Run(many(max(10, homes // 10)), start_ns=START)  # they take what importing left free
    commission(others)
    others.run(for_=SETTLED)
    before = getrusage(RUSAGE_SELF).ru_maxrss
    run = Run(many(homes), start_ns=START)
    commission(run)
    run.run(for_=SETTLED)
    size = (getrusage(RUSAGE_SELF).ru_maxrss - before) / homes
    begin = process_time()
    run.run(for_=MEASURED)
    rate = homes * MEASURED / S / (process_time() - begin)
    print(f"{homes:,} homes in one kernel: {size:.0f} KiB of the process each; {rate:,.0f} x real time in sum", flush=True)


def traffic() -> tuple[int, int, int]:
    """Of one day: frames on the air, acknowledgements among them, and calls of the kernel."""
    run = Run(BENCH, start_ns=START)
    tally = Tally(run.kernel)
    Day(run, lambda who, what: None).start()
    run.run_until(LENGTH)
    return tally.frames, tally.counts["802.15.4", "acknowledgement"], run.kernel.events


def memory() -> float:
    """KiB of a home among others in one process, commissioned and settled."""
    gc.collect()
    tracemalloc.start()
    run = Run(many(HOMES), start_ns=START)
    commission(run)
    run.run_until(SETTLED)
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / HOMES / 1024


def first_frame() -> float:
    """Wall-clock seconds from the start of a process to its first frame on the air."""
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = perf_counter()
    with subprocess.Popen([sys.executable, "-c", FIRST_FRAME], cwd=ROOT, env=compiled, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on the air\n"
        seconds = perf_counter() - begin
    return seconds


def median(repeats: int, measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(repeats))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.home")
    parser.add_argument("--homes", type=int, default=CROWD, help="of the crowd")
    parser.add_argument("--crowd", type=int, help=argparse.SUPPRESS)
    wanted, _ = parser.parse_known_args()
    if wanted.crowd is not None:
        crowd(wanted.crowd)
        return 0
    frames, acknowledgements, events = traffic()  # it also warms up what is made on first use
    plain = median(DAYS, day)
    with tempfile.TemporaryDirectory() as folder:
        captured = median(DAYS, lambda: day(Path(folder) / "day.pcapng"))
    virtual = LENGTH / S
    first_frame()  # compiles what is new
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
    ciphers = Ciphers()
    ciphers.day()
    share = ciphers.seconds / plain
    print(f"of it AES by OpenSSL: {ciphers.calls:,} frames sealed or opened, {ciphers.seconds:.2f} s, {share:.0%}")
    joins = [joined() for _ in range(DAYS)]
    print(f"a join with certificates: {joins[0][1]} frames, {statistics.median(each for each, _ in joins) * 1000:.0f} ms")
    for row in rows:
        print(row, flush=True)
    subprocess.run([sys.executable, "-m", "tests.bench.home", "--crowd", str(wanted.homes)], cwd=ROOT, check=True)
    return not all(row.passed for row in rows)


if __name__ == "__main__":
    sys.exit(main())
