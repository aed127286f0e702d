"""Homes with little traffic and everything going wrong now and then, for weeks: one home a process.

    python -m tests.sim.street HOMES DAYS

A home has a hub and both meters. Its air and WAN lose messages, its mains fail for parts of a second to an hour, its boards lose
their power, also in the middle of a write. The last half day is calm. Afterwards all rules of `invariants` must hold, every half
hour outside the losses must be in the meter's log, queues be empty, and as many objects as after the first day be in memory.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
from random import Random
from typing import NamedTuple

from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import DAY, HOUR, MIN, MS, S
from tests.sim.evidence import Evidence
from tests.sim.invariants import breaches
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

BENCH = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
"""
SLOT = 6 * HOUR
"""In each there is one loss of the mains, and one board loses its power."""
LENGTHS = (300 * MS, 900 * MS, 20 * S, 179 * S, 181 * S, 10 * MIN, HOUR)
MORE_OBJECTS = 1.02
"""Of those after the first day."""


class Lived(NamedTuple):
    """What came of a home. `objects`: after its first day and in the end."""

    home: int
    wrong: list[str]
    digest: str
    objects: tuple[int, int]
    losses: int
    notices: int
    frames: int


def plan(run: Told, random: Random, end: int) -> None:
    """Explicit failures, one of each kind in a slot."""
    for begin in range(int(HOUR), end, SLOT):
        run.kernel.at(begin + random.randrange(HOUR), run.mains.off, random.choice(LENGTHS), who="street")
        board = run.board(random.choice(("hub", "esme", "gsme")))
        at, length = begin + 3 * HOUR + random.randrange(HOUR), random.choice((S, 30 * S, 5 * MIN))
        if random.random() < 0.5:
            run.kernel.at(at, board.cut, length, who="street")
        else:
            run.kernel.at(at, board.cut_at_flash_operation, random.randrange(2000), length, who="street")
            run.kernel.at(at + HOUR, board.flash.cut_after, None, who="street")


def live(home: int, days: int) -> Lived:
    """One home's days."""
    run = Told(config.loads(BENCH), seed=f"street{home}")
    commission(run)
    seen, end = Evidence(run), days * DAY - DAY // 2
    for place, name in ((run.only.air, "air"), (run.net, "wan")):
        place.faults = Faults(run.kernel, name, [Fault(Effect.DROP, chance=0.03, until=end)])
    plan(run, Random(f"street {home}"), end - SLOT)
    objects = []
    for _ in range(days):
        seen.live(DAY)
        run.told.clear()
        gc.collect()
        objects.append(len(gc.get_objects()))
    digest = run.digest()
    seen.replay()
    wrong = breaches(seen) + _half_hours(run, seen)
    if objects[-1] > objects[0] * MORE_OBJECTS:
        wrong.append(f"{objects[-1]:,} objects, and {objects[0]:,} after the first day")
    return Lived(home, wrong, digest, (objects[0], objects[-1]), len(seen.losses), len(run.head_end.received), seen.capture.frames)


def _half_hours(run: Told, seen: Evidence) -> list[str]:
    """Each half hour once, none missing that lay outside all losses of power, and the register never falls."""
    rows = run.head_end.meter("esme").profile("0-0:99.1.0").rows(since=run.start)
    stamps, values = [row[0] for row in rows], [row[-1].value for row in rows]
    wrong = ["half hours out of order"] * (stamps != sorted(set(stamps))) + ["a register that fell"] * (values != sorted(values))
    missing = run.now // (30 * MIN) - len(rows)
    return wrong + [f"{missing} half hours are missing"] * (missing > 3 * seen.esme_off + 2)


def everybody(homes: int, days: int) -> list[Lived]:
    """All of them, as many at a time as there are processors."""
    with multiprocessing.get_context("spawn").Pool(maxtasksperchild=1) as pool:
        return pool.starmap(live, [(home, days) for home in range(homes)], chunksize=1)


if __name__ == "__main__":
    street = everybody(int(sys.argv[1]), int(sys.argv[2]))
    for each in street:
        print(f"home {each.home}: {each.frames:,} frames, {each.losses} losses, {each.notices} notices, "
              f"{each.objects[0]:,} to {each.objects[1]:,} objects, {each.digest[:16]} {each.wrong or 'well'}")  # fmt: skip
    sys.exit(any(each.wrong for each in street))
