"""xDLMS initiate: what an association's two ends can do, proposed and agreed (IEC 62056-5-3 7.3 .. 7.5, 9.4.6).

These travel in the user-information of AARQ and AARE (``acse``), in clear or ciphered.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

from protocols.core.codec import Frame, axdr_length, be, const, prefixed, presence

DLMS_VERSION: Final = 6
VAA_NAME_LN: Final = 0x0007
"""vaa-name of an association with logical names."""
_CONFORMANCE_HEADER: Final = bytes.fromhex("5F1F0400")
"""[APPLICATION 31] BIT STRING of 24 bits, the one BER item inside A-XDR."""


class Conformance(IntFlag):
    """Conformance block; bit 0 of the standard is the highest of 24."""

    GENERAL_PROTECTION = 1 << 22
    GENERAL_BLOCK_TRANSFER = 1 << 21
    READ = 1 << 20
    WRITE = 1 << 19
    UNCONFIRMED_WRITE = 1 << 18
    DELTA_VALUE_ENCODING = 1 << 17
    ATTRIBUTE0_SUPPORTED_WITH_SET = 1 << 15
    PRIORITY_MGMT_SUPPORTED = 1 << 14
    ATTRIBUTE0_SUPPORTED_WITH_GET = 1 << 13
    BLOCK_TRANSFER_WITH_GET_OR_READ = 1 << 12
    BLOCK_TRANSFER_WITH_SET_OR_WRITE = 1 << 11
    BLOCK_TRANSFER_WITH_ACTION = 1 << 10
    MULTIPLE_REFERENCES = 1 << 9
    INFORMATION_REPORT = 1 << 8
    DATA_NOTIFICATION = 1 << 7
    ACCESS = 1 << 6
    PARAMETERIZED_ACCESS = 1 << 5
    GET = 1 << 4
    SET = 1 << 3
    SELECTIVE_ACCESS = 1 << 2
    EVENT_NOTIFICATION = 1 << 1
    ACTION = 1 << 0


class InitiateError(IntEnum):
    """Why an initiate failed (ServiceError ::= CHOICE, initiate [6])."""

    OTHER = 0
    DLMS_VERSION_TOO_LOW = 1
    INCOMPATIBLE_CONFORMANCE = 2
    PDU_SIZE_TOO_SHORT = 3
    REFUSED_BY_THE_VDE_HANDLER = 4


class InitiateRequest(Frame):
    """InitiateRequest. ``response_allowed`` None says TRUE; ``max_pdu`` 0 says no limit."""

    tag: int = const(0x01, be.u8)
    dedicated_key: bytes | None = presence(prefixed(axdr_length))
    response_allowed: int | None = presence(be.boolean)
    quality_of_service: int | None = presence(be.i8)
    version: be.u8
    header: bytes = const(_CONFORMANCE_HEADER)
    conformance: be.u24
    max_pdu: be.u16


class InitiateResponse(Frame):
    """InitiateResponse."""

    tag: int = const(0x08, be.u8)
    quality_of_service: int | None = presence(be.i8)
    version: be.u8
    header: bytes = const(_CONFORMANCE_HEADER)
    conformance: be.u24
    max_pdu: be.u16
    vaa_name: be.u16


class ConfirmedServiceError(Frame):
    """ConfirmedServiceError: ``service`` 1 is initiate; ``choice`` 6 says that ``value`` is an InitiateError."""

    tag: int = const(0x0E, be.u8)
    service: be.u8
    choice: be.u8
    value: be.u8
