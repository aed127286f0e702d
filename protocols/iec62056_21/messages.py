"""The messages between a hand-held unit and a tariff device (IEC 62056-21 6.3): seven-bit characters, parity not on.

Request, identification, acknowledgement with option select, and blocks: data, commands of programming mode, errors. What may
come when is the machines'. Written by hand: the codec engine is for octets, and these are texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.iec62056_21.characters import ACK, CRLF, EOT, ETX, SOH, STX, block_check
from protocols.iec62056_21.rates import ANNOUNCED, NEGOTIATED, Mode

_REQUEST: Final = re.compile(rb"/\?([0-9A-Za-z ]{0,32})!\r\n")
_BEGUN: Final = re.compile(rb"/(?:\?(?:[0-9A-Za-z ]{0,32}(?:!(?:\r\n?)?)?)?)?")
_IDENTIFICATION: Final = re.compile(rb"/([A-Za-z]{3})([ -~])((?:\\[ -~])*)([ -.0-~]{0,32})\r\n")
_OPTION: Final = re.compile(rb"\x06([0-9A-Z])([0-9A-Z])([0-9A-Z])\r\n")
_COMMAND: Final = re.compile(rb"[PWREB][0-9]")


def begun(characters: bytes) -> bool:
    """Whether characters can be the beginning of a request."""
    return _BEGUN.fullmatch(characters) is not None


@dataclass(frozen=True, slots=True)
class Request:
    """`/?ADDRESS!`: the sign-on. Without address every device on the line answers."""

    address: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Exactly one request. Raises DecodeError."""
        match = _REQUEST.fullmatch(data)
        if match is None:
            raise DecodeError(f"Request: not /?ADDRESS! and CR LF: {data[:48]!r}")
        return cls(match[1].decode())

    def build(self) -> bytes:
        """LocalProtocolError when the address is none."""
        data = f"/?{self.address}!\r\n".encode("ascii", "replace")
        if _REQUEST.fullmatch(data) is None:
            raise LocalProtocolError(f"a device address is up to 32 digits, letters and spaces, not {self.address!r}")
        return data

    def reaches(self, address: str) -> bool:
        """Whether a device of that address is meant. Leading zeros count on neither side."""
        return not self.address or self.address.lstrip("0") == address.lstrip("0")


@dataclass(frozen=True, slots=True)
class Identification:
    """`/XXXZ\\WIDENT`: three letters of the maker, the baud rate character, and escape sequences that offer more."""

    maker: str
    rate: str
    name: str
    escapes: str = ""
    """Without backslashes: "2" offers HDLC (mode E)."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Exactly one identification. Raises DecodeError."""
        match = _IDENTIFICATION.fullmatch(data)
        if match is None or b"!" in match[4] or match[2] in b"/!":
            raise DecodeError(f"Identification: not /XXXZ, a name and CR LF: {data[:48]!r}")
        return cls(match[1].decode(), match[2].decode(), match[4].decode(), match[3][1::2].decode())

    def build(self) -> bytes:
        """LocalProtocolError when it would be read as something else."""
        escapes = "".join(f"\\{each}" for each in self.escapes)
        data = f"/{self.maker}{self.rate}{escapes}{self.name}\r\n".encode("ascii", "replace")
        try:
            again = Identification.parse(data)
        except DecodeError:
            again = None
        if again != self:
            raise LocalProtocolError(f"no identification: {self}")
        return data

    @property
    def mode(self) -> Mode:
        """What the baud rate character and the escape sequences say; never D."""
        if self.rate in NEGOTIATED:
            return Mode.E if "2" in self.escapes else Mode.C
        return Mode.B if self.rate in ANNOUNCED else Mode.A

    @property
    def quick(self) -> bool:
        """The device reacts within 20 ms, and may be answered as fast: its third letter is small."""
        return self.maker[2].islower()


@dataclass(frozen=True, slots=True)
class OptionSelect:
    """`ACK V Z Y`: which protocol, at which rate, for what. Characters as they came."""

    control: str
    rate: str
    purpose: str

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Exactly one acknowledgement with option select. Raises DecodeError."""
        match = _OPTION.fullmatch(data)
        if match is None:
            raise DecodeError(f"OptionSelect: not ACK, three characters and CR LF: {data[:16]!r}")
        return cls(match[1].decode(), match[2].decode(), match[3].decode())

    def build(self) -> bytes:
        return bytes((ACK,)) + f"{self.control}{self.rate}{self.purpose}".encode() + CRLF


HDLC: Final = ("2", "2")
READOUT: Final = ("0", "0")
PROGRAMMING: Final = ("0", "1")
"""Protocol control character and mode control character, as they go together."""


@dataclass(frozen=True, slots=True)
class Block:
    """Between SOH or STX and its BCC: a command such as `P1` (empty for data), what follows STX, and whether more follows.

    `text` is None where there is no STX, as in the break `B0`.
    """

    command: str
    text: str | None
    partial: bool = False

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Exactly one block with its BCC. Raises DecodeError."""
        if len(data) < 3 or data[0] not in (SOH, STX) or data[-2] not in (ETX, EOT):
            raise DecodeError(f"Block: not a start, an end and a BCC: {data[:16]!r}")
        if block_check(data[1:-1]) != data[-1]:
            raise DecodeError(f"Block: BCC is {data[-1]:02X}, and the block says {block_check(data[1:-1]):02X}")
        command, body = (data[1:3], data[3:-2]) if data[0] == SOH else (b"", data[:-2])
        if data[0] == SOH and _COMMAND.fullmatch(command) is None:
            raise DecodeError(f"Block: no command: {command!r}")
        if body and (body[0] != STX or not _text(body[1:])):
            raise DecodeError(f"Block: not STX and text: {body[:16]!r}")
        return cls(command.decode(), body[1:].decode() if body else None, data[-2] == EOT)

    def build(self) -> bytes:
        """LocalProtocolError when it would be read as something else."""
        head = bytes((SOH,)) + self.command.encode() if self.command else b""
        body = b"" if self.text is None else bytes((STX,)) + self.text.encode("ascii", "replace")
        data = head + body + bytes((EOT if self.partial else ETX,))
        data += bytes((block_check(data[1:]),))
        try:
            again = Block.parse(data)
        except DecodeError:
            again = None
        if again != self:
            raise LocalProtocolError(f"no block: {self}")
        return data


BREAK: Final = Block("B0", None)
"""Complete sign-off."""


def _text(octets: bytes) -> bool:
    return all(0x20 <= octet < 0x7F or octet in CRLF for octet in octets)
