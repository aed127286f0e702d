"""Messages for the premises' displays: kept, pushed to each, told to who asks, and called off (SE 1.4 annex D.5).

A new message takes the place of the one in force; one for later waits beside it. A message is pushed until every display of the log
has it, with longer and longer pauses, and for as long as it is of use. A display that was off asks when it is back, for the message
in force and for a cancellation that it may have missed. What was over before a display had it is lost: an event says so. Who
confirmed what, and how, is kept until the next restart.

Not here: protected messages, who may send one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han
from devices.runtime.kernel import S
from hubfw.config import IHD, PPMID
from hubfw.device_log import DeviceLog
from hubfw.han.telling import tell_all
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.messaging import (
    CONFIRMATION_WANTED,
    ENHANCED_CONFIRMATION_WANTED,
    LONGEST_MESSAGE,
    UNTIL_CHANGED,
    Messaging,
)
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.zcl.endpoint import Instance, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

ROOM: Final = 4
"""Messages kept: the one in force and some for later."""
_KEY: Final = "message"
_CANCELLED: Final = "message/cancelled"
_ACTIVE: Final = "message/list"
_FIELDS: Final = ("message_id", "message_control", "start_time", "duration_in_minutes", "message")
_DISPLAYS: Final = (IHD, PPMID)
_CONFIRMATIONS: Final = 64
_WORTH_TELLING: Final = 86_400
"""Seconds for which a cancellation is told to a display that does not answer."""


class Importance(IntEnum):
    """How important a message is: bits 2 and 3 of its control."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person's answer at a display: yes or no, where one of the two was asked for, and words."""

    by: int | None
    yes: bool | None
    words: bytes


class Messages:
    """The server side of Messaging on one endpoint."""

    def __init__(self, firmware: Firmware, han: Han, server: Instance, log: DeviceLog) -> None:
        self.confirmations: dict[int, list[Confirmation]] = {}
        """By message identifier."""
        self._fetched: dict[int, int] = {}
        """Display to the message that it has asked for last."""
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._log = log
        nvm = self._board.nvm
        self._messages = [Messaging.DisplayMessage(*row) for row in nvm.get(_ACTIVE, [])]
        self._untold: list[int] = list(nvm.get(_KEY, []))
        self._cancelled: list[int] | None = nvm.get(_CANCELLED)
        """Of the last cancellation: from when on, and up to which message."""
        server.on(Messaging.GetLastMessage, self._asked)
        server.on(Messaging.MessageConfirmation, self._confirmed)
        server.on(Messaging.GetMessageCancellation, self._asked_for_cancellation)

    def start(self) -> None:
        """Go on pushing what a restart broke off."""
        for message in self._messages:
            if message.message_id in self._untold:
                self._firmware.spawn(self._push(message))

    @property
    def in_force(self) -> Messaging.DisplayMessage | None:
        """The message that displays should show now; without one, the next."""
        self._forget()
        now = self._now()
        begun = [message for message in self._messages if message.start_time <= now]
        return begun[-1] if begun else self._messages[0] if self._messages else None

    def display(
        self,
        text: str,
        minutes: int = UNTIL_CHANGED,
        *,
        start: int | None = None,
        importance: Importance = Importance.LOW,
        confirm: bool = False,
        ask: bool = False,
    ) -> int:
        """Show a text from a time on (UTC ns; None: now); its identifier. `confirm`: a person has to; `ask`: with yes or no.

        Raises LocalProtocolError for more than 116 octets or no text at all, and when too many wait.
        """
        octets = text.encode()
        if not 0 < len(octets) <= LONGEST_MESSAGE:
            raise LocalProtocolError(f"a message has 1 to {LONGEST_MESSAGE} octets, not {len(octets)}")
        self._forget()
        now = self._now()
        begins = now if start is None else start // S - EPOCH
        waiting = [message for message in self._messages if message.start_time > max(begins, now)]
        if begins > now and sum(message.start_time > now for message in self._messages) >= ROOM - 1:
            raise LocalProtocolError(f"{ROOM - 1} messages wait")
        number = self._board.nvm.counter(_KEY, step=16).next() & 0xFFFFFFFF
        control = importance << 2 | CONFIRMATION_WANTED * (confirm or ask) | ENHANCED_CONFIRMATION_WANTED * ask
        message = Messaging.DisplayMessage(number, control, begins, minutes, octets)
        before = [each for each in self._messages if each.start_time <= begins and begins > now]
        self._messages = [*before, message, *waiting]
        self._untold = [each.message_id for each in self._messages if each.message_id in (*self._untold, number)]
        self._store()
        self._firmware.spawn(self._push(message))
        return number

    def cancel(self, number: int) -> None:
        """Withdraw a message. Raises LocalProtocolError for one that is not there any more."""
        self._forget()
        if all(message.message_id != number for message in self._messages):
            raise LocalProtocolError(f"no message {number}")
        self._messages = [message for message in self._messages if message.message_id != number]
        if not self._messages:
            self._cancelled = [self._now(), number]
        self._store()
        until = self._now() + _WORTH_TELLING
        self._firmware.spawn(
            tell_all(self._han, self._log, _DISPLAYS, Messaging.CancelMessage(number, 0), lambda: self._now() < until)
        )

    def cancel_all(self, at: int | None = None) -> None:
        """Withdraw every message, now or at a time (UTC ns)."""
        time = self._now() if at is None else at // S - EPOCH
        cancelled = self._cancelled = [time, max((message.message_id for message in self._messages), default=0)]
        self._forget()
        self._store()
        until = max(time, self._now()) + _WORTH_TELLING
        self._firmware.spawn(tell_all(
            self._han, self._log, _DISPLAYS, Messaging.CancelAllMessages(time),
            lambda: self._cancelled is cancelled and self._now() < until,
        ))  # fmt: skip

    def _forget(self) -> None:
        """Drop what is over, what a later one has taken the place of, and what a cancellation to come has reached."""
        now = self._now()
        if self._cancelled is not None and self._cancelled[0] <= now:
            self._messages = [message for message in self._messages if message.message_id > self._cancelled[1]]
        lasting = [message for message in self._messages if _end(message) is None or now < (_end(message) or 0)]
        begun = [message for message in lasting if message.start_time <= now]
        self._messages = [*begun[-1:], *(message for message in lasting if message.start_time > now)]

    def _store(self) -> None:
        rows = [[getattr(message, name) for name in _FIELDS] for message in self._messages]
        self._board.nvm.put({_ACTIVE: rows, _KEY: self._untold, _CANCELLED: self._cancelled})

    async def _push(self, message: Messaging.DisplayMessage) -> None:
        untold = await tell_all(self._han, self._log, _DISPLAYS, message, lambda: self._wanted(message))
        if not untold:
            self._untold = [number for number in self._untold if number != message.message_id]
            self._store()
        for eui64 in untold:
            if self._fetched.get(eui64) != message.message_id:
                self._board.log("hub.message-lost", {"message": message.message_id, "display": eui64})

    def _wanted(self, message: Messaging.DisplayMessage) -> bool:
        self._forget()
        return message in self._messages

    def _asked(self, command: Messaging.GetLastMessage, request: Request) -> Outcome:
        message, by = self.in_force, request.message.source_eui64
        if message is not None and by is not None:
            self._fetched[by] = message.message_id
        return message or Status.NOT_FOUND

    def _asked_for_cancellation(self, command: Messaging.GetMessageCancellation, request: Request) -> Outcome:
        self._forget()
        if self._cancelled is None or self._cancelled[0] < command.earliest_implementation_time:
            return Status.NOT_FOUND
        if self._messages and self._cancelled[0] <= self._now():
            return Status.NOT_FOUND  # who has the message in force needs no cancellation of older ones
        return Messaging.CancelAllMessages(self._cancelled[0])

    def _confirmed(self, command: Messaging.MessageConfirmation, request: Request) -> Outcome:
        control = command.message_confirmation_control
        yes = None if control is None or not control & 0x03 else bool(control & 0x02)
        given = Confirmation(request.message.source_eui64, yes, command.message_response or b"")
        self.confirmations.setdefault(command.message_id, []).append(given)
        while sum(map(len, self.confirmations.values())) > _CONFIRMATIONS:
            del self.confirmations[next(iter(self.confirmations))]
        told = {"message": command.message_id, "by": given.by}
        self._board.log("hub.message-confirmed", told if yes is None else {**told, "yes": yes})
        return Status.SUCCESS

    def _now(self) -> int:
        return seconds(self._board.rtc.read())


def _end(message: Messaging.DisplayMessage) -> int | None:
    """When it is over."""
    return None if message.duration_in_minutes == UNTIL_CHANGED else message.start_time + 60 * message.duration_in_minutes
