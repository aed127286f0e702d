"""Characters on the line: seven bits with even parity in software, control characters, block check (IEC 62056-21 6.1, 6.3.8).

Where the port is not set to 7E1 itself (a pty, a TCP link, a UART left at 8N1 for the HDLC that may follow) the parity bit is
the highest bit of an octet. Not here: which of the two a peer wants; the machines find out.
"""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Final

SOH: Final = 0x01
STX: Final = 0x02
ETX: Final = 0x03
EOT: Final = 0x04
ACK: Final = 0x06
NAK: Final = 0x15
CRLF: Final = b"\r\n"

_WITH_PARITY: Final = bytes(octet & 0x7F | (octet & 0x7F).bit_count() % 2 << 7 for octet in range(256))
_WITHOUT: Final = bytes(octet & 0x7F | octet.bit_count() % 2 << 7 for octet in range(256))
START: Final = ord("/")
"""What a sign-on and an identification begin with."""
PARITY_START: Final = _WITH_PARITY[START]
"""The same with parity."""


def with_parity(characters: bytes) -> bytes:
    """Seven-bit characters as the eight bits of a 7E1 line."""
    return characters.translate(_WITH_PARITY)


def without_parity(octets: bytes) -> bytes:
    """The characters of octets from a 7E1 line; one whose parity is wrong keeps a high bit, which no character has."""
    return octets.translate(_WITHOUT)


def block_check(characters: bytes) -> int:
    """BCC of a block: exclusive or of everything behind its first SOH or STX, up to and including ETX or EOT."""
    return reduce(xor, characters, 0)
