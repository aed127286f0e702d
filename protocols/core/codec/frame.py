"""Frames: classes that are declared once and parse and build themselves.

    class AttributeDescriptor(Frame):
        class_id: be.u16
        instance_id: bytes = octets(6)
        attribute_id: be.i8

A frame is an immutable value with slots (a msgspec Struct: its constructor, equality and repr are in C). The
declaration becomes a construct tree; `parse` and `build` run Python generated from that tree on first use. The tree
interpreted by construct is the reference for tests, and names the field when the generated code meets an error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, ClassVar, Generic, Self, TypeVar, dataclass_transform

import construct as c
import msgspec

from protocols.core.codec import constructs
from protocols.core.codec.declare import (
    REQUIRED,
    Specifier,
    array,
    const,
    construct_of,
    extra,
    field,
    octets,
    prefixed,
    presence,
    rest,
    switch,
    tagged,
    to_end,
    trailing,
    when,
)
from protocols.core.codec.streams import Reader, Writer
from protocols.core.errors import DecodeError

_OWN_NAMES = frozenset({"parse", "parse_from", "build"})


class FrameMeta(msgspec.StructMeta):
    """Turns annotations and specifiers into slots and a construct tree."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        annotations: dict[str, Any] = namespace.get("__annotations__", {})
        scope = sys._getframe(1)
        fields: list[constructs.Field] = []
        for base in bases:
            fields += getattr(base, "_fields", ())
        for member, annotation in list(annotations.items()):
            if isinstance(annotation, str) and annotation.startswith("ClassVar"):
                continue
            if member in _OWN_NAMES or member.startswith("_"):
                raise TypeError(f"{name}.{member}: a field may not have this name")
            specifier = namespace.get(member)
            if not isinstance(specifier, Specifier):
                item = eval(annotation, scope.f_globals, {**scope.f_locals, **namespace})
                specifier = Specifier(construct_of(item), namespace.get(member, REQUIRED))
            fields.append(constructs.Field(specifier.construct, newname=member))
            if not specifier.init:
                del annotations[member]  # it stays a class attribute
                namespace[member] = specifier.default
            elif specifier.default is REQUIRED:
                namespace.pop(member, None)
            else:
                namespace[member] = specifier.default
        namespace["_fields"] = tuple(fields)
        frame: Any = super().__new__(mcls, name, bases, namespace, **config)
        frame._record = constructs.Record(frame, c.Struct(*fields))
        return frame


@dataclass_transform(
    frozen_default=True,
    field_specifiers=(
        const,
        field,
        octets,
        rest,
        extra,
        prefixed,
        array,
        to_end,
        presence,
        trailing,
        tagged,
        when,
        switch,
    ),
)
class Frame(msgspec.Struct, metaclass=FrameMeta, frozen=True, gc=False):
    """Base of every frame."""

    _fields: ClassVar[tuple[Any, ...]] = ()
    _record: ClassVar[Any]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The frame that `data` is, all of it. Raises DecodeError."""
        frame, end = cls.parse_from(data, 0)
        if end != len(data):
            raise left_over(cls, len(data), end)
        return frame

    @classmethod
    def parse_from(cls, data: bytes, pos: int) -> tuple[Self, int]:
        """The frame at `pos`, and the position behind it. Raises DecodeError."""
        return interpreted_parse(cls, data, pos)

    def build(self) -> bytes:
        """The octets of this frame. Raises EncodeError."""
        return interpreted_build(self)


_F = TypeVar("_F", bound=Frame)


def left_over(frame: type[Frame], length: int, end: int) -> DecodeError:
    """The error of a frame that ends before its octets do."""
    count = length - end
    return DecodeError(f"{frame.__name__}: {count} octet{'s' * (count != 1)} left over (offset {end})")


def interpreted_parse(frame: type[_F], data: bytes, pos: int) -> tuple[_F, int]:
    """What `parse_from` must give, by construct."""
    reader = Reader(bytes(data), pos)
    value: _F = frame._record._parsereport(reader, _context(parsing=True), frame.__name__)
    return value, reader.position


def interpreted_build(frame: Frame) -> bytes:
    """What `build` must give, by construct."""
    writer = Writer()
    frame._record._build(frame, writer, _context(parsing=False), type(frame).__name__)
    return bytes(writer.out)


def _context(*, parsing: bool) -> Any:
    # What Construct.parse and Construct.build would set up: they cannot be used, as they make a stream of their own.
    return c.Container(_params={}, _parsing=parsing, _building=not parsing, _sizing=False)


class Choice(Generic[_F]):
    """Frames told apart by the constants they begin with. `table` maps those octets to the frame class."""

    def __init__(self, name: str, frames: Iterable[type[_F]]) -> None:
        self.name = name
        self.table: dict[bytes, type[_F]] = {}
        for frame in frames:
            lead = leading_octets(frame)
            if not lead or lead in self.table:
                raise TypeError(f"{name}: {frame.__name__} has no leading constants of its own")
            self.table[lead] = frame
        self._sizes = sorted({len(lead) for lead in self.table}, reverse=True)

    def frame_for(self, data: bytes) -> type[_F]:
        """The class that `data` would be. Raises DecodeError."""
        for size in self._sizes:
            found = self.table.get(data[:size])
            if found is not None:
                return found
        raise DecodeError(f"{self.name}: no such frame: {data[: self._sizes[0]].hex() or 'no octets'} (offset 0)")

    def parse(self, data: bytes) -> _F:
        """The frame that `data` is, all of it. Raises DecodeError."""
        return self.frame_for(data).parse(data)


def choice(name: str, frames: Iterable[type[_F]]) -> Choice[_F]:
    """Dispatch on the constants that each frame begins with: `apdu = choice("xDLMS APDU", [GetRequestNormal, ...])`."""
    return Choice(name, frames)


def leading_octets(frame: type[Frame]) -> bytes:
    """The octets of the constants that every such frame begins with."""
    writer = Writer()
    for member in frame._fields:
        if not isinstance(member.subcon, c.Const):
            break
        member._build(None, writer, _context(parsing=False), frame.__name__)
    return bytes(writer.out)
