"""Hands and faults between meters and consumer units: isolators that are turned, load switches that fail, neutrals that float.

What happens is put in from outside, at its time; no firmware knows that it is to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from devices.runtime.kernel import HOUR, S
from tools.bench.declared import Declared
from tools.errors import suggest

if TYPE_CHECKING:
    from random import Random

    from devices.runtime.board import Board
    from devices.runtime.kernel import Kernel
    from devices.runtime.tails import Tails
    from tools.bench.config import Home as DeclaredHome
    from tools.bench.device_config import Esme
    from tools.bench.home import Home

At = Annotated[float, Meta(ge=0, le=315_360_000)]
DETECTION: Final = 2 * S
"""How long a detector of the substation looks before it opens the feeder."""
LOWEST, HIGHEST = 120, 330
"""Volts that a home may see where the neutral floats."""


class Turn(Declared, frozen=True, kw_only=True):
    """A hand at the isolator."""

    at_s: At
    """Of virtual time."""
    on: bool


class SwitchFault(Declared, frozen=True, kw_only=True):
    """What becomes of the contact of a load switch: it sticks at a time, or is worn out after so many operations."""

    sticks: Literal["open", "closed"] | None = None
    at_s: At = 0
    life: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Operations until it sticks where it is."""

    def __post_init__(self) -> None:
        if (self.sticks is None) is (self.life is None):
            raise ValueError("a load switch fails at a time (`sticks`, `at_s`) or after a `life` of operations: say one of both")


class SwitchFailures(Declared, frozen=True, kw_only=True):
    """A population of load switches that fails, such as a batch of one maker's: so many of the meters, drawn by the seed."""

    share: Annotated[float, Meta(gt=0, le=1)]
    sticks: Literal["open", "closed"]
    at_h: Annotated[float, Meta(ge=0, le=87_600)] = 0
    """Hours from virtual time zero."""
    within_h: Annotated[float, Meta(ge=0, le=87_600)] = 0
    """All of them fail within so many hours."""


class FloatingNeutral(Declared, frozen=True, kw_only=True):
    """The neutral of a feeder breaks: each of its homes has a voltage of its own until it is mended."""

    feeder: str
    at_h: Annotated[float, Meta(ge=0, le=87_600)]
    for_s: Annotated[float, Meta(gt=0, le=604_800)]
    detector: Literal["none", "substation"] = "none"
    """One at the substation opens the feeder; meters have their own where they are declared with `neutral_detection`."""


def tails(board: Board) -> Tails:
    """What is behind a meter."""
    circuit = board.supply.circuit
    assert circuit is not None
    return circuit.tails(board.name)


def hang(board: Board, declared: Esme) -> None:
    """Have hands and faults come to one meter that was just built."""
    behind, kernel = tails(board), board.kernel
    for turn in declared.isolator:
        kernel.at(int(turn.at_s * S), behind.turn, turn.on, who=f"{board.name}.tails")
    fault = declared.switch
    if fault is not None and fault.sticks is not None:
        kernel.at(int(fault.at_s * S), behind.stick, fault.sticks == "closed", who=f"{board.name}.tails")
    elif fault is not None:
        behind.life = fault.life


def on_feeders(neutrals: Iterable[FloatingNeutral], homes: Iterable[DeclaredHome]) -> None:
    """Raises ValueError for a feeder without homes."""
    feeders = {home.feeder: None for home in homes if home.feeder is not None}
    for each in neutrals:
        if each.feeder not in feeders:
            raise ValueError(f'`neutral`: no home is on a feeder "{each.feeder}"{suggest(each.feeder, feeders)}')


def fail(failures: Sequence[SwitchFailures], homes: Mapping[str, Home], kernel: Kernel) -> None:
    """Have populations fail in a run that has not begun."""
    for number, batch in enumerate(failures):
        rng = kernel.rng(f"switch failures {number}")
        meters = [home[label] for home in homes.values() for label in home.of_kind("esme") if label in home.boards]
        for board in _drawn(meters, batch.share, rng):
            at = int((batch.at_h + batch.within_h * rng.random()) * HOUR)
            kernel.at(at, tails(board).stick, batch.sticks == "closed", who=f"{board.name}.tails")


def _drawn(meters: list[Board], share: float, rng: Random) -> list[Board]:
    """That share of them, to the meter, in their order."""
    lots = sorted(range(len(meters)), key=lambda _: rng.random())[: round(len(meters) * share)]
    return [meters[index] for index in sorted(lots)]


def float_neutrals(
    neutrals: Iterable[FloatingNeutral], homes: Mapping[str, Home], declared: Iterable[DeclaredHome], kernel: Kernel
) -> None:
    """Let neutrals break in a run that has not begun."""
    listed = list(declared)
    for each in neutrals:
        hung = [homes[home.name] for home in listed if home.feeder == each.feeder]
        kernel.at(int(each.at_h * HOUR), _break, each, hung, kernel, who=f"feeder {each.feeder}")


def _break(neutral: FloatingNeutral, homes: list[Home], kernel: Kernel) -> None:
    rng, who = kernel.rng(f"neutral {neutral.feeder} {neutral.at_h}"), f"feeder {neutral.feeder}"
    kernel.log.emit(who, "neutral", {"broken": True})
    for home in homes:
        home.mains.on(round(LOWEST + rng.random() * (HIGHEST - LOWEST), 1))
    if neutral.detector == "substation":
        kernel.after(DETECTION, _open, neutral, homes, kernel, who=who)
    kernel.after(int(neutral.for_s * S), _mend, neutral, homes, kernel, who=who)


def _open(neutral: FloatingNeutral, homes: list[Home], kernel: Kernel) -> None:
    kernel.log.emit(f"feeder {neutral.feeder}", "neutral.detected", {"by": "substation"})
    for home in homes:
        home.mains.off()


def _mend(neutral: FloatingNeutral, homes: list[Home], kernel: Kernel) -> None:
    kernel.log.emit(f"feeder {neutral.feeder}", "neutral", {"broken": False})
    for home in homes:
        home.mains.on(230.0)
