"""A real-time clock: a crystal that is off by some parts per million, backed over power-off, set by firmware.

Date-times are UTC in integer nanoseconds since 1970-01-01. A clock that was never set counts from zero and says so.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.runtime.kernel import Kernel

_BILLION = 1_000_000_000


class Rtc:
    """`ppm` > 0 runs fast. `on_set` are called after every set and step. `valid`: it was set and nothing has spoilt it."""

    def __init__(self, kernel: Kernel, ppm: float = 0.0) -> None:
        self.valid = False
        self.on_set: list[Callable[[], object]] = []
        self._kernel = kernel
        self._ppb = round(ppm * 1000)
        self._set_at = kernel.now
        self._set_to = 0

    def read(self) -> int:
        """UTC in ns as this clock has it."""
        elapsed = self._kernel.now - self._set_at
        return self._set_to + elapsed + elapsed * self._ppb // _BILLION

    def set(self, utc: int) -> None:
        """Set the clock to UTC in ns; it is valid from then on."""
        self.valid = True
        self._jump(utc)

    def reset(self) -> None:
        """The firmware is gone, and its callbacks with it; the clock goes on."""
        self.on_set.clear()

    def step(self, by: int) -> None:
        """Fault: the clock jumps by some ns and does not know it."""
        self._jump(self.read() + by)

    def lose(self) -> None:
        """Fault: the back-up was empty; the clock counts from zero and is not valid."""
        self.valid = False
        self._jump(0)

    def when(self, utc: int) -> int:
        """Kernel time (ns) at which this clock, left alone, will first show `utc` or later; now, when it does already."""
        elapsed = -((self._set_to - utc) * _BILLION // (_BILLION + self._ppb))  # rounded up, where reading rounds down
        return max(self._kernel.now, self._set_at + elapsed)

    def when_multiple(self, period: int) -> int:
        """Kernel time (ns) of the next multiple of `period` ns on this clock, later than what it shows now."""
        return self.when((self.read() // period + 1) * period)

    def _jump(self, utc: int) -> None:
        self._set_at, self._set_to = self._kernel.now, utc
        for notify in tuple(self.on_set):
            notify()
