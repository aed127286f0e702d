"""ZCL data types: one table, keyed by the type octet that reports and read responses carry (07-5123 clause 2.6.2).

A type reads and writes one value and knows its octet, its name, its non-value and whether it is analog (a change of it
has a size) or discrete. Integers stay as they are on the air: a non-value (0xFFFFFF for uint24) is read as that number,
because some attributes give it a meaning of their own; ask `known`. Writing None writes the non-value. Strings of
length FF are None, an empty string is empty. Character strings keep octets that are not UTF-8 (surrogate escapes).

Bounds: collections nest to 16 and hold 4,096 items in all; nothing is allocated by a declared length.
This module does not know attributes, and does not check ranges.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from protocols.core.errors import DecodeError, EncodeError

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)
Plain = None | bool | int | float | str | bytes | tuple["Plain", ...]
Reader = Callable[[bytes, int, int], tuple[V | None, int]]

MAX_DEPTH = 16
MAX_ITEMS = 4096


class Type(Generic[V_co]):
    """One data type. `size` is its length in octets, None where a value carries its own."""

    __slots__ = ("analog", "build", "id", "name", "non_value", "read", "size")

    def __init__(
        self,
        id: int,
        name: str,
        size: int | None,
        read: Reader[V_co],
        build: Callable[[V_co | None], bytes],
        *,
        non_value: V_co | None = None,
        analog: bool = False,
    ) -> None:
        self.id = id
        self.name = name
        self.size = size
        self.read = read
        """`(data, position, end) -> (value, position after it)`; DecodeError where the octets do not hold one."""
        self.build = build
        """`value -> octets`; None gives the non-value. EncodeError when the value does not fit."""
        self.non_value = non_value
        self.analog = analog

    def known(self, value: object) -> bool:
        """Whether the value is one: neither None nor the type's non-value."""
        return value is not None and value != self.non_value and value == value  # a NaN differs from itself

    def __repr__(self) -> str:
        return self.name


class Value(NamedTuple):
    """A value with its type, as attribute records carry it."""

    type: Type[object]
    value: object


def _cut(name: str, size: int, position: int, end: int) -> DecodeError:
    return DecodeError(f"{name}: needs {size} octet{'s' * (size != 1)}, has {end - position} (offset {position})")


def _integer(id: int, name: str, size: int, *, signed: bool, non_value: int | None, analog: bool) -> Type[int]:
    from_bytes = int.from_bytes
    no_value = bytes(size) if non_value is None else non_value.to_bytes(size, "little", signed=signed)

    def read(data: bytes, position: int, end: int) -> tuple[int, int]:
        stop = position + size
        if stop > end:
            raise _cut(name, size, position, end)
        return from_bytes(data[position:stop], "little", signed=signed), stop

    def build(value: int | None) -> bytes:
        if value is None:
            return no_value
        try:
            return value.to_bytes(size, "little", signed=signed)
        except (OverflowError, AttributeError):
            raise EncodeError(f"{value!r} is not a {name}") from None

    return Type(id, name, size, read, build, non_value=non_value, analog=analog)


def _unsigned(id: int, octets: int, name: str = "", *, analog: bool = True) -> Type[int]:
    return _integer(id, name or f"uint{8 * octets}", octets, signed=False, non_value=256**octets - 1, analog=analog)


def _signed(id: int, octets: int) -> Type[int]:
    return _integer(id, f"int{8 * octets}", octets, signed=True, non_value=-(128 * 256 ** (octets - 1)), analog=True)


def _bits(id: int, octets: int, name: str) -> Type[int]:
    return _integer(id, f"{name}{8 * octets}", octets, signed=False, non_value=None, analog=False)


def _boolean() -> Type[bool]:
    def read(data: bytes, position: int, end: int) -> tuple[bool | None, int]:
        if position >= end:
            raise _cut("boolean", 1, position, end)
        octet = data[position]
        if octet > 1 and octet != 0xFF:
            raise DecodeError(f"boolean: {octet:#04x} is neither 0 nor 1 (offset {position})")
        return (None if octet == 0xFF else octet == 1), position + 1

    def build(value: bool | None) -> bytes:
        return b"\xff" if value is None else b"\x01" if value else b"\x00"

    return Type(0x10, "boolean", 1, read, build)


def _float(id: int, name: str, code: str) -> Type[float]:
    layout = struct.Struct(code)

    def read(data: bytes, position: int, end: int) -> tuple[float, int]:
        if position + layout.size > end:
            raise _cut(name, layout.size, position, end)
        return layout.unpack_from(data, position)[0], position + layout.size

    def build(value: float | None) -> bytes:
        try:
            return layout.pack(math.nan if value is None else value)
        except (struct.error, OverflowError):
            raise EncodeError(f"{value!r} is not a {name}") from None

    return Type(id, name, layout.size, read, build, non_value=math.nan, analog=True)


def _octets(id: int, name: str, length: int) -> Type[bytes]:
    none = 256**length - 1

    def read(data: bytes, position: int, end: int) -> tuple[bytes | None, int]:
        start = position + length
        if start > end:
            raise _cut(name, length, position, end)
        count = int.from_bytes(data[position:start], "little")
        if count == none:
            return None, start
        stop = start + count
        if stop > end:
            raise _cut(name, count, start, end)
        return data[start:stop], stop

    def build(value: bytes | None) -> bytes:
        if value is None:
            return b"\xff" * length
        if len(value) >= none:
            raise EncodeError(f"{len(value)} octets do not fit a {name}")
        return len(value).to_bytes(length, "little") + value

    return Type(id, name, None, read, build)


def _characters(id: int, name: str, octets: Type[bytes]) -> Type[str]:
    def read(data: bytes, position: int, end: int) -> tuple[str | None, int]:
        value, stop = octets.read(data, position, end)
        return (None if value is None else value.decode("utf-8", "surrogateescape")), stop

    def build(value: str | None) -> bytes:
        try:
            return octets.build(None if value is None else value.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            raise EncodeError(f"{value!r} is not a {name}") from None

    return Type(id, name, None, read, build)


def _fixed_octets(id: int, name: str, size: int) -> Type[bytes]:
    def read(data: bytes, position: int, end: int) -> tuple[bytes, int]:
        stop = position + size
        if stop > end:
            raise _cut(name, size, position, end)
        return data[position:stop], stop

    def build(value: bytes | None) -> bytes:
        if value is None or len(value) != size:
            raise EncodeError(f"{value!r} is not a {name} of {size} octets")
        return value

    return Type(id, name, size, read, build)


class Collection(NamedTuple):
    """An array, set or bag: items of one type. None as `items` is the collection without a value (count FFFF)."""

    of: Type[object]
    items: tuple[object, ...] | None


class _Budget:
    """What is left of the bounds while one outermost collection is read."""

    __slots__ = ("depth", "items")

    def __init__(self) -> None:
        self.depth = MAX_DEPTH
        self.items = MAX_ITEMS

    def enter(self, items: int, position: int) -> None:
        self.depth -= 1
        self.items -= items
        if self.depth < 0 or self.items < 0:
            raise DecodeError(f"collection: nests over {MAX_DEPTH} or holds over {MAX_ITEMS} items (offset {position})")


def _read_any(data: bytes, position: int, end: int, type_: Type[object], budget: _Budget) -> tuple[object, int]:
    if type_.id == 0x4C:
        return _read_structure(data, position, end, budget)
    if type_.id in COLLECTIONS:
        return _read_collection(data, position, end, budget)
    return type_.read(data, position, end)


def _read_collection(data: bytes, position: int, end: int, budget: _Budget) -> tuple[Collection, int]:
    of = type_at(data, position, end)
    count, position = uint16.read(data, position + 1, end)
    if count == 0xFFFF:
        return Collection(of, None), position
    if of.size == 0:
        raise DecodeError(f"collection: of {of}, which has no octets (offset {position})")
    assert count is not None
    budget.enter(count, position)
    items = []
    for _ in range(count):
        item, position = _read_any(data, position, end, of, budget)
        items.append(item)
    budget.depth += 1
    return Collection(of, tuple(items)), position


def _read_structure(data: bytes, position: int, end: int, budget: _Budget) -> tuple[tuple[Value, ...] | None, int]:
    count, position = uint16.read(data, position, end)
    if count == 0xFFFF:
        return None, position
    assert count is not None
    budget.enter(count, position)
    fields = []
    for _ in range(count):
        type_ = type_at(data, position, end)
        value, position = _read_any(data, position + 1, end, type_, budget)
        fields.append(Value(type_, value))
    budget.depth += 1
    return tuple(fields), position


def _build_collection(value: Collection | None) -> bytes:
    if value is None:
        raise EncodeError("a collection without a value still names its type: Collection(type, None)")
    head = bytes((value.of.id,))
    if value.items is None:
        return head + b"\xff\xff"
    return head + uint16.build(len(value.items)) + b"".join([value.of.build(item) for item in value.items])


def _build_structure(value: tuple[Value, ...] | None) -> bytes:
    if value is None:
        return b"\xff\xff"
    return uint16.build(len(value)) + b"".join([bytes((type_.id,)) + type_.build(item) for type_, item in value])


def _outermost_collection(data: bytes, position: int, end: int) -> tuple[Collection, int]:
    return _read_collection(data, position, end, _Budget())


def _outermost_structure(data: bytes, position: int, end: int) -> tuple[tuple[Value, ...] | None, int]:
    return _read_structure(data, position, end, _Budget())


def _collection(id: int, name: str) -> Type[Collection]:
    return Type(id, name, None, _outermost_collection, _build_collection)


no_data: Type[bytes] = _fixed_octets(0x00, "no_data", 0)
data8, data16, data24, data32, data40, data48, data56, data64 = (_bits(0x07 + n, n, "data") for n in range(1, 9))
boolean = _boolean()
bitmap8, bitmap16, bitmap24, bitmap32, bitmap40, bitmap48, bitmap56, bitmap64 = (_bits(0x17 + n, n, "bitmap") for n in range(1, 9))
uint8, uint16, uint24, uint32, uint40, uint48, uint56, uint64 = (_unsigned(0x1F + n, n) for n in range(1, 9))
int8, int16, int24, int32, int40, int48, int56, int64 = (_signed(0x27 + n, n) for n in range(1, 9))
enum8, enum16 = (_unsigned(0x2F + n, n, f"enum{8 * n}", analog=False) for n in (1, 2))
semi, single, double = (_float(*row) for row in ((0x38, "semi", "<e"), (0x39, "single", "<f"), (0x3A, "double", "<d")))
octet_string = _octets(0x41, "octet_string", 1)
char_string = _characters(0x42, "char_string", octet_string)
long_octet_string = _octets(0x43, "long_octet_string", 2)
long_char_string = _characters(0x44, "long_char_string", long_octet_string)
array, set_, bag = (_collection(*row) for row in ((0x48, "array"), (0x50, "set"), (0x51, "bag")))
structure: Type[tuple[Value, ...]] = Type(0x4C, "structure", None, _outermost_structure, _build_structure)
time_of_day = _unsigned(0xE0, 4, "time_of_day")
date = _unsigned(0xE1, 4, "date")
utc_time = _unsigned(0xE2, 4, "utc_time")
"""Seconds since 2000-01-01 00:00:00 UTC."""
cluster_id = _unsigned(0xE8, 2, "cluster_id", analog=False)
attribute_id = _unsigned(0xE9, 2, "attribute_id", analog=False)
bacnet_oid = _unsigned(0xEA, 4, "bacnet_oid", analog=False)
ieee_address = _unsigned(0xF0, 8, "ieee_address", analog=False)
security_key = _fixed_octets(0xF1, "security_key", 16)
unknown: Type[bytes] = _fixed_octets(0xFF, "unknown", 0)

COLLECTIONS = frozenset((0x48, 0x50, 0x51))
TYPES: dict[int, Type[object]] = {type_.id: type_ for type_ in list(globals().values()) if isinstance(type_, Type)}


def type_at(data: bytes, position: int, end: int) -> Type[object]:
    """The type whose octet stands at `position`."""
    if position >= end:
        raise _cut("data type", 1, position, end)
    try:
        return TYPES[data[position]]
    except KeyError:
        # where a value of it ends cannot be known, so the whole frame is lost
        raise DecodeError(f"data type {data[position]:#04x} is not known (offset {position})") from None
