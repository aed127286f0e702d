"""Frames in the DLMS UA XML form: the elements that the trade's translators write and people put into tickets.

    <GetRequest>
      <GetRequestNormal>
        <InvokeIdAndPriority Value="C1" />

The declarations are walked, with the words of `elements`. One way only: XML is not read.
"""

from __future__ import annotations

import struct
from typing import Any
from xml.etree.ElementTree import Comment, Element, SubElement, indent, tostring

from protocols.core.codec import Frame, constructs
from protocols.core.codec.frame import leading_octets
from protocols.core.errors import DecodeError
from protocols.dlms import hdlc, wrapper
from protocols.dlms.axdr import Data, Tag, Type
from protocols.dlms.initiate import Conformance
from protocols.dlms.security.ciphering import Ciphered, Secured
from tools.decode import apdus, elements, names
from tools.decode.dlms import OPENED, PARAMETERS, REASSEMBLED
from tools.decode.tree import Node


def text(element: Element) -> str:
    """As it is printed."""
    indent(element)
    return tostring(element, encoding="unicode")


def elements_of(parent: Element, node: Node) -> None:
    """The DLMS messages in a decoded tree, below `parent`; where it stopped, a comment says why."""
    match node.found:
        case hdlc.Frame() as frame:
            parent = _hdlc(parent, frame, node)
        case wrapper.Header() as header:
            element = SubElement(parent, "WRAPPER", len=f"{header.length + wrapper.HEADER_SIZE:X}")
            _addresses(element, header.destination, header.source)
            parent = SubElement(element, "PDU")
        case Frame() as found:
            apdu(parent, found)
            for child in node.children:
                _opened(parent, child)
            return
    if node.error:
        parent.append(Comment(f" {node.error.replace('--', '- -')} "))
    for child in node.children:
        elements_of(parent, child)


def _hdlc(parent: Element, frame: hdlc.Frame, node: Node) -> Element:
    """A frame below `parent`: the element that what it carries belongs into."""
    element = SubElement(parent, "HDLC", len=f"{len(frame.build()):X}")
    _addresses(element, _number(frame.destination), _number(frame.source))
    SubElement(element, "FrameType", Value=f"{frame.control:02X}")
    inner = SubElement(element, "PDU") if frame.information else element
    if frame.kind in elements.UNNUMBERED:
        said = SubElement(inner, elements.UNNUMBERED[frame.kind])
        for one in [each for child in node.children if child.name == PARAMETERS for each in child.children]:
            SubElement(said, one.name.replace(" ", ""), Value=one.value)
    return inner


def _opened(parent: Element, node: Node) -> None:
    """The plain APDU of a ciphered one stands behind it, and so does what blocks were of."""
    if node.name in (OPENED, REASSEMBLED):
        parent.append(Comment(f" {node.value} "))
        for child in node.children:
            elements_of(parent, child)
    else:
        for child in node.children:
            _opened(parent, child)


def _addresses(parent: Element, destination: int, source: int) -> None:
    SubElement(parent, "TargetAddress", Value=f"{destination:X}")
    SubElement(parent, "SourceAddress", Value=f"{source:X}")


def _number(address: hdlc.Address) -> int:
    """An address as one number: seven bits for each octet."""
    if address.lower is None:
        return address.upper
    return address.upper << 7 * address.size // 2 | address.lower


def apdu(parent: Element, found: Frame) -> None:
    """One APDU below `parent`."""
    kind, tag = type(found), apdus.tag(found)
    name = elements.FRAMES.get(kind) or apdus.name(kind, tag)
    if isinstance(found, Ciphered):
        _value(parent, name, found.secured.build())
        return
    group = apdus.SERVICES.get(tag)
    if len(leading_octets(kind)) > 1 and group is not None:
        parent = SubElement(parent, group)
    _fields(SubElement(parent, name), found)


def _fields(parent: Element, frame: Frame) -> None:
    kind = type(frame)
    keys = {key for (owner, _), (key, _) in elements.ALTERNATIVES.items() if owner is kind}
    for member in kind._fields:
        name, part = member.name, member.subcon
        if isinstance(part, constructs.Const) or name in keys or (name == "tag" and kind in apdus.BY_TAG.values()):
            continue
        value = getattr(frame, name)
        if value is not None or (kind, name) in elements.ALTERNATIVES:
            _field(parent, frame, name, part, value)


def _field(parent: Element, frame: Frame, name: str, part: Any, value: Any) -> None:
    where = (type(frame), name)
    path = elements.ELEMENTS.get(where, elements.FIELDS.get(name, _spelled(name)))
    key, choices = elements.ALTERNATIVES.get(where, ("", {}))
    if key:
        path = choices.get(getattr(frame, key), path)
    inner, part = apdus.only(value, _case(part, frame))
    if where in apdus.HOLDS_APDU and isinstance(inner, bytes):
        try:
            apdu(parent, apdus.parse(inner))
        except DecodeError:
            _value(parent, path, inner)
        return
    if path == elements.FLAT:
        _fields(parent, value)
        return
    if value is None:
        SubElement(parent, path)
        return
    parent, path = _reach(parent, path)
    words = elements.WORDS.get(where, {})
    flags = names.FLAGS.get(where)
    if flags is Conformance:
        element = SubElement(parent, path)
        for flag in flags:
            if flag in flags(inner):
                SubElement(element, "ConformanceBit", Name=_spelled((flag.name or "").lower()))
    elif isinstance(inner, list):
        element = parent if path == elements.ITSELF else SubElement(parent, path)
        element.set("Qty", f"{len(inner):02X}")
        for item in inner:
            _item(element, elements.ITEMS.get(where, ""), item, words)
    elif isinstance(inner, Data):
        _data(SubElement(parent, path), inner)
    elif isinstance(inner, Secured):
        _value(parent, path, inner.build())
    elif isinstance(inner, Frame):
        _fields(SubElement(parent, path), inner)
    else:
        SubElement(parent, path, Value=words.get(inner) or _digits(inner, part))


def _item(parent: Element, name: str, item: Any, words: Any) -> None:
    if isinstance(item, Data):
        _data(parent, item)
    elif type(item) in elements.BARE:
        _fields(parent, item)
    elif isinstance(item, Frame):
        _fields(SubElement(parent, name or elements.FRAMES.get(type(item)) or type(item).__name__), item)
    else:
        SubElement(parent, name, Value=words.get(item) or f"{item:02X}")


def _case(part: Any, frame: Frame) -> Any:
    """The form that a switch has in this frame; anything else as it is."""
    if not isinstance(part, constructs.Switch):
        return part
    return part.cases[constructs.evaluate(part.keyfunc, {name: getattr(frame, name) for name in frame.__struct_fields__})]


def _reach(parent: Element, path: str) -> tuple[Element, str]:
    """The element that a path's last name belongs into: what an earlier field began is gone on with."""
    *outer, last = path.split("/")
    for name in outer:
        before = parent[-1] if len(parent) else None
        parent = before if before is not None and before.tag == name else SubElement(parent, name)
    return parent, last


def _value(parent: Element, path: str, octets: bytes) -> None:
    parent, name = _reach(parent, path)
    SubElement(parent, name, Value=octets.hex().upper())


def _digits(value: int | bytes, part: Any) -> str:
    """Hexadecimal, as wide as on the wire."""
    if isinstance(value, bytes):
        return value.hex().upper()
    while isinstance(part, constructs.Presence | constructs.Tagged | constructs.Prefixed | constructs.When):
        part = part.subcon
    size = part.sizeof()
    return f"{value & (1 << 8 * size) - 1:0{2 * size}X}"


def _spelled(name: str) -> str:
    """`block_number` as BlockNumber."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


_FLOATS = {Tag.FLOAT32: ">f", Tag.FLOAT64: ">d"}
_EMPTY = frozenset((Tag.NULL, Tag.DONT_CARE))


def _data(parent: Element, data: Data) -> None:
    """An A-XDR value below `parent`."""
    name = elements.DATA[data.tag]
    if data.tag in (Tag.ARRAY, Tag.STRUCTURE):
        element = SubElement(parent, name, Qty=f"{len(data.value):02X}")
        for item in data.value:
            _data(element, item)
    elif data.tag == Tag.COMPACT_ARRAY:
        element = SubElement(parent, name)
        _type(SubElement(element, "ContentsDescription"), data.value.description)
        contents = SubElement(element, "ArrayContents")
        for item in data.value.items:
            _data(contents, item)
    elif data.tag in _EMPTY:
        SubElement(parent, name)
    else:
        SubElement(parent, name, Value=_data_value(data))


def _data_value(data: Data) -> str:
    value = data.value
    if data.tag == Tag.BOOLEAN:
        return str(bool(value))
    if data.tag in _FLOATS:
        return struct.pack(_FLOATS[data.tag], value).hex().upper()
    if isinstance(value, int):
        size = elements.SIZES[data.tag]
        return f"{value & (1 << 8 * size) - 1:0{2 * size}X}"
    if data.tag == Tag.BIT_STRING:
        return str(value)
    if data.tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        plain = str(data.python)
        return plain if plain.isprintable() and plain.encode() == value else value.hex(" ").upper()
    return bytes(value).hex().upper()


def _type(parent: Element, description: Type) -> None:
    name = elements.DATA[description.tag]
    if description.tag == Tag.STRUCTURE:
        parent = SubElement(parent, name, Qty=f"{len(description.elements):02X}")
    elif description.tag == Tag.ARRAY:
        parent = SubElement(parent, name, Qty=f"{description.count:02X}")
    else:
        SubElement(parent, name)
    for element in description.elements:
        _type(parent, element)
