"""The type of a message of IEC 62056-21 (FLAG, 6.3) that was written to a line as a whole. What it says: `iec62056_21`."""

from __future__ import annotations

from typing import Final

from protocols.iec62056_21.characters import ACK, CRLF, NAK, SOH, STX, without_parity

SINGLE: Final = {ACK: "acknowledgement", NAK: "repeat request"}
_COMMAND: Final = slice(1, 3)


def message_type(octets: bytes) -> str | None:
    """`FLAG request`, `FLAG P1`, .. with or without parity; None for what begins as no message does."""
    characters = octets if octets.isascii() else without_parity(octets)
    first = characters[0] if characters else 0
    if not characters.isascii():
        return None
    if characters.startswith(b"/"):
        pushed = characters.find(CRLF) not in (-1, len(characters) - len(CRLF))
        return "FLAG push" if pushed else "FLAG request" if characters.startswith(b"/?") else "FLAG identification"
    if first == STX:
        return "FLAG data"
    if first == SOH:
        return f"FLAG {characters[_COMMAND].decode()}" if characters[_COMMAND].isalnum() else None
    if first == ACK and len(characters) > 1:
        return "FLAG option select"
    return f"FLAG {SINGLE[first]}" if first in SINGLE and len(characters) == 1 else None
