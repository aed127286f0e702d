"""What was met in the field, as figures to run against: trials with their size, their radio and where their faults lay (paper B).

About a thousand kits of EDRP (the trial of 2007 to 2010) and about 5,000 homes were on 2.4 GHz; the faults met were of the GSM WAN.
A trial is run at a scale: some homes of a population, part of which lose their WAN and part of which have their gas meter where 2.4
GHz does not reach. Faults are then looked for as the head end does, told apart by leg, and reckoned up to the trial's size. How
many hubs lose their WAN the paper does not say: the default share is meterbench's own. Homes are run in batches, so that memory is
bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from devices.runtime.kernel import MIN
from tools.bench.population import population
from tools.bench.run import Run
from tools.errors import BadInput
from tools.headend.fault_report import Fault, faults

WAN_FAILING: Final = 0.05
"""Share of hubs that lose their WAN: GSM coverage."""
BATCH: Final = 25
STANDS: Final = 2 * MIN
"""Virtual time until a home stands, if it ever does."""


class Trial(NamedTuple):
    """`homes`: about so many. `faults`: the leg that theirs were on."""

    title: str
    homes: int
    wan: str
    han: str
    faults: str


TRIALS: Final[Mapping[str, Trial]] = MappingProxyType({
    "edrp": Trial("kits of EDRP", 1_000, "GSM", "2.4 GHz", "WAN"),
    "2.4-ghz": Trial("homes on 2.4 GHz", 5_000, "GSM", "2.4 GHz", "WAN"),
})  # fmt: skip


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of some homes of a trial found. `faults`: by leg, of the homes run. `scaled`: reckoned up to the trial's size."""

    trial: str
    size: int
    homes: int
    faults: dict[str, int]
    scaled: dict[str, int]
    found: list[Fault]

    @property
    def agrees(self) -> bool:
        """Whether most faults are on the leg that the field's were on; also where there is none."""
        leg = TRIALS[self.trial].faults
        return self.faults.get(leg, 0) >= sum(count for each, count in self.faults.items() if each != leg)


def run_trial(
    trial: str,
    homes: int,
    *,
    seed: int = 1,
    wan_failing: float = WAN_FAILING,
    han_failing: float = 0.0,
    progress: Callable[[int], object] = lambda done: None,
) -> Outcome:
    """Run so many homes of a trial and look for their faults. `progress(homes done)`. Raises BadInput for what cannot be."""
    if trial not in TRIALS:
        raise BadInput(f'no trial "{trial}" (trials: {", ".join(TRIALS)})')
    known = TRIALS[trial]
    if not 1 <= homes <= known.homes or not (0 <= wan_failing <= 1 and 0 <= han_failing <= 1):
        raise BadInput(f"{trial} has 1 to {known.homes} homes, and shares are from 0 to 1")
    found: list[Fault] = []
    for batch, (first, count) in enumerate(_batches(homes)):
        lost, deaf = (_share(share, first, count) for share in (wan_failing, han_failing))
        found += _batch(seed + batch, first, count, lost, deaf)
        progress(first + count)
    legs = {leg: sum(fault.leg == leg for fault in found) for leg in ("WAN", "HAN")}
    scaled = {leg: round(count * known.homes / homes) for leg, count in legs.items()}
    return Outcome(trial=trial, size=known.homes, homes=homes, faults=legs, scaled=scaled, found=found)


def _batches(homes: int) -> Iterator[tuple[int, int]]:
    for first in range(0, homes, BATCH):
        yield first, min(BATCH, homes - first)


def _share(share: float, first: int, count: int) -> int:
    """How many of the homes from `first` on are among the share of all, so that batches add up to it."""
    return round((first + count) * share) - round(first * share)


def _batch(seed: int, first: int, count: int, lost: int, deaf: int) -> Iterator[Fault]:
    """The faults of some homes, named as of the whole trial. `lost`, `deaf`: hubs without WAN, gas meters out of reach."""
    run = Run(population(count, seed=seed, failing=deaf / count))
    run.run_until(STANDS)
    for name in Random(f"{seed}/field").sample(list(run.homes), lost):
        hub = run.homes[name].hub.name
        run.net.partition(run.head_end.host.name, hub)
        run.net.partition(hub, run.head_end.host.name)
    for fault in faults(run):
        number = first + int(fault.home.removeprefix("home"))
        yield msgspec.structs.replace(fault, home=f"home{number}", what=fault.what.replace(f"{fault.home}/", f"home{number}/"))
