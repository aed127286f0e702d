"""One timer for one sans-I/O machine: `expire` is called when the machine's `deadline` has come."""

from __future__ import annotations

from collections.abc import Callable

from devices.runtime.firmware import Firmware
from devices.runtime.kernel import Timer

NEVER = 1 << 63


class Deadline:
    """Call `arm` after every call of the machine, or after those that leave a deadline before `due`, when the timer runs.

    A deadline that moves later costs nothing until then.
    """

    __slots__ = ("_deadline", "_expire", "_firmware", "_timer", "due")

    def __init__(self, firmware: Firmware, deadline: Callable[[], int | None], expire: Callable[[], object]) -> None:
        self._firmware = firmware
        self._deadline = deadline
        self._expire = expire
        self._timer: Timer | None = None
        self.due = NEVER

    def arm(self) -> None:
        """Have the timer run no later than the deadline."""
        deadline = self._deadline()
        if deadline is None or self.due <= deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self.due = max(deadline, self._firmware.now)
        self._timer = self._firmware.at(self.due, self._run)

    def _run(self) -> None:
        self.due = NEVER
        deadline = self._deadline()
        if deadline is not None and deadline <= self._firmware.now:
            self._expire()
        self.arm()
