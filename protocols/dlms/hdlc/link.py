"""What both HDLC stations share: effects, LLC, and numbered information transfer (IEC 62056-46 5, 6.4.4)."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

from protocols.core.effects import Effect
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.hdlc.frame import Address, Frame, Kind
from protocols.dlms.hdlc.parameters import Limits

LLC_COMMAND: Final = bytes.fromhex("E6E600")
LLC_RESPONSE: Final = bytes.fromhex("E6E700")


class Connected(Effect, frozen=True):
    """The data link stands (again): an association on an older one is gone."""

    client: int
    server: int


class Disconnected(Effect, frozen=True):
    """The data link is closed: by the other station's wish, by ours, or by its silence."""

    client: int
    server: int


class Apdu(Effect, frozen=True):
    """A whole APDU has come in I-frames. A server owes it an answer (``ServerLink.reply``) or silence."""

    client: int
    server: int
    data: bytes


class Unconfirmed(Effect, frozen=True):
    """An APDU has come in a UI frame: nobody waits for an answer. ``server`` may be one of ALL_STATIONS."""

    client: int
    server: int
    data: bytes


class TooLong(Effect, frozen=True):
    """An APDU passed the largest size; what came of it is dropped, and so will be the rest of it.

    The server's owner answers with exception-response pdu-too-long.
    """

    client: int
    server: int


class Failed(Effect, frozen=True):
    """A client's connection, or its attempt at one, is over without being closed."""

    reason: str


class Discarded(Effect, frozen=True):
    """Octets that had no effect, and why. ``octets`` is the frame or what came of it."""

    reason: str
    octets: bytes


class Receipt(Enum):
    """What an I-frame was."""

    PART = "a segment, more to come"
    WHOLE = "the end of a PDU"
    TOO_LONG = "the PDU passed the largest size"
    DROPPED = "the rest of a PDU that was too long"
    REPEATED = "I-frame repeated"
    AHEAD = "I-frame ahead of its turn"
    EXCESS = "I-frame beyond the window"


class InvalidReceiveNumber(RemoteProtocolError):
    """N(R) acknowledges what was never sent."""


class Exchange:
    """Numbered information transfer between two stations, as one of them keeps it.

    Frames are repeated from what is unacknowledged whenever it is this station's turn to send again: there is no REJ,
    the poll is the checkpoint.
    """

    __slots__ = ("_acknowledged", "_assembled", "_at", "_current", "_dropping", "_from", "_heading", "_largest", "_received",
                 "_since_sending", "_to", "_unacknowledged", "_unsent", "_wanted", "limits")  # fmt: skip

    def __init__(self, own: Address, other: Address, limits: Limits, largest: int, heading: bytes, wanted: bytes) -> None:
        """``largest``: octets of an APDU to put together. ``heading``, ``wanted``: LLC headers, ours and theirs."""
        self.limits: Final = limits
        self._from: Final = own
        self._to: Final = other
        self._largest: Final = len(wanted) + largest
        self._heading: Final = heading
        self._wanted: Final = wanted
        self._unsent: deque[bytes] = deque()
        self._current: bytes | None = None
        self._at = 0
        self._unacknowledged: deque[tuple[bytes, bool]] = deque()
        self._acknowledged = 0
        """N(S) of the first frame not acknowledged: V(S) less what is in flight."""
        self._received = 0
        """V(R): N(S) of the next I-frame to accept."""
        self._since_sending = 0
        """I-frames accepted since we last told our N(R)."""
        self._assembled = bytearray()
        self._dropping = False

    @property
    def state_variables(self) -> tuple[int, int]:
        """V(S) and V(R)."""
        return (self._acknowledged + len(self._unacknowledged)) % 8, self._received

    def queue(self, apdu: bytes) -> None:
        """An APDU to send, behind those that wait. It is cut as the window opens, so a long one is here once."""
        self._unsent.append(apdu)

    def forget(self) -> None:
        """What was not sent yet will not be: nobody waits for it any more."""
        self._unsent.clear()
        self._current = None

    @property
    def sending(self) -> bool:
        """Something of ours is not sent or not acknowledged."""
        return bool(self._unacknowledged or self._unsent) or self._current is not None

    def _next(self) -> tuple[bytes, bool] | None:
        """The next segment, and whether more of its APDU follow."""
        if self._current is None:
            if not self._unsent:
                return None
            self._current, self._at = self._unsent.popleft(), 0
        apdu, at = self._current, self._at
        heading = b"" if at else self._heading
        stop = at + self.limits.information_transmit - len(heading)
        more = stop < len(apdu)
        self._current, self._at = (apdu, stop) if more else (None, 0)
        return heading + apdu[at:stop], more

    def turn(self) -> list[Frame]:
        """What to send now that it is our turn: what is unacknowledged, what the window admits, or RR; P/F on the last."""
        flying = self._unacknowledged
        while len(flying) < self.limits.window_transmit and (segment := self._next()) is not None:
            flying.append(segment)
        self._since_sending = 0
        if not flying:
            return [self.supervisory(Kind.RR)]
        last = len(flying) - 1
        return [
            Frame.numbered(
                Kind.I, self._to, self._from, send=(self._acknowledged + place) % 8, receive=self._received,
                poll=place == last, information=information, segmented=more,
            )
            for place, (information, more) in enumerate(flying)
        ]  # fmt: skip

    def supervisory(self, kind: Kind) -> Frame:
        """RR or RNR with our N(R) and P/F."""
        return Frame.numbered(kind, self._to, self._from, receive=self._received, poll=True)

    def acknowledge(self, frame: Frame) -> bool:
        """Take N(R) of a frame. True when it acknowledges something new; InvalidReceiveNumber when it cannot be."""
        count = (frame.receive_number - self._acknowledged) % 8
        if count > len(self._unacknowledged):
            raise InvalidReceiveNumber(f"N(R)={frame.receive_number} acknowledges what was never sent")
        for _ in range(count):
            self._unacknowledged.popleft()
        self._acknowledged = frame.receive_number
        return count > 0

    def accept(self, frame: Frame) -> Receipt:
        """Take the information of an I-frame when it is its turn."""
        ahead = (frame.send_number - self._received) % 8
        if ahead:
            return Receipt.AHEAD if ahead < self.limits.window_receive else Receipt.REPEATED
        if self._since_sending == self.limits.window_receive:
            return Receipt.EXCESS
        self._since_sending += 1
        self._received = (self._received + 1) % 8
        if self._dropping:
            self._dropping = frame.segmented
            return Receipt.DROPPED
        if len(self._assembled) + len(frame.information) > self._largest:
            self._assembled.clear()
            self._dropping = frame.segmented
            return Receipt.TOO_LONG
        self._assembled += frame.information
        return Receipt.PART if frame.segmented else Receipt.WHOLE

    def take(self) -> tuple[bytes, bytes]:
        """The LLC header and the APDU that a WHOLE receipt completed."""
        size = len(self._wanted)
        assembled, self._assembled = self._assembled, bytearray()
        return bytes(assembled[:size]), bytes(memoryview(assembled)[size:])
