"""What suppliers publish, through a day: tiers, blocks, a critical peak, bills; power cuts; what comes over the air for it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.price import Price, PriceMatrixEntry
from protocols.zigbee.zcl.status import Status


@pytest.fixture
def tariffs(build):
    return build("tariffs")


def price(home):
    """The line of the display that says what the tier is called and what a kilowatt-hour costs."""
    return home.screen("ihd")[4].split()


def test_the_display_goes_through_tiers_peak_and_blocks(tariffs):
    tariffs.run_until(2 * MIN + 20 * S)
    tariffs.run_until(4 * MIN)
    assert price(tariffs) == ["Night", "9.50", "p/kWh"]
    tariffs.run_until(7 * HOUR - 30 * S)
    assert price(tariffs) == ["Night", "9.50", "p/kWh"]
    tariffs.run_until(7 * HOUR + 30 * S)
    assert price(tariffs) == ["Day", "30.10", "p/kWh"]
    tariffs.run_until(8 * HOUR + 5 * MIN)
    assert price(tariffs) == ["peak?", "OK", "30.10", "p/kWh"]
    tariffs.ihd.buttons.press("ok")
    tariffs.run_until(8 * HOUR + 8 * MIN)
    assert [answer["answer"] for answer in tariffs.events("hub.cpp-response")] == [1]
    assert price(tariffs) == ["Day", "30.10", "p/kWh"]
    tariffs.run_until(17 * HOUR + MIN)
    assert price(tariffs) == ["CPP1", "90.00", "p/kWh"]
    tariffs.run_until(18 * HOUR + MIN)
    assert price(tariffs) == ["Day", "30.10", "p/kWh"]
    tariffs.run_until(20 * HOUR + 2 * MIN)
    assert price(tariffs) == ["Day", "1", "28.00", "p/kWh"]
    used = -tariffs.esme.firmware.meter.import_wh
    while used + tariffs.esme.firmware.meter.import_wh <= 1020:
        tariffs.run(for_=MIN)
    tariffs.run(for_=2 * MIN)
    late = tariffs.now >= 23 * HOUR
    assert price(tariffs) == (["Night", "2", "11.00", "p/kWh"] if late else ["Day", "2", "33.50", "p/kWh"])


# --- gas: mirror and meter ---


def at_hub(home):
    """(calorific value, conversion factor) as the hub's gas endpoint shows them."""
    price = home.hub.firmware.han.endpoints[2].server(Price)
    return price[Price.calorific_value], price[Price.conversion_factor]


def at_meter(home):
    rates = home.gsme.firmware.rates
    return rates.calorific_value, rates.conversion_factor


@pytest.mark.req("S-057")
def test_hub_and_gas_meter_hold_the_same_and_change_together(tariffs):
    """The hub is where it is published, the meter what goes by it; what is to come is at both before it begins."""
    tariffs.run_until(HOUR)
    assert at_meter(tariffs) == (395, 102_264)
    assert tariffs.gsme.firmware.rates.price == 6200
    hub, meter = tariffs.hub.firmware.tariffs.of("gas").store, tariffs.gsme.firmware.rates.store
    for command in (Price.PublishTariffInformation, Price.PublishPriceMatrix, Price.PublishTierLabels, Price.PublishCalorificValue):
        published = [entry.commands() for entry in hub.entries(command)]
        assert published
        assert published == [entry.commands() for entry in meter.entries(command)]
    tariffs.run_until(12 * HOUR + 5 * MIN)
    assert at_meter(tariffs) == at_hub(tariffs) == (402, 102_264)


@pytest.mark.req("S-057")
def test_another_tariff_with_its_matrix_is_at_both_and_the_meter_goes_by_it(tariffs):
    """What follows the first one: another identifier and other prices, at the hub at once and at the meter by its next wake."""
    tariffs.run_until(HOUR)
    store, now = tariffs.hub.firmware.tariffs, tariffs.hub.rtc.read() // S - 946_684_800
    for command in (
        Price.PublishTariffInformation(1, now, 7, 0, 0, b"New gas", 1, 0, 0, 826, 0x50, 31_000, 0xFF, 1, 1),
        Price.PublishPriceMatrix(1, now, 0, 7, 0, 1, 1, [PriceMatrixEntry(1, 8_800)]),
    ):
        assert store.publish(command, "gas") == Status.SUCCESS
    tariffs.run(for_=31 * MIN)
    rates = tariffs.gsme.firmware.rates
    for command in (Price.PublishTariffInformation, Price.PublishPriceMatrix):
        at_the_hub = [entry.commands() for entry in store.of("gas").store.entries(command)]
        assert at_the_hub
        assert at_the_hub == [entry.commands() for entry in rates.store.entries(command)]
    tariff = rates.store.one(Price.PublishTariffInformation, rates.now)
    assert (tariff.issuer_tariff_id, rates.price, rates.standing_charge) == (7, 8_800, 31_000)


@pytest.mark.req("S-057")
def test_they_agree_after_power_cuts_of_either(tariffs):
    tariffs.run_until(HOUR)
    tariffs.mains.off(20 * MIN)
    tariffs.gsme.supply.remove()
    tariffs.run(for_=30 * MIN)
    tariffs.gsme.supply.insert()
    tariffs.run_until(12 * HOUR + HOUR)
    assert at_meter(tariffs) == at_hub(tariffs) == (402, 102_264)
    meter = tariffs.gsme.firmware
    kwh = meter.han.endpoints[1].server(Metering)[Metering.current_day_alternative_consumption_delivered]
    litres = meter.register.history.used("day", 0, meter.register.reading.litres)
    assert kwh == int(litres * Fraction("1.02264") * Fraction("40.2") / Fraction("3.6"))


# --- power cuts, absence, block periods ---


def electricity(home):
    """What hub and display hold for electricity."""
    return home.hub.firmware.tariffs.of("electricity").store.plain(), home.ihd.firmware.price.subscription.store().plain()


def test_what_is_published_survives_power_cuts_and_lies_in_one_record(tariffs):
    tariffs.run_until(HOUR)
    before = electricity(tariffs)
    assert before[0] == before[1]
    tariffs.mains.off(10 * MIN)
    tariffs.run(for_=12 * MIN)
    assert electricity(tariffs) == before
    assert price(tariffs) == ["Night", "9.50", "p/kWh"]
    assert list(tariffs.hub.nvm.keys("published/")) == ["published/electricity", "published/gas"]


def test_a_display_that_was_away_fetches_what_it_missed(tariffs):
    tariffs.run_until(10 * MIN)
    tariffs.shield("ihd")
    store = tariffs.hub.firmware.tariffs
    now = tariffs.hub.rtc.read() // S - 946_684_800
    for command in (
        Price.PublishTariffInformation(1, now, 1, 0, 0, b"New", 2, 0, 0, 826, 0x50, 0, 0xFF, 1, 1),
        Price.PublishPriceMatrix(1, now, 0, 1, 0, 1, 1, [PriceMatrixEntry(1, 33_000), PriceMatrixEntry(2, 11_000)]),
    ):
        assert store.publish(command) == Status.SUCCESS
    tariffs.run(for_=HOUR)
    tariffs.shield("ihd", loss=0.0)
    tariffs.run(for_=2 * HOUR)
    hub, display = electricity(tariffs)
    assert hub == display
    assert price(tariffs) == ["Night", "11.00", "p/kWh"]


def test_the_prepayment_interface_shows_the_price_too(tariffs):
    tariffs.run_until(8 * HOUR)
    assert tariffs.screen("ppmid")[3].split() == ["Day", "30.10", "p/kWh"]


SPOT = """
[[home.publish]]
kind = "real-time-prices"
after_s = 600
pence = [31.5, 8.25]
acknowledge = true
"""


def test_a_price_that_is_told_is_shown_at_the_prepayment_interface_while_it_holds(build):
    home = build("[[home]]" + "".join(f'\n[[home.device]]\nkind = "{kind}"' for kind in ("hub", "esme", "ppmid")) + SPOT)
    home.run_until(9 * MIN)
    assert not home.screen("ppmid")[3].strip()
    shown = []
    for at in (12, 41, 71):
        home.run_until(at * MIN)
        shown.append(home.screen("ppmid")[3].split())
    assert shown == [["Spot", "31.50", "p/kWh"], ["Spot", "8.25", "p/kWh"], ["price", "----"]]


def test_the_attributes_are_those_of_what_is_in_force(tariffs):
    def shown():
        server = tariffs.hub.firmware.esi.endpoint.server(Price)
        bill = Price.last_billing_period_consolidated_bill
        return [server[each] for each in (Price.tariff_label, Price.tier_block_price[1][1], Price.tier_price_label[2], bill)]

    tariffs.run_until(HOUR)
    assert shown() == [b"Two rates", 30_100, b"Night", 6120]
    tariffs.run_until(20 * HOUR + MIN)
    assert shown() == [b"Blocks", 28_000, b"Night", 6120]
    server = tariffs.hub.firmware.esi.endpoint.server(Price)
    assert server[Price.tier_block_price[1][2]] == 33_500
    assert (server[Price.block_threshold[1]], server[Price.block_threshold_count]) == (1, 1)


def test_a_display_that_does_not_know_the_consumption_asks_the_hub(tariffs):
    """It had no power when the block period began."""
    tariffs.run_until(19 * HOUR + 55 * MIN)
    tariffs.ihd.nvm.delete("ihd/block-period")
    tariffs.shield("ihd", "esme")
    tariffs.run_until(20 * HOUR + 10 * MIN)
    tariffs.shield("ihd", "esme", loss=0.0)
    tariffs.run_until(20 * HOUR + 25 * MIN)
    assert price(tariffs)[-2:] == ["28.00", "p/kWh"]
