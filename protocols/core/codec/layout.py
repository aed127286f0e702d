"""Fixed leaves as struct codes, so that a run of them becomes one read or one write; and the least size of anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import construct as c

from protocols.core.codec import constructs
from protocols.core.codec.leaf import Leaf

# struct has no 3, 5, 6 and 7 octet integers: each is read as pieces, named here from the most significant on.
_PIECES = {3: "BH", 5: "BI", 6: "HI", 7: "BHI"}
_BITS = {"B": 8, "H": 16, "I": 32}


@dataclass(frozen=True, slots=True)
class Fixed:
    """A leaf of fixed size: one struct code, or several pieces of an integer.

    `shifts` has one entry for each code, in wire order: the piece's lowest bit. `order` is "" where it makes no odds.
    """

    codes: tuple[str, ...]
    shifts: tuple[int, ...]
    order: str
    size: int


OCTET = Fixed(("B",), (0,), "", 1)


def fixed(part: Any) -> Fixed | None:
    """How struct sees a leaf, or None if it is not fixed."""
    if isinstance(part, c.FormatField):
        code = part.fmtstr[1:]
        return Fixed((code,), (0,), "" if part.length == 1 else part.fmtstr[0], part.length)
    if isinstance(part, c.BytesInteger):
        return _pieces(part.length, signed=part.signed, little=part.swapped)
    if isinstance(part, constructs.Octets) and isinstance(part.length, int):
        return Fixed((f"{part.length}s",), (0,), "", part.length)
    return None


def _pieces(length: int, *, signed: bool, little: bool) -> Fixed:
    codes = list(_PIECES[length])
    shifts = [sum(_BITS[code] for code in codes[at + 1 :]) for at in range(len(codes))]
    if signed:
        codes[0] = codes[0].lower()
    if little:
        codes.reverse()
        shifts.reverse()
    return Fixed(tuple(codes), tuple(shifts), "<" if little else ">", length)


def least_size(part: Any) -> int:
    """The fewest octets that a part can have."""
    known = fixed(part)
    if known is not None:
        return known.size
    match part:
        case constructs.Field() | constructs.Const():
            return least_size(part.subcon)
        case constructs.Record():
            return sum(map(least_size, part.subcon.subcons))
        case constructs.Prefixed():
            return least_size(part.length)
        case constructs.Array() if isinstance(part.count, c.Construct):
            return least_size(part.count)
        case constructs.Array() if isinstance(part.count, int):
            return part.count * least_size(part.subcon)
        case constructs.AxdrLength() | constructs.Presence() | Leaf() | constructs.Itself():
            return 1
        case constructs.Switch():
            return min(map(least_size, part.cases.values()))
        case _:
            return 0


def grouped(cases: Mapping[int, Any]) -> list[tuple[list[int], Any]]:
    """The cases of a switch in order, those of one and the same construct together."""
    groups: dict[int, tuple[list[int], Any]] = {}
    for key, part in cases.items():
        groups.setdefault(id(part), ([], part))[0].append(key)
    return list(groups.values())


def equals(key: str, values: list[int]) -> str:
    """Source of "the key is one of these"."""
    return f"{key} == {values[0]}" if len(values) == 1 else f"{key} in {tuple(values)}"
