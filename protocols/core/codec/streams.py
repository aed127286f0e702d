"""The octets that the interpreted engine reads and writes, and the limits it keeps. Not used by generated code."""

from __future__ import annotations

from typing import Any

from protocols.core.errors import DecodeError, EncodeError

MAX_DEPTH = 16
"""Arrays of a frame inside itself may nest this deep."""
MAX_ITEMS = 4096
"""Items one array may hold, counting those of arrays nested in it. A reassembled transfer may be given more."""


class Reader:
    """A read position over octets, in the shape that construct calls a stream.

    `record` is the frame being read; `depth` and `items` are what its nesting has used up.
    """

    __slots__ = ("data", "depth", "items", "limit", "position", "record")

    def __init__(self, data: bytes, position: int = 0, limit: int = MAX_ITEMS) -> None:
        self.data = data
        self.position = position
        self.limit = limit
        self.depth = self.items = 0
        self.record: Any = None

    @property
    def left(self) -> int:
        """Octets not yet read."""
        return len(self.data) - self.position

    def read(self, count: int) -> bytes:
        """Up to `count` octets: fewer at the end, as streams do; construct then complains."""
        found = self.data[self.position : self.position + count]
        self.position += len(found)
        return found

    def tell(self) -> int:
        """Octets read so far."""
        return self.position

    def enter(self, count: int, path: str, start: int) -> None:
        """Go one level deeper, into an array of `count` frames."""
        self.items += count
        if self.items > self.limit:
            raise DecodeError(f"{path}: more than {self.limit} items (offset {start})")
        if self.depth >= MAX_DEPTH:
            raise DecodeError(f"{path}: nested deeper than {MAX_DEPTH} (offset {start})")
        self.depth += 1

    def window(self, end: int) -> Reader:
        """The same position, with the octets ending at `end`."""
        inner = Reader(self.data[:end], self.position, self.limit)
        inner.record, inner.depth, inner.items = self.record, self.depth, self.items
        return inner


class Writer:
    """Octets written so far, in the shape that construct calls a stream."""

    __slots__ = ("depth", "out", "record")

    def __init__(self) -> None:
        self.out = bytearray()
        self.depth = 0
        self.record: Any = None

    def write(self, data: bytes | bytearray) -> int:
        """Append `data`."""
        self.out += data
        return len(data)

    def tell(self) -> int:
        """Octets written so far."""
        return len(self.out)

    def enter(self, path: str) -> None:
        """Go one level deeper."""
        if self.depth >= MAX_DEPTH:
            raise EncodeError(f"{path}: nested deeper than {MAX_DEPTH}")
        self.depth += 1

    def window(self) -> Writer:
        """A place to build what needs a length in front."""
        inner = Writer()
        inner.record, inner.depth = self.record, self.depth
        return inner
