"""Tariffs of several rates, their calendar, special days, names of tiers: whatever may be written is published and read again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hubfw.translation import Gas
from hubfw.translation_days import LABELS, MOST_DAYS, SPECIAL_DAYS
from hubfw.translation_tariffs import CALENDAR, LONGEST_NAME, MOST, RATES, SCRIPTS, tariff_objects
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError
from protocols.dlms.cosem.recurrence import Date
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.calendar.table import ROWS as CALENDAR_ROWS
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.price.table import ROWS as PRICE_ROWS
from protocols.zigbee.publication.store import Store

NOW = 800_000_000
U16, U32 = 0xFFFF, 0xFFFFFFFF
YEARS, MONTHS, DAYS_OF_MONTH, WEEKDAYS = range(1900, 2155), range(1, 13), range(1, 32), range(1, 8)
ONE_WEEK = axdr.array([axdr.structure(axdr.octets(b"1"), *[axdr.u8(1)] * 7)])


class Board:
    """Of a hub that knows the time."""

    def __init__(self):
        self.nvm = type("Nvm", (dict,), {"put": dict.update})()
        self.rtc = SimpleNamespace(valid=True, read=lambda: (NOW + EPOCH) * 1_000_000_000)

    def log(self, kind, data):
        pass


class Tariffs:
    """What is published, as the hub keeps it: the octets of each command are those that would go over the air."""

    def __init__(self):
        self.store = Store((*PRICE_ROWS, *CALENDAR_ROWS))
        self.published = False

    def of(self, fuel):
        return self if self.published else None

    def publish(self, command, fuel):
        self.published = True
        return self.store.publish(type(command).parse(command.build()), NOW).status


def objects():
    return {thing.name: thing for thing in tariff_objects(Gas(Board(), 1, None, Tariffs()))}


def again(thing, number):
    """Read, and over the line."""
    return Data.parse(thing.read(number).build())


def edges(least, greatest):
    return st.integers(least, greatest) | st.sampled_from([least, greatest])


@st.composite
def tariffs(draw):
    tiers, blocks = draw(st.integers(1, MOST)), draw(st.integers(1, MOST))
    prices = [[axdr.u32(draw(edges(0, U32))) for _ in range(blocks)] for _ in range(tiers)]
    thresholds = sorted(draw(st.sets(edges(1, U32 - 1), min_size=blocks - 1, max_size=blocks - 1)))
    days = draw(edges(1, U16)) if thresholds else 0
    return axdr.structure(
        axdr.u32(draw(edges(0, U32))), axdr.array(axdr.array(tier) for tier in prices),
        axdr.array(axdr.u32(each) for each in thresholds), axdr.u16(days),
    )  # fmt: skip


@given(tariffs())
def test_a_tariff_of_any_prices_and_thresholds_is_read_as_it_was_written(tariff):
    rates = objects()[Obis(RATES)]
    rates.write(2, tariff)
    assert again(rates, 2) == tariff


@st.composite
def begins(draw):
    """The first day of a season."""
    year = draw(st.sampled_from([0xFFFF]) | st.sampled_from(YEARS))
    month, day, weekday = (draw(st.sampled_from([0xFF, *known])) for known in (MONTHS, DAYS_OF_MONTH, WEEKDAYS))
    if year != 0xFFFF and month != 0xFF != day:
        weekday = 0xFF  # which one it is goes by the others
    made = year.to_bytes(2, "big") + bytes((month, day, weekday))
    try:
        Date.parse(made)
    except RemoteProtocolError:  # no month has it
        assume(False)
    return made


@st.composite
def calendars(draw):
    days, weeks, seasons = (draw(st.integers(1, most)) for most in (3, 4, 4))
    profiles = []
    for number in range(1, days + 1):
        minutes = [0, *sorted(draw(st.sets(st.integers(1, 1439), max_size=13)))]
        switches = [
            axdr.structure(
                axdr.octets(bytes((*divmod(minute, 60), 0, 0))), axdr.octets(SCRIPTS), axdr.u16(draw(st.integers(1, MOST)))
            )
            for minute in minutes
        ]
        profiles.append(axdr.structure(axdr.u8(number), axdr.array(switches)))
    table = [
        axdr.structure(axdr.octets(b"%d" % week), *[axdr.u8(draw(st.integers(1, days))) for _ in WEEKDAYS])
        for week in range(1, weeks + 1)
    ]
    first_days = draw(st.lists(begins(), min_size=seasons, max_size=seasons, unique=True))
    starts = [
        axdr.structure(
            axdr.octets(b"%d" % number), axdr.octets(begin + bytes.fromhex("00000000 8000FF")),
            axdr.octets(b"%d" % draw(st.integers(1, weeks))),
        )
        for number, begin in enumerate(first_days, 1)
    ]  # fmt: skip
    name = draw(st.binary(max_size=LONGEST_NAME) | st.just(bytes(LONGEST_NAME)))
    return axdr.octets(name), axdr.array(starts), axdr.array(table), axdr.array(profiles)


@given(calendars())
def test_a_calendar_of_any_seasons_weeks_and_days_is_read_as_it_was_written(written):
    calendar = objects()[Obis(CALENDAR)]
    for number, part in zip((6, 7, 8, 9), written, strict=True):
        calendar.write(number, part)
    calendar.invoke(1, axdr.i8(0))
    assert tuple(again(calendar, number) for number in (2, 3, 4, 5)) == written


@given(st.lists(st.tuples(begins(), st.integers(1, 1)), max_size=20, unique_by=lambda entry: entry[0]))
@example([(bytes((0xFF, 0xFF, 1 + number // 28, 1 + number % 28, 0xFF)), 1) for number in range(MOST_DAYS)])
def test_special_days_are_read_in_their_order(days):
    things = objects()
    calendar, table = things[Obis(CALENDAR)], things[Obis(SPECIAL_DAYS)]
    switches = axdr.array([axdr.structure(axdr.octets(bytes(4)), axdr.octets(SCRIPTS), axdr.u16(1))])
    parts = axdr.octets(b""), axdr.array([]), ONE_WEEK, axdr.array([axdr.structure(axdr.u8(1), switches)])
    for number, part in zip((6, 7, 8, 9), parts, strict=True):
        calendar.write(number, part)
    calendar.invoke(1, axdr.i8(0))
    written = axdr.array(
        axdr.structure(axdr.u16(number), axdr.octets(date), axdr.u8(day)) for number, (date, day) in enumerate(days, 1)
    )
    table.write(2, written)
    assert again(table, 2) == written


@given(st.lists(st.binary(max_size=12) | st.just(bytes(12)), min_size=1, max_size=MOST))
def test_any_names_of_tiers_are_read_as_they_were_written(names):
    things = objects()
    prices = axdr.array([axdr.array([axdr.u32(1)])] * MOST)
    things[Obis(RATES)].write(2, axdr.structure(axdr.u32(0), prices, axdr.array([]), axdr.u16(0)))
    written = axdr.array(axdr.structure(axdr.u8(tier), axdr.octets(name)) for tier, name in enumerate(names, 1))
    things[Obis(LABELS)].write(2, written)
    assert again(things[Obis(LABELS)], 2) == written


@pytest.mark.parametrize("name", [RATES, LABELS, CALENDAR, SPECIAL_DAYS])
def test_before_anything_is_published_there_is_nothing_to_read(name):
    with pytest.raises(AccessError) as refused:
        objects()[Obis(name)].read(2)
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
