"""Commands for gas meters that sleep, of which no notification flag tells: how events are to be handled (SE 1.4 clause D.10.3.3).

A flag has the meter stay awake (functional bit 4), it is told what waits, in order, and the flag is withdrawn. What does not arrive
waits for the next wake. What waits is in no memory of its own: after a restart who publishes says it again, and a meter takes each
wish once. Not here: commands that a meter fetches by a flag (`mirrors`), packets from the WAN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer
from devices.runtime.kernel import S
from protocols.zigbee.clusters.mirror import Functional

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from hubfw.han.mirrors import Mirrors
    from protocols.core.codec import Frame

MOST: Final = 8
"""Commands for one meter; the oldest goes."""
HEARD: Final = 3 * S
"""Until the meter has the flags, and is awake for good."""
METER: Final = 1
"""Its endpoint."""


class Awake:
    """What waits, by meter. `source(eui64)` is the endpoint from which a meter is told."""

    def __init__(self, firmware: Firmware, han: Han, mirrors: Mirrors, source: Callable[[int], int]) -> None:
        self._firmware = firmware
        self._han = han
        self._mirrors = mirrors
        self._source = source
        self._waiting: dict[int, list[Frame]] = {}
        self._busy: set[int] = set()
        mirrors.on_complete.append(self._reported)

    def __contains__(self, eui64: int | None) -> bool:
        """Whether something waits for a meter."""
        return eui64 is not None and bool(self._waiting.get(eui64))

    def put(self, eui64: int, command: Frame) -> None:
        """Have a meter told, at its next wake."""
        self._waiting[eui64] = [*self._waiting.get(eui64, []), command][-MOST:]
        self._mirrors.notify(Functional.STAY_AWAKE_REQUEST_HAN, eui64)

    def _reported(self, eui64: int) -> None:
        if self._waiting.get(eui64) and eui64 not in self._busy:
            self._mirrors.notify(Functional.STAY_AWAKE_REQUEST_HAN, eui64)  # the mirror may be a new one
            self._busy.add(eui64)
            self._firmware.spawn(self._tell(eui64))

    async def _tell(self, eui64: int) -> None:
        await self._firmware.sleep(HEARD)
        try:
            while waiting := self._waiting.get(eui64):
                command = waiting[0]
                await self._han.tell(await self._han.find(eui64), METER, command, source=self._source(eui64))
                self._waiting[eui64] = [each for each in self._waiting[eui64] if each is not command]
        except NoAnswer:
            return  # it sleeps again
        finally:
            self._busy.discard(eui64)
        self._mirrors.withdraw(Functional.STAY_AWAKE_REQUEST_HAN, eui64)
