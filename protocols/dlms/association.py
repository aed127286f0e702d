"""Opening an application association: what an AARQ asks, against what the association for that client allows.

Green Book 9.4.2 (AARQ, AARE), 9.4.3 (xDLMS initiate). Contexts with logical names, without ciphering and with; all mechanisms.
High level security is only begun here: the association stays pending until `open_association` has seen the client's proof.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from protocols.core.errors import DecodeError, LocalProtocolError, RemoteProtocolError
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
from protocols.dlms.security import hls
from protocols.dlms.security.context import (
    SIGNED,
    ClearContext,
    Protection,
    SecurityContext,
    SecurityLayer,
    SecurityRefused,
    acceptable_title,
)
from protocols.dlms.security.material import SecurityMaterial
from protocols.dlms.security.message_key import Profile
from protocols.dlms.security.suites import Policy
from protocols.dlms.xdlms import ServiceError

SMALLEST_PDU: Final = 64
"""Octets; a client that takes less is refused."""
LARGEST_PDU: Final = 0xFFFF
CONFORMANCE: Final = (
    Conformance.GENERAL_BLOCK_TRANSFER
    | Conformance.ATTRIBUTE0_SUPPORTED_WITH_SET
    | Conformance.PRIORITY_MGMT_SUPPORTED
    | Conformance.ATTRIBUTE0_SUPPORTED_WITH_GET
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.DATA_NOTIFICATION
    | Conformance.ACCESS
    | Conformance.GET
    | Conformance.SET
    | Conformance.SELECTIVE_ACCESS
    | Conformance.EVENT_NOTIFICATION
    | Conformance.ACTION
)
"""What both ends here can do with logical names. General protection comes on top where there is security material."""
_SERVICES: Final = Conformance.GET | Conformance.SET | Conformance.ACTION
_VERSION_1: Final = b"\x07\x80"
"""protocol-version: bit-string of one bit, version 1."""
_INITIATE: Final = 1
_INITIATE_ERROR: Final = 6


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed. `max_pdu`: octets of the largest APDU, either way."""

    conformance: Conformance
    max_pdu: int
    context: Context = Context.LOGICAL_NAME
    mechanism: Mechanism = Mechanism.LOWEST


@dataclass(frozen=True, slots=True)
class User:
    """One of several people or programs behind one client (user_list): identifier 0 to 255, and name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Association:
    """What a logical device grants one client: how it proves who it is, and its rights.

    `security`: with it, ciphered contexts are open to the client, and it keeps to the policy of the material and to `policy`.
    `client_title`: the only system title that is let in; empty: any. `version`: of the association's object, 1 to 3.
    `pre_established`: it is there without an AARQ, on these terms. `users`: one of whom the AARQ must name, if there are any.
    `profile`: how general-ciphering and general-signing are read.
    """

    client_sap: int
    mechanism: Mechanism = Mechanism.LOWEST
    secret: bytes = field(default=b"", repr=False)
    rights: Rights = field(default_factory=Rights)
    security: SecurityMaterial | None = None
    policy: Policy = Policy.NOTHING
    client_title: bytes = b""
    version: int = 1
    pre_established: Terms | None = None
    users: tuple[User, ...] = ()
    profile: Profile = Profile.FIELD

    def __post_init__(self) -> None:
        if self.security is None and (self.policy or self.mechanism in hls.KEYED):
            raise LocalProtocolError(f"association {self.client_sap}: a policy, GMAC and ECDSA need security material")

    @property
    def required(self) -> Policy:
        """What every APDU must keep to, as it is now."""
        return self.policy | self.security.policy if self.security is not None else Policy.NOTHING

    def layer(self, context: Context, title: bytes = b"") -> SecurityLayer:
        """The security layer of one opening. `title`: the client's."""
        if context is Context.LOGICAL_NAME_CIPHERED and self.security is not None:
            return SecurityContext(self.security, title, policy=self.policy, profile=self.profile)
        return ClearContext(title)


class Throttle:
    """Slows the guessing of a secret: after five failures in a row nobody is let in for ten seconds."""

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


@dataclass(frozen=True, slots=True)
class Agreed:
    """An AARQ that was granted. `sent`, `received`: the challenges; empty unless high level security is still to be proven."""

    terms: Terms
    layer: SecurityLayer
    sent: bytes = b""
    received: bytes = b""
    user: User | None = None


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
    request: AARQ,
    association: Association | None,
    *,
    path_limit: int,
    throttle: Throttle,
    now: int,
    challenge: Callable[[], bytes],
) -> tuple[AARE, Agreed | None]:
    """The AARE for an AARQ, and what was agreed if it says yes.

    `association`: what the device grants this client, None: nothing. `path_limit`: octets of the largest APDU that the
    way to the client carries. `now`: ns. `challenge()`: a new one. Raises SecurityRefused when the user-information does not
    decipher or is a replay: an exception-response says so, with the counter that was expected.
    """
    try:
        granted, context, mechanism = _admit(request, association)
        layer = granted.layer(context, request.title or granted.client_title)
        proposed, protection = _proposal(request, layer)
        _identify(layer, granted, mechanism, context)
        _recognise(request, granted, layer)
        user = _user(request, granted)
        _authenticate(request, granted, mechanism, throttle, now)
        terms = _negotiate(proposed, granted, context, mechanism, path_limit)
        _dedicate(layer, proposed, protection)
    except _Refused as refused:
        return _refusal(request, refused, path_limit), None
    high = mechanism >= Mechanism.HIGH
    agreed = Agreed(terms, layer, challenge(), request.authentication, user) if high else Agreed(terms, layer, user=user)
    response = AARE.answer(
        context,
        Result.ACCEPTED,
        Diagnostic.AUTHENTICATION_REQUIRED if high else Diagnostic.NULL,
        layer.seal(initiate_response(terms), protection, excused=SIGNED),
        mechanism=mechanism,
        authentication=agreed.sent if high else None,
        title=granted.security.title if granted.security is not None else None,
        certificate=_certificate(granted, mechanism),
    )
    return response, agreed


def refuse(request: AARQ, diagnostic: Diagnostic, path_limit: int) -> AARE:
    """The AARE that says no."""
    return _refusal(request, _Refused(diagnostic), path_limit)


def initiate_response(terms: Terms) -> bytes:
    """The xDLMS initiate response, in clear."""
    return InitiateResponse(None, DLMS_VERSION, terms.conformance, terms.max_pdu, VAA_NAME_LN).build()


def _refusal(request: AARQ, refused: _Refused, path_limit: int) -> AARE:
    # In clear, whatever the context: nobody has proven yet to be worth a counter.
    context = request.context if request.context is Context.LOGICAL_NAME_CIPHERED else Context.LOGICAL_NAME
    if refused.error is None:
        information = initiate_response(Terms(CONFORMANCE, min(path_limit, LARGEST_PDU)))
    else:
        information = ConfirmedServiceError(_INITIATE, _INITIATE_ERROR, refused.error).build()
    return AARE.answer(context, refused.result, refused.diagnostic, information)


def _admit(request: AARQ, association: Association | None) -> tuple[Association, Context, Mechanism]:
    """The association, and context and mechanism as named, both of which it has."""
    if request.body.protocol_version not in (None, _VERSION_1):
        raise _Refused(ProviderDiagnostic.NO_COMMON_ACSE_VERSION)
    context, mechanism = request.context, request.mechanism
    if context is not Context.LOGICAL_NAME and context is not Context.LOGICAL_NAME_CIPHERED:
        raise _Refused(Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED)
    if association is None:
        raise _Refused(Diagnostic.NO_REASON_GIVEN)
    if context is Context.LOGICAL_NAME_CIPHERED:
        if association.security is None:
            raise _Refused(Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED)
    elif association.required:
        raise _Refused(Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED)
    if mechanism is None or mechanism not in (Mechanism.LOWEST, Mechanism.LOW, association.mechanism):
        raise _Refused(Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED)
    if mechanism is Mechanism.LOWEST and association.mechanism is not Mechanism.LOWEST:
        raise _Refused(Diagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED)
    if association.security is not None and request.called_title not in (b"", association.security.title):
        raise _Refused(Diagnostic.CALLED_AP_TITLE_NOT_RECOGNIZED)
    if association.client_title and request.title not in (b"", association.client_title):
        raise _Refused(Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED)
    if context is Context.LOGICAL_NAME_CIPHERED and request.title and association.security is not None:
        _check_title(request.title, association.security.title)
    return association, context, mechanism


def _check_title(title: bytes, own: bytes) -> None:
    if not acceptable_title(title, own):
        raise _Refused(Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED)


def _proposal(request: AARQ, layer: SecurityLayer) -> tuple[InitiateRequest, Protection]:
    """The initiate request, and what it was protected with. Raises SecurityRefused, too."""
    less = _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.REFUSED_BY_THE_VDE_HANDLER)
    try:
        plain, protection = layer.open(request.user_information)
    except SecurityRefused as refused:
        raise less if refused.service_error == ServiceError.OPERATION_NOT_POSSIBLE else refused from None
    if not layer.admits(protection, excused=SIGNED):
        raise less
    try:
        return InitiateRequest.parse(plain), protection
    except DecodeError:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.OTHER) from None


def _identify(layer: SecurityLayer, association: Association, mechanism: Mechanism, context: Context) -> None:
    """Refuse a client whose system title has to be known and is not."""
    if mechanism in hls.TITLED or context is Context.LOGICAL_NAME_CIPHERED:
        _check_title(layer.peer, association.security.title if association.security is not None else b"")


def _recognise(request: AARQ, association: Association, layer: SecurityLayer) -> None:
    """Take in the client's certificate for signatures, if it brought one."""
    recognise = association.security.recognise if association.security is not None else None
    if request.certificate and recognise is not None and not recognise(layer.peer, request.certificate):
        raise _Refused(Diagnostic.CALLING_AE_QUALIFIER_NOT_RECOGNIZED)


def _certificate(association: Association, mechanism: Mechanism) -> bytes | None:
    """What the client may check our signature with."""
    show = association.security.certificate if association.security is not None else None
    return (show() or None) if show is not None and mechanism is Mechanism.HIGH_ECDSA else None


def _user(request: AARQ, association: Association) -> User | None:
    if not association.users:
        return None
    for user in association.users:
        if user.id == request.user_id:
            return user
    raise _Refused(Diagnostic.CALLING_AE_INVOCATION_IDENTIFIER_NOT_RECOGNIZED)


def _authenticate(request: AARQ, association: Association, mechanism: Mechanism, throttle: Throttle, now: int) -> None:
    """Check a password, or that a challenge is one."""
    if mechanism is Mechanism.LOWEST:
        return
    if throttle.closed(now):
        raise _Refused(Diagnostic.AUTHENTICATION_FAILURE, result=Result.REJECTED_TRANSIENT)
    if mechanism is Mechanism.LOW:
        right = association.mechanism is Mechanism.LOW and hmac.compare_digest(request.authentication, association.secret)
        throttle.record(success=right, now=now)
    else:
        right = hls.acceptable(request.authentication)
        if not right:
            throttle.record(success=False, now=now)
    if not right:
        raise _Refused(Diagnostic.AUTHENTICATION_FAILURE)


def _negotiate(
    proposed: InitiateRequest, association: Association, context: Context, mechanism: Mechanism, path_limit: int
) -> Terms:
    if proposed.version != DLMS_VERSION:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.DLMS_VERSION_TOO_LOW)
    offered = CONFORMANCE
    if context is Context.LOGICAL_NAME_CIPHERED:
        offered |= Conformance.GENERAL_PROTECTION
    conformance = offered & Conformance(proposed.conformance)
    if not conformance & _SERVICES:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.INCOMPATIBLE_CONFORMANCE)
    if 0 < proposed.max_pdu < SMALLEST_PDU:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.PDU_SIZE_TOO_SHORT)
    max_pdu = min(proposed.max_pdu or LARGEST_PDU, path_limit, LARGEST_PDU)
    return Terms(conformance, max_pdu, context, mechanism)


def _dedicate(layer: SecurityLayer, proposed: InitiateRequest, protection: Protection) -> None:
    """Take the dedicated key, which has to come encrypted and be as long as keys are."""
    key = proposed.dedicated_key
    if key is None or not isinstance(layer, SecurityContext):
        return
    if not protection.encrypted or len(key) != layer.material.suite.key_octets:
        raise _Refused(Diagnostic.NO_REASON_GIVEN, InitiateError.REFUSED_BY_THE_VDE_HANDLER)
    layer.dedicate(key)
