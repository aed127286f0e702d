"""The gas meter's prepayment account as COSEM has it: account, credits, charges, their limits (classes 111 to 113, 9000).

A table: an attribute of an object, what of Smart Energy's Prepayment it is made of, and what a write becomes; a method, and the
command that it is. Names, kinds and priorities are the electricity meters' (`prepaid`). What there is no item for in Smart Energy
is object-unavailable. Orders wait for the meter's wake; what adds up (adjustments of credit and debt) waits side by side, eight of
a kind, and temporary-failure is for the ninth and for settings of a debt while adjustments of it wait.

An account's mode is set as with electricity meters: in the account to come, `0-1:19.0.0`, which is kept here until it is activated,
now or at its time. So are a debt's prices until they are activated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from devices.parts import prepaid
from devices.parts.prepaid import (
    ACCOUNT,
    ACCUMULATED,
    BALANCE,
    DAY,
    EMERGENCY,
    LARGEST_BALANCE,
    LARGEST_TOP_UP,
    NEXT_ACCOUNT,
    NO_DECIMALS,
    PAYMENT_DEBT,
    STANDING,
    TARIFF,
    TIME_DEBT_1,
    TIME_DEBT_2,
)
from hubfw.translation import Gas, money_exponent
from hubfw.translation_account_orders import (
    adjust,
    cap,
    cut_off,
    debt,
    emergency,
    largest,
    mode,
    select,
    warning,
)
from hubfw.translation_rows import published_prices
from protocols.core.codec import Frame
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, Unit
from protocols.dlms.cosem.account import AccountStatus, CreditState, CurrencyUnit, PaymentMode
from protocols.dlms.cosem.activation import moment
from protocols.dlms.cosem.charge import NO_COMMODITY, WHOLE
from protocols.dlms.cosem.credit import HIGHEST, LOWEST
from protocols.dlms.cosem.credit import CreditStatus as State
from protocols.dlms.cosem.interface import Attribute, Method
from protocols.dlms.cosem.types import Plain
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess
from protocols.zigbee.clusters.prepayment import FREQUENCIES, Adjustment, CreditStatus, PaymentControl, Prepayment
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.zcl.cluster import Attribute as Item

KILOWATT_HOURS: Final = 3
"""commodity_scale."""
DIGITS: Final = 5
MOST_UNIT_CHARGE: Final = 0x7FFF
_CURRENCIES: Final = {826: "GBP", 978: "EUR", 840: "USD"}
_CREDITS: Final = {credit.name: credit for credit in prepaid.credits()}
_CHARGES: Final = {charge.name: charge for charge in prepaid.charges(lambda name: None, ((0, 0), NO_COMMODITY, [(b"", 0)]))}


_PRICED: Final = frozenset({"update_unit_charge"})


class Orders(InterfaceClass, id=0, version=0):
    """Whose methods are orders: a hook is all that happens; without one a method is the class's own only if it is in `own`."""

    own: frozenset[str] = frozenset()

    def invoke(self, number: int, argument: Data) -> Data | None:
        member = self.methods.get(number)
        hook = None if member is None else self.on.get(member.name)
        if member is None or (hook is None and member.name not in self.own):
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, str(self.name))
        if hook is None:
            return super().invoke(number, argument)
        member.argument.admit(argument)
        hook(argument)
        self.changed(member)
        return None

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        if self.attribute_access(number) is not Access.READ_WRITE:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, str(self.name))
        super().write(number, value, selection)

    def carries_out(self, number: int) -> bool:
        member = self.methods.get(number)
        return member is not None and (member.name in self.on or member.name in self.own)


class Account(Orders, cosem.Account, id=111, version=0):
    """Of the gas meter."""


class Credit(Orders, cosem.Credit, id=112, version=0):
    """One of its credits."""


class Charge(Orders, cosem.Charge, id=113, version=0):
    """One of its charges; new prices of a debt wait in the object."""


class Limit(Orders, cosem.ExtendedData, id=9000, version=0):
    """One of its limits."""


@dataclass(frozen=True, slots=True)
class Cell:
    """An attribute of an object. `items`: what it is made of, none: it is always the same; `commands`: what a write becomes."""

    name: Obis
    kind: type[Orders]
    member: Attribute
    of: Callable[[Gas], Plain]
    items: tuple[Item[Any], ...] = ()
    text: str = ""
    write: Callable[[Data, Gas], None] | None = None
    commands: tuple[type[Frame], ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A method of an object, and the command that it is."""

    name: Obis
    kind: type[Orders]
    method: Method
    carry: Callable[[Data, Gas], None]
    commands: tuple[type[Frame], ...]
    text: str


# --- values ---


def said(gas: Gas, item: Item[Any]) -> int:
    """As the meter reported it. Raises AccessError."""
    value = gas.reading.get(Prepayment, item)
    if not isinstance(value, int) or value == item.type.non_value:
        raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, item.name)
    return value


def within(value: int, lowest: int = LOWEST, highest: int = HIGHEST) -> int:
    """Raises AccessError for what the type has no number for."""
    if not lowest <= value <= highest:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{value}")
    return value


def _amount(item: Item[Any], sign: int = 1) -> Callable[[Gas], Plain]:
    return lambda gas: within(sign * said(gas, item))


def _fixed(value: Plain) -> Callable[[Gas], Plain]:
    return lambda gas: value


def _mode(gas: Gas) -> Plain:
    on = said(gas, Prepayment.payment_control_configuration) & PaymentControl.PREPAYMENT
    return (PaymentMode.PREPAYMENT if on else PaymentMode.CREDIT, AccountStatus.ACTIVE)


def _in_use(gas: Gas) -> Plain:
    status = said(gas, Prepayment.credit_status)
    return 0 if status & CreditStatus.EXHAUSTED else 2 if status & CreditStatus.EMERGENCY_IN_USE else 1


def _available(gas: Gas) -> int:
    return within(max(said(gas, Prepayment.credit_remaining), 0) + max(_lent(gas), 0))


def _lent(gas: Gas) -> int:
    """Smart Energy says what there would be of emergency credit before somebody selects it; a credit of COSEM has none then."""
    chosen = said(gas, Prepayment.credit_status) & (CreditStatus.EMERGENCY_SELECTED | CreditStatus.EMERGENCY_IN_USE)
    return within(said(gas, Prepayment.emergency_credit_remaining)) if chosen else 0


def _credit_states(gas: Gas) -> Plain:
    status = said(gas, Prepayment.credit_status)
    emergency, exhausted = _emergency_state(gas), bool(status & CreditStatus.EXHAUSTED)
    in_use = emergency == State.IN_USE
    bits = {
        CreditState.IN_CREDIT: _available(gas) > 0,
        CreditState.LOW_CREDIT: bool(status & CreditStatus.LOW),
        CreditState.NEXT_CREDIT_ENABLED: emergency == State.ENABLED,
        CreditState.NEXT_CREDIT_SELECTABLE: emergency == State.SELECTABLE,
        CreditState.NEXT_CREDIT_SELECTED: emergency == State.SELECTED,
        CreditState.SELECTABLE_CREDIT_IN_USE: in_use,
        CreditState.OUT_OF_CREDIT: exhausted,
    }
    return "".join("1" if bits.get(bit) else "0" for bit in range(8))


def _emergency_state(gas: Gas) -> State:
    status = said(gas, Prepayment.credit_status)
    if status & CreditStatus.EMERGENCY_IN_USE:
        return State.IN_USE
    if status & CreditStatus.EMERGENCY_SELECTED:
        return State.SELECTED
    return State.SELECTABLE if status & CreditStatus.EMERGENCY_AVAILABLE else State.ENABLED


def _balance_state(gas: Gas) -> Plain:
    below = said(gas, Prepayment.credit_remaining) <= said(gas, Prepayment.cut_off_value)
    return State.EXHAUSTED if below else State.IN_USE


def _debts(gas: Gas) -> Plain:
    return within(sum(said(gas, item) for item in Prepayment.debt_amount))


def _currency(gas: Gas) -> Plain:
    name = _CURRENCIES.get(said(gas, Prepayment.currency))
    if name is None:
        raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "a currency without a name here")
    return (name, money_exponent(gas.reading), CurrencyUnit.MONETARY)


def _period(number: int) -> Callable[[Gas], Plain]:
    def period(gas: Gas) -> Plain:
        frequency = said(gas, Prepayment.debt_recovery_frequency[number])
        if frequency >= len(FREQUENCIES):
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, f"frequency {frequency}")
        return FREQUENCIES[frequency]

    return period


def unit_charge(amount: int, exponent: int, commodity_scale: int = NO_DECIMALS) -> Plain:
    """An amount exactly, as a charge has 15 bits for it. Raises AccessError."""
    while amount > MOST_UNIT_CHARGE and amount % 10 == 0:
        amount, exponent = amount // 10, exponent + 1
    return ((commodity_scale, exponent), NO_COMMODITY, [(b"", within(amount, 0, MOST_UNIT_CHARGE))])


def _recovery(number: int) -> Callable[[Gas], Plain]:
    return lambda gas: unit_charge(said(gas, Prepayment.debt_recovery_amount[number]), money_exponent(gas.reading))


def _price(place: int, commodity_scale: int) -> Callable[[Gas], Plain]:
    def price(gas: Gas) -> Plain:
        prices = published_prices(gas)
        if prices is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "not one price for all")
        return unit_charge(prices[place], -DIGITS, commodity_scale)

    return price


def _share(gas: Gas) -> Plain:
    return within(said(gas, Prepayment.debt_recovery_top_up_percentage[3]), 0, WHOLE)


# --- the table ---


def _same(objects: dict[Obis, Any], kind: type[Orders], members: Sequence[Attribute]) -> list[Cell]:
    return [
        Cell(name, kind, member, _fixed(thing.read(member.number).python), text="always the same")
        for name, thing in objects.items()
        for member in members
    ]


def _control(data: Data, gas: Gas) -> None:
    cut_off(data.value, gas)


_A, _C, _G, _L = Account, Credit, Charge, Limit
_DEBTS: Final = ((TIME_DEBT_1, 1), (TIME_DEBT_2, 2), (PAYMENT_DEBT, 3))

CELLS: Final[tuple[Cell, ...]] = (
    Cell(ACCOUNT, _A, _A.account_mode_and_status, _mode, (Prepayment.payment_control_configuration,), "the account is active"),
    Cell(ACCOUNT, _A, _A.current_credit_in_use, _in_use, (Prepayment.credit_status,), "0: none, 1: balance, 2: emergency"),
    Cell(ACCOUNT, _A, _A.current_credit_status, _credit_states, (
        Prepayment.credit_status, Prepayment.credit_remaining, Prepayment.emergency_credit_remaining,
    )),
    Cell(ACCOUNT, _A, _A.available_credit, _available, (
        Prepayment.credit_remaining, Prepayment.emergency_credit_remaining, Prepayment.credit_status,
    ), "what is above nothing"),
    Cell(ACCOUNT, _A, _A.aggregated_debt, _debts, tuple(Prepayment.debt_amount), "sum"),
    Cell(ACCOUNT, _A, _A.credit_reference_list, _fixed(list(_CREDITS)), text="always the same"),
    Cell(ACCOUNT, _A, _A.charge_reference_list, _fixed(list(_CHARGES)), text="always the same"),
    Cell(ACCOUNT, _A, _A.currency, _currency, (Prepayment.currency, Prepayment.currency_scaling_factor)),
    Cell(ACCOUNT, _A, _A.low_credit_threshold, _amount(Prepayment.low_credit_warning_level), (
        Prepayment.low_credit_warning_level,
    )),
    Cell(ACCOUNT, _A, _A.next_credit_available_threshold, _amount(Prepayment.emergency_credit_threshold), (
        Prepayment.emergency_credit_threshold,
    )),
    Cell(ACCOUNT, _A, _A.max_provision, lambda gas: within(said(gas, Prepayment.overall_debt_cap), 0, 0xFFFF), (
        Prepayment.overall_debt_cap,
    ), write=lambda data, gas: cap(data.value, gas), commands=(Prepayment.SetOverallDebtCap,)),
    Cell(NEXT_ACCOUNT, _A, _A.currency, _currency, (Prepayment.currency, Prepayment.currency_scaling_factor)),
    *_same(_CREDITS, _C, (_C.credit_type, _C.priority, _C.credit_configuration)),
    Cell(BALANCE, _C, _C.current_credit_amount, _amount(Prepayment.credit_remaining), (Prepayment.credit_remaining,)),
    Cell(BALANCE, _C, _C.warning_threshold, _amount(Prepayment.low_credit_warning_level), (Prepayment.low_credit_warning_level,),
         write=lambda data, gas: warning(within(data.value, 0), gas), commands=(Prepayment.SetLowCreditWarningLevel,)),
    Cell(BALANCE, _C, _C.limit, _amount(Prepayment.cut_off_value), (Prepayment.cut_off_value,),
         write=_control, commands=(Prepayment.ChangePaymentMode,)),
    Cell(BALANCE, _C, _C.credit_status, _balance_state, (Prepayment.credit_remaining, Prepayment.cut_off_value),
         "in use above the cut-off value, else exhausted"),
    Cell(EMERGENCY, _C, _C.current_credit_amount, _lent, (Prepayment.emergency_credit_remaining, Prepayment.credit_status),
         "nothing before it is selected"),
    Cell(EMERGENCY, _C, _C.limit, _fixed(0), text="always the same"),
    Cell(EMERGENCY, _C, _C.credit_status, _emergency_state, (Prepayment.credit_status,)),
    Cell(EMERGENCY, _C, _C.preset_credit_amount, _amount(Prepayment.emergency_credit_limit_allowance), (
        Prepayment.emergency_credit_limit_allowance,
    ), write=lambda data, gas: emergency(gas, limit=within(data.value, 0)), commands=(Prepayment.EmergencyCreditSetup,)),
    Cell(EMERGENCY, _C, _C.credit_available_threshold, _amount(Prepayment.emergency_credit_threshold), (
        Prepayment.emergency_credit_threshold,
    ), write=lambda data, gas: emergency(gas, threshold=within(data.value, 0)), commands=(Prepayment.EmergencyCreditSetup,)),
    Cell(ACCUMULATED, _C, _C.current_credit_amount, _amount(Prepayment.accumulated_debt, -1), (Prepayment.accumulated_debt,),
         "what is owed, below nothing"),
    *_same(_CHARGES, _G, (_G.charge_type, _G.priority, _G.charge_configuration)),
    Cell(TARIFF, _G, _G.unit_charge_active, _price(1, KILOWATT_HOURS), text="as `7-0:130.3.1`"),
    Cell(STANDING, _G, _G.unit_charge_active, _price(0, NO_DECIMALS), text="as `7-0:130.3.1`"),
    Cell(STANDING, _G, _G.period, _fixed(DAY), text="always the same"),
    *(
        Cell(name, _G, _G.total_amount_remaining, _amount(Prepayment.debt_amount[number]), (Prepayment.debt_amount[number],))
        for name, number in _DEBTS
    ),
    *(
        cell
        for name, number in _DEBTS[:2]
        for cell in (
            Cell(name, _G, _G.period, _period(number), (Prepayment.debt_recovery_frequency[number],),
                 "seconds of an hour, a day, a week, 30 days, 90 days", debt(number, "period"), (Prepayment.ChangeDebt,)),
            Cell(name, _G, _G.unit_charge_active, _recovery(number), (Prepayment.debt_recovery_amount[number],),
                 "exactly, by the price's scale"),
        )
    ),
    Cell(PAYMENT_DEBT, _G, _G.proportion, _share, (
        Prepayment.debt_recovery_top_up_percentage[3],
    ), "hundredths of a percent", debt(3, "proportion"), (Prepayment.ChangeDebt,)),
    Cell(LARGEST_TOP_UP, _L, _L.value_active, lambda gas: axdr.i32(within(said(gas, Prepayment.max_credit_per_top_up))), (
        Prepayment.max_credit_per_top_up,
    ), "double-long", lambda data, gas: largest(gas, top_up=within(data.value, 0)), (Prepayment.SetMaximumCreditLimit,)),
    Cell(LARGEST_BALANCE, _L, _L.value_active, lambda gas: axdr.i32(within(said(gas, Prepayment.max_credit_limit))), (
        Prepayment.max_credit_limit,
    ), "double-long", lambda data, gas: largest(gas, balance=within(data.value, 0)), (Prepayment.SetMaximumCreditLimit,)),
    *(
        Cell(name, _L, _L.scaler_unit_active, lambda gas: (money_exponent(gas.reading), Unit.CURRENCY), (
            Prepayment.currency_scaling_factor,
        ))
        for name in (LARGEST_TOP_UP, LARGEST_BALANCE)
    ),
)  # fmt: skip
"""Every attribute that can be said. Amounts are in the currency's scale."""

CALLS: Final[tuple[Call, ...]] = (
    Call(BALANCE, _C, _C.update_amount, lambda data, gas: adjust(Adjustment.INCREMENTAL, data.value, gas),
         (Prepayment.CreditAdjustment,), "incremental"),
    Call(BALANCE, _C, _C.set_amount_to_value, lambda data, gas: adjust(Adjustment.ABSOLUTE, data.value, gas),
         (Prepayment.CreditAdjustment,), "absolute"),
    Call(EMERGENCY, _C, _C.invoke_credit, lambda data, gas: select(gas), (Prepayment.SelectAvailableEmergencyCredit,),
         "by the energy services interface"),
    *(
        call
        for name, number in _DEBTS
        for call in (
            Call(name, _G, _G.update_total_amount_remaining, debt(number, "increment"), (Prepayment.ChangeDebt,), "incremental"),
            Call(name, _G, _G.set_total_amount_remaining, debt(number, "amount"), (Prepayment.ChangeDebt,), "absolute"),
        )
    ),
)  # fmt: skip
"""Every method that is one command. A debt's prices and the mode wait here first: `activations`."""


# --- the objects ---


def account_objects(gas: Gas) -> list[InterfaceClass]:
    """All of them."""
    kinds = {cell.name: cell.kind for cell in CELLS}
    return [_object(gas, name, kind) for name, kind in kinds.items()]


def _object(gas: Gas, name: Obis, kind: type[Orders]) -> InterfaceClass:
    cells = {cell.member.name: cell for cell in CELLS if cell.name == name}
    given: dict[str, Any] = {
        member.name: _source(gas, cells.get(member.name)) for number, member in kind.attributes.items() if number > 1
    }
    on = {cell.member.name: _hook(gas, cell.write) for cell in cells.values() if cell.write is not None}
    on |= {call.method.name: _hook(gas, call.carry) for call in CALLS if call.name == name}
    written = {cell.member.name for cell in cells.values() if cell.write is not None}
    if name == NEXT_ACCOUNT:
        given["account_mode_and_status"] = (PaymentMode.CREDIT, AccountStatus.NEW)
        on["activate_account"] = lambda argument: _activate(gas, thing, 0)
        on["account_activation_time"] = lambda data: _activate(gas, thing, moment(data))
        written |= {"account_mode_and_status", "account_activation_time"}
    number = {TIME_DEBT_1: 1, TIME_DEBT_2: 2}.get(name)
    if number is not None:
        given["unit_charge_passive"] = ((NO_DECIMALS, prepaid.SCALE), NO_COMMODITY, [(b"", 0)])
        on["activate_passive_unit_charge"] = _hook(gas, lambda data, gas: _recover(gas, thing, number))
        written.add("unit_charge_passive")
    access = {member.name: Access.READ_WRITE if member.name in written else Access.READ for member in kind.attributes.values()}
    access.pop("logical_name")
    thing = kind(name, on=on, access=access, **given)
    if number is not None:
        thing.own = _PRICED
    return thing


def _source(gas: Gas, cell: Cell | None) -> Callable[[], Plain]:
    def read() -> Plain:
        if cell is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "not in Smart Energy")
        value = cell.of(gas)
        gas.translated += 1
        return value

    return read


def _hook(gas: Gas, carry: Callable[[Data, Gas], None]) -> Callable[[Data], None]:
    return lambda data: carry(data, gas)


def _activate(gas: Gas, account: InterfaceClass, at: int | None) -> None:
    """The mode of the account to come, now (0) or at a time (UTC ns); never (None) takes back what waits for one."""
    assert isinstance(account, Account)
    mode(gas, prepaid=account.mode == PaymentMode.PREPAYMENT, at=None if at is None else max(seconds(at), 0) if at else 0)


def _recover(gas: Gas, charge: InterfaceClass, number: int) -> None:
    """The passive prices of a debt are what is recovered each time."""
    scaling, _, table = charge.read(Charge.unit_charge_passive.number).value
    (commodity, exponent), prices = (scale.value for scale in scaling.value), [line.value[1].value for line in table.value]
    if commodity or len(prices) != 1:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "one price, of a time")
    up = exponent - money_exponent(gas.reading)
    amount, rest = divmod(prices[0] * 10 ** max(up, 0), 10 ** max(-up, 0))
    if rest:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "less than the currency's scale")
    debt(number, "recovery")(axdr.i64(within(amount, 0, 0xFFFFFFFF)), gas)


def activations() -> Iterable[tuple[Obis, type[InterfaceClass], Method | Attribute, type[Frame], str]]:
    """What is carried out with what waited here before."""
    yield NEXT_ACCOUNT, Account, Account.activate_account, Prepayment.ChangePaymentMode, "the mode written before, now"
    yield NEXT_ACCOUNT, Account, Account.account_activation_time, Prepayment.ChangePaymentMode, "likewise at a time; never: cancels"
    for name in (TIME_DEBT_1, TIME_DEBT_2):
        yield name, Charge, Charge.activate_passive_unit_charge, Prepayment.ChangeDebt, "the one price written before"
