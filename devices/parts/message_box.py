"""The message in force on a display (SE 1.4 annex D.5): one at a time, shown safely, confirmed by a person where that is asked.

Octets that are no UTF-8, and control characters, become a replacement mark; empty and overlong texts are refused (bad input G15).
A message that is to start later is kept, and shown from then on.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.network_clock import NetworkClock
from protocols.zigbee.clusters.messaging import LONGEST_MESSAGE, Messaging
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

S = 1_000_000_000
UNTIL_CHANGED = 0xFFFF
CONFIRMATION_WANTED = 0x80


class MessageBox:
    """The client side of Messaging on an endpoint. `changed()` is called when another text is to be seen."""

    def __init__(self, han: Han, endpoint: Endpoint, clock: NetworkClock, changed: Callable[[], object]) -> None:
        self._han = han
        self._endpoint = endpoint
        self._clock = clock
        self._changed = changed
        self._message: Messaging.DisplayMessage | None = None
        self._confirmed = False
        client = endpoint.use(Messaging)
        client.on(Messaging.DisplayMessage, self._display)
        client.on(Messaging.CancelMessage, self._cancel)
        client.on(Messaging.CancelAllMessages, self._cancel_all)

    @property
    def text(self) -> str | None:
        """What is to be seen now."""
        message, utc = self._message, self._clock.utc
        if message is None or message.message is None:
            return None
        if utc is not None:
            now = utc // S - EPOCH
            end = message.start_time + 60 * message.duration_in_minutes
            if now < message.start_time or (message.duration_in_minutes != UNTIL_CHANGED and now >= end):
                return None
        text = message.message.decode("utf-8", "replace")
        return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)

    @property
    def wants_confirmation(self) -> bool:
        """Whether a person is asked to confirm it."""
        message = self._message
        return message is not None and bool(message.message_control & CONFIRMATION_WANTED) and not self._confirmed

    async def fetch(self) -> None:
        """Ask the hub for the message in force. Raises NoAnswer."""
        try:
            message = await self._han.request(HUB, 1, Messaging.GetLastMessage(), Messaging.DisplayMessage)
        except Refused:
            return
        self._take(message)

    def confirm(self) -> None:
        """A person has read it."""
        message, utc = self._message, self._clock.utc
        if message is None or not self.wants_confirmation:
            return
        seconds = 0 if utc is None else utc // S - EPOCH
        try:
            self._han.command(HUB, 1, Messaging.MessageConfirmation(message.message_id, seconds))
        except NoAnswer:
            return  # it stays unconfirmed, and the person is asked on
        self._confirmed = True
        self._changed()

    def _take(self, message: Messaging.DisplayMessage) -> Status:
        if not message.message or len(message.message) > LONGEST_MESSAGE:
            return Status.INVALID_FIELD
        known = self._message is not None and self._message.message_id == message.message_id
        if not message.start_time:  # "now": fixed here, so that its duration ends
            utc = self._clock.utc
            start = self._message.start_time if known and self._message else 0 if utc is None else utc // S - EPOCH
            message = Messaging.DisplayMessage(
                message.message_id, message.message_control, start, message.duration_in_minutes, message.message
            )
        self._confirmed = self._confirmed and known
        self._message = message
        self._changed()
        return Status.SUCCESS

    def _display(self, command: Messaging.DisplayMessage, request: Request) -> Outcome:
        return self._take(command)

    def _cancel(self, command: Messaging.CancelMessage, request: Request) -> Outcome:
        if self._message is None or self._message.message_id != command.message_id:
            return Status.NOT_FOUND
        self._message = None
        self._changed()
        return Status.SUCCESS

    def _cancel_all(self, command: Messaging.CancelAllMessages, request: Request) -> Outcome:
        self._message = None
        self._changed()
        return Status.SUCCESS
