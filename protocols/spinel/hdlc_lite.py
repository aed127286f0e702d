"""HDLC-lite: frames on a serial line between flags, with escapes and a checksum (RFC 1662 3 and 4; draft-rquattle-spinel A.1).

An octet that means something to the line is sent as 7D and the octet with bit 5 flipped. What is damaged or too long is dropped,
and the next flag begins anew.
"""

from __future__ import annotations

from typing import Final

from protocols.core import crc

FLAG: Final = 0x7E
ESCAPE: Final = 0x7D
LONGEST: Final = 2048
"""Octets of a frame, checksum included."""
_SPECIAL: Final = bytes((FLAG, ESCAPE, 0x11, 0x13, 0xF8))
_FCS: Final = 2
_ESCAPED: Final = {octet: bytes((ESCAPE, octet ^ 0x20)) if octet in _SPECIAL else bytes((octet,)) for octet in range(256)}


def encode(frame: bytes) -> bytes:
    """A frame as it goes on the line, between two flags: hosts drop what comes before the first."""
    whole = frame + crc.x25(frame).to_bytes(_FCS, "little")
    return b"\x7e" + b"".join([_ESCAPED[octet] for octet in whole]) + b"\x7e"


class Decoder:
    """Finds frames in what comes from the line. `damaged` counts those that were dropped."""

    def __init__(self) -> None:
        self.damaged = 0
        self._octets = bytearray()
        self._escaped = False
        self._too_long = False

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that these octets complete, without checksum."""
        frames = []
        for octet in data:
            if octet == FLAG:
                frame = self._end()
                if frame is not None:
                    frames.append(frame)
            elif octet == ESCAPE:
                self._escaped = True
            elif len(self._octets) >= LONGEST:
                self._too_long = True
            else:
                self._octets.append(octet ^ 0x20 if self._escaped else octet)
                self._escaped = False
        return frames

    def _end(self) -> bytes | None:
        octets, good = bytes(self._octets), not (self._escaped or self._too_long)
        self._octets.clear()
        self._escaped = self._too_long = False
        if not octets:
            return None
        frame, checksum = octets[:-_FCS], octets[-_FCS:]
        if not good or not frame or crc.x25(frame) != int.from_bytes(checksum, "little"):
            self.damaged += 1
            return None
        return frame
