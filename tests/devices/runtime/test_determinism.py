"""One seed, one event log: twice in one process, in two processes with different hash seeds; another seed, another log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WORLD = Path(__file__).with_name("world.py")
ROOT = Path(__file__).resolve().parents[3]


def digest(seed: int, hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(WORLD), str(seed)], env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout


def test_the_same_seed_gives_the_same_log_under_two_hash_seeds() -> None:
    first = digest(7, "0")
    assert digest(7, "12345") == first
    assert int(first.split()[0]) > 1000


def test_another_seed_gives_another_log() -> None:
    assert digest(8, "0") != digest(7, "0")
