"""The gas meter's firmware."""

from __future__ import annotations

from devices.gsme.config import Config
from devices.runtime import firmware
from devices.runtime.board import Board


class Firmware(firmware.Firmware):
    """Measures gas, keeps a half-hour log, and reports to its mirror at each wake. The board has a radio and a battery."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config

    @property
    def commissioned(self) -> bool:
        """It has joined, and its mirror has taken a complete set."""
        return False
