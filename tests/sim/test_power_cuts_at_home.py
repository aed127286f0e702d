"""The power goes at any write to a flash while a home lives: local time, tariffs, prepayment, gas by M-Bus, a second outage.

How: `cutting`. Each story holds to the rules of all, and to a few of its own.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest

from devices.gsme.account import PER_AMOUNT
from devices.parts.prepaid import BALANCE
from devices.prepay_gas import Firmware as PrepayGas
from devices.runtime.kernel import MIN, S
from hubfw.prepay.account import PENNY
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.gbcs import utrn
from protocols.zigbee.clusters.mirror import PrepaymentCommand
from protocols.zigbee.clusters.prepayment import PaymentControl, Prepayment
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.hub_prepayment import codes
from protocols.zigbee.hub_prepayment.cluster import Valve
from protocols.zigbee.hub_prepayment.codes import TopUp
from tests.sim.cutting import HOME, IN_CI, Story, cuts

CLOCK = "0-0:1.0.0"
CALORIFIC = "7-0:54.0.0"
NO_GAS = HOME.replace('[[home.device]]\nkind = "gsme"\nat = [6, 2]\n', "")
TARIFF = """
[[home.publish]]
kind = "tariff"
after_s = 120
tiers = [{ label = "Night", pence = [9.5] }, { label = "Day", pence = [30.1] }]
weekdays = ["00:00 Night", "02:00 Day"]
weekend = ["00:00 Night", "02:00 Day"]
special_days = []
time = "local"
"""
GAS_PRICE = """
[[home.publish]]
kind = "tariff"
fuel = "gas"
label = "Gas {id}"
id = {id}
after_s = {after}
tiers = [{{ label = "Gas", pence = [{pence}] }}]
"""
PREPAY = 'kind = "hub"\nprepay = { opening_pounds = 10, gas = { rates = [{ pence = [0.5] }] } }'
ACCOUNTS = (
    NO_GAS.replace('kind = "hub"', PREPAY)
    + """
[[home.device]]
kind = "prepay-gas"
at = [6, 2]
"""
)
TWO_GAS = NO_GAS + "".join(f'[[home.device]]\nkind = "gsme"\nname = "{label}"\nat = [6, 2]\n' for label in ("first", "gsme"))
MBUS = (
    NO_GAS
    + """
[[home.device]]
kind = "mbus-gas"
at = [6, 2]
"""
)


def utc(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * S


def persist(seen, what, done):
    """A head end that asks again until it is so."""
    for _ in range(8):
        with suppress(RemoteProtocolError):
            if done():
                return
            what()
        seen.live(MIN)


# --- time and tariffs ---


def zone_set(seen):
    """An hour ahead all the year."""
    home = seen.run

    def write():
        with home.head_end.meter("hub", writes=True) as clock:
            clock.set(CLOCK, 8, 3, axdr.i16(-60))
            clock.set(CLOCK, 8, 7, axdr.i8(0))
            clock.set(CLOCK, 8, 8, axdr.boolean(False))

    def is_set():
        clock = home.head_end.meter("hub")
        return [clock.get(CLOCK, 8, attribute).python for attribute in (3, 7, 8)] == [-60, 0, False]

    persist(seen, write, is_set)
    seen.live(5 * MIN)


def ahead(seen):
    server = seen.run.hub.firmware.esi.endpoint.server(Time)
    told = [server[attribute] for attribute in (Time.time_zone, Time.dst_shift)]
    return [f"the network is told of {told}"] * (told != [3600, 0])  # displays ask daily


def by_day(seen):
    """Two o'clock has struck, in local time."""
    line = seen.run.screen("ihd")[4]
    return [] if line.split()[:1] == ["Day"] else [f"the display shows {line}"]


def bills(seen):
    """35: each date is billed once; 34: nobody's clock is wrong and called good; half hours are there once."""
    esme = seen.run.esme
    log = seen.run.head_end.meter("esme").get("0-0:98.1.0", 7, 2).python
    dates = [row[0][:4] for row in log]
    told = ["a date was billed twice"] * (len(set(dates)) < len(dates)) + ["it was not billed"] * (not dates)
    told += ["the clock is wrong"] * (abs(esme.rtc.read() - seen.run.hub.rtc.read()) > 10 * S and esme.firmware.clock_reliable)
    stamps = [row.at for row in esme.firmware.meter.half_hours.rows()]
    return told + ["half hours out of order"] * (stamps != sorted(set(stamps)))


def billing(seen):
    """At each local midnight."""

    def write():
        with seen.run.head_end.meter("esme", writes=True) as meter:
            meter.set(CLOCK, 8, 7, axdr.i8(60))
            meter.set(CLOCK, 8, 8, axdr.boolean(True))
            meter.set("0-0:15.0.0", 22, 4, axdr.array([axdr.structure(axdr.octets(bytes(4)), axdr.octets(b"\xff" * 5))]))

    persist(seen, write, lambda: len(seen.run.head_end.meter("esme").get("0-0:15.0.0", 22, 4).python) == 1)


def gas_priced(seen):
    rates = seen.run.gsme.firmware.rates
    return [] if rates.price == 7300 else [f"the gas meter has a price of {rates.price}"]


# --- prepayment ---


def type_in(seen, digits):
    for digit in [*digits, "ok"]:
        seen.run.hub.buttons.press(digit)
        seen.run.run(for_=S // 5)


def token(seen):
    key = seen.run.hub.firmware.prepay.gas._config.code_key
    return codes.token(key, seen.run.hub.eui64, TopUp(1_000, 3, False))


def paid_in(seen):
    seen.digits = token(seen)
    for _ in range(3):  # a customer who sees no "credited" types it again
        if seen.run.hub.firmware is not None:
            type_in(seen, seen.digits)
        if any("credited" in line or "used already" in line for line in seen.run.screen("hub")):
            break
        seen.live(MIN)
    seen.live(35 * MIN)


def account(seen):
    """5, 6: the balance is what was paid in less what the gas cost that the hub knows of; the code is good once."""
    gas, meter = seen.run.hub.firmware.prepay.gas, seen.run.board("prepay-gas").firmware
    told = [] if seen.run.hub.firmware.prepay.purse.enter(token(seen)).value == "used already" else ["the code is good again"]
    cost = 2_000 * PENNY - gas.account.balance
    expected = gas.volume * 39.5 * 1.02264 / 3.6 / 1000 * 0.5 * PENNY
    told += [f"gas cost {cost / PENNY} pence, not {expected / PENNY}"] * (abs(cost - expected) > PENNY / 100)
    told += ["the cut-off differs"] * (meter.rules.cut_off != gas.volume + gas.account.affordable())
    return told + ["the valve is shut"] * (meter.rules.valve is Valve.CLOSED)


def metered(seen):
    gas, meter = seen.run.hub.firmware.prepay.gas, seen.run.board("prepay-gas").firmware
    assert isinstance(meter, PrepayGas)
    told = [f"the meter has {meter.volume} and the hub knows of {gas.volume}"] * (not 0 <= meter.volume - gas.volume < 2_000)
    told += ["the cut-off differs"] * (meter.rules.cut_off != gas.volume + gas.account.affordable())
    return told + ["the valve is shut"] * (meter.rules.valve is Valve.CLOSED)


def prepaid(seen):
    """The electricity meter is in prepayment mode, with a penny."""
    hub = seen.run.hub
    han, address = hub.firmware.han, hub.firmware.han.stack.address_of(seen.run.esme.eui64)
    mode = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
    han.endpoints[1].use(Prepayment)
    for command in (Prepayment.CreditAdjustment(1, 0, 1, 500_000), Prepayment.ChangePaymentMode(0, 1, 0, mode, 0)):
        seen.run.kernel.at(seen.run.now, han.command, address, 1, command, who=hub.name)
        seen.live(S)
    seen.live(34 * S)


def topped_up(seen):
    """Three adjustments of a pound, each known by its number, and each said until the meter has it."""
    hub, esme = seen.run.hub, seen.run.esme
    han = hub.firmware.han
    for number in (2, 3, 4):
        for _ in range(3):  # whoever was not answered says it again
            address = han.stack.address_of(esme.eui64)
            pound = Prepayment.CreditAdjustment(number, 0, 0, 100_000)
            seen.run.kernel.at(seen.run.now, han.command, address, 1, pound, who=hub.name)
            seen.live(30 * S)
    seen.live(31 * MIN)


def balanced(seen):
    """5, 6: what was paid in, once, less what the meter says that was used."""
    meter = seen.run.head_end.meter("esme", writes=True)
    balance, used = meter.get("0-0:19.10.0", 112, 2).python, meter.get("0-0:19.20.0", 113, 2).python
    return [] if balance + used == 800_000 else [f"{balance} left, and {used} used, of 800000"]


def gas_prepaid(seen):
    """The gas meter is in prepayment mode, with five pounds."""
    mode = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
    gas_ordered(seen, PrepaymentCommand.CREDIT_ADJUSTMENT, Prepayment.CreditAdjustment(1, 0, 1, 500_000))
    gas_ordered(seen, PrepaymentCommand.CHANGE_PAYMENT_MODE, Prepayment.ChangePaymentMode(0, 2, 0, mode, 0))
    seen.live(31 * MIN)
    account = seen.gas.firmware.payments.account
    seen.begun = account.credit(BALANCE).amount, account._taken, account._rest
    seen.sets.clear()  # a meter with an account reports more


def gas_ordered(seen, flag, command):
    hub = seen.run.hub
    seen.run.kernel.at(seen.run.now, hub.firmware.mirrors.hold, seen.gas.eui64, flag, command, who=hub.name)
    seen.live(S)


def gas_paid_in(seen):
    """Three adjustments of a pound and a top-up of ten."""
    for number in (3, 4, 5):
        gas_ordered(seen, PrepaymentCommand.CREDIT_ADJUSTMENT, Prepayment.CreditAdjustment(number, 0, 0, 100_000))
    config = seen.gas.firmware.config
    code = utrn.make(config.utrn_secret, config.utrn_originator, seen.gas.eui64, 1, 1_000, utrn.PENCE).encode()
    gas_ordered(seen, PrepaymentCommand.CONSUMER_TOP_UP, Prepayment.ConsumerTopUp(0, code))
    seen.live(35 * MIN)


def gas_balanced(seen):
    """5, 6: what there was and what was paid in, once, less what the gas cost, to the thousandth of a penny."""
    (balance, taken, rest), account, config = seen.begun, seen.gas.firmware.payments.account, seen.gas.firmware.config
    burnt = (account._taken - taken) * config.conversion_factor * config.calorific_value * config.price
    expected = balance + 1_300_000 - (burnt + rest) // PER_AMOUNT
    found = account.credit(BALANCE).amount
    return [] if found == expected else [f"{found} left, of {expected}"]


# --- gas by wireless M-Bus ---


def listening(seen):
    seen.indexes, seen.telegrams = [0], []
    seen.run.log.subscribe(lambda now, who, kind, data: index(seen))


def index(seen):
    firmware = seen.run.board("mbus-gas").firmware
    if firmware is not None and getattr(firmware, "litres", 0) != seen.indexes[-1]:
        seen.indexes.append(firmware.litres)


def indexed(seen):
    """19 to 21, for this meter: the hub has one of its readings, not older than two reports, and the display the same."""
    meter = seen.run.head_end.meter("mbus-gas")
    litres = int(meter.register("7-0:3.0.0").value * 1000)
    told = [f"the hub has {litres}, which the meter never told"] * (litres not in seen.indexes)
    told += ["the meter's index fell"] * (seen.indexes != sorted(seen.indexes))
    told += [f"the hub has {litres}, of {seen.indexes}"] * (litres < seen.indexes[-2])
    lines = [line.split()[1:] for line in seen.run.screen("ihd") if line.startswith("GAS")]
    return told + [f"the display shows {lines}"] * (lines != [[f"{litres / 1000:.3f}", "m3"]])


# --- two gas meters ---


def addressed(seen):
    seen.sap = seen.run.head_end.settle(seen.run.head_end.find("gsme"))


def struck_off(seen):
    """The second gas meter is given a calorific value of its own, and the first one goes for good."""
    head_end, first = seen.run.head_end, seen.run.board("first").eui64

    def valued():
        with suppress(RemoteProtocolError):
            return head_end.meter("gsme").get(CALORIFIC, 4, 2).python == 402
        return False

    persist(seen, lambda: head_end.meter("gsme", writes=True).set(CALORIFIC, 4, 2, axdr.u32(402)), valued)
    seen.capture.gone.setdefault(first, seen.run.now)  # whatever the hub comes to say
    persist(seen, lambda: head_end.settle(head_end.unpair("first")), lambda: seen.run.hub.firmware.log.get(first) is None)
    seen.listed.discard(first)
    seen.live(5 * MIN)


def unmistaken(seen):
    """Who is left has the address that it had, and nobody that of who has gone."""
    home, told = seen.run, []
    found = home.head_end.settle(home.head_end.find("gsme"))
    told += [f"the gas meter was SAP {seen.sap} and is {found}"] * (found != seen.sap)
    with suppress(RemoteProtocolError):
        told.append(f"at SAP 2 is {home.head_end.meter('first').register('7-0:3.0.0')}")
    rates = home.gsme.firmware.rates
    return told + [f"the gas meter reckons with {rates.calorific_value}"] * (rates.calorific_value != 402)


# --- outages ---


def twice_dark(seen):
    """Two losses, with a voltage outside its limits and a dip between them."""
    for length, volts in ((200, 190.0), (5, 230.0), (185, 230.0)):
        seen.run.mains.off()
        seen.live(length * S)
        seen.run.mains.on(volts)
        seen.live(30 * S)


def lost_and_back(seen):
    seen.run.mains.off(200 * S)
    seen.live(230 * S)


def ordered(seen):
    for number in range(3):
        seen.post(b"message %d" % number * 9)
    seen.live(35 * MIN)


SPRING, AUTUMN = utc(2026, 3, 29), utc(2026, 10, 24, 22, 40)
STORIES = {
    "summer begins": Story(
        lambda seen: seen.live(10 * MIN), NO_GAS + TARIFF, before=55 * MIN, settle=45 * MIN, check=by_day, start_ns=SPRING
    ),
    "local time": Story(zone_set, NO_GAS, settle=20 * MIN, check=ahead, start_ns=utc(2026, 3, 25)),
    "billing in autumn": Story(
        lambda seen: seen.live(40 * MIN), NO_GAS, board="esme", before=5 * MIN, check=bills, prepare=billing, start_ns=AUTUMN
    ),
    "gas tariff": Story(
        lambda seen: seen.live(35 * MIN),
        HOME + GAS_PRICE.format(id=2, after=200, pence=6.2) + GAS_PRICE.format(id=3, after=1500, pence=7.3),
        board="gsme", before=20 * MIN, settle=65 * MIN, check=gas_priced,
    ),
    "accounts": Story(paid_in, ACCOUNTS, check=account),
    "valve": Story(lambda seen: seen.live(35 * MIN), ACCOUNTS, board="prepay-gas", check=metered),
    "prepayment": Story(topped_up, NO_GAS, board="esme", check=balanced, prepare=prepaid),
    "gas account": Story(gas_paid_in, board="gsme", check=gas_balanced, prepare=gas_prepaid),
    "M-Bus": Story(lambda seen: seen.live(35 * MIN), MBUS, check=indexed, prepare=listening),
    "M-Bus meter": Story(lambda seen: seen.live(35 * MIN), MBUS, board="mbus-gas", check=indexed, prepare=listening),
    "two gas meters": Story(struck_off, TWO_GAS, check=unmistaken, prepare=addressed),
    "two outages": Story(twice_dark, NO_GAS.replace('kind = "hub"', 'kind = "hub"\nreserve_s = 900')),
    "outage at the meter": Story(lost_and_back, NO_GAS, board="esme"),
    "FLAG": Story(
        lambda seen: seen.live(35 * MIN), HOME.replace("at = [0.3, 0]", 'interface = "wired"\nwire = { protocol = "flag" }')
    ),
    "messages at the meter": Story(ordered, board="gsme", settle=65 * MIN),
}  # fmt: skip


@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("name", STORIES)
def test_power_cut_at_a_write_and_all_rules_hold_afterwards(name):
    told = cuts(STORIES[name])
    assert {place: wrong for place, wrong in told.items() if wrong} == {}
    assert len(told) >= IN_CI
