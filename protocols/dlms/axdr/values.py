"""Data: the tagged values of COSEM attributes in A-XDR (IEC 62056-5-3 table of data types; IEC 61334-6).

A ``Data`` keeps its type tag, so what was read can be built again: ``u16(5)`` and ``u32(5)`` differ, and TRUE keeps the
octet it came with (GB meters send FF, most others 01). What a value means (dates, units) is the classes' business.

    Data(Tag.STRUCTURE, [Data(Tag.UNSIGNED, 1)]).build()      Data.parse(received).python
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from protocols.core.codec import CountingLeaf
from protocols.core.codec.constructs import axdr_length_octets
from protocols.core.errors import DecodeError, EncodeError

MAX_DEPTH: Final = 16
"""Arrays and structures may nest this deep."""
MAX_ITEMS: Final = 4096
"""Values one APDU may hold, all levels together; a reassembled transfer may be given more."""


class Tag:
    """Type tags (IEC 62056-5-3, Data ::= CHOICE)."""

    NULL = 0
    ARRAY = 1
    STRUCTURE = 2
    BOOLEAN = 3
    BIT_STRING = 4
    DOUBLE_LONG = 5
    DOUBLE_LONG_UNSIGNED = 6
    OCTET_STRING = 9
    VISIBLE_STRING = 10
    UTF8_STRING = 12
    BCD = 13
    INTEGER = 15
    LONG = 16
    UNSIGNED = 17
    LONG_UNSIGNED = 18
    COMPACT_ARRAY = 19
    LONG64 = 20
    LONG64_UNSIGNED = 21
    ENUM = 22
    FLOAT32 = 23
    FLOAT64 = 24
    DATE_TIME = 25
    DATE = 26
    TIME = 27
    DELTA_INTEGER = 28
    DELTA_LONG = 29
    DELTA_DOUBLE_LONG = 30
    DELTA_UNSIGNED = 31
    DELTA_LONG_UNSIGNED = 32
    DELTA_DOUBLE_LONG_UNSIGNED = 33
    DONT_CARE = 255


class TooManyItems(DecodeError):
    """More values than one parse may hold. What to answer: pdu-too-long."""


class UnknownTag(DecodeError):
    """A type that does not exist. What to answer: type-unmatched."""


class Type(msgspec.Struct, frozen=True, gc=False):
    """TypeDescription of a compact array. ``elements``: those of a structure, or the one of an array of ``count``."""

    tag: int
    elements: tuple[Type, ...] = ()
    count: int = 0

    @classmethod
    def of(cls, data: Data) -> Type:
        """The type of a value. Raises EncodeError for an array whose items differ: it has none."""
        if data.tag == Tag.STRUCTURE:
            return cls(data.tag, tuple(cls.of(item) for item in data.value))
        if data.tag == Tag.ARRAY:
            elements = {cls.of(item): None for item in data.value} or {cls(Tag.NULL): None}
            if len(elements) > 1:
                raise EncodeError("Data: an array of different types has no description")
            return cls(data.tag, tuple(elements), len(data.value))
        return cls(data.tag)

    def members(self) -> Iterable[Type]:
        """The types of what a value of this type holds, one after the other."""
        return repeat(self.elements[0], self.count) if self.tag == Tag.ARRAY else self.elements


class CompactArray(msgspec.Struct, frozen=True, gc=False):
    """Items of one type, which is said once."""

    description: Type
    items: list[Data]


Python: TypeAlias = "bool | int | float | bytes | str | list[Any] | None"


class Data(msgspec.Struct, frozen=True, gc=False):
    """A value with its type tag.

    ``value`` by tag: numbers and enum are int or float; boolean and BCD their octet as int; all strings and the three
    date and time types bytes; bit-string a str of "0" and "1"; array and structure a list of Data; null None.
    """

    tag: int
    value: Any = None

    @classmethod
    def parse(cls, data: bytes, max_items: int = MAX_ITEMS) -> Data:
        """The value that ``data`` is, all of it. Raises DecodeError; TooManyItems and UnknownTag are kinds of it."""
        value, end = cls.parse_from(data, 0, max_items)
        if end != len(data):
            raise DecodeError(f"Data: {len(data) - end} octets left over (offset {end})")
        return value

    @classmethod
    def parse_from(cls, data: bytes, pos: int, max_items: int = MAX_ITEMS) -> tuple[Data, int]:
        """The value at ``pos``, and the position behind it. Raises DecodeError."""
        try:
            values, pos = _items(data, pos, len(data), 1, 0, [max_items])
        except IndexError:
            raise DecodeError(f"Data: cut short (offset {len(data)})") from None
        return values[0], pos

    def build(self) -> bytes:
        """The octets. Raises EncodeError."""
        out = bytearray()
        _append((self,), out)
        return bytes(out)

    @property
    def python(self) -> Python:
        """The value alone, as plain Python: a str for character strings, a bool, a list for what holds others."""
        plain = _PLAIN.get(self.tag)
        value: Python = plain(self.value) if plain else self.value
        return value


_PLAIN: Final[dict[int, Callable[[Any], Python]]] = {
    Tag.ARRAY: lambda items: [item.python for item in items],
    Tag.STRUCTURE: lambda items: [item.python for item in items],
    Tag.COMPACT_ARRAY: lambda compact: [item.python for item in compact.items],
    Tag.BOOLEAN: bool,
    Tag.VISIBLE_STRING: lambda octets: octets.decode("ascii", "replace"),
    Tag.UTF8_STRING: lambda octets: octets.decode("utf-8", "replace"),
}

# --- the type table: what has a fixed size, as struct has it; what is a length and octets; what is so many octets

_NUMBERS: Final = {
    Tag.BOOLEAN: "B", Tag.DOUBLE_LONG: "i", Tag.DOUBLE_LONG_UNSIGNED: "I", Tag.BCD: "B",
    Tag.INTEGER: "b", Tag.LONG: "h", Tag.UNSIGNED: "B", Tag.LONG_UNSIGNED: "H",
    Tag.LONG64: "q", Tag.LONG64_UNSIGNED: "Q", Tag.ENUM: "B", Tag.FLOAT32: "f", Tag.FLOAT64: "d",
    Tag.DATE_TIME: "12s", Tag.DATE: "5s", Tag.TIME: "4s",
    Tag.DELTA_INTEGER: "b", Tag.DELTA_LONG: "h", Tag.DELTA_DOUBLE_LONG: "i",
    Tag.DELTA_UNSIGNED: "B", Tag.DELTA_LONG_UNSIGNED: "H", Tag.DELTA_DOUBLE_LONG_UNSIGNED: "I",
}  # fmt: skip
_FIXED: Final = {
    tag: (struct.calcsize(">" + form), struct.Struct(">" + form).unpack_from, struct.Struct(">B" + form).pack)
    for tag, form in _NUMBERS.items()
}
_PACK: Final = {tag: pack for tag, (_, _, pack) in _FIXED.items() if not _NUMBERS[tag].endswith("s")}
_STRINGS: Final = frozenset({Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING})
_SIZES: Final = {Tag.DATE_TIME: 12, Tag.DATE: 5, Tag.TIME: 4}
_NULL: Final = Data(Tag.NULL)
_DONT_CARE: Final = Data(Tag.DONT_CARE)
_EMPTY: Final = {Tag.NULL: _NULL, Tag.DONT_CARE: _DONT_CARE}


def _short(need: int, has: int, pos: int) -> DecodeError:
    return DecodeError(f"Data: needs {need} octets, has {has} (offset {pos})")


def _length(buf: bytes, pos: int, end: int) -> tuple[int, int]:
    """A length, and the position behind it. The longer forms than needed are accepted."""
    first = buf[pos]
    pos += 1
    if first < 0x80:
        return first, pos
    size = first & 0x7F
    if not 1 <= size <= 4:
        raise DecodeError(f"Data: length octet {first:02X} is not allowed (offset {pos - 1})")
    if pos + size > end:
        raise _short(size, end - pos, pos)
    return int.from_bytes(buf[pos : pos + size], "big"), pos + size


def _items(buf: bytes, pos: int, end: int, count: int, depth: int, budget: list[int]) -> tuple[list[Data], int]:
    """``count`` tagged values from ``pos`` on. One call a container, not one a value: this is the hot loop."""
    budget[0] -= count
    if budget[0] < 0:
        raise TooManyItems(f"Data: too many items (offset {pos})")
    out: list[Data] = []
    for _ in range(count):
        tag = buf[pos]
        pos += 1
        fixed = _FIXED.get(tag)
        if fixed is not None:
            stop = pos + fixed[0]
            if stop > end:
                raise _short(fixed[0], end - pos, pos)
            out.append(Data(tag, fixed[1](buf, pos)[0]))
            pos = stop
        elif tag in _STRINGS:
            length = buf[pos]
            pos += 1
            if length >= 0x80:
                length, pos = _length(buf, pos - 1, end)
            stop = pos + length
            if stop > end:
                raise _short(length, end - pos, pos)
            out.append(Data(tag, buf[pos:stop]))
            pos = stop
        elif tag == Tag.STRUCTURE or tag == Tag.ARRAY:
            if depth == MAX_DEPTH:
                raise DecodeError(f"Data: nested deeper than {MAX_DEPTH} (offset {pos - 1})")
            size, pos = _length(buf, pos, end)
            if size > end - pos:
                raise _short(size, end - pos, pos)
            inner, pos = _items(buf, pos, end, size, depth + 1, budget)
            out.append(Data(tag, inner))
        else:
            value, pos = _rare(buf, tag, pos, end, depth, budget)
            out.append(value)
    if pos > end:
        raise _short(pos - end, 0, end)
    return out, pos


def _rare(buf: bytes, tag: int, pos: int, end: int, depth: int, budget: list[int]) -> tuple[Data, int]:
    """A value of a type that the hot loop leaves aside."""
    if tag in _EMPTY:
        return _EMPTY[tag], pos
    if tag == Tag.BIT_STRING:
        count, pos = _length(buf, pos, end)
        size = (count + 7) // 8
        if size > end - pos:
            raise _short(size, end - pos, pos)
        every = "".join(f"{octet:08b}" for octet in buf[pos : pos + size])
        return Data(tag, every[:count]), pos + size
    if tag == Tag.COMPACT_ARRAY:
        return _compact(buf, pos, end, depth, budget)
    raise UnknownTag(f"Data: type {tag:02X} is unknown (offset {pos - 1})")


# --- compact arrays: type description, then untagged values in one octet-string


def _compact(buf: bytes, pos: int, end: int, depth: int, budget: list[int]) -> tuple[Data, int]:
    description, pos = _type(buf, pos, end, depth, budget)
    size, pos = _length(buf, pos, end)
    stop = pos + size
    if stop > end:
        raise _short(size, end - pos, pos)
    items: list[Data] = []
    while pos < stop:
        item, behind = _untagged(buf, description, pos, stop, budget)
        if behind == pos:
            raise DecodeError(f"Data: compact array has contents but its type has none (offset {pos})")
        items.append(item)
        pos = behind
    return Data(Tag.COMPACT_ARRAY, CompactArray(description, items)), pos


def _type(buf: bytes, pos: int, end: int, depth: int, budget: list[int]) -> tuple[Type, int]:
    if depth > MAX_DEPTH:
        raise DecodeError(f"Data: nested deeper than {MAX_DEPTH} (offset {pos})")
    tag = buf[pos]
    pos += 1
    count, members = 0, 0
    if tag == Tag.STRUCTURE:
        members, pos = _length(buf, pos, end)
    elif tag == Tag.ARRAY:
        count, members, pos = buf[pos] << 8 | buf[pos + 1], 1, pos + 2
    elif tag not in _FIXED and tag not in _STRINGS and tag not in _EMPTY and tag != Tag.BIT_STRING:
        raise UnknownTag(f"Data: type {tag:02X} is unknown in a compact array (offset {pos - 1})")
    if members > end - pos:
        raise _short(members, end - pos, pos)
    budget[0] -= members
    if budget[0] < 0:
        raise TooManyItems(f"Data: too many items (offset {pos})")
    elements: list[Type] = []
    for _ in range(members):
        element, pos = _type(buf, pos, end, depth + 1, budget)
        elements.append(element)
    return Type(tag, tuple(elements), count), pos


def _untagged(buf: bytes, description: Type, pos: int, end: int, budget: list[int]) -> tuple[Data, int]:
    """One value of a described type. Containers count as well: a type may describe millions of empty ones."""
    budget[0] -= 1
    if budget[0] < 0:
        raise TooManyItems(f"Data: too many items (offset {pos})")
    tag = description.tag
    if tag == Tag.ARRAY or tag == Tag.STRUCTURE:
        items: list[Data] = []
        for element in description.members():
            item, pos = _untagged(buf, element, pos, end, budget)
            items.append(item)
        return Data(tag, items), pos
    fixed = _FIXED.get(tag)
    if fixed is not None:
        if pos + fixed[0] > end:
            raise _short(fixed[0], end - pos, pos)
        return Data(tag, fixed[1](buf, pos)[0]), pos + fixed[0]
    if tag not in _STRINGS:
        return _rare(buf, tag, pos, end, 0, budget)
    length, pos = _length(buf, pos, end)
    if length > end - pos:
        raise _short(length, end - pos, pos)
    return Data(tag, buf[pos : pos + length]), pos + length


# --- building


def _append(items: Iterable[Data], out: bytearray, depth: int = 0) -> None:
    """Tags, and what belongs to each. One call a container, not one a value: this is the hot loop."""
    item: object = None
    try:
        for item in items:
            tag, value = item.tag, item.value
            pack = _PACK.get(tag)
            if pack is not None:
                out += pack(tag, value)
                continue
            out.append(tag)
            if tag in _STRINGS:
                size = len(value)
                if size < 0x80:
                    out.append(size)
                else:
                    out += axdr_length_octets(size)
                out += value
            elif tag == Tag.STRUCTURE or tag == Tag.ARRAY:
                if depth == MAX_DEPTH:
                    raise EncodeError(f"Data: nested deeper than {MAX_DEPTH}")
                out += axdr_length_octets(len(value))
                _append(value, out, depth + 1)
            elif tag == Tag.COMPACT_ARRAY:
                _append_compact(value, out)
            else:
                _append_contents(tag, value, out)
    except (struct.error, TypeError, ValueError, AttributeError) as error:
        raise EncodeError(f"Data: {item!r} has no encoding: {error}") from None


def _append_compact(compact: CompactArray, out: bytearray) -> None:
    contents = bytearray()
    for item in compact.items:
        _append_untagged(compact.description, item, contents)
    if compact.items and not contents:
        raise ValueError("a compact array of items without octets cannot tell how many there are")
    _append_type(compact.description, out)
    out += axdr_length_octets(len(contents)) + contents


def _append_contents(tag: int, value: Any, out: bytearray) -> None:
    """A value that is no container, without its tag."""
    if tag in _SIZES:
        if len(value) != _SIZES[tag]:
            raise ValueError(f"{_SIZES[tag]} octets wanted")
        out += value
    elif tag in _FIXED:
        out += _FIXED[tag][2](tag, value)[1:]
    elif tag in _STRINGS:
        out += axdr_length_octets(len(value))
        out += value
    elif tag == Tag.BIT_STRING:
        size = (len(value) + 7) // 8
        out += axdr_length_octets(len(value))
        out += int(value.ljust(size * 8, "0") or "0", 2).to_bytes(size, "big")
    elif tag not in _EMPTY:
        raise ValueError("no such type")


def _append_type(description: Type, out: bytearray) -> None:
    out.append(description.tag)
    if description.tag == Tag.STRUCTURE:
        out += axdr_length_octets(len(description.elements))
    elif description.tag == Tag.ARRAY:
        out += description.count.to_bytes(2, "big")
    for element in description.elements:
        _append_type(element, out)


def _append_untagged(description: Type, data: Data, out: bytearray) -> None:
    if data.tag != description.tag:
        raise ValueError(f"type {data.tag} where the description says {description.tag}")
    if description.tag == Tag.STRUCTURE or description.tag == Tag.ARRAY:
        for element, item in zip(description.members(), data.value, strict=True):
            _append_untagged(element, item, out)
    else:
        _append_contents(data.tag, data.value, out)


def length_octets(length: int) -> bytes:
    """A length as it stands before strings and items."""
    return axdr_length_octets(length)


def read_length(buf: bytes, pos: int) -> tuple[int, int]:
    """The length at ``pos``, and the position behind it. Raises DecodeError."""
    if pos >= len(buf):
        raise DecodeError(f"Data: cut short (offset {len(buf)})")
    return _length(buf, pos, len(buf))


def leaf_type(tag: int) -> Type:
    """The type of a value that holds no others. Raises UnknownTag."""
    if tag not in _FIXED and tag not in _STRINGS and tag not in _EMPTY and tag != Tag.BIT_STRING:
        raise UnknownTag(f"Data: type {tag:02X} is unknown")
    return Type(tag)


def read_untagged(buf: bytes, description: Type, pos: int) -> tuple[Data, int]:
    """The value of a described type at ``pos``, and the position behind it. Raises DecodeError."""
    try:
        return _untagged(buf, description, pos, len(buf), [MAX_ITEMS])
    except IndexError:
        raise DecodeError(f"Data: cut short (offset {len(buf)})") from None


# --- the leaf for frames


class _DataLeaf(CountingLeaf):
    def parse(self, buf: bytes, pos: int, end: int, items: int = MAX_ITEMS) -> tuple[Data, int]:
        values, pos = _items(buf, pos, end, 1, 0, [items])
        return values[0], pos

    def build(self, value: Any, out: bytearray) -> None:
        if not isinstance(value, Data):
            raise EncodeError(f"expects Data, got {value!r}")
        _append((value,), out)


data = Annotated[Data, _DataLeaf()]
"""A value in a frame: ``value: axdr.data``."""
