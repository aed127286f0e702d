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
STORY = """
import sys
from devices.runtime.kernel import HOUR, MIN
from tools.bench.day import BENCH, Day
from tools.bench.run import Run
run = Run(BENCH, int(sys.argv[1]))
Day(run, lambda who, what: None).start()
run.run_until(11 * HOUR + 12 * MIN)
print(len(run.head_end.received), run.log.count, run.digest())
"""


@pytest.fixture
def tell() -> Callable[..., list[str]]:
    """What the story ends with for each (seed, PYTHONHASHSEED): notices, events, digest. All at once."""

    def run(*pairs: tuple[int, str]) -> list[str]:
        programs = [
            subprocess.Popen(
                [sys.executable, "-c", STORY, str(seed)],
                cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": hash_seed}, stdout=subprocess.PIPE, text=True,
            )
            for seed, hash_seed in pairs
        ]  # fmt: skip
        told = [program.communicate(timeout=200)[0].strip() for program in programs]
        assert [program.returncode for program in programs] == [0] * len(programs)
        return told

    return run


def test_the_same_seed_has_the_same_digest_whatever_the_hash_seed(tell) -> None:
    first, second, random, other = tell((7, "0"), (7, "1"), (7, "random"), (8, "0"))
    assert first == second == random
    assert first.startswith("2 ")  # the last gasp and the first breath of the second loss
    assert other.split()[2] != first.split()[2]
