"""What a day holds: scripts at times of the day, for the classes that draw up each day anew (schedule, activity calendar).

They are asked at midnight at the latest, because the day decides what comes: its weekday, its season, whether it is
special. Times with open fields are never written out: an entry for every minute costs no more than one for noon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from heapq import merge
from typing import Protocol

from protocols.dlms.cosem.recurrence import DAY, Time, midnight, split
from protocols.dlms.cosem.zone import Zone


@dataclass(frozen=True, slots=True)
class Item:
    """A script at a time of the day. `window`: ns that it may be late; None: it is never too late."""

    time: Time
    name: bytes
    selector: int
    window: int | None = None


class Programme(Protocol):
    """Who can say what a day holds."""

    def of_day(self, day: date, zone: Zone) -> list[Item]:
        """The items of a day; those of one time in the order in which they are run."""
        ...


def first_after(programme: Programme, after: int, zone: Zone) -> int:
    """The first instant later than `after` at which an item is due, or the next midnight."""
    day, time = split(zone.reached(after))
    times = (item.time.first(time + 1) for item in programme.of_day(day, zone))
    following = min((at for at in times if at is not None), default=DAY)
    return zone.utc(midnight(day) + following)


def between(programme: Programme, since: int, until: int, zone: Zone) -> Iterator[tuple[int, Item]]:
    """The items that are due later than `since` and at `until` at the latest, with their instants, latest first."""
    low, high = zone.reached(since), zone.reached(until)
    day, first = split(high)[0], split(low)[0]
    while day >= first:
        start = midnight(day)
        falling = (_falling(item, min(high - start, DAY - 1)) for item in reversed(programme.of_day(day, zone)))
        for time, item in merge(*falling, key=lambda timed: -timed[0]):
            if start + time <= low:
                return
            yield zone.utc(start + time), item
        day -= timedelta(1)


def _falling(item: Item, until: int) -> Iterator[tuple[int, Item]]:
    at = item.time.last(until)
    while at is not None:
        yield at, item
        at = item.time.last(at - 1) if at else None
