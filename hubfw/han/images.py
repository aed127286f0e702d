"""Firmware files that the hub has for devices of the home: kept in flash, offered on the energy services interface.

One file of a manufacturer and type may run at a time; what is to take its place is beside it until its activation is ordered. What
a power cut leaves of one that is being stored is cleared away at the next start. Devices are told of a new one at once; they ask
once a day besides. Not here: how a file comes to the hub over the wide-area network (`hubfw.image_intake`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from devices.parts.deadline import Deadline
from devices.parts.han import Han, NoAnswer
from devices.runtime.kernel import S
from hubfw.config import Config
from hubfw.image_flash import BLOCK, ImageFlash, Offered
from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.node import RX_ON_DEVICES
from protocols.zigbee.ota import image
from protocols.zigbee.ota.image import File, Memory
from protocols.zigbee.ota.server import AT_ONCE, Finished, Say, Server
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

EVERY_ENDPOINT: Final = 0xFF
MOST_DEVICES: Final = 32
"""Whose versions are kept: those that told theirs last."""
TELL_AFTER: Final = 20 * S
"""After the hub's start: its network is up again, and those who looked for it are back."""
_VERSIONS: Final = "image/versions"


class Progress(IntEnum):
    """How far a device is with a file."""

    FETCHING = 0
    COMPLETE = 1
    """It has all of it and found it good."""
    GIVEN_UP = 2


class Download(NamedTuple):
    """A device's file. `octets`: how many it has been given, from the first on."""

    file: File
    octets: int
    progress: Progress


class Images:
    """The server on an endpoint."""

    def __init__(
        self, firmware: Firmware, han: Han, endpoint: Endpoint, config: Config, asleep: Callable[[], object] = lambda: None
    ) -> None:
        """`asleep()` has devices that sleep told of a new file."""
        self._firmware = firmware
        self._board = firmware.board
        self._tell_sleepers = asleep
        self._han = han
        self._endpoint = endpoint
        self._server = Server(self._seconds, block=config.image_block, period=config.image_block_period)
        self._asked_from: dict[int, int] = {}
        """EUI-64 of a device to its endpoint."""
        self.versions: dict[int, int] = {int(eui64, 16): version for eui64, version in self._board.nvm.get(_VERSIONS, {}).items()}
        """EUI-64 of a device to the version that it said it runs."""
        self.downloads: dict[int, Download] = {}
        """EUI-64 to what it fetches, as far as it was heard since the hub started."""
        self.flash = ImageFlash(self._board.nvm, self._board.flash.bank_size)
        self._timer = Deadline(firmware, lambda: self._server.deadline, lambda: self._apply(self._server.expire(han.now)))
        side = endpoint.serve(Ota)
        for command in Ota.commands[side.side].values():
            side.on(command, self._heard)
        for each in self.flash.offered:
            self._server.offer(self.flash.octets(each.place, each.size), each.upgrade_time)

    def offer(self, octets: bytes, upgrade_time: int = AT_ONCE) -> File:
        """Keep a file and offer it, in place of the last of its manufacturer and type; what names it.

        `upgrade_time`: seconds since 2000, or AT_ONCE, or NOT_YET. Raises InvalidImage, and LocalProtocolError for a large one.
        """
        flash, file, size = self.flash, image.inspect(Memory(octets))[0].file, len(octets)
        if size > flash.capacity:
            raise LocalProtocolError(f"a file of {size} octets, and there is room for {flash.capacity}")
        self.empty(flash.in_the_way(size))
        place = flash.new()
        for at in range(0, size, BLOCK):
            flash.put(place, at // BLOCK, octets[at : at + BLOCK])
        self.have(Offered(place, file, size, upgrade_time), {}, self._of_type(file))
        return file

    def have(self, offered: Offered, values: Mapping[str, object], emptied: Iterable[int]) -> None:
        """Offer what lies in a place; one transaction, with other values, and others' places emptied."""
        gone = list(emptied)
        self._withdraw(gone)
        self.flash.commit({**ImageFlash.record(offered), **values}, gone)
        self._server.offer(self.flash.octets(offered.place, offered.size), offered.upgrade_time)
        self._tell([offered.file])

    def start(self) -> None:
        """The hub has started: devices are told again of what it has, because the power may have gone before they were."""
        if self.flash.offered:
            self._firmware.after(TELL_AFTER, lambda: self._tell(each.file for each in self.flash.offered))

    def empty(self, places: Iterable[int], values: Mapping[str, object] | None = None) -> None:
        """No longer have what lies in some places; one transaction, with other values."""
        gone = list(places)
        self._withdraw(gone)
        self.flash.commit(values or {}, gone)

    def release(self, place: int, values: Mapping[str, object]) -> None:
        """Have a file that is offered run from now on, and no other of its type; one transaction, with other values."""
        found = next(each for each in self.flash.offered if each.place == place)
        others = [each for each in self._of_type(found.file) if each != place]
        self._withdraw(others)
        self.flash.commit({**ImageFlash.record(found._replace(upgrade_time=AT_ONCE)), **values}, others)
        self._apply(self._server.release(found.file))
        self._tell_sleepers()

    def same(self, file: File) -> list[int]:
        """The places of a file of that name."""
        return [each.place for each in self.flash.offered if each.file == file]

    def _of_type(self, file: File) -> list[int]:
        return [each.place for each in self.flash.offered if each.file[:2] == file[:2]]

    def _withdraw(self, places: Iterable[int]) -> None:
        gone = set(places)
        for each in self.flash.offered:
            if each.place in gone:
                self._server.withdraw(each.file)
                self.downloads = {eui64: one for eui64, one in self.downloads.items() if one.file != each.file}

    def _tell(self, files: Iterable[File]) -> None:
        for file in files:
            self._han.command(RX_ON_DEVICES, EVERY_ENDPOINT, self._server.notify(file), source=self._endpoint.number)
        self._tell_sleepers()

    def _seconds(self) -> int:
        rtc = self._board.rtc
        return seconds(rtc.read()) if rtc.valid else 0

    def _heard(self, command: Frame, request: Request) -> Outcome:
        eui64 = request.message.source_eui64
        if eui64 is None:
            return Status.NOT_AUTHORIZED
        self._asked_from[eui64] = request.message.source_endpoint
        if isinstance(command, Ota.QueryNextImageRequest):
            self._runs(eui64, command.current_file_version)
        answer, effects = self._server.feed(command, eui64, request.now)
        if isinstance(answer, Ota.ImageBlockResponse):
            self._gave(eui64, answer)
        self._apply(effects)
        return answer

    def _gave(self, eui64: int, block: Ota.ImageBlockResponse) -> None:
        if block.image_data:
            file = File(block.manufacturer_id or 0, block.image_type or 0, block.file_version or 0)
            self.downloads[eui64] = Download(file, (block.file_offset or 0) + len(block.image_data), Progress.FETCHING)

    def _runs(self, eui64: int, version: int) -> None:
        download = self.downloads.get(eui64)
        if download is not None and download.file.version == version:
            del self.downloads[eui64]
        if self.versions.get(eui64) == version:
            return
        self.versions.pop(eui64, None)
        self.versions[eui64] = version
        while len(self.versions) > MOST_DEVICES:
            del self.versions[next(iter(self.versions))]
        self._board.nvm.put({_VERSIONS: {f"{each:016X}": told for each, told in self.versions.items()}})

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Say(eui64=eui64, command=command):
                    if isinstance(command, Ota.ImageBlockResponse):
                        self._gave(eui64, command)
                    self._say(eui64, command)
                case Finished(eui64=eui64, file=file, status=status):
                    self._ended(eui64, file, status)
        self._timer.arm()

    def _ended(self, eui64: int, file: File, status: int) -> None:
        good = status == Status.SUCCESS
        size = next((each.size for each in self.flash.offered if each.file == file), 0)
        download = Download(file, size if good else 0, Progress.COMPLETE if good else Progress.GIVEN_UP)
        if self.downloads.get(eui64) != download:
            self.downloads[eui64] = download
            self._board.log("hub.image", {"eui64": eui64, "file_version": file.version, "status": status})

    def _say(self, eui64: int, command: Frame) -> None:
        address = self._han.stack.address_of(eui64)
        if address is None:
            return
        try:
            self._han.command(address, self._asked_from[eui64], command, source=self._endpoint.number)
        except NoAnswer:
            return  # the device asks for the rest of its page again
