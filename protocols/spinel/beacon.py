"""Beacons of an active scan, as MAC_SCAN_BEACON tells of them: `Cct(ESSC)t(iCUdd)` (spinel-prop-mac, PROP 51).

The MAC layer's part is 802.15.4-2006 clause 7.2.2.1. Of the network layer's, ZigBee has no protocol number (0 is said), no name and
no steering data; what Spinel calls XPANID is the extended PAN identifier (05-3474 clause 3.6.7). A further field, as Spinel allows,
is the beacon's MSDU. Not here: enhanced beacons; what the payload says beyond the identifier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.core.codec import Frame, array, be, le, octets, prefixed, rest, this, when
from protocols.core.errors import RemoteProtocolError
from protocols.spinel.message import pack, unpack

JOINABLE: Final = 0x01
"""Flag: it lets devices associate."""
UNKNOWN: Final = 0xFFFF
"""A short address that the beacon does not tell."""
_ALIKE, _BEACON = 0x2C4F, 0x0000
"""Frame type, security, PAN compression, destination mode and frame version of a beacon frame as it was until 2015."""
_PERMIT = 0x8000
_IDENTIFIER = slice(3, 11)
_FCS = 2


class BeaconFrame(Frame):
    """A beacon without its FCS."""

    control: le.u16
    sequence: le.u8
    pan_id: le.u16
    short: int | None = when((this.control & 0xC000) == 0x8000, le.u16, default=None)
    eui64: int | None = when((this.control & 0xC000) == 0xC000, le.u64, default=None)
    msdu: bytes = rest(default=b"")


class Superframe(Frame):
    """Its MSDU."""

    specification: le.u16
    gts: le.u8
    gts_directions: int | None = when(this.gts & 0x07, le.u8)
    gts_list: bytes = octets((this.gts & 0x07) * 3)
    pending: le.u8
    pending_short: list[int] = array(le.u16, count=this.pending & 0x07)
    pending_extended: list[int] = array(le.u64, count=(this.pending >> 4) & 0x07)
    payload: bytes = rest()


class _MacLayer(Frame):
    eui64: be.u64
    short: le.u16
    pan_id: le.u16
    lqi: le.u8


class _Told(Frame):
    channel: le.u8
    rssi: le.i8
    mac: bytes = prefixed(le.u16)
    net: bytes = prefixed(le.u16)


class _Data(Frame):
    octets: bytes = prefixed(le.u16)


@dataclass(frozen=True, slots=True)
class ScanBeacon:
    """One network that answered. `rssi`: dBm; `lqi`: 0 to 255; `eui64` 0 and `short` 0xFFFF: not told."""

    channel: int
    rssi: int
    eui64: int
    short: int
    pan_id: int
    lqi: int
    flags: int
    extended_pan_id: bytes
    """Eight octets as they are read, most significant first; or none."""
    msdu: bytes = b""
    protocol: int = 0
    name: bytes = b""
    steering: bytes = b""

    @property
    def joinable(self) -> bool:
        return bool(self.flags & JOINABLE)

    @classmethod
    def heard(cls, psdu: bytes, channel: int, rssi: int, lqi: int) -> ScanBeacon:
        """What a frame on the air tells; its FCS was right. Raises RemoteProtocolError where it is no whole beacon."""
        frame = BeaconFrame.parse(psdu[:-_FCS])
        if frame.control & _ALIKE != _BEACON or (frame.short is None) is (frame.eui64 is None):
            raise RemoteProtocolError("no beacon")
        superframe = Superframe.parse(frame.msdu)
        zigbee = superframe.payload[:1] == b"\0" and len(superframe.payload) >= _IDENTIFIER.stop
        return cls(
            channel, rssi, frame.eui64 or 0, UNKNOWN if frame.short is None else frame.short, frame.pan_id, lqi,
            JOINABLE if superframe.specification & _PERMIT else 0,
            superframe.payload[_IDENTIFIER][::-1] if zigbee else b"", frame.msdu,
        )  # fmt: skip

    def build(self) -> bytes:
        """The value of MAC_SCAN_BEACON."""
        mac = _MacLayer(self.eui64, self.short, self.pan_id, self.lqi).build()
        data = b"".join(_Data(each).build() for each in (self.extended_pan_id, self.steering, self.msdu))
        net = pack(self.protocol) + bytes((self.flags,)) + self.name + b"\0" + data
        return _Told(self.channel, self.rssi, mac, net).build()

    @classmethod
    def parse(cls, value: bytes) -> ScanBeacon:
        """The value of MAC_SCAN_BEACON; fields behind those that are known are not looked at. Raises RemoteProtocolError."""
        told, _ = _Told.parse_from(value, 0)
        mac, _ = _MacLayer.parse_from(told.mac, 0)
        protocol, at = unpack(told.net)
        end = told.net.find(b"\0", at + 1)
        if end < 0:
            raise RemoteProtocolError("a name without an end")
        identifier, after = _Data.parse_from(told.net, end + 1)
        steering, msdu = b"", b""
        if after < len(told.net):
            data, after = _Data.parse_from(told.net, after)
            steering = data.octets
        if after < len(told.net):
            data, after = _Data.parse_from(told.net, after)
            msdu = data.octets
        return cls(
            told.channel, told.rssi, mac.eui64, mac.short, mac.pan_id, mac.lqi, told.net[at], identifier.octets, msdu,
            protocol, told.net[at + 1 : end], steering,
        )  # fmt: skip
