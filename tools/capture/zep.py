"""ZigBee Encapsulation Protocol version 2: air frames live to Wireshark over UDP 17754.

Only the data packet, as sniffers send it. Where nobody listens the datagrams are lost in silence.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

from tools.errors import BadInput
from tools.links.spec import LinkSpec, is_loopback

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_VERSION, _DATA, _FCS_MODE = 2, 1, 1


def packet(psdu: bytes, *, channel: int, device: int, sequence: int, utc_ns: int, lqi: int = 255) -> bytes:
    """One ZEP version 2 data packet around a PSDU with its FCS (mode 1: the FCS stands at its end)."""
    seconds, rest = divmod(utc_ns, 1_000_000_000)
    fraction = (rest << 32) // 1_000_000_000
    return (
        struct.pack(">2sBBBHBB", b"EX", _VERSION, _DATA, channel, device & 0xFFFF, _FCS_MODE, lqi)
        + struct.pack(">IIIxxxxxxxxxxB", (seconds + _NTP_EPOCH) & 0xFFFFFFFF, fraction, sequence, len(psdu))
        + psdu
    )


class Sender:
    """Sends each frame as one datagram to `zep:HOST[:PORT]`, never waiting."""

    def __init__(self, spec: LinkSpec) -> None:
        if not is_loopback(spec.host):
            raise BadInput(f'link "{spec}": frames go to this machine only; a sniffer elsewhere reads the capture file')
        self._socket = socket.socket(socket.AF_INET6 if ":" in spec.host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._address = (spec.host, spec.port)
        self._sequence = 0

    def send(self, psdu: bytes, channel: int, device: int, utc_ns: int) -> None:
        """One frame on the air."""
        self._sequence += 1
        data = packet(psdu, channel=channel, device=device, sequence=self._sequence, utc_ns=utc_ns)
        with contextlib.suppress(OSError):  # nobody listens, or the queue is full: a sniffer loses frames
            self._socket.sendto(data, self._address)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
