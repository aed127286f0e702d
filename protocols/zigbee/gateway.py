"""ZigBee packets across a WAN, between a head end and a hub that only passes them on: messages in the manner of a ZigBee gateway.

The primitives are those of the ZigBee gateway device (075468): SendAPSMessage and NotifyAPSMessage carry an APS payload with
profile, cluster and both endpoints, and get and set the gateway's attributes. No public text fixes their octets on a stream, so
these are this project's: big endian, each message behind its length in two octets, the first octet its tag. The port is the one
registered for ZigBee over IP.

Not here: what the payloads mean, and security above TCP beyond the password of `Login`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.core.codec import Choice, Frame, be, choice, const, prefixed, rest
from protocols.core.errors import RemoteProtocolError

PORT: Final = 17755
LARGEST: Final = 2048
"""Octets of one message."""
LARGEST_PAYLOAD: Final = 1500


class Status(IntEnum):
    """How a request went."""

    SUCCESS = 0
    NOT_AUTHORISED = 1
    UNKNOWN_DEVICE = 2
    NOT_ADDRESSABLE = 3
    """A consumer's device: only utility devices are addressed from the WAN."""
    NOT_DELIVERED = 4
    """It did not acknowledge: out of reach, asleep, or without a link key."""
    TOO_LONG = 5
    REFUSED = 6
    """A setting that may not be."""
    WAITING = 7
    """The meter sleeps: it gets the packet when it wakes, within a day."""


class Packet(Frame):
    """An APS payload with its addresses: of the device, and of an endpoint of the head end's (`source` at sending)."""

    eui64: be.u64
    profile: be.u16
    cluster: be.u16
    source_endpoint: be.u8
    destination_endpoint: be.u8
    payload: bytes = rest()


class Login(Frame):
    """Head end: who it is. Without it nothing is done."""

    tag: int = const(0x01, be.u8)
    transaction: be.u16
    password: bytes = prefixed(be.u8)


class SendAPSMessage(Frame):
    """Head end: a packet for a device."""

    tag: int = const(0x02, be.u8)
    transaction: be.u16
    packet: Packet


class Acknowledge(Frame):
    """Head end: it has the packets up to this number."""

    tag: int = const(0x03, be.u8)
    number: be.u32


class GetApplication(Frame):
    """Head end: which application layer is active."""

    tag: int = const(0x04, be.u8)
    transaction: be.u16


class SetApplication(Frame):
    """Head end: have another one."""

    tag: int = const(0x05, be.u8)
    transaction: be.u16
    name: bytes = prefixed(be.u8)


class Result(Frame):
    """Hub: how a request went. `text`: the active application layer, or why it was refused."""

    tag: int = const(0x81, be.u8)
    transaction: be.u16
    status: be.u8
    text: bytes = prefixed(be.u8)


class NotifyAPSMessage(Frame):
    """Hub: a packet from a device. Numbers rise; one that was not acknowledged comes again with the next login."""

    tag: int = const(0x82, be.u8)
    number: be.u32
    packet: Packet


from_head_end: Choice[Frame] = choice("gateway request", [Login, SendAPSMessage, Acknowledge, GetApplication, SetApplication])
from_hub: Choice[Frame] = choice("gateway indication", [Result, NotifyAPSMessage])


def framed(message: Frame) -> bytes:
    """A message behind its length."""
    octets = message.build()
    return len(octets).to_bytes(2, "big") + octets


class Splitter:
    """Cuts a stream into messages."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these octets complete. Raises RemoteProtocolError on a length that none has."""
        self._octets += data
        found = []
        while len(self._octets) >= 2:
            length = int.from_bytes(self._octets[:2], "big")
            if not 0 < length <= LARGEST:
                raise RemoteProtocolError(f"a gateway message of {length} octets")
            if len(self._octets) < 2 + length:
                break
            found.append(bytes(self._octets[2 : 2 + length]))
            del self._octets[: 2 + length]
        return found
