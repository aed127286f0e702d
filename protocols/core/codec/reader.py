"""The octets that the interpreted engine reads and writes, and the limits it keeps. Not used by generated code."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 16
"""Arrays and structures may nest this deep."""
MAX_ITEMS = 4096
"""Items one parse may hold, all nested arrays together."""


class Reader:
    """A read position over octets, in the shape that construct calls a stream.

    `depth` and `items` are what nesting has used up; `record` is the frame being read.
    """

    __slots__ = ("data", "depth", "items", "position", "record")

    def __init__(self, data: bytes, position: int = 0, depth: int = 0, items: int = 0, record: Any = None) -> None:
        self.data = data
        self.position = position
        self.depth = depth
        self.items = items
        self.record = record

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


class Writer:
    """Octets written so far, in the shape that construct calls a stream."""

    __slots__ = ("depth", "out", "record")

    def __init__(self, depth: int = 0, record: Any = None) -> None:
        self.out = bytearray()
        self.depth = depth
        self.record = record

    def write(self, data: bytes | bytearray) -> int:
        """Append `data`."""
        self.out += data
        return len(data)

    def tell(self) -> int:
        """Octets written so far."""
        return len(self.out)
