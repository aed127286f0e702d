"""GET: one attribute, several, and long answers in blocks, which are made while they are fetched. Green Book 9.4.6.2."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

from protocols.core.codec.constructs import axdr_length_octets
from protocols.dlms import xdlms
from protocols.dlms.blocks import OVERHEAD, Outgoing
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.initiate import Conformance
from protocols.dlms.services.objects import Objects
from protocols.dlms.services.service import LONGEST_LIST, Answer, Service, exception, fitting
from protocols.dlms.xdlms import DataAccessResult, GetDataResult, ServiceError

_RESPONSE: Final = 0xC4
_DATA: Final = b"\x00"
"""The result choice before Data."""


class Get:
    """The GETs of one association, of which one at a time is long."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._transfer: Outgoing | None = None

    def normal(self, frame: xdlms.GetRequestNormal) -> Answer:
        """An attribute."""
        self._transfer = None
        try:
            value = self._objects.read(frame.attribute, frame.selection)
        except AccessError as refusal:
            return xdlms.GetResponseNormal(frame.invoke, GetDataResult(1, refusal.result)).build()
        return self._respond(bytes((_RESPONSE, 1, frame.invoke, 0)), value)

    def with_list(self, frame: xdlms.GetRequestWithList) -> Answer:
        """Attributes, each with its own result."""
        self._transfer = None
        if len(frame.attributes) > LONGEST_LIST:
            return exception(ServiceError.PDU_TOO_LONG)
        pieces: list[Iterable[bytes]] = [(axdr_length_octets(len(frame.attributes)),)]
        for item in frame.attributes:
            try:
                value = self._objects.read(item.attribute, item.selection)
            except AccessError as refusal:
                pieces.append((GetDataResult(1, refusal.result).build(),))
            else:
                pieces += (_DATA,), value
        return self._respond(bytes((_RESPONSE, 3, frame.invoke)), chain.from_iterable(pieces))

    def next(self, frame: xdlms.GetRequestNext) -> Answer:
        """The block behind the one that has arrived."""
        # Whose invoke-id it is isn't looked at: there is one long GET at a time, and clients differ in what they send.
        transfer = self._transfer
        if transfer is not None and frame.number == transfer.number:
            return self._block(frame.invoke, transfer)
        result = DataAccessResult.DATA_BLOCK_NUMBER_INVALID if transfer else DataAccessResult.NO_LONG_GET_IN_PROGRESS
        self._transfer = None
        return xdlms.GetResponseWithDatablock(frame.invoke, xdlms.GetDatablock(1, frame.number, 1, result)).build()

    def _respond(self, header: bytes, pieces: Iterable[bytes]) -> Answer:
        """What stands behind the header of a response: in one APDU if that holds it, else in blocks."""
        objects = self._objects
        coming = chain((header,), pieces)
        beginning, whole = fitting(coming, objects.limit)
        if whole:
            return b"".join(beginning)
        if objects.in_blocks_of_its_own(Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ):
            self._transfer = Outgoing(chain(beginning[1:], coming))
            return self._block(header[2], self._transfer)
        if objects.in_general_blocks:
            return chain(beginning, coming)
        return exception(ServiceError.PDU_TOO_LONG)

    def _block(self, invoke: int, transfer: Outgoing) -> bytes:
        last, number, piece = transfer.cut(self._objects.limit - OVERHEAD)
        if last:
            self._transfer = None
        return xdlms.GetResponseWithDatablock(invoke, xdlms.GetDatablock(last, number, 0, piece)).build()


def _unmatched(invoke: int) -> bytes:
    return xdlms.GetResponseNormal(invoke, GetDataResult(1, DataAccessResult.TYPE_UNMATCHED)).build()


_BLOCKS: Final = Conformance.GET | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ

SERVICES: Final = (
    Service(xdlms.GetRequestNormal, Conformance.GET, Get.normal, _unmatched),
    Service(xdlms.GetRequestNext, _BLOCKS, Get.next),
    Service(xdlms.GetRequestWithList, Conformance.GET | Conformance.MULTIPLE_REFERENCES, Get.with_list),
)
