"""Frames as their users see them: constructors, errors that name the field, limits, dispatch, generated source."""

from __future__ import annotations

import inspect
import traceback
from typing import Any

import pytest

from protocols.core.codec import (
    Frame,
    Leaf,
    array,
    axdr_length,
    be,
    choice,
    const,
    extra,
    field,
    itself,
    nothing,
    octets,
    prefixed,
    presence,
    switch,
    this,
    to_end,
    trailing,
    when,
    zcl_string,
)
from protocols.core.errors import DecodeError, EncodeError


class Attribute(Frame):
    class_id: be.u16
    instance: bytes = octets(6)
    attribute: be.i8


class Request(Frame):
    """GET.request normal, as IEC 62056-5-3 has it."""

    tag: int = const(0xC0, be.u8)
    choice: int = const(1, be.u8)
    invoke: be.u8
    attribute: Attribute
    selection: int | None = presence(be.u8, default=None)


class Next(Frame):
    tag: int = const(0xC0, be.u8)
    choice: int = const(2, be.u8)
    invoke: be.u8
    number: be.u32


class Tree(Frame):
    tag: be.u8
    value: Any = switch(this.tag, {0: be.u8, 1: array(itself, axdr_length)})


REQUEST = bytes.fromhex("C001C100030100010800FF0200")


def test_a_frame_is_a_value():
    frame = Request.parse(REQUEST)
    assert frame == Request(0xC1, Attribute(3, bytes.fromhex("0100010800FF"), 2))
    assert frame == Request(invoke=0xC1, attribute=frame.attribute, selection=None)
    assert hash(frame) == hash(Request.parse(REQUEST))
    assert (frame.tag, frame.choice, Request.tag) == (0xC0, 1, 0xC0)
    assert repr(frame.attribute) == "Attribute(class_id=3, instance=b'\\x01\\x00\\x01\\x08\\x00\\xff', attribute=2)"
    assert not hasattr(frame, "__dict__")
    with pytest.raises(AttributeError):
        frame.invoke = 2  # type: ignore[misc]
    assert frame.build() == REQUEST
    assert Request.parse_from(b"\0" + REQUEST + b"\0", 1) == (frame, 14)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (REQUEST[:3], "Request.attribute.class_id: needs 2 octets, has 0 (offset 3)"),
        (REQUEST[:4], "Request.attribute.class_id: needs 2 octets, has 1 (offset 3)"),
        (REQUEST[:9], "Request.attribute.instance: needs 6 octets, has 4 (offset 5)"),
        (b"", "Request.tag: needs 1 octet, has 0 (offset 0)"),
        (b"\xc1" + REQUEST[1:], "Request.tag: is C1, must be C0 (offset 0)"),
        (REQUEST[:-1] + b"\2", "Request.selection: presence octet 02 is neither 00 nor 01 (offset 12)"),
        (REQUEST[:-1] + b"\1", "Request.selection: needs 1 octet, has 0 (offset 13)"),
        (REQUEST + b"\0\0", "Request: 2 octets left over (offset 13)"),
    ],
)
def test_a_decode_error_names_the_field_and_the_offset(wrong: bytes, message: str):
    with pytest.raises(DecodeError) as caught:
        Request.parse(wrong)
    assert str(caught.value) == message


def test_offsets_count_from_the_start_of_the_octets_given():
    with pytest.raises(DecodeError, match=r"Request.attribute.class_id: needs 2 octets, has 1 \(offset 5\)"):
        Request.parse_from(b"\0\0" + REQUEST[:4], 2)


def test_the_path_goes_through_lists():
    with pytest.raises(DecodeError, match=r"^Tree.value\[1\].value\[0\].value: nothing is known for 9 \(offset 7\)$"):
        Tree.parse(b"\1\2\0\5\1\1\x09")
    with pytest.raises(EncodeError, match=r"^Tree.value\[1\].value: "):
        Tree(1, [Tree(0, 1), Tree(0, 256)]).build()


@pytest.mark.parametrize(
    "attribute, message",
    [
        (Attribute(0x10000, bytes(6), 0), r"^Request.attribute.class_id: .* 65536"),
        (Attribute(1, bytes(5), 0), "^Request.attribute.instance: expects 6 octets, got 5$"),
        (Attribute(1, bytes(6), 128), r"^Request.attribute.attribute: .* 128"),
        (None, "^Request.attribute: expects Attribute, got None$"),
    ],
)
def test_an_encode_error_names_the_field(attribute: Any, message: str):
    with pytest.raises(EncodeError, match=message):
        Request(1, attribute).build()


# --- what stock construct gets wrong


class Loose(Frame):
    control: be.u8
    item: int | None = when(this.control & 1, be.u16)
    inner: Next = prefixed(axdr_length, Next)


class Tail(Frame):
    a: int | None = trailing(be.u16, default=None)
    b: int | None = trailing(be.u8, default=None)
    more: bytes = extra(default=b"")


class Many(Frame):
    items: list[int] = to_end(be.u16)


def test_a_partial_optional_is_an_error_and_not_none():
    assert Tail.parse(b"") == Tail()
    with pytest.raises(DecodeError, match=r"^Tail.a: needs 2 octets, has 1 \(offset 0\)$"):
        Tail.parse(b"\1")


def test_a_gap_before_a_trailing_field_is_refused():
    with pytest.raises(EncodeError, match=r"^Tail.b: is set, but a before it is absent$"):
        Tail(None, 1).build()
    with pytest.raises(EncodeError, match=r"^Tail.more: is set, but b before it is absent$"):
        Tail(1, None, b"\0").build()
    assert Tail(1, 2, b"\3").build() == b"\0\1\2\3"


def test_a_partial_item_is_an_error_and_not_dropped():
    assert Many.parse(b"\0\1\0\2").items == [1, 2]
    with pytest.raises(DecodeError, match=r"^Many.items\[1\]: needs 2 octets, has 1 \(offset 2\)$"):
        Many.parse(b"\0\1\0")


def test_a_prefixed_part_fills_its_length():
    inside = bytes.fromhex("C0020100000007")
    assert Loose.parse(b"\0\7" + inside).inner.number == 7
    with pytest.raises(DecodeError, match=r"^Loose.inner: 1 octet left over \(offset 9\)$"):
        Loose.parse(b"\0\x08" + inside + b"\0")
    with pytest.raises(DecodeError, match=r"^Loose.inner.number: needs 4 octets, has 3 \(offset 5\)$"):
        Loose.parse(b"\0\6" + inside)


def test_a_condition_and_its_field_must_agree():
    inner = Next(1, 7)
    with pytest.raises(EncodeError, match=r"^Loose.item: the earlier fields say it is absent, it is 5$"):
        Loose(0, 5, inner).build()
    with pytest.raises(EncodeError, match=r"^Loose.item: the earlier fields say it is present, it is None$"):
        Loose(1, None, inner).build()


def test_a_boolean_keeps_its_octet():
    class Switched(Frame):
        on: be.boolean

    assert Switched.parse(b"\xff").build() == b"\xff"
    assert Switched.parse(b"\x01").build() == Switched(True).build() == b"\x01"


class Case(Frame):
    kind: be.u8
    value: Any = switch(this.kind, {0: nothing, 1: octets(this.kind + 1), 2: zcl_string, 3: array(be.u8, this.kind)})


@pytest.mark.parametrize("kind, value", [(0, 1), (0, b""), (1, b"a"), (1, b"abc"), (2, bytes(255)), (3, [1, 2])])
def test_values_that_the_earlier_fields_do_not_allow_are_refused(kind: int, value: Any):
    with pytest.raises(EncodeError, match=r"^Case\.value: "):
        Case(kind, value).build()


def test_the_longest_zcl_string():
    assert Case.parse(Case(2, bytes(254)).build()) == Case(2, bytes(254))
    assert Case(2, None).build() == b"\x02\xff"
    assert Case(2, b"").build() == b"\x02\x00"


class Mark(Frame):
    tag: int = const(7, be.u8)


class Marked(Frame):
    mark: Mark
    tag: int = const(9, be.u8)
    value: int | None = presence(be.u8, default=None)


def test_constants_stay_with_every_branch_behind_them():
    assert Marked(Mark(), 5).build() == b"\x07\x09\x01\x05"
    assert Marked(Mark()).build() == b"\x07\x09\x00"
    for other in (None, Marked(Mark())):
        with pytest.raises(EncodeError, match=r"^Marked\.mark: expects Mark"):
            Marked(other, 5).build()  # type: ignore[arg-type]


class Sized(Frame):
    text: bytes = prefixed(axdr_length)


@pytest.mark.parametrize(
    "size, head",
    [(0, "00"), (127, "7F"), (128, "8180"), (255, "81FF"), (256, "820100"), (65535, "82FFFF"), (65536, "83010000")],
)
def test_lengths_take_their_shortest_form(size: int, head: str):
    built = Sized(bytes(size)).build()
    assert built == bytes.fromhex(head) + bytes(size)
    assert Sized.parse(built) == Sized(bytes(size))


class Overshoot(Leaf):
    """A leaf with a bug: its position is one too far at the end."""

    def parse(self, buf: bytes, pos: int, end: int) -> tuple[int, int]:
        return 0, pos + 2

    def build(self, value: int, out: bytearray) -> None:
        out.append(value)


class Careless(Frame):
    value: int = field(Overshoot())


def test_a_leaf_that_reads_past_the_end_is_noticed():
    assert Careless.parse(b"ab") == Careless(0)
    with pytest.raises(DecodeError, match=r"^Careless\.value: needs 2 octets, has 1 \(offset 0\)$"):
        Careless.parse_from(b"a", 0)


# --- limits


@pytest.mark.parametrize("head", [b"\x01\x84\xff\xff\xff\xff", b"\x01\x82\xff\xff"])
def test_a_declared_length_allocates_nothing(head: bytes):
    with pytest.raises(DecodeError):
        Tree.parse(head + b"\0\0")


@pytest.mark.parametrize("length", [0x80, *range(0x85, 0x100)])
def test_lengths_of_other_forms_are_refused(length: int):
    with pytest.raises(DecodeError, match="length octet"):
        Tree.parse(b"\1" + bytes((length,)) + bytes(300))


def test_a_longer_length_than_needed_is_read_and_never_sent():
    assert Tree.parse(b"\x01\x81\x01\x00\x07").build() == b"\x01\x01\x00\x07"


def test_nesting_ends_at_16():
    assert Tree.parse(b"\1\1" * 15 + b"\1\0")
    assert Tree.parse(b"\1\1" * 16 + b"\0\0")
    for levels in (17, 5000):
        with pytest.raises(DecodeError, match="nested deeper than 16"):
            Tree.parse(b"\1\1" * levels + b"\0\0")
    frame = Tree(0, 0)
    for _ in range(17):
        frame = Tree(1, [frame])
    with pytest.raises(EncodeError, match="nested deeper than 16"):
        frame.build()


def test_items_are_counted_over_all_levels():
    row = b"\1\x82\x08\x00" + b"\0\0" * 2048
    with pytest.raises(DecodeError, match="more than 4096 items"):
        Tree.parse(b"\1\2" + row + row)
    assert len(Tree.parse(b"\1\2" + row + row, 5000).value) == 2
    assert Tree.parse(row).build() == row


def test_lists_end_at_4096_items():
    with pytest.raises(DecodeError, match="more than 4096 items"):
        Many.parse(bytes(2 * 4097))
    assert len(Many.parse(bytes(2 * 4096)).items) == 4096


def test_counted_lists_end_at_4096_items():
    class Counted(Frame):
        items: list[int] = array(be.u8, be.u16)

    assert Counted.parse(b"\x10\x00" + bytes(4096)).items == [0] * 4096
    with pytest.raises(DecodeError, match="more than 4096 items"):
        Counted.parse(b"\x10\x01" + bytes(4097))


# --- dispatch


def test_a_choice_goes_by_the_leading_constants():
    apdu = choice("APDU", [Request, Next])
    assert apdu.parse(REQUEST) == Request.parse(REQUEST)
    assert apdu.parse(bytes.fromhex("C0020100000007")) == Next(1, 7)
    for wrong in (b"", b"\xc0", b"\xc0\x03\x01", b"\xff" * 20):
        with pytest.raises(DecodeError, match=r"^APDU: no such frame"):
            apdu.parse(wrong)
    with pytest.raises(DecodeError, match=r"^Next.number"):
        apdu.parse(b"\xc0\x02\x01")


def test_a_choice_refuses_what_it_could_not_tell_apart():
    with pytest.raises(TypeError, match="Request has no leading constants of its own"):
        choice("APDU", [Request, Request])
    with pytest.raises(TypeError, match="Attribute has no leading constants"):
        choice("APDU", [Attribute])


# --- declarations


def test_a_field_may_not_hide_a_method():
    with pytest.raises(TypeError, match=r"Hidden\.parse: a field may not have this name"):

        class Hidden(Frame):
            parse: be.u8


def test_generated_methods_are_not_overridden():
    with pytest.raises(TypeError, match="Other: build is generated"):

        class Other(Frame):
            def build(self) -> bytes:
                return b""


def test_an_annotation_that_is_no_item_needs_a_specifier():
    with pytest.raises(TypeError, match="cannot stand in a frame"):

        class Plain(Frame):
            number: int

    with pytest.raises(TypeError, match="needs a specifier"):

        class Optional(Frame):
            number: be.u8 | None


def test_a_subclass_adds_fields_and_has_code_of_its_own():
    class Base(Frame):
        a: be.u8

    assert Base.parse(b"\1").build() == b"\1"

    class Longer(Base):
        b: be.u8

    assert Longer.parse(b"\1\2") == Longer(1, 2)
    assert Longer(1, 2).build() == b"\1\2"
    assert Base.parse(b"\1") == Base(1)


def test_methods_kept_from_before_the_first_use_work():
    class Kept(Frame):
        a: be.u8

    parse, build = Kept.parse, Kept(1).build
    for _ in range(3):
        assert parse(b"\2") == Kept(2)
        assert build() == b"\1"


def test_a_debugger_finds_the_generated_source():
    Request.parse(REQUEST)
    source = inspect.getsource(Request.parse)
    assert source.startswith("def parse(data")
    assert "unpack_from" in source
    with pytest.raises(DecodeError) as caught:
        Request.parse(b"")
    assert any("explain(data" in (entry.line or "") for entry in traceback.extract_tb(caught.value.__traceback__))
