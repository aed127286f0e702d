"""Smart Energy from end to end: the head end writes ZigBee packets itself and reads what devices answer, over either layer.

    line = GatewayLine(kernel, host, "home1/hub", password)
    await line.login()
    await SmartEnergy(line).read(eui64, 1, Metering, [Metering.current_summation_delivered])

`GatewayLine` speaks the layer `gateway`; `ObjectLine` the layer `gooo`, inside a DLMS association. What a hub repeats is
dropped by its number. With a key that a device and the
head end share, payloads are sealed from end to end (`protocols.zigbee.end_to_end`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from devices.runtime.kernel import Kernel, S
from devices.runtime.net import Closed, Host
from devices.runtime.tasks import Event, Future
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.client import Client, adrive
from protocols.zigbee import end_to_end, gateway
from protocols.zigbee.end_to_end import HEAD_END, Way
from protocols.zigbee.gateway import NotifyAPSMessage, Packet, Result, Status
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import SERVER, Attribute, Cluster
from protocols.zigbee.zcl.foundation import Header, ReadAttributes, ReadAttributesResponse
from tools.headend.head_end import NoAnswer

PROFILE: Final = 0x0109
SOURCE: Final = 0xC8
"""The endpoint that stands for the head end."""
TIMEOUT: Final = 20 * S
LOOK: Final = S // 2
"""How often a hub's object is looked at for an answer."""
PACKET_CLASS: Final = 32769
TAKEN: Final = (Status.SUCCESS, Status.WAITING)
"""The device has it, or will have it when it wakes."""


class Refused(RemoteProtocolError):
    """The hub did not pass it on."""

    def __init__(self, status: Status, text: str = "") -> None:
        super().__init__(text or status.name)
        self.status = status


class PacketLine(Protocol):
    """A way for packets."""

    async def send(self, packet: Packet) -> None:
        """Have one passed on. Raises Refused, NoAnswer."""
        ...

    async def receive(self, eui64: int) -> Packet:
        """The next one of a device. Raises NoAnswer."""
        ...


class GatewayLine:
    """A connection to a hub whose layer is `gateway`."""

    def __init__(self, kernel: Kernel, host: Host, hub: str, password: bytes) -> None:
        self.closed: Closed | None = None
        self.sent: list[bytes] = []
        """Payloads, as they went out."""
        self._kernel = kernel
        self._password = password
        self._splitter = gateway.Splitter()
        self._open: dict[int, Future[Result]] = {}
        self._last = 0
        self._newest = 0
        self._packets: deque[Packet] = deque()
        self._news = Event()
        self._stream = host.connect(hub, gateway.PORT)
        self._stream.on_data = self._data
        self._stream.on_close = self._ended

    async def login(self) -> None:
        """Say who we are. Raises Refused, NoAnswer."""
        await self._ask(lambda number: gateway.Login(number, self._password))

    async def application(self) -> str:
        """The hub's active application layer."""
        return (await self._ask(gateway.GetApplication)).text.decode()

    async def choose(self, name: str) -> None:
        """Have another one. Raises Refused, which says why not."""
        await self._ask(lambda number: gateway.SetApplication(number, name.encode()))

    async def send(self, packet: Packet) -> None:
        """As `PacketLine`."""
        self.sent.append(packet.payload)
        await self._ask(lambda number: gateway.SendAPSMessage(number, packet))

    async def receive(self, eui64: int) -> Packet:
        """As `PacketLine`; packets of others are kept for who asks."""
        try:
            with self._kernel.timeout(TIMEOUT):
                while True:
                    for packet in self._packets:
                        if packet.eui64 == eui64:
                            self._packets.remove(packet)
                            return packet
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise NoAnswer(f"nothing from {eui64:016X}") from None

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    async def _ask(self, request: Callable[[int], Frame]) -> Result:
        self._last = number = (self._last + 1) & 0xFFFF
        answer: Future[Result] = Future()
        self._open[number] = answer
        self._stream.send(gateway.framed(request(number)))
        try:
            with self._kernel.timeout(TIMEOUT):
                result = await answer
        except TimeoutError:
            raise NoAnswer("the hub does not answer") from None
        finally:
            del self._open[number]
        if result.status not in TAKEN:
            raise Refused(Status(result.status), result.text.decode())
        return result

    def _data(self, data: bytes) -> None:
        for octets in self._splitter.feed(data):
            message = gateway.from_hub.parse(octets)
            if isinstance(message, Result):
                answer = self._open.get(message.transaction)
                if answer is not None and not answer.done:
                    answer.set_result(message)
            elif isinstance(message, NotifyAPSMessage):
                self._stream.send(gateway.framed(gateway.Acknowledge(message.number)))
                if message.number > self._newest:
                    self._newest = message.number
                    self._packets.append(message.packet)
                    self._news.set()

    def _ended(self, why: Closed) -> None:
        self.closed = why
        for answer in self._open.values():
            if not answer.done:
                answer.set_exception(NoAnswer(why.value))


class ObjectLine:
    """The packet object of one device at a hub whose layer is `gooo`. `client` has an association with the hub."""

    def __init__(self, kernel: Kernel, client: Client, exchange: Callable[[bytes], Awaitable[bytes]], obis: str) -> None:
        self._kernel = kernel
        self._client = client
        self._exchange = exchange
        self._obis = obis

    async def send(self, packet: Packet) -> None:
        """As `PacketLine`."""
        octets = axdr.octets(packet.build()[8:])
        await adrive(self._client.action(self._obis, PACKET_CLASS, 1, octets), self._exchange)
        for _ in range(TIMEOUT // LOOK):
            status = (await adrive(self._client.get(self._obis, PACKET_CLASS, 5), self._exchange)).value
            if status in TAKEN:
                return
            if status in tuple(Status):
                raise Refused(Status(status))
            await self._kernel.sleep(LOOK)
        raise NoAnswer("the hub does not tell")

    async def receive(self, eui64: int) -> Packet:
        """As `PacketLine`."""
        for _ in range(TIMEOUT // LOOK):
            waiting = (await adrive(self._client.get(self._obis, PACKET_CLASS, 4), self._exchange)).python
            if isinstance(waiting, list) and waiting:
                number, octets = waiting[0]
                await adrive(self._client.action(self._obis, PACKET_CLASS, 2, axdr.u32(number)), self._exchange)
                return Packet.parse(eui64.to_bytes(8, "big") + octets)
            await self._kernel.sleep(LOOK)
        raise NoAnswer(f"nothing from {eui64:016X}")


class SmartEnergy:
    """Questions to devices over a line; with `key`, to one that shares it, sealed from end to end."""

    def __init__(self, line: PacketLine, key: end_to_end.Sender | None = None) -> None:
        self._line = line
        self._sequence = 0
        self._key = key

    async def read(
        self, eui64: int, endpoint: int, cluster: type[Cluster], attributes: Sequence[Attribute[Any]]
    ) -> dict[Attribute[Any], object]:
        """The server's attributes that the device has. Raises Refused, NoAnswer."""
        self._sequence = (self._sequence + 1) & 0xFF
        question = ReadAttributes([attribute.id for attribute in attributes])
        payload = foundation.general(self._sequence, question, to=SERVER, disable_default_response=True)
        await self._line.send(self._sealed(Packet(eui64, PROFILE, cluster.id, SOURCE, endpoint, payload)))
        while True:
            packet = await self._line.receive(eui64)
            try:
                answered = self._opened(packet)
                header, position = Header.parse_from(answered, 0)
                if packet.cluster != cluster.id or header.sequence != self._sequence:
                    continue
                answer, _ = ReadAttributesResponse.parse_from(answered, position)
            except RemoteProtocolError:
                continue
            values = {record.attribute: record.value for record in answer.records if record.value}
            return {attribute: values[attribute.id].value for attribute in attributes if attribute.id in values}

    def _sealed(self, packet: Packet) -> Packet:
        if self._key is None:
            return packet
        way = Way(HEAD_END, packet.eui64, packet.profile, packet.cluster, SOURCE, end_to_end.ENDPOINT)
        sealed = self._key.close(way, packet.payload)
        return Packet(packet.eui64, packet.profile, packet.cluster, SOURCE, end_to_end.ENDPOINT, sealed)

    def _opened(self, packet: Packet) -> bytes:
        if self._key is None:
            return packet.payload
        way = Way(packet.eui64, HEAD_END, packet.profile, packet.cluster, SOURCE, end_to_end.ENDPOINT)
        return self._key.open(way, packet.payload)
