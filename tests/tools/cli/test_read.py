"""`meterbench read` against a meter of the server side, over TCP with the wrapper, TCP with HDLC, and a pty."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import tty
from collections.abc import Callable, Iterator

import pytest

from protocols.core.effects import Effect, Send
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr, hdlc, wrapper
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.data import Data
from protocols.dlms.cosem.register import Register
from protocols.dlms.cosem.units import Unit
from protocols.dlms.server import LogicalDevice, Server, Session, open_profile

PATH_LIMIT = 1024


def meter() -> Server:
    """An import register of 5009 Wh, a clock at the epoch plus a day, and a serial number."""
    objects = [
        Register("1-0:1.8.0", value=axdr.u32(50_090), scaler_unit=(-1, Unit.WATT_HOUR)),
        Clock("0-0:1.0.0", time=date_time.encode(86_400 * 10**9)),
        Data("0-0:96.1.0", value=axdr.octets(b"SN 0042")),
    ]
    return Server({1: LogicalDevice(b"MBH0000000000001", objects, open_profile(b"12345678"))})


class Answers:
    """What one connection to the meter says, octets in and octets out."""

    def __init__(self, framing: str) -> None:
        self._server = meter()
        self._sessions: dict[tuple[int, int], Session | None] = {}
        self._splitter = wrapper.Splitter()
        self._link = hdlc.ServerLink([1])
        self.feed: Callable[[bytes], bytes] = self._hdlc if framing == "hdlc" else self._wrapper

    def _ask(self, client: int, server: int, apdu: bytes) -> list[bytes]:
        key = client, server
        if key not in self._sessions:
            self._sessions[key] = self._server.session(client, server, PATH_LIMIT)
        session = self._sessions[key]
        return [] if session is None else session.receive(apdu, 0)

    def _wrapper(self, data: bytes) -> bytes:
        out = b""
        for pdu in self._splitter.feed(data):
            for answer in self._ask(pdu.source, pdu.destination, pdu.apdu):
                out += wrapper.wrap(pdu.destination, pdu.source, answer)
        return out

    def _hdlc(self, data: bytes) -> bytes:
        return b"".join(self._carry_out(effect) for effect in self._link.feed(data, 0))

    def _carry_out(self, effect: Effect) -> bytes:
        if isinstance(effect, Send):
            return effect.data
        if isinstance(effect, hdlc.Apdu):
            answers = self._ask(effect.client, effect.server, effect.data)
            replies = [self._link.reply(effect.client, effect.server, answer, 0) for answer in answers]
            return b"".join(self._carry_out(effect) for effects in replies for effect in effects)
        return b""


@contextlib.contextmanager
def on_tcp(feed: Callable[[bytes], bytes]) -> Iterator[str]:
    """One connection on a loopback port, answered in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                while data := connection.recv(4096):
                    connection.sendall(feed(data))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"tcp:127.0.0.1:{listening.getsockname()[1]}"
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


@contextlib.contextmanager
def on_pty(feed: Callable[[bytes], bytes]) -> Iterator[str]:
    """A pty answered in a thread until its other end is closed."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(ours, 4096):
                os.write(ours, feed(data))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"pty:{os.ttyname(theirs)}"
    finally:
        os.close(theirs)
        thread.join(10)
        os.close(ours)


ASKED = ("1-0:1.8.0", "0-0:1.0.0:2", "1/0-0:96.1.0", "1-0:1.8.0:3")
SAID = ["5009.0 Wh", "1970-01-02T00:00:00+00:00", "SN 0042", "[-1, 30]"]


@pytest.mark.parametrize("way", ["wrapper", "hdlc", "pty"])
def test_a_meter_is_read_over_each_kind_of_link(meterbench, way: str) -> None:
    answers = Answers("wrapper" if way == "wrapper" else "hdlc")
    with (on_pty if way == "pty" else on_tcp)(answers.feed) as link:
        code, out, err = meterbench("read", link + ("?framing=hdlc" if way == "hdlc" else ""), *ASKED)
    assert (code, err) == (0, "")
    assert [line[24:] for line in out.splitlines()] == SAID
    assert [line[:24].strip() for line in out.splitlines()] == list(ASKED)


def test_json_carries_value_and_unit(meterbench) -> None:
    with on_tcp(Answers("wrapper").feed) as link:
        code, out, _ = meterbench("read", link, "1-0:1.8.0", "--json")
    assert code == 0
    assert json.loads(out) == [
        {"attribute": "1-0:1.8.0", "class": 3, "value": 50090, "scaler": -1, "unit": "Wh", "text": "5009.0 Wh"}
    ]


def test_with_a_password_as_client_one(meterbench) -> None:
    with on_tcp(Answers("wrapper").feed) as link:
        code, out, _ = meterbench("read", link, "1-0:1.8.0", "--auth", "lls", "--password", "12345678")
    assert (code, "5009.0 Wh" in out) == (0, True)


def test_a_wrong_password_is_one_line(meterbench) -> None:
    with on_tcp(Answers("wrapper").feed) as link:
        code, out, err = meterbench("read", link, "1-0:1.8.0", "--auth", "lls", "--password", "wrong")
    assert (code, out) == (1, "")
    assert "association rejected" in err
    assert err.count("\n") == 1


def test_what_the_meter_does_not_have_is_said_beside_what_it_has(meterbench) -> None:
    with on_tcp(Answers("wrapper").feed) as link:
        code, out, err = meterbench("read", link, "1-0:1.8.0", "1-0:99.99.9", "1-0:1.8.0:9")
    assert code == 1
    lines = out.splitlines()
    assert "5009.0 Wh" in lines[0]
    assert "not in the meter's object list" in lines[1]
    assert "read-write-denied (3)" in lines[2]
    assert err == "meterbench: 2 of 3 could not be read\n"


@pytest.mark.parametrize("way", ["wrapper", "hdlc"])
def test_silence_ends_after_the_time_out(meterbench, way: str) -> None:
    with on_tcp(lambda data: b"") as link:
        link += "?framing=hdlc" if way == "hdlc" else ""
        code, _, err = meterbench("read", link, "1-0:1.8.0", "--timeout", "0.1")
    assert code == 3
    assert "no answer" in err


@pytest.mark.parametrize("rubbish", [b"\0\2\0\1\0\1\0\1x", b"\0\1\0\1\0\x10\0\1\xff", bytes(8) * 3])
def test_rubbish_is_the_peers_fault_in_one_line(meterbench, rubbish: bytes) -> None:
    with on_tcp(lambda data: rubbish) as link:
        code, out, err = meterbench("read", link, "1-0:1.8.0", "--timeout", "0.2")
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
    assert RemoteProtocolError.__name__ not in err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("tcp:127.0.0.1:1", "1-0:1.8"), "is not OBIS or OBIS:ATTR"),
        (("tpc:127.0.0.1:1", "1-0:1.8.0"), 'did you mean "tcp"?'),
        (("tcp:127.0.0.1:1", "1-0:1.8.0:200"), "an attribute is -128 to 127"),
        (("tcp:127.0.0.1:1", "1-0:1.8.0", "--auth", "lls"), "--auth lls and --password go together"),
        (("tcp:127.0.0.1:1",), "OBIS"),
    ],
)
def test_wrong_use_is_exit_code_two(meterbench, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = meterbench("read", *arguments)
    assert code == 2
    assert words in err
