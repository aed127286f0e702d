from __future__ import annotations

import pytest

from hubfw.flag_table import ROWS, Readout, objects
from protocols.dlms.cosem import AccessError, InterfaceClass, Unit
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from protocols.iec62056_21.data_set import parse_block

BLOCK = (  # as IEC 62056-21 clients print meters' readouts: full, reduced, with and without the unit or the decimals
    "0-0:96.1.0*255(12345678)\r\n1-0:1.8.0*255(000123.456*kWh)\r\n2.8.0(0000007.1*kWh)\r\n3.8.0(12*kvarh)\r\n"
    "4.8.0(000123.456)\r\n1-0:1.7.0(-00.250*kW)\r\n32.7.0(230.1*V)(231.0*V)\r\n0.9.1(235959)\r\n9.9.9(1*kWh)\r\n!\r\n"
)


def things(readout: Readout | None) -> dict[Obis, InterfaceClass]:
    return {thing.name: thing for thing in objects(lambda: readout)}


@pytest.fixture
def read() -> dict[Obis, InterfaceClass]:
    return things(Readout.of(parse_block(BLOCK)))


@pytest.mark.req("S-131", part=True)
@pytest.mark.parametrize(
    "name, value, scaler, unit",
    [
        ("1-0:1.8.0", 123_456, 0, Unit.WATT_HOUR),
        ("1-0:2.8.0", 71, 2, Unit.WATT_HOUR),
        ("1-0:3.8.0", 12, 3, Unit.VAR_HOUR),
        ("1-0:1.7.0", -250, 0, Unit.WATT),
        ("1-0:32.7.0", 2301, -1, Unit.VOLT),
    ],
)
def test_a_number_keeps_every_digit(read, name: str, value: int, scaler: int, unit: Unit) -> None:
    register = read[Obis(name)]
    assert register.read(2).value == value
    assert register.read(3).python == [scaler, unit]


def test_a_text_is_a_text(read) -> None:
    assert read[Obis("0-0:96.1.0")].read(2).value == b"12345678"
    assert read[Obis("1-0:0.9.1")].read(2).value == b"235959"


@pytest.mark.parametrize("name, attribute", [
    ("1-0:4.8.0", 2), ("1-0:4.8.0", 3), ("1-0:0.9.2", 2), ("1-0:99.1.0", 2), ("1-0:99.1.0", 3), ("0-0:1.0.0", 2),
    ("0-0:96.3.10", 3),
])  # fmt: skip
def test_what_the_meter_does_not_say_is_unavailable(read, name: str, attribute: int) -> None:
    with pytest.raises(AccessError) as caught:
        read[Obis(name)].read(attribute)
    assert caught.value.result == DataAccessResult.OBJECT_UNAVAILABLE


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.name not in ("1-0:99.1.0", "0-0:1.0.0", "0-0:96.3.10")])
def test_a_meter_that_does_not_answer_is_a_temporary_failure(name: str) -> None:
    with pytest.raises(AccessError) as caught:
        things(None)[Obis(name)].read(2)
    assert caught.value.result == DataAccessResult.TEMPORARY_FAILURE


def test_a_number_beyond_64_bits_is_refused() -> None:
    register = things(Readout.of(parse_block("1.8.0(" + "9" * 40 + "*kWh)!")))[Obis("1-0:1.8.0")]
    with pytest.raises(AccessError) as caught:
        register.read(2)
    assert caught.value.result == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
