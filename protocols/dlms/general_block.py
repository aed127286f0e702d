"""General block transfer: any APDU, plain or ciphered, cut into numbered blocks (Green Book 9.4.6.13; IEC 62056-5-3 7.3.13).

Each end sends a stream of blocks, as many as the other's window, and with the last of the stream hands over the turn; the other
then acknowledges by number what arrived without a gap, and what did not is sent again. A request and its answer are one
`Transfer`: who is asked in blocks answers in blocks. `Transfer` is the same for server and client, and knows no time: whoever
owns it gives it up, or calls `repeat`, when the line stays quiet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from protocols.core.codec import Frame, axdr_length, be, const, prefixed
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms.blocks import MAX_OCTETS, Outgoing

TAG: Final = 0xE0
LAST: Final = 0x80
"""Of block-control: no block follows."""
STREAMING: Final = 0x40
"""Of block-control: more of the stream follows, keep listening."""
WINDOW: Final = 0x3F
"""Of block-control: how many blocks the sender takes in one stream."""
OVERHEAD: Final = 9
"""Octets of an APDU around its block: tag, control, two numbers, length (3)."""
LAST_NUMBER: Final = 0xFFFF


class GeneralBlock(Frame):
    """General-Block-Transfer. ``number`` 0 and the last-block bit abort the transfer."""

    tag: int = const(TAG, be.u8)
    control: be.u8
    number: be.u16
    acknowledged: be.u16
    raw: bytes = prefixed(axdr_length)

    @property
    def last(self) -> bool:
        """Whether no block follows."""
        return bool(self.control & LAST)

    @property
    def streaming(self) -> bool:
        """Whether the sender goes on without an acknowledgement."""
        return bool(self.control & STREAMING)

    @property
    def window(self) -> int:
        """How many blocks its sender takes in one stream."""
        return self.control & WINDOW

    @property
    def begins(self) -> bool:
        """Whether it may be the first of an exchange. What it acknowledges isn't looked at: clients differ there."""
        return self.number == 1 and bool(self.raw)

    @property
    def aborts(self) -> bool:
        """Whether its sender gives the transfer up."""
        return self.number == 0 and self.last


class Aborted(RemoteProtocolError):
    """The other end gave the transfer up, or did what leaves no way to go on."""


ABORT: Final = GeneralBlock(LAST, 0, 0, b"")


class Transfer:
    """One request and its answer in blocks, at either end.

    `size`: octets of the longest APDU that may be sent. `window`: blocks taken in one stream, 1 to 63. `stream`: blocks sent in
    one, even if the other takes more.
    """

    def __init__(self, size: int, window: int, stream: int = WINDOW) -> None:
        self._room = size - OVERHEAD
        self._window = window
        self._most = stream
        self._theirs = 1
        # Coming in: what has arrived without a gap, and behind a gap, at most a window of it.
        self._first = b""
        self._received = bytearray()
        self._arrived = 0
        self._ahead: dict[int, GeneralBlock] = {}
        self._whole = False
        # Going out: blocks that were not acknowledged, at most a window of them.
        self._outgoing: Outgoing | None = None
        self._unacknowledged: list[GeneralBlock] = []
        self._sent = 0
        self._settled = 0
        self._turn: list[GeneralBlock] = []

    @property
    def sending(self) -> bool:
        """Whether something that was sent, or is to be sent, has not been acknowledged."""
        return self._outgoing is not None or bool(self._unacknowledged)

    def repeats(self, block: GeneralBlock) -> bool:
        """Whether a block is the first of this exchange again: its sender has not heard of us.

        An exchange whose answer was sent to its end is over: the same octets are then the same question, asked again.
        """
        return block.raw == self._first and (not self._whole or self._outgoing is not None)

    def send(self, apdu: Iterable[bytes]) -> list[GeneralBlock]:
        """Begin to send an APDU, given in pieces; the first stream of its blocks."""
        self._outgoing = Outgoing(apdu)
        self._sent = self._settled
        return self._stream()

    def receive(self, block: GeneralBlock) -> tuple[bytes | None, list[GeneralBlock]]:
        """Take a block: the APDU that is whole with it, and the blocks to send now. Raises Aborted.

        A whole APDU is not acknowledged here: its answer does that, or `acknowledge`.
        """
        if block.aborts:
            raise Aborted("the other end gave up the block transfer")
        self._theirs = min(block.window or 1, self._most)
        self._first = self._first or block.raw
        self._settle(block.acknowledged)
        self._take(block)
        if self._whole and self._received:
            apdu = bytes(self._received)
            self._received.clear()
            return apdu, []
        if block.streaming or not block.window:
            return None, []
        return None, self._stream() if self.sending else self.acknowledge()

    def acknowledge(self) -> list[GeneralBlock]:
        """A block without data that says what has arrived, and gives the turn back.

        It has a number like any block, which is used again unless the other end says that it has it: it got lost, or the other
        end counts only blocks with data.
        """
        self._sent = self._settled + 1
        return self._say([self._block(LAST if self._whole else 0, self._sent, b"")])

    def repeat(self) -> list[GeneralBlock]:
        """What was said last, because nothing came of it, with what has arrived since."""
        return [self._block(block.control & ~WINDOW, block.number, block.raw) for block in self._turn]

    def _settle(self, acknowledged: int) -> None:
        """Forget what the other end has. Acknowledgements of what was never sent say nothing."""
        if self._settled < acknowledged <= self._sent:
            self._settled = acknowledged
            self._unacknowledged = [block for block in self._unacknowledged if block.number > acknowledged]

    def _take(self, block: GeneralBlock) -> None:
        if self._arrived < block.number <= self._arrived + self._window:
            self._ahead[block.number] = block
        while (following := self._ahead.pop(self._arrived + 1, None)) is not None:
            if len(self._received) + len(following.raw) > MAX_OCTETS:
                raise Aborted(f"more than {MAX_OCTETS} octets in one block transfer")
            self._received += following.raw
            self._arrived += 1
            self._whole = following.last

    def _stream(self) -> list[GeneralBlock]:
        """What the other end has not got, then new blocks, up to its window."""
        while self._outgoing is not None and len(self._unacknowledged) < self._theirs:
            last, _number, raw = self._outgoing.cut(self._room)
            if self._sent == LAST_NUMBER:
                raise Aborted(f"more than {LAST_NUMBER} blocks in one transfer")
            self._sent += 1
            self._unacknowledged.append(self._block(LAST if last else 0, self._sent, raw))
            if last:
                self._outgoing = None
        *ahead, end = self._unacknowledged[: self._theirs]
        return self._say([*(self._block(block.control & LAST | STREAMING, block.number, block.raw) for block in ahead),
                          self._block(end.control & LAST, end.number, end.raw)])  # fmt: skip

    def _say(self, blocks: list[GeneralBlock]) -> list[GeneralBlock]:
        self._turn = blocks
        return blocks

    def _block(self, control: int, number: int, raw: bytes) -> GeneralBlock:
        return GeneralBlock(control | self._window, number, self._arrived, raw)


def continues(apdu: bytes) -> bool:
    """Whether an APDU is a block after which its sender goes on without being asked."""
    return len(apdu) > 1 and apdu[0] == TAG and bool(apdu[1] & STREAMING)


def unconfirmed(apdu: Iterable[bytes], size: int) -> list[GeneralBlock]:
    """An APDU in blocks that nobody acknowledges: window 0. `size`: octets of the longest APDU that may be sent."""
    outgoing = Outgoing(apdu)
    blocks = []
    last = False
    while not last:
        last, number, raw = outgoing.cut(size - OVERHEAD)
        if number > LAST_NUMBER:
            raise LocalProtocolError(f"more than {LAST_NUMBER} blocks in one transfer")
        blocks.append(GeneralBlock(LAST if last else 0, number, 0, raw))
    return blocks
