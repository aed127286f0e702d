"""Numbers that people carry when no network does: top-up tokens, gas readings with check digits, codes that reopen a valve.

The papers ask for them and give no format, so these are the bench's. A token has 20 digits: 31 bits of content and 32 bits of MAC,
the content enciphered under the MAC (so that no keystream comes twice), and a check digit that finds every single wrong digit and
every swap of neighbours (Damm), before any key is used. A reading has eight digits of litres and four of MAC; a reopening code
three digits of cubic metres and seven of MAC, under the number of the exchange, so that none is good twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.core import aes
from protocols.core.errors import LocalProtocolError, RemoteProtocolError

TOKEN_DIGITS: Final = 20
READING_DIGITS: Final = 12
REOPEN_DIGITS: Final = 10
MOST_PENCE: Final = (1 << 17) - 1
"""Of a token: 1,310 pounds and 71 pence."""
COUNTERS: Final = 1 << 13
"""Tokens of one fuel before their numbers come again."""
_FUEL_BIT: Final = 30
_CONTENT_BITS: Final = 31
_MAC_BITS: Final = 32
_LARGEST_READING: Final = 10**8 - 1
_LARGEST_GRANT: Final = 999
_DAMM: Final = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2), (7, 0, 9, 2, 1, 5, 4, 8, 6, 3), (4, 2, 0, 6, 8, 7, 1, 3, 5, 9), (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8), (3, 6, 7, 4, 2, 0, 9, 5, 8, 1), (5, 8, 6, 9, 7, 2, 0, 1, 3, 4), (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5), (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)  # fmt: skip
"""The quasigroup of Damm's thesis (2004)."""


@dataclass(frozen=True, slots=True)
class TopUp:
    """What a token says. `electricity`: for that account, not for gas; `counter`: below COUNTERS."""

    pence: int
    counter: int
    electricity: bool = False


def check_digit(digits: str) -> int:
    """The digit that makes them right."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim


def token(key: bytes, hub: int, top_up: TopUp) -> str:
    """20 digits for one hub (EUI-64), under a key of 16 octets. Raises LocalProtocolError on an amount or counter too large."""
    if not 0 < top_up.pence <= MOST_PENCE or not 0 <= top_up.counter < COUNTERS:
        raise LocalProtocolError(f"no token holds {top_up.pence} pence, number {top_up.counter}")
    content = top_up.electricity << _FUEL_BIT | top_up.counter << 17 | top_up.pence
    mac = _token_mac(key, hub, content)
    number = (content ^ _keystream(key, mac)) << _MAC_BITS | mac
    text = f"{number:0{TOKEN_DIGITS - 1}d}"
    return f"{text}{check_digit(text)}"


def open_token(key: bytes, hub: int, digits: str) -> TopUp:
    """What a token says. Raises RemoteProtocolError: not 20 digits, or not made for this hub under this key."""
    if len(digits) != TOKEN_DIGITS or not (digits.isascii() and digits.isdecimal()):
        raise RemoteProtocolError(f"a token has {TOKEN_DIGITS} digits")
    if check_digit(digits):
        raise RemoteProtocolError("a digit of the token is wrong")
    number = int(digits[:-1])
    mac = number & 0xFFFFFFFF
    content = number >> _MAC_BITS ^ _keystream(key, mac)
    if content >> _CONTENT_BITS or _token_mac(key, hub, content) != mac:
        raise RemoteProtocolError("not a token for this hub")
    pence, counter = content & MOST_PENCE, content >> 17 & COUNTERS - 1
    if not pence:
        raise RemoteProtocolError("a token without an amount")
    return TopUp(pence, counter, bool(content >> _FUEL_BIT & 1))


def reading(key: bytes, litres: int, exchange: int) -> str:
    """A meter's reading for a person to carry: eight digits, and four that show it was not made up."""
    shown = litres % (_LARGEST_READING + 1)
    return f"{shown:08d}{_digits(key, b'reading', shown, exchange, 4)}"


def open_reading(key: bytes, digits: str, exchange: int) -> int:
    """The litres, below 10^8. Raises RemoteProtocolError: not 12 digits, or wrong check digits."""
    if len(digits) != READING_DIGITS or not (digits.isascii() and digits.isdecimal()):
        raise RemoteProtocolError(f"a reading has {READING_DIGITS} digits")
    litres = int(digits[:8])
    if _digits(key, b"reading", litres, exchange, 4) != digits[8:]:
        raise RemoteProtocolError("check digits do not fit")
    return litres


def reopening(key: bytes, cubic_metres: int, litres: int, exchange: int) -> str:
    """The code that opens the valve of a meter that shows this reading, for so many whole cubic metres (at most 999)."""
    grant = min(max(cubic_metres, 0), _LARGEST_GRANT)
    return f"{grant:03d}{_digits(key, b'reopen', grant << 32 | litres, exchange, 7)}"


def open_reopening(key: bytes, digits: str, litres: int, exchange: int) -> int:
    """The cubic metres that a code grants. Raises RemoteProtocolError: not ten digits, or not for this reading and exchange."""
    if len(digits) != REOPEN_DIGITS or not (digits.isascii() and digits.isdecimal()):
        raise RemoteProtocolError(f"a reopening code has {REOPEN_DIGITS} digits")
    grant = int(digits[:3])
    if _digits(key, b"reopen", grant << 32 | litres % (_LARGEST_READING + 1), exchange, 7) != digits[3:]:
        raise RemoteProtocolError("the code is not for this reading")
    return grant


def _digits(key: bytes, purpose: bytes, value: int, exchange: int, count: int) -> str:
    mac = aes.cmac(key, purpose + value.to_bytes(8, "big") + exchange.to_bytes(4, "big"))
    return f"{int.from_bytes(mac[:8], 'big') % 10**count:0{count}d}"


def _token_mac(key: bytes, hub: int, content: int) -> int:
    return int.from_bytes(aes.cmac(key, b"token" + hub.to_bytes(8, "big") + content.to_bytes(4, "big"))[:4], "big")


def _keystream(key: bytes, mac: int) -> int:
    return int.from_bytes(aes.cmac(key, b"stream" + mac.to_bytes(4, "big"))[:4], "big") & (1 << _CONTENT_BITS) - 1
