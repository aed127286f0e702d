"""The TCP listener under well-behaved and other clients, on real loopback sockets (bad inputs B1-B5)."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tools.errors import BadInput, LinkDown
from tools.links import open_stream, parse, server
from tools.links.tcp import Listener


def listener(text: str = "tcp-listen:0") -> Listener:
    made = server(parse(text))
    assert isinstance(made, Listener)
    return made


def test_octets_go_both_ways_and_the_spelling_is_what_a_client_types(run_async, make_owner) -> None:
    async def story() -> None:
        owner, link = make_owner(), listener("tcp-listen:0?framing=hdlc")
        await link.start(owner.opened)
        assert link.spelling.startswith("tcp:127.0.0.1:")
        assert link.spelling.endswith("?framing=hdlc")

        def client() -> bytes:
            with open_stream(parse(link.spelling)) as stream:
                stream.write(b"hello")
                return stream.read(5.0)

        answer = asyncio.get_running_loop().run_in_executor(None, client)
        await owner.until(lambda: owner.channels and owner.data[owner.channels[0]] == b"hello")
        owner.channels[0].send(b"world")
        assert await answer == b"world"
        await owner.until(lambda: owner.closed)
        assert owner.closed[owner.channels[0]] == "closed by the peer"
        await link.stop()

    run_async(story())


def test_at_the_cap_the_longest_idle_connection_makes_room(run_async, make_owner) -> None:
    async def story() -> None:
        owner, link = make_owner(), listener("tcp-listen:0?connections=2")
        await link.start(owner.opened)
        spec = parse(link.spelling)
        writers = []
        for count in range(1, 201):
            _, writer = await asyncio.open_connection(spec.host, spec.port)
            writers.append(writer)
            await owner.until(lambda count=count: len(owner.channels) == count)
            assert count - len(owner.closed) <= 2
            if count == 1:
                writer.write(b"busy")
                await owner.until(lambda: owner.data[owner.channels[0]] == b"busy")
        assert owner.closed[owner.channels[0]] == "closed for a newer connection"
        for writer in writers:
            writer.close()
        await link.stop()

    run_async(story())


def test_an_idle_connection_is_closed_and_another_is_not(run_async, make_owner) -> None:
    async def story() -> None:
        owner, link = make_owner(), listener("tcp-listen:0?idle=0.2")
        await link.start(owner.opened)
        spec = parse(link.spelling)
        _, silent = await asyncio.open_connection(spec.host, spec.port)
        await owner.until(lambda: len(owner.channels) == 1)
        _, busy = await asyncio.open_connection(spec.host, spec.port)
        await owner.until(lambda: len(owner.channels) == 2)
        while not owner.closed:
            busy.write(b".")
            owner.channels[1].send(b".")
            before = len(owner.data[owner.channels[1]])
            await owner.until(lambda before=before: owner.closed or len(owner.data[owner.channels[1]]) > before)
        assert owner.closed == {owner.channels[0]: "idle for too long"}
        silent.close()
        busy.close()
        await link.stop()

    run_async(story())


def test_a_client_that_does_not_read_is_closed_at_the_cap(run_async, make_owner) -> None:
    async def story() -> None:
        owner, link = make_owner(), listener()
        await link.start(owner.opened)
        spec = parse(link.spelling)
        with socket.create_connection((spec.host, spec.port)):
            await owner.until(lambda: owner.channels)
            for _ in range(4096):
                owner.channels[0].send(bytes(16 * 1024))
                if owner.closed:
                    break
            assert owner.closed[owner.channels[0]] == "the peer does not read"
        await link.stop()

    run_async(story())


def test_a_reset_ends_one_channel_and_the_next_client_is_served(run_async, make_owner) -> None:
    async def story() -> None:
        owner, link = make_owner(), listener()
        await link.start(owner.opened)
        spec = parse(link.spelling)
        rude = socket.create_connection((spec.host, spec.port))
        await owner.until(lambda: owner.channels)
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        rude.close()
        await owner.until(lambda: owner.closed)
        assert owner.closed[owner.channels[0]] == "connection reset"
        _, writer = await asyncio.open_connection(spec.host, spec.port)
        writer.write(b"next")
        await owner.until(lambda: len(owner.channels) == 2 and owner.data[owner.channels[1]] == b"next")
        writer.close()
        await link.stop()

    run_async(story())


def test_only_loopback_is_bound_without_a_credential() -> None:
    with pytest.raises(BadInput, match="clients need no password"):
        server(parse("tcp-listen:0.0.0.0:0"))
    server(parse("tcp-listen:0.0.0.0:0"), protected=True)
    server(parse("tcp-listen:0.0.0.0:0?insecure=yes"))


def test_a_port_in_use_and_a_refused_connection_are_one_line(run_async, free_port: int) -> None:
    with pytest.raises(LinkDown, match="refused"):
        open_stream(parse(f"tcp:127.0.0.1:{free_port}"))

    async def story() -> None:
        first, second = listener(f"tcp-listen:{free_port}"), listener(f"tcp-listen:{free_port}")
        await first.start(lambda channel: None)
        with pytest.raises(LinkDown, match="in use"):
            await second.start(lambda channel: None)
        await first.stop()

    run_async(story())


def test_a_link_that_cannot_be_read_says_which_can() -> None:
    with pytest.raises(BadInput, match=r"cannot be read through; these can: tcp, pty, serial"):
        open_stream(parse("air:home"))
