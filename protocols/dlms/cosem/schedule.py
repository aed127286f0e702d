"""Schedule (class 10): scripts at times of the day on certain days. Blue Book 4.5.3.

On a special day only the entries that name its day identifier run, on any other those that name its weekday: special
days override. Bit n of exec_specdays, counted from the first, is day identifier n + 1. What was missed is run when time
goes on, in order, unless an entry's validity window has closed; of very many the last `MOST_MISSED` are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import islice
from typing import Final

from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, Source, attribute, method
from protocols.dlms.cosem.programme import Item, between, first_after
from protocols.dlms.cosem.recurrence import DATE, MINUTE, TIME, Date, Time
from protocols.dlms.cosem.special_days import SpecialDaysTable
from protocols.dlms.cosem.timed import Call
from protocols.dlms.cosem.types import BOOLEAN, LOGICAL_NAME, U16, Array, Limited, Structure
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.xdlms import DataAccessResult

HIGHEST_INDEX: Final = 9_999
ALWAYS_VALID: Final = 0xFFFF
MOST_ENTRIES: Final = 256
MOST_MISSED: Final = 1_000

ENTRY: Final = Structure(
    index=Limited(Tag.LONG_UNSIGNED, 0, HIGHEST_INDEX),
    enable=BOOLEAN,
    script_logical_name=LOGICAL_NAME,
    script_selector=U16,
    switch_time=TIME,
    validity_window=U16,
    exec_weekdays=Limited(Tag.BIT_STRING, 0, 8),
    exec_specdays=Limited(Tag.BIT_STRING, 0, 256),
    begin_date=DATE,
    end_date=DATE,
)
"""schedule_table_entry. Weekdays begin with Monday. The Blue Book counts entries from 1, GB from 0. An open switch time recurs:
`FF 00 00 00` is every hour."""
ENABLE_DISABLE: Final = Structure(first_index_a=U16, last_index_a=U16, first_index_b=U16, last_index_b=U16)
DELETE: Final = Structure(first_index=U16, last_index=U16)


class Schedule(InterfaceClass, id=10, version=0):
    """Entries by index. `special_days`: the table whose days override."""

    entries: Attribute = attribute(2, Array(ENTRY, most=MOST_ENTRIES), default=(), access=Access.READ_WRITE)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        entries: Source = (),
        special_days: SpecialDaysTable | None = None,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        super().__init__(logical_name, on=on or {}, access=access or {}, entries=entries)
        self._special_days = special_days

    @method(1, ENABLE_DISABLE)
    def enable_disable(self, argument: Data) -> None:
        """Disable the entries of range A, then enable those of range B. A range that runs backwards is empty."""
        first_a, last_a, first_b, last_b = (bound.value for bound in argument.value)
        entries = []
        for entry in self.entries.value:
            index, enable, *rest = entry.value
            if first_b <= index.value <= last_b:
                enable = BOOLEAN.of(True)
            elif first_a <= index.value <= last_a:
                enable = BOOLEAN.of(False)
            entries.append(Data(Tag.STRUCTURE, [index, enable, *rest]))
        self.entries = Data(Tag.ARRAY, entries)

    @method(2, ENTRY)
    def insert(self, argument: Data) -> None:
        """Put an entry in, in the place of the one that has its index."""
        kept = [entry for entry in self.entries.value if entry.value[0] != argument.value[0]]
        if len(kept) == MOST_ENTRIES:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "the schedule is full")
        self.entries = Data(Tag.ARRAY, sorted([*kept, argument], key=_index))

    @method(3, DELETE)
    def delete(self, argument: Data) -> None:
        """Take the entries of a range out. A range that runs backwards is empty."""
        first, last = (bound.value for bound in argument.value)
        self.entries = Data(Tag.ARRAY, [entry for entry in self.entries.value if not first <= _index(entry) <= last])

    def due(self, after: int, zone: Zone) -> int | None:
        """The next switch time, or midnight; None: nothing is enabled."""
        if not any(entry.value[1].value for entry in self.entries.value):
            return None
        return first_after(self, after, zone)

    def calls(self, since: int, now: int, zone: Zone) -> Iterable[Call]:
        """Every switch time that has come and is still valid."""
        items = between(self, since, now, zone)
        valid = (
            Call.script(at, item.name, item.selector)
            for at, item in items
            if item.window is None or (now - at) // MINUTE * MINUTE <= item.window
        )
        return list(islice(valid, MOST_MISSED))[::-1]

    def of_day(self, day: date, zone: Zone) -> list[Item]:
        """The entries that run on a day; at one time in order of index."""
        special = None if self._special_days is None else self._special_days.day_id(day, zone)
        items: list[Item] = []
        for entry in self.entries.value:
            _, enable, name, selector, time, window, weekdays, specdays, begin, end = (item.value for item in entry.value)
            chosen, bit = (weekdays, day.weekday()) if special is None else (specdays, special - 1)
            if enable and 0 <= bit < len(chosen) and chosen[bit] == "1" and _within(day, Date.parse(begin), Date.parse(end)):
                items.append(Item(Time.parse(time), name, selector, None if window == ALWAYS_VALID else window * MINUTE))
        return items


def _within(day: date, begin: Date, end: Date) -> bool:
    """Whether a day lies between two dates. Without years they bound a season, which may run over the turn of the year."""
    low = begin.month or 1, begin.day or 1
    high = end.month or 12, end.day or 31
    place = day.month, day.day
    if begin.year is None and end.year is None and low > high:
        return place >= low or place <= high
    after_begin = place >= low if begin.year is None else (day.year, *place) >= (begin.year, *low)
    before_end = place <= high if end.year is None else (day.year, *place) <= (end.year, *high)
    return after_begin and before_end


def _index(entry: Data) -> int:
    index: int = entry.value[0].value
    return index
