"""Mode D: a device that speaks by itself, once each time its sensor is touched (IEC 62056-21 6.4.4).

`/XXX3IDENT`, an empty line, data lines, `!`; 2400 baud, no BCC, and nothing is answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protocols.core.errors import DecodeError
from protocols.iec62056_21.characters import CRLF, with_parity, without_parity
from protocols.iec62056_21.data_set import DataSet, build_block, parse_block
from protocols.iec62056_21.messages import Identification

_END: Final = b"!" + CRLF
LONGEST: Final = 16_384
"""Octets of one message; a longer one is dropped."""


@dataclass(frozen=True, slots=True)
class Push:
    """One message of a device."""

    identification: Identification
    data_sets: tuple[DataSet, ...]

    def build(self) -> bytes:
        """As it goes on the line, with parity."""
        return with_parity(self.identification.build() + CRLF + build_block(self.data_sets).encode())

    @classmethod
    def parse(cls, characters: bytes) -> Push:
        """Exactly one message without parity. Raises DecodeError."""
        head, mark, block = characters.partition(CRLF + CRLF)
        if not mark or not block.isascii():
            raise DecodeError(f"Push: no empty line behind the identification: {characters[:48]!r}")
        return cls(Identification.parse(head + CRLF), tuple(parse_block(block.decode())))


class Listener:
    """Octets in, messages out; what is damaged is left out and counted. Keeps at most one message.

    `parity`: the parity is in the highest bit.
    """

    def __init__(self, parity: bool = True) -> None:
        self.damaged = 0
        self._parity: Final = parity
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterable[Push]:
        """The messages that `data` completes."""
        self._buffer += without_parity(data) if self._parity else data
        found: list[Push] = []
        while (end := self._buffer.find(_END)) >= 0:
            message = bytes(self._buffer[: end + len(_END)])
            del self._buffer[: len(message)]
            try:
                found.append(Push.parse(message[max(message.find(b"/"), 0) :]))
            except DecodeError:
                self.damaged += 1
        if len(self._buffer) > LONGEST:
            self.damaged += 1
            self._buffer.clear()
        return found
