"""The Prepayment cluster over the meter's one account: what COSEM shows as account, credits and charges, Smart Energy shows, too.

Amounts are the account's, hundred-thousandths of a pound. Who stands at a display of the home may top up and select emergency
credit; everything else is the supplier's, and comes from the trust centre or not at all. Commands of the supplier may be dated
ahead: one of each kind waits in flash; an older issuer event than the last one is refused.
Debts 1 and 2 are collected by time, debt 3 from top-ups. Status of credit and alarms are
`prepayment_alarms`'. Not here: the cost of consumption.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.parts.payment_log import PaymentLog
from devices.parts.prepaid import (
    ACCUMULATED,
    BALANCE,
    DEBTS,
    EMERGENCY,
    LARGEST_BALANCE,
    LARGEST_TOP_UP,
    PAYMENT_DEBT,
    Prepaid,
    configuration,
)
from devices.parts.prepayment_alarms import COMES, GOES, PrepaymentAlarms
from devices.runtime.kernel import S
from protocols.core.codec import Frame
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import AccessError, InterfaceClass
from protocols.dlms.cosem.account import PaymentMode
from protocols.dlms.cosem.credit import CreditStatus as State
from protocols.dlms.cosem.interface import Attribute as Member
from protocols.dlms.cosem.interface import Method
from protocols.dlms.cosem.token import Delivery, TokenStatus
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.clusters.prepayment import (
    FREQUENCIES,
    AlarmStatus,
    DebtCreditStatus,
    DebtRecovery,
    Originator,
    PaymentControl,
    Prepayment,
    SnapshotCause,
    TopUpResult,
)
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Instance, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.parts.utrns import Utrns
    from devices.runtime.firmware import Firmware

POUNDS_AT_MINUS_5: Final = 1
"""currency_scaling_factor: hundred-thousandths."""
_PENDING: Final = "prepayment/pending"
_SETTINGS: Final = "prepayment/settings"
_LAST: Final = "prepayment/issuer"
_CANCEL: Final = 0xFFFFFFFF
_NO_TIME: Final = 0xFFFFFFFF
_U16: Final = 0xFFFF
_U32: Final = 0xFFFFFFFF
_FAILED: Final = {
    TokenStatus.FORMAT_FAILURE: (TopUpResult.INVALID, AlarmStatus.TOP_UP_ERROR),
    TokenStatus.AUTHENTICATION_FAILURE: (TopUpResult.INVALID, AlarmStatus.TOP_UP_INVALID),
    TokenStatus.VALIDATION_FAILURE: (TopUpResult.DUPLICATE, AlarmStatus.TOP_UP_USED),
    TokenStatus.EXECUTION_FAILURE: (TopUpResult.MAXIMUM_CREDIT, AlarmStatus(0)),
}


def signed(value: int) -> int:
    """A number that the cluster sends as an unsigned one."""
    return value - (1 << 32) if value >> 31 else value


_CONTROL = int(PaymentControl.CONTACTOR | PaymentControl.CREDIT_DISPLAY)
_PREPAID_CONTROL = int(_CONTROL | PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION)


class PrepaymentFace:
    """The server side of Prepayment on an endpoint."""

    def __init__(self, firmware: Firmware, server: Instance, account: Prepaid, currency: int) -> None:
        self._board = board = firmware.board
        self._account = account
        self.log = PaymentLog(board.nvm)
        account.kept_with = self.log.image
        self.happened: Callable[[int, LogId], object] = lambda event, log: None
        """Told of what became of top-ups, modes and adjustments."""
        self._changed_at = self._now()
        self.utrns: Utrns | None = None
        """The codes that it knows; None: none."""
        self._originator = int(Originator.ENERGY_SERVICE_INTERFACE)
        """Of the code that is judged; the head end's unless said."""
        self._paid = {name: int(account.charge(name).total_amount_paid.value) for name in DEBTS}
        self._last: dict[str, int] = dict(board.nvm.get(_LAST, {}))
        self._settings: dict[str, int] = board.nvm.get(_SETTINGS, {})
        for name in DEBTS:
            account.charge(name).watch(self._collected)
        account.credit(BALANCE).watch(self._touched)
        self._server = server
        values: dict[Attribute[object], object] = {
            Prepayment.payment_control_configuration: self._control,
            Prepayment.credit_remaining: lambda: account.credit(BALANCE).amount,
            Prepayment.emergency_credit_remaining: self._emergency,
            Prepayment.credit_remaining_timestamp: lambda: self._changed_at,
            Prepayment.accumulated_debt: lambda: max(-account.credit(ACCUMULATED).amount, 0),
            Prepayment.overall_debt_cap: lambda: account.payment.account.max_provision.value,
            Prepayment.emergency_credit_limit_allowance: lambda: account.credit(EMERGENCY).preset_credit_amount.value,
            Prepayment.emergency_credit_threshold: lambda: account.credit(EMERGENCY).credit_available_threshold.value,
            Prepayment.total_credit_added: lambda: self.log.added,
            Prepayment.max_credit_limit: lambda: self._limit(LARGEST_BALANCE),
            Prepayment.max_credit_per_top_up: lambda: self._limit(LARGEST_TOP_UP),
            Prepayment.low_credit_warning_level: lambda: max(account.credit(BALANCE).warning_threshold.value, 0),
            Prepayment.ihd_low_credit_warning_level: lambda: self._settings.get("display", 0),
            Prepayment.cut_off_value: lambda: account.credit(BALANCE).limit.value,
            Prepayment.currency_scaling_factor: POUNDS_AT_MINUS_5,
            Prepayment.currency: currency,
        }
        for attribute, value in values.items():
            server[attribute] = value
        self.alarms = PrepaymentAlarms(board, server, account)
        for number in range(1, 6):
            self._show_top_up(number)
        for number, name in enumerate(DEBTS, 1):
            self._show_debt(number, account.charge(name))
        server.on_write(self._written)
        server.on(Prepayment.ConsumerTopUp, self._top_up)
        server.on(Prepayment.SelectAvailableEmergencyCredit, self._select)
        server.on(Prepayment.GetTopUpLog, lambda command, request: self.log.publish_top_ups(command) or Status.NOT_FOUND)
        server.on(Prepayment.GetDebtRepaymentLog, lambda command, request: self.log.publish_repayments(command) or Status.NOT_FOUND)
        server.on(Prepayment.GetPrepaySnapshot, lambda command, request: self.log.publish_snapshot(command) or Status.NOT_FOUND)
        server.on(Prepayment.SetLowCreditWarningLevel, self._supplier(self._set_warning))
        for command in _DATED:
            server.on(command, self._dated)
        self._timer = Deadline(firmware, self._next, self._due)
        board.rtc.on_set.append(self._due)
        self._timer.arm()

    # --- what is shown ---

    def _control(self) -> int:
        return _PREPAID_CONTROL if self._account.prepaid else _CONTROL

    def _emergency(self) -> int:
        """What there is of it; before somebody selects it, what there would be."""
        credit = self._account.credit(EMERGENCY)
        return credit.amount if credit.status >= State.SELECTED else int(credit.preset_credit_amount.value)

    def _show_top_up(self, number: int) -> None:
        def cell(place: int, nothing: int | bytes) -> Callable[[], object]:
            return lambda: self.log.top_ups[number - 1][place] if len(self.log.top_ups) >= number else nothing

        self._server[Prepayment.top_up_code[number]] = cell(0, b"")
        self._server[Prepayment.top_up_amount[number]] = cell(1, 0)
        self._server[Prepayment.top_up_date_time[number]] = cell(2, _NO_TIME)
        self._server[Prepayment.top_up_originating_device[number]] = cell(3, 0xFF)

    def _show_debt(self, number: int, charge: cosem.Charge) -> None:
        by_time = charge.name != PAYMENT_DEBT
        method = DebtRecovery.BY_TIME if by_time else DebtRecovery.BY_PERCENTAGE
        server = self._server
        server[Prepayment.debt_label[number]] = f"Debt {number}".encode()
        server[Prepayment.debt_amount[number]] = lambda: charge.remaining
        server[Prepayment.debt_recovery_method[number]] = method
        server[Prepayment.debt_recovery_frequency[number]] = lambda: _frequency(charge.period.value)
        server[Prepayment.debt_recovery_amount[number]] = lambda: max(charge.price(), 0) if by_time else 0
        server[Prepayment.debt_recovery_top_up_percentage[number]] = lambda: 0 if by_time else charge.proportion.value

    def _limit(self, name: Obis) -> int:
        thing = self._account.find(name)
        return int(thing.value_active.value) if isinstance(thing, cosem.ExtendedData) else _U32

    def _written(self, attribute: Attribute[object], value: object) -> None:
        if attribute is Prepayment.ihd_low_credit_warning_level and isinstance(value, int):
            self._settings = {**self._settings, "display": value}
            self._board.nvm.put({_SETTINGS: self._settings})

    def _now(self) -> int:
        return seconds(self._board.rtc.read())

    def _touched(self, thing: InterfaceClass, member: Member | Method) -> None:
        if member is cosem.Credit.current_credit_amount:
            self._changed_at = self._now()

    def _collected(self, thing: InterfaceClass, member: Member | Method) -> None:
        """Some of a debt was collected: the sum paid tells how much, before what remains is told."""
        if isinstance(thing, cosem.Charge) and member is cosem.Charge.total_amount_paid:
            paid = int(thing.total_amount_paid.value)
            amount, self._paid[thing.name] = paid - self._paid[thing.name], paid
            if amount > 0:
                self.log.repaid(self._now(), amount, DEBTS.index(thing.name), max(thing.remaining - amount, 0))

    def snapshot(self, cause: SnapshotCause) -> None:
        """Keep how the account stands now."""
        account = self._account
        first, second, third = (max(account.charge(name).remaining, 0) for name in DEBTS)
        accumulated = max(-account.credit(ACCUMULATED).amount, 0)
        status = DebtCreditStatus(accumulated, first, second, third, self._emergency(), account.credit(BALANCE).amount)
        self.log.snapshot(self._now(), cause, status.build())

    # --- a person at a display ---

    def _select(self, command: Prepayment.SelectAvailableEmergencyCredit, request: Request) -> Outcome:
        credit = self._account.credit(EMERGENCY)
        if not self._account.prepaid:
            return Status.FAILURE
        try:
            credit.invoke(3, axdr.i8(0))
        except AccessError:
            self.happened(EventId.SELECT_AVAILABLE_EMERGENCY_CREDIT_REJECTED, LogId.GENERAL)
            return Status.FAILURE
        self.happened(EventId.SELECT_AVAILABLE_EMERGENCY_CREDIT_ACTIONED, LogId.GENERAL)
        return Status.SUCCESS

    def _top_up(self, command: Prepayment.ConsumerTopUp, request: Request) -> Outcome:
        result, amount = self.top_up(command.top_up_code or b"", command.originating_device)
        credit = self._account.credit(BALANCE).amount & _U32
        return Prepayment.ConsumerTopUpResponse(result, amount, command.originating_device, credit)

    def top_up(self, code: bytes, originator: int) -> tuple[TopUpResult, int]:
        """A token from somewhere: what became of it, and its worth."""
        before = self._account.credit(BALANCE).amount, self.log.added
        delivery = Delivery.REMOTE if originator == Originator.ENERGY_SERVICE_INTERFACE else Delivery.MANUAL
        self._originator = originator
        judgement = self._account.gateway.receive(code, delivery)
        self._originator = int(Originator.ENERGY_SERVICE_INTERFACE)
        result, alarm = _FAILED.get(judgement.status, (None, AlarmStatus(0)))
        self.alarms.refused = alarm
        if result is not None:
            self.happened(_TOP_UP_REFUSED[result, alarm], LogId.GENERAL)
            return self._account.why or result, 0
        by_hand = originator != Originator.ENERGY_SERVICE_INTERFACE
        self.happened(EventId.TOPUP_ACCEPTED_VIA_MANUAL_ENTRY if by_hand else EventId.TOPUP_ACCEPTED_VIA_REMOTE, LogId.GENERAL)
        supply = self._account.supply
        state = TopUpResult.SUPPLY_ARMED if supply.armed else TopUpResult.SUPPLY_OFF
        return TopUpResult.SUPPLY_ON if supply.closed else state, self.log.added - before[1]

    def take(self, utrns: Utrns) -> None:
        """These are the codes from now on."""
        self.utrns = utrns
        self._account.judge = lambda token: utrns.judge(token, lambda code, amount: self.pay(code, amount, self._originator))
        self._account.kept_with = lambda: {**self.log.image(), **utrns.kept()}

    def pay(self, code: bytes, amount: int, originator: int = Originator.METER) -> TokenStatus:
        """Credit an authentic token. Beyond the largest top-up or balance nothing is credited."""
        balance = self._account.credit(BALANCE).amount
        if amount > self._limit(LARGEST_TOP_UP) or balance + amount > self._limit(LARGEST_BALANCE):
            return TokenStatus.EXECUTION_FAILURE
        with self._account.change():
            self._account.payment.paid(amount, self._board.rtc.read())
            self.log.topped_up(code, amount, self._now(), originator)
            self.snapshot(SnapshotCause.TOP_UP)
        return TokenStatus.EXECUTION_OK

    # --- the supplier ---

    def _supplier(self, act: Callable[[Frame], Outcome]) -> Callable[[Frame, Request], Outcome]:
        return lambda command, request: act(command) if self._from_supplier(request) else Status.NOT_AUTHORIZED

    def _from_supplier(self, request: Request) -> bool:
        known = request.message.source == 0 and request.message.secured
        if not known:
            self.happened(EventId.UNAUTHORISE_ACTION_FROM_HAN, LogId.SECURITY)
        return known

    def _set_warning(self, command: Frame) -> Outcome:
        assert isinstance(command, Prepayment.SetLowCreditWarningLevel)
        if command.low_credit_warning_level > 0x7FFFFFFF:
            return Status.INVALID_VALUE
        self._account.credit(BALANCE).warning_threshold = command.low_credit_warning_level
        return Status.SUCCESS

    def _dated(self, command: Frame, request: Request) -> Outcome:
        """A command of the supplier: now, later, or not at all."""
        if not self._from_supplier(request):
            return Status.NOT_AUTHORIZED
        name = type(command).__name__
        time, issuer = (getattr(command, field) for field in (_DATED[type(command)], "issuer_event_id"))
        pending: dict[str, bytes] = dict(self._board.nvm.get(_PENDING, {}))
        if time == _CANCEL:
            if pending.pop(name, None) is None:
                return Status.NOT_FOUND
            self._board.nvm.put({_PENDING: pending})
            return Status.SUCCESS
        if issuer <= self._last.get(name, -1):
            return Status.DUPLICATE_EXISTS if issuer == self._last[name] else Status.FAILURE
        if time > self._now():
            self._last[name] = issuer
            self._board.nvm.put({_PENDING: {**pending, name: command.build()}, _LAST: self._last})
            self._timer.arm()
            return self._payment_mode() if isinstance(command, Prepayment.ChangePaymentMode) else Status.SUCCESS
        with self._board.nvm.together():  # it is done and known, or neither, so that whoever says it again is right to
            status = self._carry_out(command)
            if status is Status.SUCCESS:
                self._last[name] = issuer
                self._board.nvm.put({_LAST: self._last})
        if status is Status.SUCCESS and isinstance(command, Prepayment.ChangePaymentMode):
            return self._payment_mode()
        return status

    def _next(self) -> int | None:
        times = [getattr(command, _DATED[type(command)]) for command in self._waiting()]
        return self._board.rtc.when((min(times) + EPOCH) * S) if times else None

    def _waiting(self) -> list[Frame]:
        pending: dict[str, bytes] = self._board.nvm.get(_PENDING, {})
        return [kind.parse(pending[kind.__name__]) for kind in _DATED if kind.__name__ in pending]

    def _due(self) -> None:
        for command in self._waiting():
            if getattr(command, _DATED[type(command)]) <= self._now():
                pending = dict(self._board.nvm.get(_PENDING, {}))
                del pending[type(command).__name__]
                with self._board.nvm.together():
                    self._board.nvm.put({_PENDING: pending})
                    self._carry_out(command)
        self._timer.arm()

    def _payment_mode(self) -> Prepayment.ChangePaymentModeResponse:
        emergency = self._account.credit(EMERGENCY)
        return Prepayment.ChangePaymentModeResponse(
            0, 0, emergency.preset_credit_amount.value, emergency.credit_available_threshold.value
        )

    def _carry_out(self, command: Frame) -> Status:
        actioned, rejected = _EVENTS[type(command)]
        try:
            with self._account.change():
                self._obey(command)
        except AccessError:
            self.happened(rejected, LogId.GENERAL)
            return Status.INVALID_VALUE
        self.happened(actioned, LogId.GENERAL)
        return Status.SUCCESS

    def _obey(self, command: Frame) -> None:
        account, cause = self._account, SnapshotCause.DEBT_OR_CREDIT
        match command:
            case Prepayment.CreditAdjustment(credit_adjustment_type=kind, credit_adjustment_value=value) if kind <= 1:
                credit = account.credit(BALANCE)
                credit.invoke(2 if kind else 1, axdr.i32(signed(value)))
            case Prepayment.ChangeDebt():
                self._change_debt(command)
            case Prepayment.EmergencyCreditSetup(emergency_credit_limit=limit, emergency_credit_threshold=threshold):
                credit = account.credit(EMERGENCY)
                credit.write(9, axdr.i32(_checked(limit)))
                credit.write(10, axdr.i32(_checked(threshold)))
            case Prepayment.ChangePaymentMode(proposed_payment_control_configuration=control, cut_off_value=cut_off):
                prepaid = bool(control & PaymentControl.PREPAYMENT)
                account.admit(PaymentMode.PREPAYMENT if prepaid else PaymentMode.CREDIT)
                account.credit(BALANCE).limit = signed(cut_off)
                account.payment.account.credit_charge_configuration = configuration(account.consumed, prepaid=prepaid)
                mode = PaymentMode.PREPAYMENT if prepaid else PaymentMode.CREDIT
                account.payment.account.account_mode_and_status = (mode, account.payment.account.status)
                cause = SnapshotCause.CHANGE_OF_MODE
            case Prepayment.SetMaximumCreditLimit(maximum_credit_level=level, maximum_credit_per_top_up=largest):
                for name, value in ((LARGEST_BALANCE, level), (LARGEST_TOP_UP, largest)):
                    thing = account.find(name)
                    assert thing is not None
                    thing.write(2, axdr.i32(_checked(value)))
            case Prepayment.SetOverallDebtCap(overall_debt_cap=cap):
                if cap > _U16:
                    raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"a cap of {cap}")
                account.payment.account.write(18, axdr.u16(cap))
            case _:
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, type(command).__name__)
        self.snapshot(cause)

    def _change_debt(self, command: Prepayment.ChangeDebt) -> None:
        if command.debt_amount_type >= 2 * len(DEBTS):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"debt {command.debt_amount_type}")
        name = DEBTS[command.debt_amount_type // 2]
        charge = self._account.charge(name)
        incremental = command.debt_amount_type % 2
        charge.invoke(4 if incremental else 5, axdr.i32(signed(command.debt_amount)))
        if name == PAYMENT_DEBT:
            charge.write(13, axdr.u16(command.debt_recovery_balance_percentage))
            return
        if command.debt_recovery_frequency >= len(FREQUENCIES) or command.debt_recovery_amount > 0x7FFF:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "frequency or amount of recovery")
        charge.write(8, axdr.u32(FREQUENCIES[command.debt_recovery_frequency]))
        charge.invoke(1, axdr.array([axdr.structure(axdr.octets(b""), axdr.i16(command.debt_recovery_amount))]))
        charge.invoke(2, axdr.i8(0))


_DATED: Final[dict[type[Frame], str]] = {
    Prepayment.ChangeDebt: "debt_recovery_start_time",
    Prepayment.EmergencyCreditSetup: "start_time",
    Prepayment.CreditAdjustment: "start_time",
    Prepayment.ChangePaymentMode: "implementation_date_time",
    Prepayment.SetMaximumCreditLimit: "implementation_date_time",
    Prepayment.SetOverallDebtCap: "implementation_date_time",
}
"""Commands of the supplier, and the field that says from when on."""


_EVENTS: Final[dict[type[Frame], tuple[int, int]]] = {
    Prepayment.ChangeDebt: (EventId.CHANGE_DEBT_ACTIONED, EventId.CHANGE_DEBT_REJECTED),
    Prepayment.EmergencyCreditSetup: (EventId.EMERGENCY_CREDIT_SETUP_ACTIONED, EventId.EMERGENCY_CREDIT_SETUP_REJECTED),
    Prepayment.CreditAdjustment: (EventId.CREDIT_ADJUSTMENT_ACTIONED, EventId.CREDIT_ADJUSTMENT_REJECTED),
    Prepayment.ChangePaymentMode: (EventId.CHANGE_PAYMENT_MODE_ACTIONED, EventId.CHANGE_PAYMENT_MODE_REJECTED),
    Prepayment.SetMaximumCreditLimit: (EventId.SET_MAXIMUM_CREDIT_LIMIT_ACTIONED, EventId.SET_MAXIMUM_CREDIT_LIMIT_REJECTED),
    Prepayment.SetOverallDebtCap: (EventId.SET_OVERALL_DEBT_CAP_ACTIONED, EventId.SET_OVERALL_DEBT_CAP_REJECTED),
}
_TOP_UP_REFUSED: Final = {
    (TopUpResult.INVALID, AlarmStatus.TOP_UP_ERROR): EventId.TOPUP_CODE_ERROR,
    (TopUpResult.INVALID, AlarmStatus.TOP_UP_INVALID): EventId.TOPUP_CODE_INVALID,
    (TopUpResult.DUPLICATE, AlarmStatus.TOP_UP_USED): EventId.TOPUP_ALREADY_USED,
    (TopUpResult.MAXIMUM_CREDIT, AlarmStatus(0)): EventId.TOPUP_VALUE_TOO_LARGE,
}
PAYMENT_EVENTS: Final = (
    *(event for pair in _EVENTS.values() for event in pair), *_TOP_UP_REFUSED.values(),
    *COMES.values(), *GOES.values(), EventId.TOPUP_ACCEPTED_VIA_MANUAL_ENTRY, EventId.TOPUP_ACCEPTED_VIA_REMOTE,
    EventId.SELECT_AVAILABLE_EMERGENCY_CREDIT_ACTIONED, EventId.SELECT_AVAILABLE_EMERGENCY_CREDIT_REJECTED,
)  # fmt: skip
"""What can happen to an account."""


def _frequency(period: int) -> int:
    return FREQUENCIES.index(period) if period in FREQUENCIES else 0xFF


def _checked(value: int) -> int:
    if value > 0x7FFFFFFF:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{value}")
    return value
