"""The prepayment interface's firmware."""

from __future__ import annotations

from devices.ppmid.config import Config
from devices.runtime import firmware
from devices.runtime.board import Board


class Firmware(firmware.Firmware):
    """Asks meter and hub, shows what they say. The board has a radio and a display of 24 x 8 cells."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config

    @property
    def commissioned(self) -> bool:
        """It has joined and has read the electricity meter."""
        return False
