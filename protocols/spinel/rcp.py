"""The radio co-processor: what a dongle runs. A host drives it over a serial line, and it drives an 802.15.4 radio.

OpenThread's Spinel, version 4.3, as hosts of Thread and ZigBee use it: reset, PHY and MAC settings, raw frames both ways, source
matching for sleepers, scans for energy and for networks, promiscuous mode. The radio acknowledges and retries by itself. Frames
with a wrong checksum, other interfaces and answers meet with silence; what cannot be done with the status that says so.

Not here: time-stamped transmission, frame counters and MAC security (ZigBee has none), several hosts (multipan).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Final

from protocols.core.crc import append_kermit
from protocols.core.effects import Effect, Send
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.spinel import values
from protocols.spinel.beacon import ScanBeacon
from protocols.spinel.hdlc_lite import Decoder, encode
from protocols.spinel.message import (
    Command,
    EnergyScanResult,
    Message,
    PhyData,
    Property,
    Received,
    Status,
    ToTransmit,
    pack,
)
from protocols.spinel.values import Refused

VERSION: Final = "METERBENCH-RCP/1.0; SIMULATION"
PROTOCOL: Final = pack(4) + pack(3)
CHANNELS: Final = range(11, 27)
INTERFACE_THREAD: Final = 3
"""What a raw radio says it is."""
API_VERSION: Final = 11
OLDEST_HOST: Final = 4
CAPABILITIES: Final = (1, 9, 32, 35, 512)
"""Counters apart: RESET, PROMISCUOUS, 802.15.4 at 2450 MHz, MAC RAW, and that it is a radio co-processor's."""
RADIO_CAPABILITIES: Final = 0x01 | 0x02 | 0x04 | 0x08
"""Acknowledgement time-out, energy scan, transmission retries, CSMA back-off: the radio does them."""
QUIET: Final = -95
"""Noise, dBm."""
WEAKEST: Final = -100
STRONGEST: Final = -35
WAITING: Final = 16
"""Frames that may wait to be sent."""
MS: Final = 1_000_000
_NO_ADDRESS, _EVERY_PAN = 0xFFFE, 0xFFFF
_BEACON_REQUEST: Final = bytes.fromhex("0308ffffffff07")
"""To everybody; between its second octet and the third the sequence number goes."""
_U16, _I8 = Struct("<H"), Struct("<b")
_SHORTEST, _LONGEST, _FCS = 5, 127, 2
_SCAN_BEACON, _SCAN_ENERGY = 1, 2
SYMBOLS: Final = 128_000
"""How long the energy of the channel is listened for: 8 symbols, ns."""
NO_RSSI: Final = 127
"""Of a radio that is off."""


class Configure(Effect, frozen=True):
    """Tune the radio, and set its address filter. None in `channel`: off."""

    channel: int | None
    pan_id: int = 0xFFFF
    short: int = _NO_ADDRESS
    eui64: int = 0
    rx_on_when_idle: bool = True
    promiscuous: bool = False
    alternate: int | None = None
    """A second short address."""


class Transmit(Effect, frozen=True):
    """Send a PSDU, whose FCS is right; the radio confirms under `handle`."""

    handle: int
    psdu: bytes


class Listen(Effect, frozen=True):
    """Call `listened` with `scan` in `duration` ns."""

    scan: int
    duration: int


class Measure(Effect, frozen=True):
    """Listen to a channel for `duration` ns; the radio tells of each in turn (`measured`). Only while it is tuned in."""

    channel: int
    duration: int


@dataclass(slots=True, eq=False)
class _Scan:
    left: list[int]
    period: int
    active: bool = False
    """Beacons are asked for; otherwise energy is measured."""
    number: int = 0


def rssi(lqi: int) -> int:
    """dBm for a link quality of 0 to 255."""
    return WEAKEST + (STRONGEST - WEAKEST) * lqi // 255


class Rcp:
    """One co-processor. `eui64`: the address it was made with."""

    def __init__(self, eui64: int) -> None:
        self._eui64 = eui64
        self._decoder = Decoder()
        self._handle = 0
        self._scans = 0
        self._clear()

    def _clear(self) -> None:
        self._enabled = False
        self._raw = False
        self._channel = CHANNELS.start
        self._pan_id = 0xFFFF
        self._short = self._alternate = _NO_ADDRESS
        self._extended = self._eui64
        self._listens = True
        self._promiscuous = 0
        self._power = 0
        self._threshold = -75
        self._matching = False
        self._matched: dict[bytes, None] = {}
        self._sending: dict[int, int] = {}
        self._scan_mask = list(CHANNELS)
        self._scan_period = 100
        self._scan: _Scan | None = None
        self._measuring: deque[_Scan | int] = deque()

    # --- the host's side

    def feed(self, data: bytes) -> list[Effect]:
        """Octets from the serial line."""
        effects: list[Effect] = []
        for frame in self._decoder.feed(data):
            try:
                message = Message.parse(frame)
            except RemoteProtocolError:
                continue
            if message.interface == 0 and message.command < Command.PROPERTY_IS:
                effects += self._act(message)
        return effects

    def start(self) -> list[Effect]:
        """Power is here."""
        self._clear()
        return [Configure(None), _say(0, Property.LAST_STATUS, pack(Status.RESET_POWER_ON))]

    def _act(self, message: Message) -> list[Effect]:
        if message.command == Command.NOOP:
            return [_status(message.transaction, Status.OK)]
        if message.command == Command.RESET:
            self._clear()
            return [Configure(None), _say(0, Property.LAST_STATUS, pack(Status.RESET_SOFTWARE))]
        row = _TABLE.get(message.property or 0)
        if row is None:
            return [_status(message.transaction, Status.PROPERTY_NOT_FOUND)]
        try:
            return self._access(message, Property(message.property or 0), row)
        except Refused as refused:
            return [_status(message.transaction, refused.status)]

    def _access(self, message: Message, name: Property, row: _Row) -> list[Effect]:
        """Get or change a property. A frame to be sent is answered when it has been, and how loud it is when that was heard."""
        transaction, value = message.transaction, message.value
        if message.command == Command.PROPERTY_SET and name is Property.STREAM_RAW:
            return self._stream(transaction, value)
        if message.command == Command.PROPERTY_GET and name is Property.PHY_RSSI and self._enabled:
            return [self._measure(transaction, self._channel, SYMBOLS)]
        if message.command == Command.PROPERTY_GET and row.get is not None:
            return [_say(transaction, name, row.get(self))]
        if message.command == Command.PROPERTY_SET and row.set is not None:
            effects = row.set(self, value)
            return [*effects, _say(transaction, name, value if row.get is None else row.get(self))]
        if message.command == Command.PROPERTY_INSERT and row.insert is not None:
            return [*row.insert(self, value), _say(transaction, name, value, Command.PROPERTY_INSERTED)]
        if message.command == Command.PROPERTY_REMOVE and row.remove is not None:
            return [*row.remove(self, value), _say(transaction, name, value, Command.PROPERTY_REMOVED)]
        raise Refused(Status.INVALID_COMMAND_FOR_PROPERTY)

    # --- frames

    def _stream(self, transaction: int, value: bytes) -> list[Effect]:
        if not (self._enabled and self._raw):
            raise Refused(Status.INVALID_STATE)
        try:
            frame = ToTransmit.parse(value)
        except DecodeError:
            raise Refused(Status.PARSE_ERROR) from None
        if not _SHORTEST <= len(frame.psdu) <= _LONGEST or (frame.channel is not None and frame.channel not in CHANNELS):
            raise Refused(Status.INVALID_ARGUMENT)
        if len(self._sending) >= WAITING:
            raise Refused(Status.NOMEM)
        if self._looks_around is not None:
            raise Refused(Status.BUSY)
        effects: list[Effect] = []
        if frame.channel is not None and frame.channel != self._channel:
            self._channel = frame.channel
            effects.append(self._configure())
        self._handle += 1
        self._sending[self._handle] = transaction
        effects.append(Transmit(self._handle, append_kermit(frame.psdu[:-_FCS])))
        return effects

    def confirm(self, handle: int, status: Status, frame_pending: bool, acknowledgement: bytes = b"") -> list[Effect]:
        """The radio is done with a frame: OK, NO_ACK or CCA_FAILURE. `acknowledgement`: the PSDU that it got, if any."""
        transaction = self._sending.pop(handle, None)
        if transaction is None:
            return []
        told = pack(status) + bytes((frame_pending, 0))
        if acknowledgement:
            told += _U16.pack(len(acknowledgement)) + acknowledgement
        return [_say(transaction, Property.LAST_STATUS, told)]

    def receive(self, psdu: bytes, lqi: int, now: int) -> list[Effect]:
        """The radio heard a frame. `lqi`: 0 to 255. While it looks around, beacons count and nothing else (clause 7.5.2.1.2)."""
        if (scan := self._looks_around) is not None:
            try:
                beacon = ScanBeacon.heard(psdu, scan.left[0], rssi(lqi), lqi)
            except RemoteProtocolError:
                return []
            return [_say(0, Property.MAC_SCAN_BEACON, beacon.build(), Command.PROPERTY_INSERTED)]
        if not (self._enabled and self._raw):
            return []
        phy = PhyData(self._channel, lqi, now // 1000)
        return [_say(0, Property.STREAM_RAW, Received(psdu, rssi(lqi), QUIET, 0, phy, pack(Status.OK)).build())]

    def pending(self, source: bytes) -> bool:
        """Whether the acknowledgement of a data request says that a frame is held. `source`: its address as on the air."""
        return source in self._matched if self._matching else True

    # --- energy

    def _measure(self, who: _Scan | int, channel: int, duration: int) -> Effect:
        if self._looks_around is not None:
            raise Refused(Status.BUSY)
        if len(self._measuring) >= WAITING:
            raise Refused(Status.NOMEM)
        self._measuring.append(who)
        return Measure(channel, duration)

    def measured(self, level: int | None) -> list[Effect]:
        """The radio has listened to a channel: the loudest of it, 0 to 255; None: it cannot tell."""
        if not self._measuring:
            return []
        heard = QUIET if level is None else max(QUIET, rssi(level))
        who = self._measuring.popleft()
        if isinstance(who, int):
            return [_say(who, Property.PHY_RSSI, _I8.pack(heard))]
        if who is not self._scan:
            return []  # it was called off
        effects: list[Effect] = [_say(0, Property.MAC_ENERGY_SCAN_RESULT, EnergyScanResult(who.left.pop(0), heard).build())]
        if who.left:
            self._measuring.append(who)
            effects.append(Measure(who.left[0], who.period * MS))
        else:
            self._scan = None
            effects.append(_say(0, Property.MAC_SCAN_STATE, bytes(1)))
        return effects

    # --- active scan

    @property
    def _looks_around(self) -> _Scan | None:
        return self._scan if self._scan is not None and self._scan.active else None

    @property
    def _scan_state(self) -> int:
        return 0 if self._scan is None else _SCAN_BEACON if self._scan.active else _SCAN_ENERGY

    def _look(self, scan: _Scan) -> list[Effect]:
        """Ask for beacons on the next channel."""
        self._handle += 1
        request = _BEACON_REQUEST[:2] + bytes((self._handle & 0xFF,)) + _BEACON_REQUEST[2:]
        return [self._configure(), Transmit(self._handle, append_kermit(request)), Listen(scan.number, scan.period * MS)]

    def listened(self, scan: int) -> list[Effect]:
        """The time on one channel of a scan is over."""
        current = self._looks_around
        if current is None or current.number != scan:
            return []  # it was called off
        current.left.pop(0)
        if current.left:
            return self._look(current)
        self._scan = None
        return [self._configure(), _say(0, Property.MAC_SCAN_STATE, bytes(1))]

    # --- settings

    def _configure(self) -> Configure:
        if not self._enabled:
            return Configure(None)
        if (scan := self._looks_around) is not None:
            return Configure(scan.left[0], _EVERY_PAN, _NO_ADDRESS, self._extended)
        return Configure(
            self._channel, self._pan_id, self._short, self._extended, self._listens or bool(self._promiscuous),
            bool(self._promiscuous), None if self._alternate == _NO_ADDRESS else self._alternate,
        )  # fmt: skip

    def _set_enabled(self, value: bytes) -> list[Effect]:
        self._enabled = values.boolean(value)
        if not self._enabled:
            self._scan = None
            self._measuring.clear()
        return [self._configure()]

    def _set_raw(self, value: bytes) -> list[Effect]:
        self._raw = values.boolean(value)
        return []

    def _set_channel(self, value: bytes) -> list[Effect]:
        if len(value) != 1 or value[0] not in CHANNELS:
            raise Refused(Status.INVALID_ARGUMENT)
        self._channel = value[0]
        return [self._configure()]

    def _set_pan_id(self, value: bytes) -> list[Effect]:
        self._pan_id = values.u16(value)
        return [self._configure()]

    def _set_short(self, value: bytes) -> list[Effect]:
        self._short = values.u16(value)
        return [self._configure()]

    def _set_alternate(self, value: bytes) -> list[Effect]:
        self._alternate = values.u16(value)
        return [self._configure()]

    def _set_extended(self, value: bytes) -> list[Effect]:
        if len(value) != 8:
            raise Refused(Status.PARSE_ERROR)
        self._extended = int.from_bytes(value, "big")
        return [self._configure()]

    def _set_listens(self, value: bytes) -> list[Effect]:
        self._listens = values.boolean(value)
        return [self._configure()]

    def _set_promiscuous(self, value: bytes) -> list[Effect]:
        if len(value) != 1 or value[0] > 2:
            raise Refused(Status.INVALID_ARGUMENT)
        self._promiscuous = value[0]
        return [self._configure()]

    def _set_power(self, value: bytes) -> list[Effect]:
        self._power = values.i8(value)
        return []

    def _set_threshold(self, value: bytes) -> list[Effect]:
        self._threshold = values.i8(value)
        return []

    def _set_matching(self, value: bytes) -> list[Effect]:
        self._matching = values.boolean(value)
        return []

    def _set_scan_mask(self, value: bytes) -> list[Effect]:
        if any(channel not in CHANNELS for channel in value):
            raise Refused(Status.INVALID_ARGUMENT)
        self._scan_mask = list(value) or list(CHANNELS)
        return []

    def _set_scan_period(self, value: bytes) -> list[Effect]:
        self._scan_period = values.u16(value) or 1
        return []

    def _set_scan(self, value: bytes) -> list[Effect]:
        if len(value) != 1 or value[0] not in (0, _SCAN_BEACON, _SCAN_ENERGY):
            raise Refused(Status.INVALID_ARGUMENT)
        if value[0] and self._scan is not None:
            raise Refused(Status.IN_PROGRESS)
        if not value[0]:
            away, self._scan = self._looks_around, None
            return [] if away is None else [self._configure()]
        if not self._enabled:
            raise Refused(Status.INVALID_STATE)
        self._scans += 1
        scan = _Scan(list(self._scan_mask), self._scan_period, value[0] == _SCAN_BEACON, self._scans)
        if not scan.active:
            effects = [self._measure(scan, scan.left[0], scan.period * MS)]
            self._scan = scan
            return effects
        if self._sending or self._measuring:
            raise Refused(Status.BUSY)
        self._scan = scan
        return self._look(scan)

    # --- source matching: addresses as they are on the air

    def _match(self, octets: int, value: bytes) -> list[Effect]:
        """Replace the table of addresses with so many octets."""
        if len(value) % octets:
            raise Refused(Status.PARSE_ERROR)
        for address in [address for address in self._matched if len(address) == octets]:
            del self._matched[address]
        for at in range(0, len(value), octets):
            self._insert(value[at : at + octets])
        return []

    def _insert(self, value: bytes) -> list[Effect]:
        if len(self._matched) >= 64:
            raise Refused(Status.NOMEM)
        self._matched[values.on_air(value)] = None
        return []

    def _remove(self, value: bytes) -> list[Effect]:
        if values.on_air(value) not in self._matched:
            raise Refused(Status.ITEM_NOT_FOUND)
        del self._matched[values.on_air(value)]
        return []


def _say(transaction: int, name: int, value: bytes, command: Command = Command.PROPERTY_IS) -> Send:
    return Send(encode(Message(transaction, command, name, value).build()))


def _status(transaction: int, status: Status) -> Send:
    return _say(transaction, Property.LAST_STATUS, pack(status))


_Get = Callable[[Rcp], bytes]
_Rule = Callable[[Rcp, bytes], list[Effect]]


@dataclass(frozen=True, slots=True)
class _Row:
    get: _Get | None = None
    set: _Rule | None = None
    insert: _Rule | None = None
    remove: _Rule | None = None


def _constant(value: bytes) -> _Row:
    return _Row(lambda rcp: value)


_TABLE: Final[dict[int, _Row]] = {
    Property.LAST_STATUS: _constant(pack(Status.OK)),
    Property.PROTOCOL_VERSION: _constant(PROTOCOL),
    Property.NCP_VERSION: _constant(VERSION.encode() + b"\0"),
    Property.INTERFACE_TYPE: _constant(pack(INTERFACE_THREAD)),
    Property.VENDOR_ID: _constant(pack(0)),
    Property.CAPABILITIES: _constant(b"".join(map(pack, CAPABILITIES))),
    Property.HARDWARE_ADDRESS: _Row(lambda rcp: rcp._eui64.to_bytes(8, "big")),
    Property.PHY_ENABLED: _Row(lambda rcp: bytes((rcp._enabled,)), Rcp._set_enabled),
    Property.PHY_CHANNEL: _Row(lambda rcp: bytes((rcp._channel,)), Rcp._set_channel),
    Property.PHY_CHANNELS_SUPPORTED: _constant(bytes(CHANNELS)),
    Property.PHY_FREQUENCY: _Row(lambda rcp: (2_405_000 + 5_000 * (rcp._channel - 11)).to_bytes(4, "little")),
    Property.PHY_CCA_THRESHOLD: _Row(lambda rcp: _I8.pack(rcp._threshold), Rcp._set_threshold),
    Property.PHY_TX_POWER: _Row(lambda rcp: _I8.pack(rcp._power), Rcp._set_power),
    Property.PHY_RSSI: _constant(_I8.pack(NO_RSSI)),
    Property.PHY_RX_SENSITIVITY: _constant(_I8.pack(WEAKEST)),
    Property.MAC_SCAN_STATE: _Row(lambda rcp: bytes((rcp._scan_state,)), Rcp._set_scan),
    Property.MAC_SCAN_MASK: _Row(lambda rcp: bytes(rcp._scan_mask), Rcp._set_scan_mask),
    Property.MAC_SCAN_PERIOD: _Row(lambda rcp: _U16.pack(rcp._scan_period), Rcp._set_scan_period),
    Property.MAC_EXTENDED_ADDRESS: _Row(lambda rcp: rcp._extended.to_bytes(8, "big"), Rcp._set_extended),
    Property.MAC_SHORT_ADDRESS: _Row(lambda rcp: _U16.pack(rcp._short), Rcp._set_short),
    Property.MAC_ALTERNATE_SHORT_ADDRESS: _Row(lambda rcp: _U16.pack(rcp._alternate), Rcp._set_alternate),
    Property.MAC_PAN_ID: _Row(lambda rcp: _U16.pack(rcp._pan_id), Rcp._set_pan_id),
    Property.MAC_RAW_STREAM_ENABLED: _Row(lambda rcp: bytes((rcp._raw,)), Rcp._set_raw),
    Property.MAC_PROMISCUOUS_MODE: _Row(lambda rcp: bytes((rcp._promiscuous,)), Rcp._set_promiscuous),
    Property.MAC_RX_ON_WHEN_IDLE: _Row(lambda rcp: bytes((rcp._listens,)), Rcp._set_listens),
    Property.MAC_SCAN_BEACON: _Row(),
    Property.STREAM_RAW: _Row(),
    Property.RCP_API_VERSION: _constant(pack(API_VERSION)),
    Property.RCP_MIN_HOST_API_VERSION: _constant(pack(OLDEST_HOST)),
    Property.RADIO_CAPABILITIES: _constant(pack(RADIO_CAPABILITIES)),
    Property.MAC_SOURCE_MATCH_ENABLED: _Row(lambda rcp: bytes((rcp._matching,)), Rcp._set_matching),
    Property.MAC_SOURCE_MATCH_SHORT: _Row(
        lambda rcp: b"".join(each for each in rcp._matched if len(each) == 2),
        lambda rcp, value: rcp._match(2, value), Rcp._insert, Rcp._remove,
    ),
    Property.MAC_SOURCE_MATCH_EXTENDED: _Row(
        lambda rcp: b"".join(each[::-1] for each in rcp._matched if len(each) == 8),
        lambda rcp, value: rcp._match(8, value), Rcp._insert, Rcp._remove,
    ),
}  # fmt: skip
"""What can be asked of each property, and set."""
