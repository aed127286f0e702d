"""Special days of a gas tariff's calendar (class 11), and the names of its tiers: published through this hub, like the calendar.

Both belong to what is in force, and are written after it: special days go over into a calendar that is activated, if it has their
day profiles; names of tiers are of one tariff. Smart Energy numbers no special day: an index is a place in the list. Nothing in
force: object-unavailable. Days of which only a clock knows which they are, and names of more than 12 octets, are out of scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from hubfw.translation import Gas, Written
from hubfw.translation_orders import NOW, PROVIDER
from protocols.core.codec import Frame
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, SpecialDaysTable
from protocols.dlms.cosem.interface import method
from protocols.dlms.cosem.special_days import SPECIAL_DAY
from protocols.dlms.cosem.types import U16
from protocols.dlms.xdlms import DataAccessResult

if TYPE_CHECKING:
    from hubfw.translation_tariffs import PublishedCalendar

SPECIAL_DAYS: Final = "0-0:11.0.0"
LABELS: Final = "7-0:131.0.2"
"""array of structure: tier (unsigned), its name (octet-string)."""
MOST_DAYS: Final = 50
"""As the tariff's store has room for."""
PIECE: Final = 8
"""Entries in a command."""
LONGEST_LABEL: Final = 12
_ANY: Final = 0xFF
_ANY_YEAR: Final = 0xFFFF
_NAMED: Final = (0xFD, 0xFE)


def _refuse(why: str) -> AccessError:
    return AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, why)


def _pieces(items: Sequence[Any]) -> list[list[Any]]:
    return [list(items[at : at + PIECE]) for at in range(0, len(items), PIECE)] or [[]]


def special_days(event: int, calendar: int, days: Sequence[tuple[int, int]]) -> Iterable[Frame]:
    """The commands that publish these (pattern, day profile) for a calendar."""
    from protocols.zigbee.clusters.calendar import Calendar, SpecialDay

    entries = [SpecialDay(pattern, day) for pattern, day in days]
    for index, piece in enumerate(pieces := _pieces(entries)):
        yield Calendar.PublishSpecialDays(PROVIDER, event, calendar, NOW, 0, len(entries), index, len(pieces), piece)


class PublishedSpecialDays(SpecialDaysTable, id=11, version=0):
    """Of the calendar in force."""

    def __init__(self, gas: Gas, calendar: PublishedCalendar) -> None:
        self._gas = gas
        self._calendar = calendar
        super().__init__(
            SPECIAL_DAYS, entries=self._published, access={"entries": Access.READ_WRITE}, on={"entries": self._publish}
        )

    def _published(self) -> Data:
        return axdr.array(
            axdr.structure(axdr.u16(number), axdr.octets(_date(pattern)), axdr.u8(day))
            for number, (pattern, day) in enumerate(self._calendar.special_days, 1)
        )

    def _publish(self, entries: Data) -> None:
        listed = [[field.value for field in entry.value] for entry in entries.value]
        indices, dates = {entry[0] for entry in listed}, {entry[1] for entry in listed}
        if len(listed) > MOST_DAYS or len(indices) < len(listed) or len(dates) < len(listed):
            raise _refuse(f"at most {MOST_DAYS} days, each index and each date once")
        days = [(_pattern(date), day) for _, date, day in sorted(listed, key=lambda entry: entry[0])]
        event = self._gas.event()
        self._gas.publish_all(special_days(event, self._calendar.in_force, days))

    @method(1, SPECIAL_DAY)
    def insert(self, argument: Data) -> None:
        """Put an entry in, in the place of any that has its index or its date."""
        index, day, _ = argument.value
        kept = [entry for entry in self.entries.value if entry.value[0] != index and entry.value[1] != day]
        self._publish(Data(Tag.ARRAY, [*kept, argument]))

    @method(2, U16)
    def delete(self, argument: Data) -> None:
        """Take the entry of an index out."""
        kept = [entry for entry in self.entries.value if entry.value[0] != argument]
        if len(kept) == len(self.entries.value):
            raise _refuse(f"no entry {argument.value}")
        self._publish(Data(Tag.ARRAY, kept))


def _date(pattern: int) -> bytes:
    year, month, day, weekday = pattern.to_bytes(4, "little")
    return bytes((*(_ANY_YEAR if year == _ANY else 1900 + year).to_bytes(2, "big"), month, day, weekday))


def _pattern(date: bytes) -> int:
    year, (month, day, weekday) = int.from_bytes(date[:2], "big"), date[2:]
    if month in _NAMED or day in _NAMED or not (year == _ANY_YEAR or 1900 <= year < 1900 + _ANY):
        raise _refuse("a day that Smart Energy has no date for")
    return (_ANY if year == _ANY_YEAR else year - 1900) | month << 8 | day << 16 | weekday << 24


def labels(gas: Gas) -> InterfaceClass:
    """The names of the tiers of the tariff in force."""
    return Written(
        LABELS, value=lambda: _labels(gas), access={"value": Access.READ_WRITE}, on={"value": lambda data: _label(data, gas)}
    )


def _tariff(gas: Gas) -> Any:
    from protocols.zigbee.price.tariff import tariff

    known = tariff(gas.store, gas.now)
    if known is None:
        raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "no tariff")
    return known.information


def _labels(gas: Gas) -> Data:
    from protocols.zigbee.clusters.price import Price

    wanted = {"issuer_tariff_id": _tariff(gas).issuer_tariff_id}
    found = gas.store.in_force(Price.PublishTierLabels, gas.now, **wanted)
    gas.translated += 1
    return axdr.array(
        axdr.structure(axdr.u8(label.tier_id), axdr.octets(label.tier_label or b""))
        for part in found
        for label in part.tier_labels_payload
    )


def _label(data: Data, gas: Gas) -> None:
    from protocols.zigbee.clusters.price import Price, TierLabel

    if data.tag != Tag.ARRAY:
        raise AccessError(DataAccessResult.TYPE_UNMATCHED)
    entries: list[TierLabel] = []
    for line in data.value:
        if line.tag != Tag.STRUCTURE or [field.tag for field in line.value] != [Tag.UNSIGNED, Tag.OCTET_STRING]:
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        tier, label = (field.value for field in line.value)
        entries.append(TierLabel(tier, label))
    tiers = [entry.tier_id for entry in entries]
    if not tiers or len(set(tiers)) < len(tiers) or any(len(entry.tier_label or b"") > LONGEST_LABEL for entry in entries):
        raise _refuse(f"one name a tier, of {LONGEST_LABEL} octets at most")
    tariff, event = _tariff(gas).issuer_tariff_id, gas.event()
    pieces = _pieces(entries)
    gas.publish_all(
        [
            Price.PublishTierLabels(PROVIDER, event, tariff, index, len(pieces), len(piece), piece)
            for index, piece in enumerate(pieces)
        ]
    )
