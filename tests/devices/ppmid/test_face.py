"""What the prepayment interface shows: supply and balance of both fuels."""

from __future__ import annotations

from functools import partial

import pytest

from devices import gsme, ppmid
from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.prepayment import Prepayment


@pytest.fixture
def display(premises, scripted_meter, install_code):
    return premises.put("ppmid", partial(ppmid.Firmware, config=ppmid.Config(install_code)), 4, buttons=("ok",))


@pytest.fixture
def gas_meter(premises, scripted_hub, install_code):
    config = gsme.Config(install_code, wake_offset=5 * S)
    return premises.put("gsme", partial(gsme.Firmware, config=config), 2, battery=True)


def test_the_face_of_a_home(premises, display, gas_meter):
    premises.run(7 * MIN)
    assert display.display.lines == (
        "Thu 01 Jan 2026    00:06",
        "ELECTRICITY    supply ON",
        "  prepaid         £12.35",
        "                        ",
        "GAS            supply ON",
        "  account          £0.00",
        "  as of        6 min ago",
        "                        ",
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [(0, "supply OFF"), (1, "supply armed"), (2, "supply ON"), (3, "unknown"), (0x7F, "unknown"), (0xFF, "----")],
)
def test_every_supply_state_has_a_word(premises, display, scripted_meter, state, expected):
    premises.run(MIN)
    scripted_meter.firmware.metering[Metering.supply_status] = state
    premises.run(31 * S)
    assert display.display.lines[1] == "ELECTRICITY" + expected.rjust(13)


@pytest.mark.parametrize(
    ("credit", "scaling", "currency", "expected"),
    [
        (-350_000, 1, 826, "-£3.50"),
        (-1, 1, 826, "£0.00"),
        (1234, 4, 826, "£12.34"),
        (5, 6, 826, "£5.00"),
        (5, 13, 826, "no value"),
        (5, 0xFF, 826, "no value"),
        (-(2**31), 1, 826, "----"),
    ],
)
def test_balances(premises, display, scripted_meter, credit, scaling, currency, expected):
    premises.run(MIN)
    account = scripted_meter.firmware.prepayment
    account[Prepayment.credit_remaining] = credit
    account[Prepayment.currency_scaling_factor] = scaling
    account[Prepayment.currency] = currency
    premises.run(31 * S)
    assert display.display.lines[2] == "  prepaid" + expected.rjust(15)


def test_supply_and_balance_every_thirty_seconds_and_no_oftener(premises, display, scripted_meter):
    premises.run(10 * MIN)
    polls = scripted_meter.firmware.polls
    polls.clear()
    premises.run(30 * MIN)
    assert {cluster: len(times) for cluster, times in polls.items()} == {Metering.id: 60, Prepayment.id: 60}


def test_a_meter_that_is_gone_is_not_shown_and_is_found_again(premises, display, scripted_meter):
    premises.run(MIN)
    scripted_meter.cut(off_for=5 * MIN)
    premises.run(2 * MIN)
    assert display.display.lines[1:3] == ("ELECTRICITY         ----", "  balance           ----")
    premises.run(5 * MIN)
    assert display.display.lines[1:3] == ("ELECTRICITY    supply ON", "  prepaid         £12.35")
