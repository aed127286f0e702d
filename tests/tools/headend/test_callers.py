"""Meters that call: who wants to ask waits for the call, not for ever, and not when the meter listens already."""

from __future__ import annotations

from devices.runtime.kernel import MIN, Kernel, S
from devices.runtime.tasks import Task
from tools.headend.callers import MARGIN, Caller

LISTENS = 10


class Waiting:
    """A meter that may call, and questions that wait for it."""

    def __init__(self) -> None:
        self.kernel = Kernel(seed=1)
        self.caller = Caller(self.kernel, b"MBE0000000000001", 30 * MIN)

    def ask(self) -> Task[bool]:
        """A question."""
        return self.kernel.spawn(self.caller.present(), who="test")

    def run(self, ns: int) -> None:
        self.kernel.run_until(self.kernel.now + ns)


def test_all_who_wait_are_let_through_by_one_call() -> None:
    it = Waiting()
    first, second = it.ask(), it.ask()
    it.run(20 * MIN)
    assert not first.done
    it.caller.called(LISTENS)
    it.run(S)
    assert [task.result() for task in (first, second)] == [True, True]


def test_while_it_listens_nobody_waits_and_each_answer_has_it_listen_on() -> None:
    it = Waiting()
    it.caller.called(LISTENS)
    for _ in range(5):
        it.run(LISTENS * S - MARGIN - S)
        task = it.ask()
        it.run(0)
        assert task.done
        assert task.result()
        it.caller.heard()
    it.run(LISTENS * S - MARGIN)
    late = it.ask()
    it.run(S)
    assert not late.done


def test_nobody_waits_for_ever() -> None:
    it = Waiting()
    task = it.ask()
    it.run(31 * MIN)
    assert task.done
    assert task.result() is False
