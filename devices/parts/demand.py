"""What a household uses: electricity in watts, gas in litres an hour, as levels that hold until the next one.

A level holds for minutes, so a day costs a few hundred events and a year stays cheap. The shapes are typical domestic
ones scaled to a yearly consumption (Ofgem's medium values by default); no real customer's data is in them.
Not here: what a meter makes of it (`metrology`), prices, generation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
YEAR_HOURS = 8_760

ELECTRICITY_KWH_A_YEAR = 2_700
GAS_KWH_A_YEAR = 11_500
GAS_KWH_PER_CUBIC_METRE = 11.2
"""About 39.5 MJ/m3 with the usual volume correction: good for a load shape, not for a bill."""

# Relative use by hour of the (UTC) day. Only the shape counts: each is scaled to its own mean.
ELECTRICITY_BY_HOUR = (
    0.55, 0.45, 0.40, 0.40, 0.40, 0.45, 0.70, 1.00, 1.05, 0.95, 0.90, 0.90,
    1.00, 0.95, 0.90, 0.95, 1.20, 1.60, 1.85, 1.80, 1.60, 1.40, 1.10, 0.80,
)  # fmt: skip
GAS_BY_HOUR = (
    0.05, 0.05, 0.05, 0.05, 0.20, 0.80, 2.20, 2.60, 1.80, 1.00, 0.70, 0.70,
    0.80, 0.70, 0.60, 0.80, 1.40, 2.00, 2.20, 2.00, 1.60, 1.20, 0.50, 0.20,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Level:
    """A level of use: `value` in the demand's unit, held for `duration` ns."""

    value: int
    duration: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How a household uses one fuel: mean level, weight of each hour, and bursts (kettle, shower) on top.

    `burst_chance` is the chance that a level is a burst of `burst` units for `burst_minutes`; `floor` is the least.
    """

    mean: float
    by_hour: Sequence[float]
    floor: int
    burst: int
    burst_chance: float
    burst_minutes: tuple[int, int]
    minutes: tuple[int, int]


def electricity(kwh_a_year: int = ELECTRICITY_KWH_A_YEAR) -> Shape:
    """Household electricity in watts."""
    mean = kwh_a_year * 1000 / YEAR_HOURS
    return Shape(mean, ELECTRICITY_BY_HOUR, 60, burst=2_400, burst_chance=0.04, burst_minutes=(2, 6), minutes=(3, 18))


def gas(kwh_a_year: int = GAS_KWH_A_YEAR) -> Shape:
    """Household gas in litres an hour; the boiler runs or it does not, hence the low floor and the long levels."""
    mean = kwh_a_year * 1000 / GAS_KWH_PER_CUBIC_METRE / YEAR_HOURS
    return Shape(mean, GAS_BY_HOUR, 0, burst=1_800, burst_chance=0.06, burst_minutes=(5, 12), minutes=(10, 40))


class Demand:
    """An endless sequence of levels, drawn from one random stream."""

    def __init__(self, shape: Shape, rng: Random) -> None:
        self._shape = shape
        self._rng = rng
        self._mean_weight = sum(shape.by_hour) / len(shape.by_hour)
        # Bursts add to the mean; the ordinary levels are lowered so that the year comes out right.
        burst_share = shape.burst_chance * sum(shape.burst_minutes) / sum(shape.minutes)
        self._ordinary = max(shape.mean - shape.burst * burst_share / (1 + burst_share), 0.0)

    def next(self, utc: int) -> Level:
        """The level that holds from `utc` (ns since 1970)."""
        shape, rng = self._shape, self._rng
        weight = shape.by_hour[utc // HOUR % 24] / self._mean_weight
        if rng.random() < shape.burst_chance * weight:
            return Level(shape.burst, self._minutes(shape.burst_minutes))
        value = int(self._ordinary * weight * (0.5 + rng.random()))
        return Level(max(value, shape.floor), self._minutes(shape.minutes))

    def _minutes(self, span: tuple[int, int]) -> int:
        low, high = span
        return int((low + self._rng.random() * (high - low)) * 60) * SECOND
