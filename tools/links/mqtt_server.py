"""DLMS over MQTT, the serving end: each client of the broker that writes below `ROOT/NAME/` is a channel.

    ROOT/NAME/to/CLIENT      records of octets from a client, as `mqtt.Session.post` sends them
    ROOT/NAME/from/CLIENT    records back
    ROOT/NAME/notices        records of octets that hubs send by themselves

The octets are those of a TCP stream, wrapper and all, cut anywhere. A client that says nothing for `IDLE` seconds is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from tools.errors import LinkDown
from tools.links.channel import Channel, ignore_close, ignore_data
from tools.links.mqtt import Session
from tools.links.spec import LinkSpec

NAME = "hub"
NOTICES = f"{NAME}/notices"
CLIENTS = 8
IDLE = 120.0
START_TIME = 10.0
LEAVE_TIME = 10.0
"""Seconds that the broker may take for what is still to go."""
LOOK = 0.02


async def dial(spec: LinkSpec, timeout: float = 5.0) -> Channel:
    """`mqtt://BROKER/ROOT` as a channel for notices. Raises LinkDown when the broker does not take us in time."""
    session, up = _session(spec, "notices")
    running = asyncio.ensure_future(session.run())
    await _started(spec, running, up, timeout)
    return _Notices(session, running)


def _session(spec: LinkSpec, name: str) -> tuple[Session, asyncio.Event]:
    up = asyncio.Event()
    return Session(spec, name, lambda connected: up.set() if connected else None), up


async def _started(spec: LinkSpec, running: asyncio.Task[None], up: asyncio.Event, timeout: float) -> None:
    """Until the session is up. Raises LinkDown."""
    wanted = asyncio.ensure_future(up.wait())
    await asyncio.wait((running, wanted), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    wanted.cancel()
    if running.done():
        running.result()
    if not up.is_set():
        running.cancel()
        raise LinkDown(f"{spec}: no answer")


class _Notices:
    """What one hub sends by itself, for as long as its connection is open."""

    def __init__(self, session: Session, running: asyncio.Task[None]) -> None:
        self.peer = NOTICES
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self._session = session
        self._running = running
        self._ending: asyncio.Task[None] | None = None

    def send(self, data: bytes) -> None:
        """A record."""
        self._session.post(NOTICES, data)

    def close(self) -> None:
        """Leave, once the broker has all."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._leave())

    async def _leave(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_TIME):
                while self._session.unsent:
                    await asyncio.sleep(LOOK)
        self._running.cancel()

    def set_rate(self, baud: int | None) -> None:
        """There is none."""


class Ear:
    """`mqtt://BROKER/ROOT` for who wants to hear notices: all of them are one channel."""

    def __init__(self, spec: LinkSpec) -> None:
        self.spelling = str(spec)
        self.peer = NOTICES
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self._spec = spec
        self._session, self._up = _session(spec, "listener")
        self._running: asyncio.Task[None] | None = None

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        """Connect to the broker. Raises LinkDown when it cannot be reached."""
        on_open(self)
        self._session.subscribe(NOTICES, lambda topic, payload: self.on_data(payload), records=True)
        self._running = asyncio.ensure_future(self._session.run())
        await _started(self._spec, self._running, self._up, START_TIME)

    async def stop(self) -> None:
        """Leave the broker."""
        await _stopped(self._running)

    def send(self, data: bytes) -> None:
        """Nothing is sent."""

    def close(self) -> None:
        """What comes is ignored from now on."""
        self.on_data = ignore_data

    def set_rate(self, baud: int | None) -> None:
        """There is none."""


async def _stopped(running: asyncio.Task[None] | None) -> None:
    if running is not None:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, LinkDown):
            await running


class Listener:
    """A served `mqtt://BROKER/ROOT`. The broker says who may connect."""

    def __init__(self, spec: LinkSpec, protected: bool = False) -> None:
        self.spelling = str(spec)
        self._spec = spec
        self._session, self._up = _session(spec, NAME)
        self._channels: dict[str, _Client] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        """Connect to the broker. Raises LinkDown when it cannot be reached."""
        self._session.subscribe(f"{NAME}/to/+", partial(self._received, on_open), records=True)
        self._running = asyncio.ensure_future(self._session.run())
        await _started(self._spec, self._running, self._up, START_TIME)

    async def stop(self) -> None:
        """Leave the broker."""
        for channel in list(self._channels.values()):
            channel.close()
        await _stopped(self._running)

    def _received(self, on_open: Callable[[Channel], None], topic: str, payload: bytes) -> None:
        name = topic.rpartition("/")[2]
        channel = self._channels.get(name)
        if channel is None:
            if len(self._channels) >= CLIENTS:
                min(self._channels.values(), key=lambda each: each.last_heard).end("another client came")
            channel = self._channels[name] = _Client(name, self._session, self._channels)
            on_open(channel)
        channel.heard(payload)


class _Client:
    """One client of the broker."""

    def __init__(self, name: str, session: Session, channels: dict[str, _Client]) -> None:
        self.peer = name
        self.on_data: Callable[[bytes], None] = ignore_data
        self.on_close: Callable[[str], None] = ignore_close
        self.last_heard = 0.0
        self._session = session
        self._channels = channels
        self._timer: asyncio.TimerHandle | None = None

    def heard(self, data: bytes) -> None:
        """A record of it."""
        loop = asyncio.get_running_loop()
        self.last_heard = loop.time()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(IDLE, self.end, "silence")
        self.on_data(data)

    def send(self, data: bytes) -> None:
        """A record for it."""
        if self._channels.get(self.peer) is self:
            self._session.post(f"{NAME}/from/{self.peer}", data)

    def close(self) -> None:
        """Forget it; when it says more, it is another channel."""
        if self._timer is not None:
            self._timer.cancel()
        if self._channels.get(self.peer) is self:
            del self._channels[self.peer]

    def end(self, reason: str) -> None:
        """It is gone."""
        self.close()
        self.on_close(reason)

    def set_rate(self, baud: int | None) -> None:
        """There is none."""
