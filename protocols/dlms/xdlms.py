"""xDLMS services with logical names: GET, SET, ACTION, notifications, exception (IEC 62056-5-3 6, 7).

Frames only. What to answer, and the state of a transfer in blocks, belong to the client and the server. ACCESS, general
block transfer, the ciphered forms and short names have modules of their own.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.core.codec import Frame, array, axdr_length, be, const, octets, prefixed, presence, switch, this, when
from protocols.dlms import axdr
from protocols.dlms.axdr import Data

INVOKE_ID: Final = 0x0F
"""Of invoke-id-and-priority: the number that a response repeats."""
CONFIRMED: Final = 0x40
"""Of invoke-id-and-priority: service class; an unconfirmed request is not answered."""
HIGH_PRIORITY: Final = 0x80
"""Of invoke-id-and-priority."""


class DataAccessResult(IntEnum):
    """Data-Access-Result."""

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_GET_ABORTED = 15
    NO_LONG_GET_IN_PROGRESS = 16
    LONG_SET_ABORTED = 17
    NO_LONG_SET_IN_PROGRESS = 18
    DATA_BLOCK_NUMBER_INVALID = 19
    OTHER_REASON = 250


class ActionResult(IntEnum):
    """Action-Result."""

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_ACTION_ABORTED = 15
    NO_LONG_ACTION_IN_PROGRESS = 16
    OTHER_REASON = 250


class StateError(IntEnum):
    """First half of an exception-response."""

    SERVICE_NOT_ALLOWED = 1
    SERVICE_UNKNOWN = 2


class ServiceError(IntEnum):
    """Second half of an exception-response."""

    OPERATION_NOT_POSSIBLE = 1
    SERVICE_NOT_SUPPORTED = 2
    OTHER_REASON = 3
    PDU_TOO_LONG = 4
    DECIPHERING_ERROR = 5
    INVOCATION_COUNTER_ERROR = 6


# --- descriptors and results that several services share


class AttributeDescriptor(Frame):
    """Cosem-Attribute-Descriptor."""

    class_id: be.u16
    instance_id: bytes = octets(6)
    attribute_id: be.i8


class MethodDescriptor(Frame):
    """Cosem-Method-Descriptor."""

    class_id: be.u16
    instance_id: bytes = octets(6)
    method_id: be.i8


class SelectiveAccess(Frame):
    """Selective-Access-Descriptor: what the parameters mean is said by the class (of profiles: ``cosem.profile``)."""

    selector: be.u8
    parameters: axdr.data


class AttributeWithSelection(Frame):
    """Cosem-Attribute-Descriptor-With-Selection."""

    attribute: AttributeDescriptor
    selection: SelectiveAccess | None = presence(SelectiveAccess, default=None)


class GetDataResult(Frame):
    """Get-Data-Result: ``value`` is Data when ``kind`` is 0, a data-access-result when it is 1."""

    kind: be.u8
    value: Data | int = switch(this.kind, {0: axdr.data, 1: be.u8})


class ActionResponse(Frame):
    """Action-Response-With-Optional-Data."""

    result: be.u8
    returned: GetDataResult | None = presence(GetDataResult, default=None)


class GetDatablock(Frame):
    """DataBlock-G: ``result`` is octets when ``kind`` is 0, a data-access-result when it is 1."""

    last: be.boolean
    number: be.u32
    kind: be.u8
    result: bytes | int = switch(this.kind, {0: prefixed(axdr_length), 1: be.u8})


class Datablock(Frame):
    """DataBlock-SA: a block of SET or ACTION."""

    last: be.boolean
    number: be.u32
    raw: bytes = prefixed(axdr_length)


# --- GET


class GetRequestNormal(Frame):
    """Get-Request-Normal."""

    tag: int = const(0xC0, be.u8)
    choice: int = const(1, be.u8)
    invoke: be.u8
    attribute: AttributeDescriptor
    selection: SelectiveAccess | None = presence(SelectiveAccess, default=None)


class GetRequestNext(Frame):
    """Get-Request-Next: ``number`` is the block that has arrived; the next one is wanted."""

    tag: int = const(0xC0, be.u8)
    choice: int = const(2, be.u8)
    invoke: be.u8
    number: be.u32


class GetRequestWithList(Frame):
    """Get-Request-With-List."""

    tag: int = const(0xC0, be.u8)
    choice: int = const(3, be.u8)
    invoke: be.u8
    attributes: list[AttributeWithSelection] = array(AttributeWithSelection, axdr_length)


class GetResponseNormal(Frame):
    """Get-Response-Normal."""

    tag: int = const(0xC4, be.u8)
    choice: int = const(1, be.u8)
    invoke: be.u8
    result: GetDataResult


class GetResponseWithDatablock(Frame):
    """Get-Response-With-Datablock. The blocks together are Data, or for a list the list of Get-Data-Result."""

    tag: int = const(0xC4, be.u8)
    choice: int = const(2, be.u8)
    invoke: be.u8
    block: GetDatablock


class GetResponseWithList(Frame):
    """Get-Response-With-List."""

    tag: int = const(0xC4, be.u8)
    choice: int = const(3, be.u8)
    invoke: be.u8
    results: list[GetDataResult] = array(GetDataResult, axdr_length)


# --- SET


class SetRequestNormal(Frame):
    """Set-Request-Normal."""

    tag: int = const(0xC1, be.u8)
    choice: int = const(1, be.u8)
    invoke: be.u8
    attribute: AttributeDescriptor
    selection: SelectiveAccess | None = presence(SelectiveAccess)
    value: axdr.data


class SetRequestWithFirstDatablock(Frame):
    """Set-Request-With-First-Datablock."""

    tag: int = const(0xC1, be.u8)
    choice: int = const(2, be.u8)
    invoke: be.u8
    attribute: AttributeDescriptor
    selection: SelectiveAccess | None = presence(SelectiveAccess)
    block: Datablock


class SetRequestWithDatablock(Frame):
    """Set-Request-With-Datablock."""

    tag: int = const(0xC1, be.u8)
    choice: int = const(3, be.u8)
    invoke: be.u8
    block: Datablock


class SetRequestWithList(Frame):
    """Set-Request-With-List."""

    tag: int = const(0xC1, be.u8)
    choice: int = const(4, be.u8)
    invoke: be.u8
    attributes: list[AttributeWithSelection] = array(AttributeWithSelection, axdr_length)
    values: list[Data] = array(axdr.data, axdr_length)


class SetRequestWithListAndFirstDatablock(Frame):
    """Set-Request-With-List-And-First-Datablock. The blocks together are the list of values, with its length."""

    tag: int = const(0xC1, be.u8)
    choice: int = const(5, be.u8)
    invoke: be.u8
    attributes: list[AttributeWithSelection] = array(AttributeWithSelection, axdr_length)
    block: Datablock


class SetResponseNormal(Frame):
    """Set-Response-Normal."""

    tag: int = const(0xC5, be.u8)
    choice: int = const(1, be.u8)
    invoke: be.u8
    result: be.u8


class SetResponseDatablock(Frame):
    """Set-Response-Datablock: block ``number`` has arrived."""

    tag: int = const(0xC5, be.u8)
    choice: int = const(2, be.u8)
    invoke: be.u8
    number: be.u32


class SetResponseLastDatablock(Frame):
    """Set-Response-Last-Datablock."""

    tag: int = const(0xC5, be.u8)
    choice: int = const(3, be.u8)
    invoke: be.u8
    result: be.u8
    number: be.u32


class SetResponseLastDatablockWithList(Frame):
    """Set-Response-Last-Datablock-With-List."""

    tag: int = const(0xC5, be.u8)
    choice: int = const(4, be.u8)
    invoke: be.u8
    results: list[int] = array(be.u8, axdr_length)
    number: be.u32


class SetResponseWithList(Frame):
    """Set-Response-With-List."""

    tag: int = const(0xC5, be.u8)
    choice: int = const(5, be.u8)
    invoke: be.u8
    results: list[int] = array(be.u8, axdr_length)


# --- ACTION


class ActionRequestNormal(Frame):
    """Action-Request-Normal."""

    tag: int = const(0xC3, be.u8)
    choice: int = const(1, be.u8)
    invoke: be.u8
    method: MethodDescriptor
    parameters: Data | None = presence(axdr.data, default=None)


class ActionRequestNextPblock(Frame):
    """Action-Request-Next-Pblock: ``number`` is the block that has arrived; the next one is wanted."""

    tag: int = const(0xC3, be.u8)
    choice: int = const(2, be.u8)
    invoke: be.u8
    number: be.u32


class ActionRequestWithList(Frame):
    """Action-Request-With-List."""

    tag: int = const(0xC3, be.u8)
    choice: int = const(3, be.u8)
    invoke: be.u8
    methods: list[MethodDescriptor] = array(MethodDescriptor, axdr_length)
    parameters: list[Data] = array(axdr.data, axdr_length)


class ActionRequestWithFirstPblock(Frame):
    """Action-Request-With-First-Pblock."""

    tag: int = const(0xC3, be.u8)
    choice: int = const(4, be.u8)
    invoke: be.u8
    method: MethodDescriptor
    block: Datablock


class ActionRequestWithListAndFirstPblock(Frame):
    """Action-Request-With-List-And-First-Pblock. The blocks together are the list of parameters, with its length."""

    tag: int = const(0xC3, be.u8)
    choice: int = const(5, be.u8)
    invoke: be.u8
    methods: list[MethodDescriptor] = array(MethodDescriptor, axdr_length)
    block: Datablock


class ActionRequestWithPblock(Frame):
    """Action-Request-With-Pblock."""

    tag: int = const(0xC3, be.u8)
    choice: int = const(6, be.u8)
    invoke: be.u8
    block: Datablock


class ActionResponseNormal(Frame):
    """Action-Response-Normal."""

    tag: int = const(0xC7, be.u8)
    choice: int = const(1, be.u8)
    invoke: be.u8
    response: ActionResponse


class ActionResponseWithPblock(Frame):
    """Action-Response-With-Pblock."""

    tag: int = const(0xC7, be.u8)
    choice: int = const(2, be.u8)
    invoke: be.u8
    block: Datablock


class ActionResponseWithList(Frame):
    """Action-Response-With-List."""

    tag: int = const(0xC7, be.u8)
    choice: int = const(3, be.u8)
    invoke: be.u8
    responses: list[ActionResponse] = array(ActionResponse, axdr_length)


class ActionResponseNextPblock(Frame):
    """Action-Response-Next-Pblock: block ``number`` has arrived."""

    tag: int = const(0xC7, be.u8)
    choice: int = const(4, be.u8)
    invoke: be.u8
    number: be.u32


# --- notifications and the exception


class DataNotification(Frame):
    """Data-Notification. ``date_time`` is 12 octets, or none (GB never sends any)."""

    tag: int = const(0x0F, be.u8)
    long_invoke: be.u32
    date_time: bytes = prefixed(axdr_length)
    body: axdr.data


class DataNotificationConfirm(Frame):
    """Data-Notification-Confirm: the answer to one whose service class asked for it."""

    tag: int = const(0x10, be.u8)
    long_invoke: be.u32
    date_time: bytes = prefixed(axdr_length)


class EventNotificationRequest(Frame):
    """Event-Notification-Request. ``time`` is 12 octets."""

    tag: int = const(0xC2, be.u8)
    time: bytes | None = presence(prefixed(axdr_length))
    attribute: AttributeDescriptor
    value: axdr.data


class ExceptionResponse(Frame):
    """Exception-Response. ``invocation_counter``, the one expected, comes with INVOCATION_COUNTER_ERROR only."""

    tag: int = const(0xD8, be.u8)
    state_error: be.u8
    service_error: be.u8
    invocation_counter: int | None = when(this.service_error == 6, be.u32, default=None)
