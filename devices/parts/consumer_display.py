"""What a consumer's displays have in common: they join, keep the hub's time, show messages, and watch meters.

A subclass names its clusters and watches, and draws its face. Once an hour, and a minute after a failure, the display asks the
hub for what it may have missed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from devices.parts.dwelling import Dwelling
from devices.parts.han import Han, NoAnswer, Refused
from devices.parts.identify import TEXT, Identifier
from devices.parts.joiner import Joiner
from devices.parts.keep_alive import TrustCentreWatch
from devices.parts.message_box import MessageBox
from devices.parts.network_clock import NetworkClock
from devices.parts.ota import HARDWARE, FirmwareUpdate, running_version
from devices.parts.screen import page
from devices.parts.watch import Watch
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.node import Left, NodeType
from protocols.zigbee.zcl.endpoint import Endpoint

MINUTE = 60 * 1_000_000_000
REFRESH = 60 * MINUTE
RETRY = MINUTE
ON_MAINS = 1
OK = "ok"
"""The button that confirms a message."""
NO = "no"
"""The button that says no to one that asks."""


class ConsumerDisplay(firmware.Firmware, ABC):
    """A rx-on end device with one endpoint and a face."""

    device = 0x0502
    """Smart Energy: in-home display."""
    page = 0
    """Octets of new firmware that it asks for at once and gets in many blocks; 0: block by block."""

    def __init__(self, board: Board, joiner: Joiner) -> None:
        super().__init__(board)
        self._joiner = joiner

    def boot(self, why: Reset) -> None:
        credentials = self._joiner.credentials
        self.han = Han(self, self._joiner.node(self.board.eui64, NodeType.END_DEVICE))
        self.clock = NetworkClock(self.han, most=None)
        endpoint = Endpoint(1, self.device)
        version = running_version(self.board) >> 24
        endpoint.serve(Basic, self._joiner.basic(ON_MAINS) | {Basic.application_version: version, Basic.hardware_version: HARDWARE})
        endpoint.use(Metering)
        endpoint.use(Time)
        if credentials:
            self.han.certify(endpoint, credentials)
        self.dwelling = Dwelling(self.han, endpoint)
        self.identifier = Identifier(self, endpoint, self.show)
        self.messages = MessageBox(self.han, endpoint, self.clock, self.show)
        self.update = FirmwareUpdate(self.han, endpoint, self.device, credentials, page=self.page)
        self.trust_centre = TrustCentreWatch(self.han, endpoint)
        self.watches = self.watch(endpoint)
        self.han.add(endpoint)
        self.board.buttons.on_press = self.press
        self.show()
        self.every(MINUTE, self.show, align=True)
        self.han.on(Left, self._left)
        self.spawn(self._live())

    @abstractmethod
    def watch(self, endpoint: Endpoint) -> Sequence[Watch]:
        """Put what else is needed on the endpoint; the meters to watch, the electricity meter first."""

    @abstractmethod
    def face(self) -> list[str]:
        """Seven lines; the eighth is the message's."""

    async def refresh(self) -> None:
        """Ask the hub for what may have been missed. Raises NoAnswer, Refused."""
        await self.clock.synchronise()
        await self.messages.fetch()

    def press(self, button: str) -> None:
        """Somebody presses a button."""
        if button == OK:
            self.pressed()
        elif button == NO:
            self.messages.confirm(yes=False)

    def pressed(self) -> None:
        """The button: a message that wants it is confirmed."""
        self.messages.confirm()

    @property
    def commissioned(self) -> bool:
        """It has joined and has found the electricity meter."""
        return self.watches[0].meter is not None

    def show(self) -> None:
        """Draw the face."""
        text = self.messages.text
        if text is not None and self.messages.wants_confirmation:
            text += " OK or NO?" if self.messages.wants_answer else " Press OK."
        if self.identifier.left:
            text = TEXT
        self.board.display.show([*self.face(), "" if text is None else page(text, self.now)])

    def _left(self, left: Left) -> None:
        if not left.rejoin and not self.han.joining:
            self.spawn(self.han.join())  # sent away, and perhaps let in again

    async def _live(self) -> None:
        await self.han.join()
        for watch in self.watches:
            self.spawn(watch.run())
        self.spawn(self.update.start())
        self.spawn(self.trust_centre.run())
        while True:
            try:
                await self.refresh()
                pause = REFRESH
            except (NoAnswer, Refused):
                pause = RETRY
            self.show()
            await self.sleep(pause)
