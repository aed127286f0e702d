"""ACCESS: GETs, SETs and ACTIONs of one request, done in their order, each with its own result. Green Book 9.4.6.5.

`respond` needs no association: parties that have none ask by it, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from protocols.core.codec.constructs import axdr_length_octets
from protocols.dlms import axdr
from protocols.dlms.access import (
    BREAK_ON_ERROR,
    LONG_CONFIRMED,
    RESULT_KIND,
    SELF_DESCRIPTIVE,
    AccessRequest,
    Kind,
    Result,
    SelectedAttribute,
    Specification,
    Specifications,
)
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis
from protocols.dlms.services.objects import Objects
from protocols.dlms.services.service import LONGEST_LIST, Answer, Service, exception, fitting
from protocols.dlms.xdlms import AttributeDescriptor, DataAccessResult, MethodDescriptor, SelectiveAccess, ServiceError

CLOCK: Final = Obis("0-0:1.0.0")
_RESPONSE: Final = b"\xda"
_NULL: Final = (axdr.null().build(),)


def respond(objects: Objects, request: AccessRequest, date_time: bytes = b"") -> Iterator[bytes]:
    """Do what a request wants; the pieces of its response. The lists of the request are of one length.

    What stands behind an error in a request that breaks there is not done and says other-reason, as GB's meters do.
    """
    breaks = request.long_invoke & BREAK_ON_ERROR
    broken = False
    values: list[Iterable[bytes]] = []
    results = bytearray(axdr_length_octets(len(request.specifications)))
    for specification, data in zip(request.specifications, request.data, strict=True):
        value: Iterable[bytes] = _NULL
        if broken:
            result = int(DataAccessResult.OTHER_REASON)
        else:
            try:
                value, result = _do(objects, specification, data)
            except AccessError as refusal:
                result = refusal.result
        values.append(value)
        results += Result(RESULT_KIND[Kind(specification.kind)], result).build()
        broken = bool(breaks and result)
    header = _RESPONSE + request.long_invoke.to_bytes(4, "big") + bytes((len(date_time),)) + date_time
    asked = b"\x00"
    if request.long_invoke & SELF_DESCRIPTIVE:
        asked = b"\x01" + Specifications(request.specifications).build()
    count = axdr_length_octets(len(values))
    return chain((header + asked + count,), chain.from_iterable(values), (bytes(results),))


def _do(objects: Objects, specification: Specification, data: Data) -> tuple[Iterable[bytes], int]:
    """One of them: the octets of its Data, and its result. Raises AccessError."""
    selection: SelectiveAccess | None = None
    match specification.target:
        case MethodDescriptor() as method:
            returned = objects.invoke(method, data)
            return _NULL if returned is None else (returned.build(),), DataAccessResult.SUCCESS
        case SelectedAttribute(attribute=attribute, selection=selected):
            selection = selected
        case AttributeDescriptor() as attribute:
            pass
    if specification.kind in (Kind.SET, Kind.SET_WITH_SELECTION):
        return _NULL, objects.write(attribute, selection, data)
    return objects.read(attribute, selection), DataAccessResult.SUCCESS


class Access:
    """The ACCESS requests of one association."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def request(self, frame: AccessRequest) -> Answer:
        """All that it wants. A request that says when it was made is told when it was answered."""
        if len(frame.specifications) != len(frame.data):
            return exception(ServiceError.OTHER_REASON)
        if len(frame.data) > LONGEST_LIST:
            return exception(ServiceError.PDU_TOO_LONG)
        pieces = respond(self._objects, frame, self._now() if frame.date_time else b"")
        if not frame.long_invoke & LONG_CONFIRMED:
            return None
        beginning, whole = fitting(pieces, self._objects.limit)
        if whole:
            return b"".join(beginning)
        return chain(beginning, pieces) if self._objects.in_general_blocks else exception(ServiceError.PDU_TOO_LONG)

    def _now(self) -> bytes:
        clock = self._objects.device.find(CLOCK)
        time = clock.time if isinstance(clock, Clock) else axdr.null()
        return time.value if time.tag == Tag.OCTET_STRING else b""


SERVICES: Final = (Service(AccessRequest, Conformance.ACCESS, Access.request),)
