"""Echo suppression: a line that repeats what is sent loses its repetition and nothing else; one that does not loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms import hdlc
from tools.links.echo import Echo, Echoing
from tools.links.exchange import HdlcExchange
from tools.links.stream import Closing

MESSAGES = st.lists(st.binary(min_size=1, max_size=20), max_size=6)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = 0
    for cut in [*cuts, len(data)]:
        yield data[at : at + cut]
        at += cut


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=20))), st.lists(st.integers(1, 9), max_size=30))
def test_on_a_line_that_echoes_only_answers_come(turns: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    echo = Echo()
    for sent, answer in turns:
        echo.sent(sent)
        assert b"".join(echo.received(piece) for piece in pieces(sent + answer, cuts)) == answer


@given(st.binary(min_size=1, max_size=20), st.binary(min_size=21, max_size=40), st.lists(st.integers(1, 9), max_size=30))
def test_on_a_line_that_does_not_echo_nothing_is_lost(sent: bytes, answer: bytes, cuts: list[int]) -> None:
    """Unless the answer begins with all that was asked, which no protocol here does."""
    if answer.startswith(sent):
        return
    echo = Echo()
    echo.sent(sent)
    assert b"".join(echo.received(piece) for piece in pieces(answer, cuts)) == answer


def test_two_messages_echoed_together() -> None:
    echo = Echo()
    echo.sent(b"one")
    echo.sent(b"two")
    assert echo.received(b"onetw") == b""
    assert echo.received(b"oyes") == b"yes"
    assert echo.received(b"one") == b"one"


def test_what_a_line_without_echo_is_sent_does_not_pile_up() -> None:
    echo = Echo()
    for _ in range(1000):
        echo.sent(bytes(1000))
    assert sum(map(len, echo._sent)) <= 64 * 1024


class Head(Closing):
    """An optical head over a meter's HDLC link: what is written comes back, and then the answer."""

    def __init__(self, *, echoes: bool) -> None:
        self.meter = hdlc.ServerLink([1])
        self.echoes = echoes
        self.waiting = b""
        self.lock = threading.Lock()

    def write(self, data: bytes) -> None:
        self.waiting += data if self.echoes else b""
        for effect in self.meter.feed(data, 0):
            self.carry_out(effect)

    def carry_out(self, effect: Any) -> None:
        match effect:
            case hdlc.Apdu(client=client, server=server, data=data):
                for sent in self.meter.reply(client, server, data[::-1], 0):
                    self.carry_out(sent)
            case _ if hasattr(effect, "data"):
                self.waiting += effect.data

    def read(self, timeout: float) -> bytes:
        data, self.waiting = self.waiting[:5], self.waiting[5:]
        return data

    def close(self) -> None:
        self.waiting = b""


@pytest.mark.dlms("client HDLC echo")
@pytest.mark.parametrize("echoes", [True, False])
def test_hdlc_through_an_optical_head(echoes: bool) -> None:
    with HdlcExchange(Echoing(Head(echoes=echoes)), 16, 1, 5.0) as exchange:
        assert exchange(b"\xc0\x01" + bytes(300)) == (b"\xc0\x01" + bytes(300))[::-1]
        assert exchange(b"\xc0\x02") == b"\x02\xc0"
