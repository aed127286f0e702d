"""Discrete-event kernel: virtual time in integer nanoseconds, one heap, one writer.

Order is (when, priority, sequence): ties run in the order of asking, and external input runs after everything of ours that
is due at the same instant, so that a replay, which knows all input beforehand, ties as the live run did. Code takes no
simulated time. Exceptions leave through `run_until`; nothing is swallowed into a log.

It knows nothing of wall time: a driver decides how far `run_until` may go.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from heapq import heapify, heappop, heappush
from random import Random
from typing import Any, TypeVar, TypeVarTuple

from msgspec import Struct

from devices.runtime.log import EventLog
from devices.runtime.tasks import Sleep, Task, Timeout
from protocols.core.errors import LocalProtocolError

US = 1_000
MS = 1_000_000
S = 1_000_000_000
MIN = 60 * S
HOUR = 60 * MIN
DAY = 24 * HOUR

NORMAL = 0
EXTERNAL = 1
"""Priorities: at one instant, input from outside runs after all that is ours."""

Ts = TypeVarTuple("Ts")
T = TypeVar("T")

_UNBOUNDED = 1 << 62
_PRUNE = 16


class Halted(BaseException):
    """The code of one board stops at this instruction: its hardware has gone away below it.

    Not an `Exception`, so that firmware cannot swallow it. The kernel drops the call and runs `settle`; without a `settle` it
    leaves `run_until` like any other exception.
    """

    def __init__(self, reason: str, settle: Callable[[], object] | None = None) -> None:
        super().__init__(reason)
        self.settle = settle


class Timer(Struct, eq=False):
    """One call to come. `who` names the node it belongs to; it stands in the traceback when the call raises."""

    when: int
    who: str
    _fn: Callable[..., object] | None
    _args: tuple[object, ...]
    _kernel: Kernel

    @property
    def pending(self) -> bool:
        """True until it has run or was cancelled."""
        return self._fn is not None

    def cancel(self) -> None:
        """Never run. Harmless when it has run already."""
        if self._fn is not None:
            self._fn = None
            self._args = ()
            self._kernel._forget_one()


class Kernel:
    """One run. `seed` roots every random stream; `start_ns` is the UTC (ns since 1970) of virtual time zero."""

    def __init__(self, seed: int | str = 0, start_ns: int = 0) -> None:
        self.seed = seed
        self.start_ns = start_ns
        self.now = 0
        self.events = 0
        self.log = EventLog(self)
        self.running: Task[Any] | None = None
        self._heap: list[tuple[int, int, int, Timer]] = []
        self._sequence = 0
        self._cancelled = 0
        self._streams: dict[str, Random] = {}
        self._breakpoints: list[tuple[int, int, Callable[[], object]]] = []
        self._busy = False

    @property
    def utc(self) -> int:
        """True UTC in ns since 1970. For scenarios and observers: firmware has only its board's RTC."""
        return self.start_ns + self.now

    def at(self, when: int, fn: Callable[[*Ts], object], *args: *Ts, who: str, priority: int = NORMAL) -> Timer:
        """Call `fn(*args)` at `when` (ns). Raises LocalProtocolError for a time that has passed."""
        if when < self.now:
            raise LocalProtocolError(f"{who}: asked for a call at {when} ns, and it is {self.now} ns")
        self._sequence = sequence = self._sequence + 1
        timer = Timer(when, who, fn, args, self)
        heappush(self._heap, (when, priority, sequence, timer))
        return timer

    def after(self, delay: int, fn: Callable[[*Ts], object], *args: *Ts, who: str) -> Timer:
        """Call `fn(*args)` in `delay` ns. Raises LocalProtocolError for a negative delay."""
        return self.at(self.now + delay, fn, *args, who=who)

    def external(self, when: int, fn: Callable[[*Ts], object], *args: *Ts, who: str = "external") -> Timer:
        """Call `fn(*args)` at `when` on behalf of the outside. `journal.Inputs` is the door that records what passes."""
        return self.at(when, fn, *args, who=who, priority=EXTERNAL)

    def spawn(self, coro: Coroutine[Any, Any, T], *, who: str) -> Task[T]:
        """Run a coroutine as a task, from this instant on (not before this call returns)."""
        return Task(self, coro, who)

    def sleep(self, ns: int) -> Sleep:
        """Awaitable: `await kernel.sleep(5 * S)`."""
        return Sleep(ns)

    def timeout(self, ns: int) -> Timeout:
        """`with kernel.timeout(5 * S): await ...` raises TimeoutError in the running task when the block takes longer."""
        return Timeout(self, ns)

    def rng(self, name: str) -> Random:
        """The random stream `name` of this run: one per node and purpose, the same object each time it is asked for.

        Only `.random()` and `.getrandbits()` give the same numbers on every interpreter.
        """
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Random(f"{self.seed}/{name}")
        return stream

    def next_due(self) -> int | None:
        """When the next call is due (ns), or None: nothing will ever happen by itself."""
        heap = self._heap
        while heap and not heap[0][3].pending:
            heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def break_at(self, events: int, fn: Callable[[], object]) -> None:
        """Call `fn` between two events, after `events` have run since the run began.

        For scenarios, not for devices: ask before `run_until`, or from inside such a call.
        """
        if events <= self.events:
            raise LocalProtocolError(f"asked for a break after event {events}, and {self.events} have run")
        self._sequence += 1
        heappush(self._breakpoints, (events, self._sequence, fn))

    def run_until(self, t: int) -> int:
        """Run all that is due up to and including `t` ns; then it is `t`. Returns the number of calls made."""
        if t < self.now:
            raise LocalProtocolError(f"asked to run until {t} ns, and it is {self.now} ns")
        if self._busy:
            raise LocalProtocolError("run_until called from inside the run")
        self._busy = True
        before = self.events
        try:
            while True:
                breakpoints = self._breakpoints
                limit = breakpoints[0][0] - self.events if breakpoints else _UNBOUNDED
                if self._run(t, limit) < limit:
                    break
                while breakpoints and breakpoints[0][0] <= self.events:
                    heappop(breakpoints)[2]()
        finally:
            self._busy = False
        self.now = t
        return self.events - before

    def _run(self, until: int, limit: int) -> int:
        heap = self._heap
        count = 0
        while heap and count < limit:
            entry = heappop(heap)
            timer = entry[3]
            fn = timer._fn
            if fn is None:
                self._cancelled -= 1
                continue
            if entry[0] > until:
                heappush(heap, entry)
                break
            timer._fn = None
            self.now = entry[0]
            count += 1
            try:
                fn(*timer._args)
            except Halted as halted:
                if halted.settle is None:
                    raise
                halted.settle()
            except BaseException as error:
                error.add_note(f"at {timer.when} ns (event {self.events + 1}), in a call of {timer.who}")
                raise
            finally:
                self.events += 1
        return count

    def _forget_one(self) -> None:
        """A timer was cancelled. Its heap entry goes when its time comes, or here, when most of the heap is dead."""
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if entry[3]._fn is not None]
            heapify(self._heap)
            self._cancelled = 0


class Scope:
    """What dies together: the timers and tasks of one power cycle of one board."""

    def __init__(self, kernel: Kernel, who: str) -> None:
        self.kernel = kernel
        self.who = who
        self.open = True
        self._timers: list[Timer] = []
        self._tasks: list[Task[Any]] = []
        self._prune_at = _PRUNE

    def at(self, when: int, fn: Callable[[*Ts], object], *args: *Ts) -> Timer:
        """As `Kernel.at`. Raises LocalProtocolError once the scope is closed."""
        if not self.open:
            raise LocalProtocolError(f"{self.who}: asked for a timer with the power off")
        timer = self.kernel.at(when, fn, *args, who=self.who)
        timers = self._timers
        timers.append(timer)
        if len(timers) > self._prune_at:  # amortised: those that ran are dropped when as many again have been added
            timers[:] = [each for each in timers if each.pending]
            self._prune_at = _PRUNE + 2 * len(timers)
        return timer

    def after(self, delay: int, fn: Callable[[*Ts], object], *args: *Ts) -> Timer:
        """As `Kernel.after`."""
        return self.at(self.kernel.now + delay, fn, *args)

    def spawn(self, coro: Coroutine[Any, Any, T]) -> Task[T]:
        """As `Kernel.spawn`."""
        if not self.open:
            coro.close()
            raise LocalProtocolError(f"{self.who}: asked for a task with the power off")
        task = self.kernel.spawn(coro, who=self.who)
        self._tasks = [each for each in self._tasks if not each.done]
        self._tasks.append(task)
        return task

    def close(self) -> None:
        """Cancel all timers and end all tasks where they stand, now and for good."""
        self.open = False
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.kill()
        self._timers.clear()
        self._tasks.clear()
