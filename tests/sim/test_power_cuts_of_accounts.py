"""The power goes at any write to a flash while accounts are kept: on a wire, in silence, by hand, by block, by translated orders.

How: `cutting`. Each story holds to the rules of all, and to a few of its own.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from devices.parts.prepaid import BALANCE
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.prepay import gas as gas_account
from hubfw.prepay.account import PENNY
from hubfw.translation_objects import PENDING
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.zigbee.clusters.mirror import PrepaymentCommand
from protocols.zigbee.clusters.prepayment import PaymentControl, Prepayment
from protocols.zigbee.hub_prepayment import codes
from protocols.zigbee.hub_prepayment.cluster import Valve
from protocols.zigbee.hub_prepayment.codes import TopUp
from tests.sim.cutting import HOME, IN_CI, Story, cuts
from tools.headend.notices import GasMeterHeard, GasMeterSilent

NO_GAS = HOME.replace('[[home.device]]\nkind = "gsme"\nat = [6, 2]\n', "")
GAS = '[[home.device]]\nkind = "prepay-gas"\nat = [6, 2]\n'
TARIFF = "{{ rates = [{{ pence = [{}] }}] }}"


NO_METER = NO_GAS.replace('[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n', "")


def prepaying(more, pounds=10, home=NO_METER):
    return home.replace('kind = "hub"', f'kind = "hub"\nprepay = {{ opening_pounds = {pounds}, {more} }}') + GAS


WIRED = prepaying("electricity = { rates = [{ pence = [20, 40] }], blocks_kwh = [0.5] }", home=NO_GAS).replace(
    "at = [0.3, 0]", 'interface = "wired"'
)
SILENT = prepaying("time_out_hours = 12, gas = { rates = [{ pence = [0.5] }] }")
OUT_OF_CREDIT = prepaying("time_out_hours = 0.5, gas = { rates = [{ pence = [600] }] }", pounds=1)
BY_BLOCK = (
    NO_GAS.replace("at = [0.3, 0]", 'at = [0.3, 0]\nrates = "hub"')
    + """
[[home.publish]]
kind = "tariff"
after_s = 120
tiers = [{ label = "Day", pence = [5.125, 40.0] }]
blocks = [1]
block_days = 1
weekdays = ["00:00 Day"]
weekend = ["00:00 Day"]
special_days = []
"""
)


def hub(seen):
    return seen.run.hub.firmware.prepay


def token(seen, number, pence, *, electricity=False):
    board = seen.run.hub
    key = board.firmware.prepay.purse._key
    return codes.token(key, board.eui64, TopUp(pence, number, electricity))


def typed(seen, board, digits, *done):
    """A person who types until the display says one of these; the last line."""
    for _ in range(6):
        if board.firmware is not None:
            for digit in [*digits, "ok"]:
                if board.powered:
                    board.buttons.press(digit)
                seen.run.run(for_=S // 5)
        told = [line.strip() for line in board.display.lines if any(each in line for each in done)]
        if told:
            return told[-1]
        seen.live(MIN)
    raise AssertionError(f"the display never said {done}")


# --- electricity on a wire ---


def heated(seen):
    seen.run.mains.draw("heater", 1_000)
    seen.begun = hub(seen).electricity.account.register


def wired(seen):
    seen.digits = token(seen, 3, 1_000, electricity=True)
    typed(seen, seen.run.hub, seen.digits, "credited", "used already")
    seen.live(65 * MIN)


def reckoned(seen):
    """5, 6: what there was and what was paid in, once, less the register at its blocks."""
    account = hub(seen).electricity.account
    used = account.register - seen.run.esme.firmware.config.start_wh
    told = [f"{account.used_today} Wh of {used}"] * (not 0 <= used - account.used_today < 100)
    cost = (min(account.used_today, 500) * 20 + max(account.used_today - 500, 0) * 40) * PENNY // 1000
    balance = 2_000 * PENNY - cost
    told += [f"{account.balance} left, of {balance}"] * (abs(account.balance - balance) > 1)
    again = hub(seen).purse.enter(seen.digits).value
    return (
        told + [f"the code is {again}"] * (again != "used already") + ["the supply is off"] * (not hub(seen).electricity.supplied)
    )


# --- without contact ---


def silent(seen):
    seen.run.shield("prepay-gas")
    seen.live(95 * MIN)


def counted(seen):
    """Both ends have counted the half hours, and the head end has heard once, and once again when contact is back."""
    run = seen.run
    ends = hub(seen).gas.contact.left, run.board("prepay-gas").firmware.rules.left
    told = [f"half hours left: {ends}"] * (abs(ends[0] - ends[1]) > 1 or not 19 <= min(ends) <= 22)
    run.shield("prepay-gas", loss=0.0)
    seen.live(65 * MIN)
    ends = hub(seen).gas.contact.left, run.board("prepay-gas").firmware.rules.left
    told += [f"half hours given back: {ends}"] * (ends != (24, 24))
    heard = [type(notice) for notice in run.head_end.received if isinstance(notice, GasMeterSilent | GasMeterHeard)]
    return told + [f"told: {heard}"] * (heard != [GasMeterSilent, GasMeterHeard])


# --- by hand ---


def shut(seen):
    """No credit, no contact, no half hour left."""
    seen.run.until(lambda: seen.run.board("prepay-gas").firmware.rules.valve is Valve.CLOSED, within=24 * HOUR)
    seen.run.shield("prepay-gas")
    seen.run.run(for_=95 * MIN)


def carried(seen):
    """A reading to the hub, its code to the meter; who sees that it did nothing begins anew."""
    run, meter = seen.run, seen.run.board("prepay-gas")
    typed(seen, run.hub, token(seen, 1, 20_000), "credited", "used already")
    for _ in range(4):
        if meter.firmware is None:
            seen.live(MIN)
            continue
        reading = next(line for line in meter.display.lines if line.startswith("reading")).split()[1:]
        code = typed(seen, run.hub, "".join(reading), "code ").split()[1]
        for digit in [*code, "ok"]:
            if meter.powered:
                meter.buttons.press(digit)
            run.run(for_=S // 5)
        seen.live(MIN)
        if meter.firmware is not None and meter.firmware.rules.valve is Valve.OPEN:
            break
    seen.exchange = meter.nvm.get("prepay/exchange", 0)
    run.shield("prepay-gas", loss=0.0)
    seen.live(35 * MIN)


def reopened(seen):
    """By the code, once; and in contact again hub and meter have the same account."""
    meter, part = seen.run.board("prepay-gas").firmware, hub(seen).gas
    told = ["the valve is shut"] * (meter.rules.valve is Valve.CLOSED) + [f"exchange {seen.exchange}"] * (seen.exchange != 1)
    cost = 20_100 * PENNY - part.account.balance
    expected = part.volume * 39.5 * 1.02264 / 3.6 / 1000 * 600 * PENNY
    told += [f"gas cost {cost / PENNY} pence, not {expected / PENNY}"] * (abs(cost - expected) > PENNY)
    return told + ["the cut-off differs"] * (meter.rules.cut_off != part.volume + part.account.affordable())


# --- an electricity meter's own account ---


def by_block(seen):
    seen.run.mains.draw("heater", 2_000)
    seen.run.run(for_=S)


def charged(seen):
    """5: what was taken is each block's energy at its price, but for what was used before there was a tariff."""
    meter = seen.run.esme.firmware
    paid = seen.run.head_end.meter("esme").get("0-0:19.20.0", 113, 2).value
    taken, cells = seen.run.esme.nvm.get("payment/wh"), dict(meter.rates.split.cells)
    done = {(rate, block): wh for rate, block, wh in seen.run.esme.nvm.get("payment/wh-blocks")[0]}
    told = [f"paid {done} of {cells}"] * (any(cells[cell] < wh for cell, wh in done.items()) or done[1, 1] != 1_000)
    plain = taken - meter.config.start_wh - sum(done.values())
    expected = done[1, 1] * 5.125 + done[1, 2] * 40 + plain * meter.config.tariff.price / 10 ** (meter.config.tariff.digits - 2)
    return told + [f"{paid} taken, and {expected} due"] * (abs(paid - expected) > 3)


# --- orders that the hub translates ---


def gas_prepaid(seen):
    mode = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
    for flag, command in (
        (PrepaymentCommand.CREDIT_ADJUSTMENT, Prepayment.CreditAdjustment(1, 0, 1, 500_000)),
        (PrepaymentCommand.CHANGE_PAYMENT_MODE, Prepayment.ChangePaymentMode(0, 2, 0, mode, 0)),
    ):
        seen.run.kernel.at(seen.run.now, seen.run.hub.firmware.mirrors.hold, seen.gas.eui64, flag, command, who=seen.run.hub.name)
        seen.live(S)
    seen.live(31 * MIN)
    seen.sets.clear()  # a meter with an account reports more


def ordered(seen):
    """The balance is set to three pounds, then to seven; a head end that was not answered says it again."""
    for pounds in (3, 7):
        for _ in range(6):
            with suppress(RemoteProtocolError):
                seen.run.head_end.meter("gsme", writes=True).action("0-0:19.10.0", 112, 2, axdr.i32(pounds * 100_000))
                break
            seen.live(MIN)
        seen.live(33 * MIN)


def settled(seen):
    """The last order holds, and nothing waits."""
    waiting = seen.run.head_end.meter("gsme").get(PENDING, 1, 2).python
    left = seen.gas.firmware.payments.account.credit(BALANCE).amount
    return [f"{waiting} waits"] * bool(waiting) + [f"{left} left"] * (not 650_000 < left <= 700_000)


STORIES = {
    "electricity on a wire": Story(wired, WIRED, check=reckoned, prepare=heated, settle=35 * MIN),
    "silence at the hub": Story(silent, SILENT, check=counted, settle=MIN),
    "silence at the meter": Story(silent, SILENT, board="prepay-gas", check=counted, settle=MIN),
    "carried to the hub": Story(carried, OUT_OF_CREDIT, check=reopened, prepare=shut, settle=35 * MIN),
    "carried to the meter": Story(carried, OUT_OF_CREDIT, board="prepay-gas", check=reopened, prepare=shut, settle=35 * MIN),
    "prices by block": Story(
        lambda seen: seen.live(65 * MIN), BY_BLOCK, board="esme", check=charged, prepare=by_block, settle=35 * MIN
    ),
    "translated orders": Story(ordered, check=settled, prepare=gas_prepaid, settle=35 * MIN),
}  # fmt: skip


@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("name", STORIES)
def test_power_cut_at_a_write_and_all_rules_hold_afterwards(name):
    told = cuts(STORIES[name])
    assert {place: wrong for place, wrong in told.items() if wrong} == {}
    assert len(told) >= IN_CI


def test_a_hub_that_forgets_its_account_in_a_restart_is_found_out(monkeypatch):
    monkeypatch.setattr(gas_account.GasPrepay, "_restore", lambda part, stored: None)
    told = cuts(STORIES["silence at the hub"])
    assert any("half hours left" in breach for wrong in told.values() for breach in wrong)
