"""Account, credits, charges and tokens: what is taken from where, what is paid back first, and nothing lost on the way.

Amounts are thousandths of a penny and prices as GB's published messages have them: 21.21 p a kilowatt-hour is 2121 at price
scale -5, commodity scale 3 (watt-hours).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.account import Account, AccountStatus, CurrencyUnit, PaymentMode
from protocols.dlms.cosem.activation import AT_ONCE, NEVER
from protocols.dlms.cosem.charge import COMMODITY, NO_COMMODITY, Charge, ChargeType
from protocols.dlms.cosem.credit import Credit, CreditStatus, CreditType
from protocols.dlms.cosem.payment import Payment
from protocols.dlms.cosem.token import Delivery, Judgement, TokenGateway, TokenStatus
from protocols.dlms.cosem.zone import UTC
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

S = 1_000_000_000
DAY = 86_400 * S
NOW = 1_700_000_000 * S
ENERGY = (3, Obis("1-0:1.8.0"), 2)
BALANCE, EMERGENCY = Obis("0-0:19.10.0"), Obis("0-0:19.10.1")
ENERGY_CHARGE, STANDING, DEBT = Obis("0-0:19.20.0"), Obis("0-0:19.20.4"), Obis("0-0:19.20.3")
ZERO = axdr.i8(0)


def refusal(act: Callable[[], object]) -> int:
    with pytest.raises(AccessError) as caught:
        act()
    return caught.value.result


class Contract:
    """A meter balance with emergency credit behind it; energy by tariff, a standing charge, and a debt paid by payments."""

    def __init__(self, balance: int = 100_000, **account: object) -> None:
        self.balance = Credit(
            BALANCE, current_credit_amount=balance, credit_type=CreditType.TOKEN_CREDIT, priority=1,
            warning_threshold=50_000, credit_configuration="00001",
        )  # fmt: skip
        self.emergency = Credit(
            EMERGENCY, credit_type=CreditType.EMERGENCY_CREDIT, priority=2, credit_configuration="01100",
            preset_credit_amount=500_000, credit_available_threshold=10_000,
        )  # fmt: skip
        self.energy = Charge(
            ENERGY_CHARGE, charge_type=ChargeType.CONSUMPTION_BASED_COLLECTION,
            unit_charge_active=((3, -5), ENERGY, [(b"\1", 2121), (b"\2", 1000)]),
            unit_charge_passive=((3, -5), ENERGY, [(b"\1", 3000), (b"\2", 1500)]),
        )  # fmt: skip
        self.standing = Charge(
            STANDING, charge_type=ChargeType.TIME_BASED_COLLECTION, priority=2, period=86_400, charge_configuration="01",
            unit_charge_active=((0, -5), NO_COMMODITY, [(b"", 20_000)]),
        )  # fmt: skip
        self.debt = Charge(
            DEBT, charge_type=ChargeType.PAYMENT_EVENT_BASED_COLLECTION, priority=3, charge_configuration="10",
            proportion=2_500, total_amount_remaining=60_000,
        )  # fmt: skip
        given = {
            "account_mode_and_status": (PaymentMode.PREPAYMENT, AccountStatus.ACTIVE),
            "currency": ("GBP", -5, CurrencyUnit.MONETARY),
        }
        self.account = Account("0-0:19.0.0", **(given | account))
        self.payment = Payment(self.account, [self.balance, self.emergency], [self.energy, self.standing, self.debt])

    @property
    def statuses(self) -> tuple[CreditStatus, CreditStatus]:
        return self.balance.status, self.emergency.status


def test_energy_is_taken_from_the_balance_to_the_thousandth_of_a_penny() -> None:
    contract = Contract()
    for _ in range(1000):
        contract.payment.consumed(1, NOW, b"\1")
    assert contract.balance.amount == 100_000 - 2121
    assert contract.energy.total_amount_paid == axdr.i32(2121)
    contract.payment.consumed(2500, NOW, b"\2")
    assert contract.balance.amount == 100_000 - 2121 - 2500
    assert contract.energy.last_collection_amount == axdr.i32(2500)
    assert contract.energy.last_collection_time == axdr.date_time(date_time.encode(NOW))


@given(st.lists(st.integers(0, 5000), max_size=60))
def test_no_fraction_is_lost_however_consumption_is_cut(pieces: list[int]) -> None:
    contract = Contract(balance=2**30)
    for piece in pieces:
        contract.payment.consumed(piece, NOW, b"\1")
    assert contract.balance.amount == 2**30 - sum(pieces) * 2121 // 1000


def test_a_tariff_without_a_price_costs_nothing() -> None:
    contract = Contract()
    contract.payment.consumed(10_000, NOW, b"\7")
    assert contract.balance.amount == 100_000


def test_the_standing_charge_is_taken_for_every_whole_period() -> None:
    contract = Contract()
    assert contract.payment.deadline == 0
    contract.payment.expire(NOW)  # begins
    assert contract.balance.amount == 100_000
    assert contract.payment.deadline == NOW + DAY
    contract.payment.expire(NOW + DAY - 1)
    assert contract.balance.amount == 100_000
    contract.payment.expire(NOW + 3 * DAY + 5)
    assert contract.balance.amount == 40_000
    assert contract.payment.deadline == NOW + 4 * DAY


def test_a_clock_set_back_collects_nothing_twice() -> None:
    contract = Contract()
    contract.payment.expire(NOW)
    contract.payment.expire(NOW + DAY)
    for at in (NOW, NOW + DAY - 1, NOW + DAY):
        contract.payment.expire(at)
        assert contract.balance.amount == 80_000
    contract.payment.expire(NOW - 365 * DAY)
    contract.payment.expire(NOW - 364 * DAY)
    assert contract.balance.amount == 60_000


def test_a_payment_feeds_the_debt_first_and_only_as_far_as_it_goes() -> None:
    contract = Contract(balance=0)
    contract.payment.paid(100_000, NOW)
    assert (contract.debt.remaining, contract.balance.amount) == (35_000, 75_000)
    assert contract.account.aggregated_debt == axdr.i32(35_000)
    contract.payment.paid(1_000_000, NOW)
    assert (contract.debt.remaining, contract.balance.amount) == (0, 75_000 + 965_000)
    contract.payment.paid(1_000, NOW)
    assert contract.balance.amount == 1_041_000
    assert contract.debt.total_amount_paid == axdr.i32(60_000)


def test_payments_lose_no_more_than_the_cap_in_a_period() -> None:
    contract = Contract(balance=0, max_provision=30_000, max_provision_period=604_800)
    for at in (NOW, NOW + DAY, NOW + 7 * DAY):
        contract.payment.paid(100_000, at)
    assert contract.debt.remaining == 60_000 - 25_000 - 5_000 - 25_000


def test_emergency_credit_is_offered_selected_used_and_paid_back() -> None:
    contract = Contract(balance=12_000)
    assert contract.statuses == (CreditStatus.IN_USE, CreditStatus.ENABLED)
    assert refusal(lambda: contract.emergency.invoke(3, ZERO)) == DataAccessResult.OTHER_REASON
    contract.payment.consumed(3_000, NOW, b"\2")
    assert contract.statuses == (CreditStatus.IN_USE, CreditStatus.SELECTABLE)
    contract.emergency.invoke(3, ZERO)
    assert contract.statuses == (CreditStatus.IN_USE, CreditStatus.SELECTED)
    assert contract.account.available_credit == axdr.i32(9_000 + 500_000)
    contract.payment.consumed(109_000, NOW, b"\2")
    assert contract.statuses == (CreditStatus.EXHAUSTED, CreditStatus.IN_USE)
    assert (contract.balance.amount, contract.emergency.amount) == (0, 400_000)
    assert contract.account.current_credit_in_use == axdr.u8(2)
    assert contract.account.amount_to_clear == axdr.i32(100_000)
    assert contract.account.current_credit_status == axdr.bits("10000100")
    contract.debt.invoke(5, axdr.i32(0))
    contract.payment.paid(150_000, NOW)
    assert (contract.balance.amount, contract.emergency.amount) == (50_000, 500_000)
    assert contract.statuses == (CreditStatus.IN_USE, CreditStatus.ENABLED)
    assert contract.account.amount_to_clear == axdr.i32(0)
    assert contract.account.available_credit == axdr.i32(50_000)


def test_priorities_can_be_turned_round() -> None:
    contract = Contract(balance=12_000)
    contract.payment.consumed(3_000, NOW, b"\2")
    contract.emergency.invoke(3, ZERO)
    contract.balance.write(4, axdr.u8(3))
    assert contract.statuses == (CreditStatus.SELECTED, CreditStatus.IN_USE)
    contract.payment.consumed(1_000, NOW, b"\2")
    assert (contract.balance.amount, contract.emergency.amount) == (9_000, 499_000)
    contract.emergency.write(4, axdr.u8(0))
    assert contract.statuses[0] == CreditStatus.IN_USE
    assert contract.account.available_credit == axdr.i32(9_000)


def test_without_credit_consumption_is_owed_and_paid_back() -> None:
    contract = Contract(balance=1_000)
    contract.payment.consumed(5_000, NOW, b"\2")
    assert contract.balance.amount == -4_000
    assert contract.payment.in_use is None
    assert contract.account.current_credit_in_use == axdr.u8(0)
    assert contract.account.amount_to_clear == axdr.i32(4_000)
    assert contract.account.current_credit_status.value[6] == "1"
    contract.debt.invoke(5, axdr.i32(0))
    contract.payment.paid(10_000, NOW)
    assert contract.balance.amount == 6_000
    assert contract.statuses[0] == CreditStatus.IN_USE


def test_the_clearance_threshold_is_on_top_of_what_is_owed() -> None:
    contract = Contract(balance=-1, clearance_threshold=500)
    assert contract.account.amount_to_clear == axdr.i32(501)
    contract.payment.paid(100_000, NOW)
    assert contract.account.amount_to_clear == axdr.i32(0)


def test_a_limit_below_nothing_is_a_disablement_threshold() -> None:
    contract = Contract(balance=1_000)
    contract.balance.write(6, axdr.i32(-5_000))
    contract.payment.consumed(5_999, NOW, b"\2")
    assert contract.statuses[0] == CreditStatus.IN_USE
    contract.payment.consumed(1, NOW, b"\2")
    assert (contract.balance.amount, contract.statuses[0]) == (-5_000, CreditStatus.EXHAUSTED)


def test_which_charge_is_taken_from_which_credit() -> None:
    """GB: the standing charge is not taken while the supply is not to be cut (collection_configuration)."""
    lines = [(BALANCE, ENERGY_CHARGE, "111"), (BALANCE, STANDING, "110")]
    contract = Contract(credit_charge_configuration=lines)
    contract.payment.expire(NOW)
    contract.payment.friendly = True
    contract.payment.expire(NOW + DAY)
    contract.payment.consumed(1_000, NOW, b"\2")
    assert contract.balance.amount == 99_000
    contract.payment.friendly = False
    contract.payment.expire(NOW + DAY)
    assert contract.balance.amount == 79_000


def test_a_token_shared_between_credits() -> None:
    contract = Contract(balance=0, token_gateway_configuration=[(BALANCE, 67), (EMERGENCY, 33)])
    contract.debt.invoke(5, axdr.i32(0))
    contract.payment.paid(101, NOW)
    assert (contract.balance.amount, contract.emergency.amount) == (101 - 33, 33)
    value = axdr.array([axdr.structure(axdr.octets(BALANCE), axdr.u8(60)), axdr.structure(axdr.octets(EMERGENCY), axdr.u8(41))])
    assert refusal(lambda: contract.account.write(12, value)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


@pytest.mark.parametrize("amount", [-1, 2**31, 2**31 - 1 - 99_999])
def test_a_payment_that_no_credit_can_hold_changes_nothing(amount: int) -> None:
    contract = Contract()
    before = contract.payment.image()
    assert refusal(lambda: contract.payment.paid(amount, NOW)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert contract.payment.image() == before


def test_an_account_lives_once() -> None:
    contract = Contract(account_mode_and_status=(PaymentMode.PREPAYMENT, AccountStatus.NEW))
    contract.payment.consumed(1_000, NOW, b"\1")
    assert contract.balance.amount == 100_000  # nothing is taken from a new one
    assert refusal(lambda: contract.account.invoke(2, ZERO)) == DataAccessResult.TEMPORARY_FAILURE
    contract.account.invoke(1, ZERO)
    contract.payment.consumed(1_000, NOW, b"\1")
    assert contract.balance.amount == 100_000 - 2121
    assert refusal(lambda: contract.account.invoke(1, ZERO)) == DataAccessResult.TEMPORARY_FAILURE
    contract.account.invoke(2, ZERO)
    contract.payment.consumed(1_000, NOW, b"\1")
    assert contract.balance.amount == 100_000 - 2121
    contract.account.invoke(3, ZERO)
    assert (contract.balance.amount, contract.debt.remaining) == (0, 0)
    assert contract.account.status == AccountStatus.NEW


def test_activation_by_time() -> None:
    contract = Contract(account_mode_and_status=(PaymentMode.PREPAYMENT, AccountStatus.NEW))
    contract.account.write(13, axdr.octets(date_time.encode(NOW)))
    contract.energy.write(7, axdr.octets(AT_ONCE))
    for thing in (contract.account, contract.energy):
        for call in thing.calls(NOW - S, NOW, UTC):
            thing.invoke(call.method, call.argument)
    assert contract.account.status == AccountStatus.ACTIVE
    assert contract.energy.prices() == {b"\1": 3000, b"\2": 1500}
    assert contract.account.account_activation_time == contract.energy.unit_charge_activation_time == axdr.octets(NEVER)


def test_an_image_survives_the_power() -> None:
    contract, other = Contract(), Contract(balance=0)
    contract.payment.consumed(1_234, NOW, b"\1")
    contract.payment.expire(NOW)
    contract.payment.paid(10_000, NOW)
    image = contract.payment.image()
    other.payment.restore(image)
    assert other.payment.image() == image
    for each in (contract, other):
        each.payment.consumed(4_321, NOW, b"\1")
        each.payment.expire(NOW + DAY)
    assert other.payment.image() == contract.payment.image()


# --- charges by their methods


def test_new_prices_wait_in_the_passive_charge() -> None:
    charge = Contract().energy
    charge.invoke(1, axdr.array([axdr.structure(axdr.octets(b"\2"), axdr.i16(900))]))
    assert charge.prices() == {b"\1": 2121, b"\2": 1000}
    charge.invoke(2, ZERO)
    assert charge.prices() == {b"\1": 3000, b"\2": 900}
    unknown = axdr.array([axdr.structure(axdr.octets(b"\1"), axdr.i16(1)), axdr.structure(axdr.octets(b"\3"), axdr.i16(1))])
    before = charge.unit_charge_passive
    assert refusal(lambda: charge.invoke(1, unknown)) == DataAccessResult.OBJECT_UNAVAILABLE
    assert charge.unit_charge_passive == before


def test_a_published_debt_recovery_rate_fits_the_class() -> None:
    """RTDS 4.5.0, ECS08a: SET of unit_charge_passive, then activate, then the debt's adjustment."""
    charge = Charge("0-0:19.20.1", charge_type=ChargeType.TIME_BASED_COLLECTION)
    charge.write(6, Data.parse(bytes.fromhex("0203 0202 0F00 0FFF 0203 120000 0906000000000000 0F00 0101 0202 0900 100003")))
    charge.write(8, axdr.u32(86_400))
    charge.invoke(2, ZERO)
    charge.invoke(4, axdr.i32(30_000))
    assert charge.price() == 3
    assert charge.remaining == 30_000
    assert charge.cost(1, -5) == (30_000, (0, 1))


def unit_charge(scale: int, *indices: bytes) -> Data:
    lines = axdr.array(axdr.structure(axdr.octets(index), axdr.i16(1)) for index in indices)
    return axdr.structure(axdr.structure(axdr.i8(0), axdr.i8(scale)), COMMODITY.of(NO_COMMODITY), lines)


@pytest.mark.parametrize(
    "number, value, result",
    [
        (6, unit_charge(-19, b""), 13), (6, unit_charge(0, b"\1", b"\1"), 13), (6, axdr.null(), 12),
        (6, unit_charge(0, *(bytes((n, 0)) for n in range(129))), 13), (7, axdr.octets(bytes(11)), 12), (13, axdr.u16(10_001), 13),
    ],
)  # fmt: skip
def test_charges_that_are_refused(number: int, value: Data, result: int) -> None:
    charge = Contract().energy
    before = charge.read(number)
    assert refusal(lambda: charge.write(number, value)) == result
    assert charge.read(number) == before


def test_amounts_stay_what_their_type_holds() -> None:
    credit = Contract().balance
    assert refusal(lambda: credit.invoke(1, axdr.i32(2**31 - 1))) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert credit.amount == 100_000
    credit.invoke(2, axdr.i32(-(2**31)))
    assert refusal(lambda: credit.invoke(1, axdr.i32(-1))) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    charge = Contract().debt
    charge.invoke(5, axdr.i32(2**31 - 1))
    assert refusal(lambda: charge.invoke(4, axdr.i32(1))) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    charge.invoke(4, axdr.i32(-(2**31)))
    assert charge.remaining == 0


# --- tokens


def gateway(judgement: Judgement) -> TokenGateway:
    return TokenGateway("0-0:19.40.0", accept=lambda token: judgement, time=lambda: date_time.encode(NOW))


def test_a_token_and_what_became_of_it() -> None:
    """The 20 digits of a published message (RTDS 4.5.0, CS01a)."""
    gate = gateway(Judgement(TokenStatus.EXECUTION_OK, (b"1000",), "101"))
    gate.invoke(1, axdr.octets(b"73941643320302137315"))
    assert gate.token.python == b"73941643320302137315"
    assert gate.token_time == axdr.octets(date_time.encode(NOW))
    assert gate.token_description.python == [b"1000"]
    assert gate.token_status == axdr.structure(axdr.enum(3), axdr.bits("101"))
    gate.receive(b"1", Delivery.MANUAL)
    assert gate.token_delivery_method == axdr.enum(Delivery.MANUAL)


def test_a_token_that_fails_is_refused_and_says_why() -> None:
    gate = gateway(Judgement(TokenStatus.AUTHENTICATION_FAILURE))
    assert refusal(lambda: gate.invoke(1, axdr.octets(b"73941643320302137315"))) == DataAccessResult.OTHER_REASON
    assert gate.token_status.python == [5, ""]
    assert refusal(lambda: gate.invoke(1, axdr.octets(b""))) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(lambda: gate.invoke(1, axdr.visible("1"))) == DataAccessResult.TYPE_UNMATCHED
    assert gate.token.python == b"73941643320302137315"
