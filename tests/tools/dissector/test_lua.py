"""Lua source of Python values and of the declarations' expressions; declarations that the dissector cannot have are refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protocols.core.codec import Frame, be, octets, switch, this, zcl_string
from tools.dissector.declarations import Declarations, snake
from tools.dissector.generate import dissector
from tools.dissector.lua import Source, function, literal


@pytest.mark.parametrize(
    "value, source",
    [
        (5, "5"), (True, "true"), ('a"\\\n', '"a\\"\\\\\\010"'), ("é", '"\\195\\169"'), ([1, "b"], '{ 1, "b" }'),
        ({"a": 1, 2: "b", "c": None}, '{ a = 1, [2] = "b" }'), ({"a-b": Source("f(x)")}, '{ ["a-b"] = f(x) }'), ([], "{}"),
    ],
)  # fmt: skip
def test_values(value: object, source: str) -> None:
    assert literal(value) == source


def test_a_long_table_takes_a_line_for_each_member() -> None:
    assert literal({"a": "x" * 100, "b": [1, 2]}) == f'{{\n  a = "{"x" * 100}",\n  b = {{ 1, 2 }},\n}}'


def test_what_has_no_form_is_our_error() -> None:
    with pytest.raises(TypeError, match="no form in Lua"):
        literal(1.5)
    with pytest.raises(TypeError):
        function(lambda this: this.n)


@pytest.mark.parametrize(
    "expression, source",
    [
        (this.n, "this.n"), (this.n & 0x0F, "bit.band(this.n, 15)"), (this.a + this.b * 2, "(this.a + (this.b * 2))"),
        (this.n >> 4 == 3, "(bit.rshift(this.n, 4) == 3)"), (this.n // 8, "math.floor(this.n / 8)"),
    ],
)  # fmt: skip
def test_expressions(expression: object, source: str) -> None:
    assert function(expression) == f"function(this) return {source} end"


def test_a_number_needs_no_function() -> None:
    assert function(6) == "6"


def test_a_declaration_becomes_a_table() -> None:
    class Inner(Frame):
        value: be.u16

    class Outer(Frame):
        kind: be.u8
        name: bytes = octets(this.kind & 3)
        body: Inner | int = switch(this.kind, {1: Inner, 2: be.i8})

    declarations = Declarations()
    assert declarations.add(Outer) == "Outer"
    assert declarations.frames.keys() == {"Outer", "Inner"}
    text = literal(declarations.frames)
    assert "key = function(this) return this.kind end" in text
    assert "length = function(this) return bit.band(this.kind, 3) end" in text
    assert 'F("int8", "mbdlms.outer.body", "body")' in text
    assert '{ kind = "frame", label = "body", frame = "Inner" }' in text


def test_parts_that_dlms_has_not_are_refused() -> None:
    class Other(Frame):
        text: zcl_string

    with pytest.raises(TypeError, match=r"Other\.text"):
        Declarations().add(Other)


def test_two_frames_of_one_name_are_told_apart_before_they_are_mixed_up() -> None:
    class Header(Frame):
        value: be.u8

    declarations = Declarations()
    declarations.add(Header)
    declarations.add(Header)
    other = type(Frame)("Header", (Frame,), {"__annotations__": {}, "__module__": __name__})
    with pytest.raises(TypeError, match="two frames are called Header"):
        declarations.add(other)


@pytest.mark.parametrize(
    "name, words", [("GetRequestNormal", "get_request_normal"), ("AARQ", "aarq"), ("_OctetString", "octet_string")]
)
def test_filter_names(name: str, words: str) -> None:
    assert snake(name) == words


def test_the_file_is_the_same_each_time_and_names_no_place() -> None:
    text = dissector()
    assert text == dissector()
    assert not re.findall(r"0x[0-9a-f]{8,}|/(?:home|tmp|usr)/", text)
    assert str(Path(__file__).parents[3]) not in text
