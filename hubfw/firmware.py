"""The hub's firmware."""

from __future__ import annotations

from devices.runtime import firmware
from devices.runtime.board import Board
from hubfw.config import Config


class Firmware(firmware.Firmware):
    """Coordinator, trust centre, gas proxy and WAN endpoint of one home. The board has a radio and a network host."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config

    @property
    def commissioned(self) -> bool:
        """Every device of the log has joined, each meter is reachable, and each gas mirror holds a complete set."""
        return False

    def display_message(self, text: str, *, minutes: int = 0xFFFF) -> int:
        """Have the displays show a text (at most 116 octets in UTF-8) from now on; the message's identifier."""
        return 0
