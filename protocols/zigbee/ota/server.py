"""The server's end of downloads: which file is for whom, its octets by blocks and pages, and when to upgrade.

(07-5123 clauses 11.9, 11.10, 11.13.) Files stay where they lie and are read by pieces. So many devices fetch at once; others,
and those that ask for octets which are not here yet, are told WAIT_FOR_DATA. A page is sent block by block with the pauses that
were asked for, one page a device.

A file for one device is offered to that one alone, and to who asks for it by name (Query Specific File). A device that does
not tell its hardware version is offered what is for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.clusters.ota import Ota, Status
from protocols.zigbee.node import MINUTE, S
from protocols.zigbee.ota import image
from protocols.zigbee.ota.image import File, Header, InvalidImage, Octets
from protocols.zigbee.zcl.status import Status as ZclStatus

AT_ONCE: Final = 0
"""Upgrade time: when the download is done."""
NOT_YET: Final = 0xFFFFFFFF
"""Upgrade time: the device asks again, or is told."""
FORGET: Final = 2 * MINUTE
"""A device that asked for nothing for so long does not count among those that fetch."""
WAIT: Final = 60
"""Seconds that a device is to wait when it is one too many, or the octets are not here yet."""
LONGEST_PAGE: Final = 4096
HAS_PERIOD: Final = 0x02

Answer = Frame | Sequence[Frame] | ZclStatus


class Say(Effect, frozen=True):
    """Send a command to the device with this EUI-64."""

    eui64: int
    command: Frame


class Finished(Effect, frozen=True):
    """A device has all of a file, or gives it up. `status`: what it said."""

    eui64: int
    file: File
    status: int


@dataclass(slots=True)
class Offer:
    """A file that devices may have. `upgrade_time`: seconds since 2000, or AT_ONCE, or NOT_YET."""

    header: Header
    source: Octets
    upgrade_time: int

    @property
    def file(self) -> File:
        """What names it."""
        return self.header.file


@dataclass(slots=True)
class _Page:
    """A page on its way to a device."""

    offer: Offer
    offset: int
    end: int
    block: int
    spacing: int
    due: int


class Server:
    """`seconds()`: UTC in seconds since 2000, 0 when unknown. `block`: octets that go into one frame."""

    def __init__(self, seconds: Callable[[], int], *, block: int = 48, at_once: int = 2, period: int = 0) -> None:
        """`at_once`: devices that fetch at the same time; `period`: least ms between the blocks of a device, which it is told."""
        self._seconds = seconds
        self._block_size = block
        self._at_once = at_once
        self._period = period
        self._offers: dict[File, Offer] = {}
        self._heard: dict[int, int] = {}
        """When each device that fetches last asked, ns."""
        self._pages: dict[int, _Page] = {}
        self._holding: dict[int, File] = {}
        """Devices that have all of a file, and wait for the word."""

    @property
    def deadline(self) -> int | None:
        """When the next block of a page is due."""
        return min((page.due for page in self._pages.values()), default=None)

    # --- the owner's calls

    def offer(self, source: Octets, upgrade_time: int = AT_ONCE) -> Offer:
        """Have a file whose header is here, at least. Raises InvalidImage. Signatures are the devices' to judge."""
        header = image.header(source)
        if source.held >= header.total_size:
            image.inspect(source)
        offer = self._offers[header.file] = Offer(header, source, upgrade_time)
        return offer

    def withdraw(self, file: File) -> None:
        """No longer have a file; who fetches it is told at the next request."""
        del self._offers[file]
        self._pages = {eui64: page for eui64, page in self._pages.items() if page.offer.file != file}

    def release(self, file: File, upgrade_time: int = AT_ONCE) -> list[Effect]:
        """Have a file upgraded to at a time: those are told who wait for that word, and others when they have it all."""
        offer = self._offers[file]
        offer.upgrade_time = upgrade_time
        told = [eui64 for eui64, held in self._holding.items() if held == file]
        for eui64 in told:
            del self._holding[eui64]
        return [Say(eui64, self._when(offer)) for eui64 in told]

    def notify(self, file: File) -> Frame:
        """For all devices: there is a new file."""
        return Ota.ImageNotify(3, 100, *file)

    def feed(self, command: Frame, eui64: int, now: int) -> tuple[Answer, list[Effect]]:
        """A command of a device: what answers it, and what else there is to do."""
        return _ACTS[type(command)](self, command, eui64, now)

    def expire(self, now: int) -> list[Effect]:
        """Blocks of pages are due."""
        said: list[Effect] = []
        for eui64, page in list(self._pages.items()):
            if page.due <= now:
                answer = self._octets(page.offer, page.offset, min(page.block, page.end - page.offset))
                said.append(Say(eui64, answer))
                page.offset += len(answer.image_data or b"")
                page.due = now + page.spacing
                if page.offset >= page.end or answer.status != Status.SUCCESS:
                    del self._pages[eui64]
        return said

    # --- what devices ask

    def _for(self, eui64: int, name: File) -> Offer | None:
        """The file of that name, if this device may have it."""
        offer = self._offers.get(name)
        return offer if offer is not None and offer.header.destination in (None, eui64) else None

    def _query(self, request: Ota.QueryNextImageRequest, eui64: int, now: int) -> tuple[Answer, list[Effect]]:
        best: Offer | None = None
        for offer in self._offers.values():
            file, head = offer.file, offer.header
            meant = (file.manufacturer, file.image_type) == (request.manufacturer_id, request.image_type)
            if not meant or head.destination not in (None, eui64) or not head.fits(request.hardware_version):
                continue
            if file.version > request.current_file_version and (best is None or file.version > best.file.version):
                best = offer
        if best is None:
            return Ota.QueryNextImageResponse(Status.NO_IMAGE_AVAILABLE), []
        return Ota.QueryNextImageResponse(Status.SUCCESS, *best.file, best.header.total_size), []

    def _specific(self, request: Ota.QuerySpecificFileRequest, eui64: int, now: int) -> tuple[Answer, list[Effect]]:
        offer = self._offers.get(File(request.manufacturer_id, request.image_type, request.file_version))
        if request.request_node_address != eui64:
            return Ota.QuerySpecificFileResponse(Status.NOT_AUTHORIZED), []
        if offer is None or offer.header.destination != eui64:
            return Ota.QuerySpecificFileResponse(Status.NO_IMAGE_AVAILABLE), []
        return Ota.QuerySpecificFileResponse(Status.SUCCESS, *offer.file, offer.header.total_size), []

    def _block(self, request: Ota.ImageBlockRequest, eui64: int, now: int) -> tuple[Answer, list[Effect]]:
        self._pages.pop(eui64, None)
        file = File(request.manufacturer_id, request.image_type, request.file_version)
        offer = self._for(eui64, file)
        if offer is None:
            return Ota.ImageBlockResponse(self._refusal(file)), []
        if request.file_offset >= offer.header.total_size or not request.max_data_size:
            return ZclStatus.MALFORMED_COMMAND, []
        last, period = self._heard.get(eui64), self._period
        if last is not None and (request.minimum_block_period or 0) < period and now - last < period * S // 1000:
            return self._wait(0), []  # it is told, and keeps it from then on
        if not self._admit(eui64, now):
            return self._wait(), []
        return self._octets(offer, request.file_offset, min(request.max_data_size, self._block_size)), []

    def _page(self, request: Ota.ImagePageRequest, eui64: int, now: int) -> tuple[Answer, list[Effect]]:
        file = File(request.manufacturer_id, request.image_type, request.file_version)
        offer = self._for(eui64, file)
        if offer is None:
            return Ota.ImageBlockResponse(self._refusal(file)), []
        size = offer.header.total_size
        if request.file_offset >= size or not request.max_data_size or not request.page_size:
            return ZclStatus.MALFORMED_COMMAND, []
        if not self._admit(eui64, now):
            return self._wait(), []
        end = min(size, request.file_offset + min(request.page_size, LONGEST_PAGE))
        block, spacing = min(request.max_data_size, self._block_size), max(request.response_spacing, self._period) * S // 1000
        self._pages[eui64] = _Page(offer, request.file_offset, end, block, spacing, now)
        return (), self.expire(now)

    def _ended(self, request: Ota.UpgradeEndRequest, eui64: int, now: int) -> tuple[Answer, list[Effect]]:
        file = File(request.manufacturer_id, request.image_type, request.file_version)
        self._heard.pop(eui64, None)
        self._pages.pop(eui64, None)
        self._holding.pop(eui64, None)
        offer = self._for(eui64, file)
        more: list[Effect] = [Finished(eui64, file, request.status)]
        if request.status != Status.SUCCESS:
            return ZclStatus.SUCCESS, more
        if offer is None:  # no longer: what took its place, it is told of
            more += [Say(eui64, self.notify(each)) for each in self._offers if each[:2] == file[:2]]
            return Ota.UpgradeEndResponse(*file, self._seconds(), NOT_YET), more
        when = self._when(offer)
        if when.upgrade_time == NOT_YET:
            self._holding[eui64] = file
        return when, more

    # --- answers

    def _octets(self, offer: Offer, offset: int, length: int) -> Ota.ImageBlockResponse:
        data = offer.source.read(offset, min(length, offer.header.total_size - offset, max(0, offer.source.held - offset)))
        return Ota.ImageBlockResponse(Status.SUCCESS, *offer.file, offset, data) if data else self._wait()

    def _when(self, offer: Offer) -> Ota.UpgradeEndResponse:
        time, seconds = offer.upgrade_time, self._seconds()
        if time not in (AT_ONCE, NOT_YET):
            time = NOT_YET if not seconds else max(time, seconds)
        return Ota.UpgradeEndResponse(*offer.file, seconds, seconds if time == AT_ONCE else time)

    def _wait(self, wait: int = WAIT) -> Ota.ImageBlockResponse:
        seconds = self._seconds()
        return Ota.ImageBlockResponse(
            Status.WAIT_FOR_DATA, current_time=seconds, request_time=seconds + wait, minimum_block_period=self._period
        )

    def _refusal(self, file: File) -> Status:
        return Status.NOT_AUTHORIZED if file in self._offers else Status.NO_IMAGE_AVAILABLE

    def _admit(self, eui64: int, now: int) -> bool:
        """Whether a device may fetch now, beside others."""
        self._heard = {each: heard for each, heard in self._heard.items() if now - heard < FORGET}
        if eui64 not in self._heard and len(self._heard) >= self._at_once:
            return False
        self._heard[eui64] = now
        return True


_Act = Callable[[Server, Any, int, int], tuple[Answer, list[Effect]]]
_ACTS: Final[dict[type[Frame], _Act]] = {
    Ota.QueryNextImageRequest: Server._query,
    Ota.QuerySpecificFileRequest: Server._specific,
    Ota.ImageBlockRequest: Server._block,
    Ota.ImagePageRequest: Server._page,
    Ota.UpgradeEndRequest: Server._ended,
}

__all__ = ["AT_ONCE", "NOT_YET", "Finished", "InvalidImage", "Offer", "Say", "Server"]
