"""Every frame under protocols/ is declared within the written subset: known constructs, fields and integers only."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import construct as c
import pytest

import protocols
from protocols.core.codec import Frame, Leaf, be, constructs, field, itself, octets, rest, this, to_end, when
from protocols.core.codec.constructs import expressions_in
from protocols.core.codec.expressions import fields_in
from protocols.core.codec.layout import least_size
from tools.testkit.strategies import frame_classes

for module in pkgutil.walk_packages(protocols.__path__, "protocols."):
    importlib.import_module(module.name)
DECLARED = frame_classes()

CONSTRUCTS = {
    constructs.Array, constructs.AxdrLength, constructs.Const, constructs.Field, constructs.Itself, constructs.Nothing,
    constructs.NullablePrefixed, constructs.Octets, constructs.Prefixed, constructs.Presence, constructs.Record,
    constructs.Rest, constructs.Switch, constructs.Tagged, constructs.ToEnd, constructs.Trailing, constructs.When,
    c.FormatField, c.BytesInteger, c.Struct,
}  # fmt: skip
TO_THE_END = (constructs.Rest, constructs.ToEnd)


def parts(part: Any) -> Iterator[Any]:
    """A part and all within it, but not the octets a length already bounds."""
    yield part
    if isinstance(part, c.Struct):
        below = part.subcons
    elif isinstance(part, constructs.Switch):
        below = part.cases.values()
    elif isinstance(part, c.Subconstruct):
        below = [part.subcon]
    else:
        below = []
    for found in below:
        yield from parts(found)


def faults(frame: type[Frame]) -> Iterator[str]:
    """What in a declaration is outside the subset."""
    for part in parts(frame._record):
        if type(part) not in CONSTRUCTS and not isinstance(part, Leaf):
            yield f"{part!r} is not in the subset"
        if isinstance(part, constructs.ToEnd) and not least_size(part.subcon):
            yield "items without octets never end"
        holds_itself = isinstance(part, c.Subconstruct) and isinstance(part.subcon, constructs.Itself)
        if holds_itself and not isinstance(part, constructs.Array):
            yield "a frame in itself stands outside an array"
        if isinstance(part, constructs.Record):
            yield from record_faults(part)


def record_faults(record: Any) -> Iterator[str]:
    earlier: set[str] = set()
    members = record.subcon.subcons
    for at, member in enumerate(members):
        for expression in expressions_in(member):
            try:
                unknown = fields_in(expression) - earlier
            except TypeError as error:
                yield str(error)
            else:
                if unknown:
                    yield f"{member.name} needs {unknown}, which are not earlier fields"
        if isinstance(member.subcon, TO_THE_END) and at != len(members) - 1:
            yield f"{member.name} takes what is left, but is not the last field"
        earlier.add(member.name)


@pytest.mark.parametrize("frame", DECLARED, ids=lambda frame: f"{frame.__module__}.{frame.__qualname__}")
def test_a_declared_frame_is_in_the_subset(frame: type[Frame]):
    assert list(faults(frame)) == []


def test_frames_were_found():
    assert len(DECLARED) > 100


class Later(Frame):
    a: bytes = octets(this.n)
    n: be.u8


class Early(Frame):
    a: bytes = rest()
    n: be.u8


class Endless(Frame):
    a: list[bytes] = to_end(octets(0))


class Alone(Frame):
    n: be.u8
    a: Any = when(this.n, itself)


@pytest.mark.parametrize(
    "frame, fault",
    [
        (Later, "which are not earlier fields"),
        (Early, "but is not the last field"),
        (Endless, "never end"),
        (Alone, "outside an array"),
    ],
)
def test_what_is_outside_the_subset_is_found(frame: type[Frame], fault: str):
    assert any(fault in found for found in faults(frame))


@pytest.mark.parametrize("length", [lambda context: context.n, this._.n, -this.n, this.n / 2, "n"])
def test_lengths_that_are_not_expressions_over_fields_are_refused_at_once(length: Any):
    with pytest.raises(TypeError):

        class Wrong(Frame):
            n: be.u8
            a: bytes = octets(length)


def test_nothing_else_is_generated():
    class Wrong(Frame):
        n: int = field(c.VarInt)

    with pytest.raises(TypeError, match="not in the subset"):
        Wrong.parse(b"\0")
    assert list(faults(Wrong))
