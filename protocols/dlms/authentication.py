"""The client's side of opening an association: how it proves who it is, and how what it says is protected.

Green Book 9.4.2, 9.2.7.4. `Opening` makes the AARQ, takes the AARE, answers the server's challenge and checks the server's answer;
`client` carries these APDUs. Keys and counters are the caller's, in `SecurityMaterial`.
"""

from __future__ import annotations

from random import Random
from typing import Final

import msgspec

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.acse import AARE, AARQ, RLRQ, Context, Mechanism, Reason
from protocols.dlms.initiate import DLMS_VERSION, Conformance, InitiateRequest, InitiateResponse
from protocols.dlms.security import hls
from protocols.dlms.security.context import (
    PLAIN,
    SIGNED,
    ClearContext,
    Kind,
    Protection,
    SecurityContext,
    SecurityLayer,
    acceptable_title,
)
from protocols.dlms.security.material import SecurityMaterial
from protocols.dlms.security.message_key import Profile
from protocols.dlms.security.suites import Policy

CHALLENGE: Final = 32
"""Octets of our challenges."""
AUTHENTICATED_ENCRYPTED: Final = Protection(Kind.GLO, authenticated=True, encrypted=True)
_ANSWERS: Final = (
    (Policy.AUTHENTICATED_RESPONSE, "authenticated"),
    (Policy.ENCRYPTED_RESPONSE, "encrypted"),
    (Policy.SIGNED_RESPONSE, "signed"),
)


class NotAuthentic(RemoteProtocolError):
    """The server did not prove that it is who it should be."""


class Authentication(msgspec.Struct, frozen=True):
    """How a client proves who it is. `secret`: the password, or the secret of HLS 2, 3, 4 and 6. Not shown by repr.

    `rng`: for challenges; high level security needs it. `title`: the client's system title, where there is no `Security`. `user`:
    which of the client's users it is, for a server that asks.
    """

    mechanism: Mechanism = Mechanism.LOWEST
    secret: bytes = b""
    rng: Random | None = None
    title: bytes = b""
    user: int | None = None

    def __repr__(self) -> str:
        return f"Authentication({self.mechanism.name}, redacted)"


class Security(msgspec.Struct, frozen=True):
    """How what a client says is protected, which is also the least that it accepts of the server.

    `protection` PLAIN: the context without ciphering; the material is for the mechanism only. Of its layers the keys count; headers
    are made. `server_title`: the system title the server must have; empty: the one that it says. `dedicated_key`: to be used in
    this association instead of the global one; empty: none. `certificate`: our own for signatures (DER), for a server that does
    not know it yet; empty: none. `profile`: how general-ciphering and general-signing are read. Not shown by repr.
    """

    material: SecurityMaterial
    server_title: bytes = b""
    protection: Protection = AUTHENTICATED_ENCRYPTED
    dedicated_key: bytes = b""
    certificate: bytes = b""
    profile: Profile = Profile.FIELD

    def __repr__(self) -> str:
        return f"Security({self.material!r}, {self.protection.kind.name})"


class Opening:
    """One association being opened. `layer` and `protection` are for every APDU in it, from the AARQ's contents on."""

    def __init__(self, authentication: Authentication, security: Security | None) -> None:
        self.authentication = authentication
        self.mechanism = authentication.mechanism
        self.layer: SecurityLayer = ClearContext()
        self.protection = PLAIN
        self._security = security
        self._sent = authentication.secret
        self._received = b""
        if self.mechanism >= Mechanism.HIGH:
            if authentication.rng is None:
                raise LocalProtocolError("high level security needs a source of challenges")
            self._sent = authentication.rng.getrandbits(8 * CHALLENGE).to_bytes(CHALLENGE, "big")
        if security is None or security.protection.kind is Kind.PLAIN:
            self.layer.peer = security.server_title if security is not None else b""
            return
        wanted = Policy.NOTHING
        for bit, name in _ANSWERS:
            wanted |= bit if getattr(security.protection, name) else Policy.NOTHING
        layer = SecurityContext(security.material, security.server_title, policy=wanted, profile=security.profile, client=True)
        if security.dedicated_key:
            layer.dedicate(security.dedicated_key)
        self.layer, self.protection = layer, security.protection

    @property
    def context(self) -> Context:
        """The application context."""
        return Context.LOGICAL_NAME if self.protection.kind is Kind.PLAIN else Context.LOGICAL_NAME_CIPHERED

    def request(self, conformance: Conformance, max_pdu: int) -> AARQ:
        """The AARQ."""
        security, mechanism = self._security, self.mechanism
        dedicated = security.dedicated_key or None if security is not None and self.protection.encrypted else None
        initiate = InitiateRequest(dedicated, None, None, DLMS_VERSION, conformance, max_pdu).build()
        return AARQ.propose(
            self.context,
            self._sealed(initiate),
            mechanism=mechanism,
            authentication=self._sent,
            title=self._title or None,
            certificate=security.certificate or None if security is not None else None,
            user_id=self.authentication.user,
        )

    def accept(self, response: AARE) -> InitiateResponse:
        """What an AARE that accepts says. Raises NotAuthentic, and DecodeError."""
        material = self._security.material if self._security is not None else None
        if self.mechanism in hls.TITLED or material is not None:
            title = response.title or self.layer.peer
            if self._security is not None and self._security.server_title not in (b"", title):
                raise NotAuthentic("the server has another system title than it should")
            if not acceptable_title(title, self._title) and (title or self.mechanism in hls.KEYED or material is not None):
                raise NotAuthentic("the server's system title is no one's, or our own")
            recognise = material.recognise if material is not None else None
            if response.certificate and recognise is not None and not recognise(title, response.certificate):
                raise NotAuthentic("the server's certificate is not good")
            self.layer.peer = title
        if self.mechanism >= Mechanism.HIGH:
            self._received = response.authentication
            if response.mechanism is not self.mechanism or not hls.acceptable(self._received):
                raise NotAuthentic("the server gave no challenge")
            if self._received == self._sent:
                raise NotAuthentic("the server gave our own challenge back")  # our answer would be the one it owes us
        plain, protection = self.layer.open(response.user_information)
        if not self.layer.admits(protection, excused=SIGNED):
            raise NotAuthentic("the server's answer to the initiate request is less protected than the request")
        return InitiateResponse.parse(plain)

    def proof(self) -> bytes:
        """Our answer to the server's challenge; empty when there is none to give."""
        if self.mechanism < Mechanism.HIGH:
            return b""
        exchange = hls.Exchange(self._title, self.layer.peer, self._received, self._sent)
        return hls.prove(self.mechanism, exchange, self.authentication.secret, self._material)

    def check(self, answer: object) -> None:
        """Check the server's answer to our challenge. Raises NotAuthentic."""
        exchange = hls.Exchange(self.layer.peer, self._title, self._sent, self._received)
        secret = self.authentication.secret
        if not isinstance(answer, bytes) or not hls.verify(self.mechanism, exchange, secret, self._material, answer):
            raise NotAuthentic("the server's answer to our challenge is wrong")

    def release(self, conformance: Conformance, max_pdu: int) -> RLRQ:
        """The RLRQ: ciphered where the association is."""
        if self.protection.kind is Kind.PLAIN:
            return RLRQ.of()
        initiate = InitiateRequest(None, None, None, DLMS_VERSION, conformance, max_pdu).build()
        return RLRQ.of(Reason.NORMAL, self._sealed(initiate))

    @property
    def _material(self) -> SecurityMaterial | None:
        return self._security.material if self._security is not None else None

    @property
    def _title(self) -> bytes:
        return self._security.material.title if self._security is not None else self.authentication.title

    def _sealed(self, initiate: bytes) -> bytes:
        # The dedicated key and layers between titles are for what follows the opening, which itself goes under the global key.
        authenticated, encrypted = self.protection.authenticated, self.protection.encrypted
        kind = _OPENING.get(self.protection.kind, Kind.GLO) if authenticated or encrypted else Kind.PLAIN
        return self.layer.seal(initiate, Protection(kind, authenticated, encrypted), excused=SIGNED)


_OPENING: Final = {Kind.GENERAL_DED: Kind.GENERAL_GLO, Kind.GENERAL_GLO: Kind.GENERAL_GLO}
"""Of what kind the initiate request is, where it is not service-specific."""
