"""The meter's watch over its supply: when it was lost, when it is back inside the limits of voltage, and telling the hub both.

A loss is reported at once, from the hold-up. Supply counts as restored when its voltage is inside the limits: the meter judges
that, not the hub. A supply that leaves its limits without a loss is counted and reported, too. A report is repeated until it is
delivered, and what is not reported as over stays in flash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from devices.parts.han import HUB, Han, NoAnswer
from devices.parts.voltage import Voltage
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, MS, S
from devices.runtime.tasks import Task
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.clusters.metering import Metering

LONG: Final = 3 * MIN
"""From here on a failure is a long one (GB)."""
RESTORED: Final = 0x8F35
RESTORED_AFTER_LONG: Final = 0x8F36
"""Events (GBCS): supply restored, after a failure of less than three minutes or not."""
_STORED: Final = "supply/failures"
_EXCURSIONS: Final = "supply/excursions"
_RETRY: Final = 200 * MS
_SLOW_RETRY: Final = 60 * S
_QUICK_TRIES: Final = 20
"""A report is repeated every _RETRY this often, then every _SLOW_RETRY."""


class Supply:
    """One meter's supply. `han` None: there is nobody to tell."""

    def __init__(self, firmware: Firmware, voltage: Voltage, han: Han | None) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._voltage = voltage
        self._han = han
        self._reporting: Task[None] | None = None
        self.happened: Callable[[int, LogId], object] = lambda event, log: None
        """Told of loss and restoration."""
        stored = self._board.nvm.get(_STORED, [0, 0, 0, 0, False, False])
        self.failures: int = stored[0]
        self.long_failures: int = stored[1]
        self.lost_at: int = stored[2]
        """UTC (ns) of the last failure; 0: none."""
        self.duration: int = stored[3]
        """Of the last failure, ns; 0 while it lasts."""
        self.lost: bool = stored[4]
        """Supply is lost, or not yet inside its limits again."""
        self._untold: bool = stored[5]
        self.below, self.above, self._outside = self._board.nvm.get(_EXCURSIONS, [0, 0, False])

    def failed(self) -> dict[str, object]:
        """Supply is gone: report it. What to put in flash at once."""
        if not self.lost:
            self.failures += 1
            self.lost_at, self.duration, self.lost = self._board.rtc.read(), 0, True
            self.happened(EventId.POWER_LOSS, LogId.FAULT)
        self._untold = True
        self._report()
        return self._plain()

    def judge(self) -> None:
        """Supply is there: restored, if its voltage is inside the limits. What was not delivered is reported again."""
        if self.lost and self._voltage.inside:
            self.lost = False
            self.duration = max(0, self._board.rtc.read() - self.lost_at)
            long = self.duration >= LONG
            self.long_failures += long
            self._board.nvm.put(self._plain())
            code = RESTORED_AFTER_LONG if long else RESTORED
            self.happened(code, LogId.GBCS_GENERAL)
            self._board.log("event", {"code": code, "lost": self.lost_at, "restored": self.lost_at + self.duration})
            self._report()
        elif self._untold and not self.lost and self._reporting is None:
            self._report()
        outside = not self.lost and not self._voltage.inside
        if outside != self._outside:
            self._outside = outside
            self.below += outside and self._voltage.low
            self.above += outside and not self._voltage.low
            self._board.nvm.put({_EXCURSIONS: [self.below, self.above, outside]})
            self._report()

    def _plain(self) -> dict[str, object]:
        return {_STORED: [self.failures, self.long_failures, self.lost_at, self.duration, self.lost, self._untold]}

    def _report(self) -> None:
        if self._reporting is not None:
            self._reporting.cancel()
        if self._han is not None:
            self._reporting = self._firmware.spawn(self._tell_hub(self._han))

    async def _tell_hub(self, han: Han) -> None:
        tries = 0
        while True:
            try:
                await han.report(HUB, 1, Metering, [Metering.status])
                break
            except NoAnswer:
                tries += 1
                await self._firmware.sleep(_RETRY if tries < _QUICK_TRIES else _SLOW_RETRY)
        if not self.lost:
            self._untold = False
            self._board.nvm.put(self._plain())
