"""The exchange of certificates, ephemeral keys and confirmations between two devices, either side (SE 1.4 annex C.3, C.4).

    initiator                               responder
    InitiateKeyEstablishmentRequest   ->
                                      <-    InitiateKeyEstablishmentResponse
    EphemeralDataRequest              ->
                                      <-    EphemeralDataResponse
    ConfirmKeyDataRequest             ->
                                      <-    ConfirmKeyDataResponse

An `Exchange` has one partner at a time; a second is told NO_RESOURCES. What does not fit ends the exchange with the status that
says why, at both ends, and no key. Answers that nobody asked for are ignored. When to begin, to try again and to leave the
network is the firmware's; so is the rule that these commands have no APS security.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.clusters.key_establishment import KeyEstablishment as K
from protocols.zigbee.clusters.key_establishment import TerminateStatus
from protocols.zigbee.key_establishment.agreement import (
    Ephemeral,
    Keys,
    Party,
    agree,
    confirm_initiator,
    confirm_responder,
    generate,
)
from protocols.zigbee.key_establishment.certificates import CertificateError, Credentials, RandomBits, public_key
from protocols.zigbee.key_establishment.curves import InvalidPoint
from protocols.zigbee.node import S

EPHEMERAL_TIME: Final = 11
"""Seconds that we say our ephemeral data takes, as real devices do: their partners' time-outs must fit."""
CONFIRM_TIME: Final = 16
MARGIN: Final = 10 * S
"""What is added to the seconds a partner said it takes."""
WAIT: Final = 30
"""Seconds that a Terminate of ours asks the other end to wait."""
WAIT_BUSY: Final = 2
"""Seconds after which we may be done with the partner that we have."""


class Say(Effect, frozen=True):
    """Send a command to the partner, from the Key Establishment cluster, without APS security."""

    partner: int
    command: Frame


class Established(Effect, frozen=True):
    """Both ends have a link key. `partner`: EUI-64."""

    partner: int
    key: bytes

    def __repr__(self) -> str:
        return f"Established({self.partner}, <redacted>)"


class Failed(Effect, frozen=True):
    """There is no key. `status` None: no answer in time. `wait`: seconds that the partner asked for."""

    partner: int
    status: int | None
    by_partner: bool = False
    wait: int = 0


class State(Enum):
    """What is awaited from the partner."""

    IDLE = auto()
    INITIATE_RESPONSE = auto()
    EPHEMERAL_RESPONSE = auto()
    CONFIRM_RESPONSE = auto()
    EPHEMERAL_REQUEST = auto()
    CONFIRM_REQUEST = auto()


class _Refused(Exception):
    """The partner's message ends the exchange."""

    def __init__(self, status: TerminateStatus) -> None:
        self.status = status


@dataclass(slots=True)
class _Running:
    """An exchange with one partner."""

    partner: int
    initiator: bool
    own: Credentials
    certificate: bytes = b""
    ephemeral_time: int = 0
    confirm_time: int = 0
    ephemeral: Ephemeral | None = None
    keys: Keys | None = None
    parties: tuple[Party, Party] | None = None

    @property
    def public(self) -> bytes:
        """Our ephemeral public key, compressed."""
        assert self.ephemeral is not None
        return self.own.suite.curve.encode(self.ephemeral.public)


_Rule = Callable[["Exchange", Any, _Running], list[Effect]]


class Exchange:
    """One device's end. `credentials`: one of each suite that it can do. `random`: `Random.getrandbits` of its own stream."""

    def __init__(self, eui64: int, credentials: Sequence[Credentials], random: RandomBits) -> None:
        self.deadline: int | None = None
        self.state = State.IDLE
        self._eui64 = eui64
        self._credentials = {each.suite.bit: each for each in credentials}
        self._random = random
        self._now = 0
        self._running: _Running | None = None

    @property
    def suites(self) -> int:
        """The attribute Key Establishment Suite: a bitmap."""
        return sum(self._credentials)

    def start(self, partner: int, suites: int, now: int) -> list[Effect]:
        """Begin with a partner (EUI-64) that can do these suites; the strongest of both is taken. Nothing while one runs."""
        if self._running is not None:
            return []
        common = [bit for bit in self._credentials if bit & suites]
        if not common:
            return [Failed(partner, TerminateStatus.UNSUPPORTED_SUITE)]
        self._now = now
        own = self._credentials[max(common)]
        self._running = _Running(partner, True, own)
        self._await(State.INITIATE_RESPONSE, 0)
        request = K.InitiateKeyEstablishmentRequest(own.suite.bit, EPHEMERAL_TIME, CONFIRM_TIME, own.certificate)
        return [Say(partner, request)]

    def receive(self, command: Frame, partner: int, now: int) -> list[Effect]:
        """A command of the Key Establishment cluster, from a device with that EUI-64."""
        self._now = now
        if isinstance(command, K.TerminateKeyEstablishmentByClient | K.TerminateKeyEstablishmentByServer):
            return self._terminated(command, partner)
        asked = isinstance(command, _REQUESTS)
        running = self._running
        if isinstance(command, K.InitiateKeyEstablishmentRequest):
            if running is not None and (running.initiator or running.partner != partner):
                return [self._terminate(partner, TerminateStatus.NO_RESOURCES, to_client=True)]
            self._end()
            return self._guard(self._offered, command, partner, to_client=True)
        awaited = _RULES.get(self.state)
        if running is None or running.partner != partner or awaited is None:
            return [self._terminate(partner, TerminateStatus.BAD_MESSAGE, to_client=True)] if asked else []
        kind, rule = awaited
        if isinstance(command, kind):
            return self._guard(lambda frame, _: rule(self, frame, running), command, partner, to_client=not running.initiator)
        if asked is running.initiator:
            return []
        return self._give_up(partner, TerminateStatus.BAD_MESSAGE, to_client=asked)

    def expire(self, now: int) -> list[Effect]:
        """The partner has taken too long."""
        if self.deadline is None or now < self.deadline or self._running is None:
            return []
        partner = self._running.partner
        self._end()
        return [Failed(partner, None)]

    # --- the responder

    def _offered(self, request: K.InitiateKeyEstablishmentRequest, partner: int) -> list[Effect]:
        own = self._credentials.get(request.key_establishment_suite)
        if own is None:
            raise _Refused(TerminateStatus.UNSUPPORTED_SUITE)
        running = _Running(partner, False, own)
        self._believe(running, request)
        self._running = running
        self._await(State.EPHEMERAL_REQUEST, running.ephemeral_time)
        response = K.InitiateKeyEstablishmentResponse(own.suite.bit, EPHEMERAL_TIME, CONFIRM_TIME, own.certificate)
        return [Say(partner, response)]

    def _asked_for_ephemeral(self, request: K.EphemeralDataRequest, running: _Running) -> list[Effect]:
        running.ephemeral = generate(running.own.suite.curve, self._random)
        self._agree(running, request.ephemeral_data)
        self._await(State.CONFIRM_REQUEST, running.confirm_time)
        return [Say(running.partner, K.EphemeralDataResponse(running.public))]

    def _asked_to_confirm(self, request: K.ConfirmKeyDataRequest, running: _Running) -> list[Effect]:
        assert running.keys is not None
        assert running.parties is not None
        expected = confirm_initiator(running.keys, *running.parties)
        if not hmac.compare_digest(expected, request.secure_message_authentication_code):
            raise _Refused(TerminateStatus.BAD_KEY_CONFIRM)
        self._end()
        proof = confirm_responder(running.keys, *running.parties)
        return [Say(running.partner, K.ConfirmKeyDataResponse(proof)), Established(running.partner, running.keys.link)]

    # --- the initiator

    def _initiated(self, response: K.InitiateKeyEstablishmentResponse, running: _Running) -> list[Effect]:
        if response.requested_key_establishment_suite != running.own.suite.bit:
            raise _Refused(TerminateStatus.UNSUPPORTED_SUITE)
        self._believe(running, response)
        running.ephemeral = generate(running.own.suite.curve, self._random)
        self._await(State.EPHEMERAL_RESPONSE, running.ephemeral_time)
        return [Say(running.partner, K.EphemeralDataRequest(running.public))]

    def _got_ephemeral(self, response: K.EphemeralDataResponse, running: _Running) -> list[Effect]:
        self._agree(running, response.ephemeral_data)
        assert running.keys is not None
        assert running.parties is not None
        self._await(State.CONFIRM_RESPONSE, running.confirm_time)
        return [Say(running.partner, K.ConfirmKeyDataRequest(confirm_initiator(running.keys, *running.parties)))]

    def _got_confirmation(self, response: K.ConfirmKeyDataResponse, running: _Running) -> list[Effect]:
        assert running.keys is not None
        assert running.parties is not None
        expected = confirm_responder(running.keys, *running.parties)
        if not hmac.compare_digest(expected, response.secure_message_authentication_code):
            raise _Refused(TerminateStatus.BAD_KEY_CONFIRM)
        self._end()
        return [Established(running.partner, running.keys.link)]

    # --- both

    def _believe(self, running: _Running, message: K.InitiateKeyEstablishmentRequest | K.InitiateKeyEstablishmentResponse) -> None:
        """Check the partner's certificate, and keep it."""
        suite = running.own.suite
        if len(message.identity) != suite.size:
            raise _Refused(TerminateStatus.BAD_MESSAGE)
        try:
            certificate = suite.parse(message.identity)
            if certificate.issuer != running.own.issuer:
                raise _Refused(TerminateStatus.UNKNOWN_ISSUER)
            if certificate.subject != running.partner:
                raise _Refused(TerminateStatus.INVALID_CERTIFICATE)
            public_key(suite, message.identity, running.own.authority)
        except CertificateError:
            raise _Refused(TerminateStatus.INVALID_CERTIFICATE) from None
        running.certificate = message.identity
        running.ephemeral_time = message.ephemeral_data_generate_time
        running.confirm_time = message.confirm_key_generate_time

    def _agree(self, running: _Running, ephemeral: bytes) -> None:
        own = running.own
        try:
            point = own.suite.point(ephemeral)
            theirs = public_key(own.suite, running.certificate, own.authority)
            assert running.ephemeral is not None
            running.keys = agree(own, running.ephemeral, theirs, point)
        except InvalidPoint:
            raise _Refused(TerminateStatus.BAD_MESSAGE) from None
        ours, partner = Party(self._eui64, running.public), Party(running.partner, ephemeral)
        running.parties = (ours, partner) if running.initiator else (partner, ours)

    def _guard(self, rule: Callable[[Any, int], list[Effect]], command: Frame, partner: int, *, to_client: bool) -> list[Effect]:
        try:
            return rule(command, partner)
        except _Refused as refused:
            return self._give_up(partner, refused.status, to_client=to_client)

    def _give_up(self, partner: int, status: TerminateStatus, *, to_client: bool) -> list[Effect]:
        self._end()
        return [self._terminate(partner, status, to_client=to_client), Failed(partner, status)]

    def _terminate(self, partner: int, status: TerminateStatus, *, to_client: bool) -> Say:
        kind = K.TerminateKeyEstablishmentByServer if to_client else K.TerminateKeyEstablishmentByClient
        wait = WAIT_BUSY if status is TerminateStatus.NO_RESOURCES else WAIT
        return Say(partner, kind(status, wait, self.suites))

    def _terminated(
        self, command: K.TerminateKeyEstablishmentByClient | K.TerminateKeyEstablishmentByServer, partner: int
    ) -> list[Effect]:
        running = self._running
        ours = isinstance(command, K.TerminateKeyEstablishmentByServer)
        if running is None or running.partner != partner or running.initiator is not ours:
            return []
        self._end()
        return [Failed(partner, command.status_code, by_partner=True, wait=command.wait_time)]

    def _await(self, state: State, seconds: int) -> None:
        self.state = state
        self.deadline = self._now + seconds * S + MARGIN

    def _end(self) -> None:
        self._running = None
        self.state = State.IDLE
        self.deadline = None


_REQUESTS: Final = (K.InitiateKeyEstablishmentRequest, K.EphemeralDataRequest, K.ConfirmKeyDataRequest)
_RULES: Final[dict[State, tuple[type[Frame], _Rule]]] = {
    State.INITIATE_RESPONSE: (K.InitiateKeyEstablishmentResponse, Exchange._initiated),
    State.EPHEMERAL_RESPONSE: (K.EphemeralDataResponse, Exchange._got_ephemeral),
    State.CONFIRM_RESPONSE: (K.ConfirmKeyDataResponse, Exchange._got_confirmation),
    State.EPHEMERAL_REQUEST: (K.EphemeralDataRequest, Exchange._asked_for_ephemeral),
    State.CONFIRM_REQUEST: (K.ConfirmKeyDataRequest, Exchange._asked_to_confirm),
}
