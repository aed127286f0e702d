"""APDUs over a blocking stream: several answers to a request, two clients on one line, and what ends it."""

from __future__ import annotations

import pytest

from protocols.core.effects import Effect, Send
from protocols.dlms import hdlc
from tools.errors import LinkDown
from tools.links.exchange import HdlcExchange
from tools.links.stream import Closing


class Line(Closing):
    """A line with a server at its end that answers an APDU with as many APDUs as its first octet says."""

    def __init__(self) -> None:
        self.link = hdlc.ServerLink([1, 2], hdlc.Parameters(hdlc.Limits(64, 64, 3, 3)))
        self.waiting = b""
        self.silent = False
        self.closed = 0

    def write(self, data: bytes) -> None:
        if not self.silent:
            self.carry_out(self.link.feed(data, 0))

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.waiting += effect.data
            elif isinstance(effect, hdlc.Apdu):
                for number in range(effect.data[0]):
                    self.carry_out(self.link.reply(effect.client, effect.server, bytes((number, effect.server)) + bytes(100), 0))

    def read(self, timeout: float) -> bytes:
        data, self.waiting = self.waiting[:11], self.waiting[11:]
        return data

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def line() -> Line:
    return Line()


def test_several_answers_come_one_after_the_other(line: Line) -> None:
    """As blocks that a server streams: asked for with no octets."""
    with HdlcExchange(line, 16, 1, 5.0) as exchange:
        answers = [exchange(b"\x04"), *(exchange(b"") for _ in range(3))]
        assert [answer[0] for answer in answers] == [0, 1, 2, 3]
        assert exchange(b"\x01")[0] == 0
    assert line.closed == 1


def test_a_new_request_ends_what_was_left_of_the_last_one(line: Line) -> None:
    with HdlcExchange(line, 16, 1, 5.0) as exchange:
        assert exchange(b"\x05")[0] == 0
        assert exchange(b"\x01")[0] == 0
        assert exchange(b"\x02")[0] == 0
        assert exchange(b"")[0] == 1


def test_two_clients_and_two_devices_share_one_line(line: Line) -> None:
    with HdlcExchange(line, 16, 1, 5.0) as first, HdlcExchange(line, 1, 2, 5.0) as second:
        for _ in range(10):
            assert first(b"\x01")[1] == 1
            assert second(b"\x01")[1] == 2


def test_a_line_that_falls_silent_ends(line: Line) -> None:
    def ask() -> None:
        with HdlcExchange(line, 16, 1, 0.05) as exchange:
            line.silent = True
            exchange(b"\x01")

    with pytest.raises(LinkDown, match="no answer"):
        ask()
    assert line.closed == 1
