"""Shorter rows of a profile: null-data for what has not changed, deltas for what has changed a little, compact arrays.

Blue Book 4.3.6 (null-data in a buffer: the value of the row before; of the clock: one capture period later) and the delta
types of IEC 62056-5-3. A delta is added to the value of the row before and keeps its type; a column without such a value has
none to add to. `expand` undoes what `shrink` does, and reads what other meters shorten by the same rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Final

from protocols.core.errors import DecodeError
from protocols.dlms.axdr import Data, Tag, null
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.date_time import SECOND


class Compression(Enum):
    """What a profile does to its rows when they are read."""

    NONE = 0
    NULL_DATA = 1
    DELTA = 2
    """Null-data, and deltas where they are shorter."""


_RANGES: Final = {
    Tag.INTEGER: (8, True), Tag.LONG: (16, True), Tag.DOUBLE_LONG: (32, True), Tag.LONG64: (64, True),
    Tag.UNSIGNED: (8, False), Tag.LONG_UNSIGNED: (16, False), Tag.DOUBLE_LONG_UNSIGNED: (32, False),
    Tag.LONG64_UNSIGNED: (64, False),
}  # fmt: skip
"""Bits and sign of the types that a delta can change."""
_DELTAS: Final = {
    Tag.DELTA_UNSIGNED: range(1 << 8), Tag.DELTA_INTEGER: range(-(1 << 7), 1 << 7),
    Tag.DELTA_LONG_UNSIGNED: range(1 << 16), Tag.DELTA_LONG: range(-(1 << 15), 1 << 15),
    Tag.DELTA_DOUBLE_LONG_UNSIGNED: range(1 << 32), Tag.DELTA_DOUBLE_LONG: range(-(1 << 31), 1 << 31),
}  # fmt: skip
"""Delta types, shortest first."""
_DELTA_BITS: Final = {
    Tag.DELTA_UNSIGNED: 8, Tag.DELTA_INTEGER: 8, Tag.DELTA_LONG_UNSIGNED: 16, Tag.DELTA_LONG: 16,
    Tag.DELTA_DOUBLE_LONG_UNSIGNED: 32, Tag.DELTA_DOUBLE_LONG: 32,
}  # fmt: skip
_UNSPECIFIED_DAY: Final = 0xFF


def shrink(
    rows: Iterable[Sequence[Data]], compression: Compression, clock: int | None = None, period: int = 0
) -> Iterator[list[Data]]:
    """Rows made shorter. `clock`: number of the column that holds the capture time; `period`: of capture, in seconds."""
    above: Sequence[Data] = ()
    for row in rows:
        if above:
            yield [
                _shorter(cell, before, compression, period if column == clock else None)
                for column, (cell, before) in enumerate(zip(row, above, strict=True))
            ]
        else:
            yield list(row)
        above = row


def expand(buffer: Data, clock: int | None = None, period: int = 0) -> Iterator[list[Data]]:
    """The rows of a profile's buffer, an array or a compact array, as they were captured. Raises DecodeError."""
    above: list[Data] = []
    for row in rows_of(buffer):
        if above and len(row) != len(above):
            raise DecodeError(f"profile row: {len(row)} cells under {len(above)}")
        if not above:
            above = row
            if any(cell.tag in _DELTAS for cell in row):
                raise DecodeError("profile row: a delta in the first row")
        else:
            above = [
                _whole(cell, before, period if column == clock else None)
                for column, (cell, before) in enumerate(zip(row, above, strict=True))
            ]
        yield above


def rows_of(buffer: Data) -> Iterator[list[Data]]:
    """The rows of a buffer as they came. Raises DecodeError."""
    if buffer.tag not in (Tag.ARRAY, Tag.COMPACT_ARRAY):
        raise DecodeError(f"profile buffer: type {buffer.tag}")
    for row in buffer.value if buffer.tag == Tag.ARRAY else buffer.value.items:
        if row.tag != Tag.STRUCTURE:
            raise DecodeError(f"profile row: type {row.tag}")
        yield row.value


def _shorter(cell: Data, above: Data, compression: Compression, period: int | None) -> Data:
    unchanged = cell == above if period is None else period and cell == _later(above, period)
    if unchanged and cell.tag != Tag.NULL:
        return null()
    if compression is not Compression.DELTA or cell.tag != above.tag or cell.tag not in _RANGES:
        return cell
    change = cell.value - above.value
    for tag, values in _DELTAS.items():
        if change in values:
            return Data(tag, change) if _DELTA_BITS[tag] < _RANGES[cell.tag][0] else cell
    return cell


def _whole(cell: Data, above: Data, period: int | None) -> Data:
    if cell.tag == Tag.NULL:
        return above if period is None or not period else _later(above, period) or above
    if cell.tag not in _DELTAS:
        return cell
    if above.tag not in _RANGES:
        raise DecodeError(f"profile row: a delta on type {above.tag}")
    bits, signed = _RANGES[above.tag]
    value = above.value + cell.value
    if not -(1 << bits - 1) * signed <= value < 1 << bits - signed:
        raise DecodeError(f"profile row: {value} is not of type {above.tag}")
    return Data(above.tag, value)


def _later(time: Data, period: int) -> Data | None:
    """A date-time so many seconds on, in its own zone; None for what is no date-time."""
    octets = time.value
    if time.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME) or len(octets) != 12:
        return None
    try:
        local = date_time.instant(octets[:9] + b"\0\0" + octets[11:])
    except DecodeError:
        return None
    if local is None:
        return None
    moved = bytearray(date_time.encode(local + period * SECOND)[:9])
    if octets[4] == _UNSPECIFIED_DAY:
        moved[4] = _UNSPECIFIED_DAY
    return Data(time.tag, bytes(moved) + octets[9:])
