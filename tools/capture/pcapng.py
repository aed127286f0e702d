"""pcapng writer: nanosecond time stamps, an interface for each link, comments (draft-ietf-opsawg-pcapng).

Enough of the format for what we write: section header, interface description, enhanced packet. Reading is
tools.capture.reader.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import BinaryIO

SECTION, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 0x00000001, 0x00000006
LINK_TAP = 283
"""LINKTYPE_IEEE802_15_4_TAP."""
LINK_UPPER_PDU = 252
"""LINKTYPE_WIRESHARK_UPPER_PDU: octets for a dissector that the packet names."""

_COMMENT, _NAME, _DESCRIPTION, _RESOLUTION = 1, 2, 3, 9
_USER_APPLICATION = 4
_LITTLE_ENDIAN = 0x1A2B3C4D
_PACKET_HEAD = struct.Struct("<IIIIIII").pack
_LENGTH = struct.Struct("<I").pack


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _options(values: Mapping[int, bytes]) -> bytes:
    if not values:
        return b""
    return b"".join(struct.pack("<HH", code, len(data)) + _padded(data) for code, data in values.items()) + bytes(4)


def _block(kind: int, body: bytes) -> bytes:
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


class Writer:
    """Writes one section to `out`. `comment` stands in its header: say there how to make the run again."""

    def __init__(self, out: BinaryIO, comment: str) -> None:
        self._out = out
        self._interfaces = 0
        self.packets = 0
        options = _options({_COMMENT: comment.encode(), _USER_APPLICATION: b"meterbench"})
        out.write(_block(SECTION, struct.pack("<IHHq", _LITTLE_ENDIAN, 1, 0, -1) + options))

    def interface(self, link_type: int, name: str, description: str = "") -> int:
        """Declare one link; returns the number that `packet` takes."""
        options = {_NAME: name.encode(), _RESOLUTION: b"\x09"}
        if description:
            options[_DESCRIPTION] = description.encode()
        self._out.write(_block(INTERFACE, struct.pack("<HHI", link_type, 0, 0) + _options(options)))
        self._interfaces += 1
        return self._interfaces - 1

    def packet(self, interface: int, utc_ns: int, data: bytes, comment: str = "") -> None:
        """One packet at `utc_ns` nanoseconds since 1970."""
        size = len(data)
        options = _options({_COMMENT: comment.encode()}) if comment else b""
        length = 32 + size + -size % 4 + len(options)
        head = _PACKET_HEAD(ENHANCED_PACKET, length, interface, utc_ns >> 32, utc_ns & 0xFFFFFFFF, size, size)
        self._out.write(head + _padded(data) + options + _LENGTH(length))
        self.packets += 1
