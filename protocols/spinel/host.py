"""The host of a radio co-processor: resets it, tunes it, has it send, and hears what it hears (Spinel 4.3, as `rcp` answers it).

One message waits for its answer at a time, so that settings and frames take effect in the order in which they were asked for. A
co-processor that resets by itself, or does not answer, is set up again; what was under way counts as not acknowledged.

While the node has no short address the co-processor is promiscuous: the first frame to a new address is on the air before any host
could have told the radio that it is ours. Not here: energy scans of several channels, source matching; frames for sleepers are its
user's to hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from protocols.core.effects import Effect, Send
from protocols.core.errors import RemoteProtocolError
from protocols.spinel.beacon import ScanBeacon
from protocols.spinel.hdlc_lite import Decoder, encode
from protocols.spinel.message import Command, EnergyScanResult, Message, Property, Received, Status, unpack

ANSWER: Final = 2_000_000_000
"""ns that the co-processor may take, its retries and back-off included."""
WAITING: Final = 64
"""Messages that may wait for their turn."""
LONGEST: Final = 0xFFFF * 1_000_000
"""ns that a channel can be listened to for its energy."""
_TRANSACTIONS: Final = 15
_IDLE, _BEACONS, _ENERGY = b"\0", b"\1", b"\2"
_MS: Final = 1_000_000
_RESETS: Final = range(112, 128)
_NO_ADDRESS: Final = 0xFFFE
_METADATA: Final = bytes((4, 3, 1, 1, 0, 1)) + bytes(8)
"""Back-offs, retries, CSMA; header and security are as they shall be, no repetition; at once. As zigbee-on-host sends it."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the radio shall be: see `devices.runtime.radio.Radio.configure`."""

    channel: int
    pan_id: int
    short: int
    eui64: int
    rx_on_when_idle: bool
    promiscuous: bool = False

    def properties(self) -> Iterator[tuple[Property, bytes]]:
        """The settings, in the order in which they are made."""
        yield Property.PHY_CHANNEL, bytes((self.channel,))
        yield Property.MAC_EXTENDED_ADDRESS, self.eui64.to_bytes(8, "big")
        yield Property.MAC_PAN_ID, self.pan_id.to_bytes(2, "little")
        yield Property.MAC_SHORT_ADDRESS, self.short.to_bytes(2, "little")
        yield Property.MAC_RX_ON_WHEN_IDLE, bytes((self.rx_on_when_idle,))
        yield Property.MAC_PROMISCUOUS_MODE, bytes((self.promiscuous or self.short >= _NO_ADDRESS,))


class Heard(Effect, frozen=True):
    """The radio heard a frame. `lqi`: 0 to 255."""

    psdu: bytes
    lqi: int


class Confirmed(Effect, frozen=True):
    """The transmission `handle` ended: OK, NO_ACK, or why not. `frame_pending` is the bit of the acknowledgement."""

    handle: int
    status: int
    frame_pending: bool


class Measured(Effect, frozen=True):
    """The loudest of the channel that was to be measured, dBm; None: the co-processor cannot tell."""

    rssi: int | None


class Identified(Effect, frozen=True):
    """Who the co-processor is: its version, and the EUI-64 that it was made with."""

    version: str
    eui64: int


class Found(Effect, frozen=True):
    """A network answered the scan."""

    beacon: ScanBeacon


class Scanned(Effect, frozen=True):
    """The scan for networks has ended; `whole`: on all channels."""

    whole: bool


class Refused(Effect, frozen=True):
    """The co-processor does not take a setting, and says why."""

    property: int
    status: int


@dataclass(frozen=True, slots=True)
class _Asked:
    property: Property
    value: bytes
    handle: int | None = None
    command: Command = Command.PROPERTY_SET


class Host:
    """One host. `ready` once the co-processor has answered a reset. `identify`: ask it then who it is."""

    def __init__(self, *, identify: bool = False) -> None:
        self.ready = False
        self._identify = identify
        self._version = ""
        self._decoder = Decoder()
        self._now = 0
        self._effects: list[Effect] = []
        self._queue: deque[_Asked] = deque()
        self._current: _Asked | None = None
        self._transaction = 0
        self.deadline: int | None = None
        """When `expire` is wanted, ns."""
        self._tuning: Tuning | None = None
        self._set: dict[Property, bytes] = {}
        self._measuring: int | None = None
        self._scanning = False

    @property
    def tuned(self) -> bool:
        """It is set up as it shall be, and nothing waits."""
        return self.ready and self._current is None and bool(self._set)

    # --- the radio's user ---

    def start(self, now: int) -> list[Effect]:
        """The line is there: reset the co-processor, and set it up again as it was."""
        self._now = now
        self._reset()
        return self._take()

    def stop(self, now: int) -> list[Effect]:
        """The line is gone: nothing under way will be acknowledged."""
        self._now = now
        self._forget()
        return self._take()

    def configure(self, tuning: Tuning, now: int) -> list[Effect]:
        """Tune in, now or as soon as the co-processor is ready."""
        self._now = now
        self._tuning = tuning
        self._tune()
        return self._take()

    def transmit(self, handle: int, psdu: bytes, now: int) -> list[Effect]:
        """Send a frame; `Confirmed` tells how it ended."""
        self._now = now
        if not self.ready or len(self._queue) >= WAITING:
            self._effects.append(Confirmed(handle, Status.NOMEM if self.ready else Status.NO_ACK, False))
        else:
            channel = bytes((0 if self._tuning is None else self._tuning.channel,))
            value = len(psdu).to_bytes(2, "little") + psdu + channel + _METADATA + channel
            self._queue.append(_Asked(Property.STREAM_RAW, value, handle))
            self._next()
        return self._take()

    def measure(self, channel: int, duration: int, now: int) -> list[Effect]:
        """Listen to one channel for `duration` ns, in whole ms; `Measured` tells of it. One under way is forgotten."""
        self._now = now
        if not self.ready or self._scanning or duration > LONGEST or len(self._queue) >= WAITING:
            self._effects.append(Measured(None))
        else:
            self._measuring = channel
            self._ask(Property.MAC_SCAN_MASK, bytes((channel,)))
            self._ask(Property.MAC_SCAN_PERIOD, max(1, -(-duration // _MS)).to_bytes(2, "little"))
            self._ask(Property.MAC_SCAN_STATE, _ENERGY)
        return self._take()

    def scan(self, channels: Iterable[int], duration: int, now: int) -> list[Effect]:
        """Ask for beacons on each channel, `duration` ns (in whole ms) on each; `Found` tells of each, `Scanned` of the end.

        Meanwhile nothing is sent, and nothing else heard.
        """
        self._now = now
        if not self.ready or self._scanning or self._measuring is not None or duration > LONGEST:
            self._effects.append(Scanned(False))
        else:
            self._scanning = True
            self._ask(Property.MAC_SCAN_MASK, bytes(channels))
            self._ask(Property.MAC_SCAN_PERIOD, max(1, -(-duration // _MS)).to_bytes(2, "little"))
            self._ask(Property.MAC_SCAN_STATE, _BEACONS)
        return self._take()

    # --- the line ---

    def feed(self, data: bytes, now: int) -> list[Effect]:
        """Octets from the line."""
        self._now = now
        for frame in self._decoder.feed(data):
            try:
                self._message(Message.parse(frame))
            except RemoteProtocolError:
                continue
        return self._take()

    def expire(self, now: int) -> list[Effect]:
        """Time has come to `deadline`: the co-processor has not answered."""
        self._now = now
        if self.deadline is not None and self.deadline <= now:
            self._reset()
        return self._take()

    def _message(self, message: Message) -> None:
        if message.command == Command.PROPERTY_INSERTED and message.property == Property.MAC_SCAN_BEACON and not message.interface:
            if self._scanning:
                self._effects.append(Found(ScanBeacon.parse(message.value)))
            return
        if message.command != Command.PROPERTY_IS or message.interface:
            return
        if message.transaction and message.transaction == self._transaction and self._current is not None:
            self._answered(self._current, message)
        elif message.property == Property.STREAM_RAW and self.ready:
            frame = Received.parse(message.value)
            self._effects.append(Heard(frame.psdu, frame.phy.lqi))
        elif message.property == Property.MAC_ENERGY_SCAN_RESULT:
            result = EnergyScanResult.parse(message.value)
            if result.channel == self._measuring:
                self._measuring = None
                self._effects.append(Measured(result.rssi))
        elif message.property == Property.MAC_SCAN_STATE and message.value == _IDLE:
            self._scanned(True)
        elif message.property == Property.LAST_STATUS and unpack(message.value)[0] in _RESETS:
            self._forget()
            self.ready = True
            for name in (Property.NCP_VERSION, Property.HARDWARE_ADDRESS) if self._identify else ():
                self._queue.append(_Asked(name, b"", command=Command.PROPERTY_GET))
            self._ask(Property.PHY_ENABLED, b"\1")
            self._ask(Property.MAC_RAW_STREAM_ENABLED, b"\1")
            self._tune()

    def _answered(self, asked: _Asked, message: Message) -> None:
        status, at = unpack(message.value) if message.property == Property.LAST_STATUS else (Status.OK, len(message.value))
        self._current = self.deadline = None
        if asked.command == Command.PROPERTY_GET:
            self._told(message)
        elif asked.handle is not None:
            self._effects.append(Confirmed(asked.handle, status, message.value[at : at + 1] == b"\1"))
        elif status != Status.OK:
            self._effects.append(Refused(asked.property, status))
            if asked.property in (Property.MAC_SCAN_MASK, Property.MAC_SCAN_STATE):
                self._queue = deque(each for each in self._queue if each.property is not Property.MAC_SCAN_STATE)
                self._unmeasured()
                self._scanned(False)
        self._next()

    def _told(self, message: Message) -> None:
        """Who it is; a co-processor that does not say stays unknown."""
        if message.property == Property.NCP_VERSION:
            self._version = message.value.rstrip(b"\0").decode("utf-8", "replace")
        elif message.property == Property.HARDWARE_ADDRESS and len(message.value) == 8:
            self._effects.append(Identified(self._version, int.from_bytes(message.value, "big")))

    # --- what is asked for ---

    def _tune(self) -> None:
        if not self.ready or self._tuning is None:
            return
        for name, value in self._tuning.properties():
            if self._set.get(name) != value:
                self._set[name] = value
                self._ask(name, value)

    def _ask(self, name: Property, value: bytes) -> None:
        self._queue.append(_Asked(name, value))
        self._next()

    def _next(self) -> None:
        if self._current is None and self._queue:
            self._current = asked = self._queue.popleft()
            self._transaction = self._transaction % _TRANSACTIONS + 1
            self._say(Message(self._transaction, asked.command, asked.property, asked.value))

    def _say(self, message: Message) -> None:
        self.deadline = self._now + ANSWER
        self._effects.append(Send(encode(message.build())))

    def _reset(self) -> None:
        self._forget()
        self._say(Message(0, Command.RESET))

    def _forget(self) -> None:
        self.ready = False
        self.deadline = None
        under_way = [*([] if self._current is None else [self._current]), *self._queue]
        self._effects += [Confirmed(asked.handle, Status.NO_ACK, False) for asked in under_way if asked.handle is not None]
        self._unmeasured()
        self._scanned(False)
        self._current = None
        self._queue.clear()
        self._set.clear()

    def _unmeasured(self) -> None:
        if self._measuring is not None:
            self._measuring = None
            self._effects.append(Measured(None))

    def _scanned(self, whole: bool) -> None:
        if self._scanning:
            self._scanning = False
            self._effects.append(Scanned(whole))

    def _take(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects
