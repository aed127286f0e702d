"""Fuzz targets: firmware over the air, the file and both ends of a download."""

from __future__ import annotations

from random import Random

from protocols.core.aes import mmo
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.ota.client import Activate, Client, Device
from protocols.zigbee.ota.image import File, Memory, Tag, inspect, seal
from protocols.zigbee.ota.server import Say, Server
from protocols.zigbee.zcl.cluster import CLIENT, SERVER
from tests.fuzz.target import joined, parted, target

FILE = File(0xFFF1, 0x0502, 2)
IMAGE = seal(FILE, bytes(range(120)), hardware=(1, 3), beside=((Tag.PICTURE, b"ours"),))
DEVICE = Device(0xFFF1, 0x0502, 1, 2)
SECOND = 10**9


class Flash:
    """A store of 4 KiB."""

    capacity = 4096

    def __init__(self) -> None:
        self.clear()

    @property
    def held(self) -> int:
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]

    def begin(self, file: File, size: int) -> None:
        self.file, self.size, self.data = file, size, b""

    def append(self, octets: bytes) -> None:
        self.data += octets

    def clear(self) -> None:
        self.file: File | None = None
        self.size = 0
        self.data = b""


@target("firmware-file", lambda: [IMAGE, seal(FILE, b""), seal(FILE, b"x", destination=7)])
def _file(octets: bytes) -> None:
    """As it is, and with a hash that is right for it: otherwise nothing passes it."""
    for image in (octets, octets[:-16] + mmo(octets[:-16])):
        try:
            head, parts = inspect(Memory(image))
        except RemoteProtocolError:
            continue
        assert head.total_size == len(image)
        assert sum(part.length + 6 for part in parts) + head.header_length == len(image)
        assert parts[-1].offset + parts[-1].length == len(image)


_REQUESTS = (
    Ota.QueryNextImageRequest(1, 0xFFF1, 0x0502, 1, 2),
    Ota.ImageBlockRequest(0, *FILE, 40, 48),
    Ota.ImagePageRequest(0, *FILE, 40, 48, 200, 100),
    Ota.UpgradeEndRequest(0, *FILE),
    Ota.QuerySpecificFileRequest(7, *FILE, 2),
)
_IDS = {frame: id for id, frame in Ota.commands[SERVER].items()}


@target("firmware-server", lambda: [joined([bytes((_IDS[type(each)],)) + each.build() for each in _REQUESTS])])
def _server(octets: bytes) -> None:
    """Requests, a second after each other: no answer holds octets that are not the file's."""
    server = Server(lambda: 0)
    server.offer(Memory(IMAGE))
    for second, request in enumerate(parted(octets)):
        now = second * SECOND
        kind = Ota.commands[SERVER].get(request[0] if request else 0xFF)
        said = [effect.command for effect in server.expire(now) if isinstance(effect, Say)]
        if kind is not None:
            try:
                answer, effects = server.feed(kind.parse(request[1:]), second & 3, now)
            except RemoteProtocolError:
                continue
            said += [answer, *(effect.command for effect in effects if isinstance(effect, Say))]
        for answer in said:
            if isinstance(answer, Ota.ImageBlockResponse) and answer.image_data is not None:
                assert IMAGE[answer.file_offset :].startswith(answer.image_data)
                assert 0 < len(answer.image_data) <= 48


def _download() -> bytes:
    """The answers of a good download."""
    blocks = [Ota.ImageBlockResponse(0, *FILE, at, IMAGE[at : at + 48]) for at in range(0, len(IMAGE), 48)]
    answers = [Ota.QueryNextImageResponse(0, *FILE, len(IMAGE)), *blocks, Ota.UpgradeEndResponse(*FILE, 0, 0)]
    ids = {frame: id for id, frame in Ota.commands[CLIENT].items()}
    return joined([bytes((ids[type(answer)],)) + answer.build() for answer in answers])


@target("firmware-client", lambda: [_download()])
def _client(octets: bytes) -> None:
    """Answers, a second after each other: what is activated is a whole file, and for this device."""
    store = Flash()
    client = Client(DEVICE, store, Random(1).random)
    effects = client.start(0)
    for second, answer in enumerate(parted(octets)):
        now = second * SECOND
        effects = client.expire(now)
        kind = Ota.commands[CLIENT].get(answer[0] if answer else 0xFF)
        if kind is not None:
            try:
                effects += client.feed(kind.parse(answer[1:]), now)
            except RemoteProtocolError:
                continue
        assert store.held <= store.capacity
        if any(isinstance(effect, Activate) for effect in effects):
            head, _ = inspect(store)
            assert head.file.version > DEVICE.version
            assert head.fits(DEVICE.hardware)
            return
