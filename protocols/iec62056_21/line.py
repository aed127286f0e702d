"""What the two machines share: effects, times, and the octets of a line cut into messages (IEC 62056-21 6.3, 6.4, 6.5)."""

from __future__ import annotations

from typing import Final

from protocols.core.effects import Effect
from protocols.iec62056_21.characters import ACK, CRLF, EOT, ETX, NAK, SOH, STX

_MS: Final = 1_000_000
REACTION: Final = 300 * _MS
"""How long we take to answer: 200 ms to 1.5 s are allowed. A device whose maker's third letter is small may take 20 ms."""
QUICK_REACTION: Final = 20 * _MS
SILENCE: Final = 1_500 * _MS
"""The longest pause inside a message."""
ANSWER: Final = 2_200 * _MS
"""How long a device waits for a message that must come, and a hand-held unit for an answer beyond the device's reaction."""
LONGEST_LINE: Final = 128
OPTION_SIZE: Final = 6


class Baud(Effect, frozen=True):
    """The line's rate from now on, once everything sent before has gone."""

    rate: int


class Handover(Effect, frozen=True):
    """HDLC from now on, at this rate and with eight data bits (mode E). The line is the machine's again when it is told so."""

    rate: int


class Discarded(Effect, frozen=True):
    """Characters that had no effect, and why."""

    reason: str
    characters: bytes


class Scanner:
    """Characters in, whole messages out: lines, acknowledgements, blocks. Keeps at most one message; noise between is passed over.

    `options`: ACK begins an option select; otherwise it stands alone. A message is judged by who parses it.
    """

    def __init__(self, longest: int) -> None:
        self.options = True
        self._longest: Final = longest
        self._buffer = bytearray()

    @property
    def open(self) -> bool:
        """A message has begun: the time-out between characters is running."""
        return bool(self._buffer)

    def clear(self) -> None:
        """Forget what has begun."""
        self._buffer.clear()

    def feed(self, characters: bytes) -> None:
        """Take characters."""
        self._buffer += characters

    def next(self) -> bytes | None:
        """The next whole message, or None until more has come."""
        buffer = self._buffer
        while buffer:
            size = self._size()
            if size is None:
                return None
            message = bytes(buffer[:size])
            del buffer[: size or 1]
            if message:
                return message
        return None

    def _size(self) -> int | None:
        """Octets of the message that the buffer begins with; 0: none can begin here; None: it has not ended."""
        buffer = self._buffer
        first = buffer[0]
        if first in (SOH, STX):
            ends = [end for end in (buffer.find(ETX), buffer.find(EOT)) if end > 0]
            if ends and min(ends) + 1 < len(buffer):
                return min(ends) + 2
            return None if len(buffer) < self._longest else 0
        if first == ord("/"):
            end = buffer.find(CRLF)
            return end + 2 if 0 <= end < LONGEST_LINE else None if len(buffer) < LONGEST_LINE else 0
        if first == ACK and self.options:
            return OPTION_SIZE if len(buffer) >= OPTION_SIZE else None
        return 1 if first in (ACK, NAK) else 0
