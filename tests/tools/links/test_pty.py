"""Real pseudo-terminals: raw octets, stale data, slow readers, and no busy loop when everybody has gone."""

from __future__ import annotations

import asyncio
import os
import pty
import threading
import tty
from pathlib import Path

import pytest
import serial

from tools.errors import BadInput, LinkDown
from tools.links import open_stream, parse, server
from tools.links import pty as pty_link
from tools.links.channel import SEND_QUEUE

AWKWARD = bytes(range(256)) * 2
"""Carriage returns, control-C, XON and XOFF: what a cooked terminal eats."""


def test_every_octet_goes_both_ways_unchanged(run_async, make_owner) -> None:
    async def story() -> None:
        owner, link = make_owner(), server(parse("pty:"))
        await link.start(owner.opened)

        def client() -> bytes:
            got = b""
            with open_stream(parse(link.spelling)) as stream:
                stream.write(AWKWARD)
                while len(got) < len(AWKWARD) and (more := stream.read(5.0)):
                    got += more
            return got

        answer = asyncio.get_running_loop().run_in_executor(None, client)
        await owner.until(lambda: owner.data[owner.channels[0]] == AWKWARD)
        owner.channels[0].send(AWKWARD)
        assert await answer == AWKWARD
        await link.stop()

    run_async(story())


def test_seven_bits_may_be_asked_for_again_and_again(run_async, make_owner) -> None:
    """As readers on an optical head do: the system refuses what a pty cannot change, unless something else changes, too."""

    async def story() -> None:
        owner, link = make_owner(), server(parse("pty:"))
        await link.start(owner.opened)
        path = link.spelling.removeprefix("pty:")

        def visit(number: int) -> None:
            with serial.Serial(path, 300, bytesize=7, parity="E", timeout=1) as port:
                port.write(b"/?!")
                seen[number].wait(10)
                port.timeout = 2  # pyserial sets everything again
                port.write(b"\r\n")

        seen = [threading.Event() for _ in range(3)]
        for number in range(3):
            visiting = asyncio.get_running_loop().run_in_executor(None, visit, number)
            await owner.until(lambda number=number: owner.data[owner.channels[0]] == b"/?!\r\n" * number + b"/?!")
            seen[number].set()
            await visiting
            await owner.until(lambda number=number: owner.data[owner.channels[0]] == b"/?!\r\n" * (number + 1))
        await link.stop()

    run_async(story())


def test_what_the_last_visitor_left_unread_is_not_given_to_the_next(run_async, make_owner, monkeypatch) -> None:
    monkeypatch.setattr(pty_link, "VISIT_GAP", 0.0)

    async def story() -> None:
        owner, link = make_owner(), server(parse("pty:"))
        await link.start(owner.opened)
        # A client of any make: it opens the path as it is, without flushing.
        fd = os.open(link.spelling.removeprefix("pty:"), os.O_RDWR | os.O_NOCTTY)
        owner.channels[0].send(b"stale")
        os.write(fd, b"hello")
        await owner.until(lambda: owner.data[owner.channels[0]] == b"hello")
        owner.channels[0].send(b"fresh")
        assert os.read(fd, 100) == b"fresh"
        os.close(fd)
        await link.stop()

    run_async(story())


def test_a_reader_that_never_reads_costs_no_memory_and_the_next_visit_works(run_async, make_owner) -> None:
    async def story() -> None:
        owner, link = make_owner(), server(parse("pty:"))
        await link.start(owner.opened)
        channel = owner.channels[0]
        for _ in range(64):
            channel.send(bytes(SEND_QUEUE // 4))
        with open_stream(parse(link.spelling)) as stream:
            stream.write(b"hello")
            await owner.until(lambda: owner.data[channel] == b"hello")
            channel.send(b"answer")
            assert stream.read(5.0) == b"answer"
        await link.stop()

    run_async(story())


def test_the_last_client_leaving_ends_nothing_and_wakes_nobody(run_async, make_owner) -> None:
    async def story() -> None:
        owner, link = make_owner(), server(parse("pty:"))
        await link.start(owner.opened)
        channel = owner.channels[0]
        for word in (b"first", b"second"):
            before = len(owner.data[channel])
            with open_stream(parse(link.spelling)) as stream:
                stream.write(word)
                await owner.until(lambda before=before: len(owner.data[channel]) > before)
            # Without our own hold on the other end, each of these turns of the loop would find it readable, with EIO.
            for _ in range(100):
                await asyncio.sleep(0)
        assert owner.data[channel] == b"firstsecond"
        assert owner.closed == {}
        await link.stop()

    run_async(story())


def test_a_named_pty_is_a_link_that_goes_away_with_it(run_async, make_owner, tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "optical"
        link = server(parse(f"pty:{path}"))
        await link.start(make_owner().opened)
        assert link.spelling == f"pty:{path}"
        with open_stream(parse(link.spelling)):
            pass
        second = server(parse(f"pty:{path}"))
        with pytest.raises(LinkDown, match="exists"):
            await second.start(make_owner().opened)
        await link.stop()
        assert not path.is_symlink()
        await second.stop()

    run_async(story())


def test_a_second_reader_is_refused_while_the_first_holds_it() -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    spec = parse(f"pty:{os.ttyname(theirs)}")
    with open_stream(spec), pytest.raises(LinkDown, match="another program holds it"):
        open_stream(spec)
    os.close(theirs)
    os.close(ours)


def test_an_unplugged_pty_ends_the_stream_in_one_line() -> None:
    ours, theirs = pty.openpty()
    spec = parse(f"pty:{os.ttyname(theirs)}")
    with open_stream(spec) as stream:
        assert stream.read(0.0) == b""
        os.close(ours)
        os.close(theirs)
        with pytest.raises(LinkDown):
            stream.read(5.0)


def test_a_path_that_is_no_terminal_or_not_there(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    with pytest.raises(LinkDown, match="is not a terminal"):
        open_stream(parse(f"pty:{plain}"))
    with pytest.raises(LinkDown, match="no such file"):
        open_stream(parse(f"pty:{tmp_path}/none"))
    with pytest.raises(BadInput, match="needs the path"):
        open_stream(parse("pty:"))
