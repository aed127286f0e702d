"""What a day holds: scripts at times of the day, for the classes that draw up each day anew (schedule, activity calendar).

They are asked at midnight at the latest, because the day decides what comes: its weekday, its season, whether it is special.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from protocols.dlms.cosem.recurrence import midnight, split
from protocols.dlms.cosem.zone import Zone


@dataclass(frozen=True, slots=True)
class Item:
    """A script at a time of the day (ns). `window`: ns that it may be late; None: it is never too late."""

    time: int
    name: bytes
    selector: int
    window: int | None = None


class Programme(Protocol):
    """Who can say what a day holds."""

    def of_day(self, day: date, zone: Zone) -> list[Item]:
        """The items of a day, in order of time."""
        ...


def first_after(programme: Programme, after: int, zone: Zone) -> int:
    """The first instant later than `after` at which an item is due, or the next midnight."""
    reached = zone.reached(after)
    day, time = split(reached)
    following = next((item.time for item in programme.of_day(day, zone) if item.time > time), None)
    return zone.utc(midnight(day + timedelta(1)) if following is None else midnight(day) + following)


def between(programme: Programme, since: int, until: int, zone: Zone) -> Iterator[tuple[int, Item]]:
    """The items that are due later than `since` and at `until` at the latest, with their instants, latest first."""
    low, high = zone.reached(since), zone.reached(until)
    day, first = split(high)[0], split(low)[0]
    while day >= first:
        start = midnight(day)
        for item in reversed(programme.of_day(day, zone)):
            if low < start + item.time <= high:
                yield zone.utc(start + item.time), item
        day -= timedelta(1)
