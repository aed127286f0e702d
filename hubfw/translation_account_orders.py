"""What a write or a method of the gas meter's account becomes: commands of Prepayment that wait for its wake.

Two settings that one command carries are put together, from what waits or else from what the meter reported. A debt's amount and
its recovery are one command, too: an amount that is not to change is an adjustment by nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from hubfw.translation import Gas
from hubfw.translation_orders import NOW, PROVIDER
from protocols.core.codec import Frame
from protocols.dlms.cosem import AccessError
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.mirror import PrepaymentCommand
from protocols.zigbee.clusters.prepayment import FREQUENCIES, Adjustment, DebtRecovery, Originator, PaymentControl, Prepayment

if TYPE_CHECKING:
    from protocols.dlms.axdr import Data
    from protocols.zigbee.zcl.cluster import Attribute

F = TypeVar("F", bound=Frame)
What = Literal["amount", "increment", "period", "proportion", "recovery"]

CANCEL: Final = 0xFFFFFFFF
U32: Final = 0xFFFFFFFF
BY_PAYMENTS: Final = 3
"""The debt that top-ups repay."""


def _waiting(gas: Gas, kind: type[F]) -> F | None:
    return next((command for command in gas.pending if isinstance(command, kind)), None)


def _last(gas: Gas, item: Attribute[Any]) -> int:
    """As reported; nothing, where it is not."""
    value = gas.reading.get(Prepayment, item)
    return value if isinstance(value, int) and value != item.type.non_value else 0


def order(gas: Gas, flag: PrepaymentCommand, command: Frame) -> None:
    """Have it wait, if this meter keeps accounts at all. Raises AccessError."""
    gas.has(Prepayment, Prepayment.payment_control_configuration)
    gas.order(flag, command)


def adjust(kind: Adjustment, value: int, gas: Gas) -> None:
    """The balance, by an amount or to one."""
    command = Prepayment.CreditAdjustment(gas.event(), NOW, kind, value & U32)
    order(gas, PrepaymentCommand.CREDIT_ADJUSTMENT, command)


def select(gas: Gas) -> None:
    """Emergency credit."""
    command = Prepayment.SelectAvailableEmergencyCredit(gas.now, Originator.ENERGY_SERVICE_INTERFACE)
    order(gas, PrepaymentCommand.SELECT_AVAILABLE_EMERGENCY_CREDIT, command)


def warning(level: int, gas: Gas) -> None:
    """From which credit on to warn."""
    order(gas, PrepaymentCommand.SET_LOW_CREDIT_WARNING_LEVEL, Prepayment.SetLowCreditWarningLevel(level))


def cap(value: int, gas: Gas) -> None:
    """What may be recovered from payments in a period."""
    order(gas, PrepaymentCommand.SET_OVERALL_DEBT_CAP, Prepayment.SetOverallDebtCap(PROVIDER, gas.event(), NOW, value))


def emergency(gas: Gas, *, limit: int | None = None, threshold: int | None = None) -> None:
    """Emergency credit's amount, or from which balance on there is some."""
    waiting = _waiting(gas, Prepayment.EmergencyCreditSetup)
    now = (
        (_last(gas, Prepayment.emergency_credit_limit_allowance), _last(gas, Prepayment.emergency_credit_threshold))
        if waiting is None
        else (waiting.emergency_credit_limit, waiting.emergency_credit_threshold)
    )
    given = now[0] if limit is None else limit, now[1] if threshold is None else threshold
    order(gas, PrepaymentCommand.EMERGENCY_CREDIT_SETUP, Prepayment.EmergencyCreditSetup(gas.event(), NOW, *given))


def largest(gas: Gas, *, balance: int | None = None, top_up: int | None = None) -> None:
    """The largest balance that a top-up may make, or the largest top-up."""
    waiting = _waiting(gas, Prepayment.SetMaximumCreditLimit)
    now = (
        (_last(gas, Prepayment.max_credit_limit), _last(gas, Prepayment.max_credit_per_top_up))
        if waiting is None
        else (waiting.maximum_credit_level, waiting.maximum_credit_per_top_up)
    )
    given = now[0] if balance is None else balance, now[1] if top_up is None else top_up
    order(gas, PrepaymentCommand.SET_MAXIMUM_CREDIT_LIMIT, Prepayment.SetMaximumCreditLimit(PROVIDER, gas.event(), NOW, *given))


def _change_mode(gas: Gas, at: int, control: int | None, limit: int | None) -> None:
    waiting = _waiting(gas, Prepayment.ChangePaymentMode)
    now = (
        (_last(gas, Prepayment.payment_control_configuration), _last(gas, Prepayment.cut_off_value) & U32)
        if waiting is None
        else (waiting.proposed_payment_control_configuration, waiting.cut_off_value)
    )
    given = now[0] if control is None else control, now[1] if limit is None else limit
    order(gas, PrepaymentCommand.CHANGE_PAYMENT_MODE, Prepayment.ChangePaymentMode(PROVIDER, gas.event(), at, *given))


def cut_off(value: int, gas: Gas) -> None:
    """The balance at which the supply ends, in the mode that is."""
    _change_mode(gas, NOW, None, value & U32)


def mode(gas: Gas, *, prepaid: bool, at: int | None) -> None:
    """Prepayment or credit, from a time on (seconds since 2000; 0: now); None takes back what waits in the meter for one."""
    control = int(PaymentControl.PREPAYMENT | PaymentControl.DISCONNECTION) if prepaid else 0
    _change_mode(gas, CANCEL if at is None else at, control, None)


def debt(number: int, what: What) -> Callable[[Data, Gas], None]:
    """One thing of a debt (1 to 3)."""

    def change(data: Data, gas: Gas) -> None:
        value: int = data.value
        if what == "period" and value not in FREQUENCIES:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"a period of {value} s")
        orders = [each for each in gas.pending if isinstance(each, Prepayment.ChangeDebt) and _of(each) == number]
        settled = next((each for each in orders if not _adjusts(each)), None)
        if what != "increment" and any(map(_adjusts, orders)):
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, "an adjustment of this debt waits")
        if what == "increment" or (what != "amount" and (settled is None or settled.debt_amount_type % 2)):
            kind, amount = 1, value & U32 if what == "increment" else 0
        else:
            if value < 0:
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"a debt of {value}")
            kind, amount = 0, value if what == "amount" or settled is None else settled.debt_amount
        frequency, recovery, share = _settings(gas, number) if settled is None else (
            settled.debt_recovery_frequency, settled.debt_recovery_amount, settled.debt_recovery_balance_percentage
        )  # fmt: skip
        order(gas, PrepaymentCommand.CHANGE_DEBT, Prepayment.ChangeDebt(
            gas.event(), b"", amount, DebtRecovery.BY_PERCENTAGE if number == BY_PAYMENTS else DebtRecovery.BY_TIME,
            2 * (number - 1) + kind, NOW, 0, FREQUENCIES.index(value) if what == "period" else frequency,
            value if what == "recovery" else recovery, value if what == "proportion" else share,
        ))  # fmt: skip

    return change


def _of(command: Prepayment.ChangeDebt) -> int:
    return command.debt_amount_type // 2 + 1


def _adjusts(command: Prepayment.ChangeDebt) -> bool:
    return bool(command.debt_amount_type % 2 and command.debt_amount)


def _settings(gas: Gas, number: int) -> tuple[int, int, int]:
    """Frequency, amount and share of the recovery, as reported."""
    if number == BY_PAYMENTS:
        return 0, 0, _last(gas, Prepayment.debt_recovery_top_up_percentage[number])
    return _last(gas, Prepayment.debt_recovery_frequency[number]), _last(gas, Prepayment.debt_recovery_amount[number]), 0
