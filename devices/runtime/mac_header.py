"""The MAC addressing octets of a PSDU, as radio hardware reads them (802.15.4-2006 clause 7.2.1, 802.15.4-2015 clause 7.2.2).

Only what the medium's filter, acknowledgements and indirect queue need; `protocols.zigbee.mac` is the codec. Addresses stay the
octets they are on the air. A frame of version 2 is never acknowledged, as none that ZigBee sends asks for it. A header that
contradicts its own frame control, or the frame's length, has a `fault` and no addresses.
"""

from __future__ import annotations

from functools import cache
from struct import Struct

from protocols.core.crc import append_kermit

BEACON, DATA, ACK, COMMAND = range(4)
BROADCAST = b"\xff\xff"

_COORDINATOR = b"\x00\x00"
_FRAME_PENDING = 0x10
_ACK_REQUEST = 0x20
_DATA_REQUEST = 0x04
_BEACON_REQUEST = 0x07
_FCS = 2
_SHORT = Struct("<HB2s2s2s")
_SHORT_DATA = 0x8841
"""Frame control of nearly every frame: data in one PAN, between short addresses."""
_VERSION_2 = 0x2000
_SUPPRESSED, _ELEMENTS = 0x0100, 0x0200
_HEADER_ENDS, _HEADER_ENDS_ALL, _PAYLOAD_ENDS = 0x7E, 0x7F, 0x1F
_ADDRESS = {0: 0, 2: 2, 3: 8}  # length by addressing mode; 1 is reserved


@cache
def _layout(control: int) -> tuple[int, int, int] | None:
    """Lengths of the destination address, the source address and the header; None for what cannot be, or nobody sends."""
    destination, source = _ADDRESS.get(control >> 10 & 3), _ADDRESS.get(control >> 14 & 3)
    if destination is None or source is None or control & 0x3000 == 0x3000 or control & 7 > COMMAND:
        return None
    compressed = bool(control & 0x0040)
    if control & _VERSION_2 and (source == destination == 8 or (compressed and not (source and destination))):
        return None  # combinations that mean something else in version 2
    pans = 2 * bool(destination) + 2 * (bool(source) and not compressed)
    return destination, source, 3 + pans + destination + source


def _past_elements(psdu: bytes, at: int) -> int:
    """Where the information elements of a frame of version 2 end (802.15.4-2015 clause 7.4), if they end in the frame."""
    payload = False
    while at + 2 <= len(psdu):
        descriptor = psdu[at] | psdu[at + 1] << 8
        at += 2 + (descriptor & (0x07FF if payload else 0x7F))
        if not payload and descriptor >> 7 == _HEADER_ENDS:
            payload = True
        elif descriptor >> 7 == _HEADER_ENDS_ALL or descriptor >> 11 == _PAYLOAD_ENDS:
            break
    return at


_LAYOUT_BITS = 0xFC47
"""The bits of the frame control that matter: type, PAN compression, both addressing modes, version."""


class MacHeader:
    """What a receiver's hardware sees of `psdu` (5 to 127 octets, FCS included).

    `destination` None: nobody in particular (beacons), or `fault` says why it cannot be told. `pan` is the destination's.
    """

    __slots__ = ("acknowledge", "beacon_request", "data_request", "destination", "fault", "kind", "pan", "sequence", "source")
    destination: bytes | None

    def __init__(self, psdu: bytes) -> None:
        control = psdu[0] | psdu[1] << 8
        if control & ~(_ACK_REQUEST | _FRAME_PENDING) == _SHORT_DATA and len(psdu) >= _SHORT.size + _FCS:
            _, self.sequence, self.pan, self.destination, self.source = _SHORT.unpack_from(psdu)
            self.kind = DATA
            self.acknowledge = control & _ACK_REQUEST != 0 and self.destination != BROADCAST
            self.data_request = self.beacon_request = False
            self.fault = ""
        else:
            self._read(psdu, control)

    def _read(self, psdu: bytes, control: int) -> None:
        self.kind = kind = control & 7
        self.sequence = psdu[2]
        self.acknowledge = control & _ACK_REQUEST != 0
        self.data_request = False
        self.beacon_request = False
        self.fault = ""
        self.destination = None
        self.source = b""
        self.pan = BROADCAST
        layout = _layout(control & _LAYOUT_BITS)
        version_2 = control & _VERSION_2
        if layout is None or (version_2 and control & _SUPPRESSED):
            self.fault = "frame control"
            return
        destination, source, length = layout
        if len(psdu) < length + _FCS + (kind == COMMAND):
            self.fault = "length"
            return
        self.source = psdu[length - source : length]
        if destination:
            self.pan = psdu[3:5]
            self.destination = psdu[5 : 5 + destination]
        elif kind in (DATA, COMMAND) and source:  # without a destination it is for the PAN coordinator
            self.pan = psdu[3:5]
            self.destination = _COORDINATOR
        elif kind != BEACON:
            self.fault = "no destination"
        if self.destination == BROADCAST:
            self.acknowledge = False
        if version_2:
            self.acknowledge = False
            if control & _ELEMENTS:
                length = min(_past_elements(psdu, length), len(psdu) - 1)
        if kind == COMMAND:
            self.data_request = psdu[length] == _DATA_REQUEST
            self.beacon_request = psdu[length] == _BEACON_REQUEST


def acknowledgement(sequence: int, frame_pending: bool) -> bytes:
    """The acknowledgement frame for a sequence number, with its FCS (7.2.2.3)."""
    return _ACKNOWLEDGEMENTS[frame_pending][sequence]


def with_frame_pending(psdu: bytes) -> bytes:
    """The same frame with its frame pending bit set, and its FCS to match."""
    return append_kermit(bytes((psdu[0] | _FRAME_PENDING,)) + psdu[1:-_FCS])


_ACKNOWLEDGEMENTS = tuple(
    tuple(append_kermit(bytes((ACK | pending, 0, sequence))) for sequence in range(256)) for pending in (0, _FRAME_PENDING)
)
