"""Serial ports: RFC 2217 against a fake port that sees the line settings, and a port pulled out and put back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
import serial.rfc2217

from tools.errors import LinkDown
from tools.links import Stream, open_stream, parse, server


class FakePort:
    """What PortManager drives: it notes each line setting it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, object]] = []
        self.cts = self.dsr = self.cd = True
        self.ri = False

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("baudrate", "bytesize", "parity", "stopbits"):
            self.seen.append((name, value))
        super().__setattr__(name, value)

    def reset_input_buffer(self) -> None: ...

    def reset_output_buffer(self) -> None: ...


class Telnet:
    """One RFC 2217 server over a FakePort: answers each line of text in capitals."""

    def __init__(self) -> None:
        self.port = FakePort()
        for name, value in (("baudrate", 9600), ("bytesize", 8), ("parity", "N"), ("stopbits", 1)):
            setattr(self.port, name, value)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def write(self, data: bytes) -> None:
        self._client.sendall(data)

    def _serve(self) -> None:
        try:
            self._client, _ = self._listening.accept()
        except OSError:  # stopped before anybody came
            return
        manager = serial.rfc2217.PortManager(self.port, self)
        with self._client:
            while data := self._client.recv(1024):
                plain = b"".join(manager.filter(data))
                if plain:
                    self._client.sendall(b"".join(manager.escape(plain.upper())))

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listening.close()


def take(stream: Stream, count: int) -> bytes:
    """`count` octets, or what came before five seconds of silence."""
    got = b""
    while len(got) < count and (more := stream.read(5.0)):
        got += more
    return got


@pytest.fixture
def telnet() -> Iterator[Telnet]:
    server = Telnet()
    yield server
    server.stop()


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial 3.5's own
def test_rfc2217_sets_the_far_line_and_carries_octets(telnet: Telnet) -> None:
    with open_stream(parse(f"rfc2217://{telnet.address}?baud=300&frame=7E1")) as stream:
        stream.write(b"hello")
        assert take(stream, 5) == b"HELLO"
    settings = dict(telnet.port.seen)
    assert settings == {"baudrate": 300, "bytesize": 7, "parity": "E", "stopbits": 1}


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial 3.5's own
def test_a_rate_set_on_the_way_reaches_the_far_line_with_eight_bits(telnet: Telnet) -> None:
    with open_stream(parse(f"rfc2217://{telnet.address}?baud=300&frame=7E1")) as stream:
        stream.write(b"/?!")
        assert take(stream, 3) == b"/?!"
        stream.set_rate(9600)
        stream.write(b"more")
        assert take(stream, 4) == b"MORE"
    settings = dict(telnet.port.seen)
    assert settings == {"baudrate": 9600, "bytesize": 8, "parity": "N", "stopbits": 1}


def test_a_raw_socket_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        spec = parse(f"socket://127.0.0.1:{listening.getsockname()[1]}")
        with open_stream(spec) as stream:
            far, _ = listening.accept()
            with far:
                stream.write(b"ping")
                assert far.recv(10) == b"ping"
                far.sendall(b"pong")
                assert take(stream, 4) == b"pong"
                assert stream.read(0.0) == b""
            with pytest.raises(LinkDown):
                stream.read(5.0)


class Cable:
    """A serial device that can be pulled out and put back: a link to the far end of a pty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ours = self._theirs = -1

    def plug(self) -> None:
        self.ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.path.symlink_to(os.ttyname(self._theirs))

    def pull(self) -> None:
        self.path.unlink()
        os.close(self._theirs)
        os.close(self.ours)


def test_a_pulled_port_ends_its_channel_and_is_opened_again(run_async, make_owner, tmp_path: Path) -> None:
    async def story() -> None:
        cable, owner = Cable(tmp_path / "port"), make_owner()
        cable.plug()
        link = server(parse(f"serial:{cable.path}?baud=9600"))
        await link.start(owner.opened)
        os.write(cable.ours, b"half a fra")
        await owner.until(lambda: owner.data[owner.channels[0]] == b"half a fra")
        cable.pull()
        await owner.until(lambda: owner.closed)
        cable.plug()
        await owner.until(lambda: len(owner.channels) == 2)
        owner.channels[0].send(b"nobody")
        owner.channels[1].send(b"again")
        assert await asyncio.get_running_loop().run_in_executor(None, os.read, cable.ours, 100) == b"again"
        await link.stop()
        cable.pull()

    run_async(story())


@pytest.mark.parametrize("first", ["serve", "read"])
def test_two_programs_on_one_port_the_second_is_refused(run_async, make_owner, tmp_path: Path, first: str) -> None:
    async def story() -> None:
        cable = Cable(tmp_path / "port")
        cable.plug()
        spec = parse(f"serial:{cable.path}")
        link = server(spec)
        if first == "serve":
            await link.start(make_owner().opened)
            with pytest.raises(LinkDown, match="another program holds it"):
                open_stream(spec)
            await link.stop()
        else:
            with open_stream(spec), pytest.raises(LinkDown, match="another program holds it"):
                await link.start(make_owner().opened)
        cable.pull()

    run_async(story())


def test_a_port_that_is_not_there_is_one_line(run_async, make_owner, tmp_path: Path) -> None:
    with pytest.raises(LinkDown, match="none: no such file or directory"):
        open_stream(parse(f"serial:{tmp_path}/none"))

    async def story() -> None:
        with pytest.raises(LinkDown, match="none: no such file or directory"):
            await server(parse(f"serial:{tmp_path}/none")).start(make_owner().opened)

    run_async(story())
