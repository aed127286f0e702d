"""The secondary station on an HDLC line: logical devices, clients, one state table (IEC 62056-46 6.4.4).

It speaks only when polled. It does not look into APDUs, and keeps no association: that is the application layer's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from protocols.core.effects import Effect, Send
from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms.hdlc.deframer import Deframer
from protocols.dlms.hdlc.frame import ALL_STATIONS, CALLING, NO_STATION, Address, Damaged, Frame, Kind
from protocols.dlms.hdlc.link import (
    LLC_COMMAND,
    LLC_RESPONSE,
    Apdu,
    Connected,
    Discarded,
    Disconnected,
    Exchange,
    InvalidReceiveNumber,
    Receipt,
    TooLong,
    Unconfirmed,
)
from protocols.dlms.hdlc.parameters import DEFAULT, Limits, Parameters

FRMR_CONTROL_UNDEFINED: Final = 0x01
"""FRMR reason W: the control field means nothing here."""
FRMR_INFORMATION: Final = 0x03
"""FRMR reasons W and X: information in a frame that carries none."""
FRMR_RECEIVE_NUMBER: Final = 0x08
"""FRMR reason Z: N(R) acknowledges what was never sent."""


class State(Enum):
    """Of one client's connection to one logical device."""

    DISCONNECTED = auto()
    CONNECTED = auto()


@dataclass(slots=True)
class _Connection:
    """One client at one logical device. ``polled``: the client waits for us to use our turn."""

    client: int
    server: int
    own: Address
    other: Address
    exchange: Exchange
    expires: int
    polled: bool = False


class ServerLink:
    """Logical devices at the end of a line.

    ``servers`` are their addresses (upper halves); ``station`` is the physical address they share, None where the line
    has one device and anything will do. Each client has its own connection to each logical device. ``calling``: the
    device has called the client, and takes what is for the calling device.
    """

    def __init__(self, servers: Collection[int], parameters: Parameters = DEFAULT, station: int | None = None) -> None:
        self.calling = False
        self._servers: Final = frozenset(servers)
        self._station: Final = station
        self._parameters: Final = parameters
        self._deframer: Final = Deframer(max(parameters.limits.information_receive, Limits().information_receive))
        self._silence: int | None = None
        self._connections: Final[dict[tuple[int, int], _Connection]] = {}

    @property
    def deadline(self) -> int | None:
        """ns; None: never."""
        times = [connection.expires for connection in self._connections.values()]
        if self._silence is not None:
            times.append(self._silence)
        return min(times, default=None)

    @property
    def engaged(self) -> bool:
        """Somebody is connected, or a frame has begun."""
        return bool(self._connections) or self._deframer.open

    @property
    def receiving(self) -> bool:
        """A frame has begun and not ended."""
        return self._deframer.open

    def feed(self, data: bytes, now: int) -> list[Effect]:
        """Octets from the line."""
        effects = self._take(self._deframer.scan(data), now)
        self._silence = now + self._parameters.inter_octet_time_out if self._deframer.open else None
        return effects

    def expire(self, now: int) -> list[Effect]:
        """Give up a frame that stopped half-way, and connections that fell silent."""
        effects: list[Effect] = []
        if self._silence is not None and self._silence <= now:
            self._silence = None
            effects += self._take(self._deframer.abandon(), now)
        for connection in [one for one in self._connections.values() if one.expires <= now]:
            effects += self._close(connection)
        return effects

    def reply(self, client: int, server: int, apdu: bytes, now: int) -> list[Effect]:
        """Answer an Apdu effect, at once or later; what else is said to it goes when the client polls again.

        Of a connection that has gone meanwhile nothing is sent.
        """
        connection = self._connections.get((client, server))
        if connection is None:
            return [Discarded("answer for a closed connection", apdu)]
        connection.expires = now + self._parameters.inactivity_time_out
        connection.exchange.queue(apdu)
        return _turn(connection) if connection.polled else []

    def notify(self, client: int, server: int, apdu: bytes) -> list[Effect]:
        """Send an APDU nobody asked for and nobody confirms, in one UI frame."""
        connection = self._connections.get((client, server))
        limits = connection.exchange.limits if connection else self._parameters.limits.agree(Limits())
        if len(LLC_RESPONSE) + len(apdu) > limits.information_transmit:
            raise LocalProtocolError(f"{len(apdu)} octets do not fit into a UI frame")
        own = connection.own if connection else Address(server, self._station)
        return [Send(unasked(client, own, apdu))]

    # --- frames

    def _take(self, found: Iterable[Frame | Damaged], now: int) -> list[Effect]:
        effects: list[Effect] = []
        for item in found:
            if isinstance(item, Damaged):
                effects.append(Discarded(item.damage.value, item.octets))
            elif stranger := self._stranger(item):
                effects.append(Discarded(stranger, item.build()))
            else:
                connection = self._connections.get((item.source.upper, item.destination.upper))
                limits = connection.exchange.limits if connection else self._parameters.limits
                if len(item.information) > limits.information_receive and item.kind is not Kind.SNRM:
                    effects.append(Discarded("information field longer than agreed", item.build()))
                    continue
                state = State.CONNECTED if connection else State.DISCONNECTED
                effects += RULES[state][item.kind](self, item, now)
        return effects

    def _stranger(self, frame: Frame) -> str | None:
        """Why a frame is not for us at all; None when it is."""
        upper, lower = frame.destination.upper, frame.destination.lower
        if frame.source.lower is not None or frame.source.upper in (NO_STATION, *ALL_STATIONS):
            return "source is not a client"
        if upper in ALL_STATIONS or (lower is not None and lower in ALL_STATIONS):
            return None if frame.kind is Kind.UI else "only UI may go to all stations"
        if lower == NO_STATION:
            return "for no station"
        if lower in CALLING:
            here = self.calling
        else:
            here = self._station is None or lower in (None, self._station)
        return None if here and upper in self._servers else "for another station"

    def _known(self, frame: Frame, now: int) -> _Connection:
        connection = self._connections[frame.source.upper, frame.destination.upper]
        connection.expires = now + self._parameters.inactivity_time_out
        return connection

    def _connect(self, frame: Frame, now: int) -> list[Effect]:
        key = client, server = frame.source.upper, frame.destination.upper
        if key not in self._connections and len(self._connections) >= self._parameters.connections:
            return self._refuse(frame, now)
        try:
            theirs = Limits.parse(frame.information)
        except DecodeError as error:
            return [Discarded(str(error), frame.build())]
        effects: list[Effect] = self._close(self._connections[key]) if key in self._connections else []
        limits = self._parameters.limits.agree(theirs)
        self._connections[key] = _Connection(
            client, server, frame.destination, frame.source,
            Exchange(
                frame.destination, frame.source, limits, self._parameters.largest_apdu, LLC_RESPONSE, LLC_COMMAND
            ),
            now + self._parameters.inactivity_time_out,
        )  # fmt: skip
        return [*effects, _answer(frame, Kind.UA, limits.build()), Connected(client, server)]

    def _close(self, connection: _Connection) -> list[Effect]:
        del self._connections[connection.client, connection.server]
        return [Disconnected(connection.client, connection.server)]

    def _disconnect(self, frame: Frame, now: int) -> list[Effect]:
        return [_answer(frame, Kind.UA), *self._close(self._known(frame, now))]

    def _refuse(self, frame: Frame, now: int) -> list[Effect]:
        return [_answer(frame, Kind.DM)] if frame.poll else [Discarded("not connected, and nobody polls", frame.build())]

    def _reject(self, frame: Frame, now: int, reason: int = FRMR_CONTROL_UNDEFINED) -> list[Effect]:
        """FRMR, and out of normal response mode: only SNRM mends it (ISO/IEC 13239 5.5.3.4.2)."""
        connection = self._known(frame, now)
        sent, received = connection.exchange.state_variables
        report = bytes((frame.control, received << 5 | sent << 1, reason))
        return [_answer(frame, Kind.FRMR, report), *self._close(connection)]

    def _information(self, frame: Frame, now: int) -> list[Effect]:
        connection = self._known(frame, now)
        exchange = connection.exchange
        try:
            exchange.acknowledge(frame)
        except InvalidReceiveNumber:
            return self._reject(frame, now, FRMR_RECEIVE_NUMBER)
        connection.polled = frame.poll
        client, server = connection.client, connection.server
        effects: list[Effect] = []
        match exchange.accept(frame):
            case Receipt.WHOLE:
                exchange.forget()
                heading, apdu = exchange.take()
                if heading == LLC_COMMAND:
                    return [Apdu(client, server, apdu)]
                effects.append(Discarded("no LLC header of a command", heading + apdu))
            case Receipt.TOO_LONG:
                exchange.forget()
                return [TooLong(client, server)]
            case Receipt.REPEATED | Receipt.AHEAD | Receipt.EXCESS as receipt:
                effects.append(Discarded(receipt.value, frame.build()))
        return effects + _turn(connection) if frame.poll else effects

    def _supervisory(self, frame: Frame, now: int) -> list[Effect]:
        connection = self._known(frame, now)
        if frame.information:
            return self._reject(frame, now, FRMR_INFORMATION)
        try:
            connection.exchange.acknowledge(frame)
        except InvalidReceiveNumber:
            return self._reject(frame, now, FRMR_RECEIVE_NUMBER)
        if not frame.poll:
            return []
        if frame.kind is Kind.RNR:
            return [_send(connection.exchange.supervisory(Kind.RR))]
        return _turn(connection)

    def _unconfirmed(self, frame: Frame, now: int) -> list[Effect]:
        if not frame.information.startswith(LLC_COMMAND):
            return [Discarded("no LLC header of a command", frame.build())]
        return [Unconfirmed(frame.source.upper, frame.destination.upper, frame.information[len(LLC_COMMAND) :])]

    def _ignore(self, frame: Frame, now: int) -> list[Effect]:
        return [Discarded("response sent to a server", frame.build())]


def unasked(client: int, server: Address | int, apdu: bytes) -> bytes:
    """The UI frame of a server's APDU that nobody asked for."""
    own = Address(server) if isinstance(server, int) else server
    return Frame.unnumbered(Kind.UI, Address(client), own, poll=False, information=LLC_RESPONSE + apdu).build()


def _send(frame: Frame) -> Send:
    return Send(frame.build())


def _answer(command: Frame, kind: Kind, information: bytes = b"") -> Send:
    answer = Frame.unnumbered(kind, command.source, command.destination, poll=command.poll, information=information)
    return _send(answer)


def _turn(connection: _Connection) -> list[Effect]:
    connection.polled = False
    return [_send(frame) for frame in connection.exchange.turn()]


RULES: Final[dict[State, dict[Kind, Callable[[ServerLink, Frame, int], list[Effect]]]]] = {
    State.DISCONNECTED: {
        Kind.SNRM: ServerLink._connect,
        Kind.DISC: ServerLink._refuse,
        Kind.I: ServerLink._refuse,
        Kind.RR: ServerLink._refuse,
        Kind.RNR: ServerLink._refuse,
        Kind.UNDEFINED: ServerLink._refuse,
        Kind.UI: ServerLink._unconfirmed,
        Kind.UA: ServerLink._ignore,
        Kind.DM: ServerLink._ignore,
        Kind.FRMR: ServerLink._ignore,
    },
    State.CONNECTED: {
        Kind.SNRM: ServerLink._connect,
        Kind.DISC: ServerLink._disconnect,
        Kind.I: ServerLink._information,
        Kind.RR: ServerLink._supervisory,
        Kind.RNR: ServerLink._supervisory,
        Kind.UNDEFINED: ServerLink._reject,
        Kind.UI: ServerLink._unconfirmed,
        Kind.UA: ServerLink._ignore,
        Kind.DM: ServerLink._ignore,
        Kind.FRMR: ServerLink._ignore,
    },
}
