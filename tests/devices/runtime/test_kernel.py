"""The kernel: order, ties, external input, cancelling, streams, errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devices.runtime.kernel import EXTERNAL, MS, Halted, Kernel, S, Scope
from protocols.core.errors import LocalProtocolError


def test_events_run_in_time_order_and_ties_in_the_order_of_asking() -> None:
    kernel, seen = Kernel(), []
    for name, when in (("late", 20), ("a", 10), ("b", 10), ("early", 5), ("c", 10)):
        kernel.at(when, seen.append, (name, when), who="test")
    assert kernel.run_until(30) == 5
    assert [name for name, _ in seen] == ["early", "a", "b", "c", "late"]
    assert kernel.now == 30


def test_other_timers_do_not_change_the_order_of_ties() -> None:
    def order(extra: int) -> list[int]:
        kernel, seen = Kernel(), []
        for number in range(10):
            kernel.at(100, seen.append, number, who="test")
        for number in range(extra):
            kernel.at(number, lambda: None, who="other").cancel()
            kernel.at(number, lambda: None, who="other")
        kernel.run_until(100)
        return seen

    assert order(0) == order(7) == order(200) == list(range(10))


def test_external_input_runs_after_all_of_ours_at_its_instant_whenever_it_was_asked_for() -> None:
    kernel, seen = Kernel(), []

    def ours() -> None:
        seen.append("ours")
        kernel.at(10, seen.append, "ours, asked for at that instant", who="test")

    kernel.external(10, seen.append, "outside")
    kernel.at(10, ours, who="test")
    kernel.external(10, seen.append, "outside again")
    kernel.run_until(10)
    assert seen == ["ours", "ours, asked for at that instant", "outside", "outside again"]
    assert EXTERNAL > 0


def test_run_until_includes_its_end_and_leaves_the_rest() -> None:
    kernel, seen = Kernel(), []
    kernel.at(10, seen.append, 10, who="test")
    kernel.at(11, seen.append, 11, who="test")
    assert kernel.next_due() == 10
    kernel.run_until(10)
    assert (seen, kernel.now, kernel.next_due()) == ([10], 10, 11)
    kernel.run_until(12)
    assert (seen, kernel.now, kernel.next_due()) == ([10, 11], 12, None)


def test_a_cancelled_timer_never_runs_and_is_not_due() -> None:
    kernel, seen = Kernel(), []
    timer = kernel.at(10, seen.append, "never", who="test")
    assert timer.pending
    timer.cancel()
    timer.cancel()
    assert not timer.pending
    assert kernel.next_due() is None
    assert kernel.run_until(20) == 0
    assert seen == []


def test_time_outs_that_are_always_cancelled_keep_no_memory() -> None:
    kernel = Kernel()

    def request(left: int) -> None:
        timeout = kernel.after(3600 * S, lambda: None, who="time-out")
        kernel.after(1 * MS, timeout.cancel, who="answer")
        if left:
            kernel.after(2 * MS, request, left - 1, who="next")

    request(5000)
    kernel.run_until(60 * S)
    assert len(kernel._heap) < 300


def test_a_call_in_the_past_is_our_bug() -> None:
    kernel = Kernel()
    kernel.run_until(10)
    with pytest.raises(LocalProtocolError, match="meter: asked for a call at 9 ns, and it is 10 ns"):
        kernel.at(9, print, who="meter")
    with pytest.raises(LocalProtocolError):
        kernel.after(-1, print, who="meter")
    with pytest.raises(LocalProtocolError):
        kernel.run_until(9)


def test_run_until_is_not_called_from_inside() -> None:
    kernel = Kernel()
    kernel.at(1, kernel.run_until, 5, who="test")
    with pytest.raises(LocalProtocolError, match="inside the run"):
        kernel.run_until(10)


def test_an_exception_leaves_the_kernel_and_says_where_it_happened() -> None:
    kernel = Kernel()
    kernel.at(7, int, "seven", who="home1/esme")
    with pytest.raises(ValueError, match="seven") as caught:
        kernel.run_until(10)
    assert caught.value.__notes__ == ["at 7 ns (event 1), in a call of home1/esme"]
    assert kernel.now == 7
    kernel.run_until(10)  # and the run can be looked at, or go on


def test_halted_code_stops_where_it_is_and_is_settled() -> None:
    kernel, seen = Kernel(), []

    def code() -> None:
        seen.append("before")
        try:
            raise Halted("gone", settle=lambda: seen.append("settled"))
        except Exception:
            seen.append("swallowed")
        seen.append("after")

    kernel.at(1, code, who="board")
    kernel.at(2, seen.append, "others go on", who="other")
    kernel.run_until(2)
    assert seen == ["before", "settled", "others go on"]
    kernel.at(3, _raise(Halted("nobody settles this")), who="board")
    with pytest.raises(Halted):
        kernel.run_until(3)


def _raise(error: BaseException) -> Callable[[], None]:
    def code() -> None:
        raise error

    return code


def test_streams_depend_on_seed_and_name_only() -> None:
    one, two = Kernel(7), Kernel("7")
    two.rng("somebody else").random()
    first = one.rng("home1/esme/load").getrandbits(64)
    assert two.rng("home1/esme/load").getrandbits(64) == first
    assert one.rng("home1/esme/load").getrandbits(64) != first  # the same stream goes on
    assert Kernel(8).rng("home1/esme/load").getrandbits(64) != first
    assert Kernel(7).rng("home1/gsme/load").getrandbits(64) != first


def test_breakpoints_come_between_two_events() -> None:
    kernel, seen = Kernel(), []
    for number in range(1, 6):
        kernel.at(number, seen.append, number, who="test")
    kernel.break_at(3, lambda: seen.append("break"))
    kernel.break_at(3, lambda: seen.append("second"))
    assert kernel.run_until(10) == 5
    assert seen == [1, 2, 3, "break", "second", 4, 5]
    with pytest.raises(LocalProtocolError):
        kernel.break_at(5, print)


def test_utc_counts_from_the_start_given() -> None:
    kernel = Kernel(start_ns=1_767_225_600 * S)
    kernel.run_until(5 * S)
    assert kernel.utc == 1_767_225_605 * S


def test_a_closed_scope_runs_nothing_and_takes_nothing() -> None:
    kernel, seen = Kernel(), []
    scope = Scope(kernel, "board")
    other = Scope(kernel, "other")
    for number in range(200):
        scope.at(number, seen.append, number)
    other.at(150, seen.append, "other")
    kernel.run_until(9)
    scope.close()
    kernel.run_until(1000)
    assert seen == [*range(10), "other"]
    with pytest.raises(LocalProtocolError, match="power off"):
        scope.after(1, print)


def test_a_scope_keeps_no_timers_that_ran() -> None:
    kernel = Kernel()
    scope = Scope(kernel, "board")

    def tick(left: int) -> None:
        if left:
            scope.after(1, tick, left - 1)

    tick(10_000)
    kernel.run_until(20_000)
    assert len(scope._timers) <= 70
