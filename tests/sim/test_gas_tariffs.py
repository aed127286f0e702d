"""A gas tariff of several rates: the meter counts litres by tier and by block, its mirror and the head end show them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from devices.gsme.split import KEY
from devices.runtime.kernel import HOUR, MIN
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
