"""The premises' time as the hub tells it: Greenwich time, an hour more in summer by the rule of Great Britain.

Summer is from the last Sunday of March to the last Sunday of October, 01:00 UTC. Not here: another rule, set from the WAN.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from protocols.zigbee.calendar.schedule import Zone
from protocols.zigbee.clusters.time import EPOCH

HOUR: Final = 3600
_SUNDAY: Final = 7


def zone(utc: int) -> Zone:
    """The zone with the summer of the year of a time (seconds since 2000)."""
    year = datetime.fromtimestamp(utc + EPOCH, UTC).year
    return Zone(0, _last_sunday(year, 3), _last_sunday(year, 10), HOUR)


def _last_sunday(year: int, month: int) -> int:
    """01:00 UTC on it; both months have 31 days."""
    last = date(year, month, 31)
    sunday = last - timedelta(days=last.isoweekday() % _SUNDAY)
    return (sunday - date(2000, 1, 1)).days * 24 * HOUR + HOUR
