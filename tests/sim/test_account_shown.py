"""Customers on credit have an account too: use is charged at the price in force, payments count, and a display shows it."""

from __future__ import annotations

import pytest

from devices.parts.prepaid import BALANCE
from devices.runtime.kernel import HOUR, MIN
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.dlms.xdlms import DataAccessResult
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
accuracy = "B"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
[[home.device]]
kind = "ppmid"
at = [5, -4]
"""
POUND = 100_000
"""Hundred-thousandths."""
PENCE_A_KWH, GAS_PENCE_A_KWH = 24.5, 6.04
KWH_A_LITRE = 39.5 * 1.02264 / 3.6 / 1000


@pytest.fixture(scope="module")
def home():
    run = Told(config.loads(HOME))
    commission(run)
    run.run_until(HOUR)
    return run


def shown(home, row):
    """Pounds that the prepayment interface shows: electricity's in row 2, gas's in row 5."""
    word, text = home.screen("ppmid")[row].split()
    assert word == "account"
    return float(text.replace("£", ""))


@pytest.mark.req("S-069")
def test_an_electricity_customer_on_credit_sees_what_is_owed_and_what_was_paid(home):
    meter, config = home.esme.firmware, home.esme.firmware.config
    account = home.head_end.meter("esme", writes=True)
    assert not meter.prepayment._account.prepaid
    home.run_until(3 * HOUR + MIN)
    used = (meter.meter.import_wh - config.start_wh) / 1000
    balance = account.get("0-0:19.10.0", 112, 2).value
    assert balance == pytest.approx(-used * PENCE_A_KWH / 100 * POUND, abs=300)  # taken at the half hour
    assert balance < 0
    assert shown(home, 2) == pytest.approx(balance / POUND, abs=0.02)
    account.action("0-0:19.10.0", 112, 1, axdr.i32(20 * POUND))
    home.run(for_=10 * MIN)
    assert shown(home, 2) == pytest.approx(20 + balance / POUND, abs=0.05)
    assert meter.meter.switch.closed


@pytest.mark.req("S-062", part=True)
def test_a_meter_whose_class_is_no_payment_meters_is_not_made_one(home):
    account = home.head_end.meter("esme", writes=True)
    assert account.get("0-0:96.1.8", 1, 2).value == b"B"
    with pytest.raises(AccessError) as refused:
        account.set("0-1:19.0.0", 111, 2, axdr.structure(axdr.enum(2), axdr.enum(1)))
    assert refused.value.result == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


@pytest.mark.req("S-069")
def test_a_gas_customer_on_credit_does_too(home):
    account, gas = home.head_end.meter("gsme", writes=True), home.gsme.firmware
    account.action("0-0:19.10.0", 112, 1, axdr.i32(10 * POUND))  # a payment; the meter has it at its next wake
    home.run(for_=HOUR)
    held = gas.payments.account
    assert not held.prepaid
    before, litres = held.credit(BALANCE).amount, gas.register.reading.litres
    home.run(for_=2 * HOUR)
    used = (gas.register.reading.litres - litres) * KWH_A_LITRE
    assert before - held.credit(BALANCE).amount == pytest.approx(used * GAS_PENCE_A_KWH / 100 * POUND, rel=0.02)
    home.until(lambda: abs(shown(home, 5) - held.credit(BALANCE).amount / POUND) < 0.01, within=35 * MIN)
    assert 0 < shown(home, 5) < 10
