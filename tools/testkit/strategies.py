"""Hypothesis strategies derived from frame declarations: `frames(GetRequestNormal)` draws frames that have an encoding.

Fields are drawn in order, so that lengths, counts, conditions and keys over earlier fields come out right. Numbers that
such an expression needs are kept small; a number that a switch needs is one the switch knows. Hand-written leaves are
looked up in `LEAVES`. Not for: frames with mistakes (change the octets of a good one instead).
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import construct as c
from hypothesis import strategies as st

from protocols.core.codec import Frame, Leaf, constructs
from protocols.core.codec.declare import construct_of
from protocols.core.codec.expressions import fields_in
from protocols.core.codec.layout import fixed
from protocols.dlms import axdr
from protocols.zigbee.zcl import foundation, types

FrameT = TypeVar("FrameT", bound=Frame)

SMALL: Final = 6
"""Items and octets drawn where the declaration leaves the number open."""
LEVELS: Final = 3
"""Arrays of a frame in itself nest this deep."""
_LONG: Final = 140
"""Octets of the strings that need a longer A-XDR length."""
_UNSIGNED: Final = {"B": 8, "H": 16, "L": 32, "Q": 64}
_FLOATS: Final = {"e": 16, "f": 32, "d": 64}


def frames(frame: type[FrameT]) -> st.SearchStrategy[FrameT]:
    """Frames of one class."""
    drawn: st.SearchStrategy[FrameT] = _record(frame._record, LEVELS)
    return drawn


def frame_classes(base: type[Frame] = Frame) -> list[type[Frame]]:
    """Every frame class of the modules imported so far, in order of declaration, without those that tests declare."""
    found: list[type[Frame]] = []
    for frame in base.__subclasses__():
        if frame.__module__.startswith("protocols."):
            found.append(frame)
        found += frame_classes(frame)
    return found


@st.composite
def _record(draw: st.DrawFn, record: Any, levels: int) -> Any:
    context: dict[str, Any] = {}
    ended = False  # a trailing field was left out, so nothing may follow
    for member in record.subcon.subcons:
        part = member.subcon
        if isinstance(part, constructs.Const):
            context[member.name] = part.value
        elif member.name in record.referenced:
            context[member.name] = draw(_number(part, member.name, record))
        elif isinstance(part, constructs.Trailing):
            ended = ended or draw(st.booleans())
            context[member.name] = None if ended else draw(_part(part.subcon, context, record, levels, filled=True))
            ended = context[member.name] is None
        elif ended:
            context[member.name] = [] if isinstance(part, constructs.ToEnd) else b""
        else:
            context[member.name] = draw(_part(part, context, record, levels))
    return record.frame(*[context[name] for name in record.members])


def _number(part: Any, name: str, record: Any) -> st.SearchStrategy[int]:
    """A number that expressions need: few if it counts something, else one that every switch on it knows."""
    parts = [member.subcon for member in record.subcon.subcons]
    counts = [found.count for found in parts if isinstance(found, constructs.Array)]
    counts += [found.length for found in parts if isinstance(found, constructs.Octets)]
    if any(name in fields_in(count) for count in counts if not isinstance(count, c.Construct)):
        return st.integers(0, SMALL)
    layout = fixed(part)
    most = min(1 << 8 * (layout.size if layout else 4), 0x10000) - 1
    switches = [found for found in parts if isinstance(found, constructs.Switch) and fields_in(found.keyfunc) == {name}]
    if not switches:
        return st.integers(0, most)
    known = [n for n in range(most + 1) if all(switch.keyfunc({name: n}) in switch.cases for switch in switches)]
    return st.sampled_from(known)


def _part(part: Any, context: dict[str, Any], record: Any, levels: int, *, filled: bool = False) -> st.SearchStrategy[Any]:
    """Values of any part of the subset. `filled`: not None, even where None is a value."""

    def inner(subcon: Any) -> st.SearchStrategy[Any]:
        return _part(subcon, context, record, levels)

    match part:
        case constructs.Octets():
            size = constructs.evaluate(part.length, context)
            return st.binary(min_size=size, max_size=size) if size >= 0 else st.nothing()
        case constructs.Rest():
            return st.binary(max_size=SMALL)
        case constructs.Nothing():
            return st.none()
        case constructs.AxdrLength():
            return st.integers(0, 0xFFFF_FFFF)
        case constructs.NullablePrefixed():
            return st.binary(max_size=SMALL) if filled else st.none() | st.binary(max_size=SMALL)
        case constructs.Prefixed(subcon=constructs.Rest()):
            return st.binary(max_size=SMALL) | st.binary(min_size=_LONG, max_size=_LONG)
        case constructs.Prefixed():
            return inner(part.subcon)
        case constructs.Presence() | constructs.Tagged():
            return st.none() | inner(part.subcon)
        case constructs.When():
            return inner(part.subcon) if constructs.evaluate(part.condition, context) else st.none()
        case constructs.Switch():
            key = constructs.evaluate(part.keyfunc, context)
            return inner(part.cases[key]) if key in part.cases else st.nothing()
        case constructs.Array() | constructs.ToEnd():
            return _list(part, context, record, levels)
        case constructs.Record():
            return _record(part, LEVELS)
        case Leaf():
            return LEAVES[type(part)]
        case _:
            return _fixed(part)


def _list(part: Any, context: dict[str, Any], record: Any, levels: int) -> st.SearchStrategy[list[Any]]:
    least, most = 0, SMALL
    if isinstance(part, constructs.Array) and not isinstance(part.count, c.Construct):
        least = most = constructs.evaluate(part.count, context)
    if isinstance(part.subcon, constructs.Itself):
        return st.lists(_record(record, levels - 1), max_size=3) if levels else st.just([])
    return st.lists(_part(part.subcon, context, record, levels), min_size=least, max_size=most)


def _fixed(part: Any) -> st.SearchStrategy[Any]:
    if isinstance(part, c.BytesInteger):
        bits, signed = 8 * part.length, part.signed
    else:
        code = part.fmtstr[1:]
        if code in _FLOATS:
            return st.floats(width=_FLOATS[code], allow_nan=False)  # type: ignore[arg-type]
        bits, signed = _UNSIGNED[code.upper()], code.islower()
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if signed else st.integers(0, (1 << bits) - 1)


# --- what the hand-written leaves hold

_STRINGS = st.binary(max_size=SMALL) | st.binary(min_size=_LONG, max_size=_LONG)
_SCALARS: Final = (
    st.builds(axdr.null)
    | st.builds(axdr.u8, st.integers(0, 0xFF))
    | st.builds(axdr.u16, st.integers(0, 0xFFFF))
    | st.builds(axdr.u32, st.integers(0, 0xFFFF_FFFF))
    | st.builds(axdr.u64, st.integers(0, (1 << 64) - 1))
    | st.builds(axdr.i8, st.integers(-0x80, 0x7F))
    | st.builds(axdr.i16, st.integers(-0x8000, 0x7FFF))
    | st.builds(axdr.i32, st.integers(-0x8000_0000, 0x7FFF_FFFF))
    | st.builds(axdr.i64, st.integers(-(1 << 63), (1 << 63) - 1))
    | st.builds(axdr.f32, st.floats(width=32, allow_nan=False))
    | st.builds(axdr.f64, st.floats(allow_nan=False))
    | st.builds(axdr.enum, st.integers(0, 0xFF))
    | st.builds(axdr.boolean, st.booleans(), st.sampled_from([0x01, 0xFF]))
    | st.builds(axdr.bits, st.text("01", max_size=20))
    | st.builds(axdr.octets, _STRINGS)
    | st.builds(axdr.visible, st.text(st.characters(max_codepoint=0x7E, min_codepoint=0x20), max_size=SMALL))
)


def data() -> st.SearchStrategy[axdr.Data]:
    """A-XDR values of every type but compact arrays, nested a few levels."""
    return st.recursive(
        _SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4).map(axdr.array) | st.lists(inner, max_size=4).map(lambda items: axdr.structure(*items))
        ),
        max_leaves=12,
    )


_VALUES: Final = (
    st.builds(types.Value, st.just(types.uint8), st.integers(0, 0xFE))
    | st.builds(types.Value, st.just(types.uint48), st.integers(0, (1 << 48) - 2))
    | st.builds(types.Value, st.just(types.octet_string), st.binary(max_size=SMALL))
)
_INTERVALS: Final = st.builds(
    foundation.Intervals, st.just(types.uint8), st.integers(0, 0xFFFE), st.integers(0, 0xFFFE), st.integers(0, 0xFE)
) | st.builds(foundation.Intervals, st.just(types.octet_string), st.integers(0, 0xFFFE), st.just(60), st.none())

LEAVES: Final[dict[type[Leaf], st.SearchStrategy[Any]]] = {
    type(construct_of(axdr.data)): data(),
    foundation.TypedValue: _VALUES,
    foundation.IntervalsLeaf: _INTERVALS,
}
"""The values of each hand-written leaf. A new leaf needs its line here."""
