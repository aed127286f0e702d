"""802.15.4-TAP (link type 283): one radio frame with its FCS type, channel and link quality. Also the MQTT air payload.

The layout is the IEEE 802.15.4 TAP specification's: version, reserved, length, then TLVs padded to four octets. Unknown
TLVs are skipped when reading.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from protocols.core.errors import RemoteProtocolError

_FCS_TYPE, _CHANNEL, _LQI = 0, 3, 10
_FCS_16 = 1
LARGEST_PSDU = 127


@lru_cache(maxsize=1024)
def _header(channel: int, page: int, lqi: int) -> bytes:
    tlvs = (
        struct.pack("<HHI", _FCS_TYPE, 1, _FCS_16)
        + struct.pack("<HHHBx", _CHANNEL, 3, channel, page)
        + struct.pack("<HHI", _LQI, 1, lqi)
    )
    return struct.pack("<BBH", 0, 0, 4 + len(tlvs)) + tlvs


@dataclass(frozen=True, slots=True)
class Packet:
    """One PSDU, its 16-bit FCS included."""

    psdu: bytes
    channel: int
    lqi: int = 255
    page: int = 0

    def build(self) -> bytes:
        """The TAP header and the PSDU."""
        return _header(self.channel, self.page, self.lqi) + self.psdu

    @classmethod
    def parse(cls, data: bytes) -> Packet:
        """Raises RemoteProtocolError when the header lies, or the FCS is not the 16-bit one."""
        if len(data) < 4 or data[0] != 0:
            raise RemoteProtocolError("802.15.4 TAP: no version 0 header")
        (length,) = struct.unpack_from("<H", data, 2)
        if not 4 <= length <= len(data) or len(data) - length > LARGEST_PSDU:
            raise RemoteProtocolError(f"802.15.4 TAP: header of {length} octets in a packet of {len(data)}")
        values = {_FCS_TYPE: b"\0", _CHANNEL: b"\0\0\0", _LQI: b"\xff"}
        position = 4
        while position + 4 <= length:
            kind, size = struct.unpack_from("<HH", data, position)
            value = data[position + 4 : position + 4 + size]
            if position + 4 + size > length or len(value) < len(values.get(kind, b"")):
                raise RemoteProtocolError(f"802.15.4 TAP: field {kind} of {size} octets does not fit")
            values[kind] = value
            position += 4 + size + -size % 4
        if values[_FCS_TYPE][0] != _FCS_16:
            raise RemoteProtocolError("802.15.4 TAP: frame without the 16-bit FCS")
        channel, page = struct.unpack_from("<HB", values[_CHANNEL])
        return cls(data[length:], channel, values[_LQI][0], page)
