"""The tariff device: a meter's side of IEC 62056-21, modes A, B, C and E (6.4), programming mode included (6.5).

It answers a sign-on in the manner it came, with parity in the highest bit or without, and comes back to idle and 300 baud when
what must follow does not. A sign-on that nothing follows is left unanswered, though mode C allows a readout at 300 baud then.
Registers are the owner's; so is the line's rate, and HDLC after `Handover`. Not here: mode D (see `push`), wake-up of
battery devices, formatted codes (W2, R2, E2) and passwords by secure algorithm (P2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from typing import Final, Protocol

from protocols.core.effects import Effect, Send
from protocols.core.errors import DecodeError, RemoteProtocolError
from protocols.iec62056_21 import rates
from protocols.iec62056_21.characters import ACK, NAK, PARITY_START, START, with_parity, without_parity
from protocols.iec62056_21.data_set import DataSet, Value, build_block, checked, parse_line
from protocols.iec62056_21.line import ANSWER, REACTION, SILENCE, Baud, Discarded, Handover, Scanner
from protocols.iec62056_21.messages import (
    BREAK,
    HDLC,
    PROGRAMMING,
    READOUT,
    Block,
    Identification,
    OptionSelect,
    Request,
    begun,
)
from protocols.iec62056_21.rates import INITIAL, Mode

LONGEST_COMMAND: Final = 1024
IDLE: Final = 60_000_000_000
"""ns of silence in programming mode after which it is over (6.5: 60 s to 120 s)."""
ATTEMPTS: Final = 3
"""Wrong passwords, and repetitions of one message."""
PIECE: Final = 64
"""Characters of a partial block."""
BITS: Final = 10
"""Of a character: start, seven, parity, stop."""
SECOND: Final = 1_000_000_000


class Fault(Enum):
    """Error messages of programming mode: their texts are the maker's own."""

    COMMAND = "ERR01"
    ADDRESS = "ERR02"
    DENIED = "ERR03"
    VALUE = "ERR04"


class Refused(RemoteProtocolError):
    """What a register's owner raises: answered by an error message."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.name)
        self.fault = fault


class Registers(Protocol):
    """What the device shows. Addresses are the identifiers of data sets."""

    def readout(self) -> Iterable[DataSet]:
        """The data readout."""
        ...

    def read(self, address: str) -> tuple[Value, ...]:
        """A register's values. Raises Refused."""
        ...

    def write(self, address: str, values: tuple[Value, ...]) -> None:
        """Write a register; a password was given. Raises Refused."""
        ...


class Foreign(Effect, frozen=True):
    """Octets that came while idle and belong to no sign-on: another protocol's, or noise, behind which a sign-on may stand."""

    data: bytes


class State(Enum):
    """Where a session is."""

    IDLE = auto()
    OFFERED = auto()
    READ_OUT = auto()
    PROGRAMMING = auto()


class TariffDevice:
    """One device on the line. `address` is empty where it answers to any; `password` opens writing.

    The mode is the identification's. What is answered leaves after the reaction time, so the owner must call `expire`.
    """

    def __init__(
        self, identification: Identification, registers: Registers, address: str = "", password: str | None = None
    ) -> None:
        self.state = State.IDLE
        self._identification: Final = identification
        self._registers: Final = registers
        self._address: Final = address
        self._password: Final = password
        self._scanner: Final = Scanner(LONGEST_COMMAND)
        self._begun = bytearray()
        self._parity = False
        self._rate = INITIAL
        self._after: tuple[int, list[Effect], Callable[[int], None]] | None = None
        self._over: int | None = None
        self._silent: int | None = None
        self._last: list[Send] = []
        self._repeats = 0
        self._failures = 0
        self._open = False
        self._pieces: Iterator[Block] = iter(())
        self._written: list[str] = []

    @property
    def deadline(self) -> int | None:
        """ns; None: never."""
        answer = None if self._after is None else self._after[0]
        return min((time for time in (answer, self._over, self._silent) if time is not None), default=None)

    @property
    def resting(self) -> bool:
        """Nothing is under way, not even a sign-on that has begun."""
        return self.state is State.IDLE and self._after is None and not self._begun

    def feed(self, data: bytes, now: int) -> list[Effect]:
        """Octets from the line. While an answer is due nobody may send, and what comes is dropped."""
        if self._after is not None:
            return [Discarded("an answer is due", data)]
        if self.state is State.IDLE:
            return self._sign_on(data, now)
        self._scanner.feed(without_parity(data) if self._parity else data)
        effects: list[Effect] = []
        while self._listens() and (message := self._scanner.next()) is not None:
            effects += self._restarted(message, now) if message[0] == START else RULES[self.state](self, message, now)
        if not self._listens():
            self._scanner.clear()
        self._silent = now + SILENCE if self._scanner.open else None
        return effects

    def _listens(self) -> bool:
        """In a session, and it is the other side's turn."""
        return self._after is None and self.state is not State.IDLE

    def expire(self, now: int) -> list[Effect]:
        """Send what is due; give up a message that stopped half-way, and a session that fell silent."""
        if self._after is not None:
            at, effects, then = self._after
            if at > now:
                return []
            self._after = None
            then(now)
            return effects
        if self._silent is not None and self._silent <= now:
            self._silent = None
            dropped = bytes(self._begun)
            self._begun.clear()
            self._scanner.clear()
            if self.state is State.PROGRAMMING:
                return self._answer([self._said(NAK)], now)
            return [Discarded("line fell silent inside a message", dropped), *self._reset()]
        if self._over is not None and self._over <= now:
            return self._reset()
        return []

    def reset(self) -> None:
        """The line is idle again: the plug was pulled, or HDLC is over."""
        self._reset()
        self._after = None
        self._begun.clear()
        self._scanner.clear()
        self._silent = None

    # --- sign-on

    def _sign_on(self, data: bytes, now: int) -> list[Effect]:
        opening = self._begun
        for place, octet in enumerate(data):
            if not opening:
                self._parity = octet == PARITY_START
            opening += without_parity(data[place : place + 1]) if self._parity else data[place : place + 1]
            if not begun(bytes(opening)):
                dropped = bytes(opening[:-1])
                opening.clear()
                self._silent = None
                return [*([Discarded("no sign-on", dropped)] if dropped else []), Foreign(data[place:])]
            if opening.endswith(b"\n"):
                request, rest = Request.parse(bytes(opening)), data[place + 1 :]
                opening.clear()
                self._silent = None
                return [*self._requested(request, now), *([Discarded("an answer is due", rest)] if rest else [])]
        self._silent = now + SILENCE if opening else None
        return []

    def _requested(self, request: Request, now: int) -> list[Effect]:
        if not request.reaches(self._address):
            return [Discarded("for another device", request.build())]
        identification = self._identification
        said = self._said(identification.build())
        if identification.mode in (Mode.C, Mode.E):
            return self._answer([said], now, self._offered)
        if identification.mode is Mode.B:
            self._rate = rates.ANNOUNCED[identification.rate]
            return self._answer([said, Baud(self._rate)], now, self._show)
        return self._answer([said], now, self._show)

    def _restarted(self, message: bytes, now: int) -> list[Effect]:
        """A sign-on where something else was to come: the other side has begun anew."""
        try:
            request = Request.parse(message)
        except DecodeError as error:
            return [Discarded(str(error), message)]
        return [*self._reset(), *self._requested(request, now)]

    def _offered(self, now: int) -> None:
        self.state = State.OFFERED
        self._scanner.options = True
        self._over = now + self._sending() + ANSWER

    def _show(self, now: int) -> None:
        """Modes A and B: the data follow the identification unasked, after another reaction time."""
        self._answer([self._data()], now, self._shown)

    # --- what may be chosen

    def _chosen(self, message: bytes, now: int) -> list[Effect]:
        try:
            chosen = OptionSelect.parse(message)
        except DecodeError as error:
            return [Discarded(str(error), message)]
        rate = rates.NEGOTIATED.get(chosen.rate)
        choice = chosen.control, chosen.purpose
        known = (READOUT, PROGRAMMING) + ((HDLC,) if self._identification.mode is Mode.E else ())
        if rate is None or rate > rates.NEGOTIATED[self._identification.rate] or choice not in known:
            return [Discarded("not on offer", message)]
        self._rate = rate
        switch: list[Effect] = [Baud(rate)]
        if choice == HDLC:
            # Annex E: confirmed at the new rate, still with parity (Green Book 8, the same words).
            return self._answer([*switch, self._said(message), Handover(rate)], now, self._handed_over)
        if choice == READOUT:
            return self._answer([*switch, self._data()], now, self._shown)
        return self._answer([*switch, self._said(Block("P0", "(00000000)").build())], now, self._programming)

    def _handed_over(self, now: int) -> None:
        self._leave()

    # --- data readout

    def _data(self) -> Send:
        return self._said(Block("", build_block(self._registers.readout())).build())

    def _shown(self, now: int) -> None:
        if self.state is not State.READ_OUT:
            self.state = State.READ_OUT
            self._repeats = 0
        self._scanner.options = False
        self._over = now + self._sending() + ANSWER

    def _repeat(self, message: bytes, now: int) -> list[Effect]:
        """After the readout: NAK asks for it again, ACK thanks, and there is nothing else to say."""
        if message[0] == NAK and self._repeats < ATTEMPTS:
            self._repeats += 1
            return self._answer([self._data()], now, self._shown)
        return self._reset()

    # --- programming mode

    def _programming(self, now: int) -> None:
        self.state = State.PROGRAMMING
        self._scanner.options = False
        self._failures = self._repeats = 0
        self._open = False
        self._pieces = iter(())
        self._written = []
        self._over = now + IDLE

    def _command(self, message: bytes, now: int) -> list[Effect]:
        self._over = now + IDLE
        if message[0] == NAK:
            self._repeats += 1
            return self._answer([*self._last], now) if self._repeats <= ATTEMPTS else self._broken(now)
        if message[0] == ACK:
            piece = next(self._pieces, None)
            return self._say(piece, now) if piece else [Discarded("nothing to acknowledge", message)]
        try:
            block = Block.parse(message)
        except DecodeError as error:
            return [Discarded(str(error), message), *self._answer([self._said(NAK)], now)]
        if block == BREAK:
            return self._reset()
        self._repeats = 0
        self._pieces = iter(())
        try:
            return COMMANDS.get(block.command, TariffDevice._unknown)(self, block, now)
        except Refused as refused:
            self._written = []
            return self._say(Block("", f"({refused.fault.value})"), now)

    def _unknown(self, block: Block, now: int) -> list[Effect]:
        raise Refused(Fault.COMMAND)

    def _judge(self, block: Block, now: int) -> list[Effect]:
        """P1: a password to compare."""
        if self._password is not None and block.text == f"({self._password})":
            self._open = True
            return self._acknowledge(now)
        self._open = False
        self._failures += 1
        if self._failures >= ATTEMPTS:
            return self._broken(now)
        raise Refused(Fault.DENIED)

    def _read(self, block: Block, now: int) -> list[Effect]:
        """R1: the values. R5: with their identifier. R3: in partial blocks."""
        address = self._one(block.text).address
        answer = DataSet(address if block.command == "R5" else "", self._registers.read(address))
        text = str(checked(answer))
        if block.command != "R3":
            return self._say(Block("", text), now)
        cuts = range(0, len(text), PIECE)
        self._pieces = iter([Block("", text[at : at + PIECE], at != cuts[-1]) for at in cuts])
        return self._say(next(self._pieces), now)

    def _write(self, block: Block, now: int) -> list[Effect]:
        """W1, W5: one data set. W3: in partial blocks, each acknowledged, and written when the last has come."""
        if not self._open:
            raise Refused(Fault.DENIED)
        if block.partial and block.command != "W3":
            raise Refused(Fault.COMMAND)
        self._written.append(block.text or "")
        if sum(map(len, self._written)) > LONGEST_COMMAND:
            raise Refused(Fault.VALUE)
        if not block.partial:
            text, self._written = "".join(self._written), []
            data_set = self._one(text)
            self._registers.write(data_set.address, data_set.values)
        return self._acknowledge(now)

    def _one(self, text: str | None) -> DataSet:
        try:
            (data_set,) = parse_line(text or "")
        except (DecodeError, ValueError):
            raise Refused(Fault.VALUE) from None
        return data_set

    def _broken(self, now: int) -> list[Effect]:
        """We end it."""
        return self._answer([self._said(BREAK.build()), *self._leave()], now)

    def _acknowledge(self, now: int) -> list[Effect]:
        return self._answer([self._said(ACK)], now)

    def _say(self, block: Block, now: int) -> list[Effect]:
        return self._answer([self._said(block.build())], now)

    # --- answering, ending

    def _said(self, message: bytes | int) -> Send:
        data = bytes((message,)) if isinstance(message, int) else message
        return Send(with_parity(data) if self._parity else data)

    def _sending(self) -> int:
        """ns that our last message takes on a line that has a rate."""
        return sum(len(effect.data) for effect in self._last) * BITS * SECOND // self._rate

    def _answer(self, effects: list[Effect], now: int, then: Callable[[int], None] = lambda now: None) -> list[Effect]:
        """After the reaction time these effects come, and `then` is called."""
        self._after = now + REACTION, effects, then
        self._last = [effect for effect in effects if isinstance(effect, Send)]
        self._over = self._silent = None
        if self.state is State.PROGRAMMING:
            self._over = now + REACTION + IDLE
        return []

    def _reset(self) -> list[Effect]:
        """Idle, at 300 baud."""
        changed = self._rate != INITIAL or self.state is not State.IDLE
        self._leave()
        return [Baud(INITIAL)] if changed else []

    def _leave(self) -> list[Effect]:
        self.state = State.IDLE
        self._rate = INITIAL
        self._over = self._silent = None
        self._scanner.clear()
        self._pieces = iter(())
        self._written = []
        self._last = []
        return [Baud(INITIAL)]


Rule = Callable[[TariffDevice, bytes, int], list[Effect]]
RULES: Final[dict[State, Rule]] = {
    State.OFFERED: TariffDevice._chosen,
    State.READ_OUT: TariffDevice._repeat,
    State.PROGRAMMING: TariffDevice._command,
}
"""What a message means in each state but idle."""

COMMANDS: Final[dict[str, Callable[[TariffDevice, Block, int], list[Effect]]]] = {
    "P1": TariffDevice._judge,
    "R1": TariffDevice._read,
    "R3": TariffDevice._read,
    "R5": TariffDevice._read,
    "W1": TariffDevice._write,
    "W3": TariffDevice._write,
    "W5": TariffDevice._write,
}
"""Commands of programming mode, the break aside."""
