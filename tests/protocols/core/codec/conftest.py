"""A frame for each thing a declaration may say, and both engines side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from protocols.core.codec import (
    Frame,
    Leaf,
    array,
    axdr_length,
    be,
    const,
    extra,
    field,
    itself,
    le,
    nothing,
    octets,
    prefixed,
    presence,
    rest,
    switch,
    tagged,
    this,
    to_end,
    trailing,
    when,
    zcl_long_string,
    zcl_string,
)
from protocols.core.codec.engine import interpreted_build, interpreted_parse, interpreted_parse_all
from protocols.core.errors import DecodeError, EncodeError


class Point(Frame):
    x: be.i16
    y: le.i24


class Empty(Frame):
    tag: int = const(0x7E, be.u8)


class BigNumbers(Frame):
    a: be.u8
    b: be.u16
    c: be.u24
    d: be.u32
    e: be.u40
    f: be.u48
    g: be.u56
    h: be.u64
    i: be.f32
    j: be.f64
    k: be.f16


class LittleNumbers(Frame):
    a: le.i8
    b: le.i16
    c: le.i24
    d: le.i32
    e: le.i40
    f: le.i48
    g: le.i56
    h: le.i64
    i: le.f32
    j: le.f64
    k: le.f16


class MixedOrders(Frame):
    lead: bytes = const(b"\xc0\x01")
    a: be.u16
    second: int = const(0x1234, le.u16)
    b: le.u32
    c: bytes = octets(3)
    d: be.i48
    last: int = const(0xFF, be.u8)


class Inner(Frame):
    n: be.u8
    point: Point
    text: bytes = prefixed(be.u8)


class Lengths(Frame):
    n: le.u8
    a: bytes = octets(this.n & 0x03)
    b: bytes = prefixed(axdr_length)
    c: bytes = prefixed(le.u16)
    d: Inner = prefixed(be.u8, Inner)
    e: axdr_length
    f: bytes = octets(this.n + 1)


class Lists(Frame):
    n: be.u8
    a: list[int] = array(be.u16, this.n)
    b: list[Point] = array(Point, axdr_length)
    c: list[bytes | None] = array(zcl_string, le.u8)
    d: list[bytes] = array(octets(2), 2)
    e: list[Inner] = to_end(Inner)


class Presences(Frame):
    control: le.u16
    a: int | None = when(this.control & 0x08, le.u64)
    b: Inner | None = presence(Inner)
    c: Point | None = when((this.control >> 4) & 3 == 2, Point)
    d: bytes | None = tagged(0x80)
    e: Inner | None = tagged(0xA1, Inner)
    f: bytes | None = when(this.control & 0x01, zcl_string)
    g: be.u8


class Trails(Frame):
    a: zcl_string
    b: zcl_long_string
    c: int | None = trailing(le.u16, default=None)
    d: Point | None = trailing(Point, default=None)
    e: bytes = extra(default=b"")


class Choices(Frame):
    kind: be.u8
    a: int | Point | bytes | None = switch(
        this.kind & 0x0F, {1: be.u32, 2: Point, 3: prefixed(axdr_length), 0: nothing, 5: octets(4), 6: octets(4)}
    )
    b: int | Inner = switch(this.kind, {0x10 | k: le.u16 for k in (1, 2, 3)} | {0: Inner, 5: be.i8})


STRING = prefixed(axdr_length)
ITEMS = array(itself, axdr_length)


class Tree(Frame):
    tag: be.u8
    value: object = switch(this.tag, {9: STRING, 2: ITEMS, 17: be.u8, 6: be.u32, 0: nothing, 1: ITEMS, 3: array(itself, be.u8)})


class Wood(Frame):
    lead: int = const(0xC4, be.u8)
    first: Tree
    others: list[Tree] = array(Tree, be.u8)
    last: bytes = rest()


class Fibonacci(Leaf):
    """A number of ones, ended by a zero: enough of a hand-written leaf."""

    def parse(self, buf: bytes, pos: int, end: int) -> tuple[int, int]:
        start = pos
        while buf[pos] == 1:
            pos += 1
        if buf[pos]:
            raise DecodeError(f"{buf[pos]} is neither 0 nor 1 (offset {pos})")
        return pos - start, pos + 1

    def build(self, value: Any, out: bytearray) -> None:
        if value < 0:
            raise EncodeError(f"{value} is negative")
        out += b"\1" * value + b"\0"


class HandWritten(Frame):
    a: be.u8
    b: int = field(Fibonacci())
    c: list[int] = array(Fibonacci(), be.u8)


ZOO = (
    Point, Empty, BigNumbers, LittleNumbers, MixedOrders, Inner, Lengths, Lists, Presences, Trails, Choices, Tree, Wood,
)  # fmt: skip


class Engines:
    """What both engines make of octets or values, which must be the same."""

    def parse(self, frame: type[Frame], data: bytes) -> Frame | None:
        """The frame, or None where both refuse. NaN is equal to itself here."""
        try:
            expected = interpreted_parse_all(frame._record, data)
        except DecodeError:
            with pytest.raises(DecodeError):
                frame.parse(data)
            self._parse_from(frame, data)
            return None
        found = frame.parse(data)
        assert repr(found) == repr(expected)
        self._parse_from(frame, data)
        return found

    def _parse_from(self, frame: type[Frame], data: bytes) -> None:
        moved = b"\xaa\xbb" + data
        try:
            expected = interpreted_parse(frame._record, moved, 2)
        except DecodeError:
            with pytest.raises(DecodeError):
                frame.parse_from(moved, 2)
        else:
            assert repr(frame.parse_from(moved, 2)) == repr(expected)

    def build(self, frame: Frame) -> bytes | None:
        """The octets, or None where construct refuses."""
        try:
            expected = interpreted_build(frame._record, frame)
        except EncodeError:
            with contextlib.suppress(EncodeError):
                frame.build()  # may take another sequence for a list or for octets: it looks at values, not at classes
            return None
        assert frame.build() == expected
        return expected


@pytest.fixture(scope="session")
def engines() -> Engines:
    return Engines()


@pytest.fixture(scope="session")
def zoo() -> dict[str, type[Frame]]:
    """One frame class for each kind of part, by name."""
    return {frame.__name__: frame for frame in (*ZOO, HandWritten)}


@pytest.fixture(params=ZOO, ids=lambda frame: frame.__name__)
def animal(request: pytest.FixtureRequest) -> type[Frame]:
    """Each frame class in turn whose values can be drawn."""
    found: type[Frame] = request.param
    return found


@pytest.fixture(scope="session")
def changes() -> Callable[[bytes], list[bytes]]:
    """Every truncation of octets, and every change of one octet to one of a few others."""

    def changed(data: bytes) -> list[bytes]:
        cut = [data[:size] for size in range(len(data))]
        odd = [data[:at] + bytes((octet,)) + data[at + 1 :] for at in range(len(data)) for octet in others(data[at])]
        return [*cut, *odd, data + b"\0"]

    def others(octet: int) -> list[int]:
        return sorted({octet ^ 0x01, octet ^ 0x80, 0xFF, 0x02} - {octet})

    return changed
