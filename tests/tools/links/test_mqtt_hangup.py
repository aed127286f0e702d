"""MQTT against a broker that hangs up at any moment: the event loop has nothing to complain of."""

from __future__ import annotations

import asyncio

import pytest

from tools.links import parse
from tools.links.mqtt import Session

CONNECT, PUBLISH, SUBSCRIBE = 0x10, 0x30, 0x82
TURNS = range(8)
"""Turns of the event loop between the broker's acknowledgement of a record and its end."""


async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turns: int) -> None:
    """Takes one record, then goes."""
    try:
        while True:
            kind, length = await reader.readexactly(2)
            body = await reader.readexactly(length)
            if kind == CONNECT:
                writer.write(b"\x20\x02\0\0")
            elif kind == SUBSCRIBE:
                writer.write(b"\x90\x03" + body[:2] + b"\0")
            elif kind & 0xF0 == PUBLISH:
                identifier = 2 + int.from_bytes(body[:2], "big")
                writer.write(b"\x40\x02" + body[identifier : identifier + 2])
                for _ in range(turns):
                    await asyncio.sleep(0)
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


@pytest.mark.parametrize("turns", TURNS)
def test_a_broker_that_hangs_up_while_a_record_is_to_be_sent_ends_the_connection_and_nothing_else(run_async, turns) -> None:
    """In one of these turns the record waits for a socket that is closed before the loop comes to it."""
    complaints = []

    async def story() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        gone = asyncio.Queue()
        server = await asyncio.start_server(lambda reader, writer: broker(reader, writer, turns), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        session = Session(parse(f"mqtt://127.0.0.1:{port}/bench"), "hub", lambda up: None if up else gone.put_nowait(up))
        session.subscribe("air", print)
        for record in (b"1", b"2"):
            session.post("wan", record)
        running = asyncio.ensure_future(session.run())
        await gone.get()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.close()
        assert session.counters.connects == 1

    run_async(story())
    assert complaints == []
