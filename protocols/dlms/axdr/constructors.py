"""A constructor for each type of Data: `structure(octets(Obis("1-0:1.8.0")), u32(5009))`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from protocols.core.errors import EncodeError
from protocols.dlms.axdr.values import CompactArray, Data, Tag, Type

_NULL: Final = Data(Tag.NULL)


def null() -> Data:
    return _NULL


def array(items: Iterable[Data]) -> Data:
    return Data(Tag.ARRAY, list(items))


def compact_array(items: Iterable[Data]) -> Data:
    """Items of one type. Raises EncodeError when there is none to say it, or when they differ."""
    held = list(items)
    if not held:
        raise EncodeError("Data: a compact array of nothing has no type")
    description = Type.of(held[0])
    if any(Type.of(item) != description for item in held):
        raise EncodeError("Data: the items of a compact array are of one type")
    return Data(Tag.COMPACT_ARRAY, CompactArray(description, held))


def structure(*items: Data) -> Data:
    return Data(Tag.STRUCTURE, list(items))


def boolean(value: bool, true: int = 0xFF) -> Data:
    """``true`` is the octet for TRUE: GB devices send FF."""
    return Data(Tag.BOOLEAN, true if value else 0)


def bits(value: str) -> Data:
    """Bit 0 first, as "1010"."""
    return Data(Tag.BIT_STRING, value)


def i8(value: int) -> Data:
    return Data(Tag.INTEGER, value)


def i16(value: int) -> Data:
    return Data(Tag.LONG, value)


def i32(value: int) -> Data:
    return Data(Tag.DOUBLE_LONG, value)


def i64(value: int) -> Data:
    return Data(Tag.LONG64, value)


def u8(value: int) -> Data:
    return Data(Tag.UNSIGNED, value)


def u16(value: int) -> Data:
    return Data(Tag.LONG_UNSIGNED, value)


def u32(value: int) -> Data:
    return Data(Tag.DOUBLE_LONG_UNSIGNED, value)


def u64(value: int) -> Data:
    return Data(Tag.LONG64_UNSIGNED, value)


def f32(value: float) -> Data:
    return Data(Tag.FLOAT32, value)


def f64(value: float) -> Data:
    return Data(Tag.FLOAT64, value)


def enum(value: int) -> Data:
    return Data(Tag.ENUM, int(value))


def octets(value: bytes) -> Data:
    return Data(Tag.OCTET_STRING, bytes(value))


def visible(value: str) -> Data:
    """ASCII. Raises EncodeError for anything else."""
    try:
        return Data(Tag.VISIBLE_STRING, value.encode("ascii"))
    except UnicodeEncodeError as error:
        raise EncodeError(f"visible-string: {error}") from None


def utf8(value: str) -> Data:
    return Data(Tag.UTF8_STRING, value.encode())


def date_time(value: bytes) -> Data:
    """The twelve octets, under their own tag. Most attributes carry them as octet-string."""
    return Data(Tag.DATE_TIME, value)
