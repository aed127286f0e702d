"""Association control: AARQ, AARE, RLRQ, RLRE in BER (IEC 62056-5-3 7.2, 9.4; ISO/IEC 15954).

Only the elements that DLMS/COSEM uses are read into something; the others are kept as octets. Which associations exist,
and who may open them, is the server's business; the challenge and its proof are the security modules'.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocols.core.codec import Frame, axdr_length, be, const, prefixed, switch, tagged, this

_DLMS_UA: Final = bytes.fromhex("6085740508")
"""joint-iso-ccitt(2) country(16) country-name(756) identified-organization(5) DLMS-UA(8)."""
_CONTEXT_NAME: Final = _DLMS_UA + b"\x01"
_MECHANISM_NAME: Final = _DLMS_UA + b"\x02"
AUTHENTICATION_FUNCTIONAL_UNIT: Final = b"\x07\x80"
"""ACSE requirements: bit-string of one bit, authentication."""


class Context(IntEnum):
    """Application context."""

    LOGICAL_NAME = 1
    SHORT_NAME = 2
    LOGICAL_NAME_CIPHERED = 3
    SHORT_NAME_CIPHERED = 4

    @property
    def octets(self) -> bytes:
        """The object identifier, without its tag and length."""
        return _CONTEXT_NAME + bytes((self,))


class Mechanism(IntEnum):
    """Authentication mechanism."""

    LOWEST = 0
    LOW = 1
    HIGH = 2
    HIGH_MD5 = 3
    HIGH_SHA1 = 4
    HIGH_GMAC = 5
    HIGH_SHA256 = 6
    HIGH_ECDSA = 7

    @property
    def octets(self) -> bytes:
        """The object identifier, without its tag and length."""
        return _MECHANISM_NAME + bytes((self,))


class Result(IntEnum):
    """Association-result."""

    ACCEPTED = 0
    REJECTED_PERMANENT = 1
    REJECTED_TRANSIENT = 2


class Diagnostic(IntEnum):
    """Result-source-diagnostic of the ACSE service user."""

    NULL = 0
    NO_REASON_GIVEN = 1
    APPLICATION_CONTEXT_NAME_NOT_SUPPORTED = 2
    CALLING_AP_TITLE_NOT_RECOGNIZED = 3
    CALLING_AP_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 4
    CALLING_AE_QUALIFIER_NOT_RECOGNIZED = 5
    CALLING_AE_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 6
    CALLED_AP_TITLE_NOT_RECOGNIZED = 7
    CALLED_AP_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 8
    CALLED_AE_QUALIFIER_NOT_RECOGNIZED = 9
    CALLED_AE_INVOCATION_IDENTIFIER_NOT_RECOGNIZED = 10
    AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED = 11
    AUTHENTICATION_MECHANISM_NAME_REQUIRED = 12
    AUTHENTICATION_FAILURE = 13
    AUTHENTICATION_REQUIRED = 14


class ProviderDiagnostic(IntEnum):
    """Result-source-diagnostic of the ACSE service provider."""

    NULL = 0
    NO_REASON_GIVEN = 1
    NO_COMMON_ACSE_VERSION = 2


class Reason(IntEnum):
    """Of a release, request and response."""

    NORMAL = 0
    URGENT_OR_NOT_FINISHED = 1
    USER_DEFINED = 30


# --- BER pieces


class _ObjectIdentifier(Frame):
    tag: int = const(0x06, be.u8)
    octets: bytes = prefixed(axdr_length)


class _OctetString(Frame):
    tag: int = const(0x04, be.u8)
    octets: bytes = prefixed(axdr_length)


class _Integer(Frame):
    header: bytes = const(b"\x02\x01")
    value: be.u8


class _CharString(Frame):
    """Authentication-value ::= CHOICE, charstring [0] IMPLICIT GraphicString."""

    tag: int = const(0x80, be.u8)
    octets: bytes = prefixed(axdr_length)


class _Diagnostic(Frame):
    """Associate-source-diagnostic ::= CHOICE: A1 acse-service-user, A2 acse-service-provider."""

    source: be.u8
    value: _Integer = switch(this.source, {0xA1: prefixed(axdr_length, _Integer), 0xA2: prefixed(axdr_length, _Integer)})


class AssociateRequest(Frame):
    """AARQ-apdu without its tag. None: not sent."""

    protocol_version: bytes | None = tagged(0x80, default=None)
    application_context: _ObjectIdentifier | None = tagged(0xA1, _ObjectIdentifier, default=None)
    called_ap_title: _OctetString | None = tagged(0xA2, _OctetString, default=None)
    called_ae_qualifier: bytes | None = tagged(0xA3, default=None)
    called_ap_invocation: bytes | None = tagged(0xA4, default=None)
    called_ae_invocation: bytes | None = tagged(0xA5, default=None)
    calling_ap_title: _OctetString | None = tagged(0xA6, _OctetString, default=None)
    calling_ae_qualifier: _OctetString | None = tagged(0xA7, _OctetString, default=None)
    calling_ap_invocation: bytes | None = tagged(0xA8, default=None)
    calling_ae_invocation: _Integer | None = tagged(0xA9, _Integer, default=None)
    requirements: bytes | None = tagged(0x8A, default=None)
    mechanism: bytes | None = tagged(0x8B, default=None)
    authentication: _CharString | None = tagged(0xAC, _CharString, default=None)
    implementation: bytes | None = tagged(0xBD, default=None)
    user_information: _OctetString | None = tagged(0xBE, _OctetString, default=None)


class AssociateResponse(Frame):
    """AARE-apdu without its tag. None: not sent."""

    protocol_version: bytes | None = tagged(0x80, default=None)
    application_context: _ObjectIdentifier | None = tagged(0xA1, _ObjectIdentifier, default=None)
    result: _Integer | None = tagged(0xA2, _Integer, default=None)
    diagnostic: _Diagnostic | None = tagged(0xA3, _Diagnostic, default=None)
    responding_ap_title: _OctetString | None = tagged(0xA4, _OctetString, default=None)
    responding_ae_qualifier: _OctetString | None = tagged(0xA5, _OctetString, default=None)
    responding_ap_invocation: bytes | None = tagged(0xA6, default=None)
    responding_ae_invocation: bytes | None = tagged(0xA7, default=None)
    requirements: bytes | None = tagged(0x88, default=None)
    mechanism: bytes | None = tagged(0x89, default=None)
    authentication: _CharString | None = tagged(0xAA, _CharString, default=None)
    implementation: bytes | None = tagged(0xBD, default=None)
    user_information: _OctetString | None = tagged(0xBE, _OctetString, default=None)


class Release(Frame):
    """RLRQ-apdu and RLRE-apdu without their tag."""

    reason: int | None = tagged(0x80, be.u8, default=None)
    user_information: _OctetString | None = tagged(0xBE, _OctetString, default=None)


# --- the four APDUs


class AARQ(Frame):
    """Asks for an association."""

    tag: int = const(0x60, be.u8)
    body: AssociateRequest = prefixed(axdr_length, AssociateRequest)

    @classmethod
    def propose(
        cls, context: Context, user_information: bytes, *,
        mechanism: Mechanism = Mechanism.LOWEST, authentication: bytes = b"", title: bytes | None = None,
        certificate: bytes | None = None, user_id: int | None = None, called_title: bytes | None = None,
    ) -> AARQ:  # fmt: skip
        """``authentication``: the secret (LOW) or the challenge; ``title``: our system title, for ciphered contexts."""
        secured = mechanism is not Mechanism.LOWEST
        return cls(AssociateRequest(
            application_context=_ObjectIdentifier(context.octets),
            called_ap_title=_octet_string(called_title),
            calling_ap_title=_octet_string(title),
            calling_ae_qualifier=_octet_string(certificate),
            calling_ae_invocation=None if user_id is None else _Integer(user_id),
            requirements=AUTHENTICATION_FUNCTIONAL_UNIT if secured else None,
            mechanism=mechanism.octets if secured else None,
            authentication=_CharString(authentication) if secured else None,
            user_information=_OctetString(user_information),
        ))  # fmt: skip

    @property
    def context(self) -> Context | None:
        """None: one that is not known here."""
        return _context(self.body.application_context)

    @property
    def mechanism(self) -> Mechanism | None:
        """LOWEST when none is named; None: one that is not known here."""
        return _mechanism(self.body.mechanism)

    @property
    def authentication(self) -> bytes:
        """The secret or challenge; empty when there is none."""
        return _octets(self.body.authentication)

    @property
    def title(self) -> bytes:
        """The calling AP title, which is the client's system title; empty when there is none."""
        return _octets(self.body.calling_ap_title)

    @property
    def called_title(self) -> bytes:
        """The called AP title, which is the server's system title; empty when there is none."""
        return _octets(self.body.called_ap_title)

    @property
    def certificate(self) -> bytes:
        """The calling AE qualifier, which holds the client's certificate for signatures; empty when there is none."""
        return _octets(self.body.calling_ae_qualifier)

    @property
    def user_id(self) -> int | None:
        """The calling AE invocation identifier, which says who of the client's users it is."""
        return self.body.calling_ae_invocation.value if self.body.calling_ae_invocation else None

    @property
    def user_information(self) -> bytes:
        """The xDLMS initiate request, in clear or ciphered; empty when there is none."""
        return _octets(self.body.user_information)


class AARE(Frame):
    """Answers an AARQ."""

    tag: int = const(0x61, be.u8)
    body: AssociateResponse = prefixed(axdr_length, AssociateResponse)

    @classmethod
    def answer(
        cls, context: Context, result: Result, diagnostic: Diagnostic | ProviderDiagnostic, user_information: bytes, *,
        mechanism: Mechanism = Mechanism.LOWEST, authentication: bytes | None = None, title: bytes | None = None,
        certificate: bytes | None = None,
    ) -> AARE:  # fmt: skip
        """``authentication``: our challenge (high level security), with the mechanism's name before it."""
        challenged = authentication is not None
        source = 0xA2 if isinstance(diagnostic, ProviderDiagnostic) else 0xA1
        return cls(AssociateResponse(
            application_context=_ObjectIdentifier(context.octets),
            result=_Integer(int(result)),
            diagnostic=_Diagnostic(source, _Integer(int(diagnostic))),
            responding_ap_title=_octet_string(title),
            responding_ae_qualifier=_octet_string(certificate),
            requirements=AUTHENTICATION_FUNCTIONAL_UNIT if challenged else None,
            mechanism=mechanism.octets if challenged else None,
            authentication=_CharString(authentication) if authentication is not None else None,
            user_information=_OctetString(user_information),
        ))  # fmt: skip

    @property
    def context(self) -> Context | None:
        """None: one that is not known here."""
        return _context(self.body.application_context)

    @property
    def result(self) -> int:
        """A Result; a response that names none is no acceptance."""
        return self.body.result.value if self.body.result else Result.REJECTED_PERMANENT

    @property
    def diagnostic(self) -> Diagnostic | ProviderDiagnostic | None:
        """None: one that is not known here, or none."""
        if self.body.diagnostic is None:
            return None
        kinds: type[Diagnostic | ProviderDiagnostic] = ProviderDiagnostic
        if self.body.diagnostic.source == 0xA1:
            kinds = Diagnostic
        return next((kind for kind in kinds if kind == self.body.diagnostic.value.value), None)

    @property
    def mechanism(self) -> Mechanism | None:
        """LOWEST when none is named; None: one that is not known here."""
        return _mechanism(self.body.mechanism)

    @property
    def authentication(self) -> bytes:
        """The server's challenge; empty when there is none."""
        return _octets(self.body.authentication)

    @property
    def title(self) -> bytes:
        """The responding AP title, which is the server's system title; empty when there is none."""
        return _octets(self.body.responding_ap_title)

    @property
    def certificate(self) -> bytes:
        """The responding AE qualifier, which holds the server's certificate for signatures; empty when there is none."""
        return _octets(self.body.responding_ae_qualifier)

    @property
    def user_information(self) -> bytes:
        """The xDLMS initiate response or a confirmed service error; empty when there is none."""
        return _octets(self.body.user_information)


class RLRQ(Frame):
    """Asks to release an association."""

    tag: int = const(0x62, be.u8)
    body: Release = prefixed(axdr_length, Release)

    @classmethod
    def of(cls, reason: Reason = Reason.NORMAL, user_information: bytes | None = None) -> RLRQ:
        """``user_information``: a ciphered initiate request, where the association is ciphered."""
        return cls(Release(int(reason), _octet_string(user_information)))

    @property
    def user_information(self) -> bytes:
        """The ciphered initiate request; empty when there is none."""
        return _octets(self.body.user_information)


class RLRE(Frame):
    """Answers an RLRQ."""

    tag: int = const(0x63, be.u8)
    body: Release = prefixed(axdr_length, Release)

    @classmethod
    def of(cls, reason: Reason = Reason.NORMAL, user_information: bytes | None = None) -> RLRE:
        """``user_information``: a ciphered initiate response, where the association is ciphered."""
        return cls(Release(int(reason), _octet_string(user_information)))

    @property
    def user_information(self) -> bytes:
        """The ciphered initiate response; empty when there is none."""
        return _octets(self.body.user_information)


def _octets(item: _OctetString | _CharString | None) -> bytes:
    return item.octets if item else b""


def _octet_string(value: bytes | None) -> _OctetString | None:
    return None if value is None else _OctetString(value)


_CONTEXTS: Final = {context.octets: context for context in Context}
_MECHANISMS: Final = {mechanism.octets: mechanism for mechanism in Mechanism}


def _context(name: _ObjectIdentifier | None) -> Context | None:
    return _CONTEXTS.get(name.octets) if name else None


def _mechanism(name: bytes | None) -> Mechanism | None:
    return Mechanism.LOWEST if name is None else _MECHANISMS.get(name)
