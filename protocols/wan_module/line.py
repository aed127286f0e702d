"""The serial line between a hub and its WAN module: messages whole, in order and once, or the line is down.

HDLC-lite frames (RFC 1662), one octet of control and a message. One message is under way at a time and is repeated until it is
acknowledged, with a number of one bit (the alternating bit protocol). The hub begins: START with a number of its choice is answered
by STARTED with the same, and then both count from zero and whatever was under way is void. A module that is asked to start under
another number has lost its hub and forgets everything.
After silence the hub sends an empty message, so that a module which died in its slot is noticed.

Sans-I/O: `feed`, `send`, `expire` and `deadline`; effects are returned.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from protocols.core.effects import Effect, Send
from protocols.spinel import hdlc_lite

MS: Final = 1_000_000
REPEAT: Final = 500 * MS
"""A message of the largest size takes some 200 ms at 115,200 baud."""
ATTEMPTS: Final = 6
QUIET: Final = 10_000 * MS
WAITING: Final = 512
"""Messages that may wait to be sent."""

_LIFE: Final = 4
_START: Final = 0xC0
_STARTED: Final = 0xC1
_MESSAGE: Final = 0x00
_ACKNOWLEDGED: Final = 0x10


class Up(Effect, frozen=True):
    """The line has begun, anew if it was up: both ends know nothing of each other."""


class Down(Effect, frozen=True):
    """The other end does not answer, or too much waits for it."""


class Heard(Effect, frozen=True):
    """A message."""

    message: bytes


class Line:
    """One end. The hub's begins, and draws the 32 bits of each start."""

    def __init__(self, draw: Callable[[], int] | None = None) -> None:
        self.up = False
        self.deadline: int | None = None
        """When `expire` is to be called, ns."""
        self._draw = draw
        self._life = b""
        self._decoder = hdlc_lite.Decoder()
        self._clear()

    def _clear(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._under_way: bytes | None = None
        self._own = self._next = self._attempts = 0

    def start(self, now: int) -> list[Effect]:
        """The hub's end: ask the other one to begin, again and again until it does."""
        assert self._draw is not None
        self.up = False
        self._clear()
        self._life = self._draw().to_bytes(_LIFE, "big")
        return self._ask(now)

    def _ask(self, now: int) -> list[Effect]:
        self.deadline = now + REPEAT
        return [_frame(_START, self._life)]

    def stop(self) -> None:
        """The plug is out: say no more."""
        self.up, self.deadline, self._life = False, None, b""
        self._decoder = hdlc_lite.Decoder()
        self._clear()

    def send(self, message: bytes, now: int) -> list[Effect]:
        """Send a message; it is dropped while the line is down."""
        if not self.up:
            return []
        if len(self._waiting) >= WAITING:
            return self._fail(now)
        self._waiting.append(message)
        return [] if self._under_way is not None else list(self._transmit(now))

    def feed(self, data: bytes, now: int) -> list[Effect]:
        """Octets from the line."""
        return [effect for frame in self._decoder.feed(data) for effect in self._frame(frame, now)]

    def expire(self, now: int) -> list[Effect]:
        """The deadline has come."""
        if self.deadline is None or now < self.deadline:
            return []
        if not self.up:
            return self._ask(now)
        if self._under_way is None:  # only the hub's end has a deadline then
            return self.send(b"", now)
        if self._attempts >= ATTEMPTS:
            return self._fail(now)
        self._attempts += 1
        self.deadline = now + REPEAT
        return [_frame(_MESSAGE | self._own, self._under_way)]

    def _frame(self, frame: bytes, now: int) -> Iterator[Effect]:
        control, message = frame[0], frame[1:]
        if control == _START and self._draw is None:
            yield _frame(_STARTED, message)
            if message != self._life or not self.up:
                self._clear()
                self.up, self._life, self.deadline = True, message, None
                yield Up()
        elif control == _STARTED and self._draw is not None and not self.up and message == self._life:
            self._clear()
            self.up = True
            self._rest(now)
            yield Up()
        elif not self.up:
            return
        elif control & ~1 == _MESSAGE:
            yield _frame(_ACKNOWLEDGED | control & 1)
            if control & 1 == self._next:
                self._next ^= 1
                if message:
                    yield Heard(message)
        elif control == _ACKNOWLEDGED | self._own and self._under_way is not None:
            self._under_way = None
            self._own ^= 1
            if self._waiting:
                yield from self._transmit(now)
            else:
                self._rest(now)

    def _transmit(self, now: int) -> Iterator[Effect]:
        self._under_way = self._waiting.popleft()
        self._attempts = 1
        self.deadline = now + REPEAT
        yield _frame(_MESSAGE | self._own, self._under_way)

    def _rest(self, now: int) -> None:
        self.deadline = now + QUIET if self._draw is not None else None

    def _fail(self, now: int) -> list[Effect]:
        self.stop()
        return [Down(), *(self.start(now) if self._draw is not None else ())]


def _frame(control: int, message: bytes = b"") -> Send:
    return Send(hdlc_lite.encode(bytes((control,)) + message))
