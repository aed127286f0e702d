"""MQTT: many small links over one broker connection. The one module that knows aiomqtt (and paho under it).

Two kinds of message, because radio frames and records want opposite things:

- a datagram (`send`): QoS 0, no header, dropped and counted while the broker is away (a late radio frame is a wrong
  one);
- a record (`post`): QoS 1, in order, queued while the broker is away, behind an 8-octet header (boot, sequence; big
  endian) by which the receiver drops repeats. MQTT 3.1.1 is enough.

`NAME/$status` under the root is retained: `online BOOT` or `offline BOOT`; the broker says the latter for us when the
process dies. That is the transport's word: a hub's last gasp is a message of its own. MQTT is never inside a
reproducible run. Retained messages, foreign ones and those over 64 KiB are dropped (bad inputs I6).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import aiomqtt
from paho.mqtt import client as paho

from tools.errors import BadInput, LinkDown
from tools.links import tls
from tools.links.spec import LinkSpec, is_loopback

LARGEST = 64 * 1024
"""Octets of one message, either way."""
WAITING = 1024
"""Messages that may wait to be sent."""
_HEADER = 8
_LOG = logging.getLogger("meterbench.mqtt")
_LOG.addHandler(logging.NullHandler())
_LOG.propagate = False
"""What the library says of a broken connection is told by `on_state` and `LinkDown` already."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0

_Socket = socket.socket | ssl.SSLSocket
Handler = Callable[[str, bytes], None]
"""Told of each message: topic below the root, payload without header."""


@dataclass(slots=True)
class Counters:
    """What did not get through, and why."""

    lost_away: int = 0
    lost_full: int = 0
    repeats: int = 0
    refused: int = 0
    connects: int = 0


@dataclass(slots=True)
class _Subscription:
    filter: str
    on_message: Handler
    records: bool
    retained: bool


@dataclass(frozen=True, slots=True)
class _Outgoing:
    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(slots=True)
class Session:
    """One client `name` of the broker and root topic in `spec`. Subscribe first, then `await run()` until cancelled."""

    spec: LinkSpec
    name: str
    on_state: Callable[[bool], None] = lambda connected: None
    counters: Counters = field(default_factory=Counters)
    patience: float = 5.0
    """Seconds the broker may take over anything; then the connection is given up for a new one."""
    _boot: bytes = field(default_factory=lambda: os.urandom(4))
    _sequence: int = 0
    _seen: dict[tuple[str, bytes], int] = field(default_factory=dict)
    _subscriptions: list[_Subscription] = field(default_factory=list)
    _waiting: deque[_Outgoing] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _connected: bool = False

    def __post_init__(self) -> None:
        if not (is_loopback(self.spec.host) or self.spec.user or self.spec.flag("insecure")):
            raise BadInput(f'link "{self.spec}": a broker on another machine asks for a user and password; or say insecure=yes')

    @property
    def unsent(self) -> int:
        """Messages that the broker does not have yet."""
        return len(self._waiting)

    def subscribe(self, topic: str, on_message: Handler, *, records: bool = False, retained: bool = False) -> None:
        """Take messages of `topic`; `+` is one level; of two that match, the first one gets the message.

        `records` says that they come from `post`; `retained` takes retained ones too.
        """
        self._subscriptions.append(_Subscription(self._full(topic), on_message, records, retained))

    def send(self, topic: str, payload: bytes) -> None:
        """One datagram."""
        if not self._connected:
            self.counters.lost_away += 1
            return
        self._queue(_Outgoing(self._full(topic), payload, 0, False))

    def post(self, topic: str, payload: bytes) -> None:
        """One record."""
        self._sequence += 1
        header = self._boot + self._sequence.to_bytes(4, "big")
        self._queue(_Outgoing(self._full(topic), header + payload, 1, False))

    def retain(self, topic: str, payload: bytes) -> None:
        """A record without header that late subscribers get too, such as a birth certificate."""
        self._queue(_Outgoing(self._full(topic), payload, 1, True))

    async def run(self) -> None:
        """Stay connected until cancelled. Raises LinkDown only when the first connection fails."""
        pause = _FIRST_PAUSE
        while True:
            client = self._client()
            try:
                async with client:
                    pause = _FIRST_PAUSE
                    await self._serve(client)
            except aiomqtt.MqttError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():  # the broker went while we took our leave
                    raise asyncio.CancelledError from error
                if not self.counters.connects:
                    raise LinkDown(f"{self.spec}: {_reason(error)}") from error
            finally:
                # aiomqtt keeps the broker's sudden end in a future that nobody awaits when we are cancelled at that moment.
                ended: asyncio.Future[None] | None = getattr(client, "_disconnected", None)
                if ended is not None and ended.done() and not ended.cancelled():
                    ended.exception()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _full(self, topic: str) -> str:
        return f"{self.spec.path}/{topic}"

    def _status(self, word: str) -> bytes:
        return f"{word} {self._boot.hex()}".encode()

    def _client(self) -> aiomqtt.Client:
        status = self._full(f"{self.name}/$status")
        return _Client(
            self.spec.host,
            self.spec.port,
            username=self.spec.user or None,
            password=self.spec.password or None,
            identifier=f"{self.name}-{self._boot.hex()}",
            will=aiomqtt.Will(status, self._status("offline"), 1, True),
            tls_context=tls.context() if self.spec.flag("tls") else None,
            timeout=self.patience,
            keepalive=15,
            logger=_LOG,
            # Off by default in paho: 44 ms for each round trip.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    async def _serve(self, client: aiomqtt.Client) -> None:
        status = self._full(f"{self.name}/$status")
        for wanted in self._subscriptions:
            await client.subscribe(wanted.filter, qos=1 if wanted.records else 0)
        await client.publish(status, self._status("online"), qos=1, retain=True)
        self.counters.connects += 1
        self._connected = True
        self.on_state(True)
        directions = [asyncio.ensure_future(self._take(client)), asyncio.ensure_future(self._send_waiting(client))]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)  # one without the other is no connection
        except asyncio.CancelledError:
            await client.publish(status, self._status("offline"), qos=1, retain=True, timeout=1.0)
            raise
        finally:
            self._connected = False
            late = [message for message in self._waiting if message.qos == 0]
            self.counters.lost_away += len(late)
            self._waiting = deque(message for message in self._waiting if message.qos)
            for direction in directions:
                direction.cancel()
            ends = await asyncio.gather(*directions, return_exceptions=True)
            self.on_state(False)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _take(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self._receive(message)

    async def _send_waiting(self, client: aiomqtt.Client) -> None:
        """A record leaves the queue once the broker has it: a broken connection sends it again, as a repeat."""
        while True:
            while self._waiting:
                message = self._waiting[0]
                try:
                    await client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)
                except OSError as error:
                    raise aiomqtt.MqttError(str(error)) from error
                if self._waiting and self._waiting[0] is message:
                    self._waiting.popleft()
            self._wake.clear()
            await self._wake.wait()

    def _queue(self, message: _Outgoing) -> None:
        if len(message.payload) > LARGEST or len(self._waiting) >= WAITING:
            self.counters.lost_full += 1
            return
        self._waiting.append(message)
        self._wake.set()

    def _receive(self, message: aiomqtt.Message) -> None:
        payload = message.payload
        if not isinstance(payload, bytes) or len(payload) > LARGEST:
            self.counters.refused += 1
            return
        topic = message.topic.value.removeprefix(self.spec.path + "/")
        wanted = next((one for one in self._subscriptions if message.topic.matches(one.filter)), None)
        if wanted is None or (message.retain and not wanted.retained):
            self.counters.refused += 1
        elif not wanted.records:
            wanted.on_message(topic, payload)
        elif self._fresh(topic, payload):
            wanted.on_message(topic, payload[_HEADER:])

    def _fresh(self, topic: str, payload: bytes) -> bool:
        if len(payload) < _HEADER:
            self.counters.refused += 1
            return False
        sender, sequence = (topic, payload[:4]), int.from_bytes(payload[4:8], "big")
        if sequence <= self._seen.get(sender, 0):
            self.counters.repeats += 1
            return False
        if len(self._seen) >= WAITING:
            del self._seen[next(iter(self._seen))]
        self._seen[sender] = sequence
        return True


class _Client(aiomqtt.Client):
    """aiomqtt 2.5 waits for room in a socket by the number that it had a turn of the event loop before. A broker that hangs up in
    between has the loop complain of a bad file descriptor, or wait for somebody else's: here the number is the one it has now."""

    def _on_socket_register_write(self, client: paho.Client, userdata: object, sock: _Socket) -> None:
        self._loop.call_soon_threadsafe(self._await_room, client, sock)

    def _await_room(self, client: paho.Client, sock: _Socket) -> None:
        if client.socket() is sock:
            self._loop.add_writer(sock.fileno(), self._write, client)

    def _write(self, client: paho.Client) -> None:
        try:
            client.loop_write()
        except Exception as error:  # any: as for reading, it is the end of the connection
            if not self._disconnected.done():
                self._disconnected.set_exception(error)


def _reason(error: aiomqtt.MqttError) -> str:
    """`[Errno 111] Connection refused` without its number, in lower case."""
    text = str(error)
    return (text.partition("] ")[2] or text).lower()
