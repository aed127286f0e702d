"""UDP links: datagrams both ways, addresses as channels, caps, idle time, and who may listen where."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from tools.errors import BadInput, LinkDown
from tools.links import open_stream, parse, server


def test_an_address_is_a_channel_and_a_datagram_a_piece(run_async: Callable[..., object], make_owner: type) -> None:
    async def story() -> None:
        owner = make_owner()
        link = server(parse("udp-listen:0"))
        await link.start(owner.opened)
        assert link.spelling.startswith("udp:127.0.0.1:")
        first, second = (open_stream(parse(link.spelling)) for _ in range(2))
        loop = asyncio.get_running_loop()
        with first, second:
            first.write(b"one")
            await owner.until(lambda: len(owner.channels) == 1)
            first.write(b"two")
            second.write(b"three")
            await owner.until(lambda: len(owner.channels) == 2 and owner.data[owner.channels[0]] == b"onetwo")
            await owner.until(lambda: owner.data[owner.channels[1]] == b"three")
            owner.channels[0].send(b"answer")
            owner.channels[0].send(b"more")
            assert await loop.run_in_executor(None, first.read, 5.0) == b"answer"
            assert await loop.run_in_executor(None, first.read, 5.0) == b"more"
            assert await loop.run_in_executor(None, second.read, 0.01) == b""
        await link.stop()
        assert not owner.closed

    run_async(story())


def test_at_the_cap_the_longest_silent_address_is_forgotten(run_async: Callable[..., object], make_owner: type) -> None:
    async def story() -> None:
        owner = make_owner()
        link = server(parse("udp-listen:0?connections=2"))
        await link.start(owner.opened)
        streams = [open_stream(parse(link.spelling)) for _ in range(3)]
        for number, stream in enumerate(streams):
            stream.write(b"x")
            await owner.until(lambda number=number: len(owner.channels) == number + 1)
        assert list(owner.closed) == [owner.channels[0]]
        streams[0].write(b"again")
        await owner.until(lambda: len(owner.channels) == 4)
        for stream in streams:
            stream.close()
        await link.stop()

    run_async(story())


def test_a_silent_address_is_forgotten(run_async: Callable[..., object], make_owner: type) -> None:
    async def story() -> None:
        owner = make_owner()
        link = server(parse("udp-listen:0?idle=0.05"))
        await link.start(owner.opened)
        with open_stream(parse(link.spelling)) as stream:
            stream.write(b"x")
            await owner.until(lambda: owner.closed)
        await link.stop()

    run_async(story())


def test_a_port_that_is_taken(run_async: Callable[..., object], make_owner: type) -> None:
    async def story() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            link = server(parse(f"udp-listen:{taken.getsockname()[1]}"))
            with pytest.raises(LinkDown, match="in use"):
                await link.start(make_owner().opened)
            await link.stop()

    run_async(story())


def test_others_may_not_listen_in_without_a_password() -> None:
    with pytest.raises(BadInput, match="open to others"):
        server(parse("udp-listen:0.0.0.0:4059"))
    assert server(parse("udp-listen:0.0.0.0:4059"), protected=True)
    assert server(parse("udp-listen:0.0.0.0:4059?insecure=yes"))


def test_nobody_there_ends_the_link(free_port: int) -> None:
    with open_stream(parse(f"udp:127.0.0.1:{free_port}")) as stream:
        stream.write(b"x")
        with pytest.raises(LinkDown, match="refused"):
            stream.read(5.0)


def test_a_name_that_is_none() -> None:
    with pytest.raises(LinkDown):
        open_stream(parse("udp:no-such-host.invalid:4059"))
