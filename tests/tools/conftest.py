"""What tests of real links share: one event loop a test, bounded waits, free ports, and a broker of our own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tools.links import Channel

T = TypeVar("T")
LIMIT = 10.0


@pytest.fixture
def within() -> Callable[[Awaitable[T]], Awaitable[T]]:
    """`await within(x)`: x, or a failed test after LIMIT seconds."""
    return lambda awaitable: asyncio.wait_for(awaitable, LIMIT)


@pytest.fixture
def run_async() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run one coroutine to its end in a fresh event loop, bounded."""

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            return await asyncio.wait_for(coroutine, 3 * LIMIT)

        return asyncio.run(bounded())

    return run


@pytest.fixture
def free_port() -> int:
    """A loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Owner:
    """Keeps what a listener tells, and wakes whoever waits for it."""

    def __init__(self) -> None:
        self.channels: list[Channel] = []
        self.data: dict[Channel, bytes] = {}
        self.closed: dict[Channel, str] = {}
        self.news = asyncio.Condition()

    def opened(self, channel: Channel) -> None:
        self.channels.append(channel)
        self.data[channel] = b""

        def take(data: bytes) -> None:
            self.data[channel] += data
            self._wake()

        def end(reason: str) -> None:
            self.closed[channel] = reason
            self._wake()

        channel.on_data, channel.on_close = take, end
        self._wake()

    def _wake(self) -> None:
        async def notify() -> None:
            async with self.news:
                self.news.notify_all()

        self._notifying = asyncio.ensure_future(notify())

    async def until(self, condition: Callable[[], object]) -> None:
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(lambda: bool(condition())), LIMIT)


@pytest.fixture
def make_owner() -> type[Owner]:
    """Makes an `Owner`, inside the event loop of the test."""
    return Owner


class Broker:
    """One mosquitto on a free loopback port, started and ended by the test."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\nset_tcp_nodelay true\n"
        )
        self._program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "mosquitto"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if line.rstrip().endswith("running"):
                return
        raise AssertionError("mosquitto did not start")

    def pause(self) -> None:
        """Stop working, with every connection open; `go_on` is the way back."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(LIMIT)
            assert self._process.stderr is not None
            self._process.stderr.close()
            self._process = None


@pytest.fixture
def broker(tmp_path: Path, free_port: int) -> Iterator[Broker]:
    broker = Broker(tmp_path, free_port)
    broker.start()
    yield broker
    broker.stop()
