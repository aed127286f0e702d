"""The meter's account and limits by DLMS: what energy costs, what outlives the power, values to come, and load limiting."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, compact_data, date_time
from protocols.dlms.cosem.activation import AT_ONCE, NEVER
from protocols.dlms.xdlms import DataAccessResult

BALANCE, TARIFF, STANDING = "0-0:19.10.0", "0-0:19.20.0", "0-0:19.20.4"
ACCOUNT, NEXT = "0-0:19.0.0", "0-1:19.0.0"
LIMIT, SWITCH = "0-0:17.0.0", "0-0:96.3.10"
PRICE = 2450  # ten-thousandths of a pound a kilowatt-hour: 24,500 thousandths of a penny


def balance(line) -> int:
    return line.get(BALANCE, 112, 2).value


def refusal(act, *args) -> int:
    with pytest.raises(AccessError) as caught:
        act(*args)
    return caught.value.result


def test_energy_is_paid_from_the_balance_as_the_register_counts_it(meter) -> None:
    line = meter.direct()
    before, wh = balance(line), line.get("1-0:1.8.0", 3, 2).value
    meter.run(2 * DAY)
    line = meter.direct()
    used = line.get("1-0:1.8.0", 3, 2).value - wh
    assert used > 5_000
    paid = before - balance(line)
    # what was used since the last half hour is not taken yet, and neither is less than a thousandth of a penny
    assert 0 <= used * PRICE * 10 // 1000 - paid <= 5_000 * PRICE * 10 // 1000
    assert line.get(TARIFF, 113, 2).value == paid - (before if before < 0 else 0)
    assert line.get(ACCOUNT, 111, 2).python == [1, 2]


def test_the_account_outlives_the_power(meter) -> None:
    line = meter.manager()
    line.action(BALANCE, 112, 2, axdr.i32(1_000_000))
    line.action("0-0:19.20.3", 113, 4, axdr.i32(50_000))
    line.set(STANDING, 113, 6, axdr.structure(
        axdr.structure(axdr.i8(0), axdr.i8(-5)), axdr.structure(axdr.u16(0), axdr.octets(bytes(6)), axdr.i8(0)),
        axdr.array([axdr.structure(axdr.octets(b""), axdr.i16(20_000))]),
    ))  # fmt: skip
    meter.run(HOUR)
    line = meter.manager()
    held = [line.get(BALANCE, 112, 2), line.get("0-0:19.20.3", 113, 12), line.get(STANDING, 113, 6), line.get(TARIFF, 113, 2)]
    assert held[0].value < 1_000_000
    meter.board.cut(off_for=MIN)
    meter.run(2 * MIN)
    line = meter.manager()
    assert [
        line.get(BALANCE, 112, 2), line.get("0-0:19.20.3", 113, 12), line.get(STANDING, 113, 6), line.get(TARIFF, 113, 2),
    ] == held  # fmt: skip


def test_a_standing_charge_to_come_is_taken_from_its_day_on(meter) -> None:
    line = meter.manager()
    line.set(STANDING, 113, 6, axdr.structure(
        axdr.structure(axdr.i8(0), axdr.i8(-5)), axdr.structure(axdr.u16(0), axdr.octets(bytes(6)), axdr.i8(0)),
        axdr.array([axdr.structure(axdr.octets(b""), axdr.i16(20_000))]),
    ))  # fmt: skip
    start = meter.board.rtc.read()
    line.set(STANDING, 113, 7, axdr.octets(date_time.encode(start + 6 * HOUR)))
    meter.run(5 * HOUR)
    assert meter.direct().get(STANDING, 113, 5).python[2] == [[b"", 0]]
    meter.run(2 * HOUR)
    line = meter.direct()
    assert line.get(STANDING, 113, 5).python[2] == [[b"", 20_000]]
    assert line.get(STANDING, 113, 7).value == NEVER
    meter.run(3 * DAY)
    assert meter.direct().get(STANDING, 113, 2).value in (60_000, 80_000)


@pytest.mark.req("S-062", part=True)
def test_payment_mode_to_come(meter) -> None:
    """The writes of GB's ECS02, in the order of the published request."""
    line = meter.manager()
    pairs = axdr.array(
        axdr.structure(axdr.octets(bytes.fromhex("0000130A00FF")), axdr.octets(bytes.fromhex(charge)), axdr.bits("111"))
        for charge in ("0000131400FF", "0000131404FF")
    )
    line.set(NEXT, 111, 2, axdr.structure(axdr.enum(2), axdr.enum(1)))
    line.set(NEXT, 111, 11, pairs)
    line.set(NEXT, 111, 13, axdr.octets(AT_ONCE))
    meter.run(S)
    assert line.get(ACCOUNT, 111, 2).python == [2, 2]
    assert line.get(ACCOUNT, 111, 11) == pairs
    assert line.get(NEXT, 111, 2).python == [2, 1]
    assert line.get(NEXT, 111, 13).value == NEVER


def change(meter, mode: int) -> None:
    line = meter.manager()
    line.set(NEXT, 111, 2, axdr.structure(axdr.enum(mode), axdr.enum(1)))
    line.set(NEXT, 111, 13, axdr.octets(AT_ONCE))
    meter.run(S)


@pytest.mark.req("S-062")
@pytest.mark.parametrize("accuracy", ["1", "2"])
def test_a_payment_meter_changes_to_prepayment_and_back(new_meter, accuracy) -> None:
    meter = new_meter(accuracy=accuracy)
    assert meter.direct().get("0-0:96.1.8", 1, 2).value == accuracy.encode()
    for mode, supplied in ((2, False), (1, True)):
        change(meter, mode)
        line = meter.manager()
        assert line.get(ACCOUNT, 111, 2).python == [mode, 2]
        meter.run(HOUR)
        line = meter.manager()
        if supplied:
            assert line.get(SWITCH, 70, 3).value != 0  # nothing keeps it off any more
        else:
            assert line.get(SWITCH, 70, 2).python is False  # there is no credit


@pytest.mark.req("S-062")
@pytest.mark.parametrize("accuracy", ["A", "B", "C"])
def test_a_meter_of_another_class_stays_on_credit(new_meter, accuracy) -> None:
    meter = new_meter(accuracy=accuracy)
    asked = axdr.structure(axdr.enum(2), axdr.enum(1))
    assert refusal(meter.manager().set, NEXT, 111, 2, asked) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    line = meter.manager()
    line.set(NEXT, 111, 2, axdr.structure(axdr.enum(1), axdr.enum(1)))
    line.set(NEXT, 111, 13, axdr.octets(AT_ONCE))
    meter.run(HOUR)
    line = meter.manager()
    assert line.get(ACCOUNT, 111, 2).python == [1, 2]
    assert line.get(SWITCH, 70, 2).python is True


@pytest.mark.req("S-062", part=True)
def test_in_prepayment_mode_the_supply_goes_with_the_credit(meter) -> None:
    line = meter.manager()
    line.action(BALANCE, 112, 2, axdr.i32(1_000))
    line.set(NEXT, 111, 2, axdr.structure(axdr.enum(2), axdr.enum(1)))
    line.set(NEXT, 111, 13, axdr.octets(AT_ONCE))
    meter.run(S)
    assert line.get(SWITCH, 70, 2).python is True
    meter.run(6 * HOUR)
    line = meter.manager()
    assert line.get(SWITCH, 70, 2).python is False
    assert balance(line) == 0
    assert line.get("0-0:19.10.2", 112, 2).value < 0  # accumulated debt
    assert line.get(ACCOUNT, 111, 3).value == 0
    meter.board.cut(off_for=MIN)
    meter.run(2 * MIN)
    line = meter.manager()
    line.action("0-0:19.10.1", 112, 3, axdr.i8(0))  # emergency credit
    assert line.get(SWITCH, 70, 3).value == 2
    assert line.get(ACCOUNT, 111, 3).value == 2
    meter.board.buttons.press("b")
    meter.run(S)
    assert line.get(SWITCH, 70, 2).python is True


@pytest.mark.parametrize(
    "name, value, held_by",
    [
        ("0-0:94.44.128.2", axdr.i32(300_000), ("0-0:19.10.1", 112, 9)),
        ("0-0:94.44.128.3", axdr.i32(100_000), ("0-0:19.10.1", 112, 10)),
        ("0-0:94.44.128.9", axdr.i32(200_000), (BALANCE, 112, 5)), ("0-0:94.44.128.12", axdr.u16(30), (ACCOUNT, 111, 18)),
        ("0-0:94.44.128.13", axdr.i32(604_800), (ACCOUNT, 111, 19)), ("0-0:94.44.128.22", axdr.i32(-5), (BALANCE, 112, 6)),
        ("0-0:94.44.128.6", axdr.u32(300), (LIMIT, 71, 6)), ("0-0:94.44.128.7", axdr.u32(6900), (LIMIT, 71, 4)),
        ("0-0:94.44.128.8", axdr.u32(30), (LIMIT, 71, 7)), ("0-0:94.44.2.10", axdr.i32(1_000_000), ("0-0:94.44.2.10", 9000, 2)),
        ("0-0:94.44.0.3", axdr.boolean(True), ("0-0:94.44.0.3", 9000, 2)),
    ],
)  # fmt: skip
def test_values_to_come(meter, name, value, held_by) -> None:
    """Names, types and values of GB's published messages (ECS05, ECS07, ECS28)."""
    line = meter.manager()
    before = line.get(*held_by)
    line.set(name, 9000, 4, value)
    then = date_time.from_datetime(datetime(2030, 1, 15, 9, tzinfo=UTC))
    line.set(name, 9000, 6, axdr.octets(bytes.fromhex("07EE010FFF090000008000FF")))
    meter.run(S)
    assert line.get(*held_by) == before
    line.set("0-0:1.0.0", 8, 2, axdr.octets(date_time.encode(then - 10 * S)))
    meter.run(20 * S)
    assert line.get(*held_by) == value
    assert line.get(name, 9000, 6).value == NEVER


def test_a_load_over_the_limit_opens_the_switch_where_the_supplier_wants_that(meter) -> None:
    line = meter.manager()
    line.set(LIMIT, 71, 6, axdr.u32(60))
    line.set(LIMIT, 71, 7, axdr.u32(30))
    line.set(LIMIT, 71, 4, axdr.u32(1))
    meter.run(10 * MIN)
    line = meter.manager()
    assert line.get(SWITCH, 70, 2).python is True  # only watched
    line.set("0-0:94.44.0.3", 9000, 4, axdr.boolean(True))
    line.set("0-0:94.44.0.3", 9000, 6, axdr.octets(AT_ONCE))
    line.set(LIMIT, 71, 4, axdr.u32(100_000))
    meter.run(MIN)
    line.set(LIMIT, 71, 4, axdr.u32(1))
    meter.run(59 * S)
    assert line.get(SWITCH, 70, 2).python is True
    meter.run(2 * S)
    assert line.get(SWITCH, 70, 2).python is False
    meter.run(31 * S)
    assert line.get(SWITCH, 70, 3).value == 2  # ready for reconnection


def test_tokens_cannot_be_authentic_here(meter) -> None:
    line = meter.manager()
    for token, status in ((b"73941643320302137315", 5), (b"1234", 4)):
        assert refusal(line.action, "0-0:19.40.0", 115, 1, axdr.octets(token)) == DataAccessResult.OTHER_REASON
        assert line.get("0-0:19.40.0", 115, 6).python == [status, ""]


def test_who_may_switch_the_supply(meter) -> None:
    line = meter.manager()

    def request(actor: int, wanted: str) -> None:
        line.action("0-0:96.3.20", 68, 1, axdr.structure(axdr.u8(actor), axdr.bits(wanted)))

    request(2, "01")
    assert line.get(SWITCH, 70, 2).python is False
    assert line.get("0-0:96.3.20", 68, 6).value == 2
    request(1, "10")
    assert line.get(SWITCH, 70, 2).python is True
    assert refusal(request, 3, "10") == DataAccessResult.READ_WRITE_DENIED


def test_a_compact_capture(meter) -> None:
    line = meter.manager()
    line.action("0-0:66.0.0", 62, 2, axdr.i8(0))
    template, buffer = line.get("0-0:66.0.0", 62, 5), line.get("0-0:66.0.0", 62, 2)
    values = compact_data.parse(template.value, buffer.value)
    assert values[0] == axdr.u8(1)
    assert values[2] == line.get("1-0:1.8.0", 3, 2)


def test_the_public_client_changes_nothing(meter) -> None:
    line = meter.direct()
    for name, class_id, number, value in (
        (NEXT, 111, 2, axdr.structure(axdr.enum(2), axdr.enum(1))), ("0-0:94.44.128.7", 9000, 4, axdr.u32(1)),
        (LIMIT, 71, 4, axdr.u32(1)),
    ):  # fmt: skip
        assert refusal(line.set, name, class_id, number, value) == DataAccessResult.READ_WRITE_DENIED
    assert refusal(line.action, BALANCE, 112, 1, axdr.i32(1)) == DataAccessResult.READ_WRITE_DENIED
