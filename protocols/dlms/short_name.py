"""Services with short names: Read, Write, UnconfirmedWrite, InformationReport (IEC 61334-4-41; IEC 62056-5-3 9.5).

Frames only: nobody here is a short-name client or server. A server answers an AARQ with a short-name context as the standard
says (application-context-name-not-supported), and these requests as services that it does not know. A short name is an
object's base name plus the offset of an attribute or method, in 16 bits.
"""

from __future__ import annotations

from typing import Final

from protocols.core.codec import Frame, array, axdr_length, be, const, nothing, prefixed, presence, switch, this
from protocols.dlms import axdr
from protocols.dlms.axdr import Data


class ParameterizedAccess(Frame):
    """Parameterized-Access: of the variable `name`, what `selector` and `parameter` say."""

    name: be.u16
    selector: be.u8
    parameter: axdr.data


class BlockNumberAccess(Frame):
    """Block-Number-Access: block `number` has arrived; the next one is wanted."""

    number: be.u16


class ReadDataBlockAccess(Frame):
    """Read-Data-Block-Access: a block of a request with a long list."""

    last: be.boolean
    number: be.u16
    raw: bytes = prefixed(axdr_length)


class WriteDataBlockAccess(Frame):
    """Write-Data-Block-Access: a block of values; its octets are in the list of data."""

    last: be.boolean
    number: be.u16


class Variable(Frame):
    """Variable-Access-Specification: `access` is a short name when `kind` is 2."""

    kind: be.u8
    access: int | ParameterizedAccess | BlockNumberAccess | ReadDataBlockAccess | WriteDataBlockAccess = switch(
        this.kind,
        {2: be.u16, 4: ParameterizedAccess, 5: BlockNumberAccess, 6: ReadDataBlockAccess, 7: WriteDataBlockAccess},
    )


class DataBlockResult(Frame):
    """Data-Block-Result: a block of an answer."""

    last: be.boolean
    number: be.u16
    raw: bytes = prefixed(axdr_length)


class ReadResult(Frame):
    """One of a ReadResponse: Data when `kind` is 0, a data-access-result 1, a block 2, a block number that arrived 3."""

    kind: be.u8
    value: Data | int | DataBlockResult = switch(this.kind, {0: axdr.data, 1: be.u8, 2: DataBlockResult, 3: be.u16})


class WriteResult(Frame):
    """One of a WriteResponse: success when `kind` is 0, a data-access-result 1, a block number that arrived 2."""

    kind: be.u8
    value: int | None = switch(this.kind, {0: nothing, 1: be.u8, 2: be.u16}, default=None)


class ReadRequest(Frame):
    """ReadRequest."""

    tag: int = const(0x05, be.u8)
    variables: list[Variable] = array(Variable, axdr_length)


class ReadResponse(Frame):
    """ReadResponse."""

    tag: int = const(0x0C, be.u8)
    results: list[ReadResult] = array(ReadResult, axdr_length)


class WriteRequest(Frame):
    """WriteRequest."""

    tag: int = const(0x06, be.u8)
    variables: list[Variable] = array(Variable, axdr_length)
    data: list[Data] = array(axdr.data, axdr_length)


class WriteResponse(Frame):
    """WriteResponse."""

    tag: int = const(0x0D, be.u8)
    results: list[WriteResult] = array(WriteResult, axdr_length)


class UnconfirmedWriteRequest(Frame):
    """UnconfirmedWriteRequest."""

    tag: int = const(0x16, be.u8)
    variables: list[Variable] = array(Variable, axdr_length)
    data: list[Data] = array(axdr.data, axdr_length)


class InformationReport(Frame):
    """InformationReportRequest. ``time`` is a GeneralizedTime, characters as "20261121083000Z"."""

    tag: int = const(0x18, be.u8)
    time: bytes | None = presence(prefixed(axdr_length))
    variables: list[Variable] = array(Variable, axdr_length)
    data: list[Data] = array(axdr.data, axdr_length)


REQUESTS: Final[tuple[type[Frame], ...]] = (ReadRequest, WriteRequest, UnconfirmedWriteRequest)
FRAMES: Final[tuple[type[Frame], ...]] = (*REQUESTS, ReadResponse, WriteResponse, InformationReport)
