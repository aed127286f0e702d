"""ACCESS: any mix of GETs, SETs and ACTIONs in one request (IEC 62056-5-3 6.9, 9.5; Green Book 9.3.5).

Frames, and the words a client makes requests of (`get`, `set`, `action`). A request names what it wants and beside it a list of
Data of the same length: null-data for a GET, the value of a SET, the argument of an ACTION. The response has one result and one
Data for each. The two flags of the request that shape the answer stand in the long invoke-id.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeAlias

from protocols.core.codec import Frame, array, axdr_length, be, const, prefixed, presence, switch, this
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import AttributeDescriptor, MethodDescriptor, SelectiveAccess

LONG_INVOKE_ID: Final = 0x00FF_FFFF
"""Of long-invoke-id-and-priority: the number that a response repeats."""
SELF_DESCRIPTIVE: Final = 0x1000_0000
"""Of long-invoke-id-and-priority: the response repeats what was asked for."""
BREAK_ON_ERROR: Final = 0x2000_0000
"""Of long-invoke-id-and-priority, processing-option: what stands behind the first error is not done."""
LONG_CONFIRMED: Final = 0x4000_0000
"""Of long-invoke-id-and-priority: service class; an unconfirmed request is not answered."""
LONG_HIGH_PRIORITY: Final = 0x8000_0000
"""Of long-invoke-id-and-priority."""


class Kind(IntEnum):
    """Access-Request-Specification, the choice."""

    GET = 1
    SET = 2
    ACTION = 3
    GET_WITH_SELECTION = 4
    SET_WITH_SELECTION = 5


class SelectedAttribute(Frame):
    """An attribute and the part of it that is meant."""

    attribute: AttributeDescriptor
    selection: SelectiveAccess


Target: TypeAlias = "AttributeDescriptor | MethodDescriptor | SelectedAttribute"


class Specification(Frame):
    """Access-Request-Specification: one thing that is wanted. `kind` is a `Kind`."""

    kind: be.u8
    target: AttributeDescriptor | MethodDescriptor | SelectedAttribute = switch(
        this.kind,
        {
            int(Kind.GET): AttributeDescriptor,
            int(Kind.SET): AttributeDescriptor,
            int(Kind.ACTION): MethodDescriptor,
            int(Kind.GET_WITH_SELECTION): SelectedAttribute,
            int(Kind.SET_WITH_SELECTION): SelectedAttribute,
        },
    )


class Specifications(Frame):
    """List-Of-Access-Request-Specification."""

    items: list[Specification] = array(Specification, axdr_length)


class Result(Frame):
    """Access-Response-Specification: how one went. `kind` is that of GET, SET or ACTION, without selection."""

    kind: be.u8
    result: be.u8


class AccessRequest(Frame):
    """Access-Request. ``date_time`` is 12 octets, or none (GB never sends any)."""

    tag: int = const(0xD9, be.u8)
    long_invoke: be.u32
    date_time: bytes = prefixed(axdr_length)
    specifications: list[Specification] = array(Specification, axdr_length)
    data: list[Data] = array(axdr.data, axdr_length)


class AccessResponse(Frame):
    """Access-Response. ``specifications`` repeat the request when that was self-descriptive."""

    tag: int = const(0xDA, be.u8)
    long_invoke: be.u32
    date_time: bytes = prefixed(axdr_length)
    specifications: Specifications | None = presence(Specifications)
    data: list[Data] = array(axdr.data, axdr_length)
    results: list[Result] = array(Result, axdr_length)


RESULT_KIND: Final = {
    Kind.GET: Kind.GET,
    Kind.SET: Kind.SET,
    Kind.ACTION: Kind.ACTION,
    Kind.GET_WITH_SELECTION: Kind.GET,
    Kind.SET_WITH_SELECTION: Kind.SET,
}
"""How a result names each kind of request: only 1, 2 and 3 exist there."""

Want: TypeAlias = "tuple[Specification, Data]"
"""One thing that a request wants, and the Data beside it."""


def get(name: str | bytes, class_id: int, attribute: int, selection: SelectiveAccess | None = None) -> Want:
    """Want an attribute, or a part of it."""
    descriptor = AttributeDescriptor(class_id, Obis(name), attribute)
    if selection is None:
        return Specification(Kind.GET, descriptor), axdr.null()
    return Specification(Kind.GET_WITH_SELECTION, SelectedAttribute(descriptor, selection)), axdr.null()


def set(name: str | bytes, class_id: int, attribute: int, value: Data, selection: SelectiveAccess | None = None) -> Want:
    """Want a value in an attribute, or in a part of it."""
    descriptor = AttributeDescriptor(class_id, Obis(name), attribute)
    if selection is None:
        return Specification(Kind.SET, descriptor), value
    return Specification(Kind.SET_WITH_SELECTION, SelectedAttribute(descriptor, selection)), value


def action(name: str | bytes, class_id: int, method: int, argument: Data | None = None) -> Want:
    """Want a method called. `argument` None: integer 0."""
    descriptor = MethodDescriptor(class_id, Obis(name), method)
    return Specification(Kind.ACTION, descriptor), axdr.i8(0) if argument is None else argument
