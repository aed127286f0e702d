"""Finds HDLC frames in octets as they come: any split, noise, damage, flags inside frames (IEC 62056-46 6.4.1).

Frame type 3 has no octet stuffing, so a frame is found by its length and believed by its checks: a flag alone means
nothing. Keeps no clock: whoever owns the line calls ``abandon`` after the inter-octet time-out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocols.core import crc
from protocols.dlms.hdlc.frame import FLAG, LONGEST_FRAME, OVERHEAD, SHORTEST_FRAME, Frame, address, address_size


class Damage(Enum):
    """Why something that began like a frame was not one."""

    LENGTH = "length field out of range"
    ADDRESS = "address without an end"
    HEADER_CHECK = "header check sequence wrong"
    CLOSING_FLAG = "no flag where the length says it ends"
    FRAME_CHECK = "frame check sequence wrong"
    TIME_OUT = "line fell silent inside it"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A frame that was dropped: ``octets`` from its opening flag to where it was given up."""

    damage: Damage
    octets: bytes


class Deframer:
    """Octets in, whole and checked frames out; never holds more than one frame of the largest size.

    ``information`` is the largest information field to accept; longer frames are dropped at their length field.
    What is given up costs one octet, the flag: a good frame inside a damaged one is found. The verdict on some octets
    never depends on how they were cut.
    """

    __slots__ = ("_buffer", "_longest", "_wanted")

    def __init__(self, information: int = LONGEST_FRAME) -> None:
        self._longest: Final = min(information + OVERHEAD, LONGEST_FRAME)
        self._buffer = bytearray()
        self._wanted = 0

    @property
    def open(self) -> bool:
        """A frame has begun and not ended: the inter-octet time-out is running."""
        return len(self._buffer) > 1

    def feed(self, data: bytes) -> list[Frame]:
        """The good frames that ``data`` completes."""
        return [found for found in self.scan(data) if isinstance(found, Frame)]

    def scan(self, data: bytes) -> list[Frame | Damaged]:
        """As ``feed``, with the frames that were dropped in their places. Octets between frames are not reported."""
        buffer = self._buffer
        buffer += data
        found: list[Frame | Damaged] = []
        if len(buffer) < self._wanted:
            return found
        start = buffer.find(FLAG)
        while start >= 0:
            verdict = self._examine(start)
            if isinstance(verdict, int):
                self._wanted = verdict
                break
            if verdict is not None:
                found.append(verdict)
            # the closing flag of a frame may open the next one; anything else costs its flag only
            advance = 1 + _length(buffer, start) if isinstance(verdict, Frame) else 1
            start = buffer.find(FLAG, start + advance)
        else:
            start, self._wanted = len(buffer), 0
        del buffer[:start]
        return found

    def abandon(self) -> list[Frame | Damaged]:
        """The line has been silent: give up the frame that had begun, and search what came after its flag."""
        found: list[Frame | Damaged] = []
        while self.open:
            found.append(Damaged(Damage.TIME_OUT, bytes(self._buffer)))
            del self._buffer[0]
            self._wanted = 0
            found += self.scan(b"")
        return found

    def _examine(self, start: int) -> Frame | Damaged | int | None:
        """What stands at the flag at ``start``.

        A frame; a damaged one; how many octets from the flag on are needed to say more; None: nothing like a frame.
        Each step looks only at octets that no later octet can change the meaning of.
        """
        buffer = self._buffer
        here = len(buffer) - start
        if here < 2:
            return 2
        if buffer[start + 1] >> 4 != 0xA:
            return None
        if here < 3:
            return 3
        length = _length(buffer, start)
        if not SHORTEST_FRAME <= length <= self._longest:
            return self._damaged(Damage.LENGTH, start, 3)

        position = start + 3
        addresses: list[bytes] = []
        for _ in range(2):
            size = address_size(buffer, position)
            if size < 0:
                return self._damaged(Damage.ADDRESS, start, position - start + 3)
            if size == 0:
                return here + 1
            addresses.append(bytes(buffer[position : position + size]))
            position += size
        header = position + 1 - start
        if here < header + 2:
            return header + 2
        # Of a frame without information these two octets are the frame check; either way they cover what came so far.
        if _check_fails(buffer, start, header):
            return self._damaged(Damage.HEADER_CHECK, start, header + 2)
        end = length + 1
        if end != header + 2 and end < header + 4:
            return self._damaged(Damage.LENGTH, start, header + 2)
        if here <= end:
            return end + 1
        if buffer[start + end] != FLAG:
            return self._damaged(Damage.CLOSING_FLAG, start, end + 1)
        if _check_fails(buffer, start, end - 2):
            return self._damaged(Damage.FRAME_CHECK, start, end + 1)
        return Frame(
            destination=address(addresses[0]),
            source=address(addresses[1]),
            control=buffer[position],
            information=bytes(buffer[start + header + 2 : start + end - 2]),
            segmented=bool(buffer[start + 1] & 0x08),
        )

    def _damaged(self, damage: Damage, start: int, size: int) -> Damaged:
        return Damaged(damage, bytes(self._buffer[start : start + size]))


def _length(buffer: bytearray, start: int) -> int:
    """The length field of the frame whose flag is at ``start``: octets between the flags."""
    return (buffer[start + 1] & 0x07) << 8 | buffer[start + 2]


def _check_fails(buffer: bytearray, start: int, end: int) -> bool:
    """Whether the two octets at ``end`` (from the flag) are not the check of everything between the flag and them."""
    check = crc.x25(bytes(buffer[start + 1 : start + end]))
    return buffer[start + end] != check & 0xFF or buffer[start + end + 1] != check >> 8
