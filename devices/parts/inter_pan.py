"""Inter-PAN at a device: key establishment with a partner outside any network, and messages under the key that comes of it.

Both sides are one class: the one that begins asks for the partner's suites, which tells its EUI-64 as well. While it is closed
nothing is heard. Nothing is repeated but the first question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.parts.node import HUB, NoAnswer
from devices.runtime.tasks import Future
from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.zigbee import admission
from protocols.zigbee.clusters.key_establishment import KeyEstablishment
from protocols.zigbee.interpan import Found, InterPan, NetworksFound
from protocols.zigbee.key_establishment.certificates import Credentials
from protocols.zigbee.key_establishment.exchange import Established, Exchange, Failed, Say
from protocols.zigbee.node import UNASSIGNED, Message, S
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import SERVER
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Reply, Request
from protocols.zigbee.zcl.foundation import Header, ReadAttributes, ReadAttributesResponse

if TYPE_CHECKING:
    from devices.parts.han import Han

ANSWER: Final = 2 * S
TRIES: Final = 3
CLUSTERS: Final = frozenset({KeyEstablishment.id, admission.CLUSTER})


class Outside:
    """One node's end. `asked(source, pan, message)` hears of secured admission messages."""

    def __init__(
        self, han: Han, credentials: Sequence[Credentials], asked: Callable[[int, int, admission.Admit], object] = lambda *_: None
    ) -> None:
        self._han = han
        self._asked = asked
        self._exchange = Exchange(han.config.eui64, credentials, han.board.rng("inter-PAN").getrandbits)
        self._pans: dict[int, int] = {}
        self._suites: Future[tuple[int, int]] | None = None
        self._outcome: Future[Established | Failed] | None = None
        self._answer: Future[int] | None = None
        self._found: Future[tuple[Found, ...]] | None = None
        self._timer = Deadline(han.firmware, lambda: self._exchange.deadline, self._expire)
        self._endpoint = Endpoint(1, 0)
        self._endpoint.sequence = han.sequence
        server = self._endpoint.serve(KeyEstablishment, {KeyEstablishment.key_establishment_suite: lambda: self._exchange.suites})
        for instance in (server, self._endpoint.use(KeyEstablishment)):
            for command in KeyEstablishment.commands[instance.side].values():
                instance.on(command, self._act)
        han.on(InterPan, self._heard)
        han.on(NetworksFound, lambda found: self._found.set_result(found.networks) if self._found is not None else None)

    @property
    def open(self) -> bool:
        """Whether messages from outside are taken."""
        return bool(self._han.stack.inter_pan.allowed)

    @open.setter
    def open(self, wanted: bool) -> None:
        self._han.stack.inter_pan.allowed = CLUSTERS if wanted else frozenset()

    # --- the side that begins ---

    async def networks(self) -> tuple[Found, ...]:
        """What networks are around, the best heard first."""
        self._found = Future()
        self._han.apply(self._han.stack.inter_pan.discover(self._han.now))
        return await self._found

    async def agree(self, network: Found) -> int:
        """Have a key with the coordinator of a network; its EUI-64. Raises NoAnswer."""
        self._han.apply(self._han.stack.inter_pan.tune(network.channel, self._han.now))
        partner, suites = await self._ask_suites(network.pan_id)
        self._pans[partner] = network.pan_id
        self._outcome = Future()
        self._apply(self._exchange.start(partner, suites, self._han.now))
        outcome = await self._outcome
        if isinstance(outcome, Failed):
            raise NoAnswer("no key was agreed on outside the network")
        return partner

    async def _ask_suites(self, pan: int) -> tuple[int, int]:
        for _ in range(TRIES):
            self._suites = Future()
            question = ReadAttributes([KeyEstablishment.key_establishment_suite.id])
            payload = foundation.general(self._han.sequence.next(), question, to=SERVER, disable_default_response=True)
            self._send(HUB, pan, KeyEstablishment.id, payload, short=True)
            try:
                with self._han.firmware.timeout(ANSWER):
                    return await self._suites
            except TimeoutError:
                continue
        raise NoAnswer("the hub takes no messages from outside its network")

    async def ask_admission(self, partner: int, eui64: int, install_code: bytes) -> int:
        """Have a device entered into the partner's log: the status of the answer. Raises NoAnswer."""
        self._answer = Future()
        request = admission.Admit(eui64, install_code).build()
        self._send(partner, self._pans[partner], admission.CLUSTER, request, secured=True)
        try:
            with self._han.firmware.timeout(ANSWER):
                return await self._answer
        except TimeoutError:
            raise NoAnswer("the hub does not say whether we may join") from None

    # --- both sides ---

    def answer(self, partner: int, pan: int, status: int) -> None:
        """Answer an admission message."""
        self._send(partner, pan, admission.CLUSTER, admission.Answer(status).build(), secured=True)

    def _send(self, partner: int, pan: int, cluster: int, payload: bytes, *, short: bool = False, secured: bool = False) -> None:
        stack = self._han.stack
        self._han.apply(stack.inter_pan.send(partner, pan, cluster, payload, self._han.now, short=short, secured=secured)[1])

    def _heard(self, heard: InterPan) -> None:
        try:
            if heard.cluster == admission.CLUSTER:
                self._admission(heard)
            elif not self._told_suites(heard):
                self._command(heard)
        except RemoteProtocolError as reason:
            self._han.board.log("inter-pan.rejected", {"reason": str(reason), "payload": heard.payload})

    def _admission(self, heard: InterPan) -> None:
        if not heard.secured:
            raise RemoteProtocolError("an admission message without security")
        message = admission.messages.parse(heard.payload)
        if isinstance(message, admission.Admit):
            self._asked(heard.source, heard.pan_id, message)
        elif isinstance(message, admission.Answer) and self._answer is not None and not self._answer.done:
            self._answer.set_result(message.status)

    def _told_suites(self, heard: InterPan) -> bool:
        """Whether it is the answer to our first question."""
        header, at = Header.parse_from(heard.payload, 0)
        expected = foundation.GENERAL_IDS[ReadAttributesResponse]
        if header.kind == foundation.CLUSTER_SPECIFIC or header.command != expected:
            return False
        if self._suites is not None and not self._suites.done and header.sequence == self._han.sequence.last:
            records = ReadAttributesResponse.parse_from(heard.payload, at)[0].records
            if not records or records[0].value is None or not isinstance(records[0].value.value, int):
                raise DecodeError("no suites in the answer")
            self._suites.set_result((heard.source, records[0].value.value))
        return True

    def _command(self, heard: InterPan) -> None:
        self._pans[heard.source] = heard.pan_id
        while len(self._pans) > TRIES:
            del self._pans[next(iter(self._pans))]
        message = Message(
            UNASSIGNED, heard.source, heard.profile, heard.cluster, 1, 1, heard.payload, heard.secured, heard.broadcast
        )
        for effect in self._endpoint.handle(message, self._han.now):
            if isinstance(effect, Reply):
                self._send(heard.source, heard.pan_id, heard.cluster, effect.payload)

    def _act(self, command: Frame, request: Request) -> Outcome:
        partner = request.message.source_eui64
        if partner is not None:
            self._apply(self._exchange.receive(command, partner, request.now))
        return ()

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Say(partner=partner, command=command):
                    if partner in self._pans:
                        payload = foundation.cluster(self._han.sequence.next(), command, disable_default_response=True)
                        self._send(partner, self._pans[partner], KeyEstablishment.id, payload)
                case Established(partner=partner, key=key):
                    self._han.stack.inter_pan.agree(partner, key)
                    self._end(effect, partner, "established")
                case Failed(partner=partner):
                    self._end(effect, partner, "failed")
        self._timer.arm()

    def _end(self, effect: Established | Failed, partner: int, outcome: str) -> None:
        self._han.board.log("inter-pan.key-establishment", {"eui64": partner, "outcome": outcome})
        if self._outcome is not None and not self._outcome.done:
            self._outcome.set_result(effect)

    def _expire(self) -> None:
        self._apply(self._exchange.expire(self._han.now))
