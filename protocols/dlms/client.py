"""COSEM client: the procedures of an association, as generators over APDUs. Green Book 9.4.

A procedure yields an APDU to send and is sent the APDU that came back. Empty octets ask for one more APDU without
sending: what came was for somebody else. When to give up waiting is the driver's to know; it closes the generator.

    client = Client(password=b"12345678", client_sap=1)
    drive(client.associate(), exchange)
    energy = drive(client.get("1-0:1.8.0", 3, 2), exchange)

What attributes mean is in `reading` and `meter`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from enum import IntEnum
from typing import Any, Final, TypeAlias, TypeVar, overload

import msgspec

from protocols.core.codec import Frame
from protocols.core.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from protocols.dlms import acse, apdu, axdr, initiate, xdlms
from protocols.dlms.acse import Mechanism
from protocols.dlms.association import CONFORMANCE, Terms
from protocols.dlms.authentication import Authentication, Opening, Security
from protocols.dlms.axdr import Data
from protocols.dlms.blocks import MAX_ITEMS, OVERHEAD, ActionResults, GetResults, Incoming, Outgoing, Values
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis
from protocols.dlms.security.context import PLAIN, ClearContext, SecurityLayer
from protocols.dlms.xdlms import (
    AttributeDescriptor,
    AttributeWithSelection,
    Datablock,
    MethodDescriptor,
    SelectiveAccess,
)

T = TypeVar("T")
F = TypeVar("F", bound=Frame)
G = TypeVar("G", bound=Frame)
H = TypeVar("H", bound=Frame)
A = TypeVar("A")
B = TypeVar("B")

_Taken: TypeAlias = xdlms.SetResponseDatablock | xdlms.ActionResponseNextPblock
_Blocks: TypeAlias = "Iterator[tuple[Frame, Datablock]]"
_Following: TypeAlias = xdlms.SetRequestWithDatablock | xdlms.ActionRequestWithPblock

Procedure: TypeAlias = Generator[bytes, bytes, T]
"""Yields APDUs to send, is sent those that come back, returns the result. Raises RemoteProtocolError."""

LARGEST_PDU: Final = 4096
"""Octets that a client offers to take in one APDU unless told otherwise."""


class Refused(RemoteProtocolError):
    """The server answered with an exception-response. `state_error` and `service_error` are its two codes.

    `invocation_counter`: the one that the server expected, where ours was too low.
    """

    def __init__(self, frame: xdlms.ExceptionResponse) -> None:
        state = _name(xdlms.StateError, frame.state_error)
        super().__init__(f"exception-response: {state}, {_name(xdlms.ServiceError, frame.service_error)}")
        self.state_error = frame.state_error
        self.service_error = frame.service_error
        self.invocation_counter = frame.invocation_counter


class AssociationRefused(RemoteProtocolError):
    """The server answered an AARQ with no. `diagnostic`: None for one that is not known here."""

    def __init__(self, frame: acse.AARE) -> None:
        result = _name(acse.Result, frame.result)
        reason = frame.diagnostic.name.lower().replace("_", "-") if frame.diagnostic else "no diagnostic"
        super().__init__(f"association {result}: {reason}{_initiate_error(frame.user_information)}")
        self.result = frame.result
        self.diagnostic = frame.diagnostic


class Client:
    """One client of one logical device. `password` is for low level security; `authentication` names any mechanism, and with
    `security` everything that is said is protected. `max_pdu`: octets it can take in one APDU.

    `on_notification` is given the data notifications that arrive between answers.
    """

    def __init__(
        self,
        client_sap: int = 16,
        server_sap: int = 1,
        password: bytes | None = None,
        *,
        authentication: Authentication | None = None,
        security: Security | None = None,
        max_pdu: int = LARGEST_PDU,
        on_notification: Callable[[xdlms.DataNotification], None] | None = None,
    ) -> None:
        self.client_sap = client_sap
        self.server_sap = server_sap
        self.terms: Terms | None = None
        if authentication is None:
            authentication = Authentication() if password is None else Authentication(Mechanism.LOW, password)
        self._authentication = authentication
        self._security = security
        self._opening = Opening(Authentication(), None)
        self._layer: SecurityLayer = ClearContext()
        self._protection = PLAIN
        self._max_pdu = max_pdu
        self._on_notification = on_notification
        self._last_invoke = 0

    # --- association

    def associate(self) -> Procedure[Terms]:
        """Open the association; what was agreed. Raises AssociationRefused, NotAuthentic."""
        self.terms, self._layer, self._protection = None, ClearContext(), PLAIN
        opening = self._opening = Opening(self._authentication, self._security)
        conformance = CONFORMANCE if self._security is None else CONFORMANCE | Conformance.GENERAL_PROTECTION
        response = yield from self._ask(opening.request(conformance, self._max_pdu), acse.AARE)
        if response.result != acse.Result.ACCEPTED:
            raise AssociationRefused(response)
        agreed = opening.accept(response)
        max_pdu = min(agreed.max_pdu or self._max_pdu, self._max_pdu)
        if max_pdu <= 2 * OVERHEAD + opening.layer.overhead(opening.protection):
            raise RemoteProtocolError(f"the server takes APDUs of {max_pdu} octets: too few for any service")
        terms = Terms(conformance & Conformance(agreed.conformance), max_pdu, opening.context, opening.mechanism)
        self._layer, self._protection = opening.layer, opening.protection
        if proof := opening.proof():
            method = AssociationLN.reply_to_hls_authentication.number
            answer = yield from self.action(CURRENT, AssociationLN.class_id, method, axdr.octets(proof))
            opening.check(answer.value if answer is not None else None)
        self.terms = terms
        return terms

    def assume(self, terms: Terms) -> None:
        """Take a pre-established association for open, on these terms."""
        self._opening = Opening(self._authentication, self._security)
        self._layer, self._protection, self.terms = self._opening.layer, self._opening.protection, terms

    def release(self) -> Procedure[None]:
        """Close the association. It is closed here whatever the server says."""
        request = self._opening.release(CONFORMANCE, self._max_pdu)
        self.terms, self._layer, self._protection = None, ClearContext(), PLAIN
        yield from self._ask(request, acse.RLRE)

    # --- GET

    def get(
        self, name: str | bytes, class_id: int, attribute: int, selection: SelectiveAccess | None = None
    ) -> Procedure[Data]:
        """An attribute. Raises AccessError with the result when the server refuses it."""
        invoke = self._invoke()
        wanted = AttributeDescriptor(class_id, Obis(name), attribute)
        request = xdlms.GetRequestNormal(invoke, wanted, selection)
        response = yield from self._ask(request, xdlms.GetResponseNormal, xdlms.GetResponseWithDatablock)
        if isinstance(response, xdlms.GetResponseWithDatablock):
            raw = yield from self._get_blocks(response, _what(wanted))
            return Data.parse(raw, MAX_ITEMS)
        value = _got(response.result, _what(wanted))
        if isinstance(value, AccessError):
            raise value
        return value

    def get_list(self, items: Sequence[AttributeWithSelection]) -> Procedure[list[Data | AccessError]]:
        """Several attributes in one request, each with its own outcome; `item` makes them."""
        request = xdlms.GetRequestWithList(self._invoke(), list(items))
        response = yield from self._ask(request, xdlms.GetResponseWithList, xdlms.GetResponseWithDatablock)
        if isinstance(response, xdlms.GetResponseWithDatablock):
            raw = yield from self._get_blocks(response, "GET with list")
            results = GetResults.parse(raw).items
        else:
            results = response.results
        return [_got(result, _what(one.attribute)) for one, result in _pairs(items, results)]

    def _get_blocks(self, response: xdlms.GetResponseWithDatablock, what: str) -> Procedure[bytes]:
        incoming = Incoming()
        while True:
            block = response.block
            if isinstance(block.result, int):
                raise AccessError(block.result, what)
            incoming.add(block.number, block.result)
            if block.last:
                return incoming.raw
            request = xdlms.GetRequestNext(response.invoke, block.number)
            response = yield from self._ask(request, xdlms.GetResponseWithDatablock)

    # --- SET

    def set(
        self, name: str | bytes, class_id: int, attribute: int, value: Data, selection: SelectiveAccess | None = None
    ) -> Procedure[None]:
        """Write an attribute. Raises AccessError with the result when the server refuses it."""
        invoke = self._invoke()
        target = AttributeDescriptor(class_id, Obis(name), attribute)
        request = xdlms.SetRequestNormal(invoke, target, selection, value)
        if len(request.build()) <= self._limit:
            response = yield from self._ask(request, xdlms.SetResponseNormal)
            result = response.result
        else:
            first = xdlms.SetRequestWithFirstDatablock(invoke, target, selection, _NO_BLOCK)
            frames = self._cut(first, xdlms.SetRequestWithDatablock, value.build())
            last = yield from self._send(frames, xdlms.SetResponseDatablock, xdlms.SetResponseLastDatablock)
            result = last.result
        if result:
            raise AccessError(result, _what(target))

    def set_list(self, items: Sequence[tuple[AttributeWithSelection, Data]]) -> Procedure[list[AccessError | None]]:
        """Write several attributes in one request, each with its own outcome; None: written."""
        invoke = self._invoke()
        targets, values = [target for target, _ in items], [value for _, value in items]
        request = xdlms.SetRequestWithList(invoke, targets, values)
        if len(request.build()) <= self._limit:
            response = yield from self._ask(request, xdlms.SetResponseWithList)
            results = response.results
        else:
            first = xdlms.SetRequestWithListAndFirstDatablock(invoke, targets, _NO_BLOCK)
            frames = self._cut(first, xdlms.SetRequestWithDatablock, Values(values).build())
            last = yield from self._send(frames, xdlms.SetResponseDatablock, xdlms.SetResponseLastDatablockWithList)
            results = last.results
        return [
            AccessError(result, _what(target.attribute)) if result else None
            for target, result in _pairs(targets, results)
        ]

    # --- ACTION

    def action(
        self, name: str | bytes, class_id: int, method: int, argument: Data | None = None
    ) -> Procedure[Data | None]:
        """Call a method; its return value. `argument` None: integer 0. Raises AccessError when the server refuses."""
        invoke = self._invoke()
        argument = axdr.i8(0) if argument is None else argument
        target = MethodDescriptor(class_id, Obis(name), method)
        request = xdlms.ActionRequestNormal(invoke, target, argument)
        if len(request.build()) <= self._limit:
            response = yield from self._ask(request, xdlms.ActionResponseNormal, xdlms.ActionResponseWithPblock)
        else:
            first = xdlms.ActionRequestWithFirstPblock(invoke, target, _NO_BLOCK)
            frames = self._cut(first, xdlms.ActionRequestWithPblock, argument.build())
            response = yield from self._send(
                frames, xdlms.ActionResponseNextPblock, xdlms.ActionResponseNormal, xdlms.ActionResponseWithPblock
            )
        if isinstance(response, xdlms.ActionResponseWithPblock):
            raw = yield from self._returned_blocks(response)
            return Data.parse(raw, MAX_ITEMS)
        return _returned(response.response, _what(target))

    def action_list(
        self, items: Sequence[tuple[MethodDescriptor, Data]]
    ) -> Procedure[list[Data | AccessError | None]]:
        """Call several methods in one request, each with its own outcome."""
        targets = [target for target, _ in items]
        request = xdlms.ActionRequestWithList(self._invoke(), targets, [argument for _, argument in items])
        response = yield from self._ask(request, xdlms.ActionResponseWithList, xdlms.ActionResponseWithPblock)
        if isinstance(response, xdlms.ActionResponseWithPblock):
            raw = yield from self._returned_blocks(response)
            responses = ActionResults.parse(raw).items
        else:
            responses = response.responses
        return [_outcome(one, _what(target)) for target, one in _pairs(targets, responses)]

    def _returned_blocks(self, response: xdlms.ActionResponseWithPblock) -> Procedure[bytes]:
        incoming = Incoming()
        while True:
            incoming.add(response.block.number, response.block.raw)
            if response.block.last:
                return incoming.raw
            request = xdlms.ActionRequestNextPblock(response.invoke, response.block.number)
            response = yield from self._ask(request, xdlms.ActionResponseWithPblock)

    # --- one request and its answer

    @overload
    def _ask(self, request: Frame, kind: type[F], /) -> Procedure[F]: ...
    @overload
    def _ask(self, request: Frame, kind: type[F], second: type[G], /) -> Procedure[F | G]: ...
    @overload
    def _ask(self, request: Frame, kind: type[F], second: type[G], third: type[H], /) -> Procedure[F | G | H]: ...
    def _ask(self, request: Frame, *kinds: type[Frame]) -> Procedure[Any]:
        """Send a request and wait for an answer of one of these kinds; what belongs elsewhere is let go by."""
        invoke = getattr(request, "invoke", None)
        data = yield self._layer.seal(request.build(), self._protection)
        while True:
            plain, protection = self._layer.open(data)
            frame = apdu.parse(plain)
            if isinstance(frame, xdlms.ExceptionResponse):
                raise Refused(frame)
            if not self._layer.admits(protection):
                raise RemoteProtocolError(f"{type(frame).__name__} came with less protection than we want")
            if isinstance(frame, xdlms.DataNotification):
                if self._on_notification is not None:
                    self._on_notification(frame)
            elif not _belongs_elsewhere(frame, invoke):
                if isinstance(frame, kinds):
                    return frame
                raise RemoteProtocolError(f"{type(frame).__name__} came in answer to {type(request).__name__}")
            data = yield b""

    @overload
    def _send(self, frames: _Blocks, taken: type[_Taken], kind: type[F], /) -> Procedure[F]: ...
    @overload
    def _send(
        self, frames: _Blocks, taken: type[_Taken], kind: type[F], second: type[G], /
    ) -> Procedure[F | G]: ...
    def _send(self, frames: _Blocks, taken: type[_Taken], *kinds: type[Frame]) -> Procedure[Any]:
        """Send a request in blocks, each one `taken` before the next; the answer to the last, or an early one."""
        ask: Any = self._ask
        for frame, block in frames:
            response = yield from ask(frame, *kinds, taken)
            if not isinstance(response, taken):
                return response
            if response.number != block.number or block.last:
                raise RemoteProtocolError(f"block {response.number} was acknowledged where {block.number} was sent")

    def _cut(self, first: Frame, following: type[_Following], raw: bytes) -> _Blocks:
        """A transfer's frames and their blocks: the first goes into `first`, the others into frames `following`."""
        outgoing = Outgoing((raw,))
        room = self._limit - len(first.build()) - 2  # two more octets for a longer length
        if room <= 0:
            raise LocalProtocolError(f"{type(first).__name__} alone fills an APDU of {self._limit} octets")
        block = Datablock(*outgoing.cut(room))
        yield msgspec.structs.replace(first, block=block), block
        while not block.last:
            block = Datablock(*outgoing.cut(self._limit - OVERHEAD))
            yield following(self._last_invoke | xdlms.CONFIRMED | xdlms.HIGH_PRIORITY, block), block

    def _invoke(self) -> int:
        self._last_invoke = (self._last_invoke + 1) & xdlms.INVOKE_ID
        return self._last_invoke | xdlms.CONFIRMED | xdlms.HIGH_PRIORITY

    @property
    def _limit(self) -> int:
        return (self.terms.max_pdu if self.terms else self._max_pdu) - self._layer.overhead(self._protection)


def item(
    name: str | bytes, class_id: int, attribute: int, selection: SelectiveAccess | None = None
) -> AttributeWithSelection:
    """One attribute of a request with a list."""
    return AttributeWithSelection(AttributeDescriptor(class_id, Obis(name), attribute), selection)


def drive(procedure: Procedure[T], exchange: Callable[[bytes], bytes]) -> T:
    """Run a procedure over a function that sends an APDU and gives the answer; sent nothing, it only waits for one."""
    try:
        data = next(procedure)
        while True:
            data = procedure.send(exchange(data))
    except StopIteration as done:
        result: T = done.value
        return result


async def adrive(procedure: Procedure[T], exchange: Callable[[bytes], Awaitable[bytes]]) -> T:
    """`drive` for tasks."""
    try:
        data = next(procedure)
        while True:
            data = procedure.send(await exchange(data))
    except StopIteration as done:
        result: T = done.value
        return result


_NO_BLOCK: Final = Datablock(0, 0, b"")


def _belongs_elsewhere(frame: Frame, invoke: int | None) -> bool:
    """Whether a frame has nothing to do with the request of this invoke-id: an event, or another request's answer."""
    answered: int | None = getattr(frame, "invoke", None)
    if invoke is not None and answered is not None:
        return bool((invoke ^ answered) & xdlms.INVOKE_ID)
    return isinstance(frame, xdlms.EventNotificationRequest)


def _got(result: xdlms.GetDataResult, what: str) -> Data | AccessError:
    return result.value if isinstance(result.value, Data) else AccessError(result.value, what)


def _outcome(response: xdlms.ActionResponse, what: str) -> Data | AccessError | None:
    if response.result:
        return AccessError(response.result, what)
    return None if response.returned is None else _got(response.returned, what)


def _returned(response: xdlms.ActionResponse, what: str) -> Data | None:
    outcome = _outcome(response, what)
    if isinstance(outcome, AccessError):
        raise outcome
    return outcome


def _pairs(asked: Sequence[A], answered: Sequence[B]) -> list[tuple[A, B]]:
    if len(asked) != len(answered):
        raise RemoteProtocolError(f"{len(answered)} results came for a list of {len(asked)}")
    return list(zip(asked, answered, strict=True))


def _what(target: AttributeDescriptor | MethodDescriptor) -> str:
    """How an error names what was asked for."""
    kind, number = (
        ("attribute", target.attribute_id) if isinstance(target, AttributeDescriptor) else ("method", target.method_id)
    )
    return f"{Obis(target.instance_id)} class {target.class_id} {kind} {number}"


def _name(codes: type[IntEnum], code: int) -> str:
    return next((one.name.lower().replace("_", "-") for one in codes if one == code), str(code))


def _initiate_error(user_information: bytes) -> str:
    try:
        error = initiate.ConfirmedServiceError.parse(user_information)
    except DecodeError:
        return ""
    return f" ({_name(initiate.InitiateError, error.value)})"
