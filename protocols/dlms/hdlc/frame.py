"""HDLC frame format type 3 and its addresses (IEC 62056-46 6.4.1, 6.4.2).

Written by hand, not declared: a header check stands in the middle of the frame, depends on whether anything follows
it, and must be judged before the rest has come in. Knows no sequence rules; those are the links'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final

import msgspec

from protocols.core import crc
from protocols.core.errors import DecodeError, LocalProtocolError

FLAG: Final = 0x7E
LONGEST_FRAME: Final = 0x7FF
"""What the eleven bits of the length field can say: octets between the flags."""
SHORTEST_FRAME: Final = 7
"""Format, two one-octet addresses, control, frame check."""
OVERHEAD: Final = 15
"""The most octets between the flags that are not information: format, two four-octet addresses, control, two checks."""


class Kind(Enum):
    """What the control field says (IEC 62056-46 6.4.3.1)."""

    I = "I"  # noqa: E741 - the standard's name
    RR = "RR"
    RNR = "RNR"
    SNRM = "SNRM"
    DISC = "DISC"
    UA = "UA"
    DM = "DM"
    FRMR = "FRMR"
    UI = "UI"
    UNDEFINED = "undefined"


POLL: Final = 0x10
"""P of a command, F of a response: the same bit."""

CONTROL: Final = {
    Kind.I: 0x00, Kind.RR: 0x01, Kind.RNR: 0x05,
    Kind.SNRM: 0x83, Kind.DISC: 0x43, Kind.UA: 0x63, Kind.DM: 0x0F, Kind.FRMR: 0x87, Kind.UI: 0x03,
}  # fmt: skip
_UNNUMBERED: Final = {code: kind for kind, code in CONTROL.items() if code & 0x03 == 0x03}
_SUPERVISORY: Final = {CONTROL[Kind.RR]: Kind.RR, CONTROL[Kind.RNR]: Kind.RNR}


def _kind(control: int) -> Kind:
    if not control & 0x01:
        return Kind.I
    if control & 0x03 == 0x01:
        return _SUPERVISORY.get(control & 0x0F, Kind.UNDEFINED)
    return _UNNUMBERED.get(control & ~POLL, Kind.UNDEFINED)


_KINDS: Final = tuple(_kind(control) for control in range(256))


@dataclass(frozen=True, slots=True)
class Address:
    """A station's address: of a client (upper only, one octet) or of a server (logical device, physical device).

    ``size`` is 1, 2 or 4 octets; 0 takes the smallest that holds the numbers. ``str`` gives "16" or "1/17".
    """

    upper: int
    lower: int | None = None
    size: int = 0
    octets: bytes = field(init=False, repr=False, compare=False)
    """On the wire: seven bits an octet, most significant first; the lowest bit of the last octet marks the end."""

    def __post_init__(self) -> None:
        halves = (self.upper,) if self.lower is None else (self.upper, self.lower)
        size = self.size or (1 if self.lower is None else 2 if max(halves) < 0x80 else 4)
        limit = 1 << 7 * size // len(halves)
        if size not in (1, 2, 4) or (size == 1) != (self.lower is None) or not all(0 <= half < limit for half in halves):
            raise LocalProtocolError(f"no {size}-octet HDLC address can say {self.upper}, {self.lower}")
        each = size // len(halves)
        octets = bytearray((half >> 7 * place & 0x7F) << 1 for half in halves for place in reversed(range(each)))
        octets[-1] |= 1
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "octets", bytes(octets))

    def __str__(self) -> str:
        return str(self.upper) if self.lower is None else f"{self.upper}/{self.lower}"


ALL_STATIONS: Final = (0x7F, 0x3FFF)
"""Upper or lower half that means everybody, in addresses of one or two octets and of four (IEC 62056-46 6.4.2.4)."""


CALLING: Final = (0x7E, 0x3FFE)
"""Lower half that means whichever device has called: it alone takes such frames."""
NO_STATION: Final = 0
"""Either half: nobody."""


@lru_cache(maxsize=256)
def address(octets: bytes) -> Address:
    """The address that complete address octets (1, 2 or 4 of them) say."""
    sevens = [octet >> 1 for octet in octets]
    match sevens:
        case [upper]:
            return Address(upper)
        case [upper, lower]:
            return Address(upper, lower)
        case [a, b, c, d]:
            return Address(a << 7 | b, c << 7 | d, 4)
    raise DecodeError(f"Frame.address: {len(octets)} octets, not 1, 2 or 4")


def address_size(data: bytes | bytearray, position: int) -> int:
    """Octets of the address that begins at ``position``: 1, 2 or 4; 0 while its end has not come; -1 for no address."""
    for size in range(1, 5):
        if position + size > len(data):
            return 0
        if data[position + size - 1] & 1:
            return -1 if size == 3 else size
    return -1


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame. ``information`` may be empty; ``segmented`` says that more of the same PDU follows."""

    destination: Address
    source: Address
    control: int
    information: bytes = b""
    segmented: bool = False

    @classmethod
    def unnumbered(cls, kind: Kind, destination: Address, source: Address, *, poll: bool, information: bytes = b"") -> Frame:
        """SNRM, DISC, UA, DM, FRMR or UI."""
        return cls(destination, source, CONTROL[kind] | POLL * poll, information)

    @classmethod
    def numbered(
        cls, kind: Kind, destination: Address, source: Address, *,
        receive: int, poll: bool, send: int = 0, information: bytes = b"", segmented: bool = False,
    ) -> Frame:  # fmt: skip
        """I, RR or RNR: ``receive`` is N(R), ``send`` N(S), both modulo 8."""
        return cls(destination, source, CONTROL[kind] | receive << 5 | POLL * poll | send << 1, information, segmented)

    @property
    def kind(self) -> Kind:
        return _KINDS[self.control]

    @property
    def poll(self) -> bool:
        """P, or F in a response."""
        return bool(self.control & POLL)

    @property
    def send_number(self) -> int:
        """N(S) of an I-frame."""
        return self.control >> 1 & 0x07

    @property
    def receive_number(self) -> int:
        """N(R) of an I, RR or RNR frame."""
        return self.control >> 5

    def build(self) -> bytes:
        """The frame with both flags. LocalProtocolError when it is longer than the length field can say."""
        destination, source = self.destination.octets, self.source.octets
        header = 2 + len(destination) + len(source) + 1
        length = header + 2 + (len(self.information) + 2 if self.information else 0)
        if length > LONGEST_FRAME:
            raise LocalProtocolError(f"{len(self.information)} octets of information do not fit into one frame")
        form = 0xA000 | self.segmented << 11 | length
        octets = crc.append_x25(b"%b%b%b%c" % (form.to_bytes(2, "big"), destination, source, self.control))
        if self.information:
            octets = crc.append_x25(octets + self.information)
        return b"~%b~" % octets

    @classmethod
    def parse(cls, data: bytes) -> Frame:
        """Exactly one frame with both flags; DecodeError otherwise. For octets as they come, see Deframer."""
        match examine(data, 0, LONGEST_FRAME) if data[:1] == b"~" else None:
            case Frame() as frame if length_field(data, 0) + 2 == len(data):
                return frame
        raise DecodeError(f"Frame: not one whole frame: {data.hex()}")

    def __str__(self) -> str:
        kind = self.kind
        numbers = {
            Kind.I: f" N(S)={self.send_number} N(R)={self.receive_number}",
            Kind.RR: f" N(R)={self.receive_number}",
            Kind.RNR: f" N(R)={self.receive_number}",
        }.get(kind, "")
        marks = " P/F" * self.poll + " segmented" * self.segmented
        return f"{kind.value}{numbers}{marks} {self.source} > {self.destination} {self.information.hex()}".rstrip()


class Damage(Enum):
    """Why something that began like a frame was not one."""

    LENGTH = "length field out of range"
    ADDRESS = "address without an end"
    HEADER_CHECK = "header check sequence wrong"
    CLOSING_FLAG = "no flag where the length says it ends"
    FRAME_CHECK = "frame check sequence wrong"
    TIME_OUT = "line fell silent inside it"


class Damaged(msgspec.Struct, frozen=True, gc=False):
    """A frame that was dropped: ``octets`` from its opening flag to where it was given up."""

    damage: Damage
    octets: bytes


def examine(buffer: bytes | bytearray, start: int, longest: int) -> Frame | Damaged | int | None:
    """What stands at the flag at ``start`` of ``buffer``.

    A frame; a damaged one; how many octets from the flag on are needed to say more; None: nothing like a frame.
    ``longest``: octets between the flags. Each step looks only at octets whose meaning no later octet can change.
    """
    here = len(buffer) - start
    if here < 2:
        return 2
    if buffer[start + 1] >> 4 != 0xA:
        return None
    if here < 3:
        return 3
    length = length_field(buffer, start)
    if not SHORTEST_FRAME <= length <= longest:
        return Damaged(Damage.LENGTH, bytes(buffer[start : start + 3]))

    position = start + 3
    addresses: list[bytes] = []
    for _ in range(2):
        size = address_size(buffer, position)
        if size < 0:
            return Damaged(Damage.ADDRESS, bytes(buffer[start : position + 3]))
        if size == 0:
            return here + 1
        addresses.append(bytes(buffer[position : position + size]))
        position += size
    header = position + 1 - start
    if here < header + 2:
        return header + 2
    # Of a frame without information these two octets are the frame check; either way they cover what came so far.
    if _check_fails(buffer, start, header):
        return Damaged(Damage.HEADER_CHECK, bytes(buffer[start : start + header + 2]))
    end = length + 1
    if end != header + 2 and end < header + 4:
        return Damaged(Damage.LENGTH, bytes(buffer[start : start + header + 2]))
    if here <= end:
        return end + 1
    if buffer[start + end] != FLAG:
        return Damaged(Damage.CLOSING_FLAG, bytes(buffer[start : start + end + 1]))
    if _check_fails(buffer, start, end - 2):
        return Damaged(Damage.FRAME_CHECK, bytes(buffer[start : start + end + 1]))
    return Frame(
        address(addresses[0]),
        address(addresses[1]),
        buffer[position],
        bytes(buffer[start + header + 2 : start + end - 2]),
        bool(buffer[start + 1] & 0x08),
    )


def length_field(buffer: bytes | bytearray, start: int) -> int:
    """The length field of the frame whose flag is at ``start``: octets between the flags."""
    return (buffer[start + 1] & 0x07) << 8 | buffer[start + 2]


def _check_fails(buffer: bytes | bytearray, start: int, end: int) -> bool:
    """Whether the two octets at ``end`` (from the flag) are not the check of everything between the flag and them."""
    check = crc.x25(bytes(buffer[start + 1 : start + end]))
    return buffer[start + end] != check & 0xFF or buffer[start + end + 1] != check >> 8
