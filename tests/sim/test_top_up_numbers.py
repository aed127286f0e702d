"""Who computes a top-up number: the meter's own supplier, by name; the meter verifies it, and takes nobody else's."""

from __future__ import annotations

import pytest

from devices.parts.prepaid import BALANCE
from devices.runtime.kernel import MIN
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.cosem.activation import AT_ONCE
from protocols.dlms.cosem.token import TokenStatus
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.central.interface import Refused

HOME = """
[[user]]
name = "volt"
role = "supplier"
[[user]]
name = "flame"
role = "supplier"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
supplier = "flame"
at = [6, 2]
wake_minutes = 10
"""
GATEWAY, NEXT, PENNY = "0-0:19.40.0", "0-1:19.0.0", 1_000


@pytest.fixture(scope="module")
def home():
    run = Told(config.loads(HOME))
    commission(run)
    writer = run.head_end.meter("gsme", writes=True)
    writer.set(NEXT, 111, 2, axdr.structure(axdr.enum(2), axdr.enum(1)))
    writer.set(NEXT, 111, 13, axdr.octets(AT_ONCE))
    run.run(for_=11 * MIN)
    return run


def status(home):
    home.run(for_=11 * MIN)
    return TokenStatus(home.head_end.meter("gsme", writes=True).get(GATEWAY, 115, 6).python[0])


def sell(home, user, pence):
    return home.head_end.settle(home.central.user(user).request("top-up", "home1/gsme", str(pence)))


@pytest.mark.req("S-060")
def test_the_meters_supplier_computes_it_and_the_meter_verifies_it(home):
    account = home.gsme.firmware.payments.account
    before = account.credit(BALANCE).amount
    code = sell(home, "flame", 1_500)
    assert len(code) == 20
    assert status(home) is TokenStatus.EXECUTION_OK
    assert account.credit(BALANCE).amount == pytest.approx(before + 1_500 * PENNY, abs=30 * PENNY)
    (sale,) = home.central.keys.seller("flame").sales
    assert (sale.seller, sale.meter, sale.pence, sale.code) == ("flame", "home1/gsme", 1_500, code)
    assert sell(home, "flame", 1_500) != code


@pytest.mark.req("S-060")
def test_another_party_is_refused_and_so_is_what_it_computes(home):
    with pytest.raises(Refused, match="another supplier"):
        sell(home, "volt", 1_500)
    status(home)
    balance = home.gsme.firmware.payments.account.credit(BALANCE).amount
    sale = home.central.keys.seller("volt").sell("home1/gsme", home.head_end.identity("gsme"), "flame", 1_500)
    home.head_end.meter("gsme", writes=True).action(GATEWAY, 115, 1, axdr.octets(sale.code.encode()))
    assert status(home) not in (TokenStatus.EXECUTION_OK, TokenStatus.NOT_PROCESSED)
    assert home.gsme.firmware.payments.account.credit(BALANCE).amount <= balance


@pytest.mark.parametrize("pence", ["0", "8192", "five"])
def test_amounts_that_no_number_holds_are_failures(home, pence):
    with pytest.raises(RemoteProtocolError, match="no top-up"):
        sell(home, "flame", pence)
