"""The security layer of one association: opens what comes, seals what goes, and knows what is protected enough.

Green Book 9.2.7. The server's session and the client use it alike. Its work is between general block transfer (outside) and
the services (inside). It does not know which object wants what: that is compared with the `Protection` of the request.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import msgspec

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.security.material import SecurityMaterial
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


class Protection(msgspec.Struct, frozen=True):
    """What an APDU was protected with. Answers are sealed like the request was."""

    kind: Kind = Kind.PLAIN
    authenticated: bool = False
    encrypted: bool = False
    signed: bool = False
    broadcast: bool = False
    transaction: bytes = b""
    """transaction-id of a general-ciphering or general-signing request, which the answer repeats."""

    def meets(self, wanted: int) -> bool:
        """Whether it has what the request bits (2, 3, 4) of a policy or of an access mode ask for."""
        raise NotImplementedError

    def answering(self, wanted: int) -> Protection:
        """As this, with what the response bits (5, 6, 7) of a policy or of an access mode add."""
        raise NotImplementedError


PLAIN = Protection()


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
    """What a session or a client needs of either kind of context."""

    def open(self, apdu: bytes) -> tuple[bytes, Protection]:
        """The plain APDU, and what it was protected with. Raises SecurityRefused."""
        ...

    def seal(self, apdu: bytes, like: Protection) -> bytes:
        """An APDU protected like a request was, and at least as the policy wants responses. Raises LocalProtocolError."""
        ...

    def admits(self, protection: Protection) -> bool:
        """Whether the policy lets in an APDU that was protected so."""
        ...

    def overhead(self, like: Protection) -> int:
        """Octets that `seal` adds at most."""
        ...


class ClearContext:
    """The layer of an association without ciphering, and of none: everything ciphered is refused."""

    def open(self, apdu: bytes) -> tuple[bytes, Protection]:
        raise NotImplementedError

    def seal(self, apdu: bytes, like: Protection) -> bytes:
        return apdu

    def admits(self, protection: Protection) -> bool:
        return protection.kind is Kind.PLAIN

    def overhead(self, like: Protection) -> int:
        return 0


class SecurityContext:
    """The layer of an association with ciphering.

    `peer`: the other end's system title; empty: not known yet. `policy`: what this association wants, beside the material's.
    `dedicated`: the dedicated key that the client gave when it opened the association.
    """

    def __init__(
        self, material: SecurityMaterial, peer: bytes = b"", *, policy: Policy = Policy.NOTHING, dedicated: bytes = b""
    ) -> None:
        self.material = material
        self.peer = peer
        self.policy = policy
        self._dedicated = dedicated

    def open(self, apdu: bytes) -> tuple[bytes, Protection]:
        raise NotImplementedError

    def seal(self, apdu: bytes, like: Protection) -> bytes:
        raise NotImplementedError

    def admits(self, protection: Protection) -> bool:
        raise NotImplementedError

    def overhead(self, like: Protection) -> int:
        raise NotImplementedError
