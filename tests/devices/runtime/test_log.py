"""The event log: observers, and a digest that depends on everything and nothing else."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import Kernel
from devices.runtime.log import Data


def emit(kernel: Kernel, events: list[tuple[int, str, str, Data]]) -> str:
    for when, who, kind, data in events:
        kernel.run_until(when)
        kernel.log.emit(who, kind, data)
    return kernel.log.digest()


EVENTS: list[tuple[int, str, str, Data]] = [
    (1, "hub", "air.frame", b"\x01\x02"),
    (2, "esme", "power", {"state": "on", "volts": 230.0}),
]


def test_equal_events_give_equal_digests_whatever_the_order_of_a_mappings_keys() -> None:
    turned = [EVENTS[0], (2, "esme", "power", {"volts": 230.0, "state": "on"})]
    assert emit(Kernel(), EVENTS) == emit(Kernel(99), turned)


@pytest.mark.parametrize("other", [
    [(2, *EVENTS[0][1:]), EVENTS[1]],
    [(1, "gsme", "air.frame", b"\x01\x02"), EVENTS[1]],
    [(1, "hub", "air.frames", b"\x01\x02"), EVENTS[1]],
    [(1, "hub", "air.frame", b"\x01\x03"), EVENTS[1]],
    [EVENTS[0], (2, "esme", "power", {"state": "off", "volts": 230.0})],
    EVENTS[:1],
    [*EVENTS, (2, "", "", b"")],
])  # fmt: skip
def test_any_difference_shows(other: list[tuple[int, str, str, Data]]) -> None:
    assert emit(Kernel(), EVENTS) != emit(Kernel(), other)


def test_asking_for_the_digest_does_not_change_it() -> None:
    asked, not_asked = Kernel(), Kernel()
    for number in range(2000):
        asked.log.emit("hub", "air.frame", bytes(60))
        not_asked.log.emit("hub", "air.frame", bytes(60))
        if number % 7 == 0:
            asked.log.digest()
    assert asked.log.digest() == not_asked.log.digest()
    assert asked.log.count == 2000


def test_observers_see_all_or_the_kinds_they_want_in_the_order_of_subscribing() -> None:
    kernel, seen = Kernel(), []
    kernel.log.subscribe(lambda now, who, kind, data: seen.append(("all", kind)))
    stop = kernel.log.subscribe(lambda now, who, kind, data: seen.append(("some", kind)), ("air.frame", "power"))
    kernel.log.emit("hub", "air.frame", b"")
    kernel.log.emit("hub", "wire", b"")
    stop()
    kernel.log.emit("hub", "power", {})
    assert seen == [("all", "air.frame"), ("some", "air.frame"), ("all", "wire"), ("all", "power")]


def test_notes_reach_observers_and_stay_out_of_the_digest() -> None:
    kernel, seen = Kernel(), []
    kernel.log.subscribe(lambda now, who, kind, data: seen.append(kind))
    before = kernel.log.digest()
    kernel.log.note("driver", "late", {"ns": 12})
    assert (seen, kernel.log.count, kernel.log.digest()) == (["late"], 0, before)
