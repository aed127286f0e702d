"""DLMS over MQTT, the serving end: each client of the broker that writes below `ROOT/NAME/` is a channel.

    ROOT/NAME/to/CLIENT      records of octets from a client, as `mqtt.Session.post` sends them
    ROOT/NAME/from/CLIENT    records back

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
CLIENTS = 8
IDLE = 120.0
START_TIME = 10.0


class Listener:
    """A served `mqtt://BROKER/ROOT`. The broker says who may connect."""

    def __init__(self, spec: LinkSpec, protected: bool = False) -> None:
        self.spelling = str(spec)
        self._up = asyncio.Event()
        self._session = Session(spec, NAME, lambda connected: self._up.set() if connected else None)
        self._channels: dict[str, _Client] = {}
        self._running: asyncio.Task[None] | None = None

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        """Connect to the broker. Raises LinkDown when it cannot be reached."""
        self._session.subscribe(f"{NAME}/to/+", partial(self._received, on_open), records=True)
        self._running = asyncio.ensure_future(self._session.run())
        up = asyncio.ensure_future(self._up.wait())
        await asyncio.wait((self._running, up), timeout=START_TIME, return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._running.done():
            self._running.result()
        if not self._up.is_set():
            raise LinkDown(f"{self.spelling}: no answer")

    async def stop(self) -> None:
        """Leave the broker."""
        for channel in list(self._channels.values()):
            channel.close()
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError, LinkDown):
                await self._running

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
