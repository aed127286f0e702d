"""A home pays before it uses: credit runs out, emergency credit is selected and the supply closed from the prepayment interface."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.dlms.cosem.token import Judgement
from protocols.gbcs import utrn
from protocols.zigbee.clusters.prepayment import Originator, PaymentControl, Prepayment, TopUpResult
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.zcl.status import Status
from tools.bench.metrics import Metrics, prometheus

POUND = 100_000
CODE = "12345678901234567890"


@pytest.fixture
def home(home):
    """The meter is in prepayment mode, with a penny."""
    han, address = home.hub.firmware.han, home.hub.firmware.han.stack.address_of(home.esme.eui64)
    prepaid = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
    for command in (Prepayment.CreditAdjustment(1, 0, 1, POUND // 100), Prepayment.ChangePaymentMode(0, 1, 0, prepaid, 0)):
        han.endpoints[1].use(Prepayment)
        han.command(address, 1, command)
        home.run(for_=S)
    home.run(for_=31 * S)
    return home


def lines(home):
    return home.ppmid.display.lines[1:4]


def press(home, button):
    home.ppmid.buttons.press(button)
    home.run(for_=5 * S)


@pytest.mark.req("S-115", part=True)
@pytest.mark.req("S-105", part=True)
def test_emergency_credit_and_supply_from_the_prepayment_interface(home):
    assert lines(home)[0] == "ELECTRICITY    supply ON"
    home.run(for_=4 * HOUR)
    assert lines(home) == ("ELECTRICITY   supply OFF", "  prepaid         -£0.01", "  press CREDIT     £5.00")
    press(home, "supply")  # nothing armed it
    assert lines(home)[2].strip() == "supply: refused"
    assert not home.esme.firmware.meter.switch.closed
    press(home, "credit")
    assert lines(home)[0] == "ELECTRICITY supply armed"
    assert lines(home)[2].strip() == "emergency: done"
    assert not home.esme.firmware.meter.switch.closed  # a person closes it, and nobody else
    home.run(for_=MIN)
    press(home, "supply")
    assert lines(home)[0] == "ELECTRICITY    supply ON"
    assert home.esme.firmware.meter.switch.closed
    home.run(for_=MIN)
    assert lines(home)[2].startswith("  emergency")
    press(home, "credit")
    assert lines(home)[2].strip() == "emergency: refused"


def test_h9_a_code_typed_while_the_supply_is_off_credits_and_arms(home):
    home.run(for_=4 * HOUR)
    meter = home.esme.firmware
    face = meter.prepayment
    face._account.judge = lambda token: Judgement(face.pay(token, 20 * POUND, Originator.DISPLAY))
    home.ppmid.firmware.top_up(CODE)
    home.run(for_=5 * S)
    assert lines(home)[2].strip() == "accepted: press SUPPLY"
    assert lines(home)[0] == "ELECTRICITY supply armed"
    assert not meter.meter.switch.closed
    press(home, "supply")
    assert meter.meter.switch.closed
    assert "£1" in lines(home)[1]


def test_h4_a_utrn_is_credited_once_by_display_and_head_end(home):
    """Of the electricity meter's own codes; H9: and none in credit mode."""
    meter, config = home.esme.firmware, home.esme.firmware.config
    codes = [utrn.make(config.utrn_secret, config.utrn_originator, home.esme.eui64, number, 500) for number in (1, 2)]
    home.ppmid.firmware.top_up(codes[0])
    home.run(for_=5 * S)
    assert lines(home)[2].strip() == "top-up accepted"
    home.ppmid.firmware.top_up(codes[0])
    home.run(for_=5 * S)
    assert lines(home)[2].strip() == "code was used already"
    writer = home.head_end.meter("esme", writes=True)
    writer.action("0-0:19.40.0", 115, 1, axdr.octets(codes[1].encode()))
    for code in codes:
        with pytest.raises(AccessError):
            writer.action("0-0:19.40.0", 115, 1, axdr.octets(code.encode()))
    assert meter.prepayment.log.added == 10 * POUND
    home.esme.cut(off_for=MIN)
    home.run(for_=2 * MIN)
    assert home.esme.firmware.prepayment.top_up(codes[1].encode(), 0) == (TopUpResult.DUPLICATE, 0)
    assert home.esme.firmware.prepayment.log.added == 10 * POUND


@pytest.mark.parametrize("code", ["", CODE[:-1], CODE + "1", CODE[:-1] + "x", "\N{ARABIC-INDIC DIGIT ONE}" * 20])
def test_h1_what_cannot_be_a_code_goes_nowhere(home, code):
    before = home.esme.firmware.prepayment._account.gateway.token.value
    home.ppmid.firmware.top_up(code)
    home.run(for_=5 * S)
    assert lines(home)[2].strip() == "code not valid"
    assert home.esme.firmware.prepayment._account.gateway.token.value == before


def test_h2_a_code_that_is_not_authentic_is_refused_and_nothing_is_credited(home):
    home.ppmid.firmware.top_up(CODE)
    home.run(for_=5 * S)
    assert lines(home)[2].strip() == "code refused"
    assert home.esme.firmware.prepayment.log.added == 0


def test_only_the_hub_speaks_for_the_supplier(home):
    han = home.ppmid.firmware.han
    address = han.stack.address_of(home.esme.eui64)
    before = home.esme.firmware.prepayment._account.payment.available
    for command in (
        Prepayment.CreditAdjustment(99, 0, 1, 50 * POUND), Prepayment.ChangePaymentMode(0, 99, 0, 0, 0),
        Prepayment.SetMaximumCreditLimit(0, 99, 0, 1, 1), Prepayment.SetOverallDebtCap(0, 99, 0, 1),
        Prepayment.EmergencyCreditSetup(99, 0, 1, 1), Prepayment.ChangeDebt(99, b"", 1, 0, 0, 0, 0, 0, 0, 0),
        Prepayment.SetLowCreditWarningLevel(1),
    ):  # fmt: skip
        home.kernel.spawn(_refused(han, address, command), who="test")
        home.run(for_=5 * S)
    assert home.esme.firmware.prepayment._account.payment.available <= before


async def _refused(han, address, command):
    with pytest.raises(Exception, match="NOT_AUTHORIZED"):
        await han.confirm(address, 1, command)


# --- out of reach


def credited(home, issuer):
    """The supplier has taken a payment, and tells the displays."""
    paid = Price.PublishCreditPayment(1, issuer, 0, 0, 2, 5 * POUND, seconds(home.hub.rtc.read()), b"visa")
    assert home.hub.firmware.tariffs.publish(paid) is Status.SUCCESS


@pytest.mark.req("S-051")
def test_what_goes_through_a_display_out_of_reach_is_lost_and_counted(home):
    """Codes, emergency credit and supply from the interface; the supplier's news of payments to it: none arrives, each counts."""
    metrics = Metrics(home.kernel, home.zigbee_keys)
    interface = home.ppmid
    credited(home, 1)
    home.run(for_=5 * MIN)
    press(home, "supply")
    assert (metrics.lost, metrics.unheard) == ({}, {}), "in reach nothing is lost, what is refused neither"
    interface.radio.move(400.0, 0.0)
    before = home.esme.firmware.prepayment._account.gateway.token.value
    for _ in range(2):
        interface.firmware.top_up(CODE)
        home.run(for_=MIN)
    for button in ("credit", "supply"):
        interface.buttons.press(button)
        home.run(for_=MIN)
    credited(home, 2)
    home.run(for_=10 * MIN)
    name = interface.name
    assert metrics.unheard == {(name, "top-up"): 2, (name, "emergency"): 1, (name, "supply"): 1}
    assert metrics.lost == {("home1/hub", interface.eui64): 1}
    assert home.esme.firmware.prepayment._account.gateway.token.value == before
    told = list(prometheus(metrics, home.now))
    assert f'meterbench_unheard_orders_total{{device="{name}",what="top-up"}} 2' in told
    assert f'meterbench_lost_messages_total{{hub="home1/hub",display="{interface.eui64:016X}"}} 1' in told
    interface.radio.move(3.0, 0.0)
    home.run(for_=40 * MIN)
    interface.firmware.top_up(CODE)
    home.run(for_=5 * S)
    assert metrics.unheard[name, "top-up"] == 2
