"""Which tier (or friendly credit, or switch state) a calendar says for a moment (SE 1.4 clause D.9.2.3).

A special day's profile comes before that of the season's week. A season or special day whose year, month, day or weekday is FF
recurs. Without seasons the first week holds, without weeks the first day profile. What the parts do not answer, because one
is missing or names what is not there, is None: unknown. UTC seconds are since 2000-01-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from protocols.zigbee.calendar.table import WEEKDAYS
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.publication.store import Store

DAY: Final = 86_400
ANY: Final = 0xFF
UTC, STANDARD, LOCAL = range(3)
"""Calendar time reference."""

_FIRST_DAY: Final = date(2000, 1, 1)
_UNKNOWN: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Zone:
    """The premises' time, as the Time cluster tells it: seconds from UTC, and when how much is added in summer."""

    standard: int = 0
    dst_start: int = _UNKNOWN
    dst_end: int = _UNKNOWN
    dst_shift: int = 0

    def shift(self, utc: int, reference: int) -> int:
        """Seconds to add to UTC for the time that a calendar means."""
        if reference == UTC:
            return 0
        summer = reference == LOCAL and _UNKNOWN not in (self.dst_start, self.dst_end) and self.dst_start <= utc < self.dst_end
        return self.standard + (self.dst_shift if summer else 0)


UTC_ZONE: Final = Zone()


def day(year: int, month: int, day: int, weekday: int = ANY) -> int:
    """A date as commands carry it; FF in each place (a year of 255) is any."""
    return (year if year == ANY else year - 1900) | month << 8 | day << 16 | weekday << 24


def _fits(pattern: int, today: date) -> bool:
    places = (today.year - 1900, today.month, today.day, today.isoweekday())
    return all(octet in (ANY, place) for octet, place in zip(pattern.to_bytes(4, "little"), places, strict=True))


def _latest(pattern: int, today: date) -> date | None:
    """The last day up to today that a season's first day may mean."""
    year, month, number, _ = pattern.to_bytes(4, "little")
    for each in (today.year, today.year - 1) if year == ANY else (year + 1900,):
        try:
            found = date(each, today.month if month == ANY else month, 1 if number == ANY else number)
        except ValueError:
            continue
        if found <= today:
            return found
    return None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A calendar put together. `days`: (minute of the day, value) from midnight on; `weeks`: day profiles from Monday on."""

    reference: int
    days: Mapping[int, tuple[tuple[int, int], ...]]
    weeks: Mapping[int, tuple[int, ...]]
    seasons: tuple[tuple[int, int], ...] = ()
    special_days: tuple[tuple[int, int], ...] = ()

    def profile(self, today: date) -> int | None:
        """The day profile of a date."""
        special = next((profile for pattern, profile in self.special_days if _fits(pattern, today)), None)
        if special is not None:
            return special
        if self.seasons:
            begun = [(first, week) for pattern, week in self.seasons if (first := _latest(pattern, today)) is not None]
            week = max(begun)[1] if begun else None
        else:
            week = min(self.weeks, default=None)
        if week is None:
            return None if self.seasons else min(self.days, default=None)
        days = self.weeks.get(week)
        return None if days is None else days[today.weekday()]

    def value(self, utc: int, zone: Zone = UTC_ZONE) -> int | None:
        """What holds at a time: a price tier, or what this type of calendar switches. None: unknown."""
        days, seconds = divmod(utc + zone.shift(utc, self.reference), DAY)
        profile = self.profile(_FIRST_DAY + timedelta(days=days))
        switches = () if profile is None else self.days.get(profile, ())
        minute = seconds // 60
        return next((value for start, value in reversed(switches) if start <= minute), None)

    def change(self, utc: int, zone: Zone = UTC_ZONE) -> int:
        """When it may say something else next: a switch, or, where none comes by tomorrow's midnight, then. Later than `utc`."""
        shift = zone.shift(utc, self.reference)
        today = (utc + shift) // DAY * DAY
        starts = sorted({0, DAY, *(start * 60 for switches in self.days.values() for start, _ in switches)})
        times = [today + start - shift for start in starts]
        present = self.value(utc, zone)
        switches = [at for at in times if at > utc and self.value(at, zone) != present]
        summer = [at for at in (zone.dst_start, zone.dst_end) if utc < at < _UNKNOWN]
        return min([*switches, *summer, times[-1]])


def schedule(store: Store, now: int, *calendar_types: int) -> Schedule | None:
    """The calendar of one of these types that is in force; None: there is none."""
    headers = (store.one(Calendar.PublishCalendar, now, calendar_type=each) for each in calendar_types)
    header = next((each for each in headers if each is not None), None)
    if header is None:
        return None
    wanted = {"provider_id": header.provider_id, "issuer_calendar_id": header.issuer_calendar_id}
    days: dict[int, tuple[tuple[int, int], ...]] = {}
    for number in range(1, header.number_of_day_profiles + 1):
        parts = store.in_force(Calendar.PublishDayProfile, now, **wanted, day_id=number)
        entries = [entry for part in parts for entry in part.day_schedule_entries]
        switches = tuple((entry.start_time, entry.active_price_tier_or_friendly_credit_enable) for entry in entries)
        if parts and len(switches) == parts[0].total_number_of_schedule_entries and all(a[0] < b[0] for a, b in pairwise(switches)):
            days[number] = switches
    weeks = {
        number: tuple(getattr(part, weekday) for weekday in WEEKDAYS)
        for number in range(1, header.number_of_week_profiles + 1)
        for part in store.in_force(Calendar.PublishWeekProfile, now, **wanted, week_id=number)
    }
    seasons = [entry for part in store.in_force(Calendar.PublishSeasons, now, **wanted) for entry in part.season_entries]
    if header.number_of_seasons and not seasons:
        return Schedule(header.calendar_time_reference, {}, {})
    special = [entry for part in store.in_force(Calendar.PublishSpecialDays, now, **wanted) for entry in part.special_day_entries]
    return Schedule(
        header.calendar_time_reference,
        days,
        weeks,
        tuple((entry.season_start_date, entry.week_id_ref) for entry in seasons),
        tuple((entry.special_day_date, entry.day_id_ref) for entry in special),
    )
