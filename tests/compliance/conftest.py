"""The faulty day, lived through once for all that is to be judged about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compliance.faulty_day import FaultyDay
from tools.bench import config

BENCHES = Path(__file__).resolve().parents[2] / "fixtures" / "benches"


@pytest.fixture(scope="session")
def bench_file() -> Callable[[str], config.Bench]:
    """A shipped bench by name."""
    return lambda name: config.load(BENCHES / f"{name}.toml")


@pytest.fixture(scope="session")
def day(bench_file: Callable[[str], config.Bench]) -> FaultyDay:
    """See faulty_day.py."""
    return FaultyDay(bench_file("home"))
