"""Homes for stories: a run whose events are kept, from the shipped bench files or from a few lines of TOML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

BENCHES = Path(__file__).resolve().parents[2] / "fixtures" / "benches"


@pytest.fixture
def build() -> Callable[..., Told]:
    """`build("home")`: a shipped bench by name, or `build(text)`: one in TOML, commissioned unless told otherwise.

    `before(run)` is called before the first instant.
    """

    def make(
        source: str,
        *,
        seed: int | str | None = None,
        commissioned: bool = True,
        before: Callable[[Told], object] | None = None,
    ) -> Told:
        run = Told(config.loads(source) if "\n" in source else config.load(BENCHES / f"{source}.toml"), seed)
        if before is not None:
            before(run)
        if commissioned:
            commission(run)
        return run

    return make


@pytest.fixture
def home(build: Callable[..., Told]) -> Told:
    """The home of fixtures/benches/home.toml, commissioned."""
    return build("home")
