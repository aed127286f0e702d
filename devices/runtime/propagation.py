"""How far a radio is heard: a log-distance path loss and the walls between (ITU-R P.1238's form, with a number for each wall).

A link's margin is what arrives above the receiver's sensitivity, in dB: 10 n log10(range / distance) less the walls that the
straight line crosses. n = 3 is a furnished home. All radios send alike, so a link is the same both ways. Nothing is nearer than a
tenth of a metre. Not modelled: fading, antennas, floors (a floor is a wall in the plan), reflections.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot, log10

EXPONENT = 3.0
NEAREST = 0.1
GOOD = 30.0
"""dB of margin from which on a link is as good as any: LQI 255."""

Place = tuple[float, float]
"""Metres east and north."""


@dataclass(frozen=True, slots=True)
class Wall:
    """A straight wall between two places, and the dB it takes from a frame that goes through it."""

    start: Place
    end: Place
    db: float

    def between(self, here: Place, there: Place) -> bool:
        """Whether the straight line from here to there crosses it. A line that only touches the wall's end passes by."""
        return _side(here, there, self.start) * _side(here, there, self.end) < 0 and (
            _side(self.start, self.end, here) * _side(self.start, self.end, there) < 0
        )


class Propagation:
    """The path loss of one place. `range_m` metres: how far a radio is heard with nothing in between."""

    def __init__(self, range_m: float, walls: Iterable[Wall] = ()) -> None:
        self.range_m = range_m
        self.walls = tuple(walls)

    def margin(self, here: Place, there: Place, reach: float = 1.0) -> float:
        """dB above the sensitivity of a receiver; below zero it hears nothing. `reach`: how many times the range it is heard."""
        distance = max(hypot(here[0] - there[0], here[1] - there[1]), NEAREST)
        walls = sum(wall.db for wall in self.walls if wall.between(here, there))
        return 10 * EXPONENT * log10(reach * self.range_m / distance) - walls


def link_quality(margin: float) -> int:
    """LQI by margin: 0 out of range, 1 at the edge of it, 255 from `GOOD` on (6.9.8: at least eight values, evenly spread)."""
    return 0 if margin < 0 else 1 + int(254 * min(margin / GOOD, 1.0))


def _side(start: Place, end: Place, point: Place) -> float:
    """Above zero: the point is left of the line from start to end; below: right of it."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
