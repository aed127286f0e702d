"""Token gateway (class 115) and IEC 62055-41 attributes (class 116). Blue Book 4.6.5, 4.6.6.

What a token says and whether it is authentic is the firmware's: `accept` judges it and acts. The gateway keeps the last
token with what became of it, a refused one, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.activation import NEVER
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import BITS, DATE_TIME, OCTETS, U8, U16, U32, VISIBLE, Array, Enumerated, Limited, Structure
from protocols.dlms.xdlms import DataAccessResult

LONGEST_TOKEN: Final = 255


class Delivery(IntEnum):
    """token_delivery_method."""

    REMOTE = 0
    LOCAL = 1
    MANUAL = 2


class TokenStatus(IntEnum):
    """status_code of token_status: the last step that was reached, or the one that failed."""

    FORMAT_OK = 0
    AUTHENTICATION_OK = 1
    VALIDATION_OK = 2
    EXECUTION_OK = 3
    FORMAT_FAILURE = 4
    AUTHENTICATION_FAILURE = 5
    VALIDATION_FAILURE = 6
    EXECUTION_FAILURE = 7
    NOT_PROCESSED = 8


_FAILURES: Final = range(TokenStatus.FORMAT_FAILURE, TokenStatus.NOT_PROCESSED)
TOKEN = Limited(Tag.OCTET_STRING, 1, LONGEST_TOKEN)
STATUS = Structure(status_code=Enumerated(TokenStatus), data_value=BITS)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a token: `description` says what it is for, `data` (bits) more about the status."""

    status: TokenStatus
    description: tuple[bytes, ...] = ()
    data: str = ""


class TokenGateway(InterfaceClass, id=115, version=0):
    """One for each account. Clients and keypads enter tokens."""

    token: Attribute = attribute(2, OCTETS, default=b"")
    token_time: Attribute = attribute(3, DATE_TIME, default=NEVER)
    token_description: Attribute = attribute(4, Array(OCTETS), default=())
    token_delivery_method: Attribute = attribute(5, Enumerated(Delivery), default=Delivery.REMOTE)
    token_status: Attribute = attribute(6, STATUS, default=(TokenStatus.NOT_PROCESSED, ""))

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        accept: Callable[[bytes], Judgement],
        time: Callable[[], bytes],
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        """`accept(token)`: carry it out, or say why not. `time()`: the date-time of the moment, 12 octets."""
        self._accept = accept
        self._time = time
        super().__init__(logical_name, on=on or {}, access=access or {})

    @method(1, TOKEN)
    def enter(self, argument: Data) -> None:
        """A client's token. One that fails is refused with other-reason; token_status says why."""
        judgement = self.receive(argument.value, Delivery.REMOTE)
        if judgement.status in _FAILURES:
            raise AccessError(DataAccessResult.OTHER_REASON, judgement.status.name.lower())

    def receive(self, token: bytes, delivery: Delivery) -> Judgement:
        """A token by any way."""
        judgement = self._accept(token)
        self.token = axdr.octets(token)
        self.token_time = axdr.octets(self._time())
        self.token_description = [axdr.octets(line) for line in judgement.description]
        self.token_delivery_method = delivery
        self.token_status = (judgement.status, judgement.data)
        return judgement


METER_PAN = Structure(issuer_identification_number=U32, decoder_reference_number=OCTETS, pan_check_digit=U8)


class Iec62055Attributes(InterfaceClass, id=116, version=0):
    """The parameters of a meter with STS tokens: set at manufacture, the key's by tokens of their own."""

    meter_pan: Attribute = attribute(2, METER_PAN)
    commodity: Attribute = attribute(3, VISIBLE, default="ELECTRICITY")
    token_carrier_types: Attribute = attribute(4, Array(U16), default=())
    encryption_algorithm: Attribute = attribute(5, U8, default=0)
    supply_group_code: Attribute = attribute(6, U32, default=0)
    tariff_index: Attribute = attribute(7, U8, default=0)
    key_revision_number: Attribute = attribute(8, U8, default=1)
    key_type: Attribute = attribute(9, U8, default=0)
    key_expiry_number: Attribute = attribute(10, U8, default=255)
    no_of_kct_supported: Attribute = attribute(11, U8, default=2)
    sts_certificate_no: Attribute = attribute(12, VISIBLE, default="")
