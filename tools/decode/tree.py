"""The tree of a decoded message, and how a declared frame becomes one: its fields with offsets, as far as they go.

The interpreted codec is walked field by field, so that a frame that is wrong in the middle still shows what came before.
Speed does not matter here; the generated code parses in earnest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import construct as c

from protocols.core.codec import Frame, Leaf, constructs
from protocols.core.codec.streams import Reader
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.obis import Obis
from tools.decode import names

_LONGEST_VALUE = 120
_LOGICAL_NAME = "instance_id"
_MEMBERS = ("attribute_id", "method_id")
_ABSENT = "-"
_LARGEST_NUMBER = 0xFFFF_FFFF
"""Beyond it an integer is an address, and is written as one."""


@dataclass(slots=True)
class Node:
    """A layer or a field. `offset` and `size` count octets of the innermost plain buffer; a deciphered one begins at 0."""

    name: str
    offset: int
    size: int
    value: str = ""
    error: str = ""
    children: list[Node] = field(default_factory=list)
    found: object = None
    """The HDLC frame, wrapper header or APDU that a layer is, when it was read whole."""

    def add(self, name: str, offset: int, size: int, value: str = "", error: str = "") -> Node:
        """Append a child and return it."""
        node = Node(name, offset, size, value, error)
        self.children.append(node)
        return node

    @property
    def good(self) -> bool:
        """Nothing in it stopped early."""
        return not self.error and all(child.good for child in self.children)

    def plain(self) -> dict[str, object]:
        """For JSON: empty members are left out."""
        members: dict[str, object] = {"name": self.name, "offset": self.offset, "size": self.size}
        if self.value:
            members["value"] = self.value
        if self.error:
            members["error"] = self.error
        if self.children:
            members["children"] = [child.plain() for child in self.children]
        return members

    def lines(self, depth: int = 0) -> Iterator[str]:
        """As text: offset in octets, then names indented by layer."""
        text = f"{self.offset:>5}  {'  ' * depth}{self.name}"
        yield f"{text}: {self.value}" if self.value else text
        for child in self.children:
            if child.size or child.value != _ABSENT:
                yield from child.lines(depth + 1)
        if self.error:
            yield f"{self.offset + self.size:>5}  {'  ' * depth}! {self.error}"


def frame(parent: Node, kind: type[Frame], data: bytes, at: int = 0, *, whole: bool = True) -> tuple[Frame | None, int]:
    """Add a declared frame's fields at `at` to `parent`, and say where it ends. None: it stopped, with the reason."""
    node = parent.add(kind.__name__, at, 0)
    reader = Reader(data, at)
    try:
        _fields(node, kind._record, reader)
        node.size = reader.position - at
        found, end = kind.parse_from(data, at)
    except DecodeError as error:
        node.size = reader.position - at
        node.error = str(error)
        return None, reader.position
    if whole and end < len(data):
        node.error = f"{len(data) - end} octets left over"
        node.size = end - at
        return None, end
    return found, end


def attempt(node: Node, error: RemoteProtocolError | str) -> None:
    """Note on `node` why it stops there."""
    node.error = node.error or str(error)


def _fields(parent: Node, record: constructs.Record, reader: Reader) -> None:
    """Read the fields of one record from `reader` one after the other."""
    context = c.Container(_params={}, _parsing=True, _building=False, _sizing=False)
    outer = reader.record
    reader.record = record
    for member in record.subcon.subcons:
        start = reader.position
        node = parent.add(member.name, start, 0)
        try:
            value = member._parsereport(reader, context, record.frame.__name__)
        except DecodeError:
            _partly(node, member.subcon, reader, start, context)
            raise
        context[member.name] = value
        node.size = reader.position - start
        node.value = str(Obis(value)) if member.name == _LOGICAL_NAME else _with_meaning(value, record, member.name, context)
        _inside(node, member.subcon, reader, start, context)
    reader.record = outer


def _with_meaning(value: object, record: constructs.Record, name: str, context: Any) -> str:
    """A value, and what it says."""
    text = shown(value)
    if isinstance(value, int):
        said = names.meaning(record.frame, name, value)
        if not said and name in _MEMBERS:
            said = names.member(context.get("class_id", 0), value, method=name == "method_id")
        text += f" {said}" if said else ""
    return text


def _partly(node: Node, part: Any, reader: Reader, start: int, context: Any) -> None:
    """Show what is readable of a field that stopped."""
    inner = Reader(reader.data, start)
    inner.record = reader.record
    try:
        _descend(node, part, inner, context)
    except DecodeError:
        reader.position = max(reader.position, inner.position)
    node.size = reader.position - start


def _inside(node: Node, part: Any, reader: Reader, start: int, context: Any) -> None:
    """Show the parts of a field that was read whole."""
    inner = Reader(reader.data[: reader.position], start)
    inner.record = reader.record
    _descend(node, part, inner, context)
    if node.children:
        node.value = ""


def _descend(node: Node, part: Any, reader: Reader, context: Any) -> None:
    match part:
        case constructs.Record():
            _fields(node, part, reader)
        case constructs.Presence():
            if reader.read(1) == b"\1":
                _descend(node, part.subcon, reader, context)
        case constructs.Tagged():
            if reader.left and reader.data[reader.position] == part.tag:
                reader.position += 1
                _descend(node, part.subcon, reader, context)
        case constructs.Trailing():
            if reader.left:
                _descend(node, part.subcon, reader, context)
        case constructs.When():
            if constructs.evaluate(part.condition, context):
                _descend(node, part.subcon, reader, context)
        case constructs.Switch():
            case = part.cases.get(constructs.evaluate(part.keyfunc, context))
            if case is not None:
                _descend(node, case, reader, context)
        case constructs.NullablePrefixed():
            return
        case constructs.Prefixed():
            length = constructs.parse_number(part.length, reader, context, node.name)
            _descend(node, part.subcon, reader.window(min(reader.position + length, len(reader.data))), context)
        case constructs.Array():
            on_wire = isinstance(part.count, c.Construct)
            count = (
                constructs.parse_number(part.count, reader, context, node.name)
                if on_wire
                else constructs.evaluate(part.count, context)
            )
            for index in range(min(count, reader.limit)):
                _item(node, part.subcon, reader, context, index)
        case constructs.ToEnd():
            index = 0
            while reader.left:
                _item(node, part.subcon, reader, context, index)
                index += 1
        case Leaf():
            start = reader.position
            value = constructs.parse_part(part, reader, context, node.name)
            if isinstance(value, Data):
                node.value = _data(node, value, reader.data, start)


def _item(parent: Node, part: Any, reader: Reader, context: Any, index: int) -> None:
    start = reader.position
    node = parent.add(f"[{index}]", start, 0)
    try:
        value = constructs.parse_part(part, reader, context, f"{parent.name}[{index}]")
    except DecodeError:
        _partly(node, part, reader, start, context)
        raise
    node.size = reader.position - start
    node.value = _with_meaning(value, reader.record, parent.name, context)
    _inside(node, part, reader, start, context)


def _data(node: Node, value: Data, data: bytes, at: int) -> str:
    """The members of an A-XDR structure or array below `node`; the text of anything else."""
    if value.tag not in (Tag.STRUCTURE, Tag.ARRAY):
        return f"{_TYPES.get(value.tag, value.tag)} {shown(value.python)}"
    position = at + 2 + (data[at + 1] & 0x7F if data[at + 1] & 0x80 else 0)
    for index, member in enumerate(value.value):
        _, end = Data.parse_from(data, position)
        child = node.add(f"[{index}]", position, end - position)
        child.value = _data(child, member, data, position)
        position = end
    return ""


_TYPES = {number: name.lower().replace("_", "-") for name, number in vars(Tag).items() if isinstance(number, int)}


def shown(value: object) -> str:
    """A value in one short line: octets in hexadecimal, with their text where they are text."""
    if value is None:
        return _ABSENT
    if isinstance(value, bytes):
        text = value.hex(" ") or "(no octets)"
        if len(value) > 2 and all(32 <= octet < 127 for octet in value):
            text += f'  "{value.decode("ascii")}"'
    elif isinstance(value, bool) or not isinstance(value, int):
        text = str(value)
    elif value > _LARGEST_NUMBER:
        text = f"{value:016X}"
    else:
        text = f"{value} (0x{value:02X})" if value > 9 else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
