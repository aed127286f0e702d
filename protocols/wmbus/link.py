"""The link layer: who sends, and what kind of telegram it is (EN 13757-4 clause 12.4; OMS volume 2, 5.3).

A device's address is its maker's three letters, eight decimal digits, a version and what it measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.core.codec import Frame, le, octets, rest
from protocols.core.errors import LocalProtocolError, RemoteProtocolError


class Control(IntEnum):
    """C-fields. Bit 6: speaks first; without it, answers."""

    ACK = 0x00
    NACK = 0x01
    CNF_IR = 0x06
    RSP_UD = 0x08
    SND_NKE = 0x40
    SND_NR = 0x44
    SND_IR = 0x46
    ACC_NR = 0x47
    ACC_DMD = 0x48
    SND_UD = 0x53
    REQ_UD1 = 0x5A
    REQ_UD2 = 0x5B


FRAME_COUNT: Final = 0x20
"""Turns over with each new SND-UD or REQ-UD: one with the same bit is a repeat, answered again and not executed again."""
_FIRST_TO_SPEAK: Final = 0x40
_ANSWERS_OWN: Final = 0x30
"""In an answer: access demanded, data flow to be held."""


class DeviceType(IntEnum):
    """What a device measures or does (EN 13757-7 table 13; those of a bench)."""

    OTHER = 0x00
    ELECTRICITY = 0x02
    GAS = 0x03
    HEAT = 0x04
    WATER = 0x07
    GATEWAY = 0x31
    VALVE = 0x21


_LETTERS: Final = 3
_DIGITS: Final = 99_999_999
_TEMPORARY: Final = 0x8000
"""Of the M-field: unique within reach only (clause 12.5.2)."""


@dataclass(frozen=True, slots=True)
class Address:
    """A device: `maker` three letters, `number` eight decimal digits."""

    maker: str
    number: int
    version: int
    type: int

    def build(self) -> bytes:
        """M and A fields, eight octets. Raises LocalProtocolError."""
        if len(self.maker) != _LETTERS or not all("A" <= letter <= "Z" for letter in self.maker):
            raise LocalProtocolError(f"a maker has three capital letters, not {self.maker!r}")
        if not 0 <= self.number <= _DIGITS:
            raise LocalProtocolError(f"{self.number} has more than eight digits")
        maker = 0
        for letter in self.maker:
            maker = maker << 5 | ord(letter) - 64
        return maker.to_bytes(2, "little") + self.identification + bytes((self.version, self.type))

    @property
    def identification(self) -> bytes:
        """The eight digits as BCD, low octet first."""
        return bytes.fromhex(f"{self.number:08d}")[::-1]

    @classmethod
    def parse(cls, data: bytes) -> Address:
        """Of eight octets. Raises RemoteProtocolError on letters or digits that are none."""
        header = _Address.parse(data)
        letters = [header.maker >> shift & 0x1F for shift in (10, 5, 0)]
        if header.maker & _TEMPORARY or not all(1 <= letter <= 26 for letter in letters):
            raise RemoteProtocolError(f"maker {header.maker:04X}: not three letters of an address for good")
        digits = header.identification[::-1].hex()
        if not digits.isdecimal():
            raise RemoteProtocolError(f"identification number {digits.upper()}")
        return cls("".join(chr(64 + letter) for letter in letters), int(digits), header.version, header.type)

    def __str__(self) -> str:
        return f"{self.maker}-{self.number:08d}"


class _Address(Frame):
    maker: le.u16
    identification: bytes = octets(4)
    version: le.u8
    type: le.u8


class Telegram(Frame):
    """A telegram: C-field, the sender's M and A fields, the CI field and what it announces."""

    control: le.u8
    sender: bytes = octets(8)
    layer: le.u8
    content: bytes = rest()

    @property
    def kind(self) -> int:
        """The C-field without its frame count bit, or without what an answer says in these bits."""
        return self.control & ~(FRAME_COUNT if self.control & _FIRST_TO_SPEAK else _ANSWERS_OWN)
