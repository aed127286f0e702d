"""The security layer of one association: opens what comes, seals what goes, and knows what is protected enough.

Green Book 9.2.7. The server's session and the client use it alike. Its work is between general block transfer (outside) and
the services (inside). Which object wants what protection is not its business: that is compared with the `Protection` of the
request. How general-ciphering and general-signing look is in `general`; whether one is a replay is found out here.

What is only encrypted proves nothing of its sender, who may yet use up a counter with it: policies should ask for more.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol

import msgspec

from protocols.core.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from protocols.dlms.security.ciphering import (
    GENERAL_DED,
    GENERAL_GLO,
    SUITE,
    Ciphered,
    Control,
    GeneralCiphered,
    Keys,
    Secured,
    secure,
    unsecure,
)
from protocols.dlms.security.counters import LAST
from protocols.dlms.security.general import (
    Ciphering,
    Header,
    KeyKind,
    Layer,
    Profile,
    Signing,
    answering,
    is_general,
    open_general,
    seal_general,
)
from protocols.dlms.security.material import TITLE_OCTETS, KeyId, SecurityMaterial
from protocols.dlms.security.suites import Policy
from protocols.dlms.xdlms import ExceptionResponse, ServiceError, StateError


class Kind(Enum):
    """How an APDU was wrapped."""

    PLAIN = 0
    GLO = 1
    DED = 2
    GENERAL_GLO = 3
    GENERAL_DED = 4
    GENERAL_CIPHERING = 5
    """General-ciphering or general-signing, with nothing ciphered inside."""


class Protection(msgspec.Struct, frozen=True):
    """What an APDU was protected with. Answers are sealed like the request was."""

    kind: Kind = Kind.PLAIN
    authenticated: bool = False
    encrypted: bool = False
    signed: bool = False
    broadcast: bool = False
    layers: tuple[Layer, ...] = ()
    """General-ciphering and general-signing around it all, the outermost first; `kind` says what is inside."""

    def meets(self, wanted: int) -> bool:
        """Whether it has what the request bits (2, 3, 4) of a policy or of an access mode ask for."""
        if not wanted & _REQUEST:
            return True
        return not (
            (wanted & Policy.AUTHENTICATED_REQUEST and not (self.authenticated or self.signed))
            or (wanted & Policy.ENCRYPTED_REQUEST and not self.encrypted)
            or (wanted & Policy.SIGNED_REQUEST and not self.signed)
        )

    def answering(self, wanted: int) -> Protection:
        """As this, with what the response bits (5, 6, 7) of a policy or of an access mode add."""
        if not wanted & _RESPONSE or self.meets(wanted >> _TO_REQUEST):
            return self
        return Protection(
            Kind.GLO if self.kind is Kind.PLAIN else self.kind,
            self.authenticated or bool(wanted & Policy.AUTHENTICATED_RESPONSE),
            self.encrypted or bool(wanted & Policy.ENCRYPTED_RESPONSE),
            self.signed or bool(wanted & Policy.SIGNED_RESPONSE),
            self.broadcast,
            self.layers,
        )


PLAIN: Final = Protection()
SIGNED: Final = Policy.SIGNED_REQUEST | Policy.SIGNED_RESPONSE
"""What initiate requests and responses are excused from: they travel in service-specific form, before the ends know each other."""
_REQUEST: Final = int(Policy.AUTHENTICATED_REQUEST | Policy.ENCRYPTED_REQUEST | Policy.SIGNED_REQUEST)
_RESPONSE: Final = int(Policy.AUTHENTICATED_RESPONSE | Policy.ENCRYPTED_RESPONSE | Policy.SIGNED_RESPONSE)
_TO_REQUEST: Final = 3
"""Bits between those for responses and those for requests."""


class SecurityRefused(RemoteProtocolError):
    """An APDU that the security layer does not let through; it carries the codes of the exception-response.

    `counter`: the invocation counter that was expected, with INVOCATION_COUNTER_ERROR only.
    """

    def __init__(
        self,
        reason: str,
        service_error: ServiceError = ServiceError.DECIPHERING_ERROR,
        state_error: StateError = StateError.SERVICE_NOT_ALLOWED,
        counter: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.service_error = service_error
        self.state_error = state_error
        self.counter = counter

    @property
    def response(self) -> ExceptionResponse:
        """The exception-response that says so."""
        return ExceptionResponse(self.state_error, self.service_error, self.counter)


class SecurityLayer(Protocol):
    """What a session or a client needs of either kind of context. `peer`: the other end's system title, if it is known."""

    peer: bytes

    def open(self, apdu: bytes) -> tuple[bytes, Protection]:
        """The plain APDU, and what it was protected with. Raises SecurityRefused."""
        ...

    def seal(self, apdu: bytes, like: Protection, excused: Policy = Policy.NOTHING) -> bytes:
        """An APDU protected like another one was, and at least as the policy, but for what is `excused`, wants it.

        Raises LocalProtocolError.
        """
        ...

    def admits(self, protection: Protection, excused: Policy = Policy.NOTHING) -> bool:
        """Whether the policy, but for what is `excused`, lets in an APDU that was protected so."""
        ...

    def overhead(self, like: Protection) -> int:
        """Octets that `seal` adds at most."""
        ...


class ClearContext:
    """The layer of an association without ciphering, and of none: everything ciphered is refused."""

    def __init__(self, peer: bytes = b"") -> None:
        self.peer = peer

    def open(self, apdu: bytes) -> tuple[bytes, Protection]:
        if is_ciphered(apdu):
            raise SecurityRefused("a ciphered APDU in a context without ciphering", ServiceError.SERVICE_NOT_SUPPORTED)
        return apdu, PLAIN

    def seal(self, apdu: bytes, like: Protection, excused: Policy = Policy.NOTHING) -> bytes:
        return apdu

    def admits(self, protection: Protection, excused: Policy = Policy.NOTHING) -> bool:
        return protection.kind is Kind.PLAIN

    def overhead(self, like: Protection) -> int:
        return 0


class SecurityContext:
    """The layer of an association with ciphering.

    `peer`: the other end's system title; empty: of whoever first names itself in a general APDU and has the key. `policy`: what
    this association wants, beside what the material wants of all. `profile`: of general-ciphering and general-signing. `client`:
    whether this end is the client's, which opens responses and seals requests.
    """

    def __init__(
        self,
        material: SecurityMaterial,
        peer: bytes = b"",
        *,
        policy: Policy = Policy.NOTHING,
        profile: Profile = Profile.FIELD,
        client: bool = False,
    ) -> None:
        self.material = material
        self.peer = peer
        self.own_policy = policy
        self.profile = profile
        self.client = client
        self._dedicated = b""
        self._dedicated_counter = -1
        self._transaction = b""

    def __repr__(self) -> str:
        return f"SecurityContext({self.material!r}, peer={self.peer.hex().upper()})"

    @property
    def policy(self) -> Policy:
        """What every APDU of the association must keep to, as it is now."""
        return self.own_policy | self.material.policy

    @property
    def _policy(self) -> int:
        # As a number: every message is compared with it twice, and flags take long.
        return int(self.own_policy) | int(self.material.policy)

    def dedicate(self, key: bytes) -> None:
        """Take the dedicated key that the client gave when it opened the association; it lives as long."""
        self._dedicated = key
        self._dedicated_counter = -1

    def admits(self, protection: Protection, excused: Policy = Policy.NOTHING) -> bool:
        """Whether the policy, but for what is `excused`, lets in an APDU that was protected so."""
        policy = self._policy & ~int(excused)
        return protection.meets(policy >> _TO_REQUEST if self.client else policy)

    def open(self, apdu: bytes) -> tuple[bytes, Protection]:
        """The plain APDU, and what it was protected with. Raises SecurityRefused, and then no counter has moved."""
        return self._open_layers(apdu) if is_general(apdu) else self._open_inner(apdu)

    def _open_inner(self, apdu: bytes, signed: bool = False) -> tuple[bytes, Protection]:
        """As `open`, without general-ciphering and general-signing. `signed`: a signature around it has been verified."""
        kind = _KINDS.get(apdu[0]) if apdu else None
        if kind is None:
            return apdu, PLAIN
        try:
            title, secured = self._unwrap(apdu, kind)
            return self._opened(apdu[0], kind, title, secured, signed)
        except DecodeError as error:
            raise SecurityRefused(str(error)) from None

    def seal(self, apdu: bytes, like: Protection, excused: Policy = Policy.NOTHING) -> bytes:
        """An APDU protected like another one was, and at least as the policy, but for what is `excused`, wants it.

        An exception-response has no service-specific ciphered form, and goes as it is; other services without one go in the
        general form. Raises LocalProtocolError when a key is missing or the counter has come to its end.
        """
        policy = self._policy & ~int(excused)
        like = like.answering(policy << _TO_REQUEST if self.client else policy)
        if like.kind is Kind.PLAIN:
            return apdu
        layers = self._outgoing(like)
        if _lacks(like, layers):
            apdu = self._seal_specific(apdu, like)
        if not layers:
            return apdu
        if self.material.rng is None:
            raise LocalProtocolError(f"{self.material!r} has no source of keys")
        return seal_general(apdu, layers, self.material, self.material.rng, self.profile)

    def overhead(self, like: Protection) -> int:
        """Octets that `seal` adds at most, whatever objects may add to the policy."""
        return _LONGEST_HEADER + _LONGEST_LAYER * len(like.layers)

    # --- service-specific, general-glo, general-ded

    def _seal_specific(self, apdu: bytes, like: Protection) -> bytes:
        control = int(self.material.suite) | _AUTHENTICATED * like.authenticated | _ENCRYPTED * like.encrypted
        tag = _TAGS.get((Kind.GLO if like.kind is Kind.GENERAL_CIPHERING else like.kind, apdu[0]))
        if tag is None and apdu[0] == _EXCEPTION and like.kind in _SPECIFIC:
            return apdu
        dedicated = like.kind in _DEDICATED and bool(self._dedicated)
        key = self._dedicated if dedicated else self.material.keys.symmetric[KeyId.UNICAST_ENCRYPTION]
        keys = Keys(key, self.material.keys.authentication)
        secured = secure(apdu, keys, self.material.title, self.material.next_counter(), control)
        if tag is not None:
            return Ciphered(tag, secured).build()
        return GeneralCiphered(GENERAL_DED if dedicated else GENERAL_GLO, self.material.title, secured).build()

    def _unwrap(self, apdu: bytes, kind: Kind) -> tuple[bytes, Secured]:
        """The sender's system title, and the secured unit."""
        if kind in _SPECIFIC:
            return self.peer, Ciphered.parse(apdu).secured
        general = GeneralCiphered.parse(apdu)
        title = general.title or self.peer
        if self.peer and title != self.peer:
            raise SecurityRefused(f"system title {title.hex().upper()} is not that of the association")
        return title, general.secured

    def _opened(self, tag: int, kind: Kind, title: bytes, secured: Secured, signed: bool) -> tuple[bytes, Protection]:
        control = secured.control
        if control & _SUITE_BITS != int(self.material.suite):
            raise SecurityRefused(f"security control {control:02X} is not that of {self.material.suite.name}")
        if not acceptable_title(title, self.material.title):
            raise SecurityRefused("the system title of the sender is missing, or no one's")
        dedicated = kind in _DEDICATED
        key_id = KeyId.BROADCAST_ENCRYPTION if control & _BROADCAST else KeyId.UNICAST_ENCRYPTION
        key = self._dedicated if dedicated else self.material.keys.symmetric.get(key_id, b"")
        if not key:
            raise SecurityRefused("there is no such key")
        try:
            apdu = unsecure(secured, Keys(key, self.material.keys.authentication), title)
        except RemoteProtocolError as error:
            raise SecurityRefused(str(error)) from None
        authenticated, encrypted = bool(control & _AUTHENTICATED), bool(control & _ENCRYPTED)
        if kind in _SPECIFIC and _PLAIN_TAGS[tag] != apdu[0]:
            raise SecurityRefused(f"under the tag {tag:02X} came an APDU with the tag {apdu[0]:02X}")
        if not authenticated and apdu[0] not in _PLAIN:
            raise SecurityRefused("what was deciphered is no APDU")
        protection = Protection(kind, authenticated, encrypted, False, key_id is KeyId.BROADCAST_ENCRYPTION)
        if not signed:
            self._check_unauthentic(protection)
        expected = self._dedicated_counter + 1 if dedicated else self.material.counters.expected(title, key_id)
        _check_counter(secured.counter, expected, authenticated)
        if dedicated:
            self._dedicated_counter = secured.counter
        else:
            self._check_room(title, key_id)
            self.material.counters.accept(title, key_id, secured.counter)
            if authenticated or signed:
                self.peer = title
        return apdu, protection

    def _check_unauthentic(self, protection: Protection) -> None:
        """Where the policy wants messages authenticated, one that is not must not even move a counter."""
        if not (protection.authenticated or protection.signed or self.admits(protection, excused=SIGNED)):
            raise SecurityRefused("the policy wants more protection", ServiceError.OPERATION_NOT_POSSIBLE)

    def _check_room(self, title: bytes, key: KeyId) -> None:
        if not self.material.counters.has_room(title, key):
            raise SecurityRefused("too many system titles have used this key", ServiceError.OTHER_REASON)

    # --- general-ciphering, general-signing

    def _open_layers(self, whole: bytes) -> tuple[bytes, Protection]:
        try:
            opened = open_general(whole, self.material, self.profile)
        except RemoteProtocolError as error:
            raise SecurityRefused(str(error)) from None
        layers, titles = opened.layers, {layer.header.originator for layer in opened.layers}
        if len(titles) > 1 or (self.peer and titles != {self.peer}):
            raise SecurityRefused("the originator is not the other end of the association")
        if self.client and any(layer.header.transaction_id != self._transaction for layer in layers):
            raise SecurityRefused("an answer to another transaction")
        title = layers[0].header.originator
        counted = [layer for layer in layers if isinstance(layer, Ciphering) and layer.key in _COUNTED]
        for layer in counted:
            expected = self.material.counters.expected(title, _COUNTED[layer.key])
            _check_counter(layer.counter or 0, expected, layer.authenticated)
        if not counted and opened.token in self.material.seen:
            raise SecurityRefused("a message that has been here before")
        ciphered = [layer for layer in layers if isinstance(layer, Ciphering)]
        signed = len(ciphered) < len(layers)
        apdu, inside = self._inside(opened.apdu, signed)
        protection = Protection(
            Kind.GENERAL_CIPHERING if inside.kind is Kind.PLAIN else inside.kind,
            inside.authenticated or any(layer.authenticated for layer in ciphered),
            inside.encrypted or any(layer.encrypted for layer in ciphered),
            signed,
            inside.broadcast or any(layer.key is KeyKind.BROADCAST for layer in ciphered),
            layers,
        )
        self._check_unauthentic(protection)
        for layer in counted:
            self._check_room(title, _COUNTED[layer.key])
            self.material.counters.accept(title, _COUNTED[layer.key], layer.counter or 0)
        if not counted:
            self.material.seen.append(opened.token)
        if protection.authenticated or signed:
            self.peer = title
        return apdu, protection

    def _inside(self, apdu: bytes, signed: bool) -> tuple[bytes, Protection]:
        """What stood in the layers, which may be ciphered once more."""
        if is_general(apdu) or not apdu:
            raise SecurityRefused("there is no APDU in it")
        return self._open_inner(apdu, signed)

    def _outgoing(self, like: Protection) -> tuple[Layer, ...]:
        """The layers to put on: of a client new ones of the same kinds, of a server those of the request, turned round."""
        title = self.material.title
        layers = like.layers if self.client else answering(like.layers, title)
        missing = like.signed and not any(isinstance(layer, Signing) for layer in layers)
        if not self.client and not missing:
            return layers
        if self.client and (layers or missing):
            self._transaction = self.material.next_counter().to_bytes(TITLE_OCTETS, "big")
        header = Header(self._transaction, title, self.peer)
        if self.client:
            layers = tuple(msgspec.structs.replace(layer, header=header) for layer in layers)
        return (Signing(header), *layers) if missing else layers


def _lacks(like: Protection, layers: tuple[Layer, ...]) -> bool:
    """Whether what is inside the layers has to be ciphered, too."""
    if like.kind is not Kind.GENERAL_CIPHERING:
        return True
    ciphered = [layer for layer in layers if isinstance(layer, Ciphering)]
    signed = len(ciphered) < len(layers)
    return (like.authenticated and not signed and not any(layer.authenticated for layer in ciphered)) or (
        like.encrypted and not any(layer.encrypted for layer in ciphered)
    )


def _check_counter(counter: int, expected: int, authenticated: bool) -> None:
    # What was only encrypted may be anybody's: the last counter of all is not taken from it.
    if counter < expected or (counter == LAST and not authenticated):
        raise SecurityRefused(
            f"invocation counter {counter} where {expected} was expected",
            ServiceError.INVOCATION_COUNTER_ERROR,
            counter=min(expected, LAST),
        )


def acceptable_title(title: bytes, own: bytes) -> bool:
    """Whether a system title can be that of another party: 8 octets, not all zero, not our own come back."""
    return len(title) == TITLE_OCTETS and any(title) and title != own


def is_ciphered(apdu: bytes) -> bool:
    """Whether an APDU is of a ciphered kind, general-ciphering and general-signing included."""
    return bool(apdu) and (apdu[0] in _KINDS or is_general(apdu))


_AUTHENTICATED: Final = int(Control.AUTHENTICATED)
_ENCRYPTED: Final = int(Control.ENCRYPTED)
_BROADCAST: Final = int(Control.BROADCAST)
_SUITE_BITS: Final = SUITE | int(Control.COMPRESSED)
"""Compression belongs to no suite as it is used here."""
_EXCEPTION: Final = 0xD8
_SPECIFIC: Final = frozenset((Kind.GLO, Kind.DED))
_DEDICATED: Final = frozenset((Kind.DED, Kind.GENERAL_DED))
_LONGEST_HEADER: Final = 1 + 1 + TITLE_OCTETS + 5 + 5 + 12
"""Tag, system title with its length, length, security control and counter, authentication tag."""
_LONGEST_LAYER: Final = 320
"""A layer with titles, a transaction, an ephemeral point of P-384 and its signature."""
_COUNTED: Final = {
    KeyKind.ABSENT: KeyId.UNICAST_ENCRYPTION,
    KeyKind.UNICAST: KeyId.UNICAST_ENCRYPTION,
    KeyKind.BROADCAST: KeyId.BROADCAST_ENCRYPTION,
}
"""Layers whose key lasts, so that its counter tells a replay; of others the whole message is remembered."""

_SPECIFIC_TAGS: Final = (
    # plain, glo-, ded- (IEC 62056-5-3 clause 8)
    (0x01, 0x21, None),  # initiateRequest
    (0x05, 0x25, 0x45),  # readRequest
    (0x06, 0x26, 0x46),  # writeRequest
    (0x08, 0x28, None),  # initiateResponse
    (0x0C, 0x2C, 0x4C),  # readResponse
    (0x0D, 0x2D, 0x4D),  # writeResponse
    (0x0E, 0x2E, 0x4E),  # confirmedServiceError
    (0x16, 0x36, 0x56),  # unconfirmedWriteRequest
    (0x18, 0x38, 0x58),  # informationReportRequest
    (0xC0, 0xC8, 0xD0),  # get-request
    (0xC1, 0xC9, 0xD1),  # set-request
    (0xC2, 0xCA, 0xD2),  # event-notification-request
    (0xC3, 0xCB, 0xD3),  # action-request
    (0xC4, 0xCC, 0xD4),  # get-response
    (0xC5, 0xCD, 0xD5),  # set-response
    (0xC7, 0xCF, 0xD7),  # action-response
)
_TAGS: Final = {
    (kind, plain): tag for plain, glo, ded in _SPECIFIC_TAGS for kind, tag in ((Kind.GLO, glo), (Kind.DED, ded)) if tag is not None
}
_PLAIN: Final = frozenset(plain for plain, _, _ in _SPECIFIC_TAGS) | {0x0F, _EXCEPTION, 0xD9, 0xDA}
"""Tags of APDUs that may be ciphered: also data-notification, exception-response, access-request and access-response."""
_PLAIN_TAGS: Final = {tag: plain for (_, plain), tag in _TAGS.items()}
_KINDS: Final = {tag: kind for (kind, _), tag in _TAGS.items()} | {
    GENERAL_GLO: Kind.GENERAL_GLO,
    GENERAL_DED: Kind.GENERAL_DED,
}
