"""SET: one attribute, several, and values that come in blocks. Green Book 9.4.6.3."""

from __future__ import annotations

from typing import Final, TypeAlias

from protocols.core.codec import Frame
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.dlms import xdlms
from protocols.dlms.axdr import Data
from protocols.dlms.blocks import MAX_ITEMS, Collecting, Values
from protocols.dlms.initiate import Conformance
from protocols.dlms.services.objects import Objects
from protocols.dlms.services.service import LONGEST_LIST, Answer, Service, confirmed, exception
from protocols.dlms.xdlms import DataAccessResult, ServiceError

_First: TypeAlias = "xdlms.SetRequestWithFirstDatablock | xdlms.SetRequestWithListAndFirstDatablock"


class Set:
    """The SETs of one association, of which one at a time comes in blocks."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._transfer: Collecting[_First] | None = None
        self._missing = DataAccessResult.NO_LONG_SET_IN_PROGRESS

    def normal(self, frame: xdlms.SetRequestNormal) -> Answer:
        """An attribute."""
        self._abort()
        result = self._objects.write(frame.attribute, frame.selection, frame.value)
        return confirmed(frame.invoke, xdlms.SetResponseNormal(frame.invoke, result))

    def with_list(self, frame: xdlms.SetRequestWithList) -> Answer:
        """Attributes, each with its own result."""
        self._abort()
        if len(frame.attributes) != len(frame.values):
            return exception(ServiceError.OTHER_REASON)
        if len(frame.attributes) > LONGEST_LIST:
            return exception(ServiceError.PDU_TOO_LONG)
        results = self._write_each(frame.attributes, frame.values)
        return confirmed(frame.invoke, xdlms.SetResponseWithList(frame.invoke, results))

    def first_block(self, frame: _First) -> Answer:
        """Which attributes, and the first block of their values."""
        self._abort()
        if isinstance(frame, xdlms.SetRequestWithListAndFirstDatablock) and len(frame.attributes) > LONGEST_LIST:
            return exception(ServiceError.PDU_TOO_LONG)
        self._transfer = Collecting(frame)
        return self.block(frame)

    def block(self, frame: _First | xdlms.SetRequestWithDatablock) -> Answer:
        """A block; with the last one the values are written."""
        transfer, block = self._transfer, frame.block
        if transfer is None:
            return xdlms.SetResponseLastDatablock(frame.invoke, self._missing, block.number).build()
        try:
            transfer.add(block.number, block.raw)
        except RemoteProtocolError:
            self._abort()
            result = DataAccessResult.DATA_BLOCK_NUMBER_INVALID
            return xdlms.SetResponseLastDatablock(frame.invoke, result, block.number).build()
        if not block.last:
            return xdlms.SetResponseDatablock(frame.invoke, block.number).build()
        self._transfer = None
        self._missing = DataAccessResult.NO_LONG_SET_IN_PROGRESS
        return confirmed(frame.invoke, self._collected(frame.invoke, block.number, transfer))

    def _abort(self) -> None:
        """Another SET begins: one that still waits for its blocks is given up, and its later blocks hear so."""
        aborted = self._transfer is not None
        self._missing = DataAccessResult.LONG_SET_ABORTED if aborted else DataAccessResult.NO_LONG_SET_IN_PROGRESS
        self._transfer = None

    def _write_each(self, attributes: list[xdlms.AttributeWithSelection], values: list[Data]) -> list[int]:
        pairs = zip(attributes, values, strict=True)
        return [int(self._objects.write(item.attribute, item.selection, value)) for item, value in pairs]

    def _collected(self, invoke: int, number: int, transfer: Collecting[_First]) -> Frame:
        first, raw = transfer.first, transfer.raw
        if isinstance(first, xdlms.SetRequestWithListAndFirstDatablock):
            try:
                values = Values.parse(raw, MAX_ITEMS).items
            except DecodeError:
                values = []
            if len(values) == len(first.attributes):
                results = self._write_each(first.attributes, values)
            else:
                results = [int(DataAccessResult.TYPE_UNMATCHED)] * len(first.attributes)
            return xdlms.SetResponseLastDatablockWithList(invoke, results, number)
        try:
            result = self._objects.write(first.attribute, first.selection, Data.parse(raw, MAX_ITEMS))
        except DecodeError:
            result = DataAccessResult.TYPE_UNMATCHED
        return xdlms.SetResponseLastDatablock(invoke, result, number)


def _unmatched(invoke: int) -> bytes:
    return xdlms.SetResponseNormal(invoke, DataAccessResult.TYPE_UNMATCHED).build()


_BLOCKS: Final = Conformance.SET | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
_MANY: Final = Conformance.MULTIPLE_REFERENCES

SERVICES: Final = (
    Service(xdlms.SetRequestNormal, Conformance.SET, Set.normal, _unmatched),
    Service(xdlms.SetRequestWithFirstDatablock, _BLOCKS, Set.first_block),
    Service(xdlms.SetRequestWithDatablock, _BLOCKS, Set.block),
    Service(xdlms.SetRequestWithList, Conformance.SET | _MANY, Set.with_list),
    Service(xdlms.SetRequestWithListAndFirstDatablock, _BLOCKS | _MANY, Set.first_block),
)
