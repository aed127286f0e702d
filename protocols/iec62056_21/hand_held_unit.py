"""The hand-held unit: the reader's side of IEC 62056-21, modes A, B, C and E.

It signs on, follows the identification to the mode that was asked for, and ends in a readout, in programming mode, in HDLC, or in
`Failed`. Not here: mode D (see `push`), wake-up of battery devices, formatted codes and passwords by secure algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from protocols.core.effects import Effect, Send
from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.iec62056_21 import rates
from protocols.iec62056_21.characters import ACK, NAK, PARITY_START, START, with_parity, without_parity
from protocols.iec62056_21.data_set import DataSet, parse_block, parse_line
from protocols.iec62056_21.line import ANSWER, QUICK_REACTION, REACTION, SILENCE, Baud, Discarded, Handover, Scanner
from protocols.iec62056_21.messages import BREAK, HDLC, PROGRAMMING, READOUT, Block, Identification, OptionSelect, Request
from protocols.iec62056_21.rates import INITIAL, Mode

LONGEST_READOUT: Final = 65_536
ATTEMPTS: Final = 3
"""Transmissions of a sign-on or a command, and repetitions asked for of a damaged answer."""
CONFIRMATION: Final = 1_500_000_000
"""ns in which a device may confirm HDLC; many do not, and HDLC begins all the same."""


class Purpose(Enum):
    """What the line is opened for: protocol control and mode control character of the option select."""

    READOUT = READOUT
    PROGRAMMING = PROGRAMMING
    HDLC = HDLC


class Identified(Effect, frozen=True):
    """The device has said who it is."""

    identification: Identification


class ReadOut(Effect, frozen=True):
    """The whole data readout. The device is idle again, at 300 baud."""

    data_sets: tuple[DataSet, ...]


class Opened(Effect, frozen=True):
    """Programming mode: commands may be given. `operand` came with P0."""

    operand: str


class Done(Effect, frozen=True):
    """The command was carried out. `text`: what was read, empty for the others."""

    text: str

    @property
    def data_set(self) -> DataSet:
        """What was read, as a data set. Raises DecodeError."""
        match parse_line(self.text):
            case [data_set]:
                return data_set
        raise DecodeError(f"Done: not one data set: {self.text[:60]!r}")


class Denied(Effect, frozen=True):
    """The device answered the command with an error message."""

    error: str


class Failed(Effect, frozen=True):
    """It is over: nothing came, or what the device offers is not what is wanted."""

    reason: str


class State(Enum):
    """Where a session is."""

    IDLE = auto()
    SIGNING_ON = auto()
    READING_OUT = auto()
    CONFIRMING = auto()
    OPENING = auto()
    READY = auto()
    COMMANDING = auto()


class HandHeldUnit:
    """One session for `purpose`. `rate`: the fastest baud rate to agree to.

    `parity`: begin with parity made in software, in the highest bit. A device that answers otherwise is followed, and one that does
    not answer is asked the other way, too: behind a pty or a network nobody knows.
    """

    def __init__(self, purpose: Purpose, address: str = "", rate: int = 19_200, parity: bool = True) -> None:
        self.state = State.IDLE
        self._purpose: Final = purpose
        self._request: Final = Request(address).build()
        self._fastest: Final = rate
        self._parity = parity
        self._scanner: Final = Scanner(LONGEST_READOUT)
        self._rate = INITIAL
        self._later: tuple[int, list[Effect]] | None = None
        self._over: int | None = None
        self._sent: list[Effect] = []
        self._attempts = 0
        self._patience = ANSWER
        self._parts: list[str] = []
        self._option = b""

    @property
    def deadline(self) -> int | None:
        """ns; None: never."""
        later = None if self._later is None else self._later[0]
        return min((time for time in (later, self._over) if time is not None), default=None)

    # --- what the owner asks for

    def sign_on(self, now: int) -> list[Effect]:
        """Begin. Ends in ReadOut, Opened, Handover or Failed."""
        if self.state is not State.IDLE:
            raise LocalProtocolError(f"signing on is not possible while {self.state.name}")
        self.state = State.SIGNING_ON
        self._scanner.options = False
        return self._transmit([self._said(self._request)], now)

    def password(self, text: str, now: int) -> list[Effect]:
        """P1. Ends in Done or Denied."""
        return self._command(Block("P1", f"({text})"), now)

    def read(self, address: str, now: int, command: str = "R1") -> list[Effect]:
        """R1, R5 or R3 of one register. Ends in Done or Denied."""
        return self._command(Block(command, f"{address}()"), now)

    def write(self, data_set: DataSet, now: int, command: str = "W1") -> list[Effect]:
        """W1 or W5 of one register. Ends in Done or Denied."""
        return self._command(Block(command, str(data_set)), now)

    def sign_off(self, now: int) -> list[Effect]:
        """B0: end programming mode. Nothing answers."""
        if self.state is not State.READY:
            raise LocalProtocolError(f"signing off is not possible while {self.state.name}")
        return [self._said(BREAK.build()), *self._end()]

    def _command(self, block: Block, now: int) -> list[Effect]:
        if self.state is not State.READY:
            raise LocalProtocolError(f"{block.command} is not possible while {self.state.name}")
        self.state = State.COMMANDING
        self._parts = []
        return self._transmit([self._said(block.build())], now)

    # --- what the line brings

    def feed(self, data: bytes, now: int) -> list[Effect]:
        """Octets from the line."""
        scanner = self._scanner
        if self.state is State.SIGNING_ON and not scanner.open:
            self._parity = PARITY_START in data or (self._parity and START not in data)
        scanner.feed(without_parity(data) if self._parity else data)
        effects: list[Effect] = []
        while (rule := RULES.get(self.state)) is not None and (message := scanner.next()) is not None:
            effects += rule(self, message, now)
        if self.state in RULES and self._later is None and self._over is not None and scanner.open:
            self._over = max(self._over, now + SILENCE)
        return effects

    def expire(self, now: int) -> list[Effect]:
        """Send what the reaction time held back; repeat, or give up, what was not answered."""
        if self._later is not None and self._later[0] <= now:
            _, effects = self._later
            self._later = None
            return effects
        if self._over is None or self._over > now:
            return []
        self._scanner.clear()
        if self.state is State.CONFIRMING:
            return self._hand_over()
        if self._attempts < ATTEMPTS and self.state in (State.SIGNING_ON, State.COMMANDING):
            self._attempts += 1
            self._over = now + self._patience
            if self.state is State.SIGNING_ON:
                self._parity = not self._parity
                self._sent = [self._said(self._request)]
            return [*self._sent]
        return self._fail(f"no answer while {self.state.name}")

    # --- sign-on

    def _identified(self, message: bytes, now: int) -> list[Effect]:
        if message == self._request:
            return [Discarded("our own echo", message)]
        try:
            identification = Identification.parse(message)
        except DecodeError as error:
            return [Discarded(str(error), message)]
        mode = identification.mode
        effects: list[Effect] = [Identified(identification)]
        if mode in (Mode.A, Mode.B):
            if self._purpose is not Purpose.READOUT:
                return [*effects, *self._fail(f"the device is of mode {mode.value}, which reads out and nothing else")]
            self._wait(State.READING_OUT, now)
            if mode is Mode.B:
                self._rate = rates.ANNOUNCED[identification.rate]
                effects.append(Baud(self._rate))
            return effects
        if self._purpose is Purpose.HDLC and mode is not Mode.E:
            return [*effects, *self._fail("the device does not offer HDLC (mode E)")]
        letter = rates.letter(min(self._fastest, rates.NEGOTIATED[identification.rate]))
        self._rate = rates.NEGOTIATED[letter]
        control, purpose = self._purpose.value
        self._option = OptionSelect(control, letter, purpose).build()
        wait = QUICK_REACTION if identification.quick else REACTION
        self._later = now + wait, [self._said(self._option), Baud(self._rate)]
        self._wait(NEXT[self._purpose], now + wait)
        return effects

    # --- data readout

    def _read_out(self, message: bytes, now: int) -> list[Effect]:
        block, damage = self._block(message, now)
        if block is None:
            return damage
        try:
            found = tuple(parse_block(block.text or ""))
        except DecodeError as error:
            return self._fail(str(error))
        return [ReadOut(found), *self._end()]

    # --- HDLC

    def _confirmed(self, message: bytes, now: int) -> list[Effect]:
        if message != self._option:
            return [Discarded("no confirmation of HDLC", message)]
        return self._hand_over()

    def _hand_over(self) -> list[Effect]:
        rate = self._rate
        self._leave()
        return [Handover(rate)]

    # --- programming mode

    def _opened(self, message: bytes, now: int) -> list[Effect]:
        block, damage = self._block(message, now)
        if block is None:
            return damage
        if block.command != "P0":
            return self._fail(f"the device opens programming mode with {block.command or 'data'}, not P0")
        self._rest()
        return [Opened((block.text or "").strip("()"))]

    def _answered(self, message: bytes, now: int) -> list[Effect]:
        if message[0] == ACK:
            self._rest()
            return [Done("")]
        if message[0] == NAK:
            return self._again(now, "the device does not understand")
        block, damage = self._block(message, now)
        if block is None:
            return damage
        if block == BREAK:
            return self._fail("the device has ended the session")
        self._parts.append(block.text or "")
        if sum(map(len, self._parts)) > LONGEST_READOUT:
            return self._fail("an answer that does not end")
        if block.partial:
            return self._transmit([self._said(bytes((ACK,)))], now)
        self._rest()
        text = "".join(self._parts)
        if text.startswith("(ERR") and text.endswith(")"):
            return [Denied(text[1:-1])]
        return [Done(text)]

    def _block(self, message: bytes, now: int) -> tuple[Block | None, list[Effect]]:
        """A block; or None, and what to do about its damage."""
        try:
            return Block.parse(message), []
        except DecodeError as error:
            if self._attempts >= ATTEMPTS:
                return None, self._fail(str(error))
            self._attempts += 1
            self._over = now + self._patience
            return None, [Discarded(str(error), message), self._said(bytes((NAK,)))]

    def _again(self, now: int, why: str) -> list[Effect]:
        if self._attempts >= ATTEMPTS:
            return self._fail(why)
        self._attempts += 1
        self._over = now + self._patience
        return [*self._sent]

    # --- sending, waiting, ending

    def _said(self, message: bytes) -> Send:
        return Send(with_parity(message) if self._parity else message)

    def _transmit(self, effects: list[Effect], now: int) -> list[Effect]:
        self._sent = [*effects]
        self._attempts = 1
        self._over = now + self._patience
        return effects

    def _wait(self, state: State, now: int) -> None:
        self.state = state
        self._scanner.options = state is State.CONFIRMING
        self._attempts = 1
        self._over = now + (CONFIRMATION if state is State.CONFIRMING else self._patience + REACTION)

    def _rest(self) -> None:
        self.state = State.READY
        self._over = None

    def _leave(self) -> None:
        self.state = State.IDLE
        self._rate = INITIAL
        self._over = self._later = None
        self._scanner.clear()

    def _end(self) -> list[Effect]:
        self._leave()
        return [Baud(INITIAL)]

    def _fail(self, reason: str) -> list[Effect]:
        return [Failed(reason), *self._end()]


NEXT: Final = {
    Purpose.READOUT: State.READING_OUT,
    Purpose.PROGRAMMING: State.OPENING,
    Purpose.HDLC: State.CONFIRMING,
}
"""What is awaited once the option is selected."""

RULES: Final[dict[State, Callable[[HandHeldUnit, bytes, int], list[Effect]]]] = {
    State.SIGNING_ON: HandHeldUnit._identified,
    State.READING_OUT: HandHeldUnit._read_out,
    State.CONFIRMING: HandHeldUnit._confirmed,
    State.OPENING: HandHeldUnit._opened,
    State.COMMANDING: HandHeldUnit._answered,
}
"""What a message means in each state that awaits one."""
