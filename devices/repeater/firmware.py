"""The repeater's firmware: it joins and stays, and its node relays, lets devices join at it, and is their parent.

Its display, two lines, tells whether it has a network and how many devices are its children. Not here: anything smart energy.
"""

from __future__ import annotations

from typing import Final

from devices.parts.han import Han
from devices.parts.keep_alive import TrustCentreWatch
from devices.parts.screen import line
from devices.repeater.config import Config
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from devices.runtime.kernel import MIN
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.node import DeviceAnnounced, DeviceLeft, Joined, Left, NodeType
from protocols.zigbee.zcl.endpoint import Endpoint

DEVICE: Final = 0x0008
"""Smart Energy: range extender."""
_MAINS: Final = 1


class Firmware(firmware.Firmware):
    """The board has mains, a radio and a display of 24 columns."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
        self.config = config

    def boot(self, why: Reset) -> None:
        config = self.config
        self.han = Han(self, config.node(self.board.eui64, NodeType.ROUTER))
        endpoint = Endpoint(1, DEVICE)
        endpoint.serve(Basic, config.basic(_MAINS))
        if config.credentials:
            self.han.certify(endpoint, config.credentials)
        self._trust_centre = TrustCentreWatch(self.han, endpoint)
        self.han.add(endpoint)
        self.han.on(Left, self._left)
        for change in (Joined, DeviceAnnounced, DeviceLeft):
            self.han.on(change, lambda effect: self._show())
        self.every(MIN, self._show, align=True)
        self._show()
        self.spawn(self._live())

    @property
    def commissioned(self) -> bool:
        """It has joined."""
        return self.han.stack.joined

    async def _live(self) -> None:
        await self.han.join()
        await self._trust_centre.run()

    def _left(self, left: Left) -> None:
        if not left.rejoin and not self.han.joining:
            self.spawn(self.han.join())  # sent away, and perhaps let in again

    def _show(self) -> None:
        stack = self.han.stack
        self.board.display.show([line("NETWORK", "yes" if stack.joined else "no"), line("children", str(len(stack.children)))])
