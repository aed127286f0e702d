"""Null-data and deltas in a profile's rows, and the rows that come of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.compression import Compression, expand, shrink

START = date_time.from_datetime(datetime(2024, 3, 30, 23, 30, tzinfo=UTC))
PERIOD = 1800
S = 1_000_000_000


def row(number: int, value: int) -> list[Data]:
    return [axdr.octets(date_time.encode(START + number * PERIOD * S)), axdr.u32(value)]


def shrunk(rows: list[list[Data]], compression: Compression) -> list[list[Data]]:
    return list(shrink(rows, compression, clock=0, period=PERIOD))


def test_what_has_not_changed_is_null_data_and_the_clock_is_one_period_later() -> None:
    rows = [row(0, 7), row(1, 7), row(2, 9), row(4, 9)]
    assert shrunk(rows, Compression.NULL_DATA) == [
        row(0, 7), [axdr.null(), axdr.null()], [axdr.null(), axdr.u32(9)], [row(4, 9)[0], axdr.null()],
    ]  # fmt: skip


def test_small_changes_are_deltas_where_those_are_shorter() -> None:
    """Tags 31, 28, 32, 29, 33: unsigned first, then signed, of 8, 16 and 32 bits (IEC 62056-5-3 table of data types)."""
    values = [0, 5, 4, 300, 40, 70_000]
    cells = [cells[1] for cells in shrunk([row(n, value) for n, value in enumerate(values)], Compression.DELTA)]
    assert [cell.build().hex() for cell in cells] == ["0600000000", "1f05", "1cff", "200128", "1dfefc", "0600011170"]


def test_a_delta_is_added_to_the_row_before() -> None:
    buffer = Data.parse(bytes.fromhex("0104 0201 0600000064 0201 1F05 0201 1CFE 0201 00"))
    assert [cells[0] for cells in expand(buffer)] == [axdr.u32(100), axdr.u32(105), axdr.u32(103), axdr.u32(103)]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32 - 1) | st.integers(0, 300)), min_size=1, max_size=20),
    st.sampled_from(list(Compression)),
)
def test_expanded_is_what_was_captured(steps: list[tuple[int, int]], compression: Compression) -> None:
    rows, number = [], 0
    for step, value in steps:
        number += step
        rows.append([*row(number, value), axdr.i16(value % 70), axdr.visible(str(value % 3))])
    short = axdr.array(axdr.structure(*cells) for cells in shrunk(rows, compression))
    assert list(expand(Data.parse(short.build()), clock=0, period=PERIOD)) == rows


def test_a_time_keeps_its_zone_and_its_unspecified_day_of_the_week() -> None:
    first = bytes.fromhex("07E80C1FFF173B0000FFC480")
    later = bytes.fromhex("07E90101FF001D0000FFC480")
    rows = [[axdr.octets(first)], [axdr.octets(later)]]
    assert shrunk(rows, Compression.NULL_DATA)[1] == [axdr.null()]
    assert list(expand(axdr.array([axdr.structure(rows[0][0]), axdr.structure(axdr.null())]), 0, PERIOD)) == rows


@pytest.mark.parametrize(
    "octets",
    ["0101 0201 1F05", "0102 0201 0902 4142 0201 1F05", "0102 0201 11FF 0201 1F01", "0102 0201 1100 0201 1CFF", "0101 1101",
     "0102 0201 1101 0202 1101 1101", "1101"],
    ids=["first", "on a string", "over", "under", "no row", "another width", "no array"],
)  # fmt: skip
def test_deltas_and_rows_that_lead_nowhere(octets: str) -> None:
    with pytest.raises(DecodeError):
        list(expand(Data.parse(bytes.fromhex(octets))))


@given(st.binary(max_size=80))
def test_garbage(octets: bytes) -> None:
    try:
        list(expand(Data.parse(b"\x01" + octets), 0, PERIOD))
    except RemoteProtocolError:
        return


def test_a_compact_array_of_rows() -> None:
    buffer = axdr.compact_array(axdr.structure(*row(number, number)) for number in range(3))
    assert buffer.tag == Tag.COMPACT_ARRAY
    assert list(expand(Data.parse(buffer.build()))) == [row(number, number) for number in range(3)]
