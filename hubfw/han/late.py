"""What a meter could not be told when it was published: how it is to handle its events. It hears it, in order, when it is back.

Kept in one record of non-volatile memory, tried with longer and longer pauses, and soon after the device announces itself. Who is
struck off the device log is told no more. Not here: displays, which ask by themselves, and gas meters, which sleep (`awake`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer
from devices.runtime.kernel import MIN
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.node import DeviceAnnounced

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from devices.runtime.tasks import Task
    from hubfw.device_log import DeviceLog

KEY: Final = "untold"
MOST: Final = 16
"""Commands for one meter; the oldest goes."""
FIRST_PAUSE, LONGEST_PAUSE = MIN, 15 * MIN
Wish = DeviceManagement.SetEventConfiguration


class Late:
    """On one endpoint of the hub, whose number is `source`."""

    def __init__(self, firmware: Firmware, han: Han, log: DeviceLog, source: int) -> None:
        self._firmware = firmware
        self._nvm = firmware.board.nvm
        self._han = han
        self._log = log
        self._source = source
        self._task: Task[None] | None = None
        kept: dict[str, list[bytes]] = self._nvm.get(KEY, {})
        self._waiting = {int(eui64, 16): [Wish.parse(each) for each in wishes] for eui64, wishes in kept.items()}
        han.on(DeviceAnnounced, lambda announced: self._start() if announced.eui64 in self._waiting else None)
        if self._waiting:
            self._start()

    def __contains__(self, eui64: int) -> bool:
        """Whether something waits for a device: what comes now waits behind it."""
        return eui64 in self._waiting

    def put(self, eui64: int, wishes: Sequence[Wish]) -> None:
        """Have a meter told later."""
        self._waiting[eui64] = [*self._waiting.get(eui64, []), *wishes][-MOST:]
        self._keep()
        if self._task is None or self._task.done:
            self._start()

    def _start(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = self._firmware.spawn(self._tell())

    async def _tell(self) -> None:
        pause = FIRST_PAUSE
        while self._waiting:
            await self._firmware.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            for eui64 in list(self._waiting):
                if self._log.get(eui64) is None:
                    del self._waiting[eui64]
                    self._keep()
                    continue
                try:
                    await self._hear(eui64)
                except NoAnswer:
                    continue

    async def _hear(self, eui64: int) -> None:
        """All that waits for one. Raises NoAnswer."""
        address = await self._han.find(eui64)
        while wishes := self._waiting.get(eui64):
            await self._han.tell(address, 1, wishes[0], source=self._source)
            self._waiting[eui64] = wishes[1:]
            if not self._waiting[eui64]:
                del self._waiting[eui64]
            self._keep()

    def _keep(self) -> None:
        if self._waiting:
            self._nvm.put({KEY: {f"{eui64:016X}": [each.build() for each in wishes] for eui64, wishes in self._waiting.items()}})
        elif KEY in self._nvm:
            self._nvm.delete(KEY)
