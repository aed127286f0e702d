"""Homes with little traffic and everything going wrong now and then, for weeks: one home a process.

    python -m tests.sim.street HOMES DAYS

A home has a hub and both meters. Its air and WAN lose messages, its mains fail for parts of a second to an hour, its boards lose
their power, also in the middle of a write; messages for the gas meter come in. The last half day is calm. Afterwards all rules of
`invariants` must hold, every half hour outside the losses must be in the meter's log, every message be given, all queues be empty
(notices, mail, what waits in a stack), frames be few, and memory as after the first day: objects, octets of Python's, pages.
"""

from __future__ import annotations

import gc
import multiprocessing
import resource
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
MORE = 1.02
"""Objects, and octets of them, of those after the first day."""
MORE_PAGES = 1.25
"""The most that was ever resident, of that after the first day: this process' alone, and fragments count."""
FRAMES_A_DAY = 25_000
"""The low-traffic profile: nobody polls, the gas meter wakes each half hour. Joining and returning are extra."""


class Lived(NamedTuple):
    """What came of a home. `objects`: after its first day and in the end."""

    home: int
    wrong: list[str]
    digest: str
    objects: tuple[int, int]
    octets: tuple[int, int]
    """Held by Python after the first day and in the end"""
    resident: tuple[int, int]
    """KiB at most"""
    losses: int
    notices: int
    messages: int
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
    memory = []
    for day in range(days):
        if day < days - 1:
            run.kernel.at(run.now + 7 * HOUR, seen.post, b"message of day %d" % day, who="street")
        seen.live(DAY)
        run.told.clear()
        gc.collect()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        memory.append((len(gc.get_objects()), sum(map(sys.getsizeof, gc.get_objects())), resident))
    digest = run.digest()
    seen.replay()
    wrong = breaches(seen) + _half_hours(run, seen) + _waiting(run)
    first, last = memory[0], memory[-1]
    for word, before, after, more in zip(("objects", "octets", "KiB"), first, last, (MORE, MORE, MORE_PAGES), strict=True):
        wrong += [f"{after:,} {word}, and {before:,} after the first day"] * (after > before * more)
    wrong += [f"{seen.capture.frames:,} frames in {days} days"] * (seen.capture.frames > days * FRAMES_A_DAY)
    accepted = sum(seen.posted.values())
    wrong += [f"{accepted} messages were accepted, and {len(seen.given)} given"] * (accepted > len(seen.given))
    pairs = [(before, after) for before, after in zip(first, last, strict=True)]
    return Lived(home, wrong, digest, *pairs, len(seen.losses), len(run.head_end.received), len(seen.given), seen.capture.frames)


def _waiting(run: Told) -> list[str]:
    """What still waits in the hub's stores and in anybody's stack, when all has been quiet for half a day."""
    hub = run.hub.firmware
    wrong = [f"{hub.notifier.waiting} notices wait"] * bool(hub.notifier.waiting)
    wrong += [f"mail waits for {device.eui64:016X}" for device in hub.log if hub.mailbox.waiting(device.eui64)]
    for label, board in run.only.boards.items():
        stack, han = board.firmware.han.stack, board.firmware.han
        queues = {"frames": stack._delivery._outgoing, "answers": han._questions, "confirms": stack._context._confirms}
        wrong += [f"{len(queue)} {name} wait at {label}" for name, queue in queues.items() if len(queue) > 2]
    return wrong


def _half_hours(run: Told, seen: Evidence) -> list[str]:
    """Each half hour once, none missing that lay outside all losses of power, and the register never falls."""
    rows = run.head_end.meter("esme").profile("0-0:99.1.0").rows(since=run.start)
    stamps, values = [row[0] for row in rows], [row[-1].value for row in rows]
    wrong = ["half hours out of order"] * (stamps != sorted(set(stamps))) + ["a register that fell"] * (values != sorted(values))
    missing = run.now // (30 * MIN) - len(rows)
    return wrong + [f"{missing} half hours are missing"] * (missing > 3 * seen.esme_off + 2)


def _one(home_and_days: tuple[int, int]) -> Lived:
    return live(*home_and_days)


def line(each: Lived) -> str:
    """One home's line."""
    return (
        f"home {each.home}: {each.frames:,} frames, {each.losses} losses, {each.notices} notices, {each.messages} messages, "
        f"{each.objects[0]:,} to {each.objects[1]:,} objects, {each.resident[0] >> 10} to {each.resident[1] >> 10} MiB, "
        f"{each.digest[:16]} {each.wrong or 'well'}"
    )


def everybody(homes: int, days: int) -> list[Lived]:
    """All of them, as many at a time as there are processors; a line on stderr as each is done."""
    lived = []
    with multiprocessing.get_context("spawn").Pool(maxtasksperchild=1) as pool:
        for each in pool.imap_unordered(_one, [(home, days) for home in range(homes)]):
            print(line(each), file=sys.stderr, flush=True)
            lived.append(each)
    return sorted(lived)


if __name__ == "__main__":
    street = everybody(int(sys.argv[1]), int(sys.argv[2]))
    for each in street:
        print(line(each))
    sys.exit(any(each.wrong for each in street))
