"""Profile generic: capture, order, selective access by range and by entry, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import (
    Access,
    AccessError,
    Clock,
    Column,
    Compression,
    InterfaceClass,
    ProfileGeneric,
    Reference,
    Register,
    SortMethod,
    Unit,
    date_time,
)
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

    def __init__(self, rows: int = 0, **options: object) -> None:
        self.now = START
        self.energy = 0
        clock = Clock("0-0:1.0.0", time=lambda: octets(self.now))
        register = Register("1-0:1.8.0", value=lambda: axdr.u32(self.energy), scaler_unit=(0, Unit.WATT_HOUR))
        self.profile = ProfileGeneric("1-0:99.1.0", columns=(Column(clock), Column(register)), profile_entries=100, **options)
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


@pytest.mark.dlms("class 7 attribute 2")
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


@pytest.mark.dlms("server GET selection by range")
@pytest.mark.dlms("server GET selection by range")
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


@pytest.mark.dlms("server selected columns")
@pytest.mark.dlms("server selected columns")
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


@pytest.mark.dlms("server GET selection by entry")
@pytest.mark.dlms("server GET selection by entry")
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
    profile = ProfileGeneric("1-0:99.2.0", columns=(Column(value),), profile_entries=3, sort_method=method, sort_column=0)
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


# --- streamed, compressed, compact


@pytest.mark.parametrize("options", [{}, {"compression": Compression.DELTA}, {"compact": True}], ids=["plain", "delta", "compact"])
@pytest.mark.parametrize(
    "selection", [None, by_entry(2, 4), by_range(NOT_SPECIFIED, NOT_SPECIFIED, CLOCK, ENERGY), by_entry(9, 9)],
    ids=["all", "entries", "one column", "nothing"],
)  # fmt: skip
def test_streamed_is_what_is_read(options: dict[str, object], selection: SelectiveAccess | None) -> None:
    meter = Meter(rows=5, capture_period=1800, **options)
    assert b"".join(meter.profile.encode(2, selection)) == meter.profile.read(2, selection).build()


def test_a_stream_is_of_the_moment_it_began() -> None:
    meter = Meter(rows=100)
    before = meter.profile.buffer.build()
    stream = iter(meter.profile.encode(2))
    first = next(stream)
    meter.capture(1)
    assert first + b"".join(stream) == before


def test_a_refused_stream_says_so_before_its_first_octet() -> None:
    with pytest.raises(AccessError):
        Meter(rows=1).profile.encode(2, by_entry(0, 1))


@pytest.mark.dlms("server null-data compression")
def test_unchanged_cells_are_null_data_in_what_is_left_of_the_columns() -> None:
    meter = Meter(capture_period=1800, compression=Compression.NULL_DATA)
    for energy in (100, 100, 101):
        meter.capture(energy)
    assert [[cell.python for cell in row.value][1:] for row in meter.profile.buffer.value] == [[100], [None], [101]]
    assert [row.value[0].tag for row in meter.profile.buffer.value] == [9, 0, 0]
    energies = meter.profile.read(2, by_range(NOT_SPECIFIED, NOT_SPECIFIED, CLOCK, ENERGY, CLOCK))
    assert [row.value[0].python for row in energies.value] == [100, None, 101]


@pytest.mark.dlms("server GET selection by range", "server compact array")
def test_gb_log_by_timestamp_as_published(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    """ECS20d and ECS35d of RTDS 4.5.0: restricted by the UTC column, which is no clock, answered as a compact array."""
    for vector, value in zip(dlms_vectors("compact-array"), (axdr.u32, axdr.u16), strict=True):
        items = vector["expect"]["items"]
        timestamp, code = DataClass("0-0:94.44.100", value=axdr.u32(0)), DataClass("0-0:96.11.0", value=value(0))
        log = ProfileGeneric("0-0:99.98.0", columns=[Column(timestamp), Column(code)], profile_entries=100, compact=True)
        for at, number in ([items[0][0] - 1, 1], *items, [items[-1][0] + 1, 1]):
            log.append([axdr.u32(at), value(number)])
        chosen = by_range(axdr.u32(items[0][0]), axdr.u32(items[-1][0]), Reference(1, Obis("0-0:94.44.100"), 2))
        assert log.read(2, chosen).build().hex().upper() == vector["given"]["hex"], vector["id"]


def test_rows_of_several_types_are_no_compact_array() -> None:
    profile = ProfileGeneric(
        "1-0:99.2.0", columns=(Column(DataClass("0-0:96.0.0", value=axdr.u8(0))),), profile_entries=9, compact=True
    )
    assert profile.buffer == axdr.array([])
    profile.append([axdr.u8(1)])
    assert profile.buffer.python == [[1]]
    assert profile.buffer.tag == 19
    profile.append([axdr.u16(1)])
    assert profile.buffer.tag == 1


def test_a_range_of_numbers_works_by_its_result() -> None:
    """C14: of 19,000 rows with a register that only counts up, a search looks at few but those in the range."""
    count = DataClass("0-0:96.15.0", value=axdr.u32(0))
    other = DataClass("0-0:96.15.1", value=axdr.u32(0))
    profile = ProfileGeneric("1-0:99.2.0", columns=(Column(other), Column(count)), profile_entries=19_000)
    for number in range(20_000):
        profile.append([axdr.u32(number * 7 % 11), axdr.u32(number)])

    class Counted(list[bytes]):
        looked = 0

        def __getitem__(self, index: object) -> Any:
            self.looked += 1
            return super().__getitem__(index)

    rows = profile._rows._rows = Counted(profile._rows._rows)
    chosen = profile.read(2, by_range(axdr.u32(1_500), axdr.u32(1_509), Reference.to(count, 2)))
    assert [row.value[1].value for row in chosen.value] == list(range(1_500, 1_510))
    assert rows.looked <= 10 + 2 * 15


@pytest.mark.parametrize("method", [SortMethod.FIFO, SortMethod.LIFO])
@given(numbers=st.lists(st.integers(0, 9), max_size=12), low=st.integers(0, 9), high=st.integers(0, 9), grows=st.booleans())
def test_a_searched_range_is_what_looking_at_every_row_finds(method, numbers: list[int], low: int, high: int, grows: bool) -> None:
    count = DataClass("0-0:96.15.0", value=axdr.u8(0))
    profile = ProfileGeneric("1-0:99.2.0", columns=(Column(count),), profile_entries=8, sort_method=method)
    captured = sorted(numbers) if grows else numbers
    for number in captured:
        profile.append([axdr.u8(number)])
    expected = [number for number in captured[-8:] if low <= number <= high]
    chosen = profile.read(2, by_range(axdr.u8(low), axdr.u8(high), Reference.to(count, 2)))
    assert [row.value[0].value for row in chosen.value] == (expected[::-1] if method == SortMethod.LIFO else expected)


# --- rearranged by a client


class Rearranged:
    """A profile whose shape clients may write."""

    WRITABLE = ("capture_objects", "capture_period", "sort_method", "sort_object", "profile_entries")

    def __init__(self) -> None:
        self.things = {thing.name: thing for thing in (DataClass(f"0-0:96.0.{n}", value=axdr.i32(n)) for n in range(3))}
        self.profile = ProfileGeneric(
            "1-0:99.2.0", columns=[Column(thing) for thing in self.first(2)], profile_entries=5,
            find=self.things.get, access=dict.fromkeys(self.WRITABLE, Access.READ_WRITE),
        )  # fmt: skip
        self.capture()

    def first(self, count: int) -> list[InterfaceClass]:
        return list(self.things.values())[:count]

    def capture(self) -> None:
        self.profile.capture()

    @property
    def rows(self) -> object:
        return self.profile.buffer.python


def test_new_columns_empty_the_buffer() -> None:
    it = Rearranged()
    assert it.rows == [[0, 1]]
    it.profile.write(3, axdr.array(Reference.to(thing, 2).data for thing in it.first(3)))
    assert it.rows == []
    it.capture()
    assert it.rows == [[0, 1, 2]]


def test_sort_object_then_sort_method() -> None:
    it = Rearranged()
    method = axdr.enum(SortMethod.LARGEST)
    with pytest.raises(AccessError):
        it.profile.write(5, method)  # nothing to sort by yet
    assert it.rows == [[0, 1]]
    it.profile.write(6, Reference.to(it.first(1)[0], 2).data)
    it.profile.write(5, method)
    for number in (3, 9, 4):
        it.profile.append([axdr.i32(number), axdr.i32(0)])
    assert it.rows == [[9, 0], [4, 0], [3, 0]]
    it.profile.write(5, axdr.enum(SortMethod.LIFO))
    for number in (3, 9, 4):
        it.profile.append([axdr.i32(number), axdr.i32(0)])
    assert it.rows == [[4, 0], [9, 0], [3, 0]]


def test_fewer_entries() -> None:
    it = Rearranged()
    it.profile.write(8, axdr.u32(2))
    for _ in range(4):
        it.capture()
    assert it.rows == [[0, 1]] * 2


def test_a_period_leaves_the_rows() -> None:
    it = Rearranged()
    it.profile.write(4, axdr.u32(60))
    assert (it.rows, it.profile.capture_period) == ([[0, 1]], axdr.u32(60))


@pytest.mark.parametrize(
    "number, value",
    [
        (3, axdr.array([])),
        (3, axdr.array([Reference(1, Obis("0-0:96.0.9"), 2).data])),
        (3, axdr.array([Reference(3, Obis("0-0:96.0.0"), 2).data])),
        (3, axdr.array([Reference(1, Obis("0-0:96.0.0"), 9).data])),
        (3, axdr.array([Reference(1, Obis("0-0:96.0.0"), 2).data] * 65)),
        (3, axdr.array([axdr.u8(1)])),
        (5, axdr.enum(7)),
        (5, axdr.u8(1)),
        (6, Reference(1, Obis("0-0:96.0.2"), 2).data),
        (8, axdr.u32(0)),
        (8, axdr.u32(6)),
        (8, axdr.u32(2**32 - 1)),
        (7, axdr.u32(1)),
        (2, axdr.array([])),
    ],
)
def test_a_shape_that_is_refused_leaves_everything_as_it_was(number: int, value: Data) -> None:
    it = Rearranged()
    before = [it.profile.read(n) for n in range(2, 9)]
    with pytest.raises(AccessError):
        it.profile.write(number, value)
    assert [it.profile.read(n) for n in range(2, 9)] == before


def test_dates_rank_as_they_follow_each_other() -> None:
    time = DataClass("0-0:96.0.0", value=axdr.octets(bytes(12)))
    profile = ProfileGeneric(
        "1-0:99.2.0", columns=(Column(time),), profile_entries=2, sort_method=SortMethod.LARGEST, sort_column=0
    )
    for hours in (2, 5, 3):
        profile.append([octets(START + timedelta(hours=hours))])
    assert [row.value[0] for row in profile.buffer.value] == [octets(START + timedelta(hours=hours)) for hours in (5, 3)]
