"""ZCL data types: the table, non-values, bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError, EncodeError
from protocols.zigbee.zcl import types
from protocols.zigbee.zcl.types import TYPES, Collection, Value

NUMBERS = [t for t in TYPES.values() if t.size and t.name.startswith(("uint", "int", "enum", "bitmap", "data", "utc"))]


def read_all(type_, octets):
    value, end = type_.read(octets, 0, len(octets))
    assert end == len(octets)
    return value


@pytest.mark.parametrize(
    ("type_", "octets", "value"),
    [
        # the octets of 07-5123 clause 2.6.2's encodings, written out by hand
        (types.uint8, "01", 1),
        (types.uint24, "e80300", 1000),
        (types.uint48, "15cd5b070000", 123_456_789),
        (types.int8, "ff", -1),
        (types.int24, "d20400", 1234),
        (types.int24, "2efbff", -1234),
        (types.boolean, "01", True),
        (types.boolean, "ff", None),
        (types.enum8, "30", 0x30),
        (types.single, "0000c03f", 1.5),
        (types.semi, "003e", 1.5),
        (types.octet_string, "03616263", b"abc"),
        (types.octet_string, "00", b""),
        (types.octet_string, "ff", None),
        (types.char_string, "03c2a331", "£1"),
        (types.long_octet_string, "0300616263", b"abc"),
        (types.long_octet_string, "ffff", None),
        (types.ieee_address, "019a78563412db00", 0x00DB123456789A01),
        (types.array, "20020001ff", Collection(types.uint8, (1, 255))),
        (types.array, "20ffff", Collection(types.uint8, None)),
        (types.structure, "020020071001", (Value(types.uint8, 7), Value(types.boolean, True))),
        (types.structure, "ffff", None),
    ],
)
def test_encodings(type_, octets, value):
    data = bytes.fromhex(octets)
    assert read_all(type_, data) == value
    assert type_.build(value) == data


@pytest.mark.parametrize(
    ("type_", "octets"),
    [
        (types.uint24, "ffffff"),
        (types.int24, "000080"),
        (types.enum8, "ff"),
        (types.utc_time, "ffffffff"),
        (types.octet_string, "ff"),
        (types.boolean, "ff"),
    ],
)
def test_none_is_written_as_the_non_value_and_the_non_value_is_not_known(type_, octets):
    assert type_.build(None) == bytes.fromhex(octets)
    assert not type_.known(read_all(type_, bytes.fromhex(octets)))


def test_a_float_without_a_value_is_not_known():
    value = read_all(types.single, types.single.build(None))
    assert math.isnan(value)
    assert not types.single.known(value)


def test_characters_that_are_not_utf8_survive():
    assert types.char_string.build(read_all(types.char_string, b"\x02\xc3\x28")) == b"\x02\xc3\x28"


@given(st.sampled_from(NUMBERS), st.data())
def test_numbers_round_trip(type_, data):
    octets = data.draw(st.binary(min_size=type_.size, max_size=type_.size))
    assert type_.build(read_all(type_, octets)) == octets
    for cut in range(type_.size):
        with pytest.raises(DecodeError):
            type_.read(octets, 0, cut)


@given(st.sampled_from(sorted(TYPES.values(), key=lambda t: t.id)), st.binary(max_size=64))
def test_rubbish_is_a_decode_error_or_a_value_within_bounds(type_, octets):
    try:
        value, end = type_.read(octets, 0, len(octets))
    except DecodeError:
        return
    assert end <= len(octets)
    if not (isinstance(value, float) and math.isnan(value)) and "nan" not in repr(value):
        assert type_.build(value) == octets[:end]


@pytest.mark.parametrize("value", [-1, 1 << 24, "1", 1.5])
def test_a_value_that_does_not_fit_is_our_error(value):
    with pytest.raises(EncodeError):
        types.uint24.build(value)


def test_collections_are_bounded():
    deep = b"\x48" + b"\x48\x01\x00" * 16 + b"\x20\x00\x00"
    with pytest.raises(DecodeError, match="nests"):
        types.array.read(deep, 1, len(deep))
    wide = b"\x20\xff\x0f" + bytes(0x0FFF)
    assert len(read_all(types.array, wide).items) == 0x0FFF
    with pytest.raises(DecodeError, match="items"):
        types.array.read(b"\x20\xfe\xff" + bytes(70_000), 0, 70_003)
    with pytest.raises(DecodeError, match="no octets"):
        types.array.read(b"\x00\xfe\xff", 0, 3)


def test_a_type_outside_the_table():
    with pytest.raises(DecodeError, match="not known"):
        types.type_at(b"\x77", 0, 1)
    with pytest.raises(DecodeError):
        types.type_at(b"", 0, 0)
