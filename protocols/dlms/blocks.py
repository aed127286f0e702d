"""Service parameters too long for one APDU: cut into numbered blocks, and put together again.

Green Book 9.4.4 (block transfer of GET, SET and ACTION). One `Outgoing` or `Incoming` is one transfer in one direction;
server and client use the same two. What to answer to a wrong block is theirs. General block transfer is not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from protocols.core.codec import Frame, array, axdr_length
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.xdlms import ActionResponse, GetDataResult

F = TypeVar("F", bound=Frame)

MAX_ITEMS: Final = 262_144
"""Values in one transfer: 13 months of half hours are 19,056 rows, and each row and cell is one."""
MAX_OCTETS: Final = 4 << 20
"""Octets in one transfer, all blocks together."""
OVERHEAD: Final = 12
"""Octets of an APDU around its block: type, choice, invoke-id, last-block, number, result choice, length (3)."""


class Values(Frame):
    """What the blocks of a SET or ACTION with a list hold."""

    items: list[Data] = array(axdr.data, axdr_length)


class GetResults(Frame):
    """What the blocks of a GET response with a list hold."""

    items: list[GetDataResult] = array(GetDataResult, axdr_length)


class ActionResults(Frame):
    """What the blocks of an ACTION response with a list hold."""

    items: list[ActionResponse] = array(ActionResponse, axdr_length)


class Outgoing:
    """Octets on their way out, asked for piece by piece: no more than a block and a piece are held.

    `number` is that of the block last cut, 0 before the first.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._buffer = bytearray()
        self.number = 0

    def cut(self, size: int) -> tuple[bool, int, bytes]:
        """The next block of at most `size` octets: whether it is the last, its number, its octets."""
        buffer = self._buffer
        while len(buffer) <= size and (piece := next(self._pieces, None)) is not None:
            buffer += piece
        block = bytes(buffer[:size])
        del buffer[:size]
        self.number += 1
        return not buffer, self.number, block


class Incoming:
    """Octets coming in. `number` is that of the block wanted next."""

    def __init__(self) -> None:
        self._raw = bytearray()
        self.number = 1

    def add(self, number: int, octets: bytes) -> None:
        """Take a block. Raises RemoteProtocolError when it is not the one wanted, or when it is too much."""
        if number != self.number:
            raise RemoteProtocolError(f"block {number} came where {self.number} is wanted")
        if len(self._raw) + len(octets) > MAX_OCTETS:
            raise RemoteProtocolError(f"more than {MAX_OCTETS} octets in one block transfer")
        self._raw += octets
        self.number += 1

    @property
    def raw(self) -> bytes:
        """All octets so far."""
        return bytes(self._raw)


class Collecting(Incoming, Generic[F]):
    """A request that comes in blocks. `first` says what it is for."""

    def __init__(self, first: F) -> None:
        super().__init__()
        self.first = first
