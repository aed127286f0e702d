"""Key establishment on a HAN endpoint: the exchange of certificates between a `Han` and its partner, either side.

A device that has joined takes the trust centre's link key from here before it says anything else (SE 1.4 5.4.7, annex C): it asks
who serves the cluster and which suites, and tries again after a failure: 30 s later or when the partner says, after ten failures
15 minutes later, and always up to twice that, lest neighbours meet again. An issuer that one end does not know makes it leave.
In a stranger's network that offers none of this the device goes on without. The trust centre only answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.parts.node import HUB, NoAnswer, Refused
from devices.runtime.tasks import Future
from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.zigbee.clusters.key_establishment import KeyEstablishment, TerminateStatus
from protocols.zigbee.key_establishment.certificates import Credentials
from protocols.zigbee.key_establishment.exchange import WAIT, Established, Exchange, Failed, Say
from protocols.zigbee.node import MINUTE, S
from protocols.zigbee.zcl.cluster import SERVER, command_of
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.parts.han import Han

FAILURES: Final = 10
PAUSE: Final = 15 * MINUTE


class CertifiedKey:
    """One node's end. `established(eui64)` is called when a partner and we have a key."""

    def __init__(self, han: Han, endpoint: Endpoint, credentials: Sequence[Credentials]) -> None:
        self.established: Callable[[int], object] = lambda eui64: None
        self._han = han
        self._endpoint = endpoint
        self._exchange = Exchange(han.config.eui64, credentials, han.board.rng("key establishment").getrandbits)
        self._random = han.board.chance("key establishment pause")
        self._peer = HUB, 1
        self._offered = True
        self._outcome: Future[Established | Failed] | None = None
        self._timer = Deadline(han.firmware, lambda: self._exchange.deadline, self._expire)
        server = endpoint.serve(KeyEstablishment, {KeyEstablishment.key_establishment_suite: lambda: self._exchange.suites})
        client = endpoint.use(KeyEstablishment, {KeyEstablishment.client_key_establishment_suite: lambda: self._exchange.suites})
        for instance in (server, client):
            for command in KeyEstablishment.commands[instance.side].values():
                instance.on(command, self._act)

    async def take(self) -> bool:
        """Have a key with the trust centre, however long it takes, or learn that a stranger has none to give.

        False: the issuers differ, and we have left the network.
        """
        failures = 0
        while not self._han.stack.has_link_key(self._han.stack.trust_centre_eui64):
            failed = await self._attempt()
            if failed is None or (self._han.config.foreign and not self._offered):
                break
            if failed.status == TerminateStatus.UNKNOWN_ISSUER:
                self._han.apply(self._han.stack.leave(self._han.now))
                return False
            failures += 1
            pause = (failed.wait or WAIT) * S if failures % FAILURES else PAUSE
            await self._han.firmware.sleep(pause + int(pause * self._random()))
        return True

    async def renew(self) -> None:
        """Have a new key with the trust centre; one that does not come leaves the old one. Raises NoAnswer."""
        failed = await self._attempt()
        if failed is not None:
            raise NoAnswer("the trust centre did not establish a new key")

    async def _attempt(self) -> Failed | None:
        """One exchange; None when it gave a key."""
        han = self._han
        trust_centre = han.stack.trust_centre_eui64
        try:
            found = await han.match([KeyEstablishment.id], destination=HUB)
            self._offered = bool(found)
            if not found:
                if self._han.config.foreign:
                    self._log(trust_centre, "not offered")
                return Failed(trust_centre, None)
            self._peer = found[0]
            told = await han.read(
                *self._peer, KeyEstablishment, [KeyEstablishment.key_establishment_suite], source=self._endpoint.number
            )
        except (NoAnswer, Refused):
            return Failed(trust_centre, None)
        suites = told.get(KeyEstablishment.key_establishment_suite) or 0
        self._outcome = Future()
        self._apply(self._exchange.start(trust_centre, suites, han.now))
        with han.awake:
            outcome = await self._outcome
        return None if isinstance(outcome, Established) else outcome

    def _act(self, command: Frame, request: Request) -> Outcome:
        partner = request.message.source_eui64
        if partner is None:
            return Status.FAILURE
        effects = self._exchange.receive(command, partner, request.now)
        answers = [effect.command for effect in effects if isinstance(effect, Say) and not _to_server(effect.command)]
        self._apply(effect for effect in effects if not (isinstance(effect, Say) and effect.command in answers))
        return answers or None

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Say(command=command):
                    self._say(command)
                case Established(partner=partner, key=key):
                    self._han.apply(self._han.stack.establish(partner, key, self._han.now))
                    self._tell(effect, partner, "established")
                    self.established(partner)
                case Failed(partner=partner, status=status, by_partner=by_partner):
                    reason = "no answer" if status is None else _name(status)
                    self._tell(effect, partner, f"{'partner: ' if by_partner else ''}{reason}")
        self._timer.arm()

    def _say(self, command: Frame) -> None:
        # Lost commands end in a time-out, as they do on the air.
        self._han.command(*self._peer, command, source=self._endpoint.number)

    def _tell(self, effect: Established | Failed, partner: int, outcome: str) -> None:
        self._log(partner, outcome)
        if self._outcome is not None and not self._outcome.done:
            self._outcome.set_result(effect)

    def _log(self, partner: int, outcome: str) -> None:
        self._han.board.log("han.key-establishment", {"eui64": partner, "outcome": outcome})

    def _expire(self) -> None:
        self._apply(self._exchange.expire(self._han.now))


def _to_server(command: Frame) -> bool:
    return command_of(type(command)).to is SERVER


def _name(status: int) -> str:
    known = next((each.name for each in TerminateStatus if each == status), f"status {status}")
    return known.lower().replace("_", " ")
