"""Jobs that must show that they are alive, and the watchdog that is kicked as long as all of them do.

A job that has been silent for longer than it said is named in the log and in flash, and the kicks end: the board resets, and
every part takes up again what it keeps in flash. So one job that is stuck costs minutes, and not the home.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.runtime.kernel import MIN

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

LOOK: Final = MIN
TIMEOUT: Final = 3 * MIN
"""Of the watchdog."""
STUCK: Final = "supervision/stuck"
"""In flash: [how often a job was stuck, the last one's name]."""


class Supervision:
    """`job` registers one; what it returns is to be called whenever the job gets somewhere."""

    def __init__(self, firmware: Firmware) -> None:
        self._firmware = firmware
        self._jobs: dict[str, tuple[int, int]] = {}
        """Name to (the longest silence, the last sign of life)."""
        self._stuck = False

    def job(self, name: str, silence: int) -> Callable[[], None]:
        """A job that shows itself at least every `silence` ns, from now on."""

        def alive() -> None:
            self._jobs[name] = silence, self._firmware.now

        alive()
        return alive

    def start(self) -> None:
        """The boot is done: begin to watch."""
        self._firmware.board.watchdog.start(TIMEOUT)
        self._firmware.every(LOOK, self._look)

    def _look(self) -> None:
        now, board = self._firmware.now, self._firmware.board
        late = [name for name, (silence, last) in self._jobs.items() if now - last > silence]
        if not late:
            board.watchdog.kick()
        elif not self._stuck:
            self._stuck = True
            count, _ = board.nvm.get(STUCK, [0, ""])
            board.nvm.put({STUCK: [count + 1, late[0]]})
            board.log("hub.stuck", {"job": late[0]})
