"""A ZCL endpoint, sans-I/O: the clusters it serves and uses, their values, and what is answered (07-5123 clauses 2.4, 2.5).

    endpoint = Endpoint(1, device=0x0501)
    metering = endpoint.serve(Metering, {Metering.divisor: 1000, Metering.current_summation_delivered: register.read})
    metering.on(Metering.RequestMirrorResponse, mirrored)
    effects = endpoint.handle(message, now)

When a Default Response is due (clause 2.5.12.2): the frame was a unicast, was no answer itself, nothing else answers it,
and either it asked for one or an error came of it. Broadcasts are acted on and never answered.

The endpoint neither sends nor waits: a request's answer is recognised by whoever sent the request (devices.parts.han).
Configured reporting is in `protocols.zigbee.zcl.reporting`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar, cast

from msgspec import Struct

from protocols.core.codec import Frame
from protocols.core.effects import Effect
from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.zigbee.node import Message, SimpleDescriptor
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Attribute, Cluster, Side
from protocols.zigbee.zcl.foundation import AttributeValue, Header
from protocols.zigbee.zcl.reporting import Reporting
from protocols.zigbee.zcl.security import SMART_ENERGY, needs_link_key
from protocols.zigbee.zcl.status import Status
from protocols.zigbee.zcl.types import Value

C = TypeVar("C", bound=Frame)
Bound = object
"""An attribute's value, or a callable of no arguments that gives it."""
Values = Mapping[Attribute[object], object]
Outcome = Frame | Sequence[Frame] | Status | None
"""What a handler answers: a command (or several; none: it will come later), a status for the Default Response, or nothing,
which is success."""

REPORT_OCTETS = 70
"""Size of one Report Attributes frame: what one 802.15.4 frame carries under an APS link key, leaving room for an
extended nonce."""

LONGEST_ANSWER = 1500
"""Octets of a ZCL frame that a peer surely puts together from fragments; who asks for more is told INSUFFICIENT_SPACE."""


class Reply(Effect, frozen=True):
    """A ZCL frame for the sender of the message, under the key that the message came under."""

    payload: bytes


class Rejected(Effect, frozen=True):
    """What arrived was refused, and why. The sender may have been told in a Default Response, or not."""

    status: Status
    reason: str
    payload: bytes


class Request(Struct, frozen=True):
    """A received frame as its handler sees it."""

    message: Message
    header: Header
    now: int


class SequenceNumber:
    """Transaction sequence numbers: one stream for a node, so that an answer belongs to one request. `last`: before the first."""

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self) -> int:
        """The next number, 1..255 and then 0."""
        self.last = (self.last + 1) & 0xFF
        return self.last


_ABSENT: Final = object()
_NOTHING_DERIVED: Final[tuple[Mapping[int, object], Callable[[int], object]]] = ({}, lambda identifier: None)


class Instance:
    """One side of a cluster on an endpoint: its attribute values and the handlers of the commands it receives."""

    __slots__ = ("_derived", "cluster", "handlers", "reported", "side", "values", "written")

    def __init__(self, cluster: type[Cluster], side: Side, values: Values) -> None:
        self.cluster = cluster
        self.side = side
        self.values: dict[int, Bound] = {}
        self.handlers: dict[type[Frame], Callable[[Frame, Request], Outcome]] = {}
        self.reported: Callable[[dict[Attribute[object], object], Request], Outcome] | None = None
        self.written: Callable[[Attribute[object], object], None] | None = None
        self._derived: tuple[Mapping[int, object], Callable[[int], object]] = _NOTHING_DERIVED
        for attribute, value in values.items():
            self[attribute] = value

    def __setitem__(self, attribute: Attribute[object], value: Bound) -> None:
        if self.cluster.attributes[self.side].get(attribute.id) is not attribute:
            raise LocalProtocolError(f"{attribute!r} is no attribute of {self.cluster.name}, {self.side.name} side")
        self.values[attribute.id] = value

    def __getitem__(self, attribute: Attribute[object]) -> object:
        """The present value. KeyError when the endpoint does not hold the attribute."""
        value = self.values.get(attribute.id, _ABSENT)
        if value is _ABSENT:
            table, read = self._derived
            if attribute.id not in table:
                raise KeyError(attribute.id)
            return read(attribute.id)
        return value() if callable(value) else value

    def __contains__(self, attribute: Attribute[object]) -> bool:
        return attribute.id in self.values or attribute.id in self._derived[0]

    @property
    def held(self) -> list[int]:
        """Identifiers of all attributes it holds, in order."""
        return sorted({*self.values, *self._derived[0]})

    def derive(self, table: Mapping[int, object], read: Callable[[int], object]) -> None:
        """Hold the attributes of a table, too, which devices of a kind share. `read(identifier)` gives the value asked for."""
        self._derived = table, read

    def on(self, command: type[C], handler: Callable[[C, Request], Outcome]) -> None:
        """Have `handler(command, request)` act on a command that this side receives."""
        if command not in self.cluster.commands[self.side].values():
            raise LocalProtocolError(f"{self.cluster.name}'s {self.side.name} side does not receive {command.__name__}")
        self.handlers[command] = cast(Callable[[Frame, Request], Outcome], handler)

    def on_report(self, handler: Callable[[dict[Attribute[object], object], Request], Outcome]) -> None:
        """Have `handler(values, request)` take reports from the other side; attributes not declared are left out."""
        self.reported = handler

    def on_write(self, handler: Callable[[Attribute[object], object], None]) -> None:
        """Be told of each value that the other side wrote, after the checks; it is stored already.

        An attribute bound to a callable keeps it: the handler is who makes it give the new value. Without a handler such an
        attribute is read-only.
        """
        self.written = handler


class Endpoint:
    """An endpoint of a node. `sequence` is shared by the node's endpoints."""

    def __init__(self, number: int, device: int, *, profile: int = SMART_ENERGY, sequence: SequenceNumber | None = None) -> None:
        self.number = number
        self.device = device
        self.profile = profile
        self.sequence = sequence or SequenceNumber()
        self.strict = profile == SMART_ENERGY
        """Clusters that need a link key are refused without one."""
        self.instances: dict[tuple[int, Side], Instance] = {}
        self.reporting = Reporting(self)
        self.refused: Counter[Status] = Counter()

    def serve(self, cluster: type[Cluster], values: Values | None = None) -> Instance:
        """Have the server side of a cluster."""
        return self._add(Instance(cluster, SERVER, values or {}))

    def use(self, cluster: type[Cluster], values: Values | None = None) -> Instance:
        """Have the client side of a cluster: needed to receive its reports and the server's commands."""
        return self._add(Instance(cluster, CLIENT, values or {}))

    def _add(self, instance: Instance) -> Instance:
        return self.instances.setdefault((instance.cluster.id, instance.side), instance)

    def server(self, cluster: type[Cluster]) -> Instance:
        """The server side that `serve` gave."""
        return self.instances[cluster.id, SERVER]

    def client(self, cluster: type[Cluster]) -> Instance:
        """The client side that `use` gave."""
        return self.instances[cluster.id, CLIENT]

    @property
    def descriptor(self) -> SimpleDescriptor:
        """What the ZDO tells about this endpoint."""
        return SimpleDescriptor(
            self.number,
            self.device,
            input_clusters=tuple(sorted(cluster for cluster, side in self.instances if side is SERVER)),
            output_clusters=tuple(sorted(cluster for cluster, side in self.instances if side is CLIENT)),
            profile=self.profile,
        )

    # --- sending ---

    def report(
        self,
        cluster: type[Cluster],
        attributes: Sequence[Attribute[object]],
        *,
        side: Side = SERVER,
        limit: int = REPORT_OCTETS,
    ) -> list[bytes]:
        """Report Attributes frames with the present values, in this order, each of at most `limit` octets.

        A value that is longer than `limit` goes alone. Success is not to be confirmed: the APS acknowledgement does that.
        """
        instance = self.instances[cluster.id, side]
        pieces: list[list[AttributeValue]] = [[]]
        room = limit - 3
        for attribute in attributes:
            record = AttributeValue(attribute.id, Value(attribute.type, instance[attribute]))
            size = 3 + len(attribute.type.build(record.value.value))
            if size > room and pieces[-1]:
                pieces.append([])
                room = limit - 3
            pieces[-1].append(record)
            room -= size
        return [
            foundation.general(
                self.sequence.next(), foundation.ReportAttributes(piece), to=side.other, disable_default_response=True
            )
            for piece in pieces
            if piece
        ]

    # --- receiving ---

    def handle(self, message: Message, now: int) -> list[Effect]:
        """Act on a frame for this endpoint: replies in order, and `Rejected` when it was refused."""
        try:
            header, position = Header.parse_from(message.payload, 0)
        except DecodeError as error:
            return self._reject(Status.MALFORMED_COMMAND, str(error), message)
        if header.kind > foundation.CLUSTER_SPECIFIC:
            return self._reject(Status.MALFORMED_COMMAND, "reserved frame type", message)
        request = Request(message, header, now)
        reason = ""
        try:
            outcome = self._act(request, position)
        except DecodeError as error:
            outcome, reason = Status.MALFORMED_COMMAND, str(error)
        if outcome is None:
            outcome = Status.SUCCESS
        if isinstance(outcome, Status):
            effects = self._reject(outcome, reason, message) if outcome else []
            return effects + self._default_response(outcome, request)
        if message.broadcast:
            return []
        answers = [self._frame(answer, request) for answer in ((outcome,) if isinstance(outcome, Frame) else outcome)]
        if any(len(answer) > LONGEST_ANSWER for answer in answers):
            status = Status.INSUFFICIENT_SPACE
            return self._reject(status, "asks for too much at once", message) + self._default_response(status, request)
        return [Reply(answer) for answer in answers]

    def _reject(self, status: Status, reason: str, message: Message) -> list[Effect]:
        self.refused[status] += 1
        return [Rejected(status, reason or status.name, message.payload)]

    def _default_response(self, status: Status, request: Request) -> list[Effect]:
        header = request.header
        if request.message.broadcast or (header.kind == 0 and header.command in foundation.UNANSWERED):
            return []
        if status is Status.SUCCESS and header.default_response_disabled:
            return []
        return [Reply(self._frame(foundation.DefaultResponse(header.command, status), request))]

    def _frame(self, answer: Frame, request: Request) -> bytes:
        header = request.header
        if type(answer) in foundation.GENERAL_IDS:
            return foundation.general(
                header.sequence, answer, to=header.to.other, disable_default_response=True, manufacturer=header.manufacturer
            )
        return foundation.cluster(header.sequence, answer, disable_default_response=True)

    def _act(self, request: Request, position: int) -> Outcome:
        message, header = request.message, request.header
        if self.strict and needs_link_key(message.cluster) and not (message.secured or message.broadcast):
            return Status.FAILURE
        general = header.kind == 0
        if header.manufacturer is not None:
            return Status.UNSUP_MANUF_GENERAL_COMMAND if general else Status.UNSUP_MANUF_CLUSTER_COMMAND
        if general and header.command in foundation.ANSWERS:
            return Status.SUCCESS  # nobody here asked: the asker takes its answers before they come here
        instance = self.instances.get((message.cluster, header.to))
        if instance is None:
            return Status.UNSUPPORTED_CLUSTER
        if general:
            act = GENERAL_ACTS.get(header.command)
            if act is None:
                return Status.UNSUP_GENERAL_COMMAND
            command = foundation.GENERAL[header.command].parse(message.payload[position:])
            return act(self, instance, command, request)
        frame = instance.cluster.commands[instance.side].get(header.command)
        handler = None if frame is None else instance.handlers.get(frame)
        if frame is None or handler is None:
            return Status.UNSUP_CLUSTER_COMMAND
        return handler(frame.parse_from(message.payload, position)[0], request)


# --- general commands, on one side of a cluster ---


def _read(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.ReadAttributes)
    held, records = instance.cluster.attributes[instance.side], []
    for id in command.attributes:
        attribute = held.get(id)
        if attribute is not None and attribute in instance:
            value = Value(attribute.type, instance[attribute])
            records.append(foundation.ReadRecord(id, Status.SUCCESS, value))
        else:
            records.append(foundation.ReadRecord(id, Status.UNSUPPORTED_ATTRIBUTE))
    return foundation.ReadAttributesResponse(records)


def _refusal(instance: Instance, record: AttributeValue) -> Status:
    """Why this write is refused; SUCCESS when it is not."""
    attribute = instance.cluster.attributes[instance.side].get(record.attribute)
    if attribute is None or attribute not in instance:
        return Status.UNSUPPORTED_ATTRIBUTE
    bound = instance.values.get(record.attribute, _ABSENT)
    if not attribute.writes or bound is _ABSENT or (instance.written is None and callable(bound)):
        return Status.READ_ONLY
    if record.value.type is not attribute.type:
        return Status.INVALID_DATA_TYPE
    if attribute.limits is not None:
        first, last = cast(tuple[int, int], attribute.limits)
        if not first <= cast(int, record.value.value) <= last:
            return Status.INVALID_VALUE
    return Status.SUCCESS


def _apply(instance: Instance, records: Sequence[AttributeValue]) -> None:
    for record in records:
        attribute = instance.cluster.attributes[instance.side][record.attribute]
        if not callable(instance.values[record.attribute]):
            instance.values[record.attribute] = record.value.value
        if instance.written is not None:
            instance.written(attribute, record.value.value)


def _write(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.WriteAttributes | foundation.WriteAttributesUndivided)
    checked = [(_refusal(instance, record), record) for record in command.records]
    refused = [foundation.WriteRecord(status, record.attribute) for status, record in checked if status]
    if not (refused and isinstance(command, foundation.WriteAttributesUndivided)):
        _apply(instance, [record for status, record in checked if not status])
    return foundation.WriteAttributesResponse(refused or [foundation.WriteRecord(Status.SUCCESS)])


def _write_silently(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.WriteAttributesNoResponse)
    _apply(instance, [record for record in command.records if not _refusal(instance, record)])
    return Status.SUCCESS


def _configure_reporting(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.ConfigureReporting)
    message = request.message
    return endpoint.reporting.configure(instance, command, (message.source, message.source_endpoint), request.now)


def _read_reporting(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.ReadReportingConfiguration)
    return endpoint.reporting.read(instance, command)


def _reported(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.ReportAttributes)
    if instance.reported is None:
        return Status.UNSUP_GENERAL_COMMAND
    held = instance.cluster.attributes[instance.side.other]
    values = {
        held[record.attribute]: record.value.value
        for record in command.records
        if record.attribute in held and held[record.attribute].type is record.value.type
    }
    return instance.reported(values, request)


def _discover(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.DiscoverAttributes)
    held = instance.cluster.attributes[instance.side]
    found = [id for id in instance.held if id >= command.start]
    rows = [foundation.Discovered(id, held[id].type.id) for id in found[: command.maximum]]
    return foundation.DiscoverAttributesResponse(len(found) <= command.maximum, rows)


def _discover_extended(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.DiscoverAttributesExtended)
    held = instance.cluster.attributes[instance.side]
    found = [id for id in instance.held if id >= command.start]
    rows = [
        foundation.ExtendedDiscovered(id, held[id].type.id, _READ | _WRITE * held[id].writes | _REPORT * held[id].reports)
        for id in found[: command.maximum]
    ]
    return foundation.DiscoverAttributesExtendedResponse(len(found) <= command.maximum, rows)


def _discover_received(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.DiscoverCommandsReceived)
    received = instance.cluster.commands[instance.side]
    found = sorted(id for id, frame in received.items() if frame in instance.handlers and id >= command.start)
    complete = len(found) <= command.maximum
    return foundation.DiscoverCommandsReceivedResponse(complete, bytes(found[: command.maximum]))


def _discover_generated(endpoint: Endpoint, instance: Instance, command: Frame, request: Request) -> Outcome:
    assert isinstance(command, foundation.DiscoverCommandsGenerated)
    found = sorted(id for id in instance.cluster.commands[instance.side.other] if id >= command.start)
    complete = len(found) <= command.maximum
    return foundation.DiscoverCommandsGeneratedResponse(complete, bytes(found[: command.maximum]))


_READ, _WRITE, _REPORT = 1, 2, 4
"""Attribute access control field (07-5123 2.5.23.1.4)."""

GENERAL_ACTS: dict[int, Callable[[Endpoint, Instance, Frame, Request], Outcome]] = {
    0x00: _read,
    0x02: _write,
    0x03: _write,
    0x05: _write_silently,
    0x06: _configure_reporting,
    0x08: _read_reporting,
    0x0A: _reported,
    0x0C: _discover,
    0x11: _discover_received,
    0x13: _discover_generated,
    0x15: _discover_extended,
}
