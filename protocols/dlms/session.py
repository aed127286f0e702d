"""One client's conversation with one logical device: association, GET, SET, ACTION, and their transfers in blocks.

Green Book 9.4. An APDU goes in, the answers come out, as a rule one; none is silence. Checks run in one order: length,
is the service known, is there an association, was the service agreed, parse, object, class, right, act. A request that
fails one has changed nothing. Answers and errors that a client has no business sending are met with silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from protocols.core.codec import Frame
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms import acse, apdu, axdr, xdlms
from protocols.dlms.association import Terms, Throttle, answer, refuse
from protocols.dlms.axdr import Data
from protocols.dlms.blocks import MAX_ITEMS, MAX_OCTETS, OVERHEAD, Incoming, Outgoing, Values
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN, object_list
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.initiate import Conformance
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.xdlms import ActionResult, DataAccessResult, ServiceError, StateError

LONGEST_LIST: Final = 255
"""Items of one request with a list."""


@dataclass(slots=True)
class _Collecting:
    """A request that comes in blocks: what it is for, and what has come of it."""

    first: Any
    blocks: Incoming


class Session:
    """Made by `Server.session`. Give it every APDU of its two SAPs, in order; `close` it with the connection."""

    def __init__(self, device: LogicalDevice, client_sap: int, server_sap: int, path_limit: int) -> None:
        self.device = device
        self.client_sap = client_sap
        self.server_sap = server_sap
        self.path_limit = path_limit
        self.close()

    @property
    def associated(self) -> bool:
        """Whether an association is open."""
        return self._terms is not None

    def close(self) -> None:
        """The connection is gone, and with it the association and every transfer."""
        self._terms: Terms | None = None
        self._rights = Rights(Access.NONE, methods=False)
        self._association: AssociationLN | None = None
        self._get: Outgoing | None = None
        self._set: _Collecting | None = None
        self._no_set = DataAccessResult.NO_LONG_SET_IN_PROGRESS
        self._action: _Collecting | None = None
        self._returning: Outgoing | None = None

    def receive(self, data: bytes, now: int) -> list[bytes]:
        """The answers to an APDU, each to be sent as one; none: silence. `now`: ns."""
        answer = self._answer(data, now)
        return [] if answer is None else [answer]

    def _answer(self, data: bytes, now: int) -> bytes | None:
        if len(data) > (self._terms.max_pdu if self._terms else self.path_limit):
            return _exception(ServiceError.PDU_TOO_LONG)
        kind = apdu.kind(data)
        if kind is acse.AARQ:
            return self._associate(data, now)
        if kind is acse.RLRQ:
            return self._release(data)
        service = _SERVICES.get(kind) if kind else None
        if service is None:
            unheard = not data or kind in _NOT_FOR_SERVERS
            return None if unheard else _exception(ServiceError.SERVICE_NOT_SUPPORTED, StateError.SERVICE_UNKNOWN)
        if self._terms is None:
            return _exception(ServiceError.OPERATION_NOT_POSSIBLE)
        if service.needs & ~self._terms.conformance:
            return _exception(ServiceError.SERVICE_NOT_SUPPORTED)
        try:
            frame = service.frame.parse(data)
        except axdr.TooManyItems:
            return _exception(ServiceError.PDU_TOO_LONG)
        except axdr.UnknownTag:
            return service.unmatched(data[2]) if service.unmatched else _exception(ServiceError.OTHER_REASON)
        except DecodeError:
            return _exception(ServiceError.OTHER_REASON)
        return service.serve(self, frame)

    # --- association

    def _associate(self, data: bytes, now: int) -> bytes | None:
        try:
            request = acse.AARQ.parse(data)
        except DecodeError:
            return _exception(ServiceError.OTHER_REASON)
        if self._terms is not None:
            return refuse(acse.Diagnostic.NO_REASON_GIVEN, self.path_limit).build()
        granted = self.device.associations.get(self.client_sap)
        throttle = self.device.throttles.get(self.client_sap, Throttle())
        response, terms = answer(request, granted, path_limit=self.path_limit, throttle=throttle, now=now)
        if terms is not None and granted is not None:
            self.close()
            self._terms = terms
            self._rights = granted.rights
            self._association = self._describe(terms)
        return response.build()

    def _release(self, data: bytes) -> bytes | None:
        try:
            acse.RLRQ.parse(data)
        except DecodeError:
            return _exception(ServiceError.OTHER_REASON)
        if self._terms is None:
            return None
        self.close()
        return acse.RLRE.of().build()

    def _describe(self, terms: Terms) -> AssociationLN:
        def objects() -> Data:
            return object_list([*self.device, association], self._rights)

        association = AssociationLN(
            CURRENT,
            object_list=objects,
            associated_partners_id=(self.client_sap, self.server_sap),
            application_context_name=terms.context.octets,
            xdlms_context_info=(f"{terms.conformance:024b}", terms.max_pdu, terms.max_pdu, 6, 0, b""),
            authentication_mechanism_name=terms.mechanism.octets,
        )
        return association

    # --- objects, with the rights of this client

    def _find(self, class_id: int, name: bytes) -> InterfaceClass:
        thing = self._association if name == CURRENT else self.device.find(name)
        if thing is None:
            raise AccessError(DataAccessResult.OBJECT_UNDEFINED)
        if thing.class_id != class_id:
            raise AccessError(DataAccessResult.OBJECT_CLASS_INCONSISTENT)
        return thing

    def _read(self, attribute: xdlms.AttributeDescriptor, selection: xdlms.SelectiveAccess | None) -> Data:
        thing = self._find(attribute.class_id, attribute.instance_id)
        if not self._rights.attribute(thing, attribute.attribute_id) & Access.READ:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED)
        self._allow(selection)
        return thing.read(attribute.attribute_id, selection)

    def _write(
        self, attribute: xdlms.AttributeDescriptor, selection: xdlms.SelectiveAccess | None, value: Data
    ) -> DataAccessResult | int:
        try:
            thing = self._find(attribute.class_id, attribute.instance_id)
            if not self._rights.attribute(thing, attribute.attribute_id) & Access.WRITE:
                raise AccessError(DataAccessResult.READ_WRITE_DENIED)
            self._allow(selection)
            thing.write(attribute.attribute_id, value, selection)
        except AccessError as refusal:
            return refusal.result
        return DataAccessResult.SUCCESS

    def _invoke(self, method: xdlms.MethodDescriptor, argument: Data) -> xdlms.ActionResponse:
        try:
            thing = self._find(method.class_id, method.instance_id)
            if not self._rights.method(thing, method.method_id):
                raise AccessError(ActionResult.READ_WRITE_DENIED)
            returned = thing.invoke(method.method_id, argument)
        except AccessError as refusal:
            return xdlms.ActionResponse(refusal.result)
        return xdlms.ActionResponse(0, None if returned is None else xdlms.GetDataResult(0, returned))

    def _allow(self, selection: xdlms.SelectiveAccess | None) -> None:
        if selection is not None and not self._agreed(Conformance.SELECTIVE_ACCESS):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)

    def _agreed(self, conformance: Conformance) -> bool:
        return self._terms is not None and conformance in self._terms.conformance

    @property
    def _limit(self) -> int:
        return self._terms.max_pdu if self._terms else self.path_limit

    # --- GET

    def _get_normal(self, frame: xdlms.GetRequestNormal) -> bytes:
        self._get = None
        try:
            result = xdlms.GetDataResult(0, self._read(frame.attribute, frame.selection))
        except AccessError as refusal:
            result = xdlms.GetDataResult(1, refusal.result)
        response = xdlms.GetResponseNormal(frame.invoke, result).build()
        # Behind tag, choice, invoke-id and result choice stands the Data that the blocks carry.
        return response if len(response) <= self._limit else self._get_in_blocks(frame.invoke, response[4:])

    def _get_with_list(self, frame: xdlms.GetRequestWithList) -> bytes:
        self._get = None
        if len(frame.attributes) > LONGEST_LIST:
            return _exception(ServiceError.PDU_TOO_LONG)
        results = []
        size = 0
        for item in frame.attributes:
            try:
                result = xdlms.GetDataResult(0, self._read(item.attribute, item.selection))
            except AccessError as refusal:
                result = xdlms.GetDataResult(1, refusal.result)
            results.append(result)
            size += len(result.build())
            if size > MAX_OCTETS:
                return _exception(ServiceError.PDU_TOO_LONG)
        response = xdlms.GetResponseWithList(frame.invoke, results).build()
        # Behind tag, choice and invoke-id stands the list of results that the blocks carry.
        return response if len(response) <= self._limit else self._get_in_blocks(frame.invoke, response[3:])

    def _get_in_blocks(self, invoke: int, raw: bytes) -> bytes:
        if not self._agreed(Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ):
            return _exception(ServiceError.PDU_TOO_LONG)
        self._get = Outgoing(raw)
        return self._get_block(invoke, self._get)

    def _get_block(self, invoke: int, transfer: Outgoing) -> bytes:
        last, number, piece = transfer.cut(self._limit - OVERHEAD)
        if last:
            self._get = None
        return xdlms.GetResponseWithDatablock(invoke, xdlms.GetDatablock(last, number, 0, piece)).build()

    def _get_next(self, frame: xdlms.GetRequestNext) -> bytes:
        # Whose invoke-id it is isn't looked at: there is one long GET at a time, and clients differ in what they send.
        if self._get is not None and frame.number == self._get.number:
            return self._get_block(frame.invoke, self._get)
        result = DataAccessResult.DATA_BLOCK_NUMBER_INVALID if self._get else DataAccessResult.NO_LONG_GET_IN_PROGRESS
        self._get = None
        return xdlms.GetResponseWithDatablock(frame.invoke, xdlms.GetDatablock(1, frame.number, 1, result)).build()

    # --- SET

    def _set_normal(self, frame: xdlms.SetRequestNormal) -> bytes | None:
        self._abort_set()
        result = self._write(frame.attribute, frame.selection, frame.value)
        return _confirmed(frame.invoke, xdlms.SetResponseNormal(frame.invoke, result))

    def _set_with_list(self, frame: xdlms.SetRequestWithList) -> bytes | None:
        self._abort_set()
        if len(frame.attributes) != len(frame.values):
            return _exception(ServiceError.OTHER_REASON)
        if len(frame.attributes) > LONGEST_LIST:
            return _exception(ServiceError.PDU_TOO_LONG)
        results = self._write_each(frame.attributes, frame.values)
        return _confirmed(frame.invoke, xdlms.SetResponseWithList(frame.invoke, results))

    def _write_each(self, attributes: list[xdlms.AttributeWithSelection], values: list[Data]) -> list[int]:
        return [
            int(self._write(item.attribute, item.selection, value))
            for item, value in zip(attributes, values, strict=True)
        ]

    def _abort_set(self) -> None:
        """Another SET begins: one that still waits for its blocks is given up, and its later blocks hear so."""
        self._no_set = DataAccessResult.LONG_SET_ABORTED if self._set else DataAccessResult.NO_LONG_SET_IN_PROGRESS
        self._set = None

    def _set_first_block(
        self, frame: xdlms.SetRequestWithFirstDatablock | xdlms.SetRequestWithListAndFirstDatablock
    ) -> bytes | None:
        self._abort_set()
        self._set = _Collecting(frame, Incoming())
        return self._set_block(frame)

    def _set_block(
        self,
        frame: xdlms.SetRequestWithFirstDatablock
        | xdlms.SetRequestWithListAndFirstDatablock
        | xdlms.SetRequestWithDatablock,
    ) -> bytes | None:
        collecting, block = self._set, frame.block
        if collecting is None:
            return xdlms.SetResponseLastDatablock(frame.invoke, self._no_set, block.number).build()
        try:
            collecting.blocks.add(block.number, block.raw)
        except RemoteProtocolError:
            self._abort_set()
            result = DataAccessResult.DATA_BLOCK_NUMBER_INVALID
            return xdlms.SetResponseLastDatablock(frame.invoke, result, block.number).build()
        if not block.last:
            return xdlms.SetResponseDatablock(frame.invoke, block.number).build()
        self._set = None
        self._no_set = DataAccessResult.NO_LONG_SET_IN_PROGRESS
        return _confirmed(frame.invoke, self._set_collected(frame.invoke, block.number, collecting))

    def _set_collected(self, invoke: int, number: int, collecting: _Collecting) -> Frame:
        first, raw = collecting.first, collecting.blocks.raw
        if isinstance(first, xdlms.SetRequestWithListAndFirstDatablock):
            try:
                values = Values.parse(raw).items
            except DecodeError:
                values = []
            if len(values) == len(first.attributes):
                results = self._write_each(first.attributes, values)
            else:
                results = [int(DataAccessResult.TYPE_UNMATCHED)] * len(first.attributes)
            return xdlms.SetResponseLastDatablockWithList(invoke, results, number)
        try:
            result = self._write(first.attribute, first.selection, Data.parse(raw, MAX_ITEMS))
        except DecodeError:
            result = DataAccessResult.TYPE_UNMATCHED
        return xdlms.SetResponseLastDatablock(invoke, result, number)

    # --- ACTION

    def _action_normal(self, frame: xdlms.ActionRequestNormal) -> bytes | None:
        self._action = self._returning = None
        return self._acted(frame.invoke, self._invoke(frame.method, frame.parameters or axdr.null()))

    def _action_with_list(self, frame: xdlms.ActionRequestWithList) -> bytes | None:
        self._action = self._returning = None
        if len(frame.methods) != len(frame.parameters):
            return _exception(ServiceError.OTHER_REASON)
        if len(frame.methods) > LONGEST_LIST:
            return _exception(ServiceError.PDU_TOO_LONG)
        return self._acted_each(frame.invoke, frame.methods, frame.parameters)

    def _acted(self, invoke: int, response: xdlms.ActionResponse) -> bytes | None:
        # Behind tag, choice, invoke-id, result, presence and choice stands the Data that the blocks carry. Blocks have
        # no result: they say success.
        return self._return(invoke, _confirmed(invoke, xdlms.ActionResponseNormal(invoke, response)), 6)

    def _acted_each(self, invoke: int, methods: list[xdlms.MethodDescriptor], arguments: list[Data]) -> bytes | None:
        responses = [self._invoke(*pair) for pair in zip(methods, arguments, strict=True)]
        # Behind tag, choice and invoke-id stands the list of responses that the blocks carry.
        return self._return(invoke, _confirmed(invoke, xdlms.ActionResponseWithList(invoke, responses)), 3)

    def _return(self, invoke: int, whole: bytes | None, header: int) -> bytes | None:
        """An answer as it is, or what stands behind its header in blocks."""
        if whole is None or len(whole) <= self._limit:
            return whole
        if not self._agreed(Conformance.BLOCK_TRANSFER_WITH_ACTION):
            return _exception(ServiceError.PDU_TOO_LONG)
        self._returning = Outgoing(whole[header:])
        return self._return_block(invoke, self._returning)

    def _return_block(self, invoke: int, transfer: Outgoing) -> bytes:
        last, number, piece = transfer.cut(self._limit - OVERHEAD)
        if last:
            self._returning = None
        return xdlms.ActionResponseWithPblock(invoke, xdlms.Datablock(last, number, piece)).build()

    def _action_next(self, frame: xdlms.ActionRequestNextPblock) -> bytes:
        if self._returning is not None and frame.number == self._returning.number:
            return self._return_block(frame.invoke, self._returning)
        result = ActionResult.LONG_ACTION_ABORTED if self._returning else ActionResult.NO_LONG_ACTION_IN_PROGRESS
        self._returning = None
        return xdlms.ActionResponseNormal(frame.invoke, xdlms.ActionResponse(result)).build()

    def _action_first_block(
        self, frame: xdlms.ActionRequestWithFirstPblock | xdlms.ActionRequestWithListAndFirstPblock
    ) -> bytes | None:
        self._returning = None
        self._action = _Collecting(frame, Incoming())
        return self._action_block(frame)

    def _action_block(
        self,
        frame: xdlms.ActionRequestWithFirstPblock
        | xdlms.ActionRequestWithListAndFirstPblock
        | xdlms.ActionRequestWithPblock,
    ) -> bytes | None:
        collecting, block = self._action, frame.block
        if collecting is None:
            refusal = xdlms.ActionResponse(ActionResult.NO_LONG_ACTION_IN_PROGRESS)
            return xdlms.ActionResponseNormal(frame.invoke, refusal).build()
        try:
            collecting.blocks.add(block.number, block.raw)
        except RemoteProtocolError:
            self._action = None
            refusal = xdlms.ActionResponse(ActionResult.LONG_ACTION_ABORTED)
            return xdlms.ActionResponseNormal(frame.invoke, refusal).build()
        if not block.last:
            return xdlms.ActionResponseNextPblock(frame.invoke, block.number).build()
        self._action = None
        return self._action_collected(frame.invoke, collecting)

    def _action_collected(self, invoke: int, collecting: _Collecting) -> bytes | None:
        first, raw = collecting.first, collecting.blocks.raw
        try:
            if isinstance(first, xdlms.ActionRequestWithFirstPblock):
                return self._acted(invoke, self._invoke(first.method, Data.parse(raw, MAX_ITEMS)))
            arguments = Values.parse(raw).items
        except DecodeError:
            return self._acted(invoke, xdlms.ActionResponse(ActionResult.TYPE_UNMATCHED))
        if len(arguments) != len(first.methods):
            return self._acted(invoke, xdlms.ActionResponse(ActionResult.TYPE_UNMATCHED))
        return self._acted_each(invoke, first.methods, arguments)


def _confirmed(invoke: int, response: Frame) -> bytes | None:
    """A response, unless the request asked for none."""
    return response.build() if invoke & xdlms.CONFIRMED else None


def _exception(error: ServiceError, state: StateError = StateError.SERVICE_NOT_ALLOWED) -> bytes:
    return xdlms.ExceptionResponse(state, error).build()


# --- the services: the frame, the conformance it needs, who serves it, and the answer to a type that does not exist


@dataclass(frozen=True, slots=True)
class _Service:
    frame: type[Frame]
    needs: Conformance
    serve: Callable[[Session, Any], bytes | None]
    unmatched: Callable[[int], bytes] | None = None


def _get_unmatched(invoke: int) -> bytes:
    return xdlms.GetResponseNormal(invoke, xdlms.GetDataResult(1, DataAccessResult.TYPE_UNMATCHED)).build()


def _set_unmatched(invoke: int) -> bytes:
    return xdlms.SetResponseNormal(invoke, DataAccessResult.TYPE_UNMATCHED).build()


def _action_unmatched(invoke: int) -> bytes:
    return xdlms.ActionResponseNormal(invoke, xdlms.ActionResponse(ActionResult.TYPE_UNMATCHED)).build()


_C: Final = Conformance
_GET_BLOCKS: Final = _C.GET | _C.BLOCK_TRANSFER_WITH_GET_OR_READ
_SET_BLOCKS: Final = _C.SET | _C.BLOCK_TRANSFER_WITH_SET_OR_WRITE
_ACTION_BLOCKS: Final = _C.ACTION | _C.BLOCK_TRANSFER_WITH_ACTION
_MANY: Final = _C.MULTIPLE_REFERENCES
_S: Final = Session

_TABLE: Final = (
    _Service(xdlms.GetRequestNormal, _C.GET, _S._get_normal, _get_unmatched),
    _Service(xdlms.GetRequestNext, _GET_BLOCKS, _S._get_next),
    _Service(xdlms.GetRequestWithList, _C.GET | _MANY, _S._get_with_list),
    _Service(xdlms.SetRequestNormal, _C.SET, _S._set_normal, _set_unmatched),
    _Service(xdlms.SetRequestWithFirstDatablock, _SET_BLOCKS, _S._set_first_block),
    _Service(xdlms.SetRequestWithDatablock, _SET_BLOCKS, _S._set_block),
    _Service(xdlms.SetRequestWithList, _C.SET | _MANY, _S._set_with_list),
    _Service(xdlms.SetRequestWithListAndFirstDatablock, _SET_BLOCKS | _MANY, _S._set_first_block),
    _Service(xdlms.ActionRequestNormal, _C.ACTION, _S._action_normal, _action_unmatched),
    _Service(xdlms.ActionRequestNextPblock, _ACTION_BLOCKS, _S._action_next),
    _Service(xdlms.ActionRequestWithList, _C.ACTION | _MANY, _S._action_with_list),
    _Service(xdlms.ActionRequestWithFirstPblock, _ACTION_BLOCKS, _S._action_first_block),
    _Service(xdlms.ActionRequestWithListAndFirstPblock, _ACTION_BLOCKS | _MANY, _S._action_first_block),
    _Service(xdlms.ActionRequestWithPblock, _ACTION_BLOCKS, _S._action_block),
)
_SERVICES: Final[dict[type[Frame], _Service]] = {service.frame: service for service in _TABLE}
_NOT_FOR_SERVERS: Final = frozenset(apdu.FRAMES) - _SERVICES.keys() - {acse.AARQ, acse.RLRQ}
