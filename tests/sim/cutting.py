"""A story in which a board's power goes at a write to its flash: once for each write, and each of three places in it.

Before its first octet, in its middle, and before the octet that commits it. The story is lived once to see what is written; then
once more, and at each place a copy of this process, made there, lives on with the cut, while the story itself goes on without. CI
takes few places; `HYPOTHESIS_PROFILE=soak` takes all; METERBENCH_CUT=1234 takes the one after so many operations, to look closer.
"""

from __future__ import annotations

import json
import os
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from hypothesis import settings

from devices.runtime.kernel import MIN, S
from tests.sim.evidence import Evidence
from tests.sim.invariants import breaches
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

SOAK = settings().max_examples > 1000
IN_CI = 2
"""Cuts a story."""
OFF = 20 * S
HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
[[home.device]]
kind = "ihd"
at = [3, 3]
"""


@dataclass(frozen=True)
class Story:
    """`act` takes the hub, or who else is cut, through it; `settle` ns later `check` is asked besides the rules of all.

    `prepare` does what is to be done before, without cuts. `start_ns`: UTC of the first instant, where that matters.
    """

    act: Callable[[Evidence], object]
    bench: str = HOME
    joined: bool = True
    board: str = "hub"
    before: int = 10 * MIN
    settle: int = 45 * MIN
    check: Callable[[Evidence], list[str]] = lambda seen: []
    prepare: Callable[[Evidence], object] = lambda seen: None
    start_ns: int | None = None


@cache
def _home(bench: str, joined: bool, before: int, start_ns: int | None) -> Told:
    run = Told(config.loads(bench), 7, start_ns)
    if joined:
        commission(run)
        run.run(for_=max(0, before - run.now))
    else:
        run.run(for_=1)
    return run


class _Apart:
    """A copy of this process from here on. `inside` in the copy; what it says (`say`) is `heard` out here."""

    def __init__(self) -> None:
        here, there = os.pipe()
        with warnings.catch_warnings():  # the runner's own threads are not ours, and a copy does without them
            warnings.simplefilter("ignore", DeprecationWarning)
            self.inside = not (child := os.fork())
        if self.inside:
            os.close(here)
            self._there = there
            return
        os.close(there)
        with open(here, encoding="utf-8") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        self.heard = json.loads(said or '["the copy ended without a word"]')

    def say(self, what: object) -> None:
        """The last word of the copy, which ends."""
        try:
            with open(self._there, "w", encoding="utf-8") as pipe:
                json.dump(what, pipe)
        finally:
            os._exit(0)


class _Writes:
    """Looks at each write to a board's flash: `found` are the places for a cut, in operations from here.

    At each of `chosen` a copy is made, which is `copy` to itself; `told` are its last words, by place.
    """

    def __init__(self, board, chosen=()):
        self.found, self.told = [], {}
        self.copy = None
        self._board, self._chosen, flash = board, chosen, board.flash
        self._program, self._erase, self._before = flash.program, flash.erase, flash.operations
        flash.program, flash.erase = self._programmed, self._erased

    def _programmed(self, bank, address, data):
        self._look(len(data))
        self._program(bank, address, data)

    def _erased(self, bank):
        self._look(1)
        self._erase(bank)

    def _look(self, octets):
        flash = self._board.flash
        at = flash.operations - self._before
        for part in sorted({0, octets // 2, octets - 1}):
            self.found.append(at + part)
            if self.copy is None and at + part in self._chosen:
                copy = _Apart()
                if copy.inside:
                    self.copy = copy
                    self._board.cut_at_flash_operation(part, off_for=OFF)
                    return
                self.told[at + part] = copy.heard


def _live(story: Story, chosen=()) -> _Writes:
    """The story; in copies, what follows a cut, and what is wrong then, as their last word."""
    writes = None
    try:
        seen = Evidence(_home(story.bench, story.joined, story.before, story.start_ns))
        story.prepare(seen)
        board = seen.run.board(story.board)
        writes = _Writes(board, chosen)
        story.act(seen)
        if writes.copy is None:
            return writes
        board.flash.cut_after(None)
        seen.live(story.settle)
        seen.replay()
        wrong = breaches(seen) + story.check(seen)
        wrong += ["nobody lost power"] * all(event["state"] != "off" for event in seen.run.events("power", board.name))
        wrong += ["few frames were opened"] * (seen.capture.opened_nwk <= 50)
    except BaseException:
        if writes is None or writes.copy is None:
            raise
        wrong = [traceback.format_exc()]
    writes.copy.say(wrong)
    raise AssertionError("a copy went on")


def _apart(work: Callable[[], object]):
    """What `work` gives, in a copy of this process: nothing of it is left here."""
    copy = _Apart()
    if not copy.inside:
        return copy.heard
    try:
        said = work()
    except BaseException:
        said = [traceback.format_exc()]
    copy.say(said)


def cuts(story: Story) -> dict[str, list[str]]:
    """Places of cuts, and what was wrong after each."""
    _home(story.bench, story.joined, story.before, story.start_ns)
    found = _apart(lambda: sorted(set(_live(story).found)))
    if not all(isinstance(place, int) for place in found):
        return {"none": found}
    if "METERBENCH_CUT" in os.environ:
        found = [int(os.environ["METERBENCH_CUT"])]
    elif not SOAK:
        found = sorted({found[(2 * number + 1) * len(found) // (2 * IN_CI)] for number in range(IN_CI)})
    told = _apart(lambda: {str(place): wrong for place, wrong in _live(story, frozenset(found)).told.items()})
    return told if isinstance(told, dict) else {"none": told}
