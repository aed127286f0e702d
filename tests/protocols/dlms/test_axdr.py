"""A-XDR Data: published vectors, every type, the limits, and what must be refused (bad inputs C1 to C8)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.codec import Frame, axdr_length
from protocols.core.codec.engine import interpreted_build, interpreted_parse_all
from protocols.core.errors import DecodeError, EncodeError
from protocols.dlms import axdr
from protocols.dlms.axdr import CompactArray, Data, Tag, TooManyItems, Type, UnknownTag


def integers(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if signed else st.integers(0, (1 << bits) - 1)


SCALARS = st.one_of(
    st.just(axdr.null()),
    st.just(Data(Tag.DONT_CARE)),
    st.builds(Data, st.sampled_from([Tag.BOOLEAN, Tag.BCD, Tag.UNSIGNED, Tag.ENUM, Tag.DELTA_UNSIGNED]), integers(8, signed=False)),
    st.builds(Data, st.sampled_from([Tag.LONG_UNSIGNED, Tag.DELTA_LONG_UNSIGNED]), integers(16, signed=False)),
    st.builds(Data, st.sampled_from([Tag.DOUBLE_LONG_UNSIGNED, Tag.DELTA_DOUBLE_LONG_UNSIGNED]), integers(32, signed=False)),
    st.builds(Data, st.just(Tag.LONG64_UNSIGNED), integers(64, signed=False)),
    st.builds(Data, st.sampled_from([Tag.INTEGER, Tag.DELTA_INTEGER]), integers(8, signed=True)),
    st.builds(Data, st.sampled_from([Tag.LONG, Tag.DELTA_LONG]), integers(16, signed=True)),
    st.builds(Data, st.sampled_from([Tag.DOUBLE_LONG, Tag.DELTA_DOUBLE_LONG]), integers(32, signed=True)),
    st.builds(Data, st.just(Tag.LONG64), integers(64, signed=True)),
    st.builds(Data, st.just(Tag.FLOAT32), st.floats(width=32, allow_nan=False)),
    st.builds(Data, st.just(Tag.FLOAT64), st.floats(allow_nan=False)),
    st.builds(Data, st.sampled_from([Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING]), st.binary(max_size=300)),
    st.builds(Data, st.just(Tag.BIT_STRING), st.text("01", max_size=300)),
    st.builds(Data, st.just(Tag.DATE_TIME), st.binary(min_size=12, max_size=12)),
    st.builds(Data, st.just(Tag.DATE), st.binary(min_size=5, max_size=5)),
    st.builds(Data, st.just(Tag.TIME), st.binary(min_size=4, max_size=4)),
)  # fmt: skip
DATA = st.recursive(
    SCALARS,
    lambda inner: st.builds(Data, st.sampled_from([Tag.ARRAY, Tag.STRUCTURE]), st.lists(inner, max_size=5)),
    max_leaves=30,
)


def test_published_lengths(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    class Counted(Frame):
        length: axdr_length

    for vector in dlms_vectors("axdr-length"):
        octets = bytes.fromhex(vector["expect"]["hex"])
        assert Counted(vector["given"]["value"]).build() == octets, vector["id"]
        assert Counted.parse(octets).length == vector["given"]["value"], vector["id"]


def test_published_data_round_trips(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    for vector in dlms_vectors("data", "compact-array"):
        octets = bytes.fromhex(vector["given"]["hex"])
        assert Data.parse(octets).build() == octets, vector["id"]


def test_published_values(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    checked = 0
    for vector in dlms_vectors("data"):
        value = Data.parse(bytes.fromhex(vector["given"]["hex"]))
        if "value" not in vector["expect"] or value.tag in (Tag.DATE, Tag.TIME):
            continue  # what dates mean is not this module's
        seen = value.python.hex().upper() if isinstance(value.python, bytes) else value.python
        assert seen == vector["expect"]["value"], vector["id"]
        checked += 1
    assert checked == 14


@pytest.mark.dlms("client compact array")
def test_published_compact_arrays(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    for vector in dlms_vectors("compact-array"):
        assert Data.parse(bytes.fromhex(vector["given"]["hex"])).python == vector["expect"]["items"], vector["id"]


def test_compact_array_of_arrays_and_strings() -> None:
    """Built by hand from the ASN.1 of TypeDescription: array of two unsigned beside an octet-string, three times."""
    description = Type(Tag.STRUCTURE, (Type(Tag.ARRAY, (Type(Tag.UNSIGNED),), 2), Type(Tag.OCTET_STRING)))
    rows = [axdr.structure(axdr.array([axdr.u8(n), axdr.u8(n + 1)]), axdr.octets(b"x" * n)) for n in range(3)]
    octets = bytes.fromhex("13 02 02 01 0002 11 09  0C  00 01 00  01 02 01 78  02 03 02 78 78".replace(" ", ""))
    assert Data(Tag.COMPACT_ARRAY, CompactArray(description, rows)).build() == octets
    assert Data.parse(octets).value.items == rows


def test_true_keeps_its_octet() -> None:
    assert [Data.parse(bytes.fromhex(octets)).build().hex() for octets in ("0301", "03ff", "0300")] == ["0301", "03ff", "0300"]
    assert Data.parse(b"\x03\xff").python is True
    assert axdr.boolean(True).build() == b"\x03\xff"


@pytest.mark.parametrize(
    "made, octets",
    [
        (axdr.null(), "00"), (axdr.boolean(False), "0300"), (axdr.bits("101"), "0403a0"), (axdr.bits(""), "0400"),
        (axdr.i8(-1), "0fff"), (axdr.i16(-2), "10fffe"), (axdr.i32(-2), "05fffffffe"), (axdr.i64(-2), "14fffffffffffffffe"),
        (axdr.u8(1), "1101"), (axdr.u16(1), "120001"), (axdr.u32(1), "0600000001"), (axdr.u64(1), "150000000000000001"),
        (axdr.enum(30), "161e"), (axdr.f32(1.5), "173fc00000"), (axdr.f64(1.5), "183ff8000000000000"),
        (axdr.octets(b"ab"), "09026162"), (axdr.visible("ab"), "0a026162"), (axdr.utf8("\u00a3"), "0c02c2a3"),
        (axdr.date_time(bytes(12)), "19" + "00" * 12), (axdr.structure(axdr.u8(1), axdr.null()), "0202110100"),
        (axdr.array(axdr.u8(n) for n in (1, 2)), "010211011102"),
    ],
)  # fmt: skip
def test_constructors(made: Data, octets: str) -> None:
    """Tags and layouts of IEC 62056-5-3, table of data types."""
    assert made.build().hex() == octets
    assert Data.parse(bytes.fromhex(octets)) == made


@pytest.mark.dlms("server all data types", "client all data types")
@given(DATA)
def test_round_trip(value: Data) -> None:
    assert Data.parse(value.build()) == value


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(octets: bytes) -> None:
    try:
        value = Data.parse(octets)
    except DecodeError:
        return
    assert Data.parse(value.build()).build() == value.build()


@given(DATA, st.data())
def test_every_truncation_is_refused(value: Data, data: st.DataObject) -> None:
    octets = value.build()
    cut = data.draw(st.integers(0, len(octets) - 1))
    with pytest.raises(DecodeError):
        Data.parse(octets[:cut])


def test_several_in_a_row() -> None:
    octets = axdr.u8(1).build() + axdr.octets(b"x").build()
    first, position = Data.parse_from(octets, 0)
    second, end = Data.parse_from(octets, position)
    assert (first, second, end) == (axdr.u8(1), axdr.octets(b"x"), len(octets))


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param("0184ffffffff", id="C1 array of 2^32-1"),
        pytest.param("0984ffffffff", id="C1 octet-string of 2^32-1"),
        pytest.param("0484ffffffff", id="C1 bit-string of 2^32-1"),
        pytest.param("060102", id="C2 truncated fixed type"),
        pytest.param("0980", id="C3 length octet 80"),
        pytest.param("09850000000001" + "00", id="C3 length octet 85"),
        pytest.param("09ff", id="C3 length octet FF"),
        pytest.param("0182ffff00", id="C6 array of 65,535 that holds one"),
        pytest.param("1302020606271c3204800000005f1c335600000000cb", id="C8 length beyond the contents"),
        pytest.param("130202060603000000", id="C8 contents shorter than one row"),
        pytest.param("1302020606091c3204800000005f1c", id="C8 contents one octet over"),
        pytest.param("13000101", id="C8 contents where the type has none"),
        pytest.param("137f0101", id="C8 unknown type in the description"),
        pytest.param("1319", id="C8 description cut"),
        pytest.param("", id="nothing"),
        pytest.param("1101ff", id="octets left over"),
    ],
)
def test_refused(octets: str) -> None:
    with pytest.raises(DecodeError):
        Data.parse(bytes.fromhex(octets))


def test_a_longer_length_than_needed_is_accepted_and_never_sent() -> None:
    """C4."""
    value = Data.parse(bytes.fromhex("0981020102"))
    assert value.build().hex() == "09020102"


def test_nesting() -> None:
    """C5: 16 levels are allowed, 17 are not, and 5,000 cost no stack."""
    deep = b"\x02\x01" * 16 + b"\x00"
    assert Data.parse(deep).build() == deep
    for levels in (17, 5000):
        with pytest.raises(DecodeError, match="nested"):
            Data.parse(b"\x02\x01" * levels + b"\x00")
    too_deep = axdr.null()
    for _ in range(17):
        too_deep = axdr.structure(too_deep)
    with pytest.raises(EncodeError):
        too_deep.build()


def test_item_cap() -> None:
    """C6: 65,535 nulls are legal; the cap refuses them as too long, unless a transfer was allowed that many."""
    octets = bytes.fromhex("0182ffff") + bytes(65_535)
    with pytest.raises(TooManyItems):
        Data.parse(octets)
    assert len(Data.parse(octets, max_items=65_536).value) == 65_535


@pytest.mark.parametrize("description", ["01ffff" * 4 + "00", "01ffff" * 4 + "0200", "01ffff01ffff11"])
def test_a_compact_array_cannot_describe_a_bomb(description: str) -> None:
    with pytest.raises(DecodeError):
        Data.parse(bytes.fromhex("13" + description + "01" + "00"))


def test_unknown_tag_is_told_apart() -> None:
    """C7: the server answers type-unmatched."""
    for octets in ("7f", "02017f"):
        with pytest.raises(UnknownTag):
            Data.parse(bytes.fromhex(octets))


@pytest.mark.parametrize(
    "value",
    [
        axdr.u8(256), axdr.i8(128), axdr.u32(-1), Data(Tag.UNSIGNED, "1"), Data(Tag.UNSIGNED), Data(Tag.OCTET_STRING, 5),
        Data(Tag.DATE, b"1234"), Data(Tag.BIT_STRING, "102"), Data(7, b""), Data(Tag.ARRAY, None), Data(Tag.STRUCTURE, [5]),
        Data(Tag.COMPACT_ARRAY, CompactArray(Type(Tag.UNSIGNED), [axdr.u16(1)])),
        Data(Tag.COMPACT_ARRAY, CompactArray(Type(Tag.STRUCTURE, (Type(Tag.UNSIGNED),)), [axdr.structure()])),
    ],
)  # fmt: skip
def test_what_has_no_encoding_is_our_error(value: Data) -> None:
    with pytest.raises(EncodeError):
        value.build()


def test_visible_string_is_ascii() -> None:
    with pytest.raises(EncodeError):
        axdr.visible("\u00a3")


def test_nan_keeps_being_one() -> None:
    assert math.isnan(Data.parse(axdr.f32(math.nan).build()).value)


# --- types of values, and compact arrays made of them


@pytest.mark.dlms("server compact array")
@pytest.mark.dlms("client compact array", "server compact array")
def test_every_compact_array_of_gb_messages_re_encodes(shared_vectors: Callable[[str], Any]) -> None:
    """All of RTDS 4.5.0 that is public, what was enciphered as well: logs, and registers with matrices of 48 and 8."""
    found: dict[tuple[int, ...], int] = {}
    for message in shared_vectors("gbcs")["messages"]:
        for text in (message["hex"], *(part["plaintext"] for part in message.get("encrypted_parts") or ())):
            octets = bytes.fromhex(text)
            for start in (match.start() for match in re.finditer(rb"\x13\x02[\x02-\x0f][\x05\x06]", octets)):
                value, end = Data.parse_from(octets, start)
                assert value.build() == octets[start:end], message["id"]
                tags = tuple(element.tag for element in value.value.description.elements)
                found[tags] = found.get(tags, 0) + 1
    assert found == {
        (6, 6): 10, (6, 6, 6): 2, (6, 18): 1, (6, 18, 9): 1, (6, 18, 22, 6): 1, (6, 5, 5, 5, 5, 5, 5): 2,
        (6, 6, *[1] * 5, *[5] * 6): 1, (6, 6, 6, *[1] * 6, *[5] * 6): 1,
    }  # fmt: skip


@given(DATA)
def test_a_value_is_of_its_type(value: Data) -> None:
    try:
        description = Type.of(value)
    except EncodeError:
        return  # an array of different types
    held = Data(Tag.COMPACT_ARRAY, CompactArray(description, [value]))
    try:
        octets = held.build()
    except EncodeError:
        return  # nothing in it has an octet
    assert Data.parse(octets) == held


def test_compact_arrays_are_made_of_one_type() -> None:
    made = axdr.compact_array(axdr.structure(axdr.u32(n), axdr.octets(b"x" * n)) for n in range(3))
    assert made.build() == bytes.fromhex("13 0202 06 09 12 00000000 00 00000001 01 78 00000002 02 7878".replace(" ", ""))
    with pytest.raises(EncodeError, match="how many"):
        axdr.compact_array([axdr.null()] * 3).build()
    for wrong in ([], [axdr.u8(1), axdr.u16(1)], [axdr.array([axdr.u8(1)]), axdr.array([])]):
        with pytest.raises(EncodeError):
            axdr.compact_array(wrong)
    with pytest.raises(EncodeError):
        Type.of(axdr.array([axdr.u8(1), axdr.u16(1)]))


@pytest.mark.parametrize(
    "octets",
    ["13 11 02 0102 03", "13 12 03 0001 02", "13 0202 11 12 04 01 0002 03", "13 7F 01 00", "13 00 01 00", "13 13 11 01 00",
     "13 01 0002 11 03 01 02 03", "13 09 02 05 41", "13 0201 01 FFFF 00 01 00", "13 02 84 FFFFFFFF 11 01 00"],
    ids=["left over", "half a value", "half a structure", "unknown", "of nothing", "nested", "half an array", "string", "bomb", "long"],
)  # fmt: skip
def test_descriptions_that_do_not_fit_their_contents(octets: str) -> None:
    """C8. The first one is left over behind the compact array: trailing octets of the whole value."""
    with pytest.raises(DecodeError):
        Data.parse(bytes.fromhex(octets.replace(" ", "")))


def test_a_frame_carries_compact_arrays_in_both_engines() -> None:
    class Carrier(Frame):
        value: axdr.data

    octets = bytes.fromhex("1302020606281C3204800000005F1C335600000000CB1C34A780000000F31C35F9000000002E1C374A80000000BB")
    assert Carrier.parse(octets).build() == octets
    frame = Carrier.parse(octets)
    assert interpreted_parse_all(Carrier._record, octets) == frame
    assert interpreted_build(Carrier._record, frame) == octets
