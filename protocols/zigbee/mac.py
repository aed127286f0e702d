"""IEEE 802.15.4-2006 MAC frames as ZigBee uses them: beacons, data, commands, acknowledgements; always with their FCS.

Clauses 7.2 (frames), 7.3 (commands), 7.5.2 (superframe); the beacon payload is 05-3474 clause 3.6.7. Acknowledgements are
made, and frames repeated, by the medium: nothing here waits. Not here: MAC security (ZigBee doesn't use it), guaranteed time
slots beyond skipping them, beacon-enabled networks.
"""

from __future__ import annotations

from struct import Struct

from protocols.core import crc
from protocols.core.codec import Choice, Frame, array, choice, const, le, octets, rest, this, trailing, when
from protocols.core.errors import RemoteProtocolError

MIN_PSDU, MAX_PSDU = 5, 127
CHANNELS = range(11, 27)
"""At 2.4 GHz."""
FCS = 2
BROADCAST = 0xFFFF
NO_SHORT_ADDRESS = 0xFFFE
"""An associated device that goes by its EUI-64."""

TYPE = 0x0007
BEACON, DATA, ACK, COMMAND = range(4)

SECURITY = 0x0008
FRAME_PENDING = 0x0010
ACK_REQUEST = 0x0020
PAN_COMPRESSION = 0x0040
DESTINATION_MODE = 0x0C00
DESTINATION_SHORT = 0x0800
DESTINATION_EXTENDED = 0x0C00
SOURCE_MODE = 0xC000
SOURCE_SHORT = 0x8000
SOURCE_EXTENDED = 0xC000

ASSOCIATION_PERMIT = 0x8000
"""Of a superframe specification."""

_RESERVED_MODE = 0x0400

SHORT_DATA = DATA | PAN_COMPRESSION | DESTINATION_SHORT | SOURCE_SHORT
"""Data between two short addresses of one PAN: all but a few frames of a ZigBee network, so they are read and written at once."""
SHORT_HEADER = Struct("<HBHHH")
"""Their header: control, sequence number, PAN, destination, source."""

CAPABILITY_ROUTER = 0x02
CAPABILITY_MAINS = 0x04
CAPABILITY_RX_ON = 0x08
CAPABILITY_ALLOCATE = 0x80


class Header(Frame):
    """MHR. 802.15.4-2006 clause 7.2.1."""

    control: le.u16
    sequence: le.u8
    destination_pan: int | None = when(this.control & 0x0800, le.u16, default=None)
    destination: int | None = when((this.control & 0x0C00) == 0x0800, le.u16, default=None)
    destination_eui64: int | None = when((this.control & 0x0C00) == 0x0C00, le.u64, default=None)
    source_pan: int | None = when((this.control & 0x8040) == 0x8000, le.u16, default=None)
    source: int | None = when((this.control & 0xC000) == 0x8000, le.u16, default=None)
    source_eui64: int | None = when((this.control & 0xC000) == 0xC000, le.u64, default=None)


class Beacon(Frame):
    """MSDU of a beacon frame. Clause 7.2.2.1; guaranteed time slots and pending addresses are read past."""

    superframe: le.u16
    gts: le.u8
    gts_directions: int | None = when(this.gts & 0x07, le.u8)
    gts_list: bytes = octets((this.gts & 0x07) * 3)
    pending: le.u8
    pending_short: list[int] = array(le.u16, count=this.pending & 0x07)
    pending_extended: list[int] = array(le.u64, count=(this.pending >> 4) & 0x07)
    payload: bytes = rest()

    @property
    def pan_coordinator(self) -> bool:
        return bool(self.superframe & 0x4000)

    @property
    def association_permit(self) -> bool:
        return bool(self.superframe & ASSOCIATION_PERMIT)


class BeaconPayload(Frame):
    """NWK information in a beacon. 05-3474 clause 3.6.7. Later revisions append fields: they are kept in `tail`."""

    protocol: int = const(0x00, le.u8)
    stack: le.u16
    extended_pan_id: le.u64
    tx_offset: le.u24
    update_id: le.u8
    tail: bytes = rest(default=b"")

    @property
    def stack_profile(self) -> int:
        """2 is ZigBee PRO."""
        return self.stack & 0x0F

    @property
    def router_capacity(self) -> bool:
        return bool(self.stack & 0x0400)

    @property
    def depth(self) -> int:
        return self.stack >> 11 & 0x0F

    @property
    def end_device_capacity(self) -> bool:
        return bool(self.stack & 0x8000)


class AssociationRequest(Frame):
    """Clause 7.3.1."""

    command: int = const(0x01, le.u8)
    capability: le.u8


class AssociationResponse(Frame):
    """Clause 7.3.2. `status`: 0 granted, 1 PAN at capacity, 2 access denied."""

    command: int = const(0x02, le.u8)
    short: le.u16
    status: le.u8


class DataRequest(Frame):
    """Clause 7.3.4: a sleepy device asks its parent for a held frame."""

    command: int = const(0x04, le.u8)


class OrphanNotification(Frame):
    """Clause 7.3.6: a device that has lost its parent asks whether it still knows it."""

    command: int = const(0x06, le.u8)


class BeaconRequest(Frame):
    """Clause 7.3.7."""

    command: int = const(0x07, le.u8)


class CoordinatorRealignment(Frame):
    """Clause 7.3.8, as the answer to an orphan: where its parent is, and the address that it has. `page`: only where not 0."""

    command: int = const(0x08, le.u8)
    pan_id: le.u16
    coordinator: le.u16
    channel: le.u8
    short: le.u16
    page: int | None = trailing(le.u8, default=None)


commands: Choice[Frame] = choice(
    "MAC command",
    [AssociationRequest, AssociationResponse, DataRequest, OrphanNotification, BeaconRequest, CoordinatorRealignment],
)
"""The MAC commands a ZigBee node answers or sends."""


def check(psdu: bytes) -> None:
    """Raises RemoteProtocolError on a bad length or FCS."""
    if not MIN_PSDU <= len(psdu) <= MAX_PSDU:
        raise RemoteProtocolError(f"a PSDU of {len(psdu)} octets")
    if not crc.ends_in_kermit(psdu):
        raise RemoteProtocolError("the FCS does not fit")


def short_data(psdu: bytes) -> tuple[int, int, int] | None:
    """PAN, destination and source of a checked `SHORT_DATA` frame, behind whose `SHORT_HEADER` is the MSDU; None: another frame."""
    if len(psdu) < SHORT_HEADER.size + FCS:
        return None
    control, _, pan, destination, source = SHORT_HEADER.unpack_from(psdu)
    return (pan, destination, source) if control & ~(ACK_REQUEST | FRAME_PENDING) == SHORT_DATA else None


def split(psdu: bytes) -> tuple[Header, bytes]:
    """Header and MSDU of a PSDU. Raises RemoteProtocolError on a bad length, FCS, address mode or header."""
    check(psdu)
    body = psdu[:-FCS]
    header, at = Header.parse_from(body, 0)
    control = header.control
    if control & SECURITY:
        raise RemoteProtocolError("MAC security, which ZigBee does not use")
    if control & DESTINATION_MODE == _RESERVED_MODE or control & SOURCE_MODE == _RESERVED_MODE << 4:
        raise RemoteProtocolError("a reserved address mode")
    return header, body[at:]


def frame(header: Header, msdu: bytes) -> bytes:
    """The PSDU with its FCS."""
    return crc.append_kermit(header.build() + msdu)


def beacon_request(sequence: int) -> bytes:
    """PSDU that asks everybody in range for a beacon."""
    header = Header(COMMAND | DESTINATION_SHORT, sequence, destination_pan=BROADCAST, destination=BROADCAST)
    return frame(header, BeaconRequest().build())


def orphan_notification(sequence: int, eui64: int) -> bytes:
    """PSDU by which a device without its parent asks everybody in range, in any PAN."""
    control = COMMAND | PAN_COMPRESSION | DESTINATION_SHORT | SOURCE_EXTENDED
    header = Header(control, sequence, destination_pan=BROADCAST, destination=BROADCAST, source_eui64=eui64)
    return frame(header, OrphanNotification().build())


def realignment(sequence: int, eui64: int, orphan: int, command: CoordinatorRealignment) -> bytes:
    """PSDU of the answer, from the parent's EUI-64 to that of the orphan, whatever PAN it listens to."""
    header = Header(
        COMMAND | ACK_REQUEST | DESTINATION_EXTENDED | SOURCE_EXTENDED,
        sequence,
        destination_pan=BROADCAST,
        destination_eui64=orphan,
        source_pan=command.pan_id,
        source_eui64=eui64,
    )
    return frame(header, command.build())


def beacon(sequence: int, pan: int, source: int, superframe: int, payload: BeaconPayload) -> bytes:
    """PSDU of a beacon of a non-beacon-enabled network."""
    header = Header(BEACON | SOURCE_SHORT, sequence, source_pan=pan, source=source)
    msdu = Beacon(superframe, 0, None, b"", 0, [], [], payload.build())
    return frame(header, msdu.build())


def association_request(sequence: int, pan: int, coordinator: int, eui64: int, capability: int) -> bytes:
    """PSDU by which a device without an address asks `coordinator` for one; its own PAN is the broadcast PAN."""
    header = Header(
        COMMAND | ACK_REQUEST | DESTINATION_SHORT | SOURCE_EXTENDED,
        sequence,
        destination_pan=pan,
        destination=coordinator,
        source_pan=BROADCAST,
        source_eui64=eui64,
    )
    return frame(header, AssociationRequest(capability).build())


def association_response(sequence: int, pan: int, destination: int, source: int, short: int, status: int) -> bytes:
    """PSDU of the answer, from EUI-64 to EUI-64; it is held until the device asks for it."""
    header = Header(
        COMMAND | ACK_REQUEST | PAN_COMPRESSION | DESTINATION_EXTENDED | SOURCE_EXTENDED,
        sequence,
        destination_pan=pan,
        destination_eui64=destination,
        source_eui64=source,
    )
    return frame(header, AssociationResponse(short, status).build())


def data_request(sequence: int, pan: int, parent: int, short: int, eui64: int) -> bytes:
    """PSDU that asks the parent for a held frame; by EUI-64 while there is no short address."""
    control = COMMAND | ACK_REQUEST | PAN_COMPRESSION | DESTINATION_SHORT
    if short < NO_SHORT_ADDRESS:
        header = Header(control | SOURCE_SHORT, sequence, destination_pan=pan, destination=parent, source=short)
    else:
        header = Header(control | SOURCE_EXTENDED, sequence, destination_pan=pan, destination=parent, source_eui64=eui64)
    return frame(header, DataRequest().build())
