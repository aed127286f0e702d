"""A watchdog: a timer beside the processor that resets the board unless the firmware kicks it in time."""

from __future__ import annotations

from collections.abc import Callable

from devices.runtime.kernel import Kernel, Timer


class Watchdog:
    """`bite()` is called when `timeout` ns have passed since the last kick. It rests until firmware starts it."""

    def __init__(self, kernel: Kernel, who: str, bite: Callable[[], object]) -> None:
        self._kernel = kernel
        self._who = who
        self._bite = bite
        self._timeout = 0
        self._due = 0
        self._timer: Timer | None = None

    @property
    def running(self) -> bool:
        """Whether it has been started."""
        return self._timer is not None

    def start(self, timeout: int) -> None:
        """Expect a kick every `timeout` ns from now on."""
        self.stop()
        self._timeout = timeout
        self.kick()
        self._timer = self._kernel.at(self._due, self._look, who=self._who)

    def kick(self) -> None:
        """All is well."""
        self._due = self._kernel.now + self._timeout

    def stop(self) -> None:
        """The board has no power."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        if self._kernel.now < self._due:  # it was kicked since: one event a time-out, however many kicks
            self._timer = self._kernel.at(self._due, self._look, who=self._who)
        else:
            self._timer = None
            self._bite()
