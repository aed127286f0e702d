"""Fuzz targets: Spinel, from the framing to a co-processor in a home, and its host."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from devices.runtime.journal import Happening
from devices.runtime.kernel import MS, S
from protocols.core.crc import append_kermit
from protocols.core.effects import Effect, Send
from protocols.core.errors import RemoteProtocolError
from protocols.spinel import rcp
from protocols.spinel.beacon import ScanBeacon
from protocols.spinel.hdlc_lite import Decoder, encode
from protocols.spinel.host import Confirmed, Host, Tuning
from protocols.spinel.message import Command, Message, Property, Status, pack
from tests.fuzz.target import ROOT, joined, parted, pieces, target
from tools.bench.config import load
from tools.bench.run import Run

PSDU = append_kermit(bytes.fromhex("618807621A00000110") + b"hello")
BEACON = append_kermit(bytes.fromhex("00802a621a0000ffcf0000002284a19078563412db00ffffff00"))
TUNING = Tuning(channel=15, pan_id=0x1A62, short=0x1001, eui64=0x00DB1234567890A1, rx_on_when_idle=True)


def _questions() -> list[bytes]:
    """Each property read, set, inserted and removed; a frame to be sent, in an open radio; and a reset."""
    ways = Command.PROPERTY_GET, Command.PROPERTY_SET, Command.PROPERTY_INSERT, Command.PROPERTY_REMOVE
    asked = [Message(1, way, name, bytes(size)).build() for name in Property for way in ways for size in (0, 1, 8)]
    opened = [
        Message(2, Command.PROPERTY_SET, name, b"\1").build() for name in (Property.PHY_ENABLED, Property.MAC_RAW_STREAM_ENABLED)
    ]
    value = len(PSDU).to_bytes(2, "little") + PSDU + bytes((15, 4, 3, 1, 1, 0, 1)) + bytes(8)
    sent = Message(3, Command.PROPERTY_SET, Property.STREAM_RAW, value).build()
    return [joined(asked), joined([*opened, sent, sent, b"\x81\x01"])]


@target("spinel-framing", lambda: [b"\3" + encode(octets) + encode(b"\x11\x13\x7e\x7d\xf8") for octets in (PSDU, b"", b"\x80\x01")])
def _framing(octets: bytes) -> None:
    """The same however it is cut, and again what it was."""
    whole, decoder = Decoder(), Decoder()
    frames = whole.feed(octets[1:])
    assert [frame for piece in pieces(octets) for frame in decoder.feed(piece)] == frames
    for frame in frames:
        assert Decoder().feed(encode(frame)) == [frame]


@target("spinel-message", lambda: [octets for line in _questions() for octets in parted(line)][:40])
def _message(octets: bytes) -> None:
    message = Message.parse(octets)
    assert Message.parse(message.build()) == message


@target("spinel-rcp", _questions)
def _co_processor(octets: bytes) -> None:
    """Each message well framed; frames are confirmed, and heard, too."""
    radio, now = rcp.Rcp(0x0123456789ABCDEF), 0
    radio.start()
    for number, piece in enumerate(parted(octets)):
        now += MS
        for effect in radio.feed(encode(piece[:2000])):
            if isinstance(effect, rcp.Transmit):
                assert len(effect.psdu) <= 127
                radio.confirm(effect.handle, Status.OK, bool(number & 1))
            elif isinstance(effect, rcp.Measure):
                assert effect.channel in rcp.CHANNELS
            elif isinstance(effect, rcp.Listen):
                radio.receive(piece[-127:], 9, now)
                radio.receive(BEACON, 9, now)
                radio.listened(effect.scan)
        radio.receive(PSDU, number & 0xFF, now)
        radio.measured(number & 0xFF if number & 1 else None)


@target("spinel-beacon", lambda: [BEACON, ScanBeacon.heard(BEACON, 15, -60, 200).build()])
def _beacon(octets: bytes) -> None:
    """As on the air, and as told; what was understood comes back."""
    with suppress(RemoteProtocolError):
        heard = ScanBeacon.heard(octets, 15, -60, 200)
        assert ScanBeacon.parse(heard.build()) == heard
    told = ScanBeacon.parse(octets)
    assert ScanBeacon.parse(told.build()) == told


def _answers() -> list[bytes]:
    reset = Message(0, Command.PROPERTY_IS, Property.LAST_STATUS, pack(Status.RESET_SOFTWARE)).build()
    told = [Message(each, Command.PROPERTY_IS, name, bytes(2)).build() for each in range(1, 9) for name in Property]
    done = [
        Message(each, Command.PROPERTY_IS, Property.LAST_STATUS, pack(status)).build() for each in range(16) for status in (0, 17)
    ]
    heard = Message(0, Command.PROPERTY_IS, Property.STREAM_RAW, len(PSDU).to_bytes(2, "little") + PSDU + bytes(9)).build()
    return [joined([reset, *told[:100]]), joined([reset, heard, *done])]


@target("spinel-host", _answers)
def _host(octets: bytes) -> None:
    """A host that always wants something sent; what it asked to have sent is confirmed once at most."""
    host, now = Host(), 0
    host.start(now)
    host.configure(TUNING, now)
    confirmed: list[int] = []
    for handle, piece in enumerate(parted(octets)):
        now += MS
        effects: list[Effect] = host.feed(encode(piece[:2000]), now) + host.transmit(handle, PSDU, now)
        effects += host.scan((15,), MS, now)
        if not piece and host.deadline is not None:
            now = max(now, host.deadline)
            effects += host.expire(now)
        confirmed += [effect.handle for effect in effects if isinstance(effect, Confirmed)]
        assert all(effect.data for effect in effects if isinstance(effect, Send))
    confirmed += [effect.handle for effect in host.stop(now) if isinstance(effect, Confirmed)]
    assert len(confirmed) == len(set(confirmed))


class Street:
    """Two meters and a co-processor, which whoever is on its line may drive."""

    LIFE: Final = 300

    def __init__(self) -> None:
        self.run = Run(load(ROOT / "fixtures" / "benches" / "foreign-coordinator.toml"))
        self.left = self.LIFE


_street: Street | None = None


@target("rcp-firmware", lambda: [b"\0" + b"".join(encode(piece) for piece in parted(line)) for line in _questions()])
def _firmware(octets: bytes) -> None:
    """Any octets into the co-processor's line, while meters look for a network."""
    global _street
    if _street is None or _street.left == 0:
        _street = Street()
    _street.left -= 1
    endpoint = "home1/air.rcp#0"
    _street.run.inputs.feed(endpoint, Happening.OPEN)
    for piece in pieces(octets):
        _street.run.inputs.feed(endpoint, Happening.DATA, piece)
        _street.run.run(for_=10 * MS)
    _street.run.inputs.feed(endpoint, Happening.CLOSE)
    _street.run.run(for_=S)
