"""Finds HDLC frames in octets as they come: any split, noise, damage, flags inside frames (IEC 62056-46 6.4.1).

Frame type 3 has no octet stuffing, so a frame is found by its length and believed by its checks: a flag alone means
nothing. Keeps no clock: whoever owns the line calls ``abandon`` after the inter-octet time-out.
"""

from __future__ import annotations

from typing import Final

from protocols.dlms.hdlc.frame import FLAG, LONGEST_FRAME, OVERHEAD, Damage, Damaged, Frame, examine, length_field

__all__ = ["Damage", "Damaged", "Deframer"]


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
            verdict = examine(buffer, start, self._longest)
            if isinstance(verdict, int):
                self._wanted = verdict
                break
            if verdict is not None:
                found.append(verdict)
            # the closing flag of a frame may open the next one; anything else costs its flag only
            advance = 1 + length_field(buffer, start) if isinstance(verdict, Frame) else 1
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
