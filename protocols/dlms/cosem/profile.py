"""Profile generic (class 7): rows of captured attributes. Blue Book 4.3.6.

Selective access by range (on the clock column by search, on any other by looking at every row) and by entry. When to
capture is the firmware's: it calls `capture`, or adds rows itself with `append`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.buffer import Ranking, Ring
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, attribute, method
from protocols.dlms.cosem.reference import REFERENCE, Reference
from protocols.dlms.cosem.types import ANY, ENUM, I8, U16, U32, Array, Structure
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

RANGE: Final = 1
"""Access selector: range_descriptor."""
ENTRY: Final = 2
"""Access selector: entry_descriptor."""
RANGE_DESCRIPTOR = Structure(REFERENCE, ANY, ANY, Array(REFERENCE))
"""restricting_object, from_value, to_value, selected_values (none: all columns)."""
ENTRY_DESCRIPTOR = Structure(U32, U32, U16, U16)
"""from_entry, to_entry, from_selected_value, to_selected_value; from 1, and as last one 0 for the highest there is."""

_NO_SORT_OBJECT = Reference(0, Obis(bytes(6)), 0)


class SortMethod(IntEnum):
    """sort_method."""

    FIFO = 1
    LIFO = 2
    LARGEST = 3
    SMALLEST = 4
    NEAREST_TO_ZERO = 5
    FARTHEST_FROM_ZERO = 6


_RANK: Final[dict[int, Callable[[float], float]]] = {
    SortMethod.LARGEST: lambda value: -value,
    SortMethod.SMALLEST: lambda value: value,
    SortMethod.NEAREST_TO_ZERO: abs,
    SortMethod.FARTHEST_FROM_ZERO: lambda value: -abs(value),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A captured attribute of an object, or with `index` 1.. one element of it."""

    thing: InterfaceClass
    attribute: int = 2
    index: int = 0

    @property
    def reference(self) -> Reference:
        """As capture_object_definition."""
        return Reference.to(self.thing, self.attribute, self.index)


class ProfileGeneric(InterfaceClass, id=7, version=1):
    """A buffer of rows.

    `ProfileGeneric("1-0:99.1.0", columns=(Column(clock), Column(energy)), profile_entries=19_056, capture_period=1800)`
    """

    buffer: Attribute = attribute(2, Array(ANY), selectors=(RANGE, ENTRY))
    capture_objects: Attribute = attribute(3, Array(REFERENCE))
    capture_period: Attribute = attribute(4, U32)
    sort_method: Attribute = attribute(5, ENUM)
    sort_object: Attribute = attribute(6, REFERENCE)
    entries_in_use: Attribute = attribute(7, U32)
    profile_entries: Attribute = attribute(8, U32)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        columns: Sequence[Column],
        profile_entries: int,
        capture_period: int = 0,
        sort_method: SortMethod = SortMethod.FIFO,
        sort_column: int | None = None,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        """`capture_period` in seconds, 0: not by time. `sort_column`: number from 0, for the methods that rank."""
        if (sort_method in _RANK) != (sort_column is not None):
            raise LocalProtocolError(f"{sort_method.name} and sort column {sort_column} do not go together")
        self.columns = tuple(columns)
        self._references = [column.reference for column in self.columns]
        self._sort_column = sort_column
        self._rank = _RANK.get(sort_method)
        self._rows = (
            Ranking(profile_entries)
            if self._rank
            else Ring(profile_entries, newest_first=sort_method == SortMethod.LIFO)
        )
        self._clock_column = next(
            (n for n, column in enumerate(self.columns) if column.thing.class_id == Clock.class_id), None
        )
        super().__init__(
            logical_name,
            on=on or {},
            access=access or {},
            buffer=lambda: self._array(range(len(self._rows))),
            capture_objects=[reference.data for reference in self._references],
            capture_period=capture_period,
            sort_method=sort_method,
            sort_object=(_NO_SORT_OBJECT if sort_column is None else self._references[sort_column]).data,
            entries_in_use=lambda: len(self._rows),
            profile_entries=profile_entries,
        )

    @method(1, I8)
    def reset(self, argument: Data) -> None:
        """Empty the buffer."""
        self._rows.clear()

    @method(2, I8)
    def capture(self, argument: Data) -> None:
        """Add a row of what the columns hold now."""
        self.append([column.reference.read(column.thing) for column in self.columns])

    def append(self, values: Sequence[Data]) -> None:
        """Add a row, one value a column."""
        if len(values) != len(self.columns):
            raise LocalProtocolError(f"{self!r} has {len(self.columns)} columns, not {len(values)}")
        key = 0 if self._clock_column is None else _instant(values[self._clock_column])
        rank = 0 if self._rank is None or self._sort_column is None else self._rank(values[self._sort_column].value)
        self._rows.append(axdr.structure(*values).build(), key, rank)

    def image(self) -> list[bytes]:
        """Every row as octets, in an order that `restore` keeps: for a memory that outlives the power."""
        rows = [self._rows.row(position) for position in range(len(self._rows))]
        return rows[::-1] if isinstance(self._rows, Ring) and self._rows.newest_first else rows

    def restore(self, rows: Iterable[bytes]) -> None:
        """Fill the buffer with the rows of an image."""
        self._rows.clear()
        for row in rows:
            self.append(Data.parse(row).value)

    def select(self, number: int, selection: SelectiveAccess) -> Data:
        """The buffer by range or by entry. Work is by the size of the result where the clock column restricts."""
        if number != 2:
            return super().select(number, selection)
        if selection.selector == RANGE:
            return self._by_range(selection.parameters)
        if selection.selector == ENTRY:
            return self._by_entry(selection.parameters)
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"selector {selection.selector}")

    def _by_range(self, descriptor: Data) -> Data:
        RANGE_DESCRIPTOR.admit(descriptor)
        restricting, low, high, selected = descriptor.value
        try:
            column = self._references.index(Reference.parse(restricting))
            chosen = [self._references.index(Reference.parse(item)) for item in selected.value]
        except ValueError:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "not a column of this profile") from None
        if column == self._clock_column:
            return self._array(self._rows.between(_bound(low, highest=False), _bound(high, highest=True)), chosen)
        return self._array(self._matching(column, low, high), chosen)

    def _matching(self, column: int, low: Data, high: Data) -> list[int]:
        positions = []
        for position in range(len(self._rows)):
            value: Data = Data.parse(self._rows.row(position)).value[column]
            if value.tag != low.tag or value.tag != high.tag or value.tag in _UNORDERED:
                raise AccessError(DataAccessResult.TYPE_UNMATCHED)
            if low.value <= value.value <= high.value:
                positions.append(position)
        return positions

    def _by_entry(self, descriptor: Data) -> Data:
        ENTRY_DESCRIPTOR.admit(descriptor)
        first, last, first_column, last_column = (item.value for item in descriptor.value)
        if not first or not first_column:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "entries and columns count from 1")
        rows = range(first - 1, min(last or len(self._rows), len(self._rows)))
        columns = range(first_column - 1, min(last_column or len(self.columns), len(self.columns)))
        if not columns:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "no such columns")
        return self._array(rows, columns)

    def _array(self, positions: Iterable[int], columns: Sequence[int] = ()) -> Data:
        """Rows as they are read; `columns` none: all."""
        rows = (Data.parse(self._rows.row(position)) for position in positions)
        if not columns or list(columns) == list(range(len(self.columns))):
            return axdr.array(rows)
        return axdr.array(axdr.structure(*(row.value[column] for column in columns)) for row in rows)


_UNORDERED: Final = frozenset({Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY, Tag.NULL, Tag.DONT_CARE})
"""Types whose values have no order to restrict by."""


def _instant(value: Data) -> int:
    """The key of a row. A clock that knows no time puts its rows at the beginning of time."""
    return date_time.instant(value.value) or 0 if value.tag == Tag.OCTET_STRING else 0


def _bound(value: Data, *, highest: bool) -> float:
    """A bound of a range of time; what is not specified in it leaves it open."""
    if value.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME):
        raise AccessError(DataAccessResult.TYPE_UNMATCHED)
    try:
        instant = date_time.latest(value.value) if highest else date_time.earliest(value.value)
    except DecodeError as error:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(error)) from None
    if instant is None:
        return math.inf if highest else -math.inf
    return instant
