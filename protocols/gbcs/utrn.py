"""UTRN: the 20 digits by which a prepayment meter is topped up (GBCS section 14; SMETS 2).

Nine digits' worth say amount and number, the rest a code of authentication and a check digit. Of the originator's counter only ten
bits travel: who checks a UTRN has to know nearly where the counter is. The secret is what the supplier's prepayment key and the
meter's key agree on (ECDH); a UTRN's own key is derived from it and the counter. Not here: that agreement, which numbers were used.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from protocols.core import aes
from protocols.core.errors import LocalProtocolError, RemoteProtocolError

DIGITS: Final = 20
MOST: Final = 8_191
NUMBERS: Final = 1 << 10
"""Of the counter's upper half, what travels."""
PENCE, POUNDS = 0, 1
"""Value classes."""
_BASE: Final = 7_394_156_990_786_306_048
_AES_128_GCM: Final = bytes.fromhex("60857406080300")
_COMMAND: Final = b"\x09\x01"
_SECURITY_HEADER: Final = bytes.fromhex("110000000000")
_MAC: Final = (1 << 32) - 1
_HIGH: Final = 1 << 25
_ROW: Final = 4
_DIHEDRAL: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 2, 3, 4, 0, 6, 7, 8, 9, 5), (2, 3, 4, 0, 1, 7, 8, 9, 5, 6), (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8), (5, 9, 8, 7, 6, 0, 4, 3, 2, 1), (6, 5, 9, 8, 7, 1, 0, 4, 3, 2), (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4), (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)  # fmt: skip
_PERMUTED: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4), (5, 8, 0, 3, 7, 9, 6, 1, 4, 2), (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0), (4, 2, 8, 6, 5, 7, 3, 9, 0, 1), (2, 7, 9, 3, 8, 0, 6, 4, 1, 5), (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)  # fmt: skip
"""Verhoeff's tables."""


@dataclass(frozen=True, slots=True)
class Utrn:
    """What 20 digits say before anybody has checked their code. `number`: ten bits of the counter's upper half."""

    number: int
    value_class: int
    value: int
    code: int

    @property
    def pence(self) -> int:
        """The amount. Raises RemoteProtocolError on a class that has none."""
        if self.value_class not in (PENCE, POUNDS):
            raise RemoteProtocolError(f"value class {self.value_class}")
        return self.value * 100 if self.value_class == POUNDS else self.value


def parse(digits: str) -> Utrn:
    """Raises RemoteProtocolError: not 20 digits, a wrong check digit, or a number that no UTRN has."""
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdecimal()):
        raise RemoteProtocolError(f"a UTRN has {DIGITS} digits")
    if _checked(digits):
        raise RemoteProtocolError("a digit of the UTRN is wrong")
    high, code = divmod(int(digits[:-1]) - _BASE, _MAC + 1)
    if not 0 <= high < _HIGH:
        raise RemoteProtocolError("no UTRN is that number")
    return Utrn(high >> 15, high >> 13 & 3, high & MOST, code)


def make(secret: bytes, originator: int, target: int, counter: int, value: int, value_class: int = PENCE) -> str:
    """The UTRN for a meter (`target`, an EUI-64). `counter`: the upper half of the originator's. Raises LocalProtocolError."""
    if not 0 < value <= MOST or value_class not in (PENCE, POUNDS) or not 0 <= counter < 1 << 32:
        raise LocalProtocolError(f"no UTRN holds {value} of class {value_class}, number {counter}")
    high = counter % NUMBERS << 15 | value_class << 13 | value
    text = str((high << 32 | _code(secret, originator, target, counter, high)) + _BASE)
    return next(text + str(digit) for digit in range(10) if not _checked(f"{text}{digit}"))


def authentic(utrn: Utrn, secret: bytes, originator: int, target: int, counter: int) -> bool:
    """Whether it was made under this secret for this meter with this whole counter."""
    high = utrn.number << 15 | utrn.value_class << 13 | utrn.value
    return counter % NUMBERS == utrn.number and _code(secret, originator, target, counter, high) == utrn.code


def _code(secret: bytes, originator: int, target: int, counter: int, high: int) -> int:
    who, whom, count = originator.to_bytes(8, "big"), target.to_bytes(8, "big"), counter.to_bytes(4, "big") + bytes(4)
    key = sha256(b"\0\0\0\1" + secret + _AES_128_GCM + who + _COMMAND + count + whom).digest()[:16]
    covered = _SECURITY_HEADER + who + whom + b"\x01" + count + high.to_bytes(4, "big")
    return int.from_bytes(aes.gmac(key, who + bytes(4), covered)[-4:], "big")


def _checked(digits: str) -> int:
    """0 where the check digit is right."""
    check = 0
    for place, digit in enumerate(digits):
        check = _DIHEDRAL[check][_PERMUTED[(place + _ROW) % len(_PERMUTED)][int(digit)]]
    return check
