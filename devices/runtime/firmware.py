"""The base of every device's firmware: its hooks and its clock-driven calls.

The object is RAM: it is built at power-on and dies at power-off; what must survive goes to `board.nvm`. Every hook runs as an
event of the kernel. The only date and time it may read is `board.rtc`; `now` is its uptime counter, for time-outs.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple

from devices.runtime.board import Board, Reset
from devices.runtime.kernel import Timer
from devices.runtime.tasks import Sleep, Task, Timeout
from protocols.core.errors import LocalProtocolError

Ts = TypeVarTuple("Ts")
T = TypeVar("T")


class Periodic:
    """A call repeated every `period` ns until cancelled."""

    __slots__ = ("_align", "_firmware", "_fn", "_period", "_timer")

    def __init__(self, firmware: Firmware, period: int, fn: Callable[[], object], align: bool) -> None:
        if period <= 0:
            raise LocalProtocolError(f"a period of {period} ns")
        self._firmware = firmware
        self._period = period
        self._fn = fn
        self._align = align
        self._timer: Timer | None = None
        if align:
            firmware.board.rtc.on_set.append(self._realign)
        self._arm(firmware.now)

    def cancel(self) -> None:
        """No further calls."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._align:
            self._firmware.board.rtc.on_set.remove(self._realign)
            self._align = False

    def _arm(self, last: int) -> None:
        board = self._firmware.board
        when = board.rtc.when_multiple(self._period) if self._align else last + self._period
        self._timer = board.scope.at(when, self._run)

    def _run(self) -> None:
        self._arm(self._firmware.now)
        self._fn()

    def _realign(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._arm(self._firmware.now)


class Firmware:
    """Subclass it, give the class (or a callable that builds it) to a `Board`."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def boot(self, why: Reset) -> None:
        """Power is there. Set the callbacks of ports, radio, host and buttons; start what runs."""

    def on_power_fail(self) -> None:
        """The supply is gone; `board.supply.hold_up_left` ns remain."""

    def on_power_return(self) -> None:
        """The supply is back before the hold-up ran out."""

    def on_voltage(self) -> None:
        """`board.supply.volts` has changed."""

    @property
    def now(self) -> int:
        """The board's monotonic counter, ns: for time-outs and protocol machines, not for dates."""
        return self.board.kernel.now

    def at(self, when: int, fn: Callable[[*Ts], object], *args: *Ts) -> Timer:
        """Call `fn(*args)` when `now` is `when`."""
        return self.board.scope.at(when, fn, *args)

    def after(self, delay: int, fn: Callable[[*Ts], object], *args: *Ts) -> Timer:
        """Call `fn(*args)` in `delay` ns."""
        return self.board.scope.after(delay, fn, *args)

    def every(self, period: int, fn: Callable[[], object], *, align: bool = False) -> Periodic:
        """Call `fn()` every `period` ns, first after one period; `align` means at multiples of it on the RTC.

        Aligned calls follow the RTC when it is set: a jump forward skips boundaries, a jump back meets some again.
        """
        return Periodic(self, period, fn, align)

    def spawn(self, coro: Coroutine[Any, Any, T]) -> Task[T]:
        """Run a coroutine until it ends or the power goes."""
        return self.board.scope.spawn(coro)

    def sleep(self, ns: int) -> Sleep:
        """`await self.sleep(5 * S)`."""
        return self.board.kernel.sleep(ns)

    def timeout(self, ns: int) -> Timeout:
        """`with self.timeout(5 * S): await ...` raises TimeoutError when the block takes longer."""
        return self.board.kernel.timeout(ns)
