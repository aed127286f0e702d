"""A gas tariff of several rates as COSEM objects: its prices and thresholds, and its calendar as an activity calendar (class 20).

Both are what is published through this hub and in force. A write of the prices, and `activate_passive_calendar`, publish, and only
if all that it takes would be accepted: never half of it. The gas meter has it after its next wake. A day action names a tier by the
selector of the tariff's script table. Special days (`translation_days`) go over into a calendar that is activated. Weeks, days and
seasons have numbers in Smart Energy and no names: their names here are those numbers, and no others are taken. Times are local.

Not here: critical peaks, thresholds of each tier's own, activation at a time (object-unavailable, or not writeable).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, Final

from hubfw.translation import Gas, Written
from hubfw.translation_days import PublishedSpecialDays, labels, special_days
from hubfw.translation_orders import FIVE_DIGITS, KILOWATT_HOURS, NOW, POUND_STERLING, PROVIDER
from protocols.core.codec import Frame
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import Access, AccessError, ActivityCalendar, InterfaceClass
from protocols.dlms.cosem.interface import method
from protocols.dlms.cosem.types import I8
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

RATES: Final = "7-0:131.0.1"
"""structure: standing charge of a day, array (tiers) of array (blocks) of prices, thresholds in kWh, days of a block period."""
CALENDAR: Final = "0-0:13.0.0"
SCRIPTS: Final = bytes(Obis("0-0:10.0.100"))
"""The tariff's script table (Blue Book): its scripts are tiers."""
MOST: Final = 4
"""Tiers, and blocks: as the gas meter counts."""
PIECE: Final = 8
"""Prices in a command."""
SWITCHES: Final = 12
"""Likewise of a day."""
LONGEST_NAME: Final = 12
DAYS_LONG: Final = 1
"""Duration type of a block period."""
TOU, BLOCK, BLOCK_TOU = range(3)
DIGITS: Final = 5
_ANY: Final = 0xFF
_LOCAL: Final = 2
_DATE_TIME: Final = 12
_WEEKDAYS: Final = 7


def tariff_objects(gas: Gas) -> list[InterfaceClass]:
    """These, special days and names of tiers."""
    rates = Written(
        RATES, value=lambda: _read(gas), access={"value": Access.READ_WRITE}, on={"value": lambda data: _write(data, gas)}
    )
    calendar = PublishedCalendar(gas)
    return [rates, calendar, PublishedSpecialDays(gas, calendar), labels(gas)]


def _refuse(why: str) -> AccessError:
    return AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, why)


def _unavailable(why: str) -> AccessError:
    return AccessError(DataAccessResult.OBJECT_UNAVAILABLE, why)


# --- prices and thresholds ---


def _read(gas: Gas) -> Data:
    from protocols.zigbee.clusters.price import Price
    from protocols.zigbee.price.tariff import WHOLE, tariff

    store, now = gas.store, gas.now
    known = tariff(store, now)
    if known is None or known.information.unit_of_measure != KILOWATT_HOURS or known.scheme > BLOCK_TOU:
        raise _unavailable("no such tariff")
    head = known.information
    tiers = (0,) if known.scheme == BLOCK else range(1, head.number_of_price_tiers_in_use + 1)
    blocks = (0,) if known.scheme == TOU else range(1, head.number_of_block_thresholds_in_use + 2)
    if not all(key in known.prices for key in product(tiers, blocks)):
        raise _unavailable("not every price")
    digits = Fraction(10) ** (DIGITS - (head.price_trailing_digit >> 4))
    prices = [[_whole(known.prices[tier, block] * digits) for block in blocks] for tier in tiers]
    thresholds, days = [], 0
    if known.scheme != TOU:
        period = store.one(Price.PublishBlockPeriod, now)
        if WHOLE not in known.thresholds or not head.block_threshold_divisor or period is None:
            raise _unavailable("no thresholds, or no block period")
        if (period.block_period_duration_type or 0) & 0x0F != DAYS_LONG:
            raise _unavailable("a block period that is not of days")
        days = period.block_period_duration
        scale = Fraction(head.block_threshold_multiplier, head.block_threshold_divisor)
        thresholds = [_whole(each * scale) for each in known.thresholds[WHOLE]]
    gas.translated += 1
    return axdr.structure(
        axdr.u32(_whole(head.standing_charge * digits)),
        axdr.array(axdr.array(axdr.u32(price) for price in tier) for tier in prices),
        axdr.array(axdr.u32(each) for each in thresholds),
        axdr.u16(days),
    )


def _whole(value: Fraction) -> int:
    if value.denominator != 1 or value > 0xFFFFFFFF:
        raise _unavailable("not to be said exactly")
    return int(value)


def _of(data: Data, tag: int) -> Any:
    if data.tag != tag:
        raise AccessError(DataAccessResult.TYPE_UNMATCHED)
    return data.value


def _items(data: Data, tag: int) -> list[Any]:
    return [_of(each, tag) for each in _of(data, Tag.ARRAY)]


def _write(data: Data, gas: Gas) -> None:
    if len(fields := _of(data, Tag.STRUCTURE)) != 4:
        raise AccessError(DataAccessResult.TYPE_UNMATCHED)
    standing, days = _of(fields[0], Tag.DOUBLE_LONG_UNSIGNED), _of(fields[3], Tag.LONG_UNSIGNED)
    prices = [_items(tier, Tag.DOUBLE_LONG_UNSIGNED) for tier in _of(fields[1], Tag.ARRAY)]
    thresholds = _items(fields[2], Tag.DOUBLE_LONG_UNSIGNED)
    blocks = len(thresholds) + 1
    if not 1 <= len(prices) <= MOST or blocks > MOST or any(len(tier) != blocks for tier in prices):
        raise _refuse(f"at most {MOST} tiers, and a price of each block in each")
    if bool(thresholds) != bool(days):
        raise _refuse("blocks have a period, and only they")
    gas.publish_all(_tariff(gas.event(), standing, prices, thresholds, days))


def _tariff(event: int, standing: int, prices: list[list[int]], thresholds: list[int], days: int) -> Iterable[Frame]:
    from protocols.zigbee.clusters.price import BlockThresholds, Price, PriceMatrixEntry

    tiers, blocks = len(prices), len(thresholds)
    scheme = BLOCK_TOU if blocks else TOU
    yield Price.PublishTariffInformation(
        PROVIDER, event, event, NOW, scheme << 4, b"", tiers, blocks, KILOWATT_HOURS, POUND_STERLING, FIVE_DIGITS, standing,
        0 if blocks else 0xFF, 1, 1,
    )  # fmt: skip
    entries = [
        PriceMatrixEntry(number << 4 | block if blocks else number, price)
        for number, tier in enumerate(prices, 1)
        for block, price in enumerate(tier)
    ]
    for index, piece in enumerate(pieces := _pieces(entries, PIECE)):
        yield Price.PublishPriceMatrix(PROVIDER, event, NOW, event, index, len(pieces), 0 if blocks else 1, piece)
    if blocks:
        yield Price.PublishBlockThresholds(PROVIDER, event, NOW, event, 0, 1, 1, [BlockThresholds(blocks, thresholds)])
        yield Price.PublishBlockPeriod(PROVIDER, event, NOW, days, 0, DAYS_LONG, 0, 1)


def _pieces(items: Sequence[Any], most: int) -> list[list[Any]]:
    return [list(items[at : at + most]) for at in range(0, len(items), most)]


# --- the calendar ---


class PublishedCalendar(ActivityCalendar, id=20, version=0):
    """The calendar in force; the passive one is the proxy's until it is activated."""

    def __init__(self, gas: Gas) -> None:
        self._gas = gas
        super().__init__(
            CALENDAR,
            access={"activate_passive_calendar_time": Access.READ},
            calendar_name_active=lambda: axdr.octets(self._header.calendar_name or b""),
            season_profile_active=self._published_seasons,
            week_profile_table_active=self._published_weeks,
            day_profile_table_active=self._published_days,
        )

    @method(1, I8)
    def activate_passive_calendar(self, argument: Data) -> None:
        """Publish the passive calendar, from now on."""
        event = self._gas.event()
        self._gas.publish_all(list(self._calendar(event)))

    @property
    def _header(self) -> Any:
        from protocols.zigbee.clusters.calendar import Calendar

        header = self._gas.store.one(Calendar.PublishCalendar, self._gas.now, calendar_type=0)
        if header is None or header.calendar_time_reference != _LOCAL:
            raise _unavailable("no calendar in local time")
        return header

    def _parts(self, command: type[Frame], **wanted: int) -> list[Any]:
        header = self._header
        known = {"provider_id": header.provider_id, "issuer_calendar_id": header.issuer_calendar_id}
        self._gas.translated += 1
        return list(self._gas.store.in_force(command, self._gas.now, **known, **wanted))

    @property
    def in_force(self) -> int:
        """The number of the calendar in force. Raises AccessError where there is none."""
        number: int = self._header.issuer_calendar_id
        return number

    @property
    def special_days(self) -> list[tuple[int, int]]:
        """(pattern, day profile) of each that is in force. Raises AccessError where no calendar is."""
        from protocols.zigbee.clusters.calendar import Calendar

        parts = self._parts(Calendar.PublishSpecialDays)
        return [(entry.special_day_date, entry.day_id_ref) for part in parts for entry in part.special_day_entries]

    def _published_seasons(self) -> Data:
        from protocols.zigbee.clusters.calendar import Calendar

        entries = [entry for part in self._parts(Calendar.PublishSeasons) for entry in part.season_entries]
        return axdr.array(
            axdr.structure(
                *(axdr.octets(each) for each in (_name(number), _begin(entry.season_start_date), _name(entry.week_id_ref)))
            )
            for number, entry in enumerate(entries, 1)
        )

    def _published_weeks(self) -> Data:
        from protocols.zigbee.calendar.table import WEEKDAYS
        from protocols.zigbee.clusters.calendar import Calendar

        wanted = self._header.number_of_week_profiles
        weeks = [week for number in range(1, wanted + 1) for week in self._parts(Calendar.PublishWeekProfile, week_id=number)]
        if len(weeks) != wanted:
            raise _unavailable("not every week profile")
        return axdr.array(
            axdr.structure(axdr.octets(_name(week.week_id)), *(axdr.u8(getattr(week, weekday)) for weekday in WEEKDAYS))
            for week in weeks
        )

    def _published_days(self) -> Data:
        from protocols.zigbee.calendar.schedule import schedule

        header, known = self._header, schedule(self._gas.store, self._gas.now, 0)
        if known is None or len(known.days) != header.number_of_day_profiles:
            raise _unavailable("not every day profile")
        self._gas.translated += 1
        return axdr.array(
            axdr.structure(axdr.u8(number), axdr.array(
                axdr.structure(axdr.octets(bytes((*divmod(minute, 60), 0, 0))), axdr.octets(SCRIPTS), axdr.u16(tier))
                for minute, tier in switches
            ))
            for number, switches in known.days.items()
        )  # fmt: skip

    def _calendar(self, event: int) -> Iterable[Frame]:
        from protocols.zigbee.clusters.calendar import Calendar, ScheduleEntry, SeasonEntry

        name, seasons, weeks, days = (self.read(number).value for number in (6, 7, 8, 9))
        if len(name) > LONGEST_NAME:
            raise _refuse("a longer name")
        counts = [len(each) for each in (seasons, weeks, days)]
        yield Calendar.PublishCalendar(PROVIDER, event, event, NOW, 0, _LOCAL, name, *counts)
        for number, day in _numbered((profile.value[0].value, profile.value[1].value) for profile in days):
            switches = [ScheduleEntry(_minute(each.value[0].value), _tier(each.value)) for each in day]
            for index, piece in enumerate(pieces := _pieces(switches, SWITCHES)):
                yield Calendar.PublishDayProfile(PROVIDER, event, event, number, len(day), index, len(pieces), 0, piece)
        for number, week in _numbered((_number(profile.value[0].value), profile.value[1:]) for profile in weeks):
            yield Calendar.PublishWeekProfile(PROVIDER, event, event, number, *(weekday.value for weekday in week))
        begins = list(_numbered((_number(season.value[0].value), season.value[1:]) for season in seasons))
        if begins:
            entries = [SeasonEntry(_pattern(begin.value), _number(week.value)) for _, (begin, week) in begins]
            yield Calendar.PublishSeasons(PROVIDER, event, event, 0, 1, entries)
        if kept := self._kept():
            yield from special_days(event, event, kept)

    def _kept(self) -> list[tuple[int, int]]:
        """The special days to take over: none into a first calendar."""
        try:
            return self.special_days
        except AccessError:
            return []


def _name(number: int) -> bytes:
    return str(number).encode()


def _number(name: bytes) -> int:
    if not (name.isdigit() and len(name) <= 3) or _name(int(name)) != name:
        raise _refuse("a name is a number here")
    return int(name)


def _numbered(items: Iterable[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """In the order of their numbers, which begin at 1 and leave none out."""
    found = sorted(items, key=lambda item: item[0])
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise _refuse("numbers from 1 on")
    return found


def _minute(time: bytes) -> int:
    hour, minute, second, hundredths = time
    if hour > 23 or minute > 59 or second not in (0, _ANY) or hundredths not in (0, _ANY):
        raise _refuse("switches are on a minute")
    return hour * 60 + minute


def _tier(action: Sequence[Data]) -> int:
    if action[1].value != SCRIPTS or not 1 <= action[2].value <= MOST:
        raise _refuse("a script of the tariff's table is a tier")
    tier: int = action[2].value
    return tier


def _begin(pattern: int) -> bytes:
    year, month, day, weekday = pattern.to_bytes(4, "little")
    known = 0xFFFF if year == _ANY else 1900 + year
    return bytes((*known.to_bytes(2, "big"), month, day, weekday, 0, 0, 0, 0, 0x80, 0, _ANY))


def _pattern(begin: bytes) -> int:
    """Of a season's first day, which begins at midnight."""
    year, (month, day, weekday, *time) = int.from_bytes(begin[:2], "big"), begin[2:9]
    if any(each not in (0, _ANY) for each in time) or not (year == 0xFFFF or 1900 <= year < 1900 + _ANY):
        raise _refuse("a season begins with a day")
    if month in (0xFD, 0xFE) or day in (0xFD, 0xFE):
        raise _refuse("days of which only a clock knows which they are")
    return (_ANY if year == 0xFFFF else year - 1900) | month << 8 | day << 16 | weekday << 24
