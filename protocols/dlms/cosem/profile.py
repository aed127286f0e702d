"""Profile generic (class 7): rows of captured attributes. Blue Book 4.3.6.

Selective access by range and by entry, with chosen columns. The range may restrict any column: the clock's, and one whose numbers
have only grown, is searched, any other is looked at row by row. When to capture is the
firmware's: it calls `capture`, or adds rows itself with `append`. Selecting rows of a profile that is captured itself is not
offered: such a column holds the whole buffer.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from itertools import chain
from typing import Final

from protocols.core.errors import DecodeError, EncodeError, LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.buffer import Ranking, Ring
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.compression import Compression, shrink
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, attribute, method
from protocols.dlms.cosem.reference import REFERENCE, Column, Reference
from protocols.dlms.cosem.types import ANY, I8, U16, U32, Array, Enumerated, Limited, Structure
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

RANGE: Final = 1
"""Access selector: range_descriptor."""
ENTRY: Final = 2
"""Access selector: entry_descriptor."""
RANGE_DESCRIPTOR = Structure(restricting_object=REFERENCE, from_value=ANY, to_value=ANY, selected_values=Array(REFERENCE))
"""selected_values: the columns, none: all."""
ENTRY_DESCRIPTOR = Structure(from_entry=U32, to_entry=U32, from_selected_value=U16, to_selected_value=U16)
"""Entries and columns count from 1; as last one, 0 is the highest there is."""
MOST_COLUMNS: Final = 64

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


class ProfileGeneric(InterfaceClass, id=7, version=1):
    """A buffer of rows.

    `ProfileGeneric("1-0:99.1.0", columns=(Column(clock), Column(energy)), profile_entries=19_056, capture_period=1800)`

    Where `access` lets clients write capture_objects, sort_method, sort_object or profile_entries, a write empties the buffer.
    """

    buffer: Attribute = attribute(2, ANY, selectors=(RANGE, ENTRY))
    capture_objects: Attribute = attribute(3, Array(REFERENCE, MOST_COLUMNS))
    capture_period: Attribute = attribute(4, U32)
    sort_method: Attribute = attribute(5, Enumerated(SortMethod))
    sort_object: Attribute = attribute(6, REFERENCE)
    entries_in_use: Attribute = attribute(7, U32)
    profile_entries: Attribute = attribute(8, Limited(Tag.DOUBLE_LONG_UNSIGNED, 1))

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        columns: Sequence[Column],
        profile_entries: int,
        capture_period: int = 0,
        sort_method: SortMethod = SortMethod.FIFO,
        sort_column: int | None = None,
        compression: Compression = Compression.NONE,
        compact: bool = False,
        find: Callable[[bytes], InterfaceClass | None] | None = None,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        """`capture_period` in seconds, 0: not by time. `sort_column`: number from 0, for the methods that rank.

        `compression`: of the rows when they are read. `compact`: the buffer is read as a compact array where its rows are of
        one type. `find`: an object of the device by its name, where clients may choose what is captured.
        """
        if (sort_method in _RANK) != (sort_column is not None):
            raise LocalProtocolError(f"{sort_method.name} and sort column {sort_column} do not go together")
        self._compression = compression
        self._compact = compact
        self._find = find
        self._most_entries = profile_entries
        self._growing: dict[int, Data] = {}
        """Columns whose numbers have never become less, with the last of each."""
        self._arrange(tuple(columns), sort_method, sort_column, profile_entries)
        super().__init__(
            logical_name,
            on=on or {},
            access=access or {},
            buffer=lambda: self._answer(range(len(self._rows)), ()),
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
        self._clear()

    @method(2, I8)
    def capture(self, argument: Data) -> None:
        """Add a row of what the columns hold now."""
        self.append([column.read() for column in self.columns])

    def append(self, values: Sequence[Data]) -> None:
        """Add a row, one value a column."""
        if len(values) != len(self.columns):
            raise LocalProtocolError(f"{self!r} has {len(self.columns)} columns, not {len(values)}")
        key = 0 if self._clock_column is None else _instant(values[self._clock_column])
        rank = 0 if self._rank is None or self._sort_column is None else self._rank(_magnitude(values[self._sort_column]))
        self._rows.append(axdr.structure(*values).build(), key, rank)
        self._growing = {
            column: value
            for column, before in (self._growing.items() if len(self._rows) > 1 else enumerate(values))
            if (value := values[column]).tag == before.tag and value.tag in _INTEGERS and value.value >= before.value
        }
        self.changed(ProfileGeneric.buffer)

    def image(self) -> list[bytes]:
        """Every row as octets, in an order that `restore` keeps: for a memory that outlives the power."""
        rows = [self._rows.row(position) for position in range(len(self._rows))]
        return rows[::-1] if isinstance(self._rows, Ring) and self._rows.newest_first else rows

    def restore(self, rows: Iterable[bytes]) -> None:
        """Fill the buffer with the rows of an image."""
        self._clear()
        for row in rows:
            self.append(Data.parse(row).value)

    def fill(self) -> None:
        """Called before the rows are looked at: a device that keeps them elsewhere puts them here by now."""

    # --- reading

    def read(self, number: int, selection: SelectiveAccess | None = None) -> Data:
        """As any object; the rows are there by then."""
        if number in _OF_ROWS:
            self.fill()
        return super().read(number, selection)

    def encode(self, number: int, selection: SelectiveAccess | None = None) -> Iterable[bytes]:
        """As any object; the buffer row by row, as it is now."""
        if number != ProfileGeneric.buffer.number or self._compact:
            return super().encode(number, selection)
        self.fill()
        positions, columns = (range(len(self._rows)), ()) if selection is None else self._chosen(selection)
        rows = [self._rows.row(position) for position in positions]
        header = bytes((Tag.ARRAY,)) + axdr.length_octets(len(rows))
        if self._compression is Compression.NONE and not columns:
            return chain((header,), rows)
        return self._pieces(header, rows, columns)

    def select(self, number: int, selection: SelectiveAccess) -> Data:
        """The buffer by range or by entry. Work is by the size of the result where the rows are ordered by what restricts."""
        if number != ProfileGeneric.buffer.number:
            return super().select(number, selection)
        return self._answer(*self._chosen(selection))

    def _chosen(self, selection: SelectiveAccess) -> tuple[Sequence[int], Sequence[int]]:
        """The positions of the rows, and the numbers of the columns (none: all)."""
        if selection.selector == RANGE:
            return self._by_range(selection.parameters)
        if selection.selector == ENTRY:
            return self._by_entry(selection.parameters)
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"selector {selection.selector}")

    def _by_range(self, descriptor: Data) -> tuple[Sequence[int], Sequence[int]]:
        RANGE_DESCRIPTOR.admit(descriptor)
        restricting, low, high, selected = descriptor.value
        try:
            column = self._references.index(Reference.parse(restricting))
            chosen = [self._references.index(Reference.parse(item)) for item in selected.value]
        except ValueError:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "not a column of this profile") from None
        if len(chosen) > len(self.columns):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "a column more than once")
        whole = [] if chosen == list(range(len(self.columns))) else chosen
        if column == self._clock_column:
            return self._rows.between(_bound(low, highest=False), _bound(high, highest=True)), whole
        return (self._found if self._grows(column) else self._matching)(column, low, high), whole

    def _grows(self, column: int) -> bool:
        return isinstance(self._rows, Ring) and column in self._growing

    def _found(self, column: int, low: Data, high: Data) -> Sequence[int]:
        """As `_matching`, of a column whose numbers only grow from the oldest row to the newest."""
        if not low.tag == high.tag == self._growing[column].tag:
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        size = len(self._rows)
        newest_first = self._method == SortMethod.LIFO

        def value(age: int) -> int:
            number: int = Data.parse(self._rows.row(size - 1 - age if newest_first else age)).value[column].value
            return number

        start = bisect_left(range(size), low.value, key=value)
        ages = range(start, max(start, bisect_right(range(size), high.value, key=value)))
        return [size - 1 - age for age in reversed(ages)] if newest_first else ages

    def _matching(self, column: int, low: Data, high: Data) -> list[int]:
        positions = []
        for position in range(len(self._rows)):
            value: Data = Data.parse(self._rows.row(position)).value[column]
            if value.tag != low.tag or value.tag != high.tag or value.tag in _UNORDERED:
                raise AccessError(DataAccessResult.TYPE_UNMATCHED)
            if low.value <= value.value <= high.value:
                positions.append(position)
        return positions

    def _by_entry(self, descriptor: Data) -> tuple[Sequence[int], Sequence[int]]:
        ENTRY_DESCRIPTOR.admit(descriptor)
        first, last, first_column, last_column = (item.value for item in descriptor.value)
        if not first or not first_column:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "entries and columns count from 1")
        rows = range(first - 1, min(last or len(self._rows), len(self._rows)))
        columns = range(first_column - 1, min(last_column or len(self.columns), len(self.columns)))
        if not columns:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "no such columns")
        return rows, () if len(columns) == len(self.columns) else columns

    def _answer(self, positions: Iterable[int], columns: Sequence[int]) -> Data:
        """Rows as they are read."""
        rows = self._parsed([self._rows.row(position) for position in positions], columns)
        if self._compression is Compression.NONE and self._compact:
            items = [axdr.structure(*row) for row in rows]
            try:
                return axdr.compact_array(items)
            except EncodeError:  # no rows, or rows of several types: only an array can hold those
                return axdr.array(items)
        return axdr.array(axdr.structure(*row) for row in rows)

    def _pieces(self, header: bytes, rows: Iterable[bytes], columns: Sequence[int]) -> Iterator[bytes]:
        yield header
        for row in self._parsed(rows, columns):
            yield axdr.structure(*row).build()

    def _parsed(self, rows: Iterable[bytes], columns: Sequence[int]) -> Iterator[Sequence[Data]]:
        parsed: Iterator[Sequence[Data]] = (Data.parse(row).value for row in rows)
        clock = self._clock_column
        if columns:
            parsed = ([row[column] for column in columns] for row in parsed)
            clock = next((n for n, column in enumerate(columns) if column == self._clock_column), None)
        if self._compression is Compression.NONE:
            return parsed
        return shrink(parsed, self._compression, clock, self.capture_period.value)

    # --- shape

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        """As any object; what shapes the buffer empties it."""
        reshape = _RESHAPING.get(number)
        if reshape is None or selection is not None:
            super().write(number, value, selection)
            return
        self.attributes[number].type.admit(value)
        shape = reshape(self, value)
        super().write(number, value)
        self._arrange(*shape)

    def _arrange(self, columns: Sequence[Column], method: SortMethod, sort_column: int | None, entries: int) -> None:
        self.columns = tuple(columns)
        self._references = [column.reference for column in self.columns]
        self._sort_column = sort_column
        self._rank = _RANK.get(method)
        self._rows = Ranking(entries) if self._rank else Ring(entries, newest_first=method == SortMethod.LIFO)
        self._clock_column = next((n for n, column in enumerate(self.columns) if column.thing.class_id == Clock.class_id), None)
        self._growing = {}

    def _clear(self) -> None:
        self._rows.clear()
        self._growing.clear()

    def _with_columns(self, value: Data) -> Shape:
        columns = []
        for item in value.value:
            reference = Reference.parse(item)
            thing = self._find(reference.logical_name) if self._find is not None else None
            if thing is None or thing.class_id != reference.class_id or reference.attribute not in thing.attributes:
                raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, str(reference.logical_name))
            columns.append(Column(thing, reference.attribute, reference.index))
        if not columns:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "a profile captures something")
        references = [column.reference.data for column in columns]
        if self._rank is not None and self.sort_object not in references:
            raise AccessError(DataAccessResult.OTHER_REASON, "the sort object is to be captured")
        return columns, self._method, references.index(self.sort_object) if self._rank is not None else None, self._rows.capacity

    def _with_method(self, value: Data) -> Shape:
        method = SortMethod(value.value)
        return self.columns, method, self._column_of(self.sort_object) if method in _RANK else None, self._rows.capacity

    def _with_sort_object(self, value: Data) -> Shape:
        column = self._column_of(value)
        return self.columns, self._method, column if self._rank is not None else None, self._rows.capacity

    def _with_entries(self, value: Data) -> Shape:
        if value.value > self._most_entries:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"there is room for {self._most_entries} rows")
        return self.columns, self._method, self._sort_column, value.value

    @property
    def _method(self) -> SortMethod:
        return SortMethod(self.sort_method.value)

    def _column_of(self, reference: Data) -> int:
        try:
            return self._references.index(Reference.parse(reference))
        except ValueError:
            raise AccessError(DataAccessResult.OTHER_REASON, "the sort object is not captured") from None


Shape = tuple[Sequence[Column], SortMethod, int | None, int]
"""What the buffer is arranged by: columns, sort method, sort column, entries."""

_RESHAPING: Final[dict[int, Callable[[ProfileGeneric, Data], Shape]]] = {
    ProfileGeneric.capture_objects.number: ProfileGeneric._with_columns,
    ProfileGeneric.sort_method.number: ProfileGeneric._with_method,
    ProfileGeneric.sort_object.number: ProfileGeneric._with_sort_object,
    ProfileGeneric.profile_entries.number: ProfileGeneric._with_entries,
}
_OF_ROWS: Final = frozenset({ProfileGeneric.buffer.number, ProfileGeneric.entries_in_use.number})
_UNORDERED: Final = frozenset({Tag.ARRAY, Tag.STRUCTURE, Tag.COMPACT_ARRAY, Tag.NULL, Tag.DONT_CARE})
"""Types whose values have no order to restrict by."""
_INTEGERS: Final = frozenset(
    {
        Tag.DOUBLE_LONG, Tag.DOUBLE_LONG_UNSIGNED, Tag.INTEGER, Tag.LONG, Tag.UNSIGNED, Tag.LONG_UNSIGNED, Tag.LONG64,
        Tag.LONG64_UNSIGNED,
    }
)  # fmt: skip


def _instant(value: Data) -> int:
    """The key of a row. A clock that knows no time puts its rows at the beginning of time."""
    return date_time.instant(value.value) or 0 if value.tag in (Tag.OCTET_STRING, Tag.DATE_TIME) else 0


def _magnitude(value: Data) -> float:
    """What a value ranks by: strings, dates among them, as the number that their octets are."""
    if isinstance(value.value, bytes):
        return int.from_bytes(value.value, "big")
    return value.value if isinstance(value.value, int | float) else 0


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
