"""What lies between link and application: extended link layer, authentication layer, transport layer (EN 13757-7; OMS 2).

A CI field says which comes next. The transport layer's header is short where the sender of the telegram is the meter meant, long
where it must name the meter. Not here: fragments of the authentication layer, extended link layers with a ciphering of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.core.codec import Frame, le, octets, prefixed, rest
from protocols.core.errors import RemoteProtocolError


class Layer(IntEnum):
    """CI fields."""

    COMMAND_SHORT = 0x5A
    COMMAND_LONG = 0x5B
    RESPONSE_LONG = 0x72
    RESPONSE_SHORT = 0x7A
    TRANSPORT_TO_METER = 0x80
    TRANSPORT_SHORT = 0x8A
    TRANSPORT_LONG = 0x8B
    EXTENDED_LINK_SHORT = 0x8C
    EXTENDED_LINK_LONG = 0x8E
    AUTHENTICATION = 0x90


LONG: Final = frozenset({Layer.COMMAND_LONG, Layer.RESPONSE_LONG, Layer.TRANSPORT_TO_METER, Layer.TRANSPORT_LONG})
SHORT: Final = frozenset({Layer.COMMAND_SHORT, Layer.RESPONSE_SHORT, Layer.TRANSPORT_SHORT})


class Extended(Frame):
    """Extended link layer: communication control and access number, and with CI 8E whom the telegram is for."""

    control: le.u8
    access: le.u8


class ExtendedTo(Frame):
    """Extended link layer with a destination, its M and A fields."""

    control: le.u8
    access: le.u8
    destination: bytes = octets(8)


BIDIRECTIONAL: Final = 0x80
"""Of the communication control: the meter listens after this telegram."""
ACCESSIBLE: Final = 0x10
"""Of the communication control: access to the meter is limited, or it is within an access cycle."""
SYNCHRONOUS: Final = 0x20

_WHOLE: Final = 0x2C00
"""Of the fragmentation field: in one piece; control, counter and MAC follow."""
_MAC_OCTETS: Final = {3: 2, 4: 4, 5: 8, 6: 12, 7: 16}
"""Octets of a truncated CMAC for each authentication type (EN 13757-7 table 4)."""


class _Authentication(Frame):
    fragmentation: le.u16
    control: le.u8
    counter: bytes = octets(4)
    mac: bytes = rest()


class _Prefixed(Frame):
    layer: bytes = prefixed(le.u8)
    after: bytes = rest()


@dataclass(frozen=True, slots=True)
class Authentication:
    """The authentication layer of a telegram in one piece. `counter`: the message counter, low octet first; `mac`: cut CMAC."""

    counter: bytes
    mac: bytes
    control: int = 0x25

    @property
    def size(self) -> int:
        """Octets that its MAC has by the control field."""
        return _MAC_OCTETS[self.control & 0x0F]

    def build(self) -> bytes:
        """With its length, without its CI field."""
        return _Prefixed(_Authentication(_WHOLE, self.control, self.counter, self.mac).build(), b"").build()

    @classmethod
    def parse(cls, data: bytes) -> tuple[Authentication, bytes]:
        """The layer and the octets behind it, which its MAC covers. Raises RemoteProtocolError."""
        whole = _Prefixed.parse(data)
        layer = _Authentication.parse(whole.layer)
        if layer.fragmentation != _WHOLE:
            raise RemoteProtocolError(f"authentication layer: fragmentation field {layer.fragmentation:04X} is not supported")
        size = _MAC_OCTETS.get(layer.control & 0x0F)
        if len(layer.mac) != size:
            raise RemoteProtocolError(f"authentication layer: {len(layer.mac)} octets of MAC for type {layer.control & 0x0F}")
        return cls(layer.counter, layer.mac, layer.control), whole.after


class Transport(Frame):
    """Short transport header: access number, status and configuration field."""

    access: le.u8
    status: le.u8
    configuration: le.u16


class TransportTo(Frame):
    """Long transport header: as the short one, and the meter meant before it (identification first, then maker)."""

    identification: bytes = octets(4)
    maker: bytes = octets(2)
    version: le.u8
    type: le.u8
    access: le.u8
    status: le.u8
    configuration: le.u16

    @property
    def address(self) -> bytes:
        """The meter's M and A fields in the order of the link layer."""
        return self.maker + self.identification + bytes((self.version, self.type))


class Status(IntEnum):
    """Bits of the status octet (EN 13757-7 clause 7.5.6)."""

    BUSY = 0x01
    APPLICATION_ERROR = 0x02
    LOW_POWER = 0x04
    PERMANENT_ERROR = 0x08
    TEMPORARY_ERROR = 0x10
