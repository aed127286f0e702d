"""MAC frames of version 2 with information elements: the enhanced beacon and its request, by which one joins below 1 GHz.

802.15.4-2015 clauses 7.2 (header, table 7-2), 7.3.1 (enhanced beacon), 7.4 (information elements) and 7.5.8 (its request); ZigBee's
own elements are of 05-3474-22 annex D.9.1. Every other frame of a ZigBee network, below 1 GHz too, is of an earlier version
(`mac`). Not here: MAC security, fragments, enhanced acknowledgements (nothing ZigBee sends in version 2 asks for one), elements
beyond those, which are read past.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.core import crc
from protocols.core.codec import Frame, le, octets, this, when
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import mac

VERSION_2015 = 0x2000
SEQUENCE_SUPPRESSED = 0x0100
ELEMENTS = 0x0200

# Table 7-2 for each of the 32 combinations of source mode, destination mode and PAN compression, in this order of bits.
_COMBINATION = (this.control >> 14 & 3) << 3 | (this.control >> 10 & 3) << 1 | this.control >> 6 & 1
_DESTINATION_PAN = 0x70F00052
_SOURCE_PAN = 0x11510000

BEACON_REQUEST = b"\x07"
ZIGBEE = b"\x1b\x19\x4a"
"""ZigBee's vendor identifier 4A-19-1B, as it is on the air."""
TX_POWER = 14
"""dBm: what a radio of a GB device sends with."""


class Header(Frame):
    """MHR of a frame of version 2. 802.15.4-2015 clause 7.2.2."""

    control: le.u16
    sequence: int | None = when((this.control & SEQUENCE_SUPPRESSED) == 0, le.u8)
    destination_pan: int | None = when(_DESTINATION_PAN >> _COMBINATION & 1, le.u16, default=None)
    destination: int | None = when((this.control & 0x0C00) == 0x0800, le.u16, default=None)
    destination_eui64: int | None = when((this.control & 0x0C00) == 0x0C00, le.u64, default=None)
    source_pan: int | None = when(_SOURCE_PAN >> _COMBINATION & 1, le.u16, default=None)
    source: int | None = when((this.control & 0xC000) == 0x8000, le.u16, default=None)
    source_eui64: int | None = when((this.control & 0xC000) == 0xC000, le.u64, default=None)


class HeaderElement(Frame):
    """Header IE. Clause 7.4.2.1: length in bits 0 to 6, element in 7 to 14."""

    TERMINATION_1 = 0x7E
    """Payload IEs follow."""
    TERMINATION_2 = 0x7F

    descriptor: le.u16
    content: bytes = octets(this.descriptor & 0x7F)

    @property
    def element(self) -> int:
        return self.descriptor >> 7 & 0xFF

    @classmethod
    def of(cls, element: int, content: bytes = b"") -> HeaderElement:
        return cls(element << 7 | len(content), content)


class PayloadElement(Frame):
    """Payload IE. Clause 7.4.3: length in bits 0 to 10, group in 11 to 14, bit 15 set."""

    MLME = 0x1
    VENDOR = 0x2
    TERMINATION = 0xF

    descriptor: le.u16
    content: bytes = octets(this.descriptor & 0x07FF)

    @property
    def group(self) -> int:
        return self.descriptor >> 11 & 0x0F

    @classmethod
    def of(cls, group: int, content: bytes = b"") -> PayloadElement:
        return cls(0x8000 | group << 11 | len(content), content)


class NestedElement(Frame):
    """IE within an MLME payload IE. Clause 7.4.3.2: bit 15 says whether the length has 11 bits or 8."""

    EB_FILTER = 0x1E

    descriptor: le.u16
    content: bytes = octets(this.descriptor & (0x00FF | (this.descriptor >> 15) * 0x0700))

    @property
    def element(self) -> int:
        """The short form's sub-ID; a long one's is 0x80 and its four bits."""
        return 0x80 | self.descriptor >> 11 & 0x0F if self.descriptor & 0x8000 else self.descriptor >> 8

    @classmethod
    def of(cls, element: int, content: bytes) -> NestedElement:
        return cls(element << 8 | len(content), content)


class ZigbeeElement(Frame):
    """IE within ZigBee's vendor payload IE. 05-3474-22 annex D.9.1: length in bits 0 to 5, sub-ID above."""

    REJOIN = 0
    TX_POWER = 1
    BEACON = 2

    descriptor: le.u16
    content: bytes = octets(this.descriptor & 0x3F)

    @property
    def element(self) -> int:
        return self.descriptor >> 6

    @classmethod
    def of(cls, element: int, content: bytes) -> ZigbeeElement:
        return cls(element << 6 | len(content), content)


class BeaconFilter(Frame):
    """Content of the EB filter IE: who should answer. Clause 7.4.4.6."""

    PERMIT_JOINING = 0x01

    flags: le.u8
    lqi: int | None = when(this.flags & 0x02, le.u8, default=None)
    """Answer when the request was heard at least so well."""
    percent: int | None = when(this.flags & 0x04, le.u8, default=None)
    """Answer with this probability."""
    attributes: bytes = octets(this.flags >> 3 & 0x03, default=b"")


class Rejoin(Frame):
    """Content of the Rejoin IE: answer if this is your network."""

    extended_pan_id: le.u64
    short: le.u16


class Power(Frame):
    """Content of the TX Power IE, dBm."""

    dbm: le.i8


class BeaconElement(Frame):
    """Content of the Enhanced Beacon Payload IE: what the older beacon has in three places."""

    payload: bytes = octets(15)
    superframe: le.u16
    source: le.u16


@dataclass(frozen=True, slots=True)
class Enhanced:
    """A frame of version 2. `nested`: content by element within MLME IEs; `zigbee`: the same within ZigBee's IE."""

    header: Header
    nested: dict[int, bytes]
    zigbee: dict[int, bytes]
    payload: bytes

    @property
    def kind(self) -> int:
        """`mac.BEACON`, `mac.COMMAND`, ..."""
        return self.header.control & mac.TYPE


@dataclass(frozen=True, slots=True)
class Question:
    """What an enhanced beacon request asks: who lets join (`joining`), or where is this network (`rejoin`)."""

    source: int
    """EUI-64."""
    filter: BeaconFilter | None
    rejoin: Rejoin | None

    @property
    def joining(self) -> bool:
        return self.filter is not None and bool(self.filter.flags & BeaconFilter.PERMIT_JOINING)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an enhanced beacon tells. `source`: short address; `eui64`: the sender's."""

    pan_id: int
    source: int
    eui64: int
    superframe: int
    payload: mac.BeaconPayload


def is_enhanced(psdu: bytes) -> bool:
    """Whether a PSDU (of two octets at least) is of version 2."""
    return psdu[1] & 0x30 == VERSION_2015 >> 8


def parse(psdu: bytes) -> Enhanced:
    """A frame of version 2 whose FCS is good. Raises RemoteProtocolError on malformed octets."""
    body = psdu[: -mac.FCS]
    header, at = Header.parse_from(body, 0)
    control = header.control
    if control & mac.SECURITY:
        raise RemoteProtocolError("MAC security, which ZigBee does not use")
    if control & 0x0C00 == 0x0400 or control & 0xC000 == 0x4000:
        raise RemoteProtocolError("a reserved address mode")
    nested: dict[int, bytes] = {}
    zigbee: dict[int, bytes] = {}
    if control & ELEMENTS:
        at, more = _past_header_elements(body, at)
        if more:
            at = _payload_elements(body, at, nested, zigbee)
    return Enhanced(header, nested, zigbee, body[at:])


def _past_header_elements(body: bytes, at: int) -> tuple[int, bool]:
    """Where they end, and whether payload IEs follow."""
    while at < len(body):
        element, at = HeaderElement.parse_from(body, at)
        if element.descriptor & 0x8000:
            raise RemoteProtocolError("a payload information element among those of the header")
        if element.element in (HeaderElement.TERMINATION_1, HeaderElement.TERMINATION_2):
            return at, element.element == HeaderElement.TERMINATION_1
    return at, False


def _payload_elements(body: bytes, at: int, nested: dict[int, bytes], zigbee: dict[int, bytes]) -> int:
    while at < len(body):
        element, at = PayloadElement.parse_from(body, at)
        if not element.descriptor & 0x8000:
            raise RemoteProtocolError("a header information element among those of the payload")
        if element.group == PayloadElement.TERMINATION:
            break
        content = element.content
        if element.group == PayloadElement.MLME:
            position = 0
            while position < len(content):
                inner, position = NestedElement.parse_from(content, position)
                nested[inner.element] = inner.content
        elif element.group == PayloadElement.VENDOR and content.startswith(ZIGBEE):
            position = len(ZIGBEE)
            while position < len(content):
                own, position = ZigbeeElement.parse_from(content, position)
                zigbee[own.element] = own.content
    return at


def question(frame: Enhanced) -> Question | None:
    """What a frame asks, if it is an enhanced beacon request. Raises RemoteProtocolError on malformed octets."""
    source = frame.header.source_eui64
    if frame.kind != mac.COMMAND or frame.payload != BEACON_REQUEST or source is None:
        return None
    asked, rejoin = frame.nested.get(NestedElement.EB_FILTER), frame.zigbee.get(ZigbeeElement.REJOIN)
    return Question(
        source,
        None if asked is None else BeaconFilter.parse(asked),
        None if rejoin is None else Rejoin.parse(rejoin),
    )


def answer(frame: Enhanced) -> Answer | None:
    """What a frame tells, if it is an enhanced beacon of a ZigBee network. Raises RemoteProtocolError on malformed octets."""
    header, told = frame.header, frame.zigbee.get(ZigbeeElement.BEACON)
    if frame.kind != mac.BEACON or told is None or header.source_eui64 is None or header.source_pan is None:
        return None
    element = BeaconElement.parse(told)
    payload = mac.BeaconPayload.parse(element.payload)
    return Answer(header.source_pan, element.source, header.source_eui64, element.superframe, payload)


def beacon_request(sequence: int, eui64: int, rejoin: Rejoin | None = None) -> bytes:
    """PSDU that asks who lets join, or where the network of `rejoin` is."""
    header = Header(
        mac.COMMAND | mac.PAN_COMPRESSION | ELEMENTS | mac.DESTINATION_SHORT | VERSION_2015 | mac.SOURCE_EXTENDED,
        sequence,
        destination_pan=mac.BROADCAST,
        destination=mac.BROADCAST,
        source_eui64=eui64,
    )
    power = ZigbeeElement.of(ZigbeeElement.TX_POWER, Power(TX_POWER).build()).build()
    if rejoin is None:
        asked = NestedElement.of(NestedElement.EB_FILTER, BeaconFilter(BeaconFilter.PERMIT_JOINING).build())
        elements = [PayloadElement.of(PayloadElement.MLME, asked.build()), _own(power)]
    else:
        elements = [_own(ZigbeeElement.of(ZigbeeElement.REJOIN, rejoin.build()).build() + power)]
    return _frame(header, elements, BEACON_REQUEST)


def beacon(sequence: int, pan: int, eui64: int, source: int, superframe: int, payload: mac.BeaconPayload) -> bytes:
    """PSDU of an enhanced beacon of the device `source`, of a non-beacon-enabled network."""
    header = Header(mac.BEACON | ELEMENTS | VERSION_2015 | mac.SOURCE_EXTENDED, sequence, source_pan=pan, source_eui64=eui64)
    told = ZigbeeElement.of(ZigbeeElement.BEACON, BeaconElement(payload.build(), superframe, source).build()).build()
    power = ZigbeeElement.of(ZigbeeElement.TX_POWER, Power(TX_POWER).build()).build()
    return _frame(header, [_own(told + power)], b"")


def _own(content: bytes) -> PayloadElement:
    return PayloadElement.of(PayloadElement.VENDOR, ZIGBEE + content)


def _frame(header: Header, elements: list[PayloadElement], payload: bytes) -> bytes:
    all_elements = [HeaderElement.of(HeaderElement.TERMINATION_1), *elements, PayloadElement.of(PayloadElement.TERMINATION)]
    return crc.append_kermit(header.build() + b"".join(element.build() for element in all_elements) + payload)
