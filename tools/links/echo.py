"""Links that repeat what is sent into them: optical heads that see their own light, two-wire buses. The repetition is taken out.

An echo is believed when it is whole: until then its beginning is held back, and given after all when something else follows. So a
link that does not echo loses nothing, and one whose echo is damaged delivers the rest of it, which no protocol takes for an answer.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from tools.links.stream import Closing, Stream

LONGEST: Final = 64 * 1024
"""Octets whose echo is awaited; beyond that the link is taken for one without."""


class Echo:
    """Takes what was sent out of what comes."""

    def __init__(self) -> None:
        self._sent: deque[bytes] = deque()
        self._seen = 0
        """Octets of the first of them that have come."""

    def sent(self, data: bytes) -> None:
        """This was sent."""
        if data and sum(map(len, self._sent)) + len(data) <= LONGEST:
            self._sent.append(data)

    def received(self, data: bytes) -> bytes:
        """What of `data` is no echo."""
        position = 0
        while self._sent and position < len(data):
            awaited, seen = self._sent[0], self._seen
            size = min(len(awaited) - seen, len(data) - position)
            if awaited[seen : seen + size] != data[position : position + size]:
                self._sent.clear()
                self._seen = 0
                return awaited[:seen] + data[position:]
            position += size
            self._seen = seen + size
            if self._seen == len(awaited):
                self._sent.popleft()
                self._seen = 0
        return data[position:]


class Echoing(Closing):
    """A stream on such a link, without its echo."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._echo = Echo()

    def read(self, timeout: float) -> bytes:
        until = time.monotonic() + timeout
        while True:
            came = self._stream.read(max(until - time.monotonic(), 0))
            data = self._echo.received(came)
            if data or not came:
                return data

    def write(self, data: bytes) -> None:
        self._echo.sent(data)
        self._stream.write(data)

    def set_rate(self, baud: int) -> None:
        self._stream.set_rate(baud)

    def close(self) -> None:
        self._stream.close()
