"""New firmware for the gas meter (07-5123 clause 11): looked for when its mirror tells of it, fetched while it is awake.

A download that takes longer than one wake goes on at the next, as does one that the power broke off. Not here: the image, its
signature, its activation (`devices.parts.ota`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from devices.parts.han import Han
from devices.parts.ota import FirmwareUpdate
from devices.runtime.kernel import MIN, S
from protocols.zigbee.key_establishment.certificates import Credentials
from protocols.zigbee.ota.client import State
from protocols.zigbee.zcl.endpoint import Endpoint

IMAGE_TYPE: Final = 0x0501
LOOK: Final = 20 * S
"""Awake so long at least, for what the hub says."""
ASKING: Final = (State.QUERY, State.BLOCK, State.END)
"""An answer is on its way."""
LONGEST: Final = 15 * MIN
"""Of one wake; the download goes on at the next."""


class Update:
    """The download of a device that sleeps. `save()` is called before the restart that activates."""

    def __init__(self, han: Han, endpoint: Endpoint, credentials: Sequence[Credentials], save: Callable[[], object]) -> None:
        self.client = FirmwareUpdate(han, endpoint, IMAGE_TYPE, credentials, before_restart=save)
        self._han = han
        self._busy = False

    async def look(self) -> None:
        """Ask the hub for new firmware, or go on with what was begun."""
        if self._busy:
            return
        self._busy = True
        firmware = self._han.firmware
        end = firmware.now + LONGEST
        with self._han.awake:
            firmware.spawn(self.client.start())
            await firmware.sleep(LOOK)
            while self.client.client.state in ASKING and firmware.now < end:
                await firmware.sleep(S)
        self._busy = False

    async def go_on(self) -> None:
        """At a wake: go on with a download that was begun."""
        if self.client.store.file is not None:
            await self.look()
