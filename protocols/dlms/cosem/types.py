"""The types that the Blue Book gives attributes and method parameters, to declare them with.

A type does two things: `of` makes tagged data from plain Python by the declaration, and `admit` refuses data a client
sent that is not of the type. Where the Blue Book says CHOICE the type is `ANY`: what stands in the attribute decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import cache
from typing import Protocol, TypeAlias

from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.xdlms import DataAccessResult

Plain: TypeAlias = "Data | bool | int | float | str | bytes | Sequence[Plain] | None"
"""What `of` takes: tagged data goes through as it is."""


class Type(Protocol):
    """A declared type."""

    def of(self, plain: Plain) -> Data:
        """Tagged data from plain Python. Raises LocalProtocolError."""
        ...

    def admit(self, data: Data) -> None:
        """Raise AccessError unless `data` is of this type."""
        ...


@cache
def _small(tag: int, number: int) -> Data:
    """A home has thousands of small numbers, and few different ones."""
    return Data(tag, number)


class Simple:
    """One value under one tag. `size`: octets of a string, None for any number."""

    def __init__(self, tag: int, size: int | None = None) -> None:
        self.tag = tag
        self.size = size

    def of(self, plain: Plain) -> Data:
        if isinstance(plain, Data):
            return plain
        if self.tag == Tag.BOOLEAN:
            return axdr.boolean(bool(plain))
        if isinstance(plain, str) and self.tag != Tag.BIT_STRING:
            return Data(self.tag, plain.encode())
        if isinstance(plain, int):  # an enumeration as its bare number
            return _small(self.tag, int(plain)) if 0 <= plain < 256 else Data(self.tag, int(plain))
        return Data(self.tag, plain)

    def admit(self, data: Data) -> None:
        if data.tag != self.tag or (self.size is not None and len(data.value) != self.size):
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)


class Limited(Simple):
    """One value from `lowest` to `highest`: a number, or the octets or bits of a string. No `highest`: no end."""

    def __init__(self, tag: int, lowest: int, highest: int | None = None) -> None:
        super().__init__(tag)
        self.lowest = lowest
        self.highest = highest

    def admit(self, data: Data) -> None:
        super().admit(data)
        value = data.value if isinstance(data.value, int | float) else len(data.value)
        if value < self.lowest or (self.highest is not None and value > self.highest):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)


class Enumerated(Simple):
    """enum: one of these members and nothing else."""

    def __init__(self, members: type[IntEnum]) -> None:
        super().__init__(Tag.ENUM)
        self.members = members

    def admit(self, data: Data) -> None:
        super().admit(data)
        if data.value not in self.members.__members__.values():
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)


class DateTime(Simple):
    """octet-string (12) that is a date-time. `complete`: one instant, nothing left open."""

    def __init__(self, *, complete: bool = False) -> None:
        super().__init__(Tag.OCTET_STRING, 12)
        self.complete = complete

    def admit(self, data: Data) -> None:
        super().admit(data)
        try:
            whole = date_time.is_complete(data.value)
        except DecodeError:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED) from None
        if self.complete and not whole:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)


class Structure:
    """A structure of these elements. Given by name, they keep their names: `Structure(class_id=U16, ...)`."""

    def __init__(self, *elements: Type, **named: Type) -> None:
        self.elements = (*elements, *named.values())
        self.names = tuple(named)

    def of(self, plain: Plain) -> Data:
        if isinstance(plain, Data):
            return plain
        items = _sequence(plain)
        if len(items) != len(self.elements):
            raise LocalProtocolError(f"a structure of {len(self.elements)} cannot hold {plain!r}")
        return Data(Tag.STRUCTURE, [element.of(item) for element, item in zip(self.elements, items, strict=True)])

    def admit(self, data: Data) -> None:
        if data.tag != Tag.STRUCTURE or len(data.value) != len(self.elements):
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        for element, item in zip(self.elements, data.value, strict=True):
            element.admit(item)


class Array:
    """An array of items of one type, `most` of them at most."""

    def __init__(self, item: Type, most: int | None = None) -> None:
        self.item = item
        self.most = most

    def of(self, plain: Plain) -> Data:
        if isinstance(plain, Data):
            return plain
        return Data(Tag.ARRAY, [self.item.of(item) for item in _sequence(plain)])

    def admit(self, data: Data) -> None:
        if data.tag != Tag.ARRAY:
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        if self.most is not None and len(data.value) > self.most:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        for item in data.value:
            self.item.admit(item)


class Choice:
    """CHOICE of these types. Plain Python is of the first of them."""

    def __init__(self, *types: Type) -> None:
        self.types = types

    def of(self, plain: Plain) -> Data:
        return self.types[0].of(plain)

    def admit(self, data: Data) -> None:
        refusals = []
        for type in self.types:
            try:
                return type.admit(data)
            except AccessError as refusal:
                refusals.append(refusal)
        # A value of a right type and out of its range says so; the tag that does not fit comes before it.
        raise max(refusals, key=lambda refusal: refusal.result)


class Any:
    """CHOICE: whatever tag the data carries."""

    def of(self, plain: Plain) -> Data:
        if not isinstance(plain, Data):
            raise LocalProtocolError(f"{plain!r} needs a tag: the class leaves the type open")
        return plain

    def admit(self, data: Data) -> None:
        pass


def same_type(a: Data, b: Data) -> bool:
    """Whether two values have one type: equal tags all the way down; an array may hold any number of its items."""
    if a.tag != b.tag:
        return False
    if a.tag == Tag.STRUCTURE:
        return len(a.value) == len(b.value) and all(same_type(*pair) for pair in zip(a.value, b.value, strict=True))
    if a.tag == Tag.ARRAY and a.value:
        return all(same_type(a.value[0], item) for item in b.value)
    return True


def _sequence(plain: Plain) -> Sequence[Plain]:
    if not isinstance(plain, Iterable) or isinstance(plain, str | bytes | Data):
        raise LocalProtocolError(f"expects items, got {plain!r}")
    return plain


ANY = Any()
BOOLEAN = Simple(Tag.BOOLEAN)
BITS = Simple(Tag.BIT_STRING)
I8 = Simple(Tag.INTEGER)
I16 = Simple(Tag.LONG)
I32 = Simple(Tag.DOUBLE_LONG)
U8 = Simple(Tag.UNSIGNED)
U16 = Simple(Tag.LONG_UNSIGNED)
U32 = Simple(Tag.DOUBLE_LONG_UNSIGNED)
ENUM = Simple(Tag.ENUM)
OCTETS = Simple(Tag.OCTET_STRING)
VISIBLE = Simple(Tag.VISIBLE_STRING)
UTF8 = Simple(Tag.UTF8_STRING)
NULL = Simple(Tag.NULL)
LOGICAL_NAME = Simple(Tag.OCTET_STRING, 6)
DATE_TIME = DateTime()
TAGGED_DATE_TIME = Simple(Tag.DATE_TIME, 12)
"""date-time under its own tag; most attributes are octet-string."""
INSTANT = DateTime(complete=True)
