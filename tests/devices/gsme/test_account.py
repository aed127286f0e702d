"""Prepayment in the gas meter: money against litres, the valve, top-ups once, limits, friendly periods, cuts of the power."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from devices.gsme.account import PER_AMOUNT
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.gbcs import utrn
from protocols.zigbee.clusters.calendar import Calendar, ScheduleEntry
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.mirror import Functional, PrepaymentCommand
from protocols.zigbee.clusters.prepayment import AlarmStatus, CreditStatus, PaymentControl, Prepayment, TopUpResult
from protocols.zigbee.zcl.status import Status
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.run import Run

HOME = """
start = 2026-01-14T00:00:00Z
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
"""
WAKE = 11 * MIN
POUND, PENNY = 100_000, 1_000
PREPAID = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
PRICE, STANDING = 6_040, 29_000
ENERGY = 102_264 * 395
"""Conversion factor and calorific value that the meter is made with."""


class Story:
    """A home with a gas meter; `order` has a command wait in the mirror and be fetched."""

    def __init__(self, credit=20 * POUND):
        self.run = Run(loads(HOME))
        commission(self.run)
        self.run.run_until(HOUR)
        self.events = 0
        self.sold = 0
        if credit is not None:
            self.prepay(credit)

    @property
    def meter(self):
        return self.run.gsme.firmware

    @property
    def account(self):
        return self.meter.payments.account

    def order(self, flag, *commands):
        for command in commands:
            self.run.hub.firmware.mirrors.hold(self.run.gsme.eui64, flag, command)
        self.run.run(for_=WAKE)

    def event(self):
        self.events += 1
        return self.events

    def prepay(self, credit):
        mirrors, meter = self.run.hub.firmware.mirrors, self.run.gsme.eui64
        adjust = Prepayment.CreditAdjustment(self.event(), 0, 1, credit & 0xFFFFFFFF)
        mirrors.hold(meter, PrepaymentCommand.CREDIT_ADJUSTMENT, adjust)
        self.order(PrepaymentCommand.CHANGE_PAYMENT_MODE, Prepayment.ChangePaymentMode(0, self.event(), 0, PREPAID, 0))

    def sell(self, pence, number=None, kind=utrn.PENCE):
        """A supplier's UTRN."""
        self.sold = max(self.sold, 0 if self.account is None else self.account.face.utrns.newest) + 1
        config = self.meter.config
        number = self.sold if number is None else number
        return utrn.make(config.utrn_secret, config.utrn_originator, self.run.gsme.eui64, number, pence, kind).encode()

    def enter(self, code):
        """What the meter says of a code, in this instant."""
        return self.account.face.top_up(code, 0)

    def read(self, attribute):
        """As the mirror has it, for whoever asks."""
        cluster = Metering if attribute is Metering.supply_status else Prepayment
        return self.run.hub.firmware.mirrors.of(self.run.gsme.eui64).gas.reading.get(cluster, attribute)

    @property
    def balance(self):
        return self.account.credit(self.account._credits[0].name).amount


@pytest.fixture
def story():
    return Story()


@pytest.fixture(scope="module")
def settled():
    """One story for whatever leaves it as it was."""
    return Story()


def test_what_is_used_is_charged_to_the_thousandth_of_a_penny_and_a_midnight_its_standing_charge(story):
    begun = story.account._taken, story.balance
    story.run.run(for_=25 * HOUR)
    used = story.account._taken - begun[0]
    assert used > 0
    carried = story.account._rest
    cost = begun[1] - STANDING - story.balance
    assert abs(cost * PER_AMOUNT + carried - used * ENERGY * PRICE) < PER_AMOUNT  # nothing is lost but what the start carried
    assert story.read(Prepayment.credit_remaining) == story.balance


def test_without_credit_the_valve_closes_a_top_up_arms_it_and_a_hand_opens_it(story):
    story.order(PrepaymentCommand.CREDIT_ADJUSTMENT, Prepayment.CreditAdjustment(story.event(), 0, 1, PENNY))
    story.run.run(for_=12 * HOUR)
    assert story.meter.valve.status is SupplyStatus.OFF
    assert story.read(Metering.supply_status) == SupplyStatus.OFF
    assert story.read(Prepayment.credit_status) & CreditStatus.EXHAUSTED
    assert story.read(Prepayment.prepayment_alarm_status) & AlarmStatus.DISCONNECTED_BY_CREDIT
    story.run.gsme.buttons.press("valve")
    story.run.run(for_=3 * MIN)
    assert story.meter.valve.status is SupplyStatus.OFF
    code = story.sell(2_000)
    story.order(PrepaymentCommand.CONSUMER_TOP_UP, Prepayment.ConsumerTopUp(0, code))
    assert story.meter.valve.status is SupplyStatus.OFF_ARMED
    assert story.read(Prepayment.top_up_code[1]) == code
    assert story.read(Prepayment.top_up_amount[1]) == story.read(Prepayment.total_credit_added) == 20 * POUND
    story.run.gsme.buttons.press("valve")
    story.run.run(for_=3 * MIN)
    assert story.meter.valve.status is SupplyStatus.ON
    story.order(PrepaymentCommand.CONSUMER_TOP_UP, Prepayment.ConsumerTopUp(0, code))
    assert story.read(Prepayment.prepayment_alarm_status) & AlarmStatus.TOP_UP_USED
    assert story.read(Prepayment.total_credit_added) == 20 * POUND


def test_a_supplier_may_have_set_that_want_of_credit_leaves_the_gas_on_or_only_arms(story):
    for event, policy, state in ((1, SupplyStatus.UNCHANGED, SupplyStatus.ON), (2, SupplyStatus.OFF_ARMED, SupplyStatus.OFF_ARMED)):
        states = SupplyStatus.UNCHANGED, policy, SupplyStatus.UNCHANGED, SupplyStatus.UNCHANGED
        story.order(Functional.SET_UNCONTROLLED_FLOW_THRESHOLD, Metering.SetSupplyStatus(event, *states))
        story.order(PrepaymentCommand.CREDIT_ADJUSTMENT, Prepayment.CreditAdjustment(story.event(), 0, 1, 0))
        story.run.run(for_=30 * MIN)
        assert story.account.payment.in_use is None
        assert story.meter.valve.status is state


def test_emergency_credit_is_selected_from_afar_used_and_paid_back_first(story):
    story.order(PrepaymentCommand.CREDIT_ADJUSTMENT, Prepayment.CreditAdjustment(story.event(), 0, 1, 0))
    story.run.run(for_=30 * MIN)
    assert story.meter.valve.status is SupplyStatus.OFF
    flag = PrepaymentCommand.SELECT_AVAILABLE_EMERGENCY_CREDIT
    story.order(flag, Prepayment.SelectAvailableEmergencyCredit(0, 0))
    assert story.read(Prepayment.credit_status) & CreditStatus.EMERGENCY_IN_USE
    assert story.meter.valve.status is SupplyStatus.OFF_ARMED
    story.run.gsme.buttons.press("valve")
    story.run.run(for_=10 * HOUR)
    lent = 5 * POUND - story.read(Prepayment.emergency_credit_remaining)
    assert 0 < lent < 5 * POUND
    story.order(PrepaymentCommand.CONSUMER_TOP_UP, Prepayment.ConsumerTopUp(0, story.sell(10, kind=utrn.POUNDS)))
    assert 9 * POUND - lent < story.balance <= 10 * POUND - lent


def test_debts_by_time_and_by_top_up_are_recovered(story):
    story.order(
        PrepaymentCommand.CHANGE_DEBT,
        Prepayment.ChangeDebt(story.event(), b"", 5 * POUND, 0, 0, 0, 0, 0, 1_000, 0),
    )
    story.run.run(for_=5 * HOUR)
    assert story.read(Prepayment.debt_amount[1]) in range(5 * POUND - 6_000, 5 * POUND - 3_000)
    story.order(
        PrepaymentCommand.CHANGE_DEBT,
        Prepayment.ChangeDebt(story.event(), b"", 9 * POUND, 1, 4, 0, 0, 0, 0, 2_500),
    )
    before = story.balance
    assert story.enter(story.sell(1_000))[0] == TopUpResult.SUPPLY_ON
    assert story.balance == before + 10 * POUND * 3 // 4
    assert story.account.face.log.repayments[0][1:] == (10 * POUND // 4, 2, 9 * POUND - 10 * POUND // 4)


# --- H: limits of sanity ---


@pytest.mark.req("S-117")
def test_h6_h8_limits_of_a_top_up_and_of_the_balance_hold_for_gas(settled):
    before = settled.balance
    assert settled.enter(settled.sell(5_001)) == (TopUpResult.MAXIMUM_CREDIT, 0)  # more than 50 pounds at once
    assert settled.enter(settled.sell(8_191)) == (TopUpResult.MAXIMUM_CREDIT, 0)
    assert settled.enter(settled.sell(8_191, kind=utrn.POUNDS)) == (TopUpResult.MAXIMUM_CREDIT, 0)
    assert settled.balance == before
    code = settled.sell(5_000)
    assert settled.enter(code) == (TopUpResult.SUPPLY_ON, 50 * POUND)
    assert settled.balance == before + 50 * POUND
    refused = settled.sell(5_000)
    assert settled.enter(refused) == (TopUpResult.MAXIMUM_CREDIT, 0)  # the balance would be beyond 100 pounds
    assert settled.enter(code) == (TopUpResult.DUPLICATE, 0)
    assert settled.balance == before + 50 * POUND
    settled.account.credit(settled.account._credits[0].name).give(-50 * POUND)
    assert settled.enter(refused) == (TopUpResult.SUPPLY_ON, 50 * POUND)  # what was refused was not used up


@pytest.mark.parametrize("code", [b"", b"1" * 19, b"1" * 21, b"7394333345718904331X", b"\xff" * 20, b"73943333457189043314"])
def test_h1_what_cannot_be_a_code_is_an_error(settled, code):
    before = settled.balance
    assert settled.enter(code) == (TopUpResult.INVALID, 0)
    assert settled.account.face.alarms.refused == AlarmStatus.TOP_UP_ERROR
    assert settled.balance == before


def test_h2_h7_wrong_codes_are_refused_and_five_of_them_suspend_even_right_ones(story):
    for _ in range(5):
        assert story.enter(b"73943333457189043313") == (TopUpResult.INVALID, 0)  # another meter's
        assert story.account.face.alarms.refused == AlarmStatus.TOP_UP_INVALID
    code = story.sell(100)
    assert story.enter(code) == (TopUpResult.KEYPAD_LOCKED, 0)
    story.run.gsme.cut(off_for=MIN)
    story.run.run(for_=5 * MIN)
    assert story.enter(code) == (TopUpResult.KEYPAD_LOCKED, 0)
    story.run.run(for_=15 * MIN)
    assert story.enter(code) == (TopUpResult.SUPPLY_ON, POUND)


def test_h4_h5_numbers_come_in_any_order_count_once_and_wrap(settled):
    for number in (400, 100, 99, 410, 830, 829, 1_100, 1_030):
        settled.account.credit(settled.account._credits[0].name).give(-100)
        code = settled.sell(1, number)
        assert settled.enter(code)[0] == TopUpResult.SUPPLY_ON, number
        assert settled.enter(code) == (TopUpResult.DUPLICATE, 0)
    assert settled.enter(settled.sell(1, 1_100 - 512))[0] is not TopUpResult.SUPPLY_ON  # too old to know


def test_h9_in_credit_mode_no_code_is_taken():
    story = Story(credit=None)
    assert story.account is None
    story.order(PrepaymentCommand.CONSUMER_TOP_UP, Prepayment.ConsumerTopUp(0, story.sell(100)))
    assert story.balance == 0
    assert story.enter(story.sell(100)) == (TopUpResult.ERROR, 0)


def test_nobody_but_the_hub_begins_or_changes_an_account():
    story = Story(credit=None)
    server = story.meter.han.endpoints[1].server(Prepayment)

    request = SimpleNamespace(message=SimpleNamespace(source=5, secured=True))
    command = Prepayment.CreditAdjustment(1, 0, 1, POUND)
    assert server.handlers[type(command)](command, request) is Status.NOT_AUTHORIZED
    assert story.account is None


# --- friendly periods ---


def test_in_a_friendly_period_gas_flows_on_and_stops_at_its_end(story):
    publish, gas = story.run.hub.firmware.tariffs.publish, "gas"
    publish(Calendar.PublishCalendar(1, 1, 1, 0, 3, 0, b"friendly", 0, 0, 1), gas)
    entries = [ScheduleEntry(0, 0), ScheduleEntry(2 * 60, 1), ScheduleEntry(5 * 60, 0)]
    publish(Calendar.PublishDayProfile(1, 1, 1, 1, 3, 0, 1, 3, entries), gas)
    story.order(PrepaymentCommand.CREDIT_ADJUSTMENT, Prepayment.CreditAdjustment(story.event(), 0, 1, PENNY // 2))
    story.run.run_until(2 * HOUR + MIN)
    assert story.account.friendly
    story.run.run_until(4 * HOUR + 55 * MIN)
    assert story.account.payment.in_use is None
    assert story.meter.valve.status is SupplyStatus.ON
    assert story.read(Prepayment.prepayment_alarm_status) & AlarmStatus.FRIENDLY_CREDIT_IN_USE
    assert story.account.coming(begins=False, ahead=DAY) == story.run.kernel.utc // DAY * DAY + 5 * HOUR
    story.run.run_until(5 * HOUR + MIN)
    assert story.meter.valve.status is SupplyStatus.OFF


# --- power ---


@pytest.mark.parametrize("operations", range(0, 400, 37))
def test_a_top_up_counts_once_over_a_cut_at_any_flash_operation(settled, operations):
    """It is entered again until the meter says that it was used."""
    board = settled.run.gsme
    settled.account.credit(settled.account._credits[0].name).give(-settled.balance + 10 * POUND)
    code, added = settled.sell(100), settled.account.face.log.added
    board.cut_at_flash_operation(operations, off_for=5 * S)
    board.kernel.at(board.kernel.now, lambda: settled.enter(code), who="gsme")
    settled.run.run(for_=MIN)
    board.flash.cut_after(None)
    settled.run.run(for_=MIN)
    assert settled.enter(code)[0] in (TopUpResult.SUPPLY_ON, TopUpResult.DUPLICATE)
    assert settled.enter(code) == (TopUpResult.DUPLICATE, 0)
    assert settled.account.face.log.added == added + POUND
