"""Rates of an electricity meter: by its own calendar or as they are published, counted by tier and block, kept, shown, billed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from devices.esme.firmware import RATES
from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms import axdr
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.prepayment import PaymentControl, Prepayment
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.metering.snapshots import Assembly, Cause, PayloadType, Registers
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

HOME = """
seed = 7
start = "{start}Z"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
{more}
{published}
"""
PUBLISHED = """
[[home.publish]]
kind = "tariff"
label = "Two rates"
after_s = 120
tiers = [{ label = "Day", pence = [30.0, 36.0] }, { label = "Night", pence = [9.0, 11.0] }]
blocks = [1]
block_days = 1
weekdays = ["00:00 Night", "01:10 Day", "03:00 Night"]
special_days = ["2026-01-16"]
weekend = ["00:00 Night"]
time = "local"
"""
FROM_HUB = 'rates = "hub"'
DAYTIME, NIGHT = 1, 2
SCRIPTS = bytes(Obis("0-0:10.0.100"))


def made(more="", published="", start="2026-01-15T00:00:00"):
    home = Told(config.loads(HOME.format(more=more, published=published, start=start)))
    commission(home)
    return home


def shown(home):
    """(register, tiers 1 to 3, blocks 1 and 2, tier that counts) as the meter's cluster has them."""
    server = home.esme.firmware.han.endpoints[1].server(Metering)

    def value(attribute):
        return attribute in server and server[attribute]

    tiers = [value(Metering.current_tier_summation_delivered[number]) for number in (1, 2, 3)]
    blocks = [value(Metering.current_no_tier_block_summation_delivered[number]) for number in (1, 2)]
    return server[Metering.current_summation_delivered], tiers, blocks, server[Metering.active_register_tier_delivered]


def used(home, at):
    home.run_until(at)
    return home.esme.firmware.meter.import_wh


# --- what the hub publishes ---


@pytest.fixture(scope="module")
def published():
    home = made(FROM_HUB, PUBLISHED)
    home.marks = [used(home, at) for at in (2 * MIN, HOUR + 10 * MIN, 3 * HOUR)]
    home.run_until(4 * HOUR)
    return home


def test_import_goes_into_the_rate_in_which_it_flowed_and_the_blocks_that_it_fills(published):
    begun, day, night = published.marks
    total, tiers, blocks, active = shown(published)
    assert (sum(tiers), active) == (total, NIGHT)
    assert tiers[NIGHT - 1] == pytest.approx(total - night + day - begun, abs=40)
    assert tiers[DAYTIME - 1] == pytest.approx(night - day + begun, abs=40)
    assert night - day > 50
    period = total - published.esme.nvm.get(RATES)["base"][0]
    assert blocks == [min(period, 1000), max(period - 1000, 0)]
    server = published.esme.firmware.han.endpoints[1].server(Metering)
    assert server[Metering.current_block] == (1 if period < 1000 else 2)
    assert server[Metering.current_block_period_consumption_delivered] == period


def test_head_end_face_and_price_tell_the_same(published):
    total, tiers, _, _ = shown(published)
    reader = published.head_end.meter("esme")
    assert [reader.register(f"1-0:1.8.{number}").value for number in (0, 1)] == pytest.approx([total, tiers[0]], abs=30)
    collection = [each.value for each in reader.get("0-0:94.44.34.1", 1, 2).value[0].value]
    assert len(collection) == 48
    assert sum(collection) == pytest.approx(total, abs=40)
    cells = [each.value for each in reader.get("0-0:94.44.34.2", 1, 2).value[0].value]
    _, _, blocks, _ = shown(published)
    assert sum(cells) == pytest.approx(sum(blocks), abs=40)
    assert cells[0] > 0 < cells[1]  # first block of rates 1 and 2
    published.run_until((published.now // (30 * MIN) + 1) * 30 * MIN + S)
    assert published.screen("esme")[1].startswith("RATE 2")


def test_the_meter_tells_the_price_of_rate_and_block(published):
    han = published.hub.firmware.han
    address = han.stack.address_of(published.esme.eui64)
    task = published.hub.firmware.spawn(han.request(address, 1, Price.GetCurrentPrice(0), Price.PublishPrice))
    published.until(lambda: task.done, within=MIN)
    price, second = task.result(), sum(shown(published)[2]) > 1000
    assert price.price == (11_000 if second else 9_000)
    assert price.price_trailing_digit_and_price_tier & 0x0F == NIGHT


@pytest.mark.parametrize("operations", [0, 2, 25])
def test_over_a_cut_at_any_flash_operation_the_rates_are_the_register(operations):
    home = made(FROM_HUB, PUBLISHED)
    home.run_until(HOUR + 5 * MIN)
    _, before, _, _ = shown(home)
    home.esme.cut_at_flash_operation(operations, off_for=3 * MIN)
    home.run_until(HOUR + 40 * MIN)
    total, tiers, _, active = shown(home)
    assert (sum(tiers), active) == (total, DAYTIME)
    assert all(now >= then for now, then in zip(tiers, before, strict=True))
    assert tiers[DAYTIME - 1] > before[DAYTIME - 1]


def test_what_is_published_while_it_is_off_it_fetches(build):
    home = made(FROM_HUB, PUBLISHED.replace("after_s = 120", "after_s = 600"))
    home.run_until(9 * MIN)
    home.esme.cut(off_for=20 * MIN)
    home.run_until(HOUR + 15 * MIN)
    assert shown(home)[3] == DAYTIME
    assert shown(home)[1][NIGHT - 1] > 0


@pytest.mark.req("S-059", part=True)
@pytest.mark.parametrize(("start", "day", "hour"), [
    ("2026-03-29T00:05:00", (2026, 3, 29), 2),  # 03:00 by the people's clock: the hour from 01:00 on is skipped
    ("2026-10-26T00:05:00", (2026, 10, 26), 3),
])  # fmt: skip
def test_rates_change_by_the_peoples_clock(start, day, hour):
    """In summer time the meter's UTC is an hour behind."""
    every_day = PUBLISHED.replace('weekend = ["00:00 Night"]', 'weekend = ["00:00 Night", "01:10 Day", "03:00 Night"]')
    home = made(FROM_HUB, every_day, start)
    at = int(datetime(*day, hour, tzinfo=UTC).timestamp()) * S - home.kernel.start_ns
    home.run_until(at - MIN)
    assert shown(home)[3] == DAYTIME
    home.run_until(at + MIN)
    assert shown(home)[3] == NIGHT


def test_a_special_day_has_its_own_rates():
    home = made(FROM_HUB, PUBLISHED, "2026-01-16T00:30:00")  # a Friday
    home.run_until(2 * HOUR)
    assert shown(home)[3] == NIGHT


def test_a_meter_that_does_not_ask_for_it_is_not_told():
    home = made("", PUBLISHED)
    home.run_until(10 * MIN)
    assert "published" not in home.esme.nvm
    assert RATES not in home.esme.nvm


# --- the meter's own calendar ---


def write_calendar(writer, *switches):
    """The same day every day: (time, script)."""
    actions = axdr.array([
        axdr.structure(axdr.octets(bytes((hour, minute, 0, 0))), axdr.octets(SCRIPTS), axdr.u16(script))
        for (hour, minute), script in switches
    ])  # fmt: skip
    always = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")
    for number, value in (
        (7, axdr.array([axdr.structure(axdr.octets(b"all"), axdr.octets(always), axdr.octets(b"w"))])),
        (8, axdr.array([axdr.structure(axdr.octets(b"w"), *[axdr.u8(1)] * 7)])),
        (9, axdr.array([axdr.structure(axdr.u8(1), actions)])),
    ):
        writer.set("0-0:13.0.0", 20, number, value)
    writer.action("0-0:13.0.0", 20, 1, axdr.i8(0))


@pytest.fixture(scope="module")
def by_calendar():
    home = made('rates = "calendar"', start="2026-01-14T19:30:00")
    writer = home.head_end.meter("esme", writes=True)
    writer.set("0-0:16.1.13", 21, 2, axdr.array([axdr.u32(100), axdr.u32(300), axdr.u32(0xFFFFFFFE)]))
    write_calendar(writer, ((0, 0), 2), ((20, 30), 48), ((21, 30), 103))
    home.marks = [used(home, at) for at in (MIN, HOUR, 2 * HOUR, 4 * HOUR + 15 * MIN)]
    return home


def test_its_own_calendar_counts_into_48_rates_and_into_blocks_of_some(by_calendar):
    rates = by_calendar.esme.firmware.rates
    _, one, two, now = by_calendar.marks
    assert rates.tier(48) == pytest.approx(two - one, abs=2)
    assert rates.tier(3) == pytest.approx(by_calendar.esme.firmware.meter.import_wh - two, abs=2)
    assert sum(rates.tiers()) == by_calendar.esme.firmware.meter.import_wh
    assert (rates.split.held, rates.split.in_block) == (3, 2 if now - two < 300 else 3)
    assert rates.split.cell(3, 1) == 100
    assert rates.split.cell(3, 1) + rates.split.cell(3, 2) + rates.split.cell(3, 3) == pytest.approx(now - two, abs=40)
    reader = by_calendar.head_end.meter("esme")
    assert reader.register("1-0:1.8.48").value == rates.tier(48)
    cells = [each.value for each in reader.get("0-0:94.44.34.2", 1, 2).value[0].value]
    assert cells[2] == 100


def test_the_counters_of_blocks_begin_anew_and_the_registers_stay(by_calendar):
    rates = by_calendar.esme.firmware.rates
    tiers = rates.tiers()  # a reading
    before = rates.split.cell(3, 1), tiers
    assert rates.split.in_block > 1
    by_calendar.head_end.meter("esme", writes=True).action("0-0:10.0.100", 9, 1, axdr.u16(0x63))
    assert rates.split.in_block == 1
    by_calendar.run(for_=10 * MIN)
    assert all(now >= then for now, then in zip(rates.tiers(), before[1], strict=True))
    assert rates.split.cell(3, 1) > before[0]


def test_billing_days_and_midnights_keep_the_rates(by_calendar):
    home = by_calendar
    writer = home.head_end.meter("esme", writes=True)
    writer.action("0-0:10.0.1", 9, 1, axdr.u16(1))
    billed = home.esme.firmware.rates.tiers()
    home.run_until(4 * HOUR + 40 * MIN)
    assert home.esme.firmware.rates.tiers() != billed
    home.esme.cut(off_for=MIN)
    home.run(for_=10 * MIN)
    orders, found = home.esme.firmware.commands.orders, {}
    for snapshot in orders._followed():
        assembly = Assembly()
        for part in snapshot.parts(1):
            whole = assembly.add(part)
        assert whole.payload_type == PayloadType.TIERS_DELIVERED_NO_BILLING
        found[whole.cause] = Registers.parse(whole.payload)
    assert found[Cause.END_OF_BILLING_PERIOD].tiers == pytest.approx(billed, abs=2)
    midnight = found[Cause.GENERAL]
    assert len(midnight.tiers) == 48
    assert sum(midnight.tiers) == midnight.summation
    assert home.esme.firmware.rates.split.held in (2, 48)


# --- spread ---


def switchings(home):
    return home.events("offset", "home1/esme")


@pytest.mark.req("S-109")
def test_rates_change_by_an_offset_that_is_the_meters_own():
    """0 to 1799 s later, the same every day and over a power cut, another one for another meter; crossing a price is reported."""
    seen = []
    for seed in (4, 5):
        text = HOME.format(more='rates = "calendar"\noffset_s = 1799', published="", start="2026-01-15T00:00:00")
        home = Told(config.loads(text.replace("seed = 7", f"seed = {seed}")))
        commission(home)
        writer = home.head_end.meter("esme", writes=True)
        value, limit, number = (writer.get(f"0-0:94.44.0.{n}", 1, 2).value for n in (0, 1, 2))
        assert limit == 1799
        assert value == 1799 * number // 0xFFFF
        write_calendar(writer, ((0, 0), 2), ((0, 45), 3))
        home.esme.cut(off_for=10 * S)
        at = 45 * MIN + value * S
        home.run_until(at - 5 * S)
        assert home.esme.firmware.rates.split.held == 2
        home.run_until(at + 5 * S)
        assert home.esme.firmware.rates.split.held == 3
        assert switchings(home)[-1] == {"switches": "0-0:13.0.0.255", "offset": value, "crosses_price": value >= 900}
        assert value not in seen
        seen.append(value)
    assert {each >= 900 for each in seen} == {True, False}


@pytest.mark.req("S-110")
def test_either_side_switches_may_be_earlier_and_a_price_they_cross_is_reported():
    sides = set()
    for seed in range(6):
        text = HOME.format(
            more='rates = "calendar"\noffset_s = 420\noffset_style = "either-side"', published="", start="2026-01-15T00:00:00"
        )
        home = Told(config.loads(text.replace("seed = 7", f"seed = {seed}")))
        commission(home)
        writer = home.head_end.meter("esme", writes=True)
        value = writer.get("0-0:94.44.0.0", 1, 2).value
        assert -420 <= value <= 420
        write_calendar(writer, ((0, 0), 2), ((0, 30), 3))
        home.run_until(30 * MIN + value * S - 3 * S)
        assert home.esme.firmware.rates.split.held == 2
        home.run_until(30 * MIN + value * S + 3 * S)
        assert home.esme.firmware.rates.split.held == 3
        assert switchings(home)[-1]["crosses_price"] is (value < 0)
        sides.add(value < 0)
        if sides == {True, False}:
            return
    raise AssertionError(sides)


def test_published_rates_are_spread_too():
    home = made(FROM_HUB + "\noffset_s = 1799", PUBLISHED)
    offset = home.head_end.meter("esme").get("0-0:94.44.0.0", 1, 2).value
    at = HOUR + 10 * MIN + offset * S
    home.run_until(at - 5 * S)
    assert shown(home)[3] == NIGHT
    home.run_until(at + 5 * S)
    assert shown(home)[3] == DAYTIME
    assert switchings(home)[-1] == {"switches": "tariff", "offset": offset, "crosses_price": offset >= 1200}


def test_the_supplier_sets_the_limit_up_to_1799():
    home = made("offset_s = 600")
    writer = home.head_end.meter("esme", writes=True)
    with pytest.raises(Exception, match="scope-of-access-violated"):
        writer.set("0-0:94.44.0.1", 1, 2, axdr.u16(1800))
    writer.set("0-0:94.44.0.1", 1, 2, axdr.u16(0))
    assert writer.get("0-0:94.44.0.0", 1, 2).value == 0
    home.esme.cut(off_for=MIN)
    home.run(for_=2 * MIN)
    assert writer.get("0-0:94.44.0.1", 1, 2).value == 0


# --- what it costs ---


def charge(writer, name, *prices):
    """Pence a kilowatt-hour by rate, in force at once: thousandths of a penny are the account's currency."""
    scaling, energy = writer.get(name, 113, 5).value[:2]
    lines = [axdr.structure(axdr.octets(index), axdr.i16(pence * 100)) for index, pence in prices]
    writer.set(name, 113, 6, axdr.structure(scaling, energy, axdr.array(lines)))
    writer.action(name, 113, 2, axdr.i8(0))


def test_the_account_pays_each_rates_energy_at_its_price():
    home = made('rates = "calendar"')
    writer = home.head_end.meter("esme", writes=True)
    home.only.mains.draw("heater", 2_000)
    home.run_until(3 * MIN)
    write_calendar(writer, ((0, 0), 2), ((0, 40), 1))
    charge(writer, "0-0:19.20.0", (b"\x01", 30), (b"\x02", 10))
    home.run_until(30 * MIN + S)
    paid = writer.get("0-0:19.20.0", 113, 2).value
    tiers = home.esme.firmware.rates.tiers()
    home.esme.cut(off_for=MIN)
    home.run_until(60 * MIN + S)
    after = home.esme.firmware.rates.tiers()
    reader = home.head_end.meter("esme")
    used = [now - then for now, then in zip(after, tiers, strict=True)]
    taken = reader.get("0-0:19.20.0", 113, 2).value - paid
    assert used[0] > 300 < used[1]
    assert taken == pytest.approx((used[0] * 30 + used[1] * 10), abs=100)  # Wh times pence a kWh: thousandths of a penny


def paid(home):
    return home.head_end.meter("esme").get("0-0:19.20.0", 113, 2).value


def cells(home):
    home.esme.firmware.rates.tiers()  # a reading is taken
    return home.esme.firmware.rates.split.cells


def test_the_account_pays_each_block_at_its_price():
    """Indices 1 to 48 of the charge are rates, 49 to 80 the blocks of the first eight in the order of their collection."""
    home = made('rates = "calendar"')
    writer = home.head_end.meter("esme", writes=True)
    thresholds = axdr.array([axdr.u32(400), axdr.u32(1_200), axdr.u32(0xFFFFFFFF)])
    writer.set("0-0:16.1.11", 21, 2, thresholds)
    home.only.mains.draw("heater", 2_000)
    home.run_until(3 * MIN)
    write_calendar(writer, ((0, 0), 101))
    home.run_until(30 * MIN + S)
    charge(writer, "0-0:19.20.0", (b"\x01", 50), (bytes((49,)), 30), (bytes((57,)), 10))
    before, filled = paid(home), cells(home)
    assert filled[1, 1] == 400  # the second block has begun
    home.run_until(60 * MIN + S)
    used = {cell: wh - filled.get(cell, 0) for cell, wh in cells(home).items()}
    assert used[1, 1] == 0 < 200 < min(used[1, 2], used[1, 3])
    assert paid(home) - before == pytest.approx(used[1, 2] * 10 + used[1, 3] * 50, abs=60)  # the third has that of its rate


BY_BLOCK = """
[[home.publish]]
kind = "tariff"
after_s = {after}
id = {id}
tiers = [{{ label = "Day", pence = [{first}, {second}] }}]
blocks = [1]
block_days = 1
weekdays = ["00:00 Day"]
weekend = ["00:00 Day"]
special_days = []
"""


def test_the_account_pays_what_the_published_tariff_says_of_each_block():
    home = made(FROM_HUB, BY_BLOCK.format(after=120, id=1, first=5.125, second=40))
    home.only.mains.draw("heater", 1_000)
    home.run_until(30 * MIN + S)
    before, filled = paid(home), cells(home)
    home.run_until(41 * MIN)
    home.esme.cut_at_flash_operation(3, off_for=MIN)
    home.run_until(2 * HOUR + S)
    used = {cell: wh - filled.get(cell, 0) for cell, wh in cells(home).items()}
    assert used[1, 1] > 200 < 700 < used[1, 2]
    assert filled[1, 1] + used[1, 1] == 1_000
    assert paid(home) - before == pytest.approx(used[1, 1] * 5.125 + used[1, 2] * 40, abs=60)


def test_what_was_used_under_the_tariff_before_costs_what_that_said():
    later = BY_BLOCK.format(after=50 * 60, id=2, first=1, second=90)
    home = made(FROM_HUB, BY_BLOCK.format(after=120, id=1, first=10, second=40) + later)
    home.only.mains.draw("heater", 1_000)
    home.run_until(30 * MIN + S)
    before, filled = paid(home), cells(home)
    home.run_until(49 * MIN)
    middle = cells(home)
    home.run_until(60 * MIN + S)
    used = {cell: wh - filled.get(cell, 0) for cell, wh in cells(home).items()}
    old = middle[1, 1] - filled[1, 1]
    new = sum(used.values()) - old
    assert 200 < old < 400 > new > 100
    assert paid(home) - before == pytest.approx(old * 10 + new * 1, abs=200)
    assert paid(home) - before < old * 11 + new * 2


def test_supply_ends_where_the_dear_block_has_used_the_credit_up():
    home = made(FROM_HUB, BY_BLOCK.format(after=120, id=1, first=1, second=300))
    home.only.mains.draw("heater", 1_000)
    home.run_until(3 * MIN)
    han, address = home.hub.firmware.han, home.hub.firmware.han.stack.address_of(home.esme.eui64)
    han.endpoints[1].use(Prepayment)
    mode = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
    for command in (Prepayment.CreditAdjustment(1, 0, 1, 100_000), Prepayment.ChangePaymentMode(0, 1, 0, mode, 0)):
        han.command(address, 1, command)
        home.run(for_=S)
    home.until(lambda: not home.esme.firmware.meter.switch.closed, within=4 * HOUR)
    assert cells(home)[1, 1] == 1_000  # all of it for a penny
    assert 330 <= cells(home)[1, 2] < 330 + 700  # at the half hour after the rest of the pound was used


def test_a_second_elements_energy_has_its_own_price():
    home = made('elements = 2\nauxiliary = [{ watts = 3000, on = ["00:10-00:20"] }]')
    writer = home.head_end.meter("esme", writes=True)
    charge(writer, "0-0:19.20.5", (b"", 7))
    home.run_until(31 * MIN)
    apart = writer.register("1-20:1.8.0").value
    assert apart == pytest.approx(500, abs=2)
    assert writer.get("0-0:19.20.5", 113, 2).value == pytest.approx(apart * 7, abs=10)
