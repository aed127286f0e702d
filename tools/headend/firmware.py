"""Firmware handed in by class 18, block by block, and what became of it: procedures inside one association.

Where a transfer broke off it goes on: what is there the other end says, and that it is of this image the head end remembers,
because class 18 tells nobody which image is under way. The hub takes in files for devices of the home and for itself, an
electricity meter images of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from hubfw.config import ESME
from hubfw.device_facts import FACTS
from hubfw.image_intake import DOWNLOADS, TRANSFER
from hubfw.image_schedule import SCHEDULE
from hubfw.sap_table import HUB
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem import AccessError, Clock, ImageStatus, ImageTransfer, SingleActionSchedule, date_time
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.xdlms import DataAccessResult
from tools.headend.head_end import OWN, HeadEnd, T, Turn

if TYPE_CHECKING:
    from tools.bench.home import Home

_CLASS: Final = ImageTransfer.class_id
_OWN: Final = ("hub", ESME)
"""Kinds of device that tell their version by an object of their own."""
_CLOCK: Final = "0-0:1.0.0"
_LOCAL: Final = (
    Clock.time_zone, Clock.daylight_savings_begin, Clock.daylight_savings_end, Clock.daylight_savings_deviation,
    Clock.daylight_savings_enabled,
)  # fmt: skip
_TIMES: Final = SingleActionSchedule.execution_time.number
INITIATE, BLOCK, VERIFY, ACTIVATE = 1, 2, 3, 4
VERSION: Final = "0-0:0.2.1"


class Superseded(RemoteProtocolError):
    """The image that was handed in is not there any more: another one took its place, or none is verified."""


class Upload:
    """One image on its way to one logical device, over as many associations as it takes. `identifier`: at most 64 octets."""

    def __init__(self, octets: bytes, identifier: bytes = b"firmware") -> None:
        self.octets = octets
        self.sent = 0
        """Blocks, all associations together."""
        self._identifier = identifier
        self._begun = False

    def __call__(self, client: Client) -> Procedure[None]:
        """Hand in what is missing, and have it verified. Raises AccessError where the image or its size is refused."""
        if (yield from self._whole(client)):
            return
        size: int = (yield from client.get(TRANSFER, _CLASS, ImageTransfer.image_block_size.number)).value
        for number in (yield from self._missing(client, -(-len(self.octets) // size))):
            block = axdr.structure(axdr.u32(number), axdr.octets(self.octets[number * size : (number + 1) * size]))
            yield from client.action(TRANSFER, _CLASS, BLOCK, block)
            self.sent += 1
        try:
            yield from client.action(TRANSFER, _CLASS, VERIFY, axdr.i8(0))
        except AccessError:
            self._begun = False
            raise

    def activate(self, client: Client, at: int | None = None) -> Procedure[None]:
        """Have it run, now or at a time (UTC ns). Raises Superseded, or AccessError where the other end cannot."""
        if not (yield from self._whole(client)):
            raise Superseded("another image is there, or none that is verified")
        if at is None:
            yield from client.action(TRANSFER, _CLASS, ACTIVATE, axdr.i8(0))
            return
        local = (yield from _zone(client)).encode(at)
        time = axdr.structure(axdr.octets(local[5:9]), axdr.octets(local[:5]))
        yield from client.set(SCHEDULE, SingleActionSchedule.class_id, _TIMES, axdr.array([time]))

    def _whole(self, client: Client) -> Procedure[bool]:
        """Whether this very image has been verified there: by what vouches for it, with which it ends."""
        told = yield from client.get(TRANSFER, _CLASS, ImageTransfer.image_to_activate_info.number)
        found = [[field.value for field in each.value] for each in told.value]
        return any(size == len(self.octets) and signature and self.octets.endswith(signature) for size, _, signature in found)

    def _missing(self, client: Client, blocks: int) -> Procedure[list[int]]:
        """The numbers of the blocks to send, of an image that is begun now, unless it was."""
        status = (yield from client.get(TRANSFER, _CLASS, ImageTransfer.image_transfer_status.number)).value
        if self._begun and status == ImageStatus.INITIATED:
            there: str = (yield from client.get(TRANSFER, _CLASS, ImageTransfer.image_transferred_blocks_status.number)).value
            if len(there) == blocks:
                return [number for number, bit in enumerate(there) if bit == "0"]
        begin = axdr.structure(axdr.octets(self._identifier), axdr.u32(len(self.octets)))
        yield from client.action(TRANSFER, _CLASS, INITIATE, begin)
        self._begun = True
        return list(range(blocks))


def _zone(client: Client) -> Procedure[Zone]:
    """What local time is at the other end."""
    clock = Clock(_CLOCK, time=date_time.encode(0))
    for member in _LOCAL:
        clock.write(member.number, (yield from client.get(_CLOCK, Clock.class_id, member.number)))
    return clock.zone


def versions(client: Client) -> Procedure[dict[int, str]]:
    """EUI-64 to the version (eight digits) of each device that has told the hub."""
    rows = yield from client.get(FACTS, 1, 2)
    found = [[field.value for field in row.value] for row in rows.value]
    return {int.from_bytes(eui64, "big"): version.decode() for eui64, _, _, version, *_ in found if version}


def own_version(client: Client) -> Procedure[str]:
    """The version of a logical device itself, eight digits: a hub writes them, an electricity meter has four octets."""
    told: bytes = (yield from client.get(VERSION, 1, 2)).value
    return told.hex() if len(told) == len(bytes(4)) else told.decode("ascii", "replace")


def downloads(client: Client) -> Procedure[dict[int, tuple[str, int, int]]]:
    """EUI-64 of each device that fetches a file, or has it: what names that, octets so far, and `hubfw.han.images.Progress`."""
    rows = yield from client.get(DOWNLOADS, 1, 2)
    found = [[field.value for field in row.value] for row in rows.value]
    return {int.from_bytes(eui64, "big"): (names.decode(), octets, progress) for eui64, names, octets, progress in found}


class Updates:
    """The firmware side of a bench's head end. `find`: the SAP of a device."""

    def __init__(
        self, head_end: HeadEnd, place: Callable[[str], tuple[Home, str]], find: Callable[[Home, str, str], Awaitable[int]]
    ) -> None:
        self._head_end = head_end
        self.place = place
        """Home and label of a device's name."""
        self._find = find
        self._uploads: dict[tuple[str, str], Upload] = {}
        """By home and device."""
        self._turns: dict[tuple[str, int], Turn] = {}
        """By home and SAP: one image at a time, until it is activated."""

    async def hand_in(self, name: str, octets: bytes) -> None:
        """Hand in firmware for a device: at its hub, and an electricity meter's at the meter; what broke off goes on.

        Raises RemoteProtocolError: NoAnswer, or AccessError where it is refused.
        """
        home, sap = await self._intake(name)
        place = home.name, self.place(name)[1]
        upload = self._uploads.get(place)
        if upload is None or upload.octets != octets:
            upload = self._uploads[place] = Upload(octets)
        await self._head_end.ask(home.hub.name, sap, upload, writes=True)

    async def activate(self, name: str, at: int | None = None) -> None:
        """Have the firmware run that was handed in for a device, now or at a time (UTC ns), which the hub keeps by its clock.

        Raises RemoteProtocolError, Superseded where the firmware is gone.
        """
        home, sap = await self._intake(name)
        upload = self._uploads.get((home.name, self.place(name)[1]))
        if upload is None:
            raise Superseded(f"no firmware was handed in for {name}")
        await self._head_end.ask(home.hub.name, sap, partial(upload.activate, at=at), writes=True)

    async def version(self, name: str) -> str | None:
        """The version that a device runs, eight digits, as it or its hub says; None: it has not told the hub."""
        home, label = self.place(name)
        if home.declared[label].kind in _OWN:
            home, sap = await self._intake(name)
            return await self._head_end.ask(home.hub.name, sap, own_version)
        return (await self._head_end.ask(home.hub.name, HUB, versions)).get(home.identities[label].eui64)

    async def downloads(self, name: str) -> dict[int, tuple[str, int, int]]:
        """As `downloads`, of a device's hub."""
        home, _ = self.place(name)
        return await self._head_end.ask(home.hub.name, HUB, downloads)

    async def update(
        self, name: str, octets: bytes, *, again: int, activate_after: int = 0, tell: Callable[[str], object] = lambda step: None
    ) -> None:
        """Hand in and activate, `activate_after` ns later, trying again after `again` ns whenever it broke off.

        One image at a time goes to a place, until it is activated; `tell` hears of both steps. Raises AccessError where it is
        refused for good, and Superseded.
        """
        home, sap = await self.persist(lambda: self._intake(name), again)
        turn = self._turns.setdefault((home.name, sap), Turn())
        await turn.take()
        try:
            await self.persist(lambda: self.hand_in(name, octets), again)
            tell("handed in")
            await self._head_end.kernel.sleep(activate_after)
            await self.persist(lambda: self.activate(name), again)
            tell("activated")
        finally:
            turn.give()

    async def persist(self, act: Callable[[], Awaitable[T]], again: int) -> T:
        """Do it, trying again after `again` ns whenever it breaks off. Raises AccessError where it is refused for good."""
        while True:
            try:
                return await act()
            except Superseded:
                raise
            except RemoteProtocolError as error:
                if isinstance(error, AccessError) and error.result != DataAccessResult.TEMPORARY_FAILURE:
                    raise
            await self._head_end.kernel.sleep(again)

    async def _intake(self, name: str) -> tuple[Home, int]:
        """The home, and the SAP that takes in firmware for a device."""
        home, label = self.place(name)
        return home, await self._find(home, label, OWN) if home.declared[label].kind == ESME else HUB
