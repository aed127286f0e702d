"""The meter's side of a two-way mode, sans-I/O: it speaks, listens for an instant, and sleeps (EN 13757-4 clause 12.6; OMS 2, 4.3).

    report -> Transmit, Listen;  feed within the window -> Command | Asked -> reply -> Transmit, Listen, ... until nobody answers

A telegram that comes again octet by octet is answered again and executed once. In security profile B one whose message counter is
not above the last is dropped; profile A knows no replay of an older telegram.
Not here: installation telegrams, the repetition of an answer that nobody confirmed (the next report is the next chance).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.wmbus import framing, records
from protocols.wmbus.coding import T2, Mode
from protocols.wmbus.framing import Format
from protocols.wmbus.layers import Status
from protocols.wmbus.link import Address, Control, Telegram
from protocols.wmbus.records import Record
from protocols.wmbus.telegram import Content, Key, Profile, seal, unseal

NEVER: Final = -1


class Transmit(Effect, frozen=True):
    """Chips for the air, now."""

    chips: bytes


class Listen(Effect, frozen=True):
    """Have the receiver on for what begins between these times (ns)."""

    opens: int
    closes: int


class Command(Effect, frozen=True):
    """Records to be carried out; `reply` says whether they were. `counter`: keep it before anything else (profile B)."""

    records: tuple[Record, ...]
    counter: int | None


class Asked(Effect, frozen=True):
    """Data is wanted; `reply` gives it. `counter`: as of Command."""

    counter: int | None


class Dropped(Effect, frozen=True):
    """A telegram that was nothing for this meter, and why."""

    reason: str


class Meter:
    """One meter. `count()` gives profile B's next message counter, never one twice; `heard`: the gateway's last one."""

    def __init__(
        self, address: Address, key: Key, mode: Mode = T2, form: Format = Format.A, *,
        access: int = 0, count: Callable[[], int] | None = None, heard: int = NEVER,
    ) -> None:  # fmt: skip
        if key.profile is Profile.B and count is None:
            raise LocalProtocolError("security profile B needs a message counter")
        self.address, self.access = address, access
        self._key, self._mode, self._form, self._count, self._heard = key, mode, form, count, heard
        self._closes: int | None = None
        self._request: bytes | None = None
        self._answer: Content | None = None
        self._waiting: tuple[int, int] | None = None
        """What was asked, and under which access number."""

    @property
    def deadline(self) -> int | None:
        """When the receiver may sleep (ns); None: it does."""
        return self._closes

    def report(self, data: list[Record], now: int, status: int = 0) -> list[Effect]:
        """Send a report that nobody confirms (SND-NR), and listen."""
        self.access = self.access + 1 & 0xFF
        content = Content(Control.SND_NR, self.address, self.access, status, records.build(data), listens=True)
        return self._send(content, now)

    def reply(self, now: int, data: list[Record] | None = None, *, done: bool = True) -> list[Effect]:
        """What became of the command, or the data asked for. Raises LocalProtocolError when nothing was asked."""
        if self._waiting is None:
            raise LocalProtocolError("a reply to nothing")
        kind, access = self._waiting
        self._waiting = None
        if kind == Control.REQ_UD2:
            content = Content(Control.RSP_UD, self.address, access, 0, records.build(data or []), listens=True)
        else:
            status = 0 if done else Status.APPLICATION_ERROR
            content = Content(Control.ACK if done else Control.NACK, self.address, access, status, listens=True)
        return self._send(content, now)

    def feed(self, chips: bytes, now: int) -> list[Effect]:
        """A whole frame as the radio heard it. The radio hears nothing outside its window."""
        try:
            octets = framing.parse(self._mode.to_meter.decode(chips), self._form)
            telegram = Telegram.parse(octets)
            if octets == self._request and self._answer is not None:
                return self._send(self._answer, now)
            content = unseal(octets, self._key)
            if content.meter != self.address:
                return [Dropped(f"for {content.meter}")]
            self._check(content)
            return self._handle(telegram, content, octets)
        except RemoteProtocolError as error:
            return [Dropped(str(error))]

    def expire(self, now: int) -> list[Effect]:
        """The window has closed: nobody spoke, or it is answered."""
        if self._closes is not None and now >= self._closes:
            self._closes = None
        return []

    def _check(self, content: Content) -> None:
        if content.counter is not None:
            if content.counter <= self._heard:
                raise RemoteProtocolError(f"message counter {content.counter} is not above {self._heard}")
            self._heard = content.counter

    def _handle(self, telegram: Telegram, content: Content, octets: bytes) -> list[Effect]:
        if telegram.kind == Control.SND_NKE:
            self._request = self._answer = self._closes = None
            return []
        if telegram.kind == Control.SND_UD:
            effect: Effect = Command(tuple(records.parse(content.records)), content.counter)
        elif telegram.kind == Control.REQ_UD2:
            effect = Asked(content.counter)
        else:
            return [Dropped(f"control {telegram.control:02X}")]
        self._request, self._answer = octets, None
        self._waiting = telegram.kind, content.access
        return [effect]

    def _send(self, content: Content, now: int) -> list[Effect]:
        if content.control != Control.SND_NR:
            self._answer = content
        if self._count is not None and self._key.profile is Profile.B:
            content = replace(content, counter=self._count())
        chips = self._mode.from_meter.encode(framing.build(seal(content, self._key), self._form))
        end = now + self._mode.from_meter.airtime(chips)
        self._closes = end + self._mode.closes
        return [Transmit(chips), Listen(end + self._mode.opens, self._closes)]
