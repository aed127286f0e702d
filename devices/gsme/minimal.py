"""The least that a gas meter can be (paper B): a pulse counter with its data logger, a radio, and a valve.

It counts litres, keeps the half hours and whatever samples it is asked for, reports its reading to the mirror at each wake, and
obeys orders for the valve, of which its mirror tells it by notification scheme A: one word of flags. What such a meter does not do,
the mirror and the head end do without. No prices, no account, no history of days, no messages, no new firmware, no event log.
"""

from __future__ import annotations

from devices.gsme import firmware, notified, zcl
from devices.runtime.board import Reset
from protocols.zigbee.clusters.mirror import Scheme


class Minimal(firmware.Firmware):
    """Likewise its firmware: of the whole meter's the rhythm, the register, the logs and the valve."""

    scheme = Scheme.A

    def boot(self, why: Reset) -> None:
        battery = self._begin()
        self.notified = notified.MINIMAL
        endpoint = zcl.minimal(self.config, self.register, battery)
        if self.config.credentials:
            self.han.certify(endpoint, self.config.credentials)
        self._serve(endpoint)
        self._start()

    async def _after_time(self) -> None:
        """What local time is it does not ask: it goes by no tariff."""

    async def _after_set(self) -> None:
        """Nothing else waits for anything."""

    def _left(self) -> None:
        self._forget_mirror()
