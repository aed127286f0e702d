"""Faults as values: which message each strikes, and what becomes of it."""

from __future__ import annotations

import pytest

from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import Kernel, S


def results(faults: list[Fault], messages: int = 4, link: tuple[str, str] = ("a", "b")) -> list[list[tuple[int, bytes]]]:
    kernel = Kernel(seed=5)
    subject = Faults(kernel, "test", faults)
    out = []
    for number in range(messages):
        kernel.run_until(number * S)
        out.append(subject.apply(*link, bytes((number & 0xFF,))))
    return out


WHOLE = [[(0, bytes((number,)))] for number in range(4)]


@pytest.mark.parametrize("fault, struck", [
    (Fault(Effect.DROP), {0: [], 1: [], 2: [], 3: []}),
    (Fault(Effect.DROP, nth=2), {1: []}),
    (Fault(Effect.DROP, nth=9), {}),
    (Fault(Effect.DROP, sender="a", receiver="b", nth=1), {0: []}),
    (Fault(Effect.DROP, sender="b"), {}),
    (Fault(Effect.DROP, receiver="a"), {}),
    (Fault(Effect.DROP, since=1 * S, until=3 * S), {1: [], 2: []}),
    (Fault(Effect.CORRUPT, nth=3, amount=7), {2: [(0, b"\x82")]}),
    (Fault(Effect.CORRUPT, nth=3, amount=15), {2: [(0, b"\x82")]}),
    (Fault(Effect.DUPLICATE, nth=3, amount=5), {2: [(0, b"\x02"), (5, b"\x02")]}),
    (Fault(Effect.REORDER, nth=1, amount=5 * S), {0: [(5 * S, b"\x00")]}),
    (Fault(Effect.DELAY, nth=1, amount=2 * S + 1), {0: [(2 * S + 1, b"\x00")], 1: [(1 * S + 1, b"\x01")], 2: [(1, b"\x02")]}),
])  # fmt: skip
def test_one_fault(fault: Fault, struck: dict[int, list[tuple[int, bytes]]]) -> None:
    assert results([fault]) == [struck.get(number, whole) for number, whole in enumerate(WHOLE)]


def test_faults_combine_in_their_order() -> None:
    late_twice = [Fault(Effect.REORDER, nth=1, amount=3), Fault(Effect.DUPLICATE, nth=1, amount=2), Fault(Effect.DROP, nth=2)]
    assert results(late_twice, 2) == [[(3, b"\x00"), (5, b"\x00")], []]


def test_empty_messages_cannot_be_corrupted() -> None:
    assert Faults(Kernel(), "test", [Fault(Effect.CORRUPT, amount=3)]).apply("a", "b", b"") == [(0, b"")]


def test_a_chance_is_drawn_per_link_and_the_same_in_every_run() -> None:
    storm = [Fault(Effect.DROP, chance=0.3)]
    first = results(storm, 1000)
    lost = sum(not each for each in first)
    assert 250 < lost < 350
    assert results(storm, 1000) == first
    assert results(storm, 1000, link=("a", "c")) != first


def test_a_link_delayed_does_not_delay_another() -> None:
    kernel = Kernel()
    faults = Faults(kernel, "test", [Fault(Effect.DELAY, sender="a", nth=1, amount=9)])
    assert faults.apply("a", "b", b"x") == [(9, b"x")]
    assert faults.apply("b", "a", b"x") == [(0, b"x")]
    assert faults.apply("a", "b", b"x") == [(9, b"x")]
    kernel.run_until(9)
    assert faults.apply("a", "b", b"x") == [(0, b"x")]
    assert faults.count == [1]
