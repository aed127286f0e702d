"""A device's clock, kept by the hub's (GB: a meter's within 10 s, or not at all).

The first time is taken whatever it is. Later ones correct the clock by up to `most`; a larger difference leaves it alone and
makes it unreliable, until the hub and the clock agree again (GBCS event 0x8F0C). A hub that does not say that its time is
master or synchronised, or that has none, is not believed. ZigBee time has whole seconds: less than one is no difference. An answer
that was longer than that on its way tells what the time was: the question is asked again.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.parts.han import HUB, Han
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.time import EPOCH, Time, TimeStatus

S = 1_000_000_000
LARGEST_CORRECTION = 10 * S
NOT_ADJUSTED = 0x8F0C
"""Event: the clock is too far off to be adjusted."""

FRESH = S
"""How long an answer may be on its way."""
TRIES = 3
_BELIEVED = TimeStatus.MASTER | TimeStatus.SYNCHRONIZED


class NetworkClock:
    """The board's clock and the Time server at the hub's `endpoint`. `most` None: it follows the hub wherever it goes."""

    def __init__(self, han: Han, endpoint: int = 1, *, most: int | None = LARGEST_CORRECTION) -> None:
        self._han = han
        self._endpoint = endpoint
        self._most = most
        self._disagrees = False
        self.happened: Callable[[int], object] = lambda event: None
        """Told of an event: that the clock was not adjusted, or was, forward or backward, by a second or more."""

    @property
    def reliable(self) -> bool:
        """It was set, and agreed with the hub when they were last compared."""
        return self._han.board.rtc.valid and not self._disagrees

    @property
    def utc(self) -> int | None:
        """The time (ns since 1970); None while it is not reliable."""
        rtc = self._han.board.rtc
        return rtc.read() if rtc.valid and not self._disagrees else None

    async def synchronise(self, *, trusted: bool = False) -> bool:
        """Ask the hub, and correct the clock. False when it has no time to give, or is slow to. Raises NoAnswer, Refused.

        `trusted`: somebody vouches for the hub's time, and it is taken whatever it is.
        """
        for _ in range(TRIES):
            asked = self._han.now
            values = await self._han.read(HUB, self._endpoint, Time, [Time.time, Time.time_status])
            if self._han.now - asked <= FRESH:
                break
        else:
            return False
        seconds, status = values.get(Time.time), values.get(Time.time_status)
        if seconds is None or not Time.time.type.known(seconds) or not (status or 0) & _BELIEVED:
            return False
        rtc = self._han.board.rtc
        utc = (seconds + EPOCH) * S
        off = utc - rtc.read()
        apart = max(off, -off - S)  # at least: what is told as a second may be the whole of it
        self._disagrees = rtc.valid and not trusted and self._most is not None and apart > self._most
        if self._disagrees:
            self._han.board.log("event", {"code": NOT_ADJUSTED, "off_ns": off})
            self.happened(NOT_ADJUSTED)
        elif not rtc.valid:
            rtc.set(utc)
        elif abs(off) >= S:
            rtc.set(utc)
            self.happened(EventId.CLOCK_ADJ_FORWARD if off > 0 else EventId.CLOCK_ADJ_BACKWARD)
        return True
