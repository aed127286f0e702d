"""Compact data (class 62): one capture of several attributes in one octet-string, their types said apart. Blue Book 4.3.10.

The buffer holds the values back to back without their tags, the template describes them: a structure of one type for each
captured attribute. The number of an array's items stands in the buffer, not in the template. The template's identifier is the
first thing captured. Selective access into captured profiles is not offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from protocols.core.errors import DecodeError, EncodeError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag, Type
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, attribute, method
from protocols.dlms.cosem.reference import REFERENCE, Column
from protocols.dlms.cosem.types import I8, OCTETS, U8, Array, Enumerated
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess


class CaptureMethod(IntEnum):
    """capture_method: by the method capture, or whenever the buffer is read."""

    INVOKE = 0
    IMPLICIT = 1


class CompactData(InterfaceClass, id=62, version=1):
    """`CompactData("0-0:66.0.0", columns=[Column(clock), Column(energy)], template_id=1)`"""

    compact_buffer: Attribute = attribute(2, OCTETS)
    capture_objects: Attribute = attribute(3, Array(REFERENCE))
    template_id: Attribute = attribute(4, U8)
    template_description: Attribute = attribute(5, OCTETS)
    capture_method: Attribute = attribute(6, Enumerated(CaptureMethod), access=Access.READ_WRITE)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        columns: Sequence[Column],
        template_id: int,
        capture_method: CaptureMethod = CaptureMethod.INVOKE,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        """The template describes what the columns hold now, and anew with each capture."""
        self._columns = (Column(self, CompactData.template_id.number), *columns)
        super().__init__(
            logical_name,
            on=on or {},
            access=access or {},
            compact_buffer=b"",
            capture_objects=[],
            template_id=template_id,
            template_description=lambda: template(self._values()),
            capture_method=capture_method,
        )
        self.capture_objects = [column.reference.data for column in self._columns]

    @method(1, I8)
    def reset(self, argument: Data) -> None:
        """Empty the buffer."""
        self.compact_buffer = b""

    @method(2, I8)
    def capture(self, argument: Data) -> None:
        """Hold what the columns hold now."""
        values = self._values()
        self.template_description = template(values)
        self.compact_buffer = contents(values)

    def read(self, number: int, selection: SelectiveAccess | None = None) -> Data:
        """As any object; reading the buffer captures, where that is the method."""
        if number == CompactData.compact_buffer.number and self.capture_method.value == CaptureMethod.IMPLICIT:
            self.invoke(CompactData.capture.number, axdr.i8(0))
        return super().read(number, selection)

    def _values(self) -> list[Data]:
        values = [column.read() for column in self._columns]
        try:
            template(values)
        except EncodeError as error:
            raise AccessError(DataAccessResult.OTHER_REASON, str(error)) from None
        return values


def template(values: Sequence[Data]) -> bytes:
    """template_description of these values. Raises EncodeError for an array whose items differ."""
    out = bytearray()
    _describe(Type.of(axdr.structure(*values)), out)
    return bytes(out)


def contents(values: Sequence[Data]) -> bytes:
    """compact_buffer of these values."""
    out = bytearray()
    for value in values:
        _append(value, out)
    return bytes(out)


def parse(description: bytes, buffer: bytes) -> list[Data]:
    """The values of a compact buffer, one for each capture object; none of an empty one. Raises DecodeError."""
    type, end = _type(description, 0, 0)
    if end != len(description) or type.tag != Tag.STRUCTURE:
        raise DecodeError("template_description: not the description of one structure")
    if not buffer:
        return []
    values: list[Data] = []
    position = 0
    budget = [axdr.MAX_ITEMS]
    for element in type.elements:
        value, position = _value(buffer, element, position, budget)
        values.append(value)
    if position != len(buffer):
        raise DecodeError(f"compact_buffer: {len(buffer) - position} octets left over")
    return values


def _describe(type: Type, out: bytearray) -> None:
    out.append(type.tag)
    if type.tag == Tag.STRUCTURE:
        out += axdr.length_octets(len(type.elements))
    for element in type.elements:
        _describe(element, out)


def _append(value: Data, out: bytearray) -> None:
    if value.tag not in (Tag.ARRAY, Tag.STRUCTURE):
        out += value.build()[1:]  # behind the tag
        return
    if value.tag == Tag.ARRAY:
        out += axdr.length_octets(len(value.value))
    for item in value.value:
        _append(item, out)


def _type(octets: bytes, position: int, depth: int) -> tuple[Type, int]:
    if depth > axdr.MAX_DEPTH:
        raise DecodeError(f"template_description: nested deeper than {axdr.MAX_DEPTH}")
    if position >= len(octets):
        raise DecodeError("template_description: cut short")
    tag = octets[position]
    position += 1
    if tag not in (Tag.ARRAY, Tag.STRUCTURE):
        return axdr.leaf_type(tag), position
    count = 1
    if tag == Tag.STRUCTURE:
        count, position = axdr.read_length(octets, position)
    if count > len(octets) - position:
        raise DecodeError("template_description: cut short")
    elements = []
    for _ in range(count):
        element, position = _type(octets, position, depth + 1)
        elements.append(element)
    return Type(tag, tuple(elements)), position


def _value(buffer: bytes, type: Type, position: int, budget: list[int]) -> tuple[Data, int]:
    budget[0] -= 1
    if budget[0] < 0:
        raise axdr.TooManyItems("compact_buffer: too many items")
    if type.tag not in (Tag.ARRAY, Tag.STRUCTURE):
        return axdr.read_untagged(buffer, type, position)
    elements: Sequence[Type] = type.elements
    if type.tag == Tag.ARRAY:
        count, position = axdr.read_length(buffer, position)
        if count > budget[0]:
            raise axdr.TooManyItems("compact_buffer: too many items")
        elements = type.elements * count
    items = []
    for element in elements:
        item, position = _value(buffer, element, position, budget)
        items.append(item)
    return Data(type.tag, items), position
