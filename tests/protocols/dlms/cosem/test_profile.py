"""Profile generic: capture, order, selective access by range and by entry, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Clock, Column, ProfileGeneric, Reference, Register, SortMethod, Unit, date_time
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

START = datetime(2024, 2, 28, 23, 0, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
CLOCK = Reference(8, Obis("0-0:1.0.0"), 2)
ENERGY = Reference(3, Obis("1-0:1.8.0"), 2)
NOT_SPECIFIED = axdr.octets(bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF"))


def octets(moment: datetime) -> Data:
    return axdr.octets(date_time.encode(date_time.from_datetime(moment)))


class Meter:
    """A clock, a register and a profile of both."""

    def __init__(self, rows: int = 0, **options: SortMethod | int) -> None:
        self.now = START
        self.energy = 0
        clock = Clock("0-0:1.0.0", time=lambda: octets(self.now))
        register = Register("1-0:1.8.0", value=lambda: axdr.u32(self.energy), scaler_unit=(0, Unit.WATT_HOUR))
        self.profile = ProfileGeneric(
            "1-0:99.1.0", columns=(Column(clock), Column(register)), profile_entries=100, **options
        )  # type: ignore[arg-type]  # the options are the profile's
        for _ in range(rows):
            self.capture(self.energy + 100)

    def capture(self, energy: int) -> None:
        self.energy = energy
        self.profile.capture()
        self.now += HALF_HOUR

    def energies(self, selection: SelectiveAccess | None = None) -> list[int]:
        return [row.value[-1].value for row in self.profile.read(2, selection).value]


def by_range(low: Data, high: Data, restricting: Reference = CLOCK, *columns: Reference) -> SelectiveAccess:
    selected = axdr.array(column.data for column in columns)
    return SelectiveAccess(1, axdr.structure(restricting.data, low, high, selected))


def by_entry(first: int, last: int, first_column: int = 1, last_column: int = 0) -> SelectiveAccess:
    columns = axdr.u16(first_column), axdr.u16(last_column)
    return SelectiveAccess(2, axdr.structure(axdr.u32(first), axdr.u32(last), *columns))


def refusal(meter: Meter, selection: SelectiveAccess) -> int:
    with pytest.raises(AccessError) as caught:
        meter.profile.read(2, selection)
    return caught.value.result


def test_captured_rows_are_read_whole() -> None:
    meter = Meter(rows=2)
    first = axdr.structure(octets(START), axdr.u32(100))
    assert meter.profile.buffer == axdr.array([first, axdr.structure(octets(START + HALF_HOUR), axdr.u32(200))])
    assert meter.profile.entries_in_use == axdr.u32(2)
    assert meter.profile.capture_objects == axdr.array([CLOCK.data, ENERGY.data])


def test_the_oldest_leaves() -> None:
    meter = Meter(rows=103)
    assert meter.energies()[:2] == [400, 500]
    assert meter.profile.entries_in_use == meter.profile.profile_entries == axdr.u32(100)


def test_range_is_inclusive() -> None:
    meter = Meter(rows=10)
    low, high = octets(START + 2 * HALF_HOUR), octets(START + 4 * HALF_HOUR)
    assert meter.energies(by_range(low, high)) == [300, 400, 500]
    assert meter.energies(by_range(low, low)) == [300]


def test_range_in_another_zone() -> None:
    meter = Meter(rows=10)
    local = START.replace(hour=23, minute=30)
    octets_plus_one = axdr.octets(bytes.fromhex("07E8021DFF001E0000FFC400"))  # 00:30 on the 29th, deviation -60
    assert meter.energies(by_range(octets_plus_one, octets(local))) == [200]


def test_bounds_not_specified_are_open() -> None:
    meter = Meter(rows=4)
    assert meter.energies(by_range(NOT_SPECIFIED, NOT_SPECIFIED)) == [100, 200, 300, 400]
    the_28th = axdr.octets(bytes.fromhex("07E8021CFFFFFFFFFF8000FF"))
    assert meter.energies(by_range(the_28th, the_28th)) == [100, 200]


def test_selected_columns() -> None:
    meter = Meter(rows=2)
    chosen = meter.profile.read(2, by_range(NOT_SPECIFIED, octets(START), CLOCK, ENERGY))
    assert chosen == axdr.array([axdr.structure(axdr.u32(100))])
    assert meter.profile.read(2, by_entry(2, 2, 1, 1)) == axdr.array([axdr.structure(octets(START + HALF_HOUR))])


def test_range_of_another_column() -> None:
    meter = Meter(rows=6)
    assert meter.energies(by_range(axdr.u32(250), axdr.u32(500), ENERGY)) == [300, 400, 500]
    assert refusal(meter, by_range(axdr.u8(1), axdr.u8(5), ENERGY)) == DataAccessResult.TYPE_UNMATCHED


def test_a_clock_set_back_hides_no_row() -> None:
    meter = Meter(rows=5)
    meter.now = START + HALF_HOUR
    meter.capture(999)
    assert meter.energies(by_range(octets(START + HALF_HOUR), octets(START + 2 * HALF_HOUR))) == [200, 300, 999]


@pytest.mark.parametrize(
    "first, last, expected",
    [(1, 0, [100, 200, 300]), (2, 3, [200, 300]), (2, 2, [200]), (3, 2, []), (4, 9, []), (1, 2**32 - 1, [100, 200, 300]),
     (2**32 - 1, 2**32 - 1, [])],
)  # fmt: skip
def test_entries(first: int, last: int, expected: list[int]) -> None:
    assert Meter(rows=3).energies(by_entry(first, last)) == expected


def test_from_after_to_is_empty() -> None:
    assert Meter(rows=3).energies(by_range(octets(START + HALF_HOUR), octets(START))) == []


@pytest.mark.parametrize(
    "selection, result",
    [
        (by_entry(0, 1), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (by_entry(1, 1, 3, 0), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (by_range(NOT_SPECIFIED, NOT_SPECIFIED, Reference(8, Obis("0-0:1.0.1"), 2)), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (by_range(NOT_SPECIFIED, NOT_SPECIFIED, CLOCK, Reference(1, Obis("0-0:1.0.0"), 2)), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (by_range(axdr.octets(b"short"), NOT_SPECIFIED), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (by_range(axdr.u32(0), NOT_SPECIFIED), DataAccessResult.TYPE_UNMATCHED),
        (SelectiveAccess(1, axdr.null()), DataAccessResult.TYPE_UNMATCHED),
        (SelectiveAccess(2, axdr.structure(axdr.u32(1))), DataAccessResult.TYPE_UNMATCHED),
        (SelectiveAccess(3, axdr.null()), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
    ],
    ids=["entry 0", "column 3", "no such column", "no such selection", "5 octets", "no date", "null", "cut", "selector"],
)  # fmt: skip
def test_selections_that_are_refused(selection: SelectiveAccess, result: DataAccessResult) -> None:
    assert refusal(Meter(rows=3), selection) == result


def test_newest_first() -> None:
    meter = Meter(rows=4, sort_method=SortMethod.LIFO)
    assert meter.energies() == [400, 300, 200, 100]
    assert meter.energies(by_entry(1, 2)) == [400, 300]
    assert meter.energies(by_range(octets(START), octets(START + HALF_HOUR))) == [200, 100]


@pytest.mark.parametrize(
    "method, expected",
    [(SortMethod.LARGEST, [7, 5, 5]), (SortMethod.SMALLEST, [-9, -1, 2]), (SortMethod.NEAREST_TO_ZERO, [-1, 2, 5]),
     (SortMethod.FARTHEST_FROM_ZERO, [-9, 7, 5])],
)  # fmt: skip
def test_sorted_by_a_value(method: SortMethod, expected: list[int]) -> None:
    value = DataClass("0-0:96.0.0", value=axdr.i32(0))
    profile = ProfileGeneric(
        "1-0:99.2.0", columns=(Column(value),), profile_entries=3, sort_method=method, sort_column=0
    )
    for number in (5, -1, 7, 2, -9, 5):
        profile.append([axdr.i32(number)])
    assert [row.value[0].value for row in profile.buffer.value] == expected
    assert profile.sort_object == Reference.to(value, 2).data


def test_an_element_of_a_structure_is_captured() -> None:
    source = DataClass("0-0:96.0.0", value=axdr.structure(axdr.u8(1), axdr.u8(2)))
    profile = ProfileGeneric("1-0:99.2.0", columns=(Column(source, 2, 2),), profile_entries=3)
    profile.capture()
    assert profile.buffer == axdr.array([axdr.structure(axdr.u8(2))])
    missing = ProfileGeneric("1-0:99.2.1", columns=(Column(source, 2, 3),), profile_entries=3)
    with pytest.raises(AccessError):
        missing.capture()
    assert missing.buffer == axdr.array([])


@pytest.mark.parametrize("method", [SortMethod.FIFO, SortMethod.LIFO])
def test_an_image_survives_the_power(method: SortMethod) -> None:
    meter, other = Meter(rows=110, sort_method=method), Meter(sort_method=method)
    other.profile.restore(meter.profile.image())
    assert other.profile.buffer == meter.profile.buffer
    other.profile.reset()
    assert other.energies() == []


def test_wrong_use_is_named() -> None:
    meter = Meter()
    with pytest.raises(LocalProtocolError, match="2 columns"):
        meter.profile.append([axdr.u8(1)])
    with pytest.raises(LocalProtocolError, match="sort column"):
        Meter(sort_method=SortMethod.LARGEST)
