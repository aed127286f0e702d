"""The wrapper under COSEM on TCP and UDP: version, two wPorts, length (IEC 62056-47 / Green Book 7.3.3.2).

wPorts are client and server addresses (SAPs) and no TCP ports. Opening and closing connections belong to the owner.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from protocols.core.codec import Frame, be
from protocols.core.errors import DecodeError, LocalProtocolError

VERSION: Final = 1
HEADER_SIZE: Final = 8
LARGEST_APDU: Final = 4096
"""Octets; what a Splitter takes when it is told nothing else."""


class Header(Frame):
    """Wrapper header."""

    version: be.u16
    source: be.u16
    destination: be.u16
    length: be.u16


class Pdu(NamedTuple):
    """One APDU with the two wPorts."""

    source: int
    destination: int
    apdu: bytes


def wrap(source: int, destination: int, apdu: bytes) -> bytes:
    """An APDU behind its header. LocalProtocolError when it is empty or longer than the length field can say."""
    if not 0 < len(apdu) <= 0xFFFF:
        raise LocalProtocolError(f"the wrapper carries 1 to 65535 octets, not {len(apdu)}")
    return Header(VERSION, source, destination, len(apdu)).build() + apdu


def unwrap(datagram: bytes) -> Pdu:
    """The one PDU that a UDP datagram is. Raises DecodeError."""
    match Splitter(0xFFFF).feed(datagram):
        case [pdu] if len(datagram) == HEADER_SIZE + len(pdu.apdu):
            return pdu
    raise DecodeError("wrapper: a datagram is exactly one PDU")


class Splitter:
    """A TCP stream in, PDUs out. There is no resynchronisation: after an error the connection is of no use."""

    __slots__ = ("_buffer", "_largest")

    def __init__(self, largest: int = LARGEST_APDU) -> None:
        self._largest: Final = largest
        self._buffer = bytearray()

    @property
    def receiving(self) -> bool:
        """A PDU has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Pdu]:
        """The PDUs that ``data`` completes; empty ones are left out.

        Raises DecodeError for a version other than 1, and for a length beyond the largest APDU before any of it is kept.
        Whole PDUs in front of the error are given first; then it comes with the next call.
        """
        buffer = self._buffer
        buffer += data
        found: list[Pdu] = []
        start = 0
        while len(buffer) - start >= HEADER_SIZE:
            header, _ = Header.parse_from(bytes(buffer[start : start + HEADER_SIZE]), 0)
            wrong = header.version != VERSION or header.length > self._largest
            if wrong and found:
                break
            if wrong:
                raise DecodeError(f"wrapper: {header}, but version is {VERSION} and length at most {self._largest}")
            stop = start + HEADER_SIZE + header.length
            if stop > len(buffer):
                break
            if header.length:
                found.append(Pdu(header.source, header.destination, bytes(buffer[start + HEADER_SIZE : stop])))
            start = stop
        del buffer[:start]
        return found
