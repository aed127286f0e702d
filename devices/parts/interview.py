"""A sleeper that stays awake for a host's interview: from joining until Metering was read, and a minute beyond the last read.

Home-automation hosts ask a new device everything at once and do not know when it sleeps. Not here: what is answered.
"""

from __future__ import annotations

from typing import Final

from devices.parts.han import Han
from devices.runtime.tasks import Event
from protocols.core.errors import DecodeError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.node import MINUTE, Message
from protocols.zigbee.zcl.foundation import Header

LINGER: Final = MINUTE
_READ_ATTRIBUTES: Final = (0, 0x00)


class Interview:
    """One node's. Reads are noticed when they have been answered."""

    def __init__(self, han: Han) -> None:
        self._han = han
        self._read = Event()
        han.on(Message, self._heard)

    async def over(self) -> None:
        """Poll until the interview is over."""
        with self._han.awake:
            await self._read.wait()
            while self._read.is_set:
                self._read.clear()
                await self._han.firmware.sleep(LINGER)

    def _heard(self, message: Message) -> None:
        if message.cluster != Metering.id:
            return
        try:
            header, _ = Header.parse_from(message.payload, 0)
        except DecodeError:
            return
        if (header.kind, header.command) == _READ_ATTRIBUTES:
            self._read.set()
