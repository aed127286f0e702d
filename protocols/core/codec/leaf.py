"""Hand-written parts of frames, which plug into the interpreted and the generated engine alike: a closed list of them."""
# mypy: disallow-subclassing-any=False
# (construct has no type information, so its classes are Any)

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import construct as c

from protocols.core.codec.constructs import short
from protocols.core.codec.streams import MAX_ITEMS, Reader, Writer
from protocols.core.errors import DecodeError, EncodeError


class Leaf(c.Construct, ABC):
    """A hand-written part, the same code for both engines: subclass it, and use an instance wherever an item goes.

    `parse(buf, pos, end)` reads at `pos`, never at or past `end`, and gives the value and the position behind it. It
    raises DecodeError, or a kind of it that takes a message, without a path; IndexError and struct.error are taken as
    "cut short". `build(value, out)` appends the octets and raises EncodeError. Both bound their own depth and items.
    """

    @abstractmethod
    def parse(self, buf: bytes, pos: int, end: int) -> tuple[Any, int]:
        """Read one value."""

    @abstractmethod
    def build(self, value: Any, out: bytearray) -> None:
        """Append one value."""

    def _parse(self, stream: Reader, context: Any, path: str) -> Any:
        start = stream.position
        try:
            value, stream.position = self._read(stream)
        except DecodeError as error:
            raise type(error)(f"{path}: {error}") from None
        except (IndexError, c.core.struct.error):
            raise DecodeError(f"{path}: cut short (offset {start})") from None
        if stream.position > len(stream.data):
            raise short(path, stream.position - start, len(stream.data) - start, start)
        return value

    def _read(self, stream: Reader) -> tuple[Any, int]:
        return self.parse(stream.data, stream.position, len(stream.data))

    def _build(self, obj: Any, stream: Writer, context: Any, path: str) -> Any:
        try:
            self.build(obj, stream.out)
        except EncodeError as error:
            raise EncodeError(f"{path}: {error}") from None
        return obj


class CountingLeaf(Leaf):
    """A leaf that holds many items: how many it may, is for whoever parses the frame to say."""

    @abstractmethod
    def parse(self, buf: bytes, pos: int, end: int, items: int = MAX_ITEMS) -> tuple[Any, int]:
        """Read one value of at most so many items."""

    def _read(self, stream: Reader) -> tuple[Any, int]:
        return self.parse(stream.data, stream.position, len(stream.data), stream.limit)
