"""Firmware over the air on a device: the download's client on a HAN endpoint, its file in flash, its activation by a restart.

There is no code in an image of this bench: a device whose image was activated runs as before and says another version, in Basic
and in its OTA attributes. The new version and the end of the stored file are one transaction: a power cut during activation
leaves the old version with the whole file, or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.parts.han import HUB, Han, NoAnswer
from devices.parts.kept_file import KeptFile
from devices.runtime.kernel import MIN, S
from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.key_establishment.certificates import Credentials
from protocols.zigbee.ota.client import Activate, Client, Device, Refused, Say, Verified
from protocols.zigbee.ota.image import File
from protocols.zigbee.ota.signing import Trust
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request

if TYPE_CHECKING:
    from devices.runtime.board import Board

MANUFACTURER: Final = 0xFFF1
"""Of the devices of this bench: a code that no manufacturer has."""
SIGNER: Final = 0x4D42_4657_0000_0001
"""EUI-64 of who signs firmware for them."""
HARDWARE: Final = 1
FIRST_VERSION: Final = 0x01000000
"""Application release and build, stack release and build: an octet each."""
LOOK_AGAIN: Final = 15 * MIN
"""After a hub that has no images to give."""
RESTART_AFTER: Final = 5 * S
"""Between the word and the restart: frames are on their way."""
NOT_AUTHENTIC: Final = 0x8F1C
"""Event: a firmware file was not what it should be (GB)."""
STACK_PRO: Final = 2
UNKNOWN: Final = 0xFFFFFFFF

VERSION: Final = "ota/version"
"""Where a board keeps the version that it runs."""

_STORE = "ota"


def running_version(board: Board) -> int:
    """The file version that a board runs: that of the last file activated, or the one it was made with."""
    return int(board.nvm.get(VERSION, FIRST_VERSION))


def trust(own: Credentials) -> Trust:
    """Whom a device with these certificates believes."""
    return Trust(own.suite, own.issuer, own.authority, (SIGNER,))


class FirmwareUpdate:
    """The client on an endpoint, for as long as the board has power. `image_type`: what kind of device it is."""

    def __init__(
        self, han: Han, endpoint: Endpoint, image_type: int, credentials: Sequence[Credentials] = (), *, page: int = 0,
        before_restart: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        """A device with certificates takes only what `SIGNER` signed under the same issuer as its own."""
        board = han.board
        self.version = running_version(board)
        self.store = KeptFile(board.nvm, _STORE, board.flash.bank_size // 4)
        own = next(iter(credentials), None)
        whom = None if own is None else partial(trust, own)
        device = Device(MANUFACTURER, image_type, self.version, HARDWARE)
        self.client = Client(device, self.store, board.chance("firmware update"), page=page, trust=whom)
        self._before_restart = before_restart
        self._han = han
        self._endpoint = endpoint
        self._server = HUB, 1
        self._timer = Deadline(han.firmware, lambda: self.client.deadline, lambda: self._apply(self.client.expire(han.now)))
        stack = han.stack
        side = endpoint.use(Ota, {
            Ota.upgrade_server_id: lambda: stack.trust_centre_eui64 if stack.joined else None,
            Ota.file_offset: lambda: self.store.held,
            Ota.current_file_version: self.version,
            Ota.current_stack_version: STACK_PRO,
            Ota.downloaded_file_version: self._downloaded,
            Ota.upgrade_status: lambda: self.client.status,
            Ota.manufacturer_id: MANUFACTURER,
            Ota.image_type_id: image_type,
            Ota.minimum_block_request_period: lambda: self.client.period * 1000 // S,
        })  # fmt: skip
        for command in Ota.commands[side.side].values():
            side.on(command, self._heard)

    async def start(self) -> None:
        """The device is on the network: find who has images, however long it takes, then go on or ask for one."""
        while not (found := await self._servers()):
            await self._han.firmware.sleep(LOOK_AGAIN)
        self._server = found[0]
        self._apply(self.client.start(self._han.now))

    async def _servers(self) -> list[tuple[int, int]]:
        try:
            return await self._han.match([Ota.id], destination=HUB)
        except NoAnswer:
            return []

    def _downloaded(self) -> int:
        complete = self.store.file is not None and self.store.held == self.store.size
        return self.store.file.version if complete and self.store.file is not None else UNKNOWN

    def _heard(self, command: Frame, request: Request) -> Outcome:
        self._apply(self.client.feed(command, request.now))
        return None

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Say(command=command):
                    self._say(command)
                case Verified(file=file):
                    self._tell("verified", file)
                case Refused(file=file, reason=reason):
                    self._tell("refused", file, reason)
                    self._han.board.log("event", {"code": NOT_AUTHENTIC, "file_version": file.version})
                case Activate(file=file):
                    self._tell("activated", file)
                    self.store.spend({VERSION: file.version})
                    self._han.firmware.after(RESTART_AFTER, self._restart)
        self._timer.arm()

    def _restart(self) -> None:
        self._before_restart()
        self._han.board.restart()

    def _say(self, command: Frame) -> None:
        try:
            self._han.command(*self._server, command, source=self._endpoint.number)
        except NoAnswer:
            return  # without a key for now: the client asks again, as it does when a frame is lost

    def _tell(self, outcome: str, file: File, reason: str = "") -> None:
        self._han.board.log("ota", {"outcome": outcome, "file_version": file.version, "reason": reason})
