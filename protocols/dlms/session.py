"""One client's conversation with one logical device: the association, and the layers between link and services.

Green Book 9.4. An APDU goes in, the answers come out, as a rule one; none is silence. Checks run in one order: length,
protection, is the service known, is there an association, was the service agreed, parse, object, class, right, act. A
request that fails one has changed nothing. Answers and errors that a client has no business sending are met with silence.
What opens an association stands in `association`, what the services do in `services`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from protocols.core.codec import Frame
from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms import acse, apdu, axdr, short_name
from protocols.dlms.association import refuse
from protocols.dlms.blocks import MAX_ITEMS, MAX_OCTETS
from protocols.dlms.general_block import ABORT, TAG, Aborted, GeneralBlock, Transfer, unconfirmed
from protocols.dlms.initiate import Conformance
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.open_association import OpenAssociation
from protocols.dlms.security.context import PLAIN, ClearContext, SecurityLayer, SecurityRefused, is_ciphered
from protocols.dlms.security.counters import CounterExhausted
from protocols.dlms.services import FRAMES, Serving, serving
from protocols.dlms.services.objects import Objects
from protocols.dlms.services.service import Answer, exception
from protocols.dlms.xdlms import (
    DataNotification,
    DataNotificationConfirm,
    EventNotificationRequest,
    ServiceError,
    StateError,
)

_CLEAR: Final = ClearContext()
_AARQ: Final = 0x60
_RLRQ: Final = 0x62
_ACSE: Final = frozenset({bytes((_AARQ,)), bytes((_RLRQ,))})
_BLOCK: Final = bytes((TAG,))
_NOT_FOR_SERVERS: Final = frozenset(apdu.FRAMES) - FRAMES - {acse.AARQ, acse.RLRQ, *short_name.REQUESTS}
_NOTIFICATIONS: Final[dict[type[Frame], Conformance]] = {
    EventNotificationRequest: Conformance.EVENT_NOTIFICATION,
    DataNotification: Conformance.DATA_NOTIFICATION,
}
OWN_WINDOW: Final = 8
"""Blocks of a general block transfer that are taken in one stream."""
STREAM: Final = 6
"""Blocks that are sent in one, whatever the client takes: a tunnel's radio carries no more long messages at once."""
SMALLEST_ROOM: Final = 24
"""Octets that protection has to leave of an APDU, for an answer or a block of one."""
TIME_OUT: Final = 60_000_000_000
"""ns after which a general block transfer that has stopped is given up."""


class Session:
    """Made by `Server.session`. Give it every APDU of its two SAPs, in order; `close` it with the connection."""

    def __init__(self, device: LogicalDevice, client_sap: int, server_sap: int, path_limit: int) -> None:
        self.device = device
        self.client_sap = client_sap
        self.server_sap = server_sap
        self.path_limit = path_limit
        self._association: OpenAssociation | None = None
        self.close()
        if (there := device.pre_established(client_sap, server_sap, path_limit)) is not None:
            self._open(there)

    @property
    def associated(self) -> bool:
        """Whether an association is open, and its client has proven who it is."""
        return self._association is not None and not self._association.pending

    def close(self) -> None:
        """The connection is gone, and with it the association and every transfer."""
        if self._association is not None:
            self._association.close()
        self._association = None
        self._ended = False  # by itself, after a wrong proof: a client that releases it nevertheless is answered
        self._layer: SecurityLayer = _CLEAR
        self._objects: Objects | None = None
        self._serving: dict[type[Frame], Serving] = {}
        self._max_pdu = self.path_limit
        self._transfer: Transfer | None = None
        self._touched = 0
        self.confirmed: int | None = None
        """The long invoke-id of the notification that the client confirmed last, with its flags."""

    def receive(self, data: bytes, now: int) -> list[bytes]:
        """The answers to an APDU, each to be sent as one; none: silence. `now`: ns."""
        try:
            return self._received(data, now)
        except CounterExhausted:
            return [exception(ServiceError.OPERATION_NOT_POSSIBLE)]

    def _received(self, data: bytes, now: int) -> list[bytes]:
        if len(data) > self._max_pdu:
            return [exception(ServiceError.PDU_TOO_LONG)]
        if data[:1] in _ACSE:
            found = self._associate(data, now) if data[0] == _AARQ else self._release(data)
            return [] if found is None else [found]
        if self._association is not None:
            self._association.now = now
        if data[:1] == _BLOCK:
            return self._receive_block(data, now)
        self._transfer = None
        self._touched = now
        return self._converse(data)

    def notify(self, frame: EventNotificationRequest | DataNotification) -> list[bytes]:
        """What to send for a notification to this client, protected like its last request.

        Raises LocalProtocolError when the association is not open, or has not agreed on this, or on blocks where it is long.
        """
        objects = self._objects
        if objects is None or not self.associated or not objects.agreed(_NOTIFICATIONS[type(frame)]):
            raise LocalProtocolError(f"client {self.client_sap} takes no {type(frame).__name__} here")
        sealed = self._layer.seal(frame.build(), objects.protection)
        if len(sealed) <= self._max_pdu:
            return [sealed]
        if not objects.in_general_blocks:
            raise LocalProtocolError(f"client {self.client_sap} takes {self._max_pdu} octets, the notification has {len(sealed)}")
        return [block.build() for block in unconfirmed((sealed,), self._max_pdu)]

    # --- general block transfer

    def _receive_block(self, data: bytes, now: int) -> list[bytes]:
        if self._objects is None:
            return [exception(ServiceError.OPERATION_NOT_POSSIBLE)]
        if not self._objects.in_general_blocks:
            return [exception(ServiceError.SERVICE_NOT_SUPPORTED)]
        try:
            block = GeneralBlock.parse(data)
        except DecodeError:
            return [exception(ServiceError.OTHER_REASON)]
        transfer = self._transfer if now - self._touched <= TIME_OUT else None
        if block.begins and not (transfer is not None and transfer.repeats(block)):
            transfer = Transfer(self._max_pdu, OWN_WINDOW, STREAM)
        self._transfer, self._touched = transfer, now
        if block.aborts or transfer is None:
            self._transfer = None
            return [] if block.aborts or not block.raw else [ABORT.build()]
        try:
            whole, blocks = transfer.receive(block)
        except Aborted:
            self._transfer = None
            return [exception(ServiceError.PDU_TOO_LONG)]
        return [one.build() for one in blocks] if whole is None else self._converse(whole, transfer)

    # --- protection

    def _converse(self, data: bytes, transfer: Transfer | None = None) -> list[bytes]:
        """Open an APDU, have it served, and seal the answer like it. `transfer`: in which it came."""
        layer, objects, association = self._layer, self._objects, self._association
        protection = PLAIN
        if objects is not None and association is not None:
            try:
                data, protection = association.open(data)
            except SecurityRefused as refusal:
                return [refusal.response.build()]
            objects.protection = protection
            objects.rights = association.rights
            objects.demands = 0
            objects.limit = MAX_OCTETS if transfer is not None else self._max_pdu - layer.overhead(protection)
            objects.following = transfer is not None
            if objects.limit < SMALLEST_ROOM:
                return [exception(ServiceError.PDU_TOO_LONG)]
        elif is_ciphered(data):
            return [exception(ServiceError.OPERATION_NOT_POSSIBLE)]
        answer = self._serve(data, axdr.MAX_ITEMS if transfer is None else MAX_ITEMS)
        if association is not None and objects is not None:
            protection = protection.answering(objects.demands)
            if association.closed:
                self.close()
                self._ended = True
        if answer is None:
            return [] if transfer is None else [block.build() for block in transfer.acknowledge()]
        try:
            if isinstance(answer, bytes) or layer.overhead(protection):
                answer = layer.seal(answer if isinstance(answer, bytes) else b"".join(answer), protection)
        except CounterExhausted:
            answer = exception(ServiceError.OPERATION_NOT_POSSIBLE)
        if self.device.security is not None:
            self.device.security.settle()
        if transfer is None and isinstance(answer, bytes) and len(answer) <= self._max_pdu:
            return [answer]
        transfer = transfer or Transfer(self._max_pdu, OWN_WINDOW, STREAM)
        self._transfer = transfer
        return [block.build() for block in transfer.send((answer,) if isinstance(answer, bytes) else answer)]

    # --- services

    def _serve(self, data: bytes, items: int) -> Answer:
        """The answer to a plain APDU, which may hold so many values."""
        kind = apdu.kind(data)
        service = self._serving.get(kind) if kind else None
        if service is None:
            return self._unserved(data, kind)
        try:
            frame = service.frame.parse(data, items)
        except axdr.TooManyItems:
            return exception(ServiceError.PDU_TOO_LONG)
        except axdr.UnknownTag:
            return service.unmatched(data[2]) if service.unmatched else exception(ServiceError.OTHER_REASON)
        except DecodeError:
            return exception(ServiceError.OTHER_REASON)
        if self._association is None or not self._association.admits(frame):
            return exception(ServiceError.OPERATION_NOT_POSSIBLE)
        return service.serve(frame)

    def _unserved(self, data: bytes, kind: type[Frame] | None) -> bytes | None:
        """The answer to what no service of this association takes."""
        if kind in FRAMES:
            open_ = self._objects is not None
            return exception(ServiceError.SERVICE_NOT_SUPPORTED if open_ else ServiceError.OPERATION_NOT_POSSIBLE)
        if kind is DataNotificationConfirm and self.associated:
            with suppress(DecodeError):
                self.confirmed = DataNotificationConfirm.parse(data).long_invoke
        if not data or kind in _NOT_FOR_SERVERS:
            return None
        return exception(ServiceError.SERVICE_NOT_SUPPORTED, StateError.SERVICE_UNKNOWN)

    # --- association

    def _associate(self, data: bytes, now: int) -> bytes:
        try:
            request = acse.AARQ.parse(data)
        except DecodeError:
            return exception(ServiceError.OTHER_REASON)
        if self._association is not None and not self._association.pending:
            return refuse(request, acse.Diagnostic.NO_REASON_GIVEN, self.path_limit).build()
        try:
            response, association = self.device.associate(request, self.client_sap, self.server_sap, self.path_limit, now)
        except SecurityRefused as refusal:
            return refusal.response.build()
        if association is not None:
            self.close()
            self._open(association)
        return response.build()

    def _open(self, association: OpenAssociation) -> None:
        """Begin with an association that is open, or pending."""
        terms = association.terms
        self._association = association
        self._layer = association.layer
        self._max_pdu = terms.max_pdu
        ciphers = terms.context in (acse.Context.LOGICAL_NAME_CIPHERED, acse.Context.SHORT_NAME_CIPHERED)
        self._objects = Objects(
            self.device, association.object, association.rights, terms.conformance, terms.max_pdu, ciphers=ciphers
        )
        self._serving = serving(self._objects)

    def _release(self, data: bytes) -> bytes | None:
        try:
            request = acse.RLRQ.parse(data)
        except DecodeError:
            return exception(ServiceError.OTHER_REASON)
        if self._association is None:
            released, self._ended = self._ended, False
            return acse.RLRE.of().build() if released else None
        try:
            response = self._association.release(request)
        except SecurityRefused as refusal:
            return refusal.response.build()
        if response is None:
            return None
        self.close()
        return response.build()
