"""The message in force on the premises' displays: kept, pushed to each, and told to who asks (SE 1.4 annex D.5).

One message at a time; a new one takes the place of the old. It is pushed until every display of the log has it, with longer
and longer pauses, and for as long as it is in force. A display that was off asks for it when it is back.

Not here: cancelling, protected messages, who may send one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.parts.han import Han, NoAnswer
from devices.runtime.kernel import MIN, S
from hubfw.config import IHD, PPMID
from hubfw.device_log import DeviceLog
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.messaging import LONGEST_MESSAGE, Messaging
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.endpoint import Instance, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

UNTIL_CHANGED = 0xFFFF
FIRST_PAUSE = MIN
LONGEST_PAUSE = 15 * MIN

_KEY = "message"


class Messages:
    """The server side of Messaging on one endpoint."""

    def __init__(self, firmware: Firmware, han: Han, server: Instance, log: DeviceLog) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._log = log
        stored = self._board.nvm.get(_KEY)
        self._message = None if stored is None else Messaging.DisplayMessage(**stored["message"])
        self._told = stored is not None and bool(stored["told"])
        server.on(Messaging.GetLastMessage, self._asked)
        server.on(Messaging.MessageConfirmation, self._confirmed)

    def start(self) -> None:
        """Go on pushing what a restart broke off."""
        if self.in_force is not None and not self._told:
            self._firmware.spawn(self._push(self.in_force))

    @property
    def in_force(self) -> Messaging.DisplayMessage | None:
        """The message that displays should show now."""
        message = self._message
        if message is None or message.duration_in_minutes == UNTIL_CHANGED:
            return message
        return message if self._now() < message.start_time + 60 * message.duration_in_minutes else None

    def display(self, text: str, minutes: int = UNTIL_CHANGED) -> int:
        """Show a text from now on; its identifier. Raises LocalProtocolError for more than 116 octets or no text at all."""
        octets = text.encode()
        if not 0 < len(octets) <= LONGEST_MESSAGE:
            raise LocalProtocolError(f"a message has 1 to {LONGEST_MESSAGE} octets, not {len(octets)}")
        number = self._board.nvm.counter(_KEY, step=16).next() & 0xFFFFFFFF
        message = self._message = Messaging.DisplayMessage(number, 0, self._now(), minutes, octets)
        self._store(told=False)
        self._firmware.spawn(self._push(message))
        return number

    def _store(self, *, told: bool) -> None:
        message = self._message
        assert message is not None
        self._told = told
        fields = {
            "message_id": message.message_id,
            "message_control": message.message_control,
            "start_time": message.start_time,
            "duration_in_minutes": message.duration_in_minutes,
            "message": message.message,
        }
        self._board.nvm.put({_KEY: {"message": fields, "told": told}})

    async def _push(self, message: Messaging.DisplayMessage) -> None:
        told: dict[int, None] = {}
        pause = FIRST_PAUSE
        while self.in_force is message:
            for address, endpoint in await self._han.match([Messaging.id], served=False):
                eui64 = self._han.stack.eui64_of(address)
                if eui64 in told or self._log.kind(eui64) not in (IHD, PPMID):
                    continue
                try:
                    await self._han.tell(address, endpoint, message)
                except NoAnswer:
                    continue
                assert eui64 is not None
                told[eui64] = None
            if all(device.eui64 in told for device in self._log.of(IHD, PPMID)):
                if self.in_force is message:
                    self._store(told=True)
                return
            await self._firmware.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _asked(self, command: Messaging.GetLastMessage, request: Request) -> Outcome:
        return self.in_force or Status.NOT_FOUND

    def _confirmed(self, command: Messaging.MessageConfirmation, request: Request) -> Outcome:
        told = {"message": command.message_id, "by": request.message.source_eui64}
        self._board.log("hub.message-confirmed", told)
        return Status.SUCCESS

    def _now(self) -> int:
        return max(self._board.rtc.read() // S - EPOCH, 0)
