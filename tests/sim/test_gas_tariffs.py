"""A gas tariff of several rates: the meter counts litres by tier and by block, its mirror and the head end show them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from devices.gsme.rates import SPLIT as KEY
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.translation_tariffs import CALENDAR, RATES, SCRIPTS
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.clusters.metering import Metering
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
[[home.publish]]
kind = "tariff"
fuel = "gas"
label = "Two rates"
after_s = 180
tiers = [{ label = "Day", pence = [7.0, 9.0] }, { label = "Night", pence = [3.0, 4.0] }]
blocks = [4]
block_days = 1
weekdays = ["00:00 Night", "01:23 Day", "03:00 Night"]
weekend = ["00:00 Night"]
"""
ONE_RATE = HOME.replace('tiers = [{ label = "Day", pence = [7.0, 9.0] }, { label = "Night", pence = [3.0, 4.0] }]',
                        'tiers = [{ label = "Gas", pence = [7.0] }]').replace("blocks = [4]\nblock_days = 1\n", "")  # fmt: skip
ONE_RATE = "\n".join(line for line in ONE_RATE.splitlines() if not line.startswith("week"))
DAY, NIGHT = 1, 2


def shown(home):
    """(register, tiers, blocks) as the meter's own cluster has them."""
    server = home.gsme.firmware.han.endpoints[1].server(Metering)
    tiers = [server[Metering.current_tier_summation_delivered[number]] for number in (1, 2, 3, 4)]
    blocks = [server[Metering.current_no_tier_block_summation_delivered[number]] for number in (1, 2, 3, 4)]
    return server[Metering.current_summation_delivered], tiers, blocks


def litres(home, at):
    """What the register has counted by a time."""
    home.run_until(at)
    return home.gsme.firmware.register.total


def fetched(home):
    home.run_until(30 * MIN)
    assert home.gsme.firmware.rates.store.one(Price.PublishTariffInformation, home.gsme.firmware.rates.now)


def test_litres_are_counted_in_the_tier_in_which_they_flowed_and_in_the_blocks_they_fill(build):
    home = build(HOME)
    fetched(home)
    meter = home.gsme.firmware
    _, before, _ = shown(home)
    assert before[NIGHT - 1] + before[DAY - 1] == meter.register.reading.litres
    one = litres(home, HOUR + 23 * MIN)  # where the tier changes, far from any wake
    other = litres(home, 3 * HOUR)
    home.run_until(3 * HOUR + 15 * MIN)
    total, tiers, blocks = shown(home)
    assert tiers[DAY - 1] - before[DAY - 1] == pytest.approx(other - one, abs=1)
    assert tiers[NIGHT - 1] - before[NIGHT - 1] == pytest.approx(one - sum(before) + total - other, abs=1)
    assert other > one
    assert sum(tiers) == total
    assert tiers[2:] == [0, 0]
    edge = int(4 * Fraction(3_600_000_000, 395 * 102_264))  # litres in four kilowatt-hours
    used = total - home.gsme.nvm.get(KEY)["base"][0]
    assert (blocks[0], sum(blocks)) == (min(used, edge), used)
    home.run_until(8 * HOUR)
    total, tiers, blocks = shown(home)
    assert sum(tiers) == total
    assert blocks[0] == edge
    assert blocks[1] > 0
    assert blocks[2:] == [0, 0]


@pytest.fixture(scope="module")
def gas():
    from tests.sim.told import Told
    from tools.bench import config
    from tools.bench.commissioning import commission

    home = Told(config.loads(HOME))
    commission(home)
    home.run_until(9 * HOUR)
    return home


def test_mirror_and_head_end_show_them(gas):
    gas.run(for_=11 * MIN)
    reading = gas.hub.firmware.mirrors.of(gas.gsme.eui64).gas.reading
    reader = gas.head_end.meter("gsme")
    for number in (1, 2, 3, 4):
        tier = reading.get(Metering, Metering.current_tier_summation_delivered[number])
        assert reader.get(f"7-0:3.0.{number}", 4, 2).value == tier
        block = reading.get(Metering, Metering.current_no_tier_block_summation_delivered[number])
        assert reader.get(f"7-0:128.7.{number - 1}", 4, 2).value == block
    tiers = [reader.get(f"7-0:3.0.{number}", 4, 2).value for number in (1, 2, 3, 4)]
    assert sum(tiers) == reader.get("7-0:3.0.0", 4, 2).value
    assert tiers[0] > 0 < tiers[1]


def test_the_price_is_that_of_tier_and_block(gas):
    """At night, in the second block of the day: 4 pence."""
    assert gas.gsme.firmware.rates.price == 4_000


@pytest.mark.parametrize("operations", [0, 1, 7, 40, 111])
def test_over_a_cut_at_any_flash_operation_the_tiers_are_the_register(build, operations):
    home = build(HOME)
    fetched(home)
    _, before, _ = shown(home)
    home.gsme.cut_at_flash_operation(operations, off_for=3 * MIN)
    home.run_until(2 * HOUR + 35 * MIN)
    total, tiers, blocks = shown(home)
    assert sum(tiers) == total
    assert all(now >= then for now, then in zip(tiers, before, strict=True))
    assert tiers[DAY - 1] > before[DAY - 1]
    kept = home.gsme.nvm.get(KEY)
    assert kept["tiers"] == tiers[1:]
    assert kept["blocks"] == blocks
    assert sum(blocks) <= total - kept["base"][0]


def test_one_rate_costs_nothing(build):
    home = build(ONE_RATE)
    fetched(home)
    total, tiers, blocks = shown(home)
    assert tiers == [total, 0, 0, 0]
    assert blocks == [0, 0, 0, 0]
    assert KEY not in home.gsme.nvm
    assert home.gsme.firmware.register.beside is None


# --- the head end publishes it ---

EMPTY = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\nwake_minutes = 10\n'
PRICES = axdr.structure(
    axdr.u32(31_000),
    axdr.array([axdr.array([axdr.u32(7_000), axdr.u32(9_000)]), axdr.array([axdr.u32(3_000), axdr.u32(4_000)])]),
    axdr.array([axdr.u32(4)]),
    axdr.u16(30),
)
ALWAYS = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")
NEW_YEAR = bytes.fromhex("FFFF0101FF000000008000FF")


def switches(*found):
    return axdr.array(
        axdr.structure(axdr.octets(bytes((hour, minute, 0, 0))), axdr.octets(SCRIPTS), axdr.u16(tier))
        for hour, minute, tier in found
    )


NAME, SEASONS, WEEKS, DAYS = (
    axdr.octets(b"Two rates"),
    axdr.array([axdr.structure(axdr.octets(b"1"), axdr.octets(NEW_YEAR), axdr.octets(b"1"))]),
    axdr.array([axdr.structure(axdr.octets(b"1"), *[axdr.u8(1)] * 5, *[axdr.u8(2)] * 2)]),
    axdr.array([
        axdr.structure(axdr.u8(1), switches((0, 0, 2), (1, 23, 1), (3, 0, 2))), axdr.structure(axdr.u8(2), switches((0, 0, 2))),
    ]),
)  # fmt: skip


@pytest.fixture
def writer(build):
    home = build(EMPTY)
    home.run_until(30 * MIN)
    made = home.head_end.meter("gsme", writes=True)
    made.home = home
    return made


def calendar(writer, *values):
    for number, value in zip((6, 7, 8, 9), values, strict=True):
        writer.set(CALENDAR, 20, number, value)
    writer.action(CALENDAR, 20, 1, axdr.i8(0))


def refused(call, *arguments):
    with pytest.raises(AccessError) as error:
        call(*arguments)
    return error.value.result


def test_prices_thresholds_and_calendar_are_written_read_back_and_gone_by_at_the_meter(writer):
    home, meter = writer.home, writer.home.gsme.firmware
    assert refused(writer.get, RATES, 1, 2) == DataAccessResult.OBJECT_UNAVAILABLE
    assert refused(writer.get, CALENDAR, 20, 5) == DataAccessResult.OBJECT_UNAVAILABLE
    writer.set(RATES, 1, 2, PRICES)
    calendar(writer, NAME, SEASONS, WEEKS, DAYS)
    assert writer.get(RATES, 1, 2) == PRICES
    assert [writer.get(CALENDAR, 20, number) for number in (2, 3, 4, 5)] == [NAME, SEASONS, WEEKS, DAYS]
    assert refused(writer.get, "7-0:130.3.1", 1, 2) == DataAccessResult.OBJECT_UNAVAILABLE  # not one price
    home.run(for_=11 * MIN)
    assert meter.rates.store.one(Calendar.PublishCalendar, meter.rates.now).calendar_name == b"Two rates"
    assert (meter.rates.price, meter.rates.standing_charge) == (3_000, 31_000)
    before = [meter.rates.in_tier(tier) for tier in (DAY, NIGHT)]
    one = litres(home, HOUR + 23 * MIN)
    home.run(for_=2 * S)  # ZigBee time has whole seconds
    assert meter.rates.price in (7_000, 9_000)
    other = litres(home, 3 * HOUR)
    home.run_until(3 * HOUR + 15 * MIN)
    assert meter.rates.in_tier(DAY) - before[0] == pytest.approx(other - one, abs=1)
    assert writer.get("7-0:3.0.1", 4, 2).value == meter.rates.in_tier(DAY)
    assert writer.get("7-0:3.0.2", 4, 2).value > 0


OUT_OF_SCOPE = {
    "five tiers": axdr.structure(axdr.u32(1), axdr.array([axdr.array([axdr.u32(1)])] * 5), axdr.array([]), axdr.u16(0)),
    "no tier": axdr.structure(axdr.u32(1), axdr.array([]), axdr.array([]), axdr.u16(0)),
    "a price too few": axdr.structure(axdr.u32(1), axdr.array([axdr.array([axdr.u32(1)])]), axdr.array([axdr.u32(4)]), axdr.u16(1)),
    "blocks without a period": axdr.structure(
        axdr.u32(1), axdr.array([axdr.array([axdr.u32(1)] * 2)]), axdr.array([axdr.u32(4)]), axdr.u16(0)
    ),
    "thresholds that fall": axdr.structure(
        axdr.u32(1), axdr.array([axdr.array([axdr.u32(1)] * 3)]), axdr.array([axdr.u32(4), axdr.u32(3)]), axdr.u16(1)
    ),
}


def test_what_cannot_be_said_is_refused_and_nothing_of_it_is_published(writer):
    for data in OUT_OF_SCOPE.values():
        assert refused(writer.set, RATES, 1, 2, data) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, data
    assert refused(writer.set, RATES, 1, 2, axdr.u32(1)) == DataAccessResult.TYPE_UNMATCHED
    assert refused(writer.set, RATES, 1, 2, axdr.structure(axdr.u32(1))) == DataAccessResult.TYPE_UNMATCHED
    fifth = axdr.array([axdr.structure(axdr.u8(1), switches((0, 0, 5)))])
    second = axdr.array([axdr.structure(axdr.u8(2), switches((0, 0, 1)))])
    odd = axdr.array([axdr.structure(axdr.u8(1), axdr.array([
        axdr.structure(axdr.octets(b"\x01\x02\x03\x00"), axdr.octets(SCRIPTS), axdr.u16(1))
    ]))])  # fmt: skip
    late = axdr.array([axdr.structure(axdr.u8(1), switches((1, 0, 1)))])
    named = axdr.array([axdr.structure(axdr.octets(b"week"), *[axdr.u8(1)] * 7)])
    one_day = axdr.array([axdr.structure(axdr.u8(1), switches((0, 0, 1)))])
    one_week = axdr.array([axdr.structure(axdr.octets(b"1"), *[axdr.u8(1)] * 7)])
    for days, weeks in [
        (fifth, one_week),
        (second, one_week),
        (odd, one_week),
        (one_day, named),
        (late, one_week),
        (one_day, WEEKS),
    ]:
        assert refused(calendar, writer, NAME, SEASONS, weeks, days) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, (days, weeks)
    long = axdr.octets(b"thirteen octe")
    assert refused(calendar, writer, long, SEASONS, one_week, one_day) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert writer.home.hub.firmware.tariffs.of("gas") is None
    assert refused(writer.set, CALENDAR, 20, 10, axdr.octets(ALWAYS)) == DataAccessResult.READ_WRITE_DENIED


def test_nobody_without_a_password_publishes(writer):
    reader = writer.home.head_end.meter("gsme")
    assert refused(reader.set, RATES, 1, 2, PRICES) == DataAccessResult.READ_WRITE_DENIED
    assert refused(reader.action, CALENDAR, 20, 1, axdr.i8(0)) == DataAccessResult.READ_WRITE_DENIED
