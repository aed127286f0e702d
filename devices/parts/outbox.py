"""Commands that another device is to get, in order: each is said again every minute, and given up after an hour.

A sleeper's wait for its next wake, for a day at most. So many wait; the oldest makes room. They do not outlive the power.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from devices.parts.han import HUB, Han, NoAnswer
from protocols.core.codec import Frame
from protocols.zigbee.node import NodeType

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

S: Final = 1_000_000_000
RETRY: Final = 60 * S
GIVE_UP: Final = 3600 * S
GIVE_UP_ASLEEP: Final = 24 * GIVE_UP
ROOM: Final = 32


class Outbox:
    """To one endpoint of the hub. A sleeper's: nothing is said until `say`."""

    def __init__(self, firmware: Firmware, han: Han, endpoint: int = 1, source: int = 1) -> None:
        self._firmware = firmware
        self._han = han
        self._endpoint = endpoint
        self._source = source
        self._waiting: deque[tuple[int, Frame]] = deque(maxlen=ROOM)
        self._busy = False
        self._sleepy = han.config.type is NodeType.SLEEPY_END_DEVICE

    def put(self, command: Frame) -> None:
        """Have a command said."""
        self._waiting.append((self._han.now + (GIVE_UP_ASLEEP if self._sleepy else GIVE_UP), command))
        if not self._busy and not self._sleepy:
            self._busy = True
            self._firmware.after(0, self._start)

    def _start(self) -> None:
        self._firmware.spawn(self.say())

    async def say(self) -> None:
        """Say what waits. A sleeper leaves what does not arrive for its next wake."""
        while self._waiting:
            entry = until, command = self._waiting[0]
            try:
                await self._han.tell(HUB, self._endpoint, command, source=self._source)
            except NoAnswer:
                if self._han.now < until and self._sleepy:
                    return
                if self._han.now < until:
                    await self._firmware.sleep(RETRY)
                    continue
            if self._waiting and self._waiting[0] is entry:
                self._waiting.popleft()
        self._busy = False
