"""A tariff by the premises' clock, on the days of 23 and 25 hours: hub and display switch when the people's clock says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from hubfw.han.local_time import zone
from protocols.dlms import axdr
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.hub_prepayment.cluster import NEVER
from protocols.zigbee.price.current import current_price

HOME = """
seed = 7
start = "{start}Z"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "ihd"
at = [8, -3]
[[home.publish]]
kind = "tariff"
after_s = 120
tiers = [{{ label = "Day", pence = [30.1] }}, {{ label = "Night", pence = [9.5] }}]
weekdays = ["00:00 Night", "07:00 Day"]
time = "local"
"""


def ns(*moment):
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * S


@pytest.mark.req("S-059", part=True)
@pytest.mark.parametrize(("start", "switch"), [
    ("2026-03-28T06:30:00", (2026, 3, 28, 7)),  # the last day of winter
    ("2026-03-29T00:30:00", (2026, 3, 29, 6)),  # 23 hours
    ("2026-10-24T05:30:00", (2026, 10, 24, 6)),
    ("2026-10-25T00:30:00", (2026, 10, 25, 7)),  # 25 hours
])  # fmt: skip
def test_the_day_rate_begins_at_seven_by_the_peoples_clock(build, start, switch):
    home = build(HOME.format(start=start))
    at = ns(*switch) - home.kernel.start_ns

    def prices():
        store, now = home.hub.firmware.tariffs.of("electricity").store, home.hub.rtc.read() // S - EPOCH
        return home.screen("ihd")[4].split()[0], current_price(store, now, zone=zone(now)).rate_label

    home.run_until(at - 5 * S)
    assert prices() == ("Night", b"Night")
    home.run_until(at + MIN + 5 * S)
    assert prices() == ("Day", b"Day")


GAS = """
start = "{start}Z"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
[[home.publish]]
kind = "tariff"
fuel = "gas"
after_s = 120
tiers = [{{ label = "Day", pence = [7.0] }}, {{ label = "Night", pence = [3.0] }}]
weekdays = ["00:00 Night", "07:00 Day"]
time = "local"
"""
DEAR, CHEAP = 7000, 3000


@pytest.mark.req("S-059", part=True)
@pytest.mark.parametrize(("start", "switch"), [
    ("2026-03-28T22:30:00", (2026, 3, 29, 6)),  # 46 half hours
    ("2026-10-24T22:30:00", (2026, 10, 25, 7)),  # 50
], ids=["23 hours", "25 hours"])  # fmt: skip
def test_the_gas_meter_goes_by_the_peoples_clock_too(build, start, switch):
    home = build(GAS.format(start=start))
    at = ns(*switch) - home.kernel.start_ns
    home.run_until(at - 5 * S)
    assert home.gsme.firmware.rates.price == CHEAP
    home.run_until(at + 5 * S)
    assert home.gsme.firmware.rates.price == DEAR
    (day, night), total = tiers(home), home.gsme.firmware.register.reading.litres
    home.run(for_=2 * HOUR)
    assert home.gsme.firmware.register.reading.litres > total
    assert tiers(home) == [day + home.gsme.firmware.register.reading.litres - total, night]


def tiers(home):
    """Litres by day and by night."""
    server = home.gsme.firmware.han.endpoints[1].server(Metering)
    return [server[Metering.current_tier_summation_delivered[number]] for number in (1, 2)]


ACCOUNT = """
start = "{start}Z"
[[home]]
[[home.device]]
kind = "hub"
[home.device.prepay]
opening_pounds = 30
friendly = [["02:00", "03:00"]]
gas = {{ rates = [{{ pence = [1] }}, {{ at = "04:00", pence = [100] }}] }}
[[home.device]]
kind = "prepay-gas"
"""


@pytest.mark.req("S-059", part=True)
@pytest.mark.parametrize(("start", "ahead"), [
    ("2026-01-14T00:30:00", 0), ("2026-07-01T23:30:00", 1), ("2026-03-29T00:30:00", 1), ("2026-10-25T00:30:00", 0),
], ids=["winter", "summer", "23 hours", "25 hours"])  # fmt: skip
def test_rates_and_friendly_hours_of_an_account_in_the_hub_are_by_the_peoples_clock(build, start, ahead):
    home = build(ACCOUNT.format(start=start))
    gas, day = home.hub.firmware.prepay.gas, (home.kernel.start_ns // S + 43_200) // 86_400 * 86_400

    def at(hour):
        home.run_until((day + (hour - ahead) * 3600) * S - home.kernel.start_ns - 5 * S)
        before = gas.cut_off
        home.run(for_=10 * S)
        return before, gas.cut_off

    before, after = at(3)
    assert before == NEVER
    assert after < NEVER
    before, after = at(4)
    assert before - gas.volume > 90 * (after - gas.volume) > 0


@pytest.mark.req("S-058", part=True)
def test_another_rule_of_local_time_reaches_the_gas_meter_at_its_next_wake(build):
    home = build(GAS.format(start="2026-01-14T04:00:00"))
    home.run(for_=HOUR)
    with home.head_end.meter("hub", writes=True) as clock:
        clock.set("0-0:1.0.0", 8, 3, axdr.i16(-60))
        clock.set("0-0:1.0.0", 8, 8, axdr.boolean(False))
    at = ns(2026, 1, 14, 6) - home.kernel.start_ns  # seven o'clock there
    home.run_until(at - 5 * S)
    assert home.gsme.firmware.rates.price == CHEAP
    home.run_until(at + 5 * S)
    assert home.gsme.firmware.rates.price == DEAR


def test_the_gas_meter_knows_the_summer_of_a_new_year(build):
    home = build(GAS.format(start="2026-12-31T20:00:00"))
    home.run(for_=HOUR)
    assert home.gsme.firmware.rates.zone == zone(ns(2026, 7, 1) // S - EPOCH)
    home.run(for_=25 * HOUR)
    assert home.gsme.firmware.rates.zone == zone(ns(2027, 7, 1) // S - EPOCH)


@pytest.mark.parametrize(("year", "begin", "end"), [(2025, 30, 26), (2026, 29, 25), (2027, 28, 31), (2029, 25, 28), (2099, 29, 25)])
def test_summer_is_from_last_sunday_to_last_sunday(year, begin, end):
    summer = zone((ns(year, 7, 1) // S) - EPOCH)
    assert (summer.dst_start + EPOCH) * S == ns(year, 3, begin, 1)
    assert (summer.dst_end + EPOCH) * S == ns(year, 10, end, 1)
