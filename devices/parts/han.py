"""A device's place on the HAN: ZCL endpoints on a ZigBee node, and questions with their answers.

    self.han = Han(self, NodeConfig(board.eui64, NodeType.ROUTER, install_code=config.install_code))
    self.han.add(endpoint)
    await self.han.join()
    values = await self.han.read(HUB, 1, Time, [Time.time])

An answer is a frame from the asked address, endpoint and cluster to the endpoint that asked, with the question's sequence number,
and goes to the task that asked; every other frame goes to its endpoint. Nothing is asked twice: who asks again is the firmware.

Which cluster needs a link key is `protocols.zigbee.zcl.security`'s to say; answers go under the key of the question, and ask
for an APS acknowledgement where the question did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec import Struct

from devices.parts.certified_key import PAUSE, CertifiedKey
from devices.parts.deadline import Deadline
from devices.parts.node import ANSWER_TIMEOUT, HUB, NoAnswer, Node, Refused
from devices.runtime.tasks import Future
from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.core.errors import DecodeError
from protocols.zigbee.key_establishment.certificates import Credentials
from protocols.zigbee.node import Joined, Left, Message, NodeConfig, TrustCentreReplaced
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import SERVER, Attribute, Cluster, Side, command_of
from protocols.zigbee.zcl.endpoint import Endpoint, Rejected, Reply, SequenceNumber
from protocols.zigbee.zcl.foundation import DefaultResponse, Header, ReadAttributes, ReadAttributesResponse
from protocols.zigbee.zcl.security import needs_link_key
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

__all__ = ["ANSWER_TIMEOUT", "HUB", "Han", "NoAnswer", "Refused"]

F = TypeVar("F", bound=Frame)
T = TypeVar("T")

REPORTING = "han/reporting/"
"""Where it is in NVM who wants which reports, by endpoint."""
APART = 61
"""Sequence numbers of one life begin so far from those of the last: an answer to a question of then is none to one of now."""
LOWEST_BROADCAST = 0xFFF8
EVERY_ENDPOINT = 0xFF


class Question(Struct, frozen=True):
    """A request on its way, and what answers it."""

    cluster: int
    profile: int | None
    """None: any, since a foreign node may answer under another."""
    source: int
    """The endpoint of ours that asks."""
    endpoint: int
    """The peer's, or 0xFF: any of them may answer."""
    command: int
    expect: type[Frame]
    answer: Future[Frame]

    def from_its_peer(self, message: Message) -> bool:
        """Whether a message of the asked address comes from where the question went, to where it came from, and to nobody else."""
        return (
            not message.broadcast
            and message.cluster == self.cluster
            and message.destination_endpoint == self.source
            and self.endpoint in (message.source_endpoint, EVERY_ENDPOINT)
            and self.profile in (message.profile, None)
        )

    def class_of_answer(self, header: Header) -> type[Frame] | None:
        """The frame that `header` announces, if it can be the answer."""
        if header.manufacturer is not None:
            return None
        if header.kind != foundation.CLUSTER_SPECIFIC:
            frame = foundation.GENERAL.get(header.command)
            return frame if frame is DefaultResponse or frame is self.expect else None
        if self.expect in foundation.GENERAL_IDS:
            return None
        declared = command_of(self.expect)
        return self.expect if (declared.id, declared.to) == (header.command, header.to) else None


class Undelivered(Future[Any]):
    """Stands for the delivery of a question: that it failed is the answer's failure, that it succeeded is not news."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Future[Frame]) -> None:
        super().__init__()
        self._answer = answer

    def set_exception(self, error: BaseException) -> None:
        """Fail the answer."""
        if not self._answer.done:
            self._answer.set_exception(error)


class Han(Node):
    """One node with its endpoints, for as long as the board has power. `source` is the number of an endpoint of ours."""

    def __init__(self, firmware: Firmware, config: NodeConfig) -> None:
        super().__init__(firmware, config)
        self.sequence = SequenceNumber(self.lives * APART & 0xFF)
        self.endpoints: dict[int, Endpoint] = {}
        self.joining = False
        """`join` is at work."""
        self.silent: Callable[[int], bool] | None = None
        """Whether nothing may be sent to a cluster now."""
        self.heeds: Callable[[Message], bool] | None = None
        """Whether a message is to be taken; None: every one is."""
        self._certified_key: CertifiedKey | None = None
        self._questions: dict[tuple[int, int], Question] = {}
        self._reports = Deadline(firmware, self._next_report, self._report_due)
        self.on(Message, self._message)
        self.on(TrustCentreReplaced, self._replaced)
        self.on(Left, self._forget_reports)

    def add(self, endpoint: Endpoint) -> Endpoint:
        """Have an endpoint on this node, now or while it runs; again after its clusters changed."""
        endpoint.sequence = self.sequence
        endpoint.strict &= not self.config.foreign
        self.endpoints[endpoint.number] = endpoint
        self.stack.register(endpoint.descriptor)
        reporting, key = endpoint.reporting, f"{REPORTING}{endpoint.number}"
        if not reporting.entries:
            reporting.restore(self.board.nvm.get(key, ()), self.now)
            self._reports.arm()
        reporting.configured = lambda: self.board.nvm.put({key: reporting.plain()})
        return endpoint

    def remove(self, number: int) -> None:
        """Take an endpoint away."""
        del self.endpoints[number]
        self.stack.unregister(number)

    # --- network life ---

    def certify(self, endpoint: Endpoint, credentials: Sequence[Credentials]) -> CertifiedKey:
        """Have an endpoint establish keys; on a node that joins, `join` waits for the key with the trust centre."""
        self._certified_key = CertifiedKey(self, endpoint, credentials)
        return self._certified_key

    async def renew_certified_key(self) -> None:
        """Establish a key with the trust centre in place of the one there is, where this node has certificates. Raises NoAnswer."""
        if self._certified_key is not None:
            await self._certified_key.renew()

    async def join(self) -> Joined:
        """Be on the network, and where this node has certificates, have a key that they made (`CertifiedKey.take`)."""
        self.joining = True
        while True:
            joined = await super().join()
            if self.config.foreign and not joined.resumed:
                await self.renew_key()
            if self._certified_key is None or await self._certified_key.take():
                self.joining = False
                return joined
            await self.firmware.sleep(PAUSE)

    def _replaced(self, replaced: TrustCentreReplaced) -> None:
        # While it joins, `join` sees to the key.
        if self._certified_key is not None and not self.joining:
            self.joining = True
            self.firmware.spawn(self._renew(self._certified_key))

    async def _renew(self, certified_key: CertifiedKey) -> None:
        """Put a key that certificates make in the place of the hash that a new trust centre knew us by."""
        if await certified_key.take():
            self.joining = False
        else:
            await self.firmware.sleep(PAUSE)
            await self.join()

    # --- questions ---

    async def read(
        self,
        address: int,
        endpoint: int,
        cluster: type[Cluster],
        attributes: Sequence[Attribute[T]],
        *,
        source: int = 1,
        timeout: int = ANSWER_TIMEOUT,
        acknowledged: bool = True,
    ) -> dict[Attribute[T], T | None]:
        """Read the server's attributes: those that the peer has, and has in the declared type. Raises NoAnswer, Refused.

        Not `acknowledged`: no APS acknowledgement is asked for, nor repetition; the answer shows that the question arrived.
        """
        question = ReadAttributes([attribute.id for attribute in attributes])
        answer = await self.ask(
            address, endpoint, cluster, question, ReadAttributesResponse,
            source=source, timeout=timeout, acknowledged=acknowledged,
        )  # fmt: skip
        values = {record.attribute: record.value for record in answer.records if record.value}
        return {
            attribute: cast("T | None", value.value)
            for attribute in attributes
            if (value := values.get(attribute.id)) and value.type is attribute.type
        }

    async def request(
        self,
        address: int,
        endpoint: int,
        command: Frame,
        expect: type[F],
        *,
        source: int = 1,
        timeout: int = ANSWER_TIMEOUT,
    ) -> F:
        """Send a cluster command and await the command that answers it. Raises NoAnswer, Refused."""
        cluster = command_of(type(command)).cluster
        return await self.ask(address, endpoint, cluster, command, expect, source=source, timeout=timeout)

    async def confirm(self, address: int, endpoint: int, command: Frame, *, source: int = 1, timeout: int = ANSWER_TIMEOUT) -> None:
        """Send a cluster command that only a Default Response answers. Raises NoAnswer, Refused."""
        cluster = command_of(type(command)).cluster
        await self.ask(address, endpoint, cluster, command, DefaultResponse, source=source, timeout=timeout)

    async def ask(
        self,
        address: int,
        endpoint: int,
        cluster: type[Cluster],
        command: Frame,
        expect: type[F],
        *,
        source: int = 1,
        timeout: int = ANSWER_TIMEOUT,
        acknowledged: bool = True,
        to: Side = SERVER,
    ) -> F:
        """Send any command to a cluster and await what answers it. Raises NoAnswer, and Refused on a status not SUCCESS.

        `to`: the side that a general command is for.
        """
        sequence = self.sequence.next()
        key = address, sequence
        if key in self._questions:
            raise NoAnswer(f"256 questions to {address:#06x} are open")
        if type(command) in foundation.GENERAL_IDS:
            payload = foundation.general(sequence, command, to=to, disable_default_response=expect is not DefaultResponse)
        else:
            payload = foundation.cluster(sequence, command, disable_default_response=expect is not DefaultResponse)
        handle, effects = self._send(address, endpoint, cluster.id, payload, source, acknowledged)
        answer: Future[Frame] = Future()
        profile = None if self.config.foreign else self.endpoints[source].profile
        self._questions[key] = Question(cluster.id, profile, source, endpoint, payload[2], expect, answer)
        self._waits[handle] = Undelivered(answer)
        try:
            self.apply(effects)
            with self.awake, self.firmware.timeout(timeout):
                return cast(F, await answer)
        except TimeoutError:
            raise NoAnswer(f"no answer to {type(command).__name__} from {address:#06x}") from None
        finally:
            del self._questions[key]
            self._waits.pop(handle, None)

    # --- telling ---

    def command(self, address: int, endpoint: int, command: Frame, *, source: int = 1) -> None:
        """Send a cluster command and await nothing; success is not to be confirmed. Raises NoAnswer without a link key."""
        payload = foundation.cluster(self.sequence.next(), command, disable_default_response=True)
        self.send(address, endpoint, command_of(type(command)).cluster.id, payload, source=source)

    async def tell(self, address: int, endpoint: int, command: Frame, *, source: int = 1) -> None:
        """Send a cluster command and await that it arrived. Raises NoAnswer."""
        payload = foundation.cluster(self.sequence.next(), command, disable_default_response=True)
        await self.deliver(address, endpoint, command_of(type(command)).cluster.id, payload, source=source)

    async def report(
        self, address: int, endpoint: int, cluster: type[Cluster], attributes: Iterable[Attribute[Any]], *, source: int = 1
    ) -> None:
        """Report present values, in as many frames as it takes, each delivered before the next. Raises NoAnswer."""
        for payload in self.endpoints[source].report(cluster, list(attributes)):
            await self.deliver(address, endpoint, cluster.id, payload, source=source)

    async def deliver(self, address: int, endpoint: int, cluster: int, payload: bytes, *, source: int = 1) -> None:
        """Send a ZCL frame and await that it arrived. Raises NoAnswer."""
        handle, effects = self._send(address, endpoint, cluster, payload, source)
        with self.awake:
            await self._wait(handle, lambda: effects)

    def send(self, address: int, endpoint: int, cluster: int, payload: bytes, *, source: int = 1) -> None:
        """Send a ZCL frame and await nothing. Raises NoAnswer where there is no link key and the cluster needs one."""
        self.apply(self._send(address, endpoint, cluster, payload, source)[1])

    def _send(
        self, address: int, endpoint: int, cluster: int, payload: bytes, source: int, acknowledged: bool = True
    ) -> tuple[int, list[Effect]]:
        if self.silent is not None and self.silent(cluster):
            raise NoAnswer("silence is kept")
        unicast = address < LOWEST_BROADCAST
        link_key = unicast and needs_link_key(cluster)
        if link_key and self.config.foreign:
            link_key = self.shares_key(address)
        elif link_key and not self.shares_key(address):
            raise NoAnswer(f"no link key with {address:#06x}")
        profile = self.endpoints[source].profile
        return self.stack.send(
            address, profile, cluster, source, endpoint, payload, link_key=link_key, ack=unicast and acknowledged, now=self.now
        )

    # --- received frames ---

    def _message(self, message: Message) -> None:
        if self.heeds is not None and not self.heeds(message):
            return
        if self._questions and self._answers(message):
            return
        number = message.destination_endpoint
        for endpoint in list(self.endpoints.values()) if number == EVERY_ENDPOINT else [self.endpoints.get(number)]:
            if endpoint is not None and (endpoint.profile == message.profile or self.config.foreign):
                self._handle(endpoint, message)

    def _handle(self, endpoint: Endpoint, message: Message) -> None:
        for effect in endpoint.handle(message, self.now):
            if isinstance(effect, Reply):
                _, effects = self.stack.send(
                    message.source,
                    message.profile,
                    message.cluster,
                    endpoint.number,
                    message.source_endpoint,
                    effect.payload,
                    link_key=message.secured,
                    ack=message.acknowledged,
                    now=self.now,
                )
                self.apply(effects)
            elif isinstance(effect, Rejected):
                told = {"status": effect.status.name, "reason": effect.reason, "zcl": effect.payload}
                self.board.log("zcl.rejected", told)
        if endpoint.reporting.entries:
            self._reports.arm()

    def _answers(self, message: Message) -> bool:
        """Whether the message answers an open question; if so, its task has the answer."""
        try:
            header, position = Header.parse_from(message.payload, 0)
            question = self._questions.get((message.source, header.sequence))
            if question is None or question.answer.done or not question.from_its_peer(message):
                return False
            frame = question.class_of_answer(header)
            if frame is None:
                return False
            answer, _ = frame.parse_from(message.payload, position)
        except DecodeError:
            return False
        if isinstance(answer, DefaultResponse):
            if answer.command != question.command:
                return False
            if answer.status != Status.SUCCESS:
                name = next((status.name for status in Status if status == answer.status), "")
                question.answer.set_exception(Refused(answer.status, name))
                return True
            if question.expect is not DefaultResponse:
                return True  # the answer itself is still to come
        question.answer.set_result(answer)
        return True

    # --- configured reporting ---

    def _forget_reports(self, left: Left) -> None:
        if not left.rejoin:
            for endpoint in self.endpoints.values():
                endpoint.reporting.entries.clear()
            for key in self.board.nvm.keys(REPORTING):
                self.board.nvm.delete(key)

    def changed(self, endpoint: int, cluster: type[Cluster], attribute: Attribute[Any]) -> None:
        """A server attribute of ours may have changed: who configured reports of it hears of it when due."""
        ours = self.endpoints[endpoint]
        ours.reporting.changed(ours.server(cluster), attribute)
        self._reports.arm()

    def _next_report(self) -> int | None:
        due = (endpoint.reporting.deadline for endpoint in self.endpoints.values())
        return min((time for time in due if time is not None), default=None)

    def _report_due(self) -> None:
        for number, endpoint in self.endpoints.items():
            for report in endpoint.reporting.expire(self.now):
                address, peer = report.destination
                with suppress(NoAnswer):  # a peer that lost its key hears nothing until it has one again
                    self.send(address, peer, report.cluster, report.payload, source=number)
