"""ACTION: one method, several, with arguments and return values that go in blocks. Green Book 9.4.6.4."""

from __future__ import annotations

from typing import Final, TypeAlias

from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms import axdr, xdlms
from protocols.dlms.axdr import Data
from protocols.dlms.blocks import MAX_ITEMS, OVERHEAD, Collecting, Outgoing, Values
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.initiate import Conformance
from protocols.dlms.services.objects import Objects
from protocols.dlms.services.service import LONGEST_LIST, Answer, Service, confirmed, exception
from protocols.dlms.xdlms import ActionResponse, ActionResult, GetDataResult, ServiceError

_First: TypeAlias = "xdlms.ActionRequestWithFirstPblock | xdlms.ActionRequestWithListAndFirstPblock"


class Action:
    """The ACTIONs of one association, of which one at a time comes, or returns, in blocks."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._transfer: Collecting[_First] | None = None
        self._returning: Outgoing | None = None

    def normal(self, frame: xdlms.ActionRequestNormal) -> Answer:
        """A method."""
        self._transfer = self._returning = None
        return self._acted(frame.invoke, self._invoke(frame.method, frame.parameters or axdr.null()))

    def with_list(self, frame: xdlms.ActionRequestWithList) -> Answer:
        """Methods, each with its own result."""
        self._transfer = self._returning = None
        if len(frame.methods) != len(frame.parameters):
            return exception(ServiceError.OTHER_REASON)
        if len(frame.methods) > LONGEST_LIST:
            return exception(ServiceError.PDU_TOO_LONG)
        return self._acted_each(frame.invoke, frame.methods, frame.parameters)

    def first_block(self, frame: _First) -> Answer:
        """Which methods, and the first block of their arguments."""
        self._transfer = self._returning = None
        if isinstance(frame, xdlms.ActionRequestWithListAndFirstPblock) and len(frame.methods) > LONGEST_LIST:
            return exception(ServiceError.PDU_TOO_LONG)
        self._transfer = Collecting(frame)
        return self.block(frame)

    def block(self, frame: _First | xdlms.ActionRequestWithPblock) -> Answer:
        """A block; with the last one the methods are called."""
        transfer, block = self._transfer, frame.block
        if transfer is None:
            return _refused(frame.invoke, ActionResult.NO_LONG_ACTION_IN_PROGRESS)
        try:
            transfer.add(block.number, block.raw)
        except RemoteProtocolError:
            self._transfer = None
            return _refused(frame.invoke, ActionResult.LONG_ACTION_ABORTED)
        if not block.last:
            return xdlms.ActionResponseNextPblock(frame.invoke, block.number).build()
        self._transfer = None
        return self._collected(frame.invoke, transfer)

    def next(self, frame: xdlms.ActionRequestNextPblock) -> Answer:
        """The block of a return value behind the one that has arrived."""
        returning = self._returning
        if returning is not None and frame.number == returning.number:
            return self._return_block(frame.invoke, returning)
        self._returning = None
        return _refused(frame.invoke, ActionResult.LONG_ACTION_ABORTED if returning else ActionResult.NO_LONG_ACTION_IN_PROGRESS)

    def _invoke(self, method: xdlms.MethodDescriptor, argument: Data) -> ActionResponse:
        try:
            returned = self._objects.invoke(method, argument)
        except AccessError as refusal:
            return ActionResponse(refusal.result)
        return ActionResponse(ActionResult.SUCCESS, None if returned is None else GetDataResult(0, returned))

    def _collected(self, invoke: int, transfer: Collecting[_First]) -> Answer:
        first, raw = transfer.first, transfer.raw
        try:
            if isinstance(first, xdlms.ActionRequestWithFirstPblock):
                return self._acted(invoke, self._invoke(first.method, Data.parse(raw, MAX_ITEMS)))
            arguments = Values.parse(raw, MAX_ITEMS).items
        except DecodeError:
            return self._acted(invoke, ActionResponse(ActionResult.TYPE_UNMATCHED))
        if len(arguments) != len(first.methods):
            return self._acted(invoke, ActionResponse(ActionResult.TYPE_UNMATCHED))
        return self._acted_each(invoke, first.methods, arguments)

    def _acted(self, invoke: int, response: ActionResponse) -> Answer:
        # Behind tag, choice, invoke-id, result, presence and choice stands the Data that the blocks carry. Blocks have
        # no result: they say success.
        return self._return(invoke, confirmed(invoke, xdlms.ActionResponseNormal(invoke, response)), 6)

    def _acted_each(self, invoke: int, methods: list[xdlms.MethodDescriptor], arguments: list[Data]) -> Answer:
        responses = [self._invoke(*pair) for pair in zip(methods, arguments, strict=True)]
        # Behind tag, choice and invoke-id stands the list of responses that the blocks carry.
        return self._return(invoke, confirmed(invoke, xdlms.ActionResponseWithList(invoke, responses)), 3)

    def _return(self, invoke: int, whole: bytes | None, header: int) -> Answer:
        """An answer as it is, or what stands behind its header in blocks."""
        if whole is None or len(whole) <= self._objects.limit:
            return whole
        if self._objects.in_blocks_of_its_own(Conformance.BLOCK_TRANSFER_WITH_ACTION):
            self._returning = Outgoing((whole[header:],))
            return self._return_block(invoke, self._returning)
        return whole if self._objects.in_general_blocks else exception(ServiceError.PDU_TOO_LONG)

    def _return_block(self, invoke: int, transfer: Outgoing) -> bytes:
        last, number, piece = transfer.cut(self._objects.limit - OVERHEAD)
        if last:
            self._returning = None
        return xdlms.ActionResponseWithPblock(invoke, xdlms.Datablock(last, number, piece)).build()


def _refused(invoke: int, result: ActionResult) -> bytes:
    return xdlms.ActionResponseNormal(invoke, ActionResponse(result)).build()


def _unmatched(invoke: int) -> bytes:
    return _refused(invoke, ActionResult.TYPE_UNMATCHED)


_BLOCKS: Final = Conformance.ACTION | Conformance.BLOCK_TRANSFER_WITH_ACTION
_MANY: Final = Conformance.MULTIPLE_REFERENCES

SERVICES: Final = (
    Service(xdlms.ActionRequestNormal, Conformance.ACTION, Action.normal, _unmatched),
    Service(xdlms.ActionRequestNextPblock, _BLOCKS, Action.next),
    Service(xdlms.ActionRequestWithList, Conformance.ACTION | _MANY, Action.with_list),
    Service(xdlms.ActionRequestWithFirstPblock, _BLOCKS, Action.first_block),
    Service(xdlms.ActionRequestWithListAndFirstPblock, _BLOCKS | _MANY, Action.first_block),
    Service(xdlms.ActionRequestWithPblock, _BLOCKS, Action.block),
)
