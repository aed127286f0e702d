"""Opening an application association: what an AARQ asks, against what the association for that client allows.

Green Book 9.4.2 (AARQ, AARE), 9.4.3 (xDLMS initiate). No security and low level security, in the logical-name context
without ciphering. High level security and ciphered contexts are refused with the diagnostic that says so.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms.acse import AARE, AARQ, Context, Diagnostic, Mechanism, ProviderDiagnostic, Result
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.initiate import (
    DLMS_VERSION,
    VAA_NAME_LN,
    ConfirmedServiceError,
    Conformance,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
)

SMALLEST_PDU: Final = 64
"""Octets; a client that takes less is refused."""
LARGEST_PDU: Final = 0xFFFF
CONFORMANCE: Final = (
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.DATA_NOTIFICATION
    | Conformance.GET
    | Conformance.SET
    | Conformance.SELECTIVE_ACCESS
    | Conformance.ACTION
)
"""What both ends here can do with logical names."""
_SERVICES: Final = Conformance.GET | Conformance.SET | Conformance.ACTION
_VERSION_1: Final = b"\x07\x80"
"""protocol-version: bit-string of one bit, version 1."""
_INITIATE: Final = 1
_INITIATE_ERROR: Final = 6


@dataclass(frozen=True, slots=True)
class Association:
    """What a logical device grants one client: how it proves who it is, and its rights."""

    client_sap: int
    mechanism: Mechanism = Mechanism.LOWEST
    secret: bytes = field(default=b"", repr=False)
    rights: Rights = field(default_factory=Rights)


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed. `max_pdu`: octets of the largest APDU, either way."""

    conformance: Conformance
    max_pdu: int
    context: Context = Context.LOGICAL_NAME
    mechanism: Mechanism = Mechanism.LOWEST


class Throttle:
    """Slows the guessing of a password: after five failures in a row nobody is let in for ten seconds."""

    FAILURES: Final = 5
    PAUSE: Final = 10_000_000_000  # ns

    def __init__(self) -> None:
        self._failures = 0
        self._closed_until = 0

    def closed(self, now: int) -> bool:
        """Whether attempts are refused unseen at `now`, in ns."""
        return now < self._closed_until

    def record(self, *, success: bool, now: int) -> None:
        """Count an attempt."""
        self._failures = 0 if success else self._failures + 1
        if self._failures >= self.FAILURES:
            self._closed_until = now + self.PAUSE


class _Refused(RemoteProtocolError):
    """An AARQ that gets no association."""

    def __init__(
        self,
        diagnostic: Diagnostic | ProviderDiagnostic,
        error: InitiateError | None = None,
        result: Result = Result.REJECTED_PERMANENT,
    ) -> None:
        self.diagnostic = diagnostic
        self.error = error
        self.result = result


def answer(
    request: AARQ, association: Association | None, *, path_limit: int, throttle: Throttle, now: int
) -> tuple[AARE, Terms | None]:
    """The AARE for an AARQ, and the terms of the association if it says yes.

    `association`: what the device grants this client, None: nothing. `path_limit`: octets of the largest APDU that the
    way to the client carries. `now`: ns.
    """
    try:
        _authenticate(request, association, throttle, now)
        terms = _negotiate(request, path_limit)
    except _Refused as refused:
        if refused.error is None:
            information = _initiate_response(Terms(CONFORMANCE, min(path_limit, LARGEST_PDU)))
        else:
            information = ConfirmedServiceError(_INITIATE, _INITIATE_ERROR, refused.error).build()
        return AARE.answer(Context.LOGICAL_NAME, refused.result, refused.diagnostic, information), None
    return AARE.answer(Context.LOGICAL_NAME, Result.ACCEPTED, Diagnostic.NULL, _initiate_response(terms)), terms


def refuse(diagnostic: Diagnostic, path_limit: int) -> AARE:
    """The AARE that says no."""
    information = _initiate_response(Terms(CONFORMANCE, min(path_limit, LARGEST_PDU)))
    return AARE.answer(Context.LOGICAL_NAME, Result.REJECTED_PERMANENT, diagnostic, information)


def _authenticate(request: AARQ, association: Association | None, throttle: Throttle, now: int) -> None:
    if request.body.protocol_version not in (None, _VERSION_1):
        raise _Refused(ProviderDiagnostic.NO_COMMON_ACSE_VERSION)
    if request.context is not Context.LOGICAL_NAME:
        raise _Refused(Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED)
    if association is None:
        raise _Refused(Diagnostic.NO_REASON_GIVEN)
    if request.mechanism not in (Mechanism.LOWEST, Mechanism.LOW):
        raise _Refused(Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED)
    if association.mechanism is Mechanism.LOWEST and request.mechanism is Mechanism.LOWEST:
        return
    if request.mechanism is Mechanism.LOWEST:
        raise _Refused(Diagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED)
    if throttle.closed(now):
        raise _Refused(Diagnostic.AUTHENTICATION_FAILURE, result=Result.REJECTED_TRANSIENT)
    right = association.mechanism is Mechanism.LOW and hmac.compare_digest(request.authentication, association.secret)
    throttle.record(success=right, now=now)
    if not right:
        raise _Refused(Diagnostic.AUTHENTICATION_FAILURE)


def _negotiate(request: AARQ, path_limit: int) -> Terms:
    try:
        proposed = InitiateRequest.parse(request.user_information)
    except DecodeError:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.OTHER) from None
    if proposed.version != DLMS_VERSION:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.DLMS_VERSION_TOO_LOW)
    conformance = CONFORMANCE & Conformance(proposed.conformance)
    if not conformance & _SERVICES:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.INCOMPATIBLE_CONFORMANCE)
    if 0 < proposed.max_pdu < SMALLEST_PDU:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.PDU_SIZE_TOO_SHORT)
    max_pdu = min(proposed.max_pdu or LARGEST_PDU, path_limit, LARGEST_PDU)
    mechanism = request.mechanism or Mechanism.LOWEST
    return Terms(conformance, max_pdu, mechanism=mechanism)


def _initiate_response(terms: Terms) -> bytes:
    return InitiateResponse(None, DLMS_VERSION, terms.conformance, terms.max_pdu, VAA_NAME_LN).build()
