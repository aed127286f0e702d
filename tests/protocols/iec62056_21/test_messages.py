"""IEC 62056-21 messages, characters and data sets: published exchanges, round trips, garbage."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.iec62056_21 import Block, DataSet, Identification, Listener, Mode, OptionSelect, Push, Request, Value
from protocols.iec62056_21.characters import block_check, with_parity, without_parity
from protocols.iec62056_21.data_set import build_block, parse_block, parse_line
from protocols.iec62056_21.messages import BREAK, HDLC, begun
from protocols.iec62056_21.rates import ANNOUNCED, NEGOTIATED, letter

# Characters of a data set's parts: printable, and none of ( ) * / !
PART = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="()*/!"), max_size=16)
VALUES = st.builds(Value, PART, PART)
DATA_SETS = st.builds(DataSet, PART, st.lists(VALUES, min_size=1, max_size=4).map(tuple))


def test_a_published_opening_of_mode_e(shared_vectors: Callable[..., dict[str, Any]]) -> None:
    """Gurux's example reads such a meter: request, identification, acknowledgement."""
    vectors = [vector for vector in shared_vectors("dlms.json")["vectors"] if vector["area"] == "iec62056-21"]
    assert vectors
    for vector in vectors:
        request, answer = (vector["given"][way].encode().decode("unicode_escape").encode() for way in ("ascii_out", "ascii_in"))
        assert Request.parse(request) == Request()
        assert Request().build() == request
        identification = Identification.parse(answer)
        assert identification.mode is Mode.E
        assert NEGOTIATED[identification.rate] == 9600
        chosen = OptionSelect(HDLC[0], identification.rate, HDLC[1])
        assert chosen.build().hex().upper() == vector["expect"]["ack_hex"]
        assert OptionSelect.parse(chosen.build()) == chosen


def test_a_published_confirmation_with_parity() -> None:
    """Green Book 5, figure 17: the acknowledgement at 9600 baud, 7E1, as eight bits."""
    assert with_parity(OptionSelect("2", "5", "2").build()) == bytes.fromhex("06B235B28D0A")
    assert without_parity(bytes.fromhex("06B235B28D0A")) == b"\x06252\r\n"


def test_published_breaks() -> None:
    """01 42 30 03 71, as readers' manuals print it; B1 ends in 70."""
    assert BREAK.build() == bytes.fromhex("0142300371")
    assert Block("B1", None).build() == bytes.fromhex("0142310370")
    assert Block.parse(bytes.fromhex("0142300371")) == BREAK


@given(st.binary(max_size=40).map(lambda octets: bytes(octet & 0x7F for octet in octets)), st.data())
def test_parity_round_trip_and_one_wrong_bit(characters: bytes, data: st.DataObject) -> None:
    octets = with_parity(characters)
    assert all(octet.bit_count() % 2 == 0 for octet in octets)
    assert without_parity(octets) == characters
    if characters:
        place, bit = data.draw(st.integers(0, len(octets) - 1)), data.draw(st.integers(0, 7))
        damaged = bytearray(octets)
        damaged[place] ^= 1 << bit
        assert without_parity(bytes(damaged))[place] > 0x7F


def test_a_block_check_of_the_standard() -> None:
    """ISO/IEC 1155: even longitudinal parity behind the first STX or SOH, ETX counted."""
    assert block_check(b"\x03") == 0x03
    assert Block("", "1.8.0()").build() == b"\x021.8.0()\x03" + bytes((0x31 ^ 0x2E ^ 0x38 ^ 0x2E ^ 0x30 ^ 0x28 ^ 0x29 ^ 0x03,))


@pytest.mark.parametrize(
    "text, data_set",
    [
        ("1-0:1.8.0*255(000123.45*kWh)", DataSet.of("1-0:1.8.0*255", "000123.45", "kWh")),
        ("1.8.0(0012.345*kWh)(260114000000)", DataSet("1.8.0", (Value("0012.345", "kWh"), Value("260114000000")))),
        ("F.F(00)", DataSet.of("F.F", "00")),
        ("0.0.0(E6 0000001)", DataSet.of("0.0.0", "E6 0000001")),
        ("(17:30:00)", DataSet.of("", "17:30:00")),
        ("C.1.0()", DataSet.of("C.1.0", "")),
    ],
)
def test_data_sets(text: str, data_set: DataSet) -> None:
    assert parse_line(text) == [data_set]
    assert str(data_set) == text


def test_values_are_typed() -> None:
    assert DataSet.of("1.8.0", "000123.45", "kWh").value.number == Decimal("123.45")
    assert DataSet.of("1.7.0", "-1.5", "kW").value.number == Decimal("-1.5")
    assert [Value(text).number for text in ("", "E6 0000001", "12:30:00", "1.2.3", "NaN", "1e3", "٣")] == [None] * 7


@given(st.lists(DATA_SETS, max_size=5))
def test_blocks_of_data_round_trip(data_sets: list[DataSet]) -> None:
    assert parse_block(build_block(data_sets)) == data_sets
    block = Block("", build_block(data_sets))
    assert Block.parse(block.build()) == block


@pytest.mark.dlms("server 62056-21 mode D", "client 62056-21 mode D")
@given(st.lists(DATA_SETS, min_size=1, max_size=3), st.booleans())
def test_pushed_messages_round_trip_however_they_are_cut(data_sets: list[DataSet], whole: bool) -> None:
    """Mode D."""
    push = Push(Identification("MBE", "3", "pusher"), tuple(data_sets))
    stream = b"\x00noise" + push.build() + push.build()
    listener = Listener()
    pieces = [stream] if whole else [bytes((octet,)) for octet in stream]
    assert [found for piece in pieces for found in listener.feed(piece)] == [push, push]


def test_a_damaged_push_is_counted_and_the_next_one_found() -> None:
    push = Push(Identification("MBE", "3", "pusher"), (DataSet.of("1.8.0", "1", "kWh"),))
    damaged = bytearray(push.build())
    damaged[20] ^= 0x80
    listener = Listener()
    assert list(listener.feed(bytes(damaged) + b"x" * 40_000)) == []
    assert list(listener.feed(push.build())) == [push]
    assert listener.damaged == 2


@given(st.binary(max_size=80), st.sampled_from([Request, Identification, OptionSelect, Block, Push]))
def test_garbage_raises_one_family(octets: bytes, message: Any) -> None:
    for data in (octets, b"\x02" + octets + b"\x03\x00", b"/MBE5" + octets + b"\r\n", b"/MBE3x\r\n\r\n" + octets + b"!\r\n"):
        try:
            message.parse(data)
        except DecodeError:
            continue


@given(st.text(max_size=60))
def test_garbage_as_data_raises_one_family(text: str) -> None:
    for each in (text, f"1.8.0({text})", f"{text}!\r\n"):
        for parse in (parse_line, parse_block):
            try:
                parse(each)
            except DecodeError:
                continue


@pytest.mark.parametrize(
    "line", ["1.8.0", "1.8.0(1", "1.8.0(1*k*W)", "1.8.0 1)", "(1)x", "1.8.0*(1)", "1.8.0((1))", "x" * 40 + "(1)"]
)
def test_what_is_no_data_set(line: str) -> None:
    with pytest.raises(DecodeError):
        parse_line(line)


@pytest.mark.parametrize(
    "ours",
    [
        lambda: Request("a!b").build(),
        lambda: Request("x" * 33).build(),
        lambda: Identification("MB", "5", "x").build(),
        lambda: Identification("MBE", "5", "a!b").build(),
        lambda: Identification("MBE", "5", r"\2x").build(),
        lambda: Block("X9", "").build(),
        lambda: Block("", "a\x03b").build(),
        lambda: build_block([DataSet("1.8.0", ())]),
        lambda: build_block([DataSet.of("1.8.0", "1)(2")]),
        lambda: build_block([DataSet.of("1.8.0", "é")]),
    ],
)
def test_what_we_must_not_say(ours: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        ours()


@pytest.mark.parametrize(
    "asked, address, reached",
    [
        ("", "123", True),
        ("123", "123", True),
        ("00123", "123", True),
        ("123", "0123", True),
        ("124", "123", False),
        ("x", "", False),
    ],
)
def test_addresses(asked: str, address: str, reached: bool) -> None:
    assert Request(asked).reaches(address) is reached


def test_modes_of_rate_characters() -> None:
    modes = {each: Identification("MBE", each, "x").mode for each in "056AFGz9"}
    assert modes == {
        "0": Mode.C, "5": Mode.C, "6": Mode.C, "A": Mode.B, "F": Mode.B, "G": Mode.A, "z": Mode.A, "9": Mode.A,
    }  # fmt: skip
    assert (NEGOTIATED["6"], ANNOUNCED["A"], ANNOUNCED["F"]) == (19_200, 600, 19_200)
    assert [letter(rate) for rate in (100, 300, 9600, 10_000, 115_200)] == ["0", "0", "5", "5", "6"]


def test_how_a_request_begins() -> None:
    whole = Request("E6 01").build()
    assert all(begun(whole[:size]) for size in range(1, len(whole) + 1))
    assert not any(begun(wrong) for wrong in (b"?", b"/x", b"/?~", b"/?!x", b"/?!\n", b"/?" + b"0" * 33))
