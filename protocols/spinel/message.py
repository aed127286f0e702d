"""Spinel messages: header, command, property and value (draft-rquattle-spinel 3, 4; spinel.h of OpenThread, version 4.3).

Numbers of commands, properties and statuses are packed: seven bits an octet, the lowest first, the high bit set on all but
the last. Other integers are little-endian; EUI-64s are sent as they are read, most significant octet first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.core.codec import Frame, le, octets, prefixed, rest
from protocols.core.errors import LocalProtocolError, RemoteProtocolError

_PATTERN: Final = 0x80
_PACKED_OCTETS: Final = 3
_MOST: Final = 1 << 7 * _PACKED_OCTETS


class Command(IntEnum):
    """What a message asks or tells."""

    NOOP = 0
    RESET = 1
    PROPERTY_GET = 2
    PROPERTY_SET = 3
    PROPERTY_INSERT = 4
    PROPERTY_REMOVE = 5
    PROPERTY_IS = 6
    PROPERTY_INSERTED = 7
    PROPERTY_REMOVED = 8


class Property(IntEnum):
    """Properties that a radio co-processor has for its host."""

    LAST_STATUS = 0x00
    PROTOCOL_VERSION = 0x01
    NCP_VERSION = 0x02
    INTERFACE_TYPE = 0x03
    VENDOR_ID = 0x04
    CAPABILITIES = 0x05
    HARDWARE_ADDRESS = 0x08
    PHY_ENABLED = 0x20
    PHY_CHANNEL = 0x21
    PHY_CHANNELS_SUPPORTED = 0x22
    PHY_FREQUENCY = 0x23
    PHY_CCA_THRESHOLD = 0x24
    PHY_TX_POWER = 0x25
    PHY_RSSI = 0x26
    PHY_RX_SENSITIVITY = 0x27
    MAC_SCAN_STATE = 0x30
    MAC_SCAN_MASK = 0x31
    MAC_SCAN_PERIOD = 0x32
    MAC_SCAN_BEACON = 0x33
    MAC_EXTENDED_ADDRESS = 0x34
    MAC_SHORT_ADDRESS = 0x35
    MAC_PAN_ID = 0x36
    MAC_RAW_STREAM_ENABLED = 0x37
    MAC_PROMISCUOUS_MODE = 0x38
    MAC_ENERGY_SCAN_RESULT = 0x39
    MAC_RX_ON_WHEN_IDLE = 0x3B
    MAC_ALTERNATE_SHORT_ADDRESS = 0x3C
    STREAM_RAW = 0x71
    RCP_API_VERSION = 0xB0
    RCP_MIN_HOST_API_VERSION = 0xB1
    RADIO_CAPABILITIES = 0x120B
    MAC_SOURCE_MATCH_ENABLED = 0x1303
    MAC_SOURCE_MATCH_SHORT = 0x1304
    MAC_SOURCE_MATCH_EXTENDED = 0x1305


class Status(IntEnum):
    """Values of `Property.LAST_STATUS`."""

    OK = 0
    FAILURE = 1
    UNIMPLEMENTED = 2
    INVALID_ARGUMENT = 3
    INVALID_STATE = 4
    INVALID_COMMAND = 5
    INVALID_INTERFACE = 6
    PARSE_ERROR = 9
    IN_PROGRESS = 10
    NOMEM = 11
    BUSY = 12
    PROPERTY_NOT_FOUND = 13
    NO_ACK = 17
    CCA_FAILURE = 18
    ALREADY = 19
    ITEM_NOT_FOUND = 20
    INVALID_COMMAND_FOR_PROPERTY = 21
    RESET_POWER_ON = 112
    RESET_SOFTWARE = 114


def pack(value: int) -> bytes:
    """A packed number. Raises LocalProtocolError beyond 2,097,151."""
    if not 0 <= value < _MOST:
        raise LocalProtocolError(f"{value} cannot be packed")
    packed = bytearray()
    while value > 0x7F:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def unpack(data: bytes, position: int = 0) -> tuple[int, int]:
    """A packed number and where it ends. Raises RemoteProtocolError."""
    value = 0
    for count in range(_PACKED_OCTETS):
        if position + count >= len(data):
            raise RemoteProtocolError("a packed number is cut")
        octet = data[position + count]
        value |= (octet & 0x7F) << 7 * count
        if octet < 0x80:
            return value, position + count + 1
    raise RemoteProtocolError("a packed number is too long")


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `transaction` 0: nobody asked; `property` None: the command has none (NOOP, RESET)."""

    transaction: int
    command: int
    property: int | None = None
    value: bytes = b""
    interface: int = 0

    def build(self) -> bytes:
        """Its octets."""
        head = bytes((_PATTERN | self.interface << 4 | self.transaction,)) + pack(self.command)
        return head + self.value if self.property is None else head + pack(self.property) + self.value

    @classmethod
    def parse(cls, data: bytes) -> Message:
        """Raises RemoteProtocolError."""
        if not data or data[0] & 0xC0 != _PATTERN:
            raise RemoteProtocolError("not a Spinel header")
        interface, transaction = data[0] >> 4 & 3, data[0] & 0x0F
        command, at = unpack(data, 1)
        if command in (Command.NOOP, Command.RESET):
            return cls(transaction, command, None, data[at:], interface)
        name, at = unpack(data, at)
        return cls(transaction, command, name, data[at:], interface)


class ToTransmit(Frame):
    """STREAM_RAW from the host: a PSDU, FCS included, and how to send it. Hosts differ in how much of the rest they give."""

    psdu: bytes = prefixed(le.u16)
    metadata: bytes = rest()

    @property
    def channel(self) -> int | None:
        """The channel to send on, where it is told."""
        return self.metadata[0] if self.metadata else None


class PhyData(Frame):
    """What the radio knows of a frame it received. `timestamp`: microseconds."""

    channel: le.u8
    lqi: le.u8
    timestamp: le.u64


class Received(Frame):
    """STREAM_RAW to the host: a PSDU, FCS included. `rssi`, `noise`: dBm."""

    psdu: bytes = prefixed(le.u16)
    rssi: le.i8
    noise: le.i8
    flags: le.u16
    phy: PhyData = prefixed(le.u16, PhyData)
    vendor: bytes = prefixed(le.u16)


class EnergyScanResult(Frame):
    """The strongest signal on a channel, dBm."""

    channel: le.u8
    rssi: le.i8


class Address(Frame):
    """An EUI-64 as Spinel writes it."""

    eui64: bytes = octets(8)
