"""Firmware from the head end, for devices of the home and for the hub: on SAP 1, block by block, judged, activated by an order.

    0-0:44.0.0     class 18  one file at a time, in blocks of 512 octets; its state and its blocks are in flash
    0-0:128.30.15  class 1   downloads: array of structure of EUI-64, what names the file, octets that it has, how far it is (enum)

`image_verify` judges the file: header, lengths, hash, its signature where this hub has certificates, and that it is for somebody
here. A file for devices is offered to them then, and none of them runs it before `image_activate`; `activation successful` means
that the order is out, and which version each device runs is `device_facts`'. A file for the hub is its next version after a
restart. Another `image_transfer_initiate` begins anew: what came before and was not activated is gone, here and for the devices.

There is no code in an image of this bench: a hub whose image was activated runs as before and says another version. That version,
the state and the end of the file are one transaction, so a power cut leaves the old version with the whole file, or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from devices.parts.ota import HARDWARE, MANUFACTURER, RESTART_AFTER, VERSION, running_version, trust
from hubfw.config import Config
from hubfw.han.images import Images
from hubfw.image_flash import BLOCK, INCOMING, Offered
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Image, ImageStatus, InterfaceClass
from protocols.zigbee.ota import image
from protocols.zigbee.ota.image import File, Header, InvalidImage
from protocols.zigbee.ota.server import NOT_YET

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from hubfw.device_log import DeviceLog

TRANSFER: Final = "0-0:44.0.0"
DOWNLOADS: Final = "0-0:128.30.15"
IMAGE_TYPE: Final = 0x0500
"""Of files for the hub."""
_WHOLE: Final = (ImageStatus.VERIFICATION_SUCCESSFUL, ImageStatus.ACTIVATION_SUCCESSFUL)


def identification(file: File) -> bytes:
    """What names a file, as clients read it: manufacturer, type and version in hexadecimal digits."""
    return f"{file.manufacturer:04X}-{file.image_type:04X}-{file.version:08X}".encode()


class Intake:
    """The store of the image transfer. `begun()`: another image is coming; `save()`: before a restart."""

    def __init__(
        self, board: Board, config: Config, log: DeviceLog, images: Images, begun: Callable[[], object], save: Callable[[], object]
    ) -> None:
        self.capacity = images.flash.capacity
        self._board = board
        self._credentials = config.credentials
        self._log = log
        self._images = images
        self._begun = begun
        self._save = save
        state = board.nvm.get(INCOMING, [0, b"", 0, ImageStatus.NOT_INITIATED, b"", b""])
        self._place, self._identifier, self.size, status, self._names, self._signature = state
        self.status = ImageStatus(status)

    def objects(self) -> list[InterfaceClass]:
        """The image transfer, and what came of it."""
        return [
            cosem.ImageTransfer(TRANSFER, store=self, image_block_size=BLOCK),
            cosem.Data(DOWNLOADS, value=self._downloads),
        ]

    @property
    def images(self) -> Sequence[Image]:
        """The file, once it is verified."""
        return (Image(self.size, self._names, self._signature),) if self.status in _WHOLE else ()

    def begin(self, identifier: bytes, size: int) -> None:
        """Begin anew. A file that was activated stays with the devices, as long as there is room."""
        self._begun()
        flash = self._images.flash
        gone = [] if self.status == ImageStatus.ACTIVATION_SUCCESSFUL else [self._place]
        gone += flash.in_the_way(size, gone)
        self._place, self._identifier, self.size, self._names, self._signature = flash.new(), identifier, size, b"", b""
        self.status = ImageStatus.INITIATED
        self._images.empty(gone, self._state())

    def has(self, block: int) -> bool:
        """Whether a block is in flash, or was when the file was whole."""
        return self.status in _WHOLE or block in self._images.flash.blocks(self._place)

    def put(self, block: int, octets: bytes) -> None:
        """Put a block in flash."""
        self._images.flash.put(self._place, block, octets)

    def verify(self) -> None:
        """Judge it, at once, and offer it to the devices that it is for."""
        octets = self._images.flash.octets(self._place, self.size)
        own = next(iter(self._credentials), None)
        try:
            head = image.judge(octets, None if own is None else trust(own))
            self._refuse(head)
        except InvalidImage as reason:
            self.status = ImageStatus.VERIFICATION_FAILED
            self._board.nvm.put(self._state())
            self._board.log("hub.image-refused", {"reason": str(reason)})
            return
        *_, last = image.elements(octets, head)
        file = head.file
        self.status, self._names = ImageStatus.VERIFICATION_SUCCESSFUL, identification(file)
        self._signature = octets.read(last.offset, last.length)
        if _own(file):
            self._board.nvm.put(self._state())
        else:
            self._images.have(Offered(self._place, file, self.size, NOT_YET), self._state(), self._images.same(file))
        self._board.log("hub.image-verified", {"file": self._names.decode(), "octets": self.size})

    def activate(self) -> None:
        """Have it run: the hub after a restart, devices as soon as they have it."""
        head = image.header(self._images.flash.octets(self._place, self.size)) if self._there else None
        self.status = ImageStatus.ACTIVATION_SUCCESSFUL if head is not None else ImageStatus.ACTIVATION_FAILED
        if head is None:
            self._board.nvm.put(self._state())
            return
        self._board.log("hub.image-activated", {"file": self._names.decode()})
        if _own(head.file):
            self._images.empty([self._place], {**self._state(), VERSION: head.file_version})
            self._board.scope.after(RESTART_AFTER, self._restart)
        else:
            self._images.release(self._place, self._state())

    @property
    def _there(self) -> bool:
        """Whether its blocks are, which another file that the hub was given may have taken the place of."""
        return bool(self._images.flash.blocks(self._place))

    def _refuse(self, head: Header) -> None:
        """Raises InvalidImage for what nobody here can run."""
        if _own(head.file):
            running = running_version(self._board)
            if head.file_version <= running:
                raise InvalidImage(f"version {head.file_version:08X} is not newer than {running:08X}")
            if not head.fits(HARDWARE):
                raise InvalidImage(f"not for hardware version {HARDWARE}")
            if head.destination not in (None, self._board.eui64):
                raise InvalidImage(f"for {head.destination:016X}")
        elif head.destination is not None and self._log.get(head.destination) is None:
            raise InvalidImage(f"for {head.destination:016X}, which is not in the device log")

    def _restart(self) -> None:
        self._save()
        self._board.restart()

    def _state(self) -> dict[str, object]:
        return {INCOMING: [self._place, self._identifier, self.size, int(self.status), self._names, self._signature]}

    def _downloads(self) -> Data:
        return axdr.array(
            axdr.structure(
                axdr.octets(eui64.to_bytes(8, "big")), axdr.octets(identification(each.file)), axdr.u32(each.octets),
                axdr.enum(each.progress),
            )
            for eui64, each in self._images.downloads.items()
        )  # fmt: skip


def _own(file: File) -> bool:
    return (file.manufacturer, file.image_type) == (MANUFACTURER, IMAGE_TYPE)
