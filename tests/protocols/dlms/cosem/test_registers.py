"""Demand register, register activation, register monitor: Blue Book 4.3.4, 4.3.5, 4.5.6."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, DemandRegister, RegisterActivation, RegisterMonitor, Unit, date_time
from protocols.dlms.cosem.timetable import Timetable
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

START = date_time.from_datetime(datetime(2024, 5, 5, 12, tzinfo=UTC))
SCRIPTS = Obis("0-0:10.0.103")


def refusal(act: Any, *arguments: Any) -> int:
    with pytest.raises(AccessError) as caught:
        act(*arguments)
    return caught.value.result


def instant(data: Data) -> int:
    found = date_time.instant(data.value)
    assert found is not None
    return (found - START) // date_time.SECOND


class Load:
    """A meter that counts joules, and its demand register of 900 s periods."""

    def __init__(self, periods: int = 1) -> None:
        self.utc = START
        self.joules = 0
        self.register = DemandRegister(
            "1-0:1.4.0", total=lambda: self.joules, utc=lambda: self.utc, scaler_unit=(0, Unit.WATT), period=900,
            number_of_periods=periods, access={"period": Access.READ_WRITE, "number_of_periods": Access.READ_WRITE},
        )  # fmt: skip
        self.timetable = Timetable([self.register], {self.register.name: self.register}.get)
        self.timetable.expire(START)

    def draw(self, watts: int, seconds: int) -> None:
        self.utc += seconds * date_time.SECOND
        self.joules += watts * seconds
        deadline = self.timetable.deadline
        assert deadline is not None
        if deadline <= self.utc:
            self.timetable.expire(self.utc)

    @property
    def averages(self) -> tuple[int, int]:
        return self.register.current_average_value.value, self.register.last_average_value.value


def test_block_demand_is_the_average_of_the_last_whole_period() -> None:
    load = Load()
    load.draw(1_000, 450)
    assert load.averages == (500, 0)  # so far, over the whole length of the period
    load.draw(3_000, 450)
    assert load.averages == (0, 2_000)
    assert instant(load.register.capture_time) == instant(load.register.start_time_current) == 900
    load.draw(400, 900)
    assert load.averages == (0, 400)


@pytest.mark.dlms("class 5 attribute 9", "class 5 attribute 7")
def test_sliding_demand_moves_by_one_period() -> None:
    load = Load(periods=3)
    for watts, averages in ((900, (300, 300)), (600, (500, 500)), (300, (300, 600)), (0, (100, 300))):
        load.draw(watts, 900)
        assert load.averages == averages
    # two whole periods (300 W, 0 W) are in the window that runs on
    assert instant(load.register.capture_time) == 4 * 900
    assert instant(load.register.start_time_current) == 2 * 900


@pytest.mark.dlms("class 5 method 1", "class 5 method 2")
def test_a_client_ends_a_period_or_begins_anew() -> None:
    load = Load()
    load.draw(1_000, 300)
    load.register.next_period(axdr.i8(0))
    assert (load.averages, instant(load.register.capture_time)) == ((0, 333), 300)
    load.draw(1_000, 60)
    load.register.reset(axdr.i8(0))
    assert load.averages == (0, 0)
    assert instant(load.register.start_time_current) == instant(load.register.capture_time) == 360
    assert refusal(load.register.reset, axdr.u8(0)) == DataAccessResult.TYPE_UNMATCHED


def test_the_length_of_periods_is_checked_and_begins_anew() -> None:
    load = Load()
    load.draw(1_000, 800)
    assert refusal(load.register.write, 8, axdr.u32(0)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(load.register.write, 9, axdr.u16(0)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(load.register.write, 8, axdr.u16(900)) == DataAccessResult.TYPE_UNMATCHED
    assert load.averages[0] > 0
    load.register.write(8, axdr.u32(60))
    assert load.averages == (0, 0)
    load.timetable.expire(load.utc)
    load.draw(600, 40)
    assert load.averages == (0, 400)  # periods end on whole minutes: this one was 40 s long


# --- register activation


def tariff() -> tuple[RegisterActivation, list[cosem.Register]]:
    registers = [cosem.Register(f"1-0:1.8.{n}", value=axdr.u32(0), scaler_unit=(0, Unit.WATT_HOUR)) for n in range(4)]
    activation = RegisterActivation("0-0:14.0.1")
    for register in registers[1:]:
        activation.add_register(axdr.structure(axdr.u16(3), axdr.octets(register.name)))
    return activation, registers


def mask(name: bytes, *numbers: int) -> Data:
    return axdr.structure(axdr.octets(name), axdr.array(axdr.u8(number) for number in numbers))


@pytest.mark.dlms("class 6 method 1", "class 6 method 2")
def test_a_mask_says_which_registers_count() -> None:
    activation, registers = tariff()
    activation.add_mask(mask(b"day", 1, 3))
    activation.add_mask(mask(b"night", 2))
    assert [activation.enabled(register) for register in registers] == [True, False, False, False]
    activation.write(4, axdr.octets(b"day"))
    assert [activation.enabled(register) for register in registers] == [True, True, False, True]
    activation.add_mask(mask(b"day", 2))  # overwrites
    assert [activation.enabled(register) for register in registers] == [True, False, True, False]
    assert len(activation.mask_list.value) == 2


@pytest.mark.dlms("class 6 method 3", "class 6 attribute 4")
def test_masks_and_registers_that_are_not_there_are_refused() -> None:
    activation, registers = tariff()
    activation.add_mask(mask(b"day", 1))
    activation.write(4, axdr.octets(b"day"))
    before = [activation.read(number) for number in (2, 3, 4)]
    out_of_scope = DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(activation.write, 4, axdr.octets(b"dawn")) == out_of_scope
    assert refusal(activation.add_mask, mask(b"dawn", 4)) == out_of_scope
    assert refusal(activation.add_mask, mask(b"dawn", 0)) == out_of_scope
    assert refusal(activation.delete_mask, axdr.octets(b"dawn")) == out_of_scope
    assert refusal(activation.delete_mask, axdr.octets(b"day")) == out_of_scope
    assert refusal(activation.add_register, axdr.structure(axdr.u16(3), axdr.octets(registers[1].name))) == out_of_scope
    assert refusal(activation.add_register, axdr.structure(axdr.u16(3), axdr.octets(b"\x01"))) == DataAccessResult.TYPE_UNMATCHED
    assert [activation.read(number) for number in (2, 3, 4)] == before
    activation.write(4, axdr.octets(b""))
    activation.delete_mask(axdr.octets(b"day"))
    assert activation.mask_list == axdr.array([])


# --- register monitor


def monitor(**given: Any) -> tuple[RegisterMonitor, list[Data]]:
    values = [axdr.u32(0)]
    power = cosem.Register("1-0:1.7.0", value=lambda: values[0], scaler_unit=(0, Unit.WATT))
    made = RegisterMonitor("0-0:16.0.0", find={power.name: power}.get, **{
        "thresholds": axdr.array([axdr.u32(100), axdr.u32(200)]),
        "monitored_value": (3, power.name, 2),
        "actions": [((SCRIPTS, 1), (SCRIPTS, 2)), ((SCRIPTS, 3), (SCRIPTS, 4))],
    } | given)  # fmt: skip
    return made, values


def scripts(watch: RegisterMonitor) -> list[int]:
    return [call.argument.value for call in watch.evaluate(START)]


def test_crossing_a_threshold_runs_its_script_once() -> None:
    watch, values = monitor()
    ran = []
    for value in (150, 100, 101, 250, 240, 200, 50, 500):
        values[0] = axdr.u32(value)
        ran.append(scripts(watch))
    assert ran == [[], [2], [1], [3], [], [4], [2], [1, 3]]


def test_new_thresholds_cross_nothing_by_being_written() -> None:
    watch, values = monitor()
    values[0] = axdr.u32(150)
    assert scripts(watch) == []
    watch.write(2, axdr.array([axdr.u32(160), axdr.u32(170), axdr.u32(180)]))
    assert scripts(watch) == []
    values[0] = axdr.u32(1_000)
    assert scripts(watch) == [1, 3]  # the third has no actions


@pytest.mark.parametrize("value", [
    axdr.array([axdr.u16(100)]), axdr.array([axdr.u32(1), axdr.octets(b"1")]), axdr.structure(axdr.u32(100)), axdr.u32(100),
])  # fmt: skip
def test_thresholds_have_the_type_of_the_value(value: Data) -> None:
    watch, _ = monitor()
    assert refusal(watch.write, 2, value) == DataAccessResult.TYPE_UNMATCHED
    assert watch.thresholds == axdr.array([axdr.u32(100), axdr.u32(200)])


def test_a_value_that_has_no_order_or_is_not_there_crosses_nothing() -> None:
    watch, values = monitor()
    for value in (axdr.u32(0), axdr.null(), axdr.u32(300), axdr.octets(b"x"), axdr.u32(0)):
        values[0] = value
        ran = scripts(watch)
    assert ran == [4, 2][::-1]
    for elsewhere in ((3, Obis("1-0:2.7.0"), 2), (4, Obis("1-0:1.7.0"), 2), (3, Obis("1-0:1.7.0"), 9)):
        assert scripts(monitor(monitored_value=elsewhere)[0]) == []
