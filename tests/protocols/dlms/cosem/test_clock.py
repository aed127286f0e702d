"""The clock's methods, hooks and zone (class 8, Blue Book 4.5.1), and the setup of ports (classes 19 and 23, 4.7.1, 4.7.2)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Clock, IecHdlcSetup, IecLocalPortSetup, PortMode, date_time
from protocols.dlms.cosem.ports import RATES, BaudRate
from protocols.dlms.xdlms import DataAccessResult

NEVER = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")


def at(text: str) -> int:
    return date_time.from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def refusal(act: Any, *arguments: Any) -> int:
    with pytest.raises(AccessError) as caught:
        act(*arguments)
    return caught.value.result


class Watch:
    """An RTC and its clock object."""

    def __init__(self, time: str, **given: Any) -> None:
        self.utc = at(time)
        hooks = {"time": self._set, **given.pop("on", {})}
        self.clock = Clock("0-0:1.0.0", time=lambda: self.clock.zone.encode(self.utc), on=hooks, **given)

    def _set(self, value: Data) -> None:
        instant = date_time.instant(value.value)
        assert instant is not None
        self.utc = instant

    @property
    def shows(self) -> str:
        return date_time.to_datetime(self.utc).strftime("%d %H:%M:%S")


@pytest.mark.parametrize("method, time, shows", [
    (1, "2024-05-05T12:07:29", "05 12:00:00"),
    (1, "2024-05-05T12:07:30", "05 12:15:00"),
    (1, "2024-05-05T23:52:30", "06 00:00:00"),
    (2, "2024-05-05T12:14:59", "05 12:00:00"),
    (2, "2024-05-05T12:15:00", "05 12:30:00"),
    (3, "2024-05-05T12:07:29", "05 12:07:00"),
    (3, "2024-05-05T12:07:30", "05 12:08:00"),
])  # fmt: skip
@pytest.mark.dlms("class 8 method 1", "class 8 method 2", "class 8 method 3")
def test_adjusting_goes_to_the_nearest(method: int, time: str, shows: str) -> None:
    watch = Watch(time, measuring_period=1_800)
    watch.clock.invoke(method, axdr.i8(0))
    assert watch.shows == shows


def test_a_clock_without_a_measuring_period_has_none_to_adjust_to() -> None:
    watch = Watch("2024-05-05T12:07:29")
    assert not watch.clock.carries_out(2)
    assert refusal(watch.clock.invoke, 2, axdr.i8(0)) == DataAccessResult.READ_WRITE_DENIED


def preset(time: str, begins: str = NEVER.hex(), ends: str = NEVER.hex()) -> Data:
    return axdr.structure(*(axdr.octets(bytes.fromhex(octets)) for octets in (time, begins, ends)))


EIGHT, NOON, ONE = "07E80505FF08000000000000", "07E80505FF0C000000000000", "07E80505FF0D000000000000"


@pytest.mark.parametrize("time, good", [
    ("2024-05-05T11:59:59", False), ("2024-05-05T12:00:00", True), ("2024-05-05T13:00:00", True), ("2024-05-05T13:00:01", False),
])  # fmt: skip
@pytest.mark.dlms("class 8 method 4", "class 8 method 5")
def test_a_preset_time_is_set_within_its_interval_and_once(time: str, good: bool) -> None:
    watch = Watch(time)
    watch.clock.preset_adjusting_time(preset(EIGHT, NOON, ONE))
    assert watch.utc == at(time)
    if good:
        watch.clock.adjust_to_preset_time()
        assert watch.shows == "05 08:00:00"
    assert refusal(watch.clock.adjust_to_preset_time) == DataAccessResult.OTHER_REASON


def test_nothing_was_preset() -> None:
    assert refusal(Watch("2024-05-05T12:00").clock.adjust_to_preset_time) == DataAccessResult.OTHER_REASON


def test_a_preset_time_that_is_not_specified_is_the_hooks_to_set_within_the_interval() -> None:
    asked: list[int] = []
    watch = Watch("2024-05-05T12:30", on={"adjust_to_preset_time": lambda argument: asked.append(argument.value)})
    watch.clock.preset_adjusting_time(preset(NEVER.hex(), NOON, ONE))  # as GB's ECS70 has it
    watch.utc = at("2024-05-05T14:00")
    assert refusal(watch.clock.adjust_to_preset_time) == DataAccessResult.OTHER_REASON
    assert asked == []
    watch.utc = at("2024-05-05T12:31")
    watch.clock.adjust_to_preset_time()
    assert (asked, watch.shows) == ([0], "05 12:31:00")


@pytest.mark.parametrize("argument, result", [
    (preset("07E80505FFFF000000000000"), 13), (preset("07E80D05FF0C000000000000"), 13), (preset("07E80505FF0C0000"), 12),
    (axdr.octets(bytes.fromhex(NOON)), 12), (axdr.structure(axdr.octets(bytes.fromhex(NOON))), 12),
])  # fmt: skip
def test_presets_that_are_none_are_refused(argument: Data, result: int) -> None:
    watch = Watch("2024-05-05T12:00")
    assert refusal(watch.clock.preset_adjusting_time, argument) == result
    assert refusal(watch.clock.adjust_to_preset_time) == DataAccessResult.OTHER_REASON


@pytest.mark.dlms("class 8 method 6")
def test_local_time_and_its_zone() -> None:
    watch = Watch("2024-07-05T12:07:40", daylight_savings_enabled=True, daylight_savings_deviation=60,
        daylight_savings_begin=bytes.fromhex("FFFF03FE07020000008000FF"), daylight_savings_end=bytes.fromhex("FFFF0AFE07030000008000FF"),
        time_zone=-60,
    )  # fmt: skip
    assert watch.clock.time.value == bytes.fromhex("07E80705050E072800FF8880")  # 14:07:40, deviation -120, summer
    watch.clock.adjust_to_minute()
    assert watch.shows == "05 12:08:00"
    watch.clock.shift_time(axdr.i16(-480))
    assert watch.shows == "05 12:00:00"


@pytest.mark.parametrize("number, value, result", [
    (3, axdr.i16(841), 13), (3, axdr.i8(0), 12), (5, axdr.octets(bytes.fromhex("FFFF03FF08010000008000FF")), 13),
    (7, axdr.i8(121), 13), (8, axdr.u8(1), 12), (9, axdr.enum(6), 13), (2, axdr.octets(NEVER), 13),
])  # fmt: skip
def test_attributes_of_the_clock_are_checked(number: int, value: Data, result: int) -> None:
    watch = Watch("2024-05-05T12:00")
    before = watch.clock.read(number)
    assert refusal(watch.clock.write, number, value) == result
    assert watch.clock.read(number) == before


# --- ports


@pytest.mark.parametrize("number, good, bad", [
    (2, axdr.enum(PortMode.HDLC), axdr.enum(3)),
    (3, axdr.enum(BaudRate.B9600), axdr.enum(10)),
    (5, axdr.enum(0), axdr.enum(2)),
    (6, axdr.octets(b"00012345"), axdr.octets(bytes(33))),
])  # fmt: skip
def test_a_local_port_takes_what_the_blue_book_lists(number: int, good: Data, bad: Data) -> None:
    port = IecLocalPortSetup("0-0:20.0.0")
    port.write(number, good)
    assert refusal(port.write, number, bad) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert port.read(number) == good


@pytest.mark.dlms("class 19 attribute 7", "class 19 attribute 8", "class 19 attribute 9")
def test_passwords_of_a_port_are_not_for_reading() -> None:
    port = IecLocalPortSetup("0-0:20.0.0", pass_w5=b"secret")
    assert [port.attribute_access(number) & 1 for number in (7, 8, 9)] == [0, 0, 0]


@pytest.mark.parametrize("number, good, bad", [
    (2, axdr.enum(9), axdr.enum(10)),
    (3, axdr.u8(7), axdr.u8(8)),
    (4, axdr.u8(1), axdr.u8(0)),
    (5, axdr.u16(2030), axdr.u16(2031)),
    (6, axdr.u16(32), axdr.u16(31)),
    (7, axdr.u16(6000), axdr.u16(19)),
    (9, axdr.u16(0x10), axdr.u16(0x3FFF)),
])  # fmt: skip
def test_an_hdlc_port_takes_what_the_blue_book_allows(number: int, good: Data, bad: Data) -> None:
    port = IecHdlcSetup("0-0:22.0.0")
    port.write(number, good)
    assert refusal(port.write, number, bad) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert port.read(number) == good


def test_rates_are_bauds() -> None:
    assert [RATES[rate] for rate in (BaudRate.B300, BaudRate.B9600, BaudRate.B115200)] == [300, 9_600, 115_200]
