"""The outside of a GBCS message: what a device that carries or logs one may know of it (GBCS chapter 7).

A message is a general-signing APDU, and one that is authenticated is inside a general-ciphering APDU without identifiers. Not
here: keys, codes of authentication, signatures, and what a message says.
"""

from __future__ import annotations

from protocols.core.codec import Frame, axdr_length, be, const, prefixed, rest
from protocols.core.errors import DecodeError

MESSAGE_CODE_OCTETS = 2


class Authenticated(Frame):
    """general-ciphering: no identifiers, then the content behind its security header, and its code of authentication."""

    head: bytes = const(bytes.fromhex("DD000000000000"))
    content: bytes = prefixed(axdr_length)


class SecurityHeader(Frame):
    """Before the content: authenticated only, no invocation counter."""

    header: bytes = const(bytes.fromhex("1100000000"))
    content: bytes = rest()


class Grouping(Frame):
    """general-signing, up to its content. `transaction_id`: command, response or alert, and the originator's counter."""

    tag: int = const(0xDF, be.u8)
    transaction_id: bytes = prefixed(axdr_length)
    originator: bytes = prefixed(axdr_length)
    recipient: bytes = prefixed(axdr_length)
    date_time: bytes = prefixed(axdr_length)
    other_information: bytes = prefixed(axdr_length)


def grouping(message: bytes) -> Grouping:
    """The grouping header of a message. Raises DecodeError for what is no such message."""
    if message[:1] == b"\xdd":
        message = SecurityHeader.parse(Authenticated.parse_from(message, 0)[0].content).content
    return Grouping.parse_from(message, 0)[0]


def message_code(message: bytes) -> int | None:
    """The code of the use case; None for what is no GBCS message."""
    try:
        information = grouping(message).other_information
    except DecodeError:
        return None
    return int.from_bytes(information[:MESSAGE_CODE_OCTETS], "big") if len(information) >= MESSAGE_CODE_OCTETS else None
