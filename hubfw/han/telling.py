"""Telling every device of some kinds, as often as it takes: with longer and longer pauses, for as long as it is worth telling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from devices.parts.han import Han, NoAnswer
from devices.runtime.kernel import MIN
from hubfw.device_log import DeviceLog
from protocols.core.codec import Frame
from protocols.zigbee.zcl.cluster import command_of

FIRST_PAUSE: Final = MIN
LONGEST_PAUSE: Final = 15 * MIN


async def tell_all(han: Han, log: DeviceLog, kinds: tuple[str, ...], command: Frame, wanted: Callable[[], bool]) -> list[int]:
    """Send a command to its cluster's clients among the devices of these kinds. Who (EUI-64) has not had it when it was not
    `wanted` any more; none: all have."""
    told: dict[int, None] = {}
    pause = FIRST_PAUSE
    cluster = command_of(type(command)).cluster.id
    while True:
        untold = [device.eui64 for device in log.of(*kinds) if device.eui64 not in told]
        if not untold or not wanted():
            return untold
        for address, endpoint in await han.match([cluster], served=False):
            eui64 = han.stack.eui64_of(address)
            if eui64 is None or eui64 in told or log.kind(eui64) not in kinds:
                continue
            try:
                await han.tell(address, endpoint, command)
            except NoAnswer:
                continue
            told[eui64] = None
        if not all(device.eui64 in told for device in log.of(*kinds)):
            await han.firmware.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
