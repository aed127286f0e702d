"""Straight-line sequences on the kernel: `async def` without an event loop library.

A task is a coroutine that yields either a number of nanoseconds or the `Future` it waits for. Every resumption is an event of
the kernel, so tasks tie with timers in the order of asking, and nobody's code runs inside somebody else's `set_result`.
An exception that leaves a task goes to the tasks that await it; when there is none, out of `Kernel.run_until`.

No queues, locks, groups or executors: an `Event` beside a deque is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from protocols.core.errors import LocalProtocolError

if TYPE_CHECKING:
    from devices.runtime.kernel import Kernel, Timer

T = TypeVar("T")
Wait = Generator["int | Future[Any]", None, T]


class Cancelled(BaseException):
    """Raised inside a task that is to stop; let it pass."""


class Sleep:
    """`await Sleep(ns)`: one event, no future."""

    __slots__ = ("_ns",)

    def __init__(self, ns: int) -> None:
        self._ns = ns

    def __await__(self) -> Wait[None]:
        yield self._ns


class Future(Generic[T]):
    """A result to come. Set once; awaited by any number of tasks."""

    __slots__ = ("_callbacks", "_error", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], object]] = []

    def set_result(self, value: T) -> None:
        """Raises LocalProtocolError when it is set already."""
        self._finish(value, None)

    def set_exception(self, error: BaseException) -> None:
        """Raises LocalProtocolError when it is set already."""
        self._finish(None, error)

    def result(self) -> T:
        """The value, or raises the exception set. Raises LocalProtocolError when there is neither yet."""
        if not self.done:
            raise LocalProtocolError("the result is not there yet")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # done without an error: the value was set, and may be None

    def _finish(self, value: T | None, error: BaseException | None) -> None:
        if self.done:
            raise LocalProtocolError("a result is set once")
        self.done, self._value, self._error = True, value, error
        callbacks, self._callbacks = self._callbacks, []
        for wake in callbacks:
            wake()

    def __await__(self) -> Wait[T]:
        if not self.done:
            yield self
        return self.result()


class Event:
    """A flag that tasks can wait for. `set()` and `clear()` in one go wakes those who wait now, and nobody later."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: Future[None] = Future()

    @property
    def is_set(self) -> bool:
        return self._future.done

    def set(self) -> None:
        """Wake all who wait; later waits return at once."""
        if not self._future.done:
            self._future.set_result(None)

    def clear(self) -> None:
        """Let later waits wait."""
        if self._future.done:
            self._future = Future()

    async def wait(self) -> None:
        """Return once the event is set."""
        await self._future


class Task(Future[T]):
    """A running coroutine, and the future of what it returns."""

    __slots__ = ("_coro", "_interrupts", "_kernel", "_waiting", "_wake", "who")

    def __init__(self, kernel: Kernel, coro: Coroutine[Any, Any, T], who: str) -> None:
        super().__init__()
        self.who = who
        self._kernel = kernel
        self._coro = coro
        self._interrupts: list[BaseException] = []
        self._waiting: Future[Any] | None = None
        self._wake: Timer | None = kernel.at(kernel.now, self._step, who=who)

    def cancel(self) -> None:
        """Raise `Cancelled` inside the task at its next (or present) wait. Awaiting a cancelled task raises it too."""
        self.interrupt(Cancelled())

    def kill(self) -> None:
        """End the coroutine now, without another step of the kernel: the power is gone.

        `finally` blocks run, but their board is dead: whatever they ask of it has no effect. Raises LocalProtocolError inside
        the task itself, which cannot saw off its own branch.
        """
        if self.done:
            return
        if self._kernel.running is self:
            raise LocalProtocolError(f"{self.who}: a task cannot kill itself")
        self._rest()
        with suppress(BaseException):  # a `finally` of a dead device that fails changes nothing
            self._coro.close()
        self._finish(None, Cancelled())

    def interrupt(self, error: BaseException) -> None:
        """Raise `error` inside the task at its next (or present) wait, ahead of what it waits for."""
        if self.done:
            return
        self._interrupts.append(error)
        if self._kernel.running is not self:
            self._rest()
            self._resume()

    def withdraw(self, error: BaseException) -> None:
        """Take back an interrupt that was not delivered yet."""
        if error in self._interrupts:
            self._interrupts.remove(error)

    def _rest(self) -> None:
        """Wait for nothing."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._waiting is not None:
            with suppress(ValueError):
                self._waiting._callbacks.remove(self._resume)
            self._waiting = None

    def _resume(self) -> None:
        self._waiting = None
        self._wake = self._kernel.at(self._kernel.now, self._step, who=self.who)

    def _step(self) -> None:
        kernel = self._kernel
        kernel.running, self._wake = self, None
        try:
            wait = self._coro.throw(self._interrupts.pop(0)) if self._interrupts else self._coro.send(None)
        except StopIteration as end:
            self._finish(end.value, None)
            return
        except Cancelled as cancelled:
            self._finish(None, cancelled)
            return
        except BaseException as error:
            awaited = bool(self._callbacks) and isinstance(error, Exception)
            self._finish(None, error)
            if awaited:
                return
            raise
        finally:
            kernel.running = None
        if self._interrupts:
            self._resume()
        elif isinstance(wait, Future):
            self._waiting = wait
            wait._callbacks.append(self._resume)
        else:
            self._wake = kernel.at(kernel.now + wait, self._step, who=self.who)


class Timeout:
    """The block of `with kernel.timeout(ns):`, inside a task. Nests; an outer one that expires ends the inner blocks."""

    __slots__ = ("_expiry", "_kernel", "_ns", "_task", "_timer")

    def __init__(self, kernel: Kernel, ns: int) -> None:
        self._kernel = kernel
        self._ns = ns
        self._expiry = Cancelled()
        self._task: Task[Any] | None = None
        self._timer: Timer | None = None

    def __enter__(self) -> Timeout:
        task = self._task = self._kernel.running
        if task is None:
            raise LocalProtocolError("a time-out needs a running task")
        self._timer = self._kernel.after(self._ns, task.interrupt, self._expiry, who=task.who)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._timer is not None and self._task is not None:
            self._timer.cancel()
            self._task.withdraw(self._expiry)
        if error is self._expiry:
            raise TimeoutError(f"nothing within {self._ns} ns") from None
