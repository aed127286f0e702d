"""Tasks on the kernel: sleep, future, event, time-out, cancel, and where exceptions go."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import Kernel, S, Scope
from devices.runtime.tasks import Cancelled, Event, Future, Task
from protocols.core.errors import LocalProtocolError


def test_a_sequence_reads_straight_and_takes_virtual_time() -> None:
    kernel, seen = Kernel(), []

    async def sequence() -> str:
        for _ in range(3):
            await kernel.sleep(2 * S)
            seen.append(kernel.now)
        return "done"

    task = kernel.spawn(sequence(), who="test")
    assert seen == []
    kernel.run_until(10 * S)
    assert seen == [2 * S, 4 * S, 6 * S]
    assert task.result() == "done"


def test_tasks_tie_with_timers_in_the_order_of_asking() -> None:
    kernel, seen = Kernel(), []

    async def sleeper(name: str) -> None:
        await kernel.sleep(5)
        seen.append(name)

    kernel.spawn(sleeper("a"), who="test")
    kernel.spawn(sleeper("b"), who="test")
    kernel.run_until(0)
    kernel.at(5, seen.append, "timer", who="test")
    kernel.run_until(5)
    assert seen == ["a", "b", "timer"]


def test_a_future_is_set_once_and_wakes_all_who_wait_not_before_the_setter_returns() -> None:
    kernel, seen = Kernel(), []
    future: Future[int] = Future()

    async def waiter(name: str) -> None:
        seen.append((name, await future))

    for name in ("a", "b"):
        kernel.spawn(waiter(name), who="test")

    def setter() -> None:
        future.set_result(42)
        seen.append(("setter", 0))

    kernel.at(3, setter, who="test")
    kernel.run_until(3)
    assert seen == [("setter", 0), ("a", 42), ("b", 42)]
    with pytest.raises(LocalProtocolError, match="set once"):
        future.set_result(43)
    with pytest.raises(LocalProtocolError, match="not there yet"):
        Future[int]().result()


def test_an_event_wakes_those_who_wait_and_lets_later_ones_pass() -> None:
    kernel, seen = Kernel(), []
    event = Event()

    async def waiter(name: str) -> None:
        await event.wait()
        seen.append(name)

    kernel.spawn(waiter("early"), who="test")
    kernel.run_until(1)
    event.set()
    event.set()
    kernel.spawn(waiter("passes"), who="test")
    kernel.run_until(2)
    assert (seen, event.is_set) == (["early", "passes"], True)
    event.clear()
    kernel.spawn(waiter("pulse"), who="test")
    kernel.run_until(3)
    assert "pulse" not in seen
    event.set()
    event.clear()
    kernel.run_until(4)
    assert (seen[-1], event.is_set) == ("pulse", False)


def test_a_time_out_ends_its_block_and_nothing_else() -> None:
    kernel, seen = Kernel(), []

    async def sequence() -> None:
        with pytest.raises(TimeoutError), kernel.timeout(2 * S):
            await kernel.sleep(3 * S)
        seen.append(kernel.now)
        with kernel.timeout(2 * S):
            await kernel.sleep(1 * S)
        await kernel.sleep(5 * S)
        seen.append(kernel.now)

    kernel.spawn(sequence(), who="test")
    kernel.run_until(20 * S)
    assert seen == [2 * S, 8 * S]
    with pytest.raises(LocalProtocolError, match="running task"), kernel.timeout(1):
        pass


def test_nested_time_outs_that_expire_together_end_the_outer_block() -> None:
    kernel, seen = Kernel(), []

    async def sequence() -> None:
        try:
            with kernel.timeout(2 * S):
                try:
                    with kernel.timeout(2 * S):
                        await kernel.sleep(9 * S)
                except TimeoutError:
                    seen.append("inner")
                await kernel.sleep(9 * S)
        except TimeoutError:
            seen.append(("outer", kernel.now))
        await kernel.sleep(1 * S)
        seen.append(("went on", kernel.now))

    kernel.spawn(sequence(), who="test")
    kernel.run_until(60 * S)
    assert seen == [("outer", 2 * S), ("went on", 3 * S)]


def test_a_time_out_at_the_instant_of_the_answer_keeps_the_answer_in_the_future() -> None:
    kernel, seen = Kernel(), []
    future: Future[str] = Future()

    async def sequence() -> None:
        try:
            with kernel.timeout(2 * S):
                await future
        except TimeoutError:
            seen.append("time-out")
        seen.append(await future)

    kernel.at(2 * S, future.set_result, "answer", who="test")
    kernel.spawn(sequence(), who="test")
    kernel.run_until(5 * S)
    assert seen == ["time-out", "answer"]


def test_waits_that_time_out_leave_nothing_behind() -> None:
    kernel = Kernel()
    event = Event()

    async def sequence() -> None:
        for _ in range(100):
            try:
                with kernel.timeout(1 * S):
                    await event.wait()
            except TimeoutError:
                pass

    kernel.spawn(sequence(), who="test")
    kernel.run_until(200 * S)
    assert event._future._callbacks == []


def test_a_cancelled_task_cleans_up_and_tells_who_awaits_it() -> None:
    kernel, seen = Kernel(), []

    async def worker() -> None:
        try:
            await kernel.sleep(100 * S)
        finally:
            seen.append(("cleaned", kernel.now))

    async def boss(task: Task[None]) -> None:
        await kernel.sleep(1 * S)
        task.cancel()
        with pytest.raises(Cancelled):
            await task
        seen.append(("boss", kernel.now))

    task = kernel.spawn(worker(), who="worker")
    kernel.spawn(boss(task), who="boss")
    kernel.run_until(5 * S)
    assert seen == [("cleaned", 1 * S), ("boss", 1 * S)]
    assert kernel.next_due() is None
    task.cancel()  # harmless: it is over


def test_a_task_that_cancels_itself_stops_at_its_next_wait() -> None:
    kernel, seen = Kernel(), []

    async def worker() -> None:
        task.cancel()
        seen.append("still running")
        await kernel.sleep(100)
        seen.append("never")

    task = kernel.spawn(worker(), who="worker")
    kernel.run_until(5)
    assert (seen, task.done) == (["still running"], True)


def test_an_exception_goes_to_who_awaits_else_out_of_the_kernel() -> None:
    kernel, seen = Kernel(), []

    async def fails() -> None:
        await kernel.sleep(1)
        raise KeyError("nobody caught me")

    async def awaits() -> None:
        with pytest.raises(KeyError):
            await kernel.spawn(fails(), who="awaited")
        seen.append("caught")

    kernel.spawn(awaits(), who="test")
    kernel.run_until(2)
    assert seen == ["caught"]
    kernel.spawn(fails(), who="home1/hub")
    with pytest.raises(KeyError) as caught:
        kernel.run_until(5)
    assert "home1/hub" in caught.value.__notes__[0]


def test_a_future_can_carry_an_exception() -> None:
    kernel, seen = Kernel(), []
    future: Future[None] = Future()

    async def waits() -> None:
        with pytest.raises(ConnectionError):
            await future
        seen.append("raised")

    kernel.spawn(waits(), who="test")
    kernel.run_until(1)
    future.set_exception(ConnectionError("refused"))
    kernel.run_until(2)
    assert seen == ["raised"]


def test_closing_a_scope_ends_its_tasks_at_once_where_they_stand() -> None:
    kernel, seen = Kernel(), []
    scope = Scope(kernel, "board")
    event = Event()

    async def on_event() -> None:
        try:
            await event.wait()
        finally:
            seen.append("final")
        seen.append("never")

    async def stubborn() -> None:
        try:
            await kernel.sleep(10)
        finally:
            await kernel.sleep(10)
            seen.append("never")

    tasks = [scope.spawn(on_event()), scope.spawn(stubborn())]
    kernel.run_until(5)
    not_begun = scope.spawn(on_event())
    scope.close()
    assert seen == ["final"]
    assert all(task.done for task in (*tasks, not_begun))
    event.set()
    kernel.run_until(100)
    assert seen == ["final"]
    with pytest.raises(LocalProtocolError):
        scope.spawn(on_event())


def test_a_task_cannot_kill_itself() -> None:
    kernel = Kernel()

    async def suicide() -> None:
        task.kill()

    task = kernel.spawn(suicide(), who="test")
    with pytest.raises(LocalProtocolError, match="cannot kill itself"):
        kernel.run_until(1)
