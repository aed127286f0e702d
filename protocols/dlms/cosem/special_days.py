"""Special days table (class 11): days that have a programme of their own. Blue Book 4.5.4.

What a day identifier stands for is said by who uses the table: a day profile of an activity calendar, a bit of a
schedule's entries.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.recurrence import DATE, Changes, Date
from protocols.dlms.cosem.types import U8, U16, Array, Structure
from protocols.dlms.xdlms import DataAccessResult

SPECIAL_DAY: Final = Structure(index=U16, specialday_date=DATE, day_id=U8)
"""spec_day_entry; a date with open fields is a special day every time."""
MOST_DAYS: Final = 512


class SpecialDaysTable(InterfaceClass, id=11, version=0):
    """Special days, by index and by date unique."""

    entries: Attribute = attribute(2, Array(SPECIAL_DAY, most=MOST_DAYS), default=(), access=Access.READ_WRITE)

    @method(1, SPECIAL_DAY)
    def insert(self, argument: Data) -> None:
        """Put an entry in, in the place of any that has its index or its date."""
        index, day, _ = argument.value
        kept = [entry for entry in self.entries.value if entry.value[0] != index and entry.value[1] != day]
        if len(kept) == MOST_DAYS:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "the table is full")
        self.entries = Data(Tag.ARRAY, sorted([*kept, argument], key=_index))

    @method(2, U16)
    def delete(self, argument: Data) -> None:
        """Take the entry of an index out."""
        kept = [entry for entry in self.entries.value if entry.value[0] != argument]
        if len(kept) == len(self.entries.value):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name} has no entry {argument.value}")
        self.entries = Data(Tag.ARRAY, kept)

    def day_id(self, day: date, changes: Changes) -> int | None:
        """The identifier of a day; None: it is not special. Of several entries the first one counts."""
        for entry in self.entries.value:
            _, rule, identifier = entry.value
            if Date.parse(rule.value).falls_on(day, changes):
                found: int = identifier.value
                return found
        return None


def _index(entry: Data) -> int:
    index: int = entry.value[0].value
    return index
