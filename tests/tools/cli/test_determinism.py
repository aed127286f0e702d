"""One seed is one run: the demo's story in processes of their own, under several hash seeds, has one digest.

Only its first half (with two losses of supply); `make digest` compares the whole day.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HALF = 11 * 60 + 12
STORY = """
import sys
from devices.runtime.kernel import MIN
from tools.bench.day import BENCH, Day
from tools.bench.run import Run
run = Run(BENCH, int(sys.argv[1]))
Day(run, lambda who, what: None).start()
run.run_until(MIN)
early = run.digest()
run.run_until(int(sys.argv[2]) * MIN)
print(len(run.head_end.received), run.log.count, early, run.digest())
"""


@pytest.fixture
def tell() -> Callable[..., list[str]]:
    """What the story ends with for each (seed, PYTHONHASHSEED, minutes): notices, events, digests after one and all. At once."""

    def run(*stories: tuple[int, str, int]) -> list[str]:
        programs = [
            subprocess.Popen(
                [sys.executable, "-c", STORY, str(seed), str(minutes)],
                cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": hash_seed}, stdout=subprocess.PIPE, text=True,
            )
            for seed, hash_seed, minutes in stories
        ]  # fmt: skip
        told = [program.communicate(timeout=200)[0].strip() for program in programs]
        assert [program.returncode for program in programs] == [0] * len(programs)
        return told

    return run


def test_the_same_seed_has_the_same_digest_whatever_the_hash_seed(tell) -> None:
    first, second, other = tell((7, "0", HALF), (7, "random", HALF), (8, "0", 1))
    assert first == second
    assert first.startswith("2 ")  # the last gasp and the first breath of the second loss
    assert other.split()[2] != first.split()[2]
