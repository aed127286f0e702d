"""Homes for stories: a run whose events are kept, from the shipped bench files or from a few lines of TOML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from devices.runtime.kernel import MIN
from devices.runtime.log import Data
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.run import Run

BENCHES = Path(__file__).resolve().parents[2] / "fixtures" / "benches"
NOISE = ("air.frame", "display")


class Told(Run):
    """A run that keeps its events, without frames and faces. `told` are (ns, who, kind, data)."""

    def __init__(self, declared: config.Bench, seed: int | str | None = None) -> None:
        super().__init__(declared, seed)
        self.told: list[tuple[int, str, str, Data]] = []
        self.log.subscribe(self._hear)

    def _hear(self, now: int, who: str, kind: str, data: Data) -> None:
        if kind not in NOISE:
            self.told.append((now, who, kind, data))

    def events(self, kind: str, who: str | None = None) -> list[Data]:
        """The data of the events of a kind (of one node), oldest first."""
        return [data for _, node, told, data in self.told if told == kind and who in (None, node)]

    def times(self, kind: str, who: str | None = None) -> list[int]:
        """When they were, ns of the run."""
        return [now for now, node, told, _ in self.told if told == kind and who in (None, node)]

    def notices(self) -> list[str]:
        """What the head end has heard, in its order."""
        return [type(notice).__name__ for notice in self.head_end.received]

    def until(self, happened: Callable[[], bool], within: int = 10 * MIN) -> None:
        """Let time pass until `happened()`; fails when it does not within a time."""
        end = self.now + within
        while not happened():
            due = self.kernel.next_due()
            assert due is not None, "nothing more will happen"
            assert due <= end, f"not within {within} ns"
            self.run_until(due)


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
