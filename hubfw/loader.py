"""What runs first on the hub's board: bring the flash to the present layout, then start the firmware, or nothing."""

from __future__ import annotations

from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from hubfw import store
from hubfw.config import Config
from hubfw.firmware import Firmware
from hubfw.swap import STATE as RETIRED


class Halted(firmware.Firmware):
    """No firmware: the flash cannot be read by this one. Everything in it stays as it is, and nobody is answered."""

    def __init__(self, board: Board, reason: str) -> None:
        super().__init__(board)
        self.reason = reason

    def boot(self, why: Reset) -> None:
        self.board.log("hub.halted", {"reason": self.reason})


def load(board: Board, config: Config) -> firmware.Firmware:
    """The firmware of a hub, over the flash as it is."""
    try:
        for layout in store.prepare(board.nvm):
            board.log("hub.migrated", {"from": layout})
    except store.Newer as error:
        return Halted(board, str(error))
    if RETIRED in board.nvm:
        from hubfw.retired import Retired  # few boards come to that

        return Retired(board, config)
    return Firmware(board, config)
