"""Field specifiers: what stands right of the `=` in a frame declaration when the annotation alone is not enough.

An *item* is an annotated leaf (`be.u16`, `axdr_length`), a Frame class, a specifier, or a hand-written `Leaf`.
Every specifier takes `default=`, which makes the field optional for the constructor (and says so to type checkers).
Specifiers give `Any`, as `dataclasses.field` does: the annotation is the type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import construct as c

from protocols.core.codec import constructs

this: Final[Any] = c.this
"""Earlier fields of the same frame, for lengths, counts, conditions and keys: `this.n & 0x0F`."""

axdr_length = Annotated[int, constructs.AxdrLength()]
"""Length octets of A-XDR and BER: a field, a prefix, or a count."""

REQUIRED: Final[Any] = object()


class Specifier:
    """One field's construct, and what its constructor argument looks like."""

    __slots__ = ("construct", "default", "init")

    def __init__(self, construct: Any, default: Any = REQUIRED, *, init: bool = True) -> None:
        self.construct = construct
        self.default = default
        self.init = init


def construct_of(item: Any) -> Any:
    """The construct behind an item. Raises TypeError for what is not an item."""
    if isinstance(item, c.Construct):
        return item
    if isinstance(item, Specifier):
        return item.construct
    if get_origin(item) is Annotated:
        found = [note for note in get_args(item)[1:] if isinstance(note, c.Construct)]
        if len(found) == 1:
            return found[0]
    record = getattr(item, "_record", None)
    if isinstance(record, constructs.Record):
        return record
    raise TypeError(f"{item!r} cannot stand in a frame: give an annotated leaf, a Frame, a specifier or a Leaf")


def _count_of(count: Any) -> Any:
    return count if isinstance(count, int | c.expr.ExprMixin) else construct_of(count)


def const(value: int | bytes, item: Any = None, *, init: Literal[False] = False) -> Any:
    """A field that always has this value. It is no constructor argument. Octets need no item."""
    inner = constructs.Octets(len(value)) if item is None and isinstance(value, bytes) else construct_of(item)
    return Specifier(constructs.Const(value, inner), value, init=init)


def field(item: Any, *, default: Any = REQUIRED) -> Any:
    """An item as it is: for a `Leaf`, or for a default beside an annotation that is not an alias."""
    return Specifier(construct_of(item), default)


def octets(length: Any, *, default: Any = REQUIRED) -> Any:
    """`length` octets: a number, or an expression over earlier fields (`this.n - 2`)."""
    return Specifier(constructs.Octets(length), default)


def rest(*, default: Any = REQUIRED) -> Any:
    """All octets that are left. Only as the last field."""
    return Specifier(constructs.Rest(), default)


def extra(*, default: bytes = b"") -> Any:
    """Octets behind the last field that we know: kept, as later revisions append fields (ZCL)."""
    return Specifier(constructs.Rest(), default)


def prefixed(length: Any, item: Any = None, *, default: Any = REQUIRED) -> Any:
    """A length and exactly so many octets: plain, or holding one `item` and nothing else."""
    inner = constructs.Rest() if item is None else construct_of(item)
    return Specifier(constructs.Prefixed(construct_of(length), inner), default)


def array(item: Any, count: Any, *, default: Any = REQUIRED) -> Any:
    """A list of `count` items. The count stands before them (`be.u8`, `axdr_length`) or comes from an earlier field."""
    return Specifier(constructs.Array(_count_of(count), construct_of(item)), default)


def to_end(item: Any, *, default: Any = REQUIRED) -> Any:
    """A list of items until nothing is left; a partial item is an error. Only as the last field."""
    return Specifier(constructs.ToEnd(construct_of(item)), default)


def presence(item: Any, *, default: Any = REQUIRED) -> Any:
    """A-XDR OPTIONAL: an octet 00 (None) or 01 and the item."""
    return Specifier(constructs.Presence(construct_of(item)), default)


def trailing(item: Any, *, default: Any = REQUIRED) -> Any:
    """ZCL optional: None only when nothing is left. Building refuses a gap.

    A string whose FF is None as well can only be the last one: what is None is not sent.
    """
    return Specifier(constructs.Trailing(construct_of(item)), default)


def tagged(tag: int, item: Any = None, *, default: Any = REQUIRED) -> Any:
    """BER OPTIONAL: None unless the next octet is `tag`; then a length and exactly one `item` (or plain octets)."""
    inner = constructs.Rest() if item is None else construct_of(item)
    return Specifier(constructs.Tagged(tag, constructs.Prefixed(constructs.AxdrLength(), inner)), default)


def when(condition: Any, item: Any, *, default: Any = REQUIRED) -> Any:
    """Present if an expression over earlier fields is not zero, else None. Building refuses a mismatch."""
    return Specifier(constructs.When(condition, construct_of(item)), default)


def switch(key: Any, cases: Mapping[int, Any], *, default: Any = REQUIRED) -> Any:
    """The item that belongs to the key, an expression over earlier fields. Unknown keys are errors.

    List the cases in order of use: they become an if-chain.
    """
    return Specifier(constructs.Switch(key, {value: construct_of(item) for value, item in cases.items()}), default)


nothing: Final[Any] = constructs.Nothing()
"""No octets, value None: for cases of a switch."""

itself: Final[Any] = constructs.Itself()
"""The frame being declared, nested: only as the item of an array. At most 16 deep."""

zcl_string = Annotated[bytes | None, constructs.NullablePrefixed(c.FormatField("<", "B"), 0xFF)]
"""ZCL octet or character string: one length octet; FF is None."""

zcl_long_string = Annotated[bytes | None, constructs.NullablePrefixed(c.FormatField("<", "H"), 0xFFFF)]
"""ZCL long string: two length octets; FFFF is None."""
