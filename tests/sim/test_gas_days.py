"""Special days and names of tiers of a gas tariff, written and read by COSEM, published on the network, gone by at the meter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.kernel import MIN
from hubfw.translation_days import LABELS, SPECIAL_DAYS, _date, _pattern
from hubfw.translation_tariffs import CALENDAR, RATES, SCRIPTS
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.price import Price

HOME = """
start = 2026-01-14T00:00:00Z
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
"""
PRICES = axdr.structure(
    axdr.u32(31_000), axdr.array([axdr.array([axdr.u32(7_000)]), axdr.array([axdr.u32(3_000)])]), axdr.array([]), axdr.u16(0)
)
TODAY, CHRISTMAS = bytes.fromhex("07EA010EFF"), bytes.fromhex("FFFF0C19FF")
NAMES = axdr.array([axdr.structure(axdr.u8(1), axdr.octets(b"Day")), axdr.structure(axdr.u8(2), axdr.octets(b"Night"))])


def days(*entries):
    return axdr.array(axdr.structure(axdr.u16(index), axdr.octets(date), axdr.u8(day)) for index, date, day in entries)


def day(number, tier):
    action = axdr.structure(axdr.octets(bytes(4)), axdr.octets(SCRIPTS), axdr.u16(tier))
    return axdr.structure(axdr.u8(number), axdr.array([action]))


def activate(writer, profiles):
    week = axdr.array([axdr.structure(axdr.octets(b"1"), *[axdr.u8(1)] * 7)])
    for number, value in ((6, axdr.octets(b"days")), (7, axdr.array([])), (8, week), (9, profiles)):
        writer.set(CALENDAR, 20, number, value)
    writer.action(CALENDAR, 20, 1, axdr.i8(0))


def refused(call, *arguments):
    with pytest.raises(AccessError) as error:
        call(*arguments)
    return error.value.result


@pytest.fixture
def writer(build):
    home = build(HOME)
    made = home.head_end.meter("gsme", writes=True)
    made.home = home
    return made


def test_special_days_are_written_read_back_taken_over_and_gone_by_at_the_meter(writer):
    home, meter = writer.home, writer.home.gsme.firmware
    assert refused(writer.get, SPECIAL_DAYS, 11, 2) == DataAccessResult.OBJECT_UNAVAILABLE
    assert refused(writer.set, SPECIAL_DAYS, 11, 2, days((1, TODAY, 1))) == DataAccessResult.OBJECT_UNAVAILABLE
    writer.set(RATES, 1, 2, PRICES)
    activate(writer, axdr.array([day(1, 1), day(2, 2)]))
    assert writer.get(SPECIAL_DAYS, 11, 2).value == []
    home.run(for_=11 * MIN)
    assert meter.rates.price == 7_000
    writer.set(SPECIAL_DAYS, 11, 2, days((1, TODAY, 2), (2, CHRISTMAS, 2)))
    assert writer.get(SPECIAL_DAYS, 11, 2) == days((1, TODAY, 2), (2, CHRISTMAS, 2))
    home.run(for_=11 * MIN)
    assert meter.rates.price == 3_000
    activate(writer, axdr.array([day(1, 1), day(2, 2)]))  # another calendar: the days are still special
    assert writer.get(SPECIAL_DAYS, 11, 2) == days((1, TODAY, 2), (2, CHRISTMAS, 2))
    assert refused(activate, writer, axdr.array([day(1, 1)])) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED  # it lacks their day
    writer.action(SPECIAL_DAYS, 11, 2, axdr.u16(1))
    assert writer.get(SPECIAL_DAYS, 11, 2) == days((1, CHRISTMAS, 2))
    writer.action(SPECIAL_DAYS, 11, 1, axdr.structure(axdr.u16(5), axdr.octets(TODAY), axdr.u8(1)))
    assert writer.get(SPECIAL_DAYS, 11, 2) == days((1, CHRISTMAS, 2), (2, TODAY, 1))
    home.run(for_=11 * MIN)
    assert meter.rates.price == 7_000
    writer.set(SPECIAL_DAYS, 11, 2, days())
    assert writer.get(SPECIAL_DAYS, 11, 2).value == []
    too_many = days(*((number, bytes((0xFF, 0xFF, 1 + number // 28, 1 + number % 28, 0xFF)), 1) for number in range(51)))
    unknown, twice = days((1, TODAY, 3)), days((1, TODAY, 1), (2, TODAY, 2))
    last = days((1, bytes.fromhex("FFFF0CFEFF"), 1))
    for wrong in (too_many, unknown, twice, last):
        assert refused(writer.set, SPECIAL_DAYS, 11, 2, wrong) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refused(writer.action, SPECIAL_DAYS, 11, 2, axdr.u16(1)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_names_of_tiers_are_written_read_back_and_published(writer):
    assert refused(writer.get, LABELS, 1, 2) == DataAccessResult.OBJECT_UNAVAILABLE
    writer.set(RATES, 1, 2, PRICES)
    assert writer.get(LABELS, 1, 2).value == []
    writer.set(LABELS, 1, 2, NAMES)
    assert writer.get(LABELS, 1, 2) == NAMES
    writer.home.run(for_=11 * MIN)
    rates = writer.home.gsme.firmware.rates
    (held,) = rates.store.in_force(Price.PublishTierLabels, rates.now)
    assert [label.tier_label for label in held.tier_labels_payload] == [b"Day", b"Night"]
    third = axdr.array([axdr.structure(axdr.u8(3), axdr.octets(b"x"))])
    long = axdr.array([axdr.structure(axdr.u8(1), axdr.octets(bytes(13)))])
    twice = axdr.array([NAMES.value[0]] * 2)
    for wrong in (third, long, twice, axdr.array([])):
        assert refused(writer.set, LABELS, 1, 2, wrong) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    for wrong in (axdr.u8(1), axdr.array([axdr.u8(1)]), axdr.array([axdr.structure(axdr.u16(1), axdr.octets(b"x"))])):
        assert refused(writer.set, LABELS, 1, 2, wrong) == DataAccessResult.TYPE_UNMATCHED
    assert writer.get(LABELS, 1, 2) == NAMES


@given(
    st.integers(0, 254) | st.just(255), st.integers(1, 12) | st.just(255), st.integers(1, 31) | st.just(255),
    st.integers(1, 7) | st.just(255),
)  # fmt: skip
def test_every_date_with_and_without_open_fields_goes_there_and_back(year, month, number, weekday):
    pattern = int.from_bytes(bytes((year, month, number, weekday)), "little")
    assert _pattern(_date(pattern)) == pattern
