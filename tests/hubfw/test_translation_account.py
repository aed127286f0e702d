"""The gas meter's account as COSEM has it: every row over its range and back, and what cannot be said is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubfw.gas_mirror import Reading
from hubfw.translation import MOST_WAITING, Gas
from hubfw.translation_account import CALLS, CELLS, Charge, account_objects, unit_charge
from hubfw.translation_payments import LOGS, Payments
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Clock, date_time
from protocols.dlms.cosem.token import TokenStatus
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.mirror import PrepaymentCommand, Scheme
from protocols.zigbee.clusters.prepayment import (
    CreditStatus,
    DebtCreditStatus,
    DebtPayment,
    PaymentControl,
    Prepayment,
    TopUp,
    TopUpResult,
)
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.mirror.notification import Notifications

CODE = b"73943333457189043313"
BALANCE, EMERGENCY, ACCUMULATED = (Obis(f"0-0:19.10.{n}") for n in range(3))
TARIFF, DEBT_1, DEBT_2, DEBT_3, STANDING = (Obis(f"0-0:19.20.{n}") for n in range(5))
ACCOUNT, NEXT = Obis("0-0:19.0.0"), Obis("0-1:19.0.0")
TOP_UP, LARGEST = Obis("0-0:94.44.2.10"), Obis("0-0:94.44.2.20")
I32, U16 = (-(1 << 31), (1 << 31) - 1), (0, 0xFFFF)
AMOUNT = 0, I32[1]

WRITES = {
    (ACCOUNT, 18): (axdr.u16, U16, "overall_debt_cap", Prepayment.overall_debt_cap),
    (BALANCE, 5): (axdr.i32, AMOUNT, "low_credit_warning_level", Prepayment.low_credit_warning_level),
    (BALANCE, 6): (axdr.i32, (I32[0] + 1, I32[1]), "cut_off_value", Prepayment.cut_off_value),
    (EMERGENCY, 9): (axdr.i32, AMOUNT, "emergency_credit_limit", Prepayment.emergency_credit_limit_allowance),
    (EMERGENCY, 10): (axdr.i32, AMOUNT, "emergency_credit_threshold", Prepayment.emergency_credit_threshold),
    (DEBT_3, 13): (axdr.u16, (0, 10_000), "debt_recovery_balance_percentage", Prepayment.debt_recovery_top_up_percentage[3]),
    (TOP_UP, 2): (axdr.i32, AMOUNT, "maximum_credit_per_top_up", Prepayment.max_credit_per_top_up),
    (LARGEST, 2): (axdr.i32, AMOUNT, "maximum_credit_level", Prepayment.max_credit_limit),
}
"""Of what is written: type, range, the command's field, and the attribute in which the meter reports it."""
READS = {
    (ACCOUNT, 16): (Prepayment.low_credit_warning_level, 1), (ACCOUNT, 17): (Prepayment.emergency_credit_threshold, 1),
    (BALANCE, 2): (Prepayment.credit_remaining, 1), (EMERGENCY, 2): (Prepayment.emergency_credit_remaining, 1),
    (ACCUMULATED, 2): (Prepayment.accumulated_debt, -1), (DEBT_1, 12): (Prepayment.debt_amount[1], 1),
    (DEBT_2, 12): (Prepayment.debt_amount[2], 1), (DEBT_3, 12): (Prepayment.debt_amount[3], 1),
    **{key: (attribute, 1) for key, (_, _, _, attribute) in WRITES.items()},
}  # fmt: skip
"""Of what is an amount as it is: the attribute, and its sign."""
ALL = {
    Prepayment.payment_control_configuration: int(PaymentControl.PREPAYMENT), Prepayment.credit_remaining: 700,
    Prepayment.emergency_credit_remaining: 500, Prepayment.credit_status: int(CreditStatus.OK), Prepayment.accumulated_debt: 0,
    Prepayment.overall_debt_cap: 1, Prepayment.emergency_credit_limit_allowance: 500, Prepayment.emergency_credit_threshold: 100,
    Prepayment.max_credit_limit: 2, Prepayment.max_credit_per_top_up: 3, Prepayment.low_credit_warning_level: 4,
    Prepayment.cut_off_value: -5, Prepayment.debt_amount[1]: 6, Prepayment.debt_amount[2]: 7, Prepayment.debt_amount[3]: 8,
    Prepayment.debt_recovery_frequency[1]: 1, Prepayment.debt_recovery_frequency[2]: 2, Prepayment.debt_recovery_amount[1]: 9,
    Prepayment.debt_recovery_amount[2]: 10, Prepayment.debt_recovery_top_up_percentage[3]: 11,
    Prepayment.currency_scaling_factor: 1, Prepayment.currency: 826,
}  # fmt: skip


class Clocked:
    valid = True

    def read(self):
        return EPOCH * 1_000_000_000


class Board:
    """Of a hub that has just started."""

    def __init__(self):
        self.nvm, self.rtc = Store(), Clocked()

    def log(self, kind, data):
        pass


class Store(dict):
    put = dict.update


class Mirrors:
    """With what one meter has reported, and what is held for it, as the hub holds it."""

    def __init__(self, values):
        reading = None if values is None else Reading({(Prepayment.id, item.id): value for item, value in values.items()}, 0)
        self.mirror = SimpleNamespace(gas=SimpleNamespace(reading=reading), scheme=Scheme.B)
        self.notifications = Notifications()

    def of(self, eui64):
        return self.mirror

    def hold(self, eui64, flag, command):
        self.notifications.hold(flag, type(command).parse(command.build()))

    def held(self, eui64):
        return [each for held in self.notifications.held.values() for each in held.values()]


class Tariffs:
    def of(self, fuel):
        return None


class Proxy:
    """The objects over one reading; they are made once, and the last one made is the one that counts."""

    objects = None
    gas = None

    def __init__(self, values):
        mirrors = Mirrors(values)
        if Proxy.objects is None:
            Proxy.gas = Gas(Board(), 1, mirrors, Tariffs())
            Proxy.objects = {thing.name: thing for thing in account_objects(self.gas)}
        self.gas._mirrors = mirrors

    def read(self, name, number):
        return Data.parse(self.objects[name].read(number).build())

    @property
    def waiting(self):
        return self.gas.pending


def refusal(call, *arguments):
    with pytest.raises(AccessError) as refused:
        call(*arguments)
    return refused.value.result


def range_of(item):
    """What the attribute can have but the value that says there is none."""
    kind = item.type.name
    return I32 if kind == "int32" else (0, (1 << {"uint16": 16, "uint32": 32}[kind]) - 2)


def spread(least, greatest):
    return st.integers(least, greatest) | st.sampled_from([least, greatest])


@pytest.mark.parametrize("key", READS, ids=str)
@given(data=st.data())
def test_an_amount_is_read_over_the_whole_range_of_either_side(key, data):
    item, sign = READS[key]
    least, greatest = range_of(item)
    value = data.draw(spread(least + (item.type.name == "int32"), greatest))
    proxy = Proxy(ALL | {item: value, Prepayment.credit_status: int(CreditStatus.EMERGENCY_IN_USE)})
    said = sign * value
    bounds = U16 if key == (ACCOUNT, 18) else I32
    if item is Prepayment.debt_recovery_top_up_percentage[3]:
        bounds = 0, 10_000
    if bounds[0] <= said <= bounds[1]:
        assert proxy.read(*key).value == said
    else:
        assert refusal(proxy.read, *key) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


@pytest.mark.parametrize("key", WRITES, ids=str)
@given(data=st.data())
def test_what_is_written_is_the_commands_and_what_the_meter_then_reports_is_read_as_it_was_written(key, data):
    make, (least, greatest), field, item = WRITES[key]
    value = data.draw(spread(least, greatest))
    proxy = Proxy(ALL)
    proxy.objects[key[0]].write(key[1], make(value))
    (command,) = proxy.waiting
    told = getattr(command, field)
    reported = told - (1 << 32) if item.type.name == "int32" and told >> 31 else told
    assert Proxy(ALL | {item: reported}).read(*key).value == value
    others = {
        "cut_off_value": ("proposed_payment_control_configuration", 2),
        "emergency_credit_limit": ("emergency_credit_threshold", 100),
        "emergency_credit_threshold": ("emergency_credit_limit", 500),
        "maximum_credit_level": ("maximum_credit_per_top_up", 3), "maximum_credit_per_top_up": ("maximum_credit_level", 2),
    }  # fmt: skip
    if field in others:  # what the command carries besides is as it was
        other, kept = others[field]
        assert getattr(command, other) == kept


NOT_BELOW_NOTHING = [key for key, (_, (least, _), _, _) in WRITES.items() if key != (ACCOUNT, 18) and least == 0]


@pytest.mark.parametrize("key", NOT_BELOW_NOTHING, ids=str)
def test_an_amount_below_nothing_is_out_of_scope_and_nothing_waits(key):
    proxy = Proxy(ALL)
    make = WRITES[key][0]
    wrong = axdr.u16(10_001) if make is axdr.u16 else axdr.i32(-1)
    assert refusal(proxy.objects[key[0]].write, key[1], wrong) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert proxy.waiting == []


@given(spread(*I32), st.integers(1, 2))
def test_an_adjustment_is_the_commands_for_every_amount(value, method):
    proxy = Proxy(ALL)
    proxy.objects[BALANCE].invoke(method, axdr.i32(value))
    (command,) = proxy.waiting
    assert (command.credit_adjustment_type, command.credit_adjustment_value) == (method - 1, value & 0xFFFFFFFF)


@given(spread(*I32), st.sampled_from([(DEBT_1, 0), (DEBT_2, 2), (DEBT_3, 4)]))
def test_a_debt_is_adjusted_and_set_with_its_recovery_as_it_was(value, debt):
    name, kind = debt
    proxy = Proxy(ALL)
    proxy.objects[name].invoke(4, axdr.i32(value))
    (command,) = proxy.waiting
    settings = {DEBT_1: (1, 9, 0), DEBT_2: (2, 10, 0), DEBT_3: (0, 0, 11)}[name]
    told = command.debt_recovery_frequency, command.debt_recovery_amount, command.debt_recovery_balance_percentage
    assert (command.debt_amount_type, command.debt_amount, told) == (kind + 1, value & 0xFFFFFFFF, settings)
    proxy = Proxy(ALL)
    if value < 0:
        assert refusal(proxy.objects[name].invoke, 5, axdr.i32(value)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return
    proxy.objects[name].invoke(5, axdr.i32(value))
    (command,) = proxy.waiting
    assert (command.debt_amount_type, command.debt_amount) == (kind, value)


@given(st.integers(0, 0xFFFFFFFE) | st.integers(0, 0x7FFF).map(lambda value: value * 10_000))
def test_a_recovery_is_read_exactly_or_refused(value):
    proxy = Proxy(ALL | {Prepayment.debt_recovery_amount[1]: value})
    digits = value
    while digits > 0x7FFF and digits % 10 == 0:
        digits //= 10
    if digits > 0x7FFF:
        assert refusal(proxy.read, DEBT_1, 5) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return
    (_, exponent), _, ((_, price),) = proxy.read(DEBT_1, 5).python
    assert price * 10 ** (exponent + 5) == value


@given(st.integers(0, 0x7FFF), st.integers(-7, 2))
def test_a_price_written_activated_and_reported_is_read_again(price, exponent):
    proxy = Proxy(ALL)
    debt = proxy.objects[DEBT_2]
    debt.write(6, Charge.unit_charge_passive.type.of(((0, exponent), (0, bytes(6), 0), [(b"", price)])))
    amount, rest = divmod(price * 10 ** (exponent + 7), 100)
    if rest or amount > 0xFFFFFFFF:
        assert refusal(debt.invoke, 2, axdr.i8(0)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        return
    debt.invoke(2, axdr.i8(0))
    (command,) = proxy.waiting
    assert command.debt_recovery_amount == amount
    assert (command.debt_amount_type, command.debt_amount) == (3, 0)  # adjusted by nothing
    assert Proxy(ALL | {Prepayment.debt_recovery_amount[2]: amount}).read(DEBT_2, 5).python == (
        Charge.unit_charge_active.type.of(unit_charge(amount, -5)).python
    )


@pytest.mark.parametrize(("number", "seconds"), [*enumerate([3_600, 86_400, 604_800, 2_592_000, 7_776_000])])
def test_each_frequency_is_a_period_and_no_other_is(number, seconds):
    assert Proxy(ALL | {Prepayment.debt_recovery_frequency[1]: number}).read(DEBT_1, 8).value == seconds
    proxy = Proxy(ALL)
    proxy.objects[DEBT_1].write(8, axdr.u32(seconds))
    (command,) = proxy.waiting
    assert command.debt_recovery_frequency == number
    assert refusal(proxy.objects[DEBT_1].write, 8, axdr.u32(seconds + 1)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    unknown = Proxy(ALL | {Prepayment.debt_recovery_frequency[1]: 5})
    assert refusal(unknown.read, DEBT_1, 8) == DataAccessResult.OBJECT_UNAVAILABLE


@pytest.mark.parametrize("status", range(128))
def test_every_credit_status_says_which_credit_is_in_use(status):
    proxy = Proxy(ALL | {Prepayment.credit_status: status})
    in_use = 0 if status & CreditStatus.EXHAUSTED else 2 if status & CreditStatus.EMERGENCY_IN_USE else 1
    assert proxy.read(ACCOUNT, 3).value == in_use
    states = proxy.read(ACCOUNT, 4).value
    assert (states[6] == "1", states[1] == "1") == (bool(status & CreditStatus.EXHAUSTED), bool(status & CreditStatus.LOW))
    assert states[2:6].count("1") == 1
    chosen = status & (CreditStatus.EMERGENCY_SELECTED | CreditStatus.EMERGENCY_IN_USE)
    assert proxy.read(ACCOUNT, 5).value == (1_200 if chosen else 700)
    assert proxy.read(EMERGENCY, 2).value == (500 if chosen else 0)


@pytest.mark.parametrize(("control", "mode"), [(0, 1), (2, 2), (0x93, 2), (0x90, 1), (0xFFFE, 2)])
def test_the_mode_is_a_bit_of_payment_control(control, mode):
    assert Proxy(ALL | {Prepayment.payment_control_configuration: control}).read(ACCOUNT, 2).python == [mode, 2]


@pytest.mark.parametrize(("mode", "control"), [(1, 0), (2, 3)])
def test_the_account_to_come_is_the_mode_now_at_a_time_or_never(mode, control):
    proxy = Proxy(ALL)
    account = proxy.objects[NEXT]
    account.write(2, axdr.structure(axdr.enum(mode), axdr.enum(1)))
    account.invoke(1, axdr.i8(0))
    (command,) = proxy.waiting
    assert (command.implementation_date_time, command.proposed_payment_control_configuration) == (0, control)
    assert command.cut_off_value == (-5) & 0xFFFFFFFF
    account.write(13, axdr.octets(date_time.encode((EPOCH + 1_000) * 1_000_000_000)))
    assert proxy.waiting[0].implementation_date_time == 1_000
    account.write(13, axdr.octets(bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")))
    assert proxy.waiting[0].implementation_date_time == 0xFFFFFFFF


def test_orders_that_add_up_wait_beside_each_other_and_the_ninth_does_not():
    proxy = Proxy(ALL)
    balance = proxy.objects[BALANCE]
    balance.invoke(2, axdr.i32(1))
    for number in range(MOST_WAITING - 1):
        balance.invoke(1, axdr.i32(number))
    assert [each.credit_adjustment_value for each in proxy.waiting] == [1, *range(MOST_WAITING - 1)]
    assert refusal(balance.invoke, 1, axdr.i32(9)) == DataAccessResult.TEMPORARY_FAILURE
    plain = proxy.gas._mirrors.notifications.plain()
    assert Notifications.from_plain(plain, [Prepayment]).held == proxy.gas._mirrors.notifications.held


def test_settings_of_a_debt_are_put_together_and_wait_for_its_adjustments():
    proxy = Proxy(ALL)
    debt = proxy.objects[DEBT_1]
    debt.write(8, axdr.u32(3_600))
    debt.invoke(5, axdr.i32(77))
    debt.invoke(1, axdr.array([axdr.structure(axdr.octets(b""), axdr.i16(12))]))
    debt.invoke(2, axdr.i8(0))
    (command,) = proxy.waiting
    told = command.debt_amount_type, command.debt_amount, command.debt_recovery_frequency, command.debt_recovery_amount
    assert told == (0, 77, 0, 12)
    proxy.objects[DEBT_2].invoke(5, axdr.i32(5))
    debt.invoke(4, axdr.i32(1))
    assert len(proxy.waiting) == 3
    assert refusal(debt.write, 8, axdr.u32(86_400)) == DataAccessResult.TEMPORARY_FAILURE
    proxy.objects[DEBT_2].write(8, axdr.u32(86_400))
    assert len(proxy.waiting) == 3


# --- refusals, row by row ---


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.items], ids=lambda cell: f"{cell.name} {cell.member.name}")
def test_without_a_set_it_is_a_temporary_failure_and_without_any_of_its_items_unavailable(cell):
    nothing = Proxy(None)
    assert refusal(nothing.read, cell.name, cell.member.number) == DataAccessResult.TEMPORARY_FAILURE
    for item in cell.items:
        without = Proxy({each: value for each, value in ALL.items() if each is not item})
        needed = item is not Prepayment.emergency_credit_remaining  # only what is selected counts
        if needed:
            assert refusal(without.read, cell.name, cell.member.number) == DataAccessResult.OBJECT_UNAVAILABLE


def test_what_is_not_in_the_table_is_not_read_written_or_called():
    proxy = Proxy(ALL)
    said = {(cell.name, cell.member.name) for cell in CELLS}
    written = {(cell.name, cell.member.name) for cell in CELLS if cell.write} | {(NEXT, "account_mode_and_status")}
    written |= {(NEXT, "account_activation_time"), (DEBT_1, "unit_charge_passive"), (DEBT_2, "unit_charge_passive")}
    called = {(call.name, call.method.name) for call in CALLS} | {(NEXT, "activate_account")}
    called |= {(name, method) for name in (DEBT_1, DEBT_2) for method in ("update_unit_charge", "activate_passive_unit_charge")}
    denied = 0
    for name, thing in proxy.objects.items():
        for number, member in thing.attributes.items():
            here = name, member.name
            if number > 1 and here not in said | written:
                assert refusal(thing.read, number) == DataAccessResult.OBJECT_UNAVAILABLE, here
            if number > 1 and here not in written:
                assert refusal(thing.write, number, axdr.i32(1)) == DataAccessResult.READ_WRITE_DENIED, here
                denied += 1
            assert (thing.attribute_access(number).name == "READ_WRITE") is (here in written), here
        for number, method in thing.methods.items():
            if (name, method.name) not in called:
                assert refusal(thing.invoke, number, axdr.i8(0)) == DataAccessResult.READ_WRITE_DENIED, (name, method.name)
                assert not thing.carries_out(number)
    assert denied > 100
    assert proxy.waiting == []


def test_a_currency_without_a_name_and_prices_that_nobody_published_are_unavailable():
    proxy = Proxy(ALL | {Prepayment.currency: 999})
    assert refusal(proxy.read, ACCOUNT, 15) == DataAccessResult.OBJECT_UNAVAILABLE
    for name in (TARIFF, STANDING):
        assert refusal(proxy.read, name, 5) == DataAccessResult.OBJECT_UNAVAILABLE


# --- tokens and logs ---


@pytest.fixture
def payments():
    proxy = Proxy(ALL)
    return Payments(proxy.gas, Clock("0-0:1.0.0", time=bytes(12)))


def status(payments):
    return TokenStatus(payments.gateway.token_status.value[0].value)


@pytest.mark.parametrize("result", TopUpResult)
def test_a_token_waits_and_the_meters_word_is_its_status(payments, result):
    payments.gateway.invoke(1, axdr.octets(CODE))
    assert status(payments) is TokenStatus.NOT_PROCESSED
    assert [each.top_up_code for each in payments._gas.pending] == [CODE]
    payments.answered(Prepayment.ConsumerTopUpResponse(TopUpResult.TOO_LARGE, 5, 2, 6))  # of a display's
    assert status(payments) is TokenStatus.NOT_PROCESSED
    payments.answered(Prepayment.ConsumerTopUpResponse(result, 5, 0, 6))
    credited = result in (TopUpResult.ACCEPTED, TopUpResult.SUPPLY_ON, TopUpResult.SUPPLY_OFF, TopUpResult.SUPPLY_ARMED)
    assert (status(payments) is TokenStatus.EXECUTION_OK) is credited
    assert payments.gateway.token_description.value[0].value == result.name.lower().replace("_", " ").encode()


@pytest.mark.parametrize("token", [b"1", CODE[:-1], CODE + b"1", CODE[:-1] + b"x", bytes(20)])
def test_what_is_no_token_does_not_wait(payments, token):
    assert refusal(payments.gateway.invoke, 1, axdr.octets(token)) == DataAccessResult.OTHER_REASON
    assert status(payments) is TokenStatus.FORMAT_FAILURE
    assert payments._gas.pending == []


def test_tokens_wait_beside_each_other_each_once_and_are_answered_in_turn(payments):
    other = CODE[::-1]
    payments.gateway.invoke(1, axdr.octets(CODE))
    payments.gateway.invoke(1, axdr.octets(other))
    assert refusal(payments.gateway.invoke, 1, axdr.octets(CODE)) == DataAccessResult.OTHER_REASON
    payments.gateway.token = axdr.octets(other)
    payments.answered(Prepayment.ConsumerTopUpResponse(TopUpResult.INVALID, 0, 0, 0))
    assert status(payments) is TokenStatus.VALIDATION_FAILURE  # of what was entered last: it waited already
    payments.answered(Prepayment.ConsumerTopUpResponse(TopUpResult.SUPPLY_ON, 0, 0, 0))
    assert status(payments) is TokenStatus.EXECUTION_OK


ANSWERS = {
    PrepaymentCommand.GET_TOP_UP_LOG: (
        lambda a, b, c: Prepayment.PublishTopUpLog(0, 1, [TopUp(CODE, a - (1 << 31), b), TopUp(CODE, 7, b)]), 2, 3,
    ),
    PrepaymentCommand.GET_DEBT_REPAYMENT_LOG: (
        lambda a, b, c: Prepayment.PublishDebtLog(0, 1, [DebtPayment(b, a, 2, c)]), 1, 4,
    ),
    PrepaymentCommand.GET_PREPAY_SNAPSHOT: (
        lambda a, b, c: Prepayment.PublishPrepaySnapshot(
            1, b, 1, 0, 1, a, 0, DebtCreditStatus(a - (1 << 31), a, b, c, b - (1 << 31), c - (1 << 31)).build()
        ), 1, 8,
    ),
}  # fmt: skip


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.what)
@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFFFFFE), st.integers(0, 0xFFFFFFFF))
def test_rows_of_a_log_are_what_the_meter_said_over_the_whole_range(log, a, b, c):
    proxy = Proxy(ALL)
    payments = Payments(proxy.gas, Clock("0-0:1.0.0", time=bytes(12)))
    profile = next(thing for thing in payments.objects if thing.name == Obis(log.name))
    assert profile.read(2).value == []
    profile.invoke(2, axdr.i8(0))
    assert [type(each) for each in proxy.waiting] == [type(log.question)]
    answer, count, width = ANSWERS[log.flag]
    for _ in range(2):  # the same again adds nothing
        payments.answered(answer(a, b, c))
    rows = Data.parse(profile.read(2).build()).python
    assert len(rows) == (count if a - (1 << 31) != 7 or log.flag is not PrepaymentCommand.GET_TOP_UP_LOG else 1)
    assert {len(row) for row in rows} == {width}
    stamp = date_time.encode((b + EPOCH) * 1_000_000_000)
    if log.flag is PrepaymentCommand.GET_TOP_UP_LOG:
        assert [stamp, a - (1 << 31), CODE] in rows
    elif log.flag is PrepaymentCommand.GET_DEBT_REPAYMENT_LOG:
        assert rows == [[stamp, a, 3, c]]
    else:
        assert rows == [[stamp, a, c - (1 << 31), b - (1 << 31), a - (1 << 31), a, b, c]]


def test_a_snapshot_that_is_none_of_an_account_is_left_alone(payments):
    for kind, payload in ((1, bytes(24)), (0, bytes(23)), (0, b"")):
        payments.answered(Prepayment.PublishPrepaySnapshot(1, 5, 1, 0, 1, 1, kind, payload))
    profile = next(thing for thing in payments.objects if thing.name == Obis("7-0:99.98.7"))
    assert profile.read(2).value == []
