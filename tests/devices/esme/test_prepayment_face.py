"""The Prepayment cluster and the COSEM account: one account, shown and moved from both sides, over the air."""

from __future__ import annotations

import pytest

from devices.parts.han import Refused
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.dlms import axdr
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.zigbee.clusters.prepayment import (
    AlarmStatus,
    CreditStatus,
    DebtCreditStatus,
    Originator,
    PaymentControl,
    Prepayment,
    SnapshotCause,
    TopUpResult,
)
from protocols.zigbee.clusters.time import EPOCH

BALANCE, EMERGENCY, ACCUMULATED = "0-0:19.10.0", "0-0:19.10.1", "0-0:19.10.2"
POUND = 100_000
NOW, LATER = 0, 600
PREPAID = PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION
CODE = b"12345678901234567890"


@pytest.fixture
def face(meter):
    return Face(meter)


class Face:
    """The hub as the supplier's mouth."""

    def __init__(self, meter):
        self.meter = meter
        self.hub = meter.hub.firmware
        self.hub.han.endpoints[1].use(Prepayment)
        self.parts = []
        self.issuer = 0
        client = self.hub.han.endpoints[1].client(Prepayment)
        for published in (Prepayment.PublishTopUpLog, Prepayment.PublishDebtLog, Prepayment.PublishPrepaySnapshot):
            client.on(published, lambda command, request: self.parts.append(command))
        self.address = self.hub.han.stack.address_of(meter.board.eui64)

    def task(self, coro):
        task = self.hub.spawn(coro)
        self.meter.premises.until(lambda: task.done)
        return task.result()

    def confirm(self, command):
        self.task(self.hub.han.confirm(self.address, 1, command))

    def refused(self, command):
        async def ask():
            try:
                await self.hub.han.confirm(self.address, 1, command)
            except Refused as error:
                return error.status
            return 0

        return self.task(ask())

    def request(self, command, expect):
        return self.task(self.hub.han.request(self.address, 1, command, expect))

    def parts_of(self, command):
        self.parts.clear()
        self.hub.han.command(self.address, 1, command)
        self.meter.run(3 * S)
        return list(self.parts)

    def next(self):
        self.issuer += 1
        return self.issuer

    def zcl_time(self):
        return self.meter.board.rtc.read() // S - EPOCH

    def prepaid(self, credit):
        """Put the meter into prepayment mode with some credit."""
        self.confirm(Prepayment.CreditAdjustment(self.next(), NOW, 1, credit & 0xFFFFFFFF))
        command = Prepayment.ChangePaymentMode(0, self.next(), NOW, PREPAID, 0)
        return self.request(command, Prepayment.ChangePaymentModeResponse)

    def read(self, attribute):
        return self.meter.read(Prepayment, attribute)


SAME = [
    (BALANCE, 112, 2, Prepayment.credit_remaining, lambda value: value),
    (BALANCE, 112, 5, Prepayment.low_credit_warning_level, lambda value: value),
    (BALANCE, 112, 6, Prepayment.cut_off_value, lambda value: value),
    (EMERGENCY, 112, 9, Prepayment.emergency_credit_limit_allowance, lambda value: value),
    (EMERGENCY, 112, 10, Prepayment.emergency_credit_threshold, lambda value: value),
    (ACCUMULATED, 112, 2, Prepayment.accumulated_debt, lambda value: max(-value, 0)),
    ("0-0:19.20.1", 113, 12, Prepayment.debt_amount[1], lambda value: value),
    ("0-0:19.20.3", 113, 12, Prepayment.debt_amount[3], lambda value: value),
    ("0-0:19.0.0", 111, 18, Prepayment.overall_debt_cap, lambda value: value),
    ("0-0:94.44.2.10", 9000, 2, Prepayment.max_credit_per_top_up, lambda value: value),
    ("0-0:94.44.2.20", 9000, 2, Prepayment.max_credit_limit, lambda value: value),
]


@pytest.mark.req("S-088")
def test_both_faces_show_one_account(face, meter):
    face.prepaid(3 * POUND)
    face.confirm(Prepayment.ChangeDebt(face.next(), b"", 7 * POUND, 0, 0, NOW, 0, 1, 20_000, 0))
    face.confirm(Prepayment.ChangeDebt(face.next(), b"", 9 * POUND, 1, 4, NOW, 0, 0, 0, 2_500))
    face.confirm(Prepayment.EmergencyCreditSetup(face.next(), NOW, 6 * POUND, 2 * POUND))
    face.confirm(Prepayment.SetMaximumCreditLimit(0, face.next(), NOW, 90 * POUND, 40 * POUND))
    face.confirm(Prepayment.SetOverallDebtCap(0, face.next(), NOW, 60_000))
    face.confirm(Prepayment.SetLowCreditWarningLevel(123_456))
    seen = []
    for _ in range(6):
        meter.run(5 * HOUR)
        client = meter.direct()
        values = [plain(client.get(obis, cls, number).python) for obis, cls, number, _, plain in SAME]
        assert values == [face.read(attribute) for *_, attribute, _ in SAME]
        seen.append(tuple(values))
    assert len(set(seen)) == 6
    assert seen[0][1:5] == (123_456, 0, 6 * POUND, 2 * POUND)
    assert seen[-1][6] < 7 * POUND
    assert seen[-1][7:] == (9 * POUND, 60_000, 40 * POUND, 90 * POUND)


def test_a_mode_changed_over_the_air_opens_and_arms_the_supply(face, meter):
    answer = face.prepaid(POUND // 100)
    assert (answer.emergency_credit_limit, answer.emergency_credit_threshold) == (5 * POUND, POUND)
    assert face.read(Prepayment.payment_control_configuration) == 0x0093
    meter.run(6 * HOUR)
    assert not meter.meter.switch.closed
    assert face.read(Prepayment.credit_status) & CreditStatus.EXHAUSTED
    alarms = face.read(Prepayment.prepayment_alarm_status)
    assert alarms == AlarmStatus.LOW_CREDIT | AlarmStatus.EMERGENCY_AVAILABLE | AlarmStatus.DISCONNECTED_BY_CREDIT
    face.confirm(Prepayment.SelectAvailableEmergencyCredit(face.zcl_time(), Originator.DISPLAY))
    assert face.read(Prepayment.credit_status) & CreditStatus.EMERGENCY_IN_USE
    assert face.read(Prepayment.emergency_credit_remaining) == 5 * POUND
    assert face.refused(Prepayment.SelectAvailableEmergencyCredit(face.zcl_time(), Originator.DISPLAY)) == 0x01
    meter.board.buttons.press("b")
    meter.run(HOUR)
    assert meter.meter.switch.closed
    assert face.read(Prepayment.emergency_credit_remaining) < 5 * POUND
    face.request(Prepayment.ChangePaymentMode(0, face.next(), NOW, 0, 0), Prepayment.ChangePaymentModeResponse)
    assert face.read(Prepayment.payment_control_configuration) == 0x0090


@pytest.mark.req("S-117", part=True)
def test_h6_h8_a_top_up_is_credited_once_up_to_the_limits_and_logged(face, meter):
    face.prepaid(POUND)
    prepayment = meter.firmware.prepayment
    worth = iter([10 * POUND, 50 * POUND + 1, 50 * POUND, 50 * POUND, 0])
    account = prepayment._account

    def judge(token):
        return Judgement(prepayment.pay(token, next(worth), Originator.DISPLAY))

    account.judge = judge
    before = face.read(Prepayment.credit_remaining)

    def enter(code):
        return face.request(Prepayment.ConsumerTopUp(Originator.DISPLAY, code), Prepayment.ConsumerTopUpResponse)

    first = enter(CODE)
    assert (first.result_type, first.top_up_value) == (TopUpResult.SUPPLY_ON, 10 * POUND)
    assert first.credit_remaining == before + 10 * POUND
    too_large = enter(CODE)
    assert (too_large.result_type, too_large.top_up_value) == (TopUpResult.MAXIMUM_CREDIT, 0)
    assert enter(CODE).result_type == TopUpResult.SUPPLY_ON
    assert enter(CODE).result_type == TopUpResult.MAXIMUM_CREDIT  # the balance would be beyond its limit
    assert face.read(Prepayment.credit_remaining) == before + 60 * POUND
    assert face.read(Prepayment.total_credit_added) == 60 * POUND
    assert face.read(Prepayment.top_up_amount[1]) == 50 * POUND
    assert face.read(Prepayment.top_up_amount[2]) == 10 * POUND
    assert face.read(Prepayment.top_up_amount[3]) == 0
    (log,) = face.parts_of(Prepayment.GetTopUpLog(0xFFFFFFFF, 0))
    assert [row.top_up_amount for row in log.top_up_payload] == [50 * POUND, 10 * POUND]
    (log,) = face.parts_of(Prepayment.GetTopUpLog(0xFFFFFFFF, 1))
    assert [row.top_up_amount for row in log.top_up_payload] == [50 * POUND]
    meter.board.cut(off_for=MIN)
    meter.run(2 * MIN)
    assert face.read(Prepayment.total_credit_added) == 60 * POUND
    (log,) = face.parts_of(Prepayment.GetTopUpLog(0xFFFFFFFF, 0))
    assert len(log.top_up_payload) == 2


@pytest.mark.parametrize("code", [b"", b"1234567890123456789", b"123456789012345678901", b"1234567890123456789X", CODE])
def test_h1_h2_tokens_that_cannot_be_or_are_not_authentic(face, code):
    answer = face.request(Prepayment.ConsumerTopUp(Originator.DISPLAY, code), Prepayment.ConsumerTopUpResponse)
    assert (answer.result_type, answer.top_up_value, answer.credit_remaining) == (TopUpResult.INVALID, 0, 0)
    expected = AlarmStatus.TOP_UP_INVALID if code == CODE else AlarmStatus.TOP_UP_ERROR
    assert face.read(Prepayment.prepayment_alarm_status) == expected


def test_debts_are_collected_and_the_log_says_so_in_parts(face, meter):
    face.prepaid(80 * POUND)
    face.confirm(Prepayment.ChangeDebt(face.next(), b"", 5 * POUND, 0, 2, NOW, 0, 0, 1_000, 0))  # 1,000 each hour
    meter.run(7 * HOUR)
    parts = face.parts_of(Prepayment.GetDebtRepaymentLog(0xFFFFFFFF, 0, 0xFF))
    rows = [row for part in parts for row in part.debt_payload]
    assert [(part.command_index, part.total_number_of_commands) for part in parts] == [(n, len(parts)) for n in range(len(parts))]
    assert len(parts) > 1
    assert len(rows) >= 5
    assert {(row.amount_collected, row.debt_type) for row in rows} == {(1_000, 1)}
    assert rows[0].outstanding_debt == face.read(Prepayment.debt_amount[2])
    assert [row.collection_time for row in rows] == sorted((row.collection_time for row in rows), reverse=True)
    assert face.refused(Prepayment.GetDebtRepaymentLog(0xFFFFFFFF, 0, 0)) == 0x8B


def test_what_is_dated_ahead_waits_over_a_power_cut_and_can_be_cancelled(face, meter):
    at = face.zcl_time() + LATER
    face.confirm(Prepayment.EmergencyCreditSetup(face.next(), at, 8 * POUND, POUND))
    face.confirm(Prepayment.SetMaximumCreditLimit(0, face.next(), at, 70 * POUND, 30 * POUND))
    face.confirm(Prepayment.SetMaximumCreditLimit(0, face.next(), 0xFFFFFFFF, 0, 0))
    assert face.refused(Prepayment.SetMaximumCreditLimit(0, face.next(), 0xFFFFFFFF, 0, 0)) == 0x8B
    meter.board.cut(off_for=MIN)
    meter.run(2 * MIN)
    assert face.read(Prepayment.emergency_credit_limit_allowance) == 5 * POUND
    meter.run(10 * MIN)
    assert face.read(Prepayment.emergency_credit_limit_allowance) == 8 * POUND
    assert face.read(Prepayment.max_credit_limit) == 100 * POUND


def test_old_repeated_and_impossible_commands_change_nothing(face, meter):
    face.confirm(Prepayment.CreditAdjustment(10, NOW, 0, POUND))
    assert face.refused(Prepayment.CreditAdjustment(10, NOW, 0, POUND)) == 0x8A
    assert face.refused(Prepayment.CreditAdjustment(9, NOW, 0, POUND)) == 0x01
    assert face.refused(Prepayment.CreditAdjustment(11, NOW, 2, POUND)) == 0x87
    assert face.refused(Prepayment.ChangeDebt(1, b"", 1, 0, 6, NOW, 0, 0, 0, 0)) == 0x87
    assert face.refused(Prepayment.ChangeDebt(1, b"", 1, 0, 0, NOW, 0, 5, 0, 0)) == 0x87
    assert face.refused(Prepayment.SetOverallDebtCap(0, 1, NOW, 0x10000)) == 0x87
    assert face.refused(Prepayment.SetLowCreditWarningLevel(0x80000000)) == 0x87
    assert face.read(Prepayment.credit_remaining) == POUND


def test_snapshots_by_cause_time_and_offset(face, meter):
    face.prepaid(2 * POUND)
    meter.run(MIN)
    ahead = face.zcl_time() + DAY // S
    face.confirm(Prepayment.CreditAdjustment(face.next(), NOW, 0, (-POUND) & 0xFFFFFFFF))
    (newest,) = face.parts_of(Prepayment.GetPrepaySnapshot(0, ahead, 0, SnapshotCause.DEBT_OR_CREDIT))
    assert newest.total_snapshots_found == 2
    status = DebtCreditStatus.parse(newest.snapshot_payload)
    assert (status.credit_remaining, status.emergency_credit_remaining) == (POUND, 5 * POUND)
    (mode,) = face.parts_of(Prepayment.GetPrepaySnapshot(0, ahead, 0, SnapshotCause.CHANGE_OF_MODE))
    assert (mode.snapshot_cause, mode.total_snapshots_found) == (SnapshotCause.CHANGE_OF_MODE, 1)
    assert face.parts_of(Prepayment.GetPrepaySnapshot(0, ahead, 2, SnapshotCause.DEBT_OR_CREDIT)) == []
    assert face.refused(Prepayment.GetPrepaySnapshot(0, 1, 0, 0xFFFFFFFF)) == 0x8B


def test_credit_moved_over_dlms_shows_at_once(face, meter):
    meter.manager().action(BALANCE, 112, 2, axdr.i32(-4_321))
    assert face.read(Prepayment.credit_remaining) == -4_321
    assert face.read(Prepayment.credit_remaining_timestamp) == face.zcl_time()


def test_a_token_judged_on_another_way_is_told_by_the_gateway(face, meter):
    account = meter.firmware.prepayment._account
    account.judge = lambda token: Judgement(TokenStatus.VALIDATION_FAILURE)
    assert meter.firmware.prepayment.top_up(CODE, Originator.METER) == (TopUpResult.DUPLICATE, 0)
    assert meter.direct().get("0-0:19.40.0", 115, 2).value == CODE
