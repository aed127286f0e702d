"""Radio messages over MQTT: one message in one datagram, `air/EUI64/tx` from the device and `air/EUI64/rx` to it, below a root.

`air/EUI64/$status` and `air/medium/$status` are retained and tell who is there; the broker writes them for a process that
dies. QoS 0: a radio frame that comes late is a wrong one, and a radio lives with loss.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from functools import partial

from protocols.core.errors import RemoteProtocolError
from tools.air.carriers import FIRST_PAUSE, LONGEST_PAUSE, Seats, User
from tools.air.seat import Seat
from tools.errors import LinkDown
from tools.links.mqtt import Session
from tools.links.spec import LinkSpec

_MEDIUM = "air/medium"
_TOPIC = re.compile(r"air/([0-9a-f]{16})/(?:tx|\$status)")
_STATUS = re.compile(rb"(online|offline) ([0-9a-f]{8})")


class MqttDevice:
    """A device's end: up while the broker is there and says that the medium is."""

    def __init__(self, spec: LinkSpec, eui64: int) -> None:
        self._spec = spec
        self._name = f"air/{eui64:016x}"
        self._user: User | None = None
        self._boot: bytes | None = None
        """The medium's that is there."""
        self._session = Session(spec, self._name, self._connected)
        self._session.subscribe(f"{self._name}/rx", self._message)
        self._session.subscribe(f"{_MEDIUM}/$status", self._status, retained=True)

    async def run(self, user: User) -> None:
        """See `DeviceCarrier.run`."""
        self._user = user
        pause = FIRST_PAUSE
        while True:
            try:
                await self._session.run()
            except LinkDown as down:
                user.on_down(str(down))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def send(self, message: bytes) -> None:
        """See `DeviceCarrier.send`."""
        self._session.send(f"{self._name}/tx", message)

    def _connected(self, connected: bool) -> None:
        assert self._user is not None
        if connected:
            self._user.on_down(f"{self._spec}: the broker is there, and no hub yet")
        else:
            self._boot = None
            self._user.on_down(f"{self._spec}: the broker is gone")

    def _message(self, topic: str, payload: bytes) -> None:
        if self._user is not None and self._boot is not None:
            self._user.on_message(payload)

    def _status(self, topic: str, payload: bytes) -> None:
        status = _STATUS.fullmatch(payload)
        if status is None or self._user is None:
            return
        if status[1] == b"online" and status[2] != self._boot:
            if self._boot is not None:
                self._user.on_down(f"{self._spec}: the hub has started anew")
            self._boot = status[2]
            self._user.on_up()
        elif status[1] == b"offline" and status[2] == self._boot:
            self._boot = None
            self._user.on_down(f"{self._spec}: the hub is gone")


class MqttMedium:
    """The medium's end."""

    def __init__(self, spec: LinkSpec, seats: Seats) -> None:
        self.spelling = str(spec)
        self._seats = seats
        self._boots: dict[int, bytes] = {}
        self._connected = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._session = Session(spec, _MEDIUM, self._state)
        self._session.subscribe("air/+/tx", self._message)
        self._session.subscribe("air/+/$status", self._status, retained=True)

    async def start(self) -> None:
        """See `MediumCarrier.start`."""
        self._running = asyncio.ensure_future(self._session.run())
        up = asyncio.ensure_future(self._connected.wait())
        await asyncio.wait((self._running, up), return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._running.done():
            self._running.result()

    async def stop(self) -> None:
        """See `MediumCarrier.stop`."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _state(self, connected: bool) -> None:
        if connected:
            self._connected.set()
        else:
            for seat in self._seats.all():
                self._seats.leave(seat)

    def _message(self, topic: str, payload: bytes) -> None:
        seat, answer = self._seat(topic), partial(self._session.send, topic.removesuffix("tx") + "rx")
        if seat is not None:
            if not seat.slot.taken:
                self._seats.take(seat, answer, lambda reason: None)
            self._seats.message(seat, payload)
            return
        with suppress(RemoteProtocolError):
            answer(self._seats.refusal(payload))

    def _status(self, topic: str, payload: bytes) -> None:
        """A device came, died, or another process is it now: in either case what the last one left is void."""
        seat, status = self._seat(topic), _STATUS.fullmatch(payload)
        if seat is None or status is None:
            return
        eui64 = self._eui64(topic)
        if (status[1] == b"online") is not (status[2] == self._boots.get(eui64)):  # a new life, or the end of this one
            self._seats.leave(seat)
        if status[1] == b"online":
            self._boots[eui64] = status[2]

    def _seat(self, topic: str) -> Seat | None:
        return self._seats.get(self._eui64(topic))

    def _eui64(self, topic: str) -> int:
        match = _TOPIC.fullmatch(topic)
        return int(match[1], 16) if match else -1
