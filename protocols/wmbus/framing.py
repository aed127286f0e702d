"""Frame formats A and B: how a telegram is cut into blocks with a checksum each (EN 13757-4 clause 12.3).

Both begin with an octet that counts what follows. In format A it does not count the checksums: ten octets are covered first, then
sixteen by sixteen. In format B it does count them: one checksum covers up to 126 octets, a second one the rest.
A telegram elsewhere in this package is the octets from the C-field on, without length and checksums.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from protocols.core.errors import LocalProtocolError, RemoteProtocolError

_POLYNOMIAL: Final = 0x3D65
_CRC: Final = 2
_FIRST_A: Final = 9
_BLOCK_A: Final = 16
_FIRST_B: Final = 125
"""Octets of a telegram under the first checksum of format B, the length octet apart."""
SHORTEST: Final = 10
"""Octets of a telegram: C, M and A fields, CI field."""
LONGEST: Final = 245
"""Octets of a telegram that both formats can carry."""


class Format(Enum):
    """The two frame formats."""

    A = "A"
    B = "B"


def _table() -> tuple[int, ...]:
    rows = []
    for octet in range(256):
        register = octet << 8
        for _ in range(8):
            register = register << 1 ^ (_POLYNOMIAL if register & 0x8000 else 0)
        rows.append(register & 0xFFFF)
    return tuple(rows)


_TABLE: Final = _table()


def checksum(data: bytes) -> bytes:
    """The two octets behind a block (clause 12.3.1.7): x^16+x^13+x^12+x^11+x^10+x^8+x^6+x^5+x^2+1, from zero, inverted."""
    register = 0
    for octet in data:
        register = (register << 8 & 0xFFFF) ^ _TABLE[register >> 8 ^ octet]
    return (register ^ 0xFFFF).to_bytes(_CRC, "big")


def _cuts(length: int, form: Format) -> list[tuple[int, int]]:
    """Where the blocks of a telegram begin and end, in octets after the length octet."""
    first, more = (_FIRST_A, _BLOCK_A) if form is Format.A else (_FIRST_B, length)
    cuts, at = [(0, min(first, length))], first
    while at < length:
        cuts.append((at, min(at + more, length)))
        at += more
    return cuts


def build(telegram: bytes, form: Format = Format.A) -> bytes:
    """The octets on the air, length first. Raises LocalProtocolError on a telegram that does not fit."""
    if not SHORTEST <= len(telegram) <= LONGEST:
        raise LocalProtocolError(f"a telegram has {SHORTEST} to {LONGEST} octets, not {len(telegram)}")
    cuts = _cuts(len(telegram), form)
    length = len(telegram) + (_CRC * len(cuts) if form is Format.B else 0)
    air = bytearray()
    for start, end in cuts:
        block = telegram[start:end]
        covered = bytes((length,)) + block if start == 0 else block
        air += covered + checksum(covered)
    return bytes(air)


def parse(air: bytes, form: Format = Format.A) -> bytes:
    """The telegram of what was on the air. Raises RemoteProtocolError: cut, too long, or a block with a wrong checksum."""
    if not air:
        raise RemoteProtocolError("an empty frame")
    length = air[0] - (_counted(air[0]) if form is Format.B else 0)
    if length < SHORTEST:
        raise RemoteProtocolError(f"a frame whose length octet says {air[0]}")
    cuts = _cuts(length, form)
    if len(air) != 1 + length + _CRC * len(cuts):
        raise RemoteProtocolError(f"the length octet says {air[0]}; the frame has {len(air)} octets")
    telegram, at = bytearray(), 0
    for number, (start, end) in enumerate(cuts):
        size = end - start + (start == 0)
        covered = air[at : at + size]
        if checksum(covered) != air[at + size : at + size + _CRC]:
            raise RemoteProtocolError(f"block {number + 1} has a wrong checksum")
        telegram += covered[1:] if start == 0 else covered
        at += size + _CRC
    return bytes(telegram)


def damage(air: bytes) -> str | None:
    """What is wrong with a frame whose length octet fits a format, in words; None where it fits none: it is no frame."""
    for form in Format:
        length = air[0] - (_counted(air[0]) if form is Format.B else 0) if air else 0
        if length >= SHORTEST and len(air) == 1 + length + _CRC * len(_cuts(length, form)):
            try:
                parse(air, form)
            except RemoteProtocolError as error:
                return f"frame format {form.value}: {error}"
    return None


def _counted(length: int) -> int:
    """Octets of checksums that the length octet of format B counts."""
    return _CRC if length <= _FIRST_B + _CRC else 2 * _CRC
