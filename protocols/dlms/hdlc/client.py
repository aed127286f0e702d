"""The primary station of an HDLC line: one client, one logical device, one request at a time (IEC 62056-46 6.4.4).

It polls, repeats after the response time-out what the server has not acknowledged (or polls again), and gives up after a
bounded number of transmissions without progress.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Final

from protocols.core.effects import Effect, Send
from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms.hdlc.deframer import Deframer
from protocols.dlms.hdlc.frame import ALL_STATIONS, Address, Damaged, Frame, Kind
from protocols.dlms.hdlc.link import (
    LLC_COMMAND,
    LLC_RESPONSE,
    Apdu,
    Connected,
    Discarded,
    Disconnected,
    Exchange,
    Failed,
    InvalidReceiveNumber,
    Receipt,
    Unconfirmed,
)
from protocols.dlms.hdlc.parameters import DEFAULT, Limits, Parameters


class State(Enum):
    """Of the one connection."""

    DISCONNECTED = auto()
    CONNECTING = auto()
    CONNECTED = auto()
    REQUESTING = auto()
    DISCONNECTING = auto()


class ClientLink:
    """One client towards one logical device (``server``: its address, or the upper half of it alone)."""

    def __init__(self, client: int, server: int | Address, parameters: Parameters = DEFAULT) -> None:
        self.state = State.DISCONNECTED
        self._own: Final = Address(client)
        self._other: Final = server if isinstance(server, Address) else Address(server)
        self._parameters: Final = parameters
        self._deframer: Final = Deframer(max(parameters.limits.information_receive, Limits().information_receive))
        self._exchange = self._fresh(Limits())
        self._silence: int | None = None
        self._response: int | None = None
        self._attempts = 0

    @property
    def deadline(self) -> int | None:
        """ns; None: never."""
        return min((time for time in (self._silence, self._response) if time is not None), default=None)

    # --- what the owner asks for

    def connect(self, now: int) -> list[Effect]:
        """SNRM. Ends in Connected or Failed."""
        self._enter(State.CONNECTING, State.DISCONNECTED)
        return self._transmit(now)

    def request(self, apdu: bytes, now: int) -> list[Effect]:
        """Send an APDU. Ends in Apdu (in several where more come unasked: see ``state``), Disconnected or Failed."""
        self._enter(State.REQUESTING, State.CONNECTED)
        self._exchange.forget()
        self._exchange.queue(apdu)
        return self._transmit(now)

    def poll(self, now: int) -> list[Effect]:
        """Give the server its turn, for an APDU that it still owes. Ends as ``request`` does."""
        self._enter(State.REQUESTING, State.CONNECTED)
        return self._transmit(now)

    def disconnect(self, now: int) -> list[Effect]:
        """DISC, giving up a request under way. Ends in Disconnected."""
        self._enter(State.DISCONNECTING, State.CONNECTED, State.REQUESTING)
        return self._transmit(now)

    # --- what the line brings

    def feed(self, data: bytes, now: int) -> list[Effect]:
        """Octets from the line."""
        effects = self._take(self._deframer.scan(data), now)
        self._silence = now + self._parameters.inter_octet_time_out if self._deframer.open else None
        return effects

    def expire(self, now: int) -> list[Effect]:
        """Give up a frame that stopped half-way; repeat, or give up, what was not answered."""
        effects: list[Effect] = []
        if self._silence is not None and self._silence <= now:
            self._silence = None
            effects += self._take(self._deframer.abandon(), now)
        if self._response is not None and self._response <= now:
            if self._attempts < self._parameters.attempts:
                effects += self._send(now)
            elif self.state is State.DISCONNECTING:
                effects += self._over(Disconnected(self._own.upper, self._other.upper))
            else:
                effects += self._over(Failed(f"no answer to {self._attempts} attempts"))
        return effects

    # --- sending

    def _enter(self, state: State, *allowed: State) -> None:
        if self.state not in allowed:
            raise LocalProtocolError(f"{state.name} is not possible while {self.state.name}")
        self.state = state

    def _fresh(self, limits: Limits) -> Exchange:
        return Exchange(self._own, self._other, limits, self._parameters.largest_apdu, LLC_COMMAND, LLC_RESPONSE)

    def _transmit(self, now: int) -> list[Effect]:
        """What the state has to say, for the first time or after progress."""
        self._attempts = 0
        return self._send(now)

    def _send(self, now: int) -> list[Effect]:
        self._attempts += 1
        self._response = now + self._parameters.response_time_out
        return [Send(frame.build()) for frame in SENDS[self.state](self)]

    def _progress(self, now: int) -> list[Effect]:
        """Something new came, and more will without our asking."""
        self._attempts = 0
        self._response = now + self._parameters.response_time_out
        return []

    def _snrm(self) -> list[Frame]:
        information = self._parameters.limits.build()
        return [Frame.unnumbered(Kind.SNRM, self._other, self._own, poll=True, information=information)]

    def _disc(self) -> list[Frame]:
        return [Frame.unnumbered(Kind.DISC, self._other, self._own, poll=True)]

    def _numbered(self) -> list[Frame]:
        return self._exchange.turn()

    # --- receiving

    def _take(self, found: Iterable[Frame | Damaged], now: int) -> list[Effect]:
        effects: list[Effect] = []
        for item in found:
            if isinstance(item, Damaged):
                effects.append(Discarded(item.damage.value, item.octets))
            elif item.source != self._other or not (item.destination == self._own or _to_all(item)):
                effects.append(Discarded("for another station, or our own echo", item.build()))
            else:
                effects += RULES[self.state][item.kind](self, item, now)
        return effects

    def _over(self, effect: Effect) -> list[Effect]:
        self.state = State.DISCONNECTED
        self._response = None
        return [effect]

    def _agreed(self, frame: Frame, now: int) -> list[Effect]:
        try:
            theirs = Limits.parse(frame.information)
        except DecodeError as error:
            return [Discarded(str(error), frame.build())]
        self.state = State.CONNECTED
        self._response = None
        self._exchange = self._fresh(self._parameters.limits.agree(theirs))
        return [Connected(self._own.upper, self._other.upper)]

    def _closed(self, frame: Frame, now: int) -> list[Effect]:
        return self._over(Disconnected(self._own.upper, self._other.upper))

    def _refused(self, frame: Frame, now: int) -> list[Effect]:
        return self._over(Failed(f"the server answered {frame.kind.value} {frame.information.hex()}".rstrip()))

    def _acknowledged(self, frame: Frame, now: int) -> list[Effect]:
        """RR or RNR: only news moves us, or late answers to repeated polls would repeat everything after them too."""
        try:
            news = self._exchange.acknowledge(frame)
        except InvalidReceiveNumber as error:
            return [Discarded(str(error), frame.build())]
        if not news:
            return [Discarded("acknowledges nothing new", frame.build())]
        if frame.kind is Kind.RR and frame.poll and self._exchange.sending:
            return self._transmit(now)
        return self._progress(now)

    def _information(self, frame: Frame, now: int) -> list[Effect]:
        exchange = self._exchange
        if len(frame.information) > exchange.limits.information_receive:
            return [Discarded("information field longer than agreed", frame.build())]
        try:
            exchange.acknowledge(frame)
        except InvalidReceiveNumber as error:
            return [Discarded(str(error), frame.build())]
        receipt = exchange.accept(frame)
        match receipt:
            case Receipt.WHOLE:
                heading, apdu = exchange.take()
                if heading != LLC_RESPONSE:
                    return self._over(Failed(f"no LLC header of a response: {heading.hex()}"))
                if frame.poll:
                    self.state = State.CONNECTED
                    self._response = None
                else:  # another APDU follows in the server's turn
                    self._progress(now)
                return [Apdu(self._own.upper, self._other.upper, apdu)]
            case Receipt.TOO_LONG:
                return self._over(Failed(f"an answer of more than {self._parameters.largest_apdu} octets"))
            case Receipt.PART:
                return self._transmit(now) if frame.poll else self._progress(now)
            case _:
                dropped = Discarded(receipt.value, frame.build())
                # A gap is not a late copy, so the server may be asked again without waiting for the time-out.
                again = receipt is Receipt.AHEAD and frame.poll and self._attempts < self._parameters.attempts
                return [dropped, *self._send(now)] if again else [dropped]

    def _unconfirmed(self, frame: Frame, now: int) -> list[Effect]:
        if not frame.information.startswith(LLC_RESPONSE):
            return [Discarded("no LLC header of a response", frame.build())]
        return [Unconfirmed(self._own.upper, self._other.upper, frame.information[len(LLC_RESPONSE) :])]

    def _ignore(self, frame: Frame, now: int) -> list[Effect]:
        return [Discarded(f"not expected while {self.state.name}", frame.build())]


def _to_all(frame: Frame) -> bool:
    """Whether a server speaks to all its clients, which only UI may."""
    return frame.kind is Kind.UI and frame.destination.upper in ALL_STATIONS


SENDS: Final[dict[State, Callable[[ClientLink], list[Frame]]]] = {
    State.CONNECTING: ClientLink._snrm,
    State.REQUESTING: ClientLink._numbered,
    State.DISCONNECTING: ClientLink._disc,
}
"""What is sent, and repeated, in each state that waits for an answer."""

Rule = Callable[[ClientLink, Frame, int], list[Effect]]
_ELSE: Final[dict[Kind, Rule]] = dict.fromkeys(Kind, ClientLink._ignore)
_ELSE[Kind.UI] = ClientLink._unconfirmed
RULES: Final[Mapping[State, Mapping[Kind, Rule]]] = {
    State.DISCONNECTED: _ELSE,
    State.CONNECTING: _ELSE | {
        Kind.UA: ClientLink._agreed,
        Kind.DM: ClientLink._refused,
    },
    State.CONNECTED: _ELSE | {
        Kind.DM: ClientLink._closed,
        Kind.FRMR: ClientLink._refused,
    },
    State.REQUESTING: _ELSE | {
        Kind.I: ClientLink._information,
        Kind.RR: ClientLink._acknowledged,
        Kind.RNR: ClientLink._acknowledged,
        Kind.DM: ClientLink._refused,
        Kind.FRMR: ClientLink._refused,
    },
    State.DISCONNECTING: _ELSE | {
        Kind.UA: ClientLink._closed,
        Kind.DM: ClientLink._closed,
    },
}  # fmt: skip
