"""The other device's side, sans-I/O: hears meters, and speaks to one in the instant after it has spoken (EN 13757-4 clause 12.6).

Commands wait here until their meter speaks. One at a time is sent, the same octets again at the meter's next telegram where no
answer came, and given up after `TRIES` of them; when none is left the meter is told to sleep (SND-NKE).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.wmbus import framing, records
from protocols.wmbus.coding import SECOND, T2, Mode
from protocols.wmbus.framing import Format
from protocols.wmbus.link import FRAME_COUNT, Address, Control, Telegram
from protocols.wmbus.meter import NEVER, Dropped
from protocols.wmbus.records import Record
from protocols.wmbus.telegram import Content, Key, Profile, seal, unseal

MOST_COMMANDS: Final = 16
"""Waiting for one meter."""
TRIES: Final = 5
PATIENCE: Final = SECOND
"""From the end of a command to the end of its answer."""


class TransmitAt(Effect, frozen=True):
    """Chips for the air at a time (ns), which lies within the meter's window."""

    when: int
    chips: bytes


class Reported(Effect, frozen=True):
    """A meter has told something. `status`: its status octet; `counter`: keep it before anything else (profile B)."""

    meter: Address
    records: tuple[Record, ...]
    status: int
    counter: int | None


class Done(Effect, frozen=True):
    """A command was carried out, or answered with records."""

    number: int
    records: tuple[Record, ...] = ()


class Failed(Effect, frozen=True):
    """A command was refused by the meter, or had no answer."""

    number: int
    reason: str


@dataclass(slots=True)
class _Waiting:
    number: int
    control: int
    records: bytes | Callable[[], list[Record]]
    octets: bytes | None = None
    tries: int = 0


@dataclass(slots=True)
class _Known:
    key: Key
    heard: int
    access: int = 0
    frame_count: int = 0
    queue: deque[_Waiting] = field(default_factory=deque)


class Gateway:
    """One other device. `count()`: as at the meter. Only meters that it was introduced to are heard."""

    def __init__(
        self, address: Address, mode: Mode = T2, form: Format = Format.A, *, count: Callable[[], int] | None = None
    ) -> None:
        self.address = address
        self._mode, self._form, self._count = mode, form, count
        self._meters: dict[Address, _Known] = {}
        self._asked: Address | None = None
        self._until: int | None = None
        self._last = 0

    @property
    def deadline(self) -> int | None:
        """When an answer is no longer waited for (ns)."""
        return self._until

    def introduce(self, meter: Address, key: Key, *, access: int = 0, heard: int = NEVER) -> None:
        """Know a meter. `access`: the access number last used; `heard`: its last message counter."""
        if key.profile is Profile.B and self._count is None:
            raise LocalProtocolError("security profile B needs a message counter")
        self._meters[meter] = _Known(key, heard, access)

    def forget(self, meter: Address) -> list[Effect]:
        """Know it no longer; what waits for it has failed."""
        known = self._meters.pop(meter, None)
        if self._asked == meter:
            self._asked = self._until = None
        return [] if known is None else [Failed(waiting.number, "the meter is forgotten") for waiting in known.queue]

    def command(self, meter: Address, data: list[Record]) -> int:
        """Have a meter carry out records when it speaks next: the command's number. Raises LocalProtocolError: unknown, full."""
        return self._enqueue(meter, Control.SND_UD, records.build(data))

    def command_afresh(self, meter: Address, data: Callable[[], list[Record]]) -> int:
        """As `command`, with records made anew for each attempt: for what a meter may carry out twice, and stales, as the time."""
        return self._enqueue(meter, Control.SND_UD, data)

    def ask(self, meter: Address) -> int:
        """Ask a meter for its data when it speaks next: the question's number. Raises LocalProtocolError as `command`."""
        return self._enqueue(meter, Control.REQ_UD2, b"")

    def waiting(self, meter: Address) -> int:
        """How many commands wait for a meter."""
        return len(self._meters[meter].queue)

    def feed(self, chips: bytes, now: int) -> list[Effect]:
        """A whole frame as the radio heard it; `now` is its end."""
        try:
            octets = framing.parse(self._mode.from_meter.decode(chips), self._form)
            telegram = Telegram.parse(octets)
            known = self._meters.get(Address.parse(telegram.sender))
            if known is None:
                return [Dropped("a meter nobody knows")]
            content = unseal(octets, known.key)
            if content.counter is not None:
                if content.counter <= known.heard:
                    raise RemoteProtocolError(f"message counter {content.counter} is not above {known.heard}")
                known.heard = content.counter
            return self._handle(telegram.kind, content, known, now)
        except RemoteProtocolError as error:
            return [Dropped(str(error))]

    def expire(self, now: int) -> list[Effect]:
        """No answer came."""
        if self._until is None or now < self._until or self._asked is None:
            return []
        known = self._meters[self._asked]
        self._asked = self._until = None
        first = known.queue[0]
        if first.tries < TRIES:
            return []
        known.queue.popleft()
        return [Failed(first.number, f"no answer to {TRIES} attempts")]

    def _enqueue(self, meter: Address, control: int, data: bytes | Callable[[], list[Record]]) -> int:
        known = self._meters.get(meter)
        if known is None:
            raise LocalProtocolError(f"{meter} is not known here")
        if len(known.queue) >= MOST_COMMANDS:
            raise LocalProtocolError(f"{MOST_COMMANDS} commands wait for {meter} already")
        self._last += 1
        known.queue.append(_Waiting(self._last, control, data))
        return self._last

    def _handle(self, kind: int, content: Content, known: _Known, now: int) -> list[Effect]:
        data = tuple(records.parse(content.records))
        effects: list[Effect] = []
        if kind == Control.SND_NR:
            effects.append(Reported(content.meter, data, content.status, content.counter))
        elif self._asked == content.meter and kind in (Control.ACK, Control.NACK, Control.RSP_UD):
            number = known.queue.popleft().number
            effects.append(Failed(number, "refused") if kind == Control.NACK else Done(number, data))
        else:
            return [Dropped(f"control {content.control:02X}")]
        answered, self._asked, self._until = self._asked == content.meter, None, None
        if content.listens and (known.queue or answered):
            effects.append(self._speak(content.meter, known, now))
        return effects

    def _speak(self, meter: Address, known: _Known, now: int) -> TransmitAt:
        """The next command, or good night, in the middle of the meter's window."""
        when = now + (self._mode.opens + self._mode.closes) // 2
        if not known.queue:
            return TransmitAt(when, self._chips(self._sealed(meter, known, Control.SND_NKE, b"")))
        first = known.queue[0]
        data = first.records
        if first.octets is None or not isinstance(data, bytes):
            known.frame_count ^= FRAME_COUNT
            octets = data if isinstance(data, bytes) else records.build(data())
            first.octets = self._sealed(meter, known, first.control | known.frame_count, octets)
        first.tries += 1
        chips = self._chips(first.octets)
        self._asked, self._until = meter, when + self._mode.to_meter.airtime(chips) + PATIENCE
        return TransmitAt(when, chips)

    def _sealed(self, meter: Address, known: _Known, control: int, data: bytes) -> bytes:
        known.access = known.access + 1 & 0xFF
        counter = self._count() if self._count is not None and known.key.profile is Profile.B else None
        return seal(Content(control, meter, known.access, records=data, counter=counter), known.key, self.address)

    def _chips(self, octets: bytes) -> bytes:
        return self._mode.to_meter.encode(framing.build(octets, self._form))
