"""The construct tree of each frame as a table that the Lua runtime walks: one entry for each part, kinds as there.

What the table holds is what a declaration says: sizes, counts, conditions, choices, and the words of `tools.decode.names`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import construct as c

from protocols.core.codec import Frame, Leaf, constructs
from protocols.dlms import xdlms
from protocols.dlms.general_block import GeneralBlock
from protocols.dlms.security.ciphering import Secured
from tools.decode import apdus, names, transfers
from tools.dissector.lua import Source, function, literal

Part: TypeAlias = "dict[str, object]"

_BLOCKS = (xdlms.Datablock, xdlms.GetDatablock, GeneralBlock)
"""Frames with a number, a mark of the last one, and octets of what is put together."""

PREFIX = "mbdlms"
"""First word of every filter name."""


class Declarations:
    """Frames by name, each walked once; `add` takes a frame and all it is made of."""

    def __init__(self) -> None:
        self.frames: dict[str, object] = {}
        self._classes: dict[str, type[Frame]] = {}

    def add(self, frame: type[Frame], name: str = "", prefix: str = PREFIX) -> str:
        """The name that a frame has in the table."""
        name = name or frame.__name__
        if self._classes.setdefault(name, frame) is not frame:
            raise TypeError(f"two frames are called {name}: {frame.__module__} and {self._classes[name].__module__}")
        if name not in self.frames:
            self.frames[name] = {}  # one that holds itself finds its name
            self.frames[name] = self._members(frame, prefix, inner_apdu=False)
        return name

    def _members(self, frame: type[Frame], prefix: str, *, inner_apdu: bool) -> dict[object, object]:
        members: dict[object, object] = {}
        for number, member in enumerate(frame._fields, 1):
            where = _Where(frame, member.name, prefix, inner_apdu or (frame, member.name) in apdus.HOLDS_APDU)
            members[number] = {"named": member.name} | self._part(member.subcon, where)
        if frame is Secured:
            members["secured"] = True
        if frame in _BLOCKS:
            members["block"] = True
        if frame in transfers.FAMILIES:
            members["family"] = transfers.FAMILIES[frame]
        return members

    def _part(self, part: Any, where: _Where) -> Part:
        match part:
            case constructs.Const():
                return _const(part, where)
            case c.FormatField() | c.BytesInteger():
                return _number(part, where)
            case constructs.Octets():
                is_name = where.name == "instance_id"
                return where.octets() | {"length": function(part.length), "name": True if is_name else None}
            case constructs.Rest():
                return where.octets()
            case constructs.Nothing():
                return {"kind": "nothing"}
            case constructs.AxdrLength():
                return {"kind": "length", "field": where.field("uint32")}
            case Leaf():
                return {"kind": "data", "label": where.name}
            case constructs.Record():
                return self._record(part.frame, where)
            case constructs.Prefixed() if not isinstance(part, constructs.NullablePrefixed):
                return {"kind": "prefixed", "length": _count(part.length), "item": self._part(part.subcon, where)}
            case constructs.Presence() | constructs.Trailing():
                return {"kind": type(part).__name__.lower(), "item": self._part(part.subcon, where)}
            case constructs.Tagged():
                return {"kind": "tagged", "tag": part.tag, "item": self._part(part.subcon, where)}
            case constructs.When():
                return {"kind": "when", "condition": function(part.condition), "item": self._part(part.subcon, where)}
            case constructs.Switch():
                cases = {key: self._part(case, where.case(case)) for key, case in part.cases.items()}
                return {"kind": "switch", "key": function(part.keyfunc), "cases": cases}
            case constructs.Array():
                count = _count(part.count) if isinstance(part.count, c.Construct) else function(part.count)
                return {"kind": "array", "label": where.name, "count": count, "item": self._part(part.subcon, where)}
            case constructs.ToEnd():
                return {"kind": "to_end", "label": where.name, "item": self._part(part.subcon, where)}
        raise TypeError(f"{where.frame.__name__}.{where.name}: {part!r} has no form in the dissector")

    def _record(self, frame: type[Frame], where: _Where) -> Part:
        if where.inner_apdu:  # the APDU is in this frame's octets here, and nowhere else
            return {"kind": "frame", "label": where.name, "members": self._members(frame, where.prefix, inner_apdu=True)}
        return {"kind": "frame", "label": where.name, "frame": self.add(frame, prefix=where.prefix)}


class _Where:
    """A field of a frame: what its parts are named after."""

    def __init__(self, frame: type[Frame], name: str, prefix: str, inner_apdu: bool, alternative: str = "") -> None:
        self.frame = frame
        self.name = name
        self.prefix = prefix
        self.inner_apdu = inner_apdu
        self.alternative = alternative

    def case(self, case: Any) -> _Where:
        """The field in one of the forms of a switch: a filter name has one type."""
        alternative = "" if isinstance(case, c.FormatField) else "_octets" if isinstance(case, constructs.Prefixed) else ""
        return _Where(self.frame, self.name, self.prefix, self.inner_apdu, alternative)

    def field(self, kind: str, *arguments: object) -> Source:
        """A protocol field: its type in Wireshark, its filter name, its label."""
        filter_name = f"{self.prefix}.{snake(self.frame.__name__)}.{self.name}{self.alternative}"
        words = ", ".join(literal(argument) for argument in (kind, filter_name, self.name.replace("_", " "), *arguments))
        return Source(f"F({words})")

    def octets(self) -> Part:
        return {"kind": "octets", "field": self.field("bytes"), "apdu": True if self.inner_apdu else None}


def snake(name: str) -> str:
    """`GetRequestNormal` as get_request_normal."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip("_")).lower()


def _const(part: constructs.Const, where: _Where) -> Part:
    octets: bytes = part.octets
    field = where.field("bytes") if isinstance(part.value, bytes) else where.field(f"uint{8 * len(octets)}", Source("base.HEX"))
    value = part.value if isinstance(part.value, int) else None
    return {"kind": "const", "size": len(octets), "octets": octets.hex().upper(), "value": value, "field": field}


def _number(part: Any, where: _Where) -> Part:
    size = part.sizeof()
    signed = part.fmtstr[-1].islower() if isinstance(part, c.FormatField) else part.signed
    kind = f"{'int' if signed else 'uint'}{8 * size if size in (1, 2, 3, 4) else 64}"
    found: Part = {"kind": "number", "size": size, "signed": True if signed else None}
    codes, flags = names.CODES.get((where.frame, where.name)), names.FLAGS.get((where.frame, where.name))
    if codes is not None:
        said: Mapping[int, str] = {int(code): names.word(code) for code in codes}
        return found | {"field": where.field(kind, Source("base.DEC"), said)}
    if flags is not None:
        return found | {"field": where.field(kind, Source("base.HEX")), "flags": [[int(one), names.word(one)] for one in flags]}
    if where.name == "class_id":
        return found | {"field": where.field(kind, Source("base.DEC"), Source("class_names"))}
    member = {"attribute_id": "attributes", "method_id": "methods"}.get(where.name)
    return found | {"field": where.field(kind), "member": member}


def _count(part: Any) -> Part:
    """A length or count that is no field of its own."""
    if isinstance(part, constructs.AxdrLength):
        return {"kind": "length"}
    return {"kind": "number", "size": part.sizeof()}
