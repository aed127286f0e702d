"""MQTT against a real mosquitto: datagrams, records, status, broker restarts, rubbish (bad inputs I6)."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tools.errors import BadInput, LinkDown
from tools.links import parse
from tools.links.mqtt import LARGEST, Session

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.needs("mosquitto")


class Inbox:
    """Messages in order of arrival."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def put(self, topic: str, payload: bytes) -> None:
        self._queue.put_nowait((topic, payload))

    async def get(self) -> tuple[str, bytes]:
        return await asyncio.wait_for(self._queue.get(), 10)

    @property
    def empty(self) -> bool:
        return self._queue.empty()


def session(port: int, name: str) -> tuple[Session, asyncio.Queue[bool]]:
    states: asyncio.Queue[bool] = asyncio.Queue()
    return Session(parse(f"mqtt://127.0.0.1:{port}/bench/home1"), name, states.put_nowait), states


async def until(states: asyncio.Queue[bool], wanted: bool) -> None:
    while await asyncio.wait_for(states.get(), 20) is not wanted:
        pass


@contextlib.asynccontextmanager
async def running(*sessions: tuple[Session, asyncio.Queue[bool]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one.run()) for one, _ in sessions]
    for _, states in sessions:
        await until(states, True)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def test_datagrams_and_records_arrive_in_order_and_whole(run_async, broker) -> None:
    async def story() -> None:
        hub, meter, inbox = session(broker.port, "hub"), session(broker.port, "esme"), Inbox()
        hub[0].subscribe("+/link/han/tx", inbox.put)
        hub[0].subscribe("+/link/wan/tx", inbox.put, records=True)
        async with running(hub, meter):
            for number in range(100):
                meter[0].send("esme/link/han/tx", bytes([number]))
                meter[0].post("esme/link/wan/tx", bytes([number, number]))
            got = [await inbox.get() for _ in range(200)]
        assert [payload for topic, payload in got if "han" in topic] == [bytes([n]) for n in range(100)]
        assert [payload for topic, payload in got if "wan" in topic] == [bytes([n, n]) for n in range(100)]
        assert {topic for topic, _ in got} == {"esme/link/han/tx", "esme/link/wan/tx"}

    run_async(story())


def test_status_is_retained_for_late_watchers(run_async, broker) -> None:
    async def story() -> None:
        watcher, meter, inbox = session(broker.port, "watch"), session(broker.port, "esme"), Inbox()
        watcher[0].subscribe("esme/$status", inbox.put, retained=True)
        async with running(meter), running(watcher):
            assert (await inbox.get())[1].startswith(b"online ")
        async with running(watcher):
            assert (await inbox.get())[1].startswith(b"offline ")

    run_async(story())


def test_the_broker_speaks_for_a_killed_process(run_async, broker) -> None:
    program = (
        "import asyncio; from tools.links import parse; from tools.links.mqtt import Session;"
        f"asyncio.run(Session(parse('mqtt://127.0.0.1:{broker.port}/bench/home1'), 'esme').run())"
    )

    async def story() -> None:
        watcher, inbox = session(broker.port, "watch"), Inbox()
        watcher[0].subscribe("esme/$status", inbox.put, retained=True)
        async with running(watcher):
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT)
            online = await inbox.get()
            process.kill()
            await process.wait()
            assert online[1].startswith(b"online ")
            assert (await inbox.get())[1] == online[1].replace(b"online", b"offline")

    run_async(story())


def test_a_broker_restart_keeps_records_and_drops_datagrams(run_async, broker) -> None:
    async def story() -> None:
        hub, meter, inbox = session(broker.port, "hub"), session(broker.port, "esme"), Inbox()
        hub[0].subscribe("wan", inbox.put, records=True)
        hub[0].subscribe("han", inbox.put)
        async with running(hub, meter):
            meter[0].post("wan", b"before")
            assert await inbox.get() == ("wan", b"before")
            broker.stop()
            for _, states in (hub, meter):
                await until(states, False)
            meter[0].send("han", b"too late")
            meter[0].post("wan", b"waits")
            broker.start()
            await until(hub[1], True)
            await until(meter[1], True)
            meter[0].post("wan", b"after")
            got = [await inbox.get()]
            while got[-1] != ("wan", b"after"):
                got.append(await inbox.get())
        assert meter[0].counters.lost_away == 1
        assert ("han", b"too late") not in got

    run_async(story())


def test_a_message_that_the_broker_does_not_take_ends_the_connection_for_a_new_one(run_async, broker) -> None:
    async def story() -> None:
        hub, meter, inbox = session(broker.port, "hub"), session(broker.port, "esme"), Inbox()
        hub[0].subscribe("wan", inbox.put, records=True)
        meter[0].patience = 0.3
        async with running(hub, meter):
            broker.pause()
            try:
                meter[0].post("wan", b"stuck")
                await until(meter[1], False)
            finally:
                broker.go_on()
            await until(meter[1], True)
            meter[0].post("wan", b"next")
            assert [await inbox.get(), await inbox.get()] == [("wan", b"stuck"), ("wan", b"next")]
        assert meter[0].counters.connects >= 2

    run_async(story())


def test_a_session_ends_when_it_is_told_to_though_the_broker_has_just_gone(run_async, broker) -> None:
    async def story() -> None:
        meter, states = session(broker.port, "esme")
        running = asyncio.ensure_future(meter.run())
        await until(states, True)
        broker.stop()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 20)

    run_async(story())


def test_rubbish_has_no_effect_and_good_messages_still_arrive(run_async, broker) -> None:
    async def story() -> None:
        hub, stranger, inbox = session(broker.port, "hub"), session(broker.port, "stranger"), Inbox()
        hub[0].subscribe("wan", inbox.put, records=True)
        hub[0].subscribe("han", inbox.put)
        async with running(stranger):
            stranger[0].retain("han", b"retained rubbish")
            stranger[0].post("elsewhere", b"foreign")
            async with running(hub):
                stranger[0].send("wan", b"short")
                repeat = bytes(4) + (1).to_bytes(4, "big") + b"once"
                stranger[0].send("wan", repeat)
                stranger[0].send("wan", repeat)
                stranger[0].send("han", b"good")
                assert await inbox.get() == ("wan", b"once")
                assert await inbox.get() == ("han", b"good")
                assert inbox.empty
                assert (hub[0].counters.refused, hub[0].counters.repeats) == (2, 1)
            stranger[0].send("han", bytes(LARGEST + 1))
            assert stranger[0].counters.lost_full == 1

    run_async(story())


def test_another_machines_broker_asks_for_a_user() -> None:
    spec = parse("mqtt://broker.example/bench")
    with pytest.raises(BadInput, match="asks for a user and password"):
        Session(spec, "hub")
    Session(replace(spec, user="ann", password="secret"), "hub")
    Session(parse("mqtt://broker.example/bench?insecure=yes"), "hub")


def test_no_broker_is_one_line(run_async, free_port: int) -> None:
    async def story() -> None:
        with pytest.raises(LinkDown, match="refused"):
            await session(free_port, "hub")[0].run()

    run_async(story())
