"""What a photovoltaic plant would deliver, as levels that hold until the next one: the sun's height by month and time, and clouds.

Sunrise, sunset and how high the sun comes are those of the middle of England, month by month and in UTC; clouds are drawn from one
random stream. Only the shape counts: no plant's data is in it. Not here: the inverter's limits, the network that it needs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Final

from devices.parts.demand import MINUTE, SECOND, Level

# Month by month: sunrise and sunset in minutes of the day, and the share (percent) of its peak that a plant has on a clear noon.
_MONTHS: Final = (
    (485, 980, 35), (435, 1035, 50), (375, 1085, 65), (305, 1135, 80), (250, 1185, 90), (225, 1215, 95),
    (240, 1210, 93), (285, 1160, 85), (335, 1090, 70), (385, 1020, 52), (440, 965, 37), (480, 950, 30),
)  # fmt: skip
_CLEAR: Final = 0.4
"""Share of levels without clouds."""
_DAY: Final = 1440


class Sun:
    """An endless sequence of levels in watts, of a plant that delivers `peak` at best."""

    def __init__(self, peak: int, rng: Random) -> None:
        self._peak = peak
        self._rng = rng

    def next(self, utc: int) -> Level:
        """The level that holds from `utc` (ns since 1970): for minutes, and by night until sunrise or midnight."""
        moment = datetime.fromtimestamp(utc // SECOND, UTC)
        minute, (rises, sets, share) = utc // MINUTE % _DAY, _MONTHS[moment.month - 1]
        if not rises <= minute < sets:
            return Level(0, (rises if minute < rises else _DAY) * MINUTE - utc % (_DAY * MINUTE))
        rng, along = self._rng, (minute - rises) / (sets - rises)
        height = 4 * along * (1 - along)
        sky = 1.0 if rng.random() < _CLEAR else 0.15 + 0.75 * rng.random()
        watts = int(self._peak * share * height * (0.4 + 0.6 * height) * sky / 100)
        return Level(watts, int((3 + rng.random() * 9) * 60) * SECOND)
