"""A dongle as a sniffer: tuned in, promiscuous, and what it hears comes out."""

from __future__ import annotations

from itertools import islice

import pytest

from protocols.core.crc import append_kermit
from protocols.core.effects import Send
from protocols.spinel import rcp
from protocols.spinel.hdlc_lite import encode
from protocols.spinel.host import Heard
from protocols.spinel.message import Command, Message, Property, Status, pack
from tools.capture.sniffer import sniff
from tools.errors import LinkDown

FRAMES = [append_kermit(bytes.fromhex("618807621A") + bytes((n, 0, 1, 0)) + b"hello") for n in range(3)]


class Line:
    """Our co-processor behind a stream; it hears a frame at every read once it is promiscuous."""

    def __init__(self) -> None:
        self.rcp = rcp.Rcp(0x55)
        self.tuned: rcp.Configure | None = None
        self.waiting = b""
        self.frames = iter(FRAMES)

    def read(self, timeout: float) -> bytes:
        if not self.waiting and self.tuned is not None and self.tuned.promiscuous:
            self.take(self.rcp.receive(next(self.frames), 99, 0))
        said, self.waiting = self.waiting, b""
        return said

    def write(self, data: bytes) -> None:
        self.take(self.rcp.feed(data))

    def take(self, effects: list[object]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.waiting += effect.data
            elif isinstance(effect, rcp.Configure):
                self.tuned = effect


def test_it_is_promiscuous_on_the_channel_and_tells_what_it_hears() -> None:
    line = Line()
    heard = (each for each in sniff(line, 20) if each is not None)
    assert list(islice(heard, 3)) == [Heard(psdu, 99) for psdu in FRAMES]
    assert line.tuned is not None
    assert (line.tuned.channel, line.tuned.promiscuous, line.tuned.rx_on_when_idle) == (20, True, True)


class Refuses:
    """A co-processor that takes no setting at all."""

    def __init__(self) -> None:
        self.said = [
            encode(Message(0, Command.PROPERTY_IS, Property.LAST_STATUS, pack(Status.RESET_SOFTWARE)).build()),
            encode(Message(1, Command.PROPERTY_IS, Property.LAST_STATUS, pack(Status.UNIMPLEMENTED)).build()),
        ]

    def read(self, timeout: float) -> bytes:
        return self.said.pop(0)

    def write(self, data: bytes) -> None:
        pass


def test_a_dongle_that_cannot_listen_says_so() -> None:
    with pytest.raises(LinkDown, match="refuses property 0x20: UNIMPLEMENTED"):
        list(sniff(Refuses(), 20))
