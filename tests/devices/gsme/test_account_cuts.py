"""A supplier's order to a gas meter's account, said until it is acknowledged, while the power goes at any write: it counts once."""

from __future__ import annotations

import pytest

from devices.parts.prepaid import BALANCE
from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.prepayment import PaymentControl, Prepayment
from protocols.zigbee.node import Message
from protocols.zigbee.zcl.endpoint import Request
from protocols.zigbee.zcl.foundation import Header
from protocols.zigbee.zcl.status import Status
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.run import Run

HOME = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\n'
POUND = 100_000
LATER = 4
"""Seconds after which an order is due that is dated ahead."""


@pytest.fixture(scope="module")
def run():
    run = Run(loads(HOME))
    commission(run)
    run.run(for_=5 * MIN)
    mode = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
    give(run, Prepayment.CreditAdjustment(1, 0, 1, 5 * POUND))
    give(run, Prepayment.ChangePaymentMode(0, 1, 0, mode, 0))
    return run


def give(run, command):
    """From the hub; what the meter says to it, where it has power to."""
    said = []

    def hear():
        if run.gsme.firmware is not None:
            server = run.gsme.firmware.han.endpoints[1].server(Prepayment)
            message = Message(0, run.hub.eui64, 0x0109, Prepayment.id, 1, 1, b"", True, False)
            said.append(server.handlers[type(command)](command, Request(message, Header(0x01, None, 1, 5), run.now)))

    run.kernel.at(run.now, hear, who=run.gsme.name)
    run.run(for_=2 * S)
    return said[0] if said else None


def balance(run):
    return run.gsme.firmware.payments.account.credit(BALANCE).amount


@pytest.mark.parametrize("ahead", [0, LATER], ids=["at once", "dated ahead"])
def test_an_adjustment_counts_once_wherever_the_power_goes(run, ahead):
    answers = []
    for cut in range(0, 600, 15):
        before, number = balance(run), 1000 * (ahead + 1) + cut
        due = run.gsme.rtc.read() // S - 946_684_800 + ahead if ahead else 0
        command = Prepayment.CreditAdjustment(number, due, 0, POUND)
        run.gsme.cut_at_flash_operation(cut, off_for=S)
        answers += [give(run, command) for _ in range(2)]
        run.run(for_=ahead * S)
        run.gsme.flash.cut_after(None)
        run.run(for_=2 * S)
        answers.append(give(run, command))
        assert abs(run.gsme.rtc.read() - run.kernel.utc) < 2 * S, cut  # an answer to a question of before the restart sets no clock
        assert 0 <= before + POUND - balance(run) < POUND // 10, cut  # a restart has a reading taken, and that paid for
    assert {Status.SUCCESS, Status.DUPLICATE_EXISTS, None} == set(answers)
