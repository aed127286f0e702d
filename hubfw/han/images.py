"""Firmware files that the hub has for devices of the home: kept in flash, offered on the energy services interface.

One file of a manufacturer and type at a time; what takes its place is stored when it is gone. What a power cut leaves of one that
is being stored is cleared away at the next start. Devices are told of a new one at once; they ask once a day besides.
Not here: how a file comes to the hub over the wide-area network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.parts.han import Han, NoAnswer
from devices.parts.kept_file import KeptFile
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

PIECE: Final = 512
EVERY_ENDPOINT: Final = 0xFF

_STORE, _TIME = "ota/", "/upgrade-time"


class Images:
    """The server on an endpoint."""

    def __init__(
        self, firmware: Firmware, han: Han, endpoint: Endpoint, asleep: Callable[[], object] = lambda: None
    ) -> None:
        """`asleep()` has devices that sleep told of a new file."""
        self._board = firmware.board
        self._tell_sleepers = asleep
        self._han = han
        self._endpoint = endpoint
        self._server = Server(self._seconds)
        self._asked_from: dict[int, int] = {}
        """EUI-64 of a device to its endpoint."""
        self.versions: dict[int, int] = {}
        """EUI-64 of a device to the version that it said it runs."""
        self._timer = Deadline(firmware, lambda: self._server.deadline, lambda: self._apply(self._server.expire(han.now)))
        side = endpoint.serve(Ota)
        for command in Ota.commands[side.side].values():
            side.on(command, self._heard)
        for name in sorted({"/".join(key.split("/")[:2]) for key in self._board.nvm.keys(_STORE)}):
            if name + _TIME in self._board.nvm:
                self._server.offer(self._slot(name), self._board.nvm.get(name + _TIME))
            else:
                self._slot(name).clear()

    def offer(self, octets: bytes, upgrade_time: int = AT_ONCE) -> File:
        """Keep a file and offer it, in place of the last of its manufacturer and type; what names it.

        `upgrade_time`: seconds since 2000, or AT_ONCE, or NOT_YET. Raises InvalidImage, and LocalProtocolError for a large one.
        """
        file = image.inspect(Memory(octets))[0].file
        name = f"{_STORE}{file.manufacturer:04X}{file.image_type:04X}"
        slot = self._slot(name)
        if len(octets) > slot.capacity:
            raise LocalProtocolError(f"a file of {len(octets)} octets, and there is room for {slot.capacity}")
        offered = [key for key in (name + _TIME,) if key in self._board.nvm]
        if slot.file is not None and offered:
            self._server.withdraw(slot.file)
        slot.begin(file, len(octets), *offered)
        for at in range(0, len(octets), PIECE):
            slot.append(octets[at : at + PIECE])
        self._board.nvm.put({name + _TIME: upgrade_time})
        self._server.offer(slot, upgrade_time)
        self._han.command(RX_ON_DEVICES, EVERY_ENDPOINT, self._server.notify(file), source=self._endpoint.number)
        self._tell_sleepers()
        return file

    def _slot(self, name: str) -> KeptFile:
        return KeptFile(self._board.nvm, name, self._board.flash.bank_size // 4)

    def _seconds(self) -> int:
        rtc = self._board.rtc
        return seconds(rtc.read()) if rtc.valid else 0

    def _heard(self, command: Frame, request: Request) -> Outcome:
        eui64 = request.message.source_eui64
        if eui64 is None:
            return Status.NOT_AUTHORIZED
        self._asked_from[eui64] = request.message.source_endpoint
        if isinstance(command, Ota.QueryNextImageRequest):
            self.versions[eui64] = command.current_file_version
        answer, effects = self._server.feed(command, eui64, request.now)
        self._apply(effects)
        return answer

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Say(eui64=eui64, command=command):
                    self._say(eui64, command)
                case Finished(eui64=eui64, file=file, status=status):
                    self._board.log("hub.image", {"eui64": eui64, "file_version": file.version, "status": status})
        self._timer.arm()

    def _say(self, eui64: int, command: Frame) -> None:
        address = self._han.stack.address_of(eui64)
        if address is None:
            return
        try:
            self._han.command(address, self._asked_from[eui64], command, source=self._endpoint.number)
        except NoAnswer:
            return  # the device asks for the rest of its page again
