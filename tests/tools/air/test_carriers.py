"""The medium's TCP door: who gets a seat, who loses it, what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devices.runtime.journal import Happening
from tools.air import messages
from tools.air.carriers import Seats, User, device_carrier, medium_carrier
from tools.air.messages import Attach
from tools.air.seat import Seat
from tools.errors import BadInput
from tools.links import parse

BENCH = bytes(range(16))


class Door:
    """A medium on a free port: what its seats are told, and a way for a client to wait for it."""

    def __init__(self, world) -> None:
        self.world = world
        self.eui64 = world.hub.eui64 + 1
        self.seat: Seat = world.seat(self.eui64)
        self.fed: asyncio.Queue[tuple[Happening, bytes]] = asyncio.Queue()
        self.changes: list[bool] = []
        self.seats = Seats({self.eui64: self.seat}, self._feed, lambda seat, here: self.changes.append(here))
        self.medium = medium_carrier(parse("tcp-listen:0"), self.seats)

    def _feed(self, endpoint: str, happening: Happening, data: bytes) -> None:
        assert endpoint == self.seat.slot.endpoint
        self.fed.put_nowait((happening, data))

    async def next(self) -> tuple[Happening, bytes]:
        return await asyncio.wait_for(self.fed.get(), 10)

    def attach(self, life: int = 1, eui64: int | None = None) -> bytes:
        return Attach(life, 0, self.eui64 if eui64 is None else eui64, BENCH).build()


@asynccontextmanager
async def served(world) -> AsyncIterator[Door]:
    door = Door(world)
    await door.medium.start()
    try:
        yield door
    finally:
        await door.medium.stop()


async def connect(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    spec = parse(door.medium.spelling)
    return await asyncio.open_connection(spec.host, spec.port)


def test_a_device_sits_down_speaks_and_leaves(run_async, world):
    async def story() -> None:
        async with served(world) as door:
            reader, writer = await connect(door)
            sent = door.attach()
            writer.write(messages.delimited(sent) + messages.delimited(b"\x01\x02"))
            assert [await door.next() for _ in range(3)] == [
                (Happening.OPEN, b""), (Happening.DATA, sent), (Happening.DATA, b"\x01\x02"),
            ]  # fmt: skip
            door.seat.slot.output(b"welcome")
            assert await reader.readexactly(9) == b"\x00\x07welcome"
            writer.close()
            await writer.wait_closed()
            assert await door.next() == (Happening.CLOSE, b"")
            assert door.changes == [True, False]

    run_async(story())


def test_a_second_process_takes_the_seat_of_the_first(run_async, world):
    async def story() -> None:
        async with served(world) as door:
            first, first_writer = await connect(door)
            first_writer.write(messages.delimited(door.attach(1)))
            assert [(await door.next())[0] for _ in range(2)] == [Happening.OPEN, Happening.DATA]
            _, second_writer = await connect(door)
            second_writer.write(messages.delimited(door.attach(2)))
            assert [(await door.next())[0] for _ in range(3)] == [Happening.CLOSE, Happening.OPEN, Happening.DATA]
            assert await asyncio.wait_for(first.read(), 10) == b""
            first_writer.close()
            await first_writer.wait_closed()
            second_writer.close()
            await second_writer.wait_closed()
            assert await door.next() == (Happening.CLOSE, b"")

    run_async(story())


def test_an_unknown_device_is_told_that_the_bench_is_another_one(run_async, world):
    async def story() -> None:
        async with served(world) as door:
            reader, writer = await connect(door)
            writer.write(messages.delimited(door.attach(7, eui64=5)))
            (said,) = messages.Splitter().feed(await asyncio.wait_for(reader.read(), 10))
            refusal = messages.indication(said)
            assert isinstance(refusal, messages.Refuse)
            assert (refusal.life, messages.REFUSALS[refusal.reason]) == (7, messages.Refusal.OTHER_BENCH)
            writer.close()
            await writer.wait_closed()
            assert door.fed.empty()

    run_async(story())


@pytest.mark.parametrize("octets", [b"\xff\xff", b"\x00\x05hello", messages.delimited(messages.Now(1, 2).build()), bytes(100)])
def test_a_connection_that_does_not_begin_as_a_device_ends(run_async, world, octets):
    async def story() -> None:
        async with served(world) as door:
            reader, writer = await connect(door)
            writer.write(octets)
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
            await writer.wait_closed()
            assert door.fed.empty()

    run_async(story())


def test_rubbish_after_a_good_beginning_empties_the_seat(run_async, world):
    async def story() -> None:
        async with served(world) as door:
            reader, writer = await connect(door)
            writer.write(messages.delimited(door.attach()) + b"\xff\xff")
            assert [(await door.next())[0] for _ in range(3)] == [Happening.OPEN, Happening.DATA, Happening.CLOSE]
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
            await writer.wait_closed()

    run_async(story())


def test_a_devices_end_comes_back_by_itself_and_drops_a_medium_that_talks_rubbish(run_async):
    async def story() -> None:
        happened: asyncio.Queue[str] = asyncio.Queue()
        answers = [b"\xff\xff", messages.delimited(b"good")]

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answers.pop(0))
            await reader.read()
            writer.close()
            await writer.wait_closed()
            ended.release()

        ended = asyncio.Semaphore(0)
        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        carrier = device_carrier(parse(f"tcp:127.0.0.1:{port}"), 1)
        user = User(lambda: happened.put_nowait("up"), happened.put_nowait, lambda message: happened.put_nowait(message.decode()))
        running = asyncio.ensure_future(carrier.run(user))
        said = [await asyncio.wait_for(happened.get(), 10) for _ in range(4)]
        assert said == ["up", f"tcp:127.0.0.1:{port}: a radio message of 65535 octets", "up", "good"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for _ in range(2):
            await asyncio.wait_for(ended.acquire(), 10)
        listener.close()
        await listener.wait_closed()

    run_async(story())


@pytest.mark.parametrize("link", ["pty:", "serial:/dev/null", "zep:127.0.0.1", "tcp-listen:0"])
def test_links_that_carry_no_radio_are_refused(link):
    with pytest.raises(BadInput, match="cannot reach a medium; these can: tcp, mqtt"):
        device_carrier(parse(link), 1)
