"""The messages of a display (SE 1.4 annex D.5): the one in force, shown safely, and one for later; confirmed where that is asked.

Octets that are no UTF-8, and control characters, become a replacement mark; empty and overlong texts are refused (bad input G15).
A message that is to start later waits beside the one in force and then takes its place. A cancellation of all may be dated ahead;
one that was missed is asked for. What is important has a mark before it.
Not here: protected messages, which need a password.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.network_clock import NetworkClock
from protocols.zigbee.clusters.messaging import (
    ANSWER_NO,
    ANSWER_YES,
    CONFIRMATION_WANTED,
    ENHANCED_CONFIRMATION_WANTED,
    LONGEST_MESSAGE,
    UNTIL_CHANGED,
    Messaging,
)
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

S = 1_000_000_000
IMPORTANT = 0x08
"""Bit of a message's control: of high importance, or critical."""


class MessageBox:
    """The client side of Messaging on an endpoint. `changed()` is called when another text is to be seen."""

    def __init__(self, han: Han, endpoint: Endpoint, clock: NetworkClock, changed: Callable[[], object]) -> None:
        self._han = han
        self._endpoint = endpoint
        self._clock = clock
        self._changed = changed
        self._message: Messaging.DisplayMessage | None = None
        self._next: Messaging.DisplayMessage | None = None
        self._cancel_at: int | None = None
        self._confirmed = False
        client = endpoint.use(Messaging)
        client.on(Messaging.DisplayMessage, self._display)
        client.on(Messaging.CancelMessage, self._cancel)
        client.on(Messaging.CancelAllMessages, self._cancel_all)

    @property
    def _now(self) -> int | None:
        utc = self._clock.utc
        return None if utc is None else seconds(utc)

    @property
    def _current(self) -> Messaging.DisplayMessage | None:
        """The message in force."""
        now = self._now
        if now is not None:
            if self._cancel_at is not None and self._cancel_at <= now:
                self._withdraw(self._cancel_at)
                self._cancel_at = None
            if self._next is not None and self._next.start_time <= now:
                self._message, self._next, self._confirmed = self._next, None, False
        message = self._message
        if message is None or now is None:
            return message
        over = message.duration_in_minutes != UNTIL_CHANGED and now >= message.start_time + 60 * message.duration_in_minutes
        return None if over or now < message.start_time else message

    @property
    def text(self) -> str | None:
        """What is to be seen now."""
        message = self._current
        if message is None or message.message is None:
            return None
        text = message.message.decode("utf-8", "replace")
        shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
        return f"! {shown}" if message.message_control & IMPORTANT else shown

    @property
    def wants_confirmation(self) -> bool:
        """Whether a person is asked to confirm it."""
        message = self._current
        return message is not None and bool(message.message_control & CONFIRMATION_WANTED) and not self._confirmed

    @property
    def wants_answer(self) -> bool:
        """Whether it is a question, to be confirmed with yes or no."""
        message = self._current
        return self.wants_confirmation and message is not None and bool(message.message_control & ENHANCED_CONFIRMATION_WANTED)

    async def fetch(self) -> None:
        """Ask the hub for the message in force, or for a cancellation that was missed. Raises NoAnswer."""
        try:
            self._take(await self._han.request(HUB, 1, Messaging.GetLastMessage(), Messaging.DisplayMessage))
            return
        except Refused:
            if self._message is None and self._next is None:
                return
        try:
            missed = await self._han.request(HUB, 1, Messaging.GetMessageCancellation(0), Messaging.CancelAllMessages)
        except Refused:
            return
        self._cancel_from(missed.implementation_date_time)

    def confirm(self, *, yes: bool = True, words: bytes = b"") -> None:
        """A person has read it; what he says to a question counts only where it is one."""
        message, now = self._current, self._now
        if message is None or not self.wants_confirmation:
            return
        told = Messaging.MessageConfirmation(message.message_id, now or 0)
        if self.wants_answer:
            told = Messaging.MessageConfirmation(message.message_id, now or 0, ANSWER_YES if yes else ANSWER_NO, words)
        try:
            self._han.command(HUB, 1, told)
        except NoAnswer:
            return  # it stays unconfirmed, and the person is asked on
        self._confirmed = True
        self._changed()

    def _take(self, message: Messaging.DisplayMessage) -> Status:
        if not message.message or len(message.message) > LONGEST_MESSAGE:
            return Status.INVALID_FIELD
        now = self._now
        known = self._message is not None and self._message.message_id == message.message_id
        if now is not None and message.start_time > now:
            self._next = message
            board = self._han.board
            board.scope.at(board.rtc.when((message.start_time + EPOCH) * S), self._changed)
            if known:  # it was in force, and is not until then
                self._message = None
            self._changed()
            return Status.SUCCESS
        if not message.start_time:  # "now": fixed here, so that its duration ends
            start = self._message.start_time if known and self._message else now or 0
            message = Messaging.DisplayMessage(
                message.message_id, message.message_control, start, message.duration_in_minutes, message.message
            )
        if self._next is not None and self._next.message_id == message.message_id:
            self._next = None
        self._confirmed = self._confirmed and known
        self._message = message
        self._changed()
        return Status.SUCCESS

    def _display(self, command: Messaging.DisplayMessage, request: Request) -> Outcome:
        return self._take(command)

    def _cancel(self, command: Messaging.CancelMessage, request: Request) -> Outcome:
        if self._message is not None and self._message.message_id == command.message_id:
            self._message = None
        elif self._next is not None and self._next.message_id == command.message_id:
            self._next = None
        else:
            return Status.NOT_FOUND
        self._changed()
        return Status.SUCCESS

    def _cancel_all(self, command: Messaging.CancelAllMessages, request: Request) -> Outcome:
        self._cancel_from(command.implementation_date_time)
        return Status.SUCCESS

    def _cancel_from(self, time: int) -> None:
        now = self._now
        if time and now is not None and time > now:
            self._cancel_at = time
            return
        self._withdraw(time or now or 0)
        self._changed()

    def _withdraw(self, time: int) -> None:
        """Whatever began at this time or before; all, where no time is known."""
        if self._message is not None and (not time or self._message.start_time <= time):
            self._message = None
        if self._next is not None and (not time or self._next.start_time <= time):
            self._next = None
