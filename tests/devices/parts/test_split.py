"""Registers by tier and by block: they come to the register, whatever holds and whenever the power goes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from devices.parts.split import BLOCKS, Split
from devices.runtime.flash import Flash
from devices.runtime.nvm import Nvm

TIERS = 6
limits = st.lists(st.integers(1, 500), min_size=1, max_size=BLOCKS - 1, unique=True).map(lambda found: tuple(sorted(found)))
holds = st.tuples(st.integers(1, TIERS), st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), limits))
steps = st.lists(st.one_of(st.integers(0, 400), holds, st.just("reboot")), max_size=30)


class Counter:
    """A register in flash, with its split."""

    def __init__(self):
        self.nvm = Nvm(Flash())
        self.total = self.shown = 1_000
        self.boot()

    def boot(self):
        self.total = self.shown = self.nvm.get("total", self.shown)
        self.split = Split(self.nvm, "split", TIERS, lambda: self.shown, self.read, cells=True)

    def read(self):
        self.nvm.put({"total": self.total, **self.split.counted(self.total)})
        self.shown = self.total


@given(steps)
def test_tiers_are_the_register_and_blocks_what_was_used_while_there_were_any(steps):
    counter = Counter()
    counter.read()
    by_tier, blocks, tier, period, edges, base = {1: 1_000}, 0, 1, None, None, 0
    for step in steps:
        if step == "reboot":
            counter.read()
            counter.boot()
            edges = None
        elif isinstance(step, int):
            counter.total += step
            by_tier[tier] = by_tier.get(tier, 0) + step
            blocks += step if edges is not None and period is not None else 0
        else:
            before = period
            tier, period, edges = step
            edges = None if period is None else edges
            counter.split.hold(tier, period, edges)
            base = counter.total if period != before else base
        counter.read()
        split = counter.split
        assert sum(split.tier(number) for number in range(1, TIERS + 1)) == counter.total
        assert {number: split.tier(number) for number in by_tier} == by_tier
        assert sum(split.block(number) for number in range(1, BLOCKS + 1)) == blocks
        assert sum(split.cell(n, block) for n in range(1, TIERS + 1) for block in range(1, BLOCKS + 1)) == blocks
        assert split.used(0) == (None if period is None else counter.total - base)


@given(limits, st.lists(st.integers(0, 300), max_size=12))
def test_blocks_fill_in_order_and_to_the_unit(edges, amounts):
    counter = Counter()
    counter.split.hold(2, 5, edges)
    for amount in amounts:
        counter.total += amount
        counter.read()
    used, filled = sum(amounts), []
    for first, last in pairwise((0, *edges)):
        filled.append(max(0, min(used, last) - first))
    filled.append(max(0, used - edges[-1]))
    assert [counter.split.block(number + 1) for number in range(len(filled))] == filled
    assert counter.split.in_block == 1 + sum(used >= edge for edge in edges)
