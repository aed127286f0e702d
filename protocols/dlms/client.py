"""COSEM client: the procedures of an association, as generators over APDUs. Green Book 9.4.

What procedures yield and are sent stands in `requester`; `drive` runs them.

    client = Client(password=b"12345678", client_sap=1)
    drive(client.associate(), exchange)
    energy = drive(client.get("1-0:1.8.0", 3, 2), exchange)

What attributes mean is in `reading` and `meter`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms import access, acse, axdr, initiate, xdlms
from protocols.dlms.access import AccessRequest, AccessResponse, SelectedAttribute, Specification, Want
from protocols.dlms.acse import Mechanism
from protocols.dlms.association import CONFORMANCE, Terms
from protocols.dlms.authentication import Authentication, Opening, Security
from protocols.dlms.axdr import Data
from protocols.dlms.blocks import MAX_ITEMS, OVERHEAD, ActionResults, GetResults, Incoming, Values
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis
from protocols.dlms.requester import NO_BLOCK, Event, Procedure, Refused, Requester, adrive, code_name, drive
from protocols.dlms.security.context import PLAIN, ClearContext
from protocols.dlms.xdlms import AttributeDescriptor, AttributeWithSelection, MethodDescriptor, SelectiveAccess

A = TypeVar("A")
B = TypeVar("B")

__all__ = [
    "LARGEST_PDU", "AssociationRefused", "Client", "Event", "Procedure", "Refused", "adrive", "drive", "item",
]  # fmt: skip

LARGEST_PDU: Final = 4096
"""Octets that a client offers to take in one APDU unless told otherwise."""


class AssociationRefused(RemoteProtocolError):
    """The server answered an AARQ with no. `diagnostic`: None for one that is not known here."""

    def __init__(self, frame: acse.AARE) -> None:
        result = code_name(acse.Result, frame.result)
        reason = frame.diagnostic.name.lower().replace("_", "-") if frame.diagnostic else "no diagnostic"
        super().__init__(f"association {result}: {reason}{_initiate_error(frame.user_information)}")
        self.result = frame.result
        self.diagnostic = frame.diagnostic


class Client(Requester):
    """One client of one logical device. `password` is for low level security; `authentication` names any mechanism, and with
    `security` everything that is said is protected. `max_pdu`: octets it can take in one APDU.

    `conformance`: what is proposed to the server. `on_notification` is given the events that arrive between answers.
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
        conformance: Conformance = CONFORMANCE,
        on_notification: Callable[[Event], None] | None = None,
    ) -> None:
        super().__init__(max_pdu, on_notification)
        self.client_sap = client_sap
        self.server_sap = server_sap
        if authentication is None:
            authentication = Authentication() if password is None else Authentication(Mechanism.LOW, password)
        self._authentication = authentication
        self._security = security
        self._opening = Opening(Authentication(), None)
        self._conformance = conformance if security is None else conformance | Conformance.GENERAL_PROTECTION

    # --- association

    def associate(self) -> Procedure[Terms]:
        """Open the association; what was agreed. Raises AssociationRefused, NotAuthentic."""
        self.terms, self._layer, self._protection = None, ClearContext(), PLAIN
        opening = self._opening = Opening(self._authentication, self._security)
        response = yield from self._ask(opening.request(self._conformance, self._max_pdu), acse.AARE)
        if response.result != acse.Result.ACCEPTED:
            raise AssociationRefused(response)
        agreed = opening.accept(response)
        max_pdu = min(agreed.max_pdu or self._max_pdu, self._max_pdu)
        if max_pdu <= 2 * OVERHEAD + opening.layer.overhead(opening.protection):
            raise RemoteProtocolError(f"the server takes APDUs of {max_pdu} octets: too few for any service")
        terms = Terms(self._conformance & Conformance(agreed.conformance), max_pdu, opening.context, opening.mechanism)
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
        request = self._opening.release(self._conformance, self._max_pdu)
        self.terms, self._layer, self._protection = None, ClearContext(), PLAIN
        with suppress(DecodeError):  # there are servers whose RLRE is none
            yield from self._ask(request, acse.RLRE)

    # --- GET

    def get(self, name: str | bytes, class_id: int, attribute: int, selection: SelectiveAccess | None = None) -> Procedure[Data]:
        """An attribute. Raises AccessError with the result when the server refuses it."""
        invoke = self._invoke()
        wanted = AttributeDescriptor(class_id, Obis(name), attribute)
        request = xdlms.GetRequestNormal(invoke, wanted, selection)
        response = yield from self._ask(request, xdlms.GetResponseNormal, xdlms.GetResponseWithDatablock)
        if isinstance(response, xdlms.GetResponseWithDatablock):
            raw = yield from self._get_blocks(response, _what(wanted))
            return Data.parse(raw, MAX_ITEMS)
        value = response.result.value
        if isinstance(value, Data):
            return value
        raise AccessError(value, _what(wanted))

    def get_list(self, items: Sequence[AttributeWithSelection]) -> Procedure[list[Data | AccessError]]:
        """Several attributes in one request, each with its own outcome; `item` makes them."""
        request = xdlms.GetRequestWithList(self._invoke(), list(items))
        response = yield from self._ask(request, xdlms.GetResponseWithList, xdlms.GetResponseWithDatablock)
        if isinstance(response, xdlms.GetResponseWithDatablock):
            raw = yield from self._get_blocks(response, "GET with list")
            results = GetResults.parse(raw, MAX_ITEMS).items
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
        if self._fits(request, Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE):
            response = yield from self._ask(request, xdlms.SetResponseNormal)
            result = response.result
        else:
            first = xdlms.SetRequestWithFirstDatablock(invoke, target, selection, NO_BLOCK)
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
        if self._fits(request, Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE):
            response = yield from self._ask(request, xdlms.SetResponseWithList)
            results = response.results
        else:
            first = xdlms.SetRequestWithListAndFirstDatablock(invoke, targets, NO_BLOCK)
            frames = self._cut(first, xdlms.SetRequestWithDatablock, Values(values).build())
            last = yield from self._send(frames, xdlms.SetResponseDatablock, xdlms.SetResponseLastDatablockWithList)
            results = last.results
        return [AccessError(result, _what(target.attribute)) if result else None for target, result in _pairs(targets, results)]

    def set_unconfirmed(self, name: str | bytes, class_id: int, attribute: int, value: Data) -> bytes:
        """The APDU of a SET that nobody answers, protected, to be sent as it is."""
        target = AttributeDescriptor(class_id, Obis(name), attribute)
        return self._sealed(xdlms.SetRequestNormal(self._invoke() & ~xdlms.CONFIRMED, target, None, value))

    # --- ACTION

    def action(self, name: str | bytes, class_id: int, method: int, argument: Data | None = None) -> Procedure[Data | None]:
        """Call a method; its return value. `argument` None: integer 0. Raises AccessError when the server refuses."""
        invoke = self._invoke()
        argument = axdr.i8(0) if argument is None else argument
        target = MethodDescriptor(class_id, Obis(name), method)
        request = xdlms.ActionRequestNormal(invoke, target, argument)
        if self._fits(request, Conformance.BLOCK_TRANSFER_WITH_ACTION):
            response = yield from self._ask(request, xdlms.ActionResponseNormal, xdlms.ActionResponseWithPblock)
        else:
            first = xdlms.ActionRequestWithFirstPblock(invoke, target, NO_BLOCK)
            frames = self._cut(first, xdlms.ActionRequestWithPblock, argument.build())
            response = yield from self._send(
                frames, xdlms.ActionResponseNextPblock, xdlms.ActionResponseNormal, xdlms.ActionResponseWithPblock
            )
        if isinstance(response, xdlms.ActionResponseWithPblock):
            raw = yield from self._returned_blocks(response)
            return Data.parse(raw, MAX_ITEMS)
        return _returned(response.response, _what(target))

    def action_unconfirmed(self, name: str | bytes, class_id: int, method: int, argument: Data | None = None) -> bytes:
        """The APDU of an ACTION that nobody answers, protected, to be sent as it is."""
        target = MethodDescriptor(class_id, Obis(name), method)
        argument = axdr.i8(0) if argument is None else argument
        return self._sealed(xdlms.ActionRequestNormal(self._invoke() & ~xdlms.CONFIRMED, target, argument))

    def action_list(self, items: Sequence[tuple[MethodDescriptor, Data]]) -> Procedure[list[Data | AccessError | None]]:
        """Call several methods in one request, each with its own outcome."""
        invoke = self._invoke()
        targets, arguments = [target for target, _ in items], [argument for _, argument in items]
        request = xdlms.ActionRequestWithList(invoke, targets, arguments)
        response: xdlms.ActionResponseWithList | xdlms.ActionResponseWithPblock | xdlms.ActionResponseNormal
        if self._fits(request, Conformance.BLOCK_TRANSFER_WITH_ACTION):
            response = yield from self._ask(request, xdlms.ActionResponseWithList, xdlms.ActionResponseWithPblock)
        else:
            first = xdlms.ActionRequestWithListAndFirstPblock(invoke, targets, NO_BLOCK)
            frames = self._cut(first, xdlms.ActionRequestWithPblock, Values(arguments).build())
            response = yield from self._send(
                frames, xdlms.ActionResponseNextPblock,
                xdlms.ActionResponseWithList, xdlms.ActionResponseWithPblock, xdlms.ActionResponseNormal,
            )  # fmt: skip
        if isinstance(response, xdlms.ActionResponseWithPblock):
            raw = yield from self._returned_blocks(response)
            responses = ActionResults.parse(raw, MAX_ITEMS).items
        elif isinstance(response, xdlms.ActionResponseNormal):  # the blocks as such were refused
            raise AccessError(response.response.result, "ACTION with list")
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

    # --- ACCESS

    def access(
        self, wants: Sequence[Want], *, break_on_error: bool = False, self_descriptive: bool = False, date_time: bytes = b""
    ) -> Procedure[list[Data | AccessError]]:
        """Anything in one request, each with its own outcome, which of what is written is null-data.

            client.access([access.get("1-0:1.8.0", 3, 2), access.action("0-0:96.3.10", 70, 1)])

        `break_on_error`: what stands behind the first error is not done. `date_time`: 12 octets, of this request.
        """
        flags = access.BREAK_ON_ERROR * break_on_error | access.SELF_DESCRIPTIVE * self_descriptive
        specifications = [specification for specification, _ in wants]
        data = [value for _, value in wants]
        request = AccessRequest(self._long_invoke() | flags, date_time, specifications, data)
        response = yield from self._ask(request, AccessResponse)
        if len(response.results) != len(response.data):
            raise RemoteProtocolError(f"{len(response.results)} results came with {len(response.data)} values")
        return [
            AccessError(result.result, _what(_target(specification))) if result.result else value
            for specification, (result, value) in _pairs(specifications, list(zip(response.results, response.data, strict=True)))
        ]


def item(name: str | bytes, class_id: int, attribute: int, selection: SelectiveAccess | None = None) -> AttributeWithSelection:
    """One attribute of a request with a list."""
    return AttributeWithSelection(AttributeDescriptor(class_id, Obis(name), attribute), selection)


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


def _target(specification: Specification) -> AttributeDescriptor | MethodDescriptor:
    target = specification.target
    return target.attribute if isinstance(target, SelectedAttribute) else target


def _what(target: AttributeDescriptor | MethodDescriptor) -> str:
    """How an error names what was asked for."""
    kind, number = ("attribute", target.attribute_id) if isinstance(target, AttributeDescriptor) else ("method", target.method_id)
    return f"{Obis(target.instance_id)} class {target.class_id} {kind} {number}"


def _initiate_error(user_information: bytes) -> str:
    try:
        error = initiate.ConfirmedServiceError.parse(user_information)
    except DecodeError:
        return ""
    return f" ({code_name(initiate.InitiateError, error.value)})"
