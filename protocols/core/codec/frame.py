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

import builtins
import sys
from collections import ChainMap
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, ClassVar, Generic, Self, TypeVar, dataclass_transform

import construct as c
import msgspec

from protocols.core.codec import constructs, engine
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
from protocols.core.codec.streams import MAX_ITEMS
from protocols.core.errors import DecodeError


class FrameMeta(msgspec.StructMeta):
    """Turns annotations and specifiers into slots and a construct tree."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        annotations: dict[str, Any] = namespace.get("__annotations__", {})
        caller = sys._getframe(1)
        scope = ChainMap(namespace, caller.f_locals, caller.f_globals)
        overridden = namespace.keys() & _NOT_YET_GENERATED.keys()
        if overridden:
            raise TypeError(f"{name}: {min(overridden)} is generated")
        fields: list[constructs.Field] = []
        for base in bases:
            fields += getattr(base, "_fields", ())
        for member, annotation in list(annotations.items()):
            if annotation.startswith("ClassVar"):
                continue
            if member.startswith("_") or hasattr(Frame, member):
                raise TypeError(f"{name}.{member}: a field may not have this name")
            specifier = namespace.get(member)
            if not isinstance(specifier, Specifier):
                item = _lookup(annotation, scope, f"{name}.{member}")
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
        namespace |= _NOT_YET_GENERATED  # or a base's generated methods would be inherited
        frame: Any = super().__new__(mcls, name, bases, namespace, **config)
        frame._record = constructs.Record(frame, c.Struct(*fields))
        return frame


def _lookup(annotation: str, scope: Mapping[str, Any], where: str) -> Any:
    """What a dotted name means. An annotation that is more than a name needs a specifier."""
    first, *attributes = annotation.split(".")
    try:
        return reduce(getattr, attributes, scope[first] if first in scope else getattr(builtins, first))
    except AttributeError:
        raise TypeError(f"{where}: {annotation} is not an item: it needs a specifier, or is not defined yet") from None


_NOT_YET_GENERATED: dict[str, Any] = {}


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
    def parse(cls, data: bytes, items: int = MAX_ITEMS) -> Self:
        """The frame that `data` is, all of it. Raises DecodeError.

        `items` bounds each list with the lists nested in it: only a reassembled transfer needs more.
        """
        frame: Self = _generated(cls, "parse")(data, items)
        return frame

    @classmethod
    def parse_from(cls, data: bytes, pos: int, items: int = MAX_ITEMS) -> tuple[Self, int]:
        """The frame at `pos`, and the position behind it. Raises DecodeError."""
        found: tuple[Self, int] = _generated(cls, "parse_from")(data, pos, items)
        return found

    def build(self) -> bytes:
        """The octets of this frame. Raises EncodeError."""
        octets: bytes = _generated(type(self), "build")(self)
        return octets


_NOT_YET_GENERATED |= {name: vars(Frame)[name] for name in ("parse", "parse_from", "build")}


def _generated(frame: type[Frame], name: str) -> Any:
    """One of the methods, generated unless it was, and put where the class finds it from now on."""
    known = vars(frame)[name]
    if known is not _NOT_YET_GENERATED[name]:  # the caller kept the first method
        return known.__func__ if isinstance(known, staticmethod) else known
    function = engine.generate(frame._record, name)
    setattr(frame, name, function if name == "build" else staticmethod(function))
    return function


_F = TypeVar("_F", bound=Frame)


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
    octets = b""
    for member in frame._fields:
        if not isinstance(member.subcon, constructs.Const):
            break
        octets += member.subcon.octets
    return octets
