"""The pytest plugin: homes on a bench as fixtures, in virtual time and flat out.

    def test_the_display_shows_what_the_meter_says(meterbench):
        meterbench.run(for_=2 * HOUR)
        assert meterbench.head_end.meter("esme").register("1-0:1.8.0").value > 0

pytest finds it by its entry point. `--meterbench FILE` chooses the bench (without it: the demo's home), `--meterbench-seed N`
its seed. A test that fails tells bench, seed and virtual time of its runs; bench and seed are in a JUnit report, too. What
is needed is imported when a test asks for it: tests without a bench pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tools.bench.config import Bench
    from tools.bench.run import Run

    Factory = Callable[..., Run]

_RUNS: pytest.StashKey[list[Run]] = pytest.StashKey()
_PROPERTY = "meterbench"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--meterbench` and `--meterbench-seed`."""
    group = parser.getgroup("meterbench", "GB smart-metering homes on a bench")
    group.addoption("--meterbench", metavar="FILE", type=Path, help="bench file for the fixtures; without it the demo's home")
    group.addoption("--meterbench-seed", metavar="N", type=int, help="seed of every bench, instead of the bench file's")


@pytest.fixture
def meterbench_factory(request: pytest.FixtureRequest) -> Iterator[Factory]:
    """Makes runs: `meterbench_factory(source=None, *, seed=None, commissioned=True)`.

    `source` is a bench file, or a `tools.bench.config.Bench`; without it the one of `--meterbench`. `seed` stands above
    `--meterbench-seed`, which stands above the bench's own. With `commissioned`, the run is given once every device has
    joined and the gas mirror is full. Raises tools.errors.BadInput and CheckFailed.
    """
    from tools.bench import config
    from tools.bench.commissioning import commission
    from tools.bench.day import BENCH
    from tools.bench.run import Run

    request.node.stash[_RUNS] = runs = []

    def make(source: str | Path | Bench | None = None, *, seed: int | str | None = None, commissioned: bool = True) -> Run:
        chosen = request.config.getoption("--meterbench") if source is None else source
        declared = BENCH if chosen is None else chosen if isinstance(chosen, config.Bench) else config.load(Path(chosen))
        run = Run(declared, request.config.getoption("--meterbench-seed") if seed is None else seed)
        runs.append(run)
        request.node.user_properties.append((_PROPERTY, f"bench {declared.name}, seed {run.kernel.seed}"))
        if commissioned:
            commission(run)
        return run

    yield make
    del request.node.stash[_RUNS]


@pytest.fixture
def meterbench(meterbench_factory: Factory) -> Run:
    """A home that runs: every device has joined and the gas mirror is full."""
    return meterbench_factory()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test tells what repeats it."""
    report = yield
    runs = item.stash.get(_RUNS, [])
    if report.failed and runs:
        lines = [
            f"bench {run.declared.name}, --meterbench-seed {run.kernel.seed}, stopped at {run.utc.isoformat()}" for run in runs
        ]
        report.sections.append((_PROPERTY, "\n".join(lines)))
    return report
