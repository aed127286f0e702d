"""Radio messages over TCP: each behind its length in two octets; the first of a connection says whose radio it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from protocols.core.errors import RemoteProtocolError
from tools.air import messages
from tools.air.carriers import FIRST_PAUSE, LONGEST_PAUSE, Seats, User
from tools.air.seat import Seat
from tools.errors import LinkDown
from tools.links.channel import Channel
from tools.links.spec import LinkSpec
from tools.links.tcp import Listener, dial

_CONNECTIONS = 64
_FOR_EVER = 10.0**9
"""Seconds: a gas meter is silent for half an hour, and that is no reason to hang up."""


class TcpDevice:
    """`tcp:HOST:PORT`: the connecting end."""

    def __init__(self, spec: LinkSpec, eui64: int) -> None:
        self._spec = spec
        self._channel: Channel | None = None

    async def run(self, user: User) -> None:
        """See `DeviceCarrier.run`."""
        pause = FIRST_PAUSE
        try:
            while True:
                try:
                    channel = await dial(self._spec)
                except LinkDown as down:
                    user.on_down(str(down))
                else:
                    pause = FIRST_PAUSE
                    user.on_down(await self._serve(channel, user))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            if self._channel is not None:
                self._channel.close()

    def send(self, message: bytes) -> None:
        """See `DeviceCarrier.send`."""
        if self._channel is not None:
            self._channel.send(messages.delimited(message))

    async def _serve(self, channel: Channel, user: User) -> str:
        """Use one connection to its end; why it ended."""
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        splitter = messages.Splitter()

        def close(reason: str) -> None:
            if not ended.done():
                ended.set_result(f"{self._spec}: {reason}")

        def take(data: bytes) -> None:
            try:
                for message in splitter.feed(data):
                    user.on_message(message)
            except RemoteProtocolError as wrong:
                channel.close()
                close(str(wrong))

        channel.on_data, channel.on_close = take, close
        self._channel = channel
        user.on_up()
        reason = await ended
        self._channel = None
        return reason


class TcpMedium:
    """`tcp-listen:[HOST:]PORT`: the listening end."""

    def __init__(self, spec: LinkSpec, seats: Seats) -> None:
        self._listener = Listener(replace(spec, options={**spec.options, "idle": _FOR_EVER, "connections": _CONNECTIONS}))
        self._seats = seats

    @property
    def spelling(self) -> str:
        """See `MediumCarrier.spelling`."""
        return self._listener.spelling

    async def start(self) -> None:
        """See `MediumCarrier.start`."""
        await self._listener.start(self._open)

    async def stop(self) -> None:
        """See `MediumCarrier.stop`."""
        await self._listener.stop()

    def _open(self, channel: Channel) -> None:
        _Guest(channel, self._seats)


class _Guest:
    """One connection. It has a seat once it has said who it is."""

    def __init__(self, channel: Channel, seats: Seats) -> None:
        self._channel = channel
        self._seats = seats
        self._seat: Seat | None = None
        self._splitter = messages.Splitter()
        channel.on_data, channel.on_close = self._data, self._closed

    def _data(self, data: bytes) -> None:
        try:
            for message in self._splitter.feed(data):
                seat = self._seat or self._sit_down(message)
                self._seats.message(seat, message)
        except RemoteProtocolError:
            self._channel.close()
            self._closed("")

    def _sit_down(self, message: bytes) -> Seat:
        request = messages.request(message)
        seat = self._seats.get(request.eui64) if isinstance(request, messages.Attach) else None
        if seat is None:
            self._say(self._seats.refusal(message))
            raise messages.BadMessage("a connection begins with the attachment of a device of this bench")
        self._seats.take(seat, self._say, self._ended)
        self._seat = seat
        return seat

    def _say(self, message: bytes) -> None:
        self._channel.send(messages.delimited(message))

    def _ended(self, reason: str) -> None:
        """Somebody else sits there now."""
        self._seat = None
        self._channel.close()

    def _closed(self, reason: str) -> None:
        if self._seat is not None:
            self._seats.leave(self._seat)
            self._seat = None
