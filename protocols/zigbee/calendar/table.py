"""The Calendar cluster's publications: the table that publisher and reader keep (SE 1.4 clause D.9.2.3).

The limits are those of GB's electricity meters: 4 seasons, 4 weeks, 16 days, 48 switches in all of them, 50 special days. Refused
here: more than that, a day that does not begin at midnight, switches that do not follow each other, references to weeks
and days that the calendar does not have.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from protocols.core.codec import Frame
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.price.table import TIERS
from protocols.zigbee.publication.table import Row, both, limits
from protocols.zigbee.zcl.status import Status

SEASONS: Final = 4
WEEKS: Final = 4
DAYS: Final = 16
SWITCHES: Final = 48
SPECIAL_DAYS: Final = 50
LAST_MINUTE: Final = 1439
FRIENDLY_CREDIT, AUXILIARY = 3, 4
"""Types of calendar whose entries are no tiers."""

WEEKDAYS: Final = tuple(
    f"day_id_ref_{day}" for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
)


def _day(frame: Frame) -> Status:
    assert isinstance(frame, Calendar.PublishDayProfile)
    if frame.total_number_of_schedule_entries > SWITCHES:
        return Status.INSUFFICIENT_SPACE
    times = [entry.start_time for entry in frame.day_schedule_entries]
    rise = all(one < other for one, other in pairwise(times))
    from_midnight = frame.command_index > 0 or times[:1] == [0]
    if not rise or not from_midnight or len(times) > frame.total_number_of_schedule_entries or max(times, default=0) > LAST_MINUTE:
        return Status.INVALID_FIELD
    if frame.total_number_of_commands == 1 and len(times) != frame.total_number_of_schedule_entries:
        return Status.INVALID_FIELD
    if frame.calendar_type not in (FRIENDLY_CREDIT, AUXILIARY):
        tiers = [entry.active_price_tier_or_friendly_credit_enable for entry in frame.day_schedule_entries]
        return Status.SUCCESS if all(1 <= tier <= TIERS for tier in tiers) else Status.INVALID_FIELD
    return Status.SUCCESS


def _day_fits(head: Frame, part: Frame) -> Status:
    assert isinstance(head, Calendar.PublishCalendar)
    assert isinstance(part, Calendar.PublishDayProfile)
    return Status.SUCCESS if part.day_id <= head.number_of_day_profiles else Status.INVALID_FIELD


def _week_fits(head: Frame, part: Frame) -> Status:
    assert isinstance(head, Calendar.PublishCalendar)
    assert isinstance(part, Calendar.PublishWeekProfile)
    known = all(1 <= getattr(part, day) <= head.number_of_day_profiles for day in WEEKDAYS)
    return Status.SUCCESS if known and part.week_id <= head.number_of_week_profiles else Status.INVALID_FIELD


def _seasons_fit(head: Frame, part: Frame) -> Status:
    assert isinstance(head, Calendar.PublishCalendar)
    assert isinstance(part, Calendar.PublishSeasons)
    known = all(1 <= entry.week_id_ref <= head.number_of_week_profiles for entry in part.season_entries)
    return Status.SUCCESS if known and len(part.season_entries) <= head.number_of_seasons else Status.INVALID_FIELD


def _special_days(frame: Frame) -> Status:
    assert isinstance(frame, Calendar.PublishSpecialDays)
    if frame.total_number_of_special_days > SPECIAL_DAYS:
        return Status.INSUFFICIENT_SPACE
    return Status.SUCCESS if len(frame.special_day_entries) <= frame.total_number_of_special_days else Status.INVALID_FIELD


def _special_days_fit(head: Frame, part: Frame) -> Status:
    assert isinstance(head, Calendar.PublishCalendar)
    assert isinstance(part, Calendar.PublishSpecialDays)
    known = all(1 <= entry.day_id_ref <= head.number_of_day_profiles for entry in part.special_day_entries)
    return Status.SUCCESS if known else Status.INVALID_FIELD


def _room(frame: Frame) -> Status:
    assert isinstance(frame, Calendar.PublishCalendar)
    wanted = frame.number_of_seasons, frame.number_of_week_profiles, frame.number_of_day_profiles
    fits = all(count <= most for count, most in zip(wanted, (SEASONS, WEEKS, DAYS), strict=True))
    return Status.SUCCESS if fits else Status.INSUFFICIENT_SPACE


_in_pieces = ("command_index", "total_number_of_commands")
_of_a_calendar = ("provider_id", "issuer_calendar_id")

ROWS: Final = (
    Row(Calendar.PublishCalendar, Calendar.GetCalendar,
        about=("provider_id", "calendar_type"), start="start_time", most=8,
        check=both(limits(calendar_type=(0, AUXILIARY), calendar_time_reference=(0, 2)), _room)),
    Row(Calendar.PublishDayProfile, Calendar.GetDayProfiles,
        about=(*_of_a_calendar, "day_id"), pieces=_in_pieces, kept=1, most=8 * DAYS, first="day_id",
        of=Calendar.PublishCalendar, by="issuer_calendar_id", check=both(limits(day_id=(1, DAYS)), _day), fits=_day_fits),
    Row(Calendar.PublishWeekProfile, Calendar.GetWeekProfiles,
        about=(*_of_a_calendar, "week_id"), kept=1, most=8 * WEEKS, first="week_id",
        of=Calendar.PublishCalendar, by="issuer_calendar_id", check=limits(week_id=(1, WEEKS)), fits=_week_fits),
    Row(Calendar.PublishSeasons, Calendar.GetSeasons,
        about=_of_a_calendar, pieces=_in_pieces, kept=1, most=8,
        of=Calendar.PublishCalendar, by="issuer_calendar_id", fits=_seasons_fit),
    Row(Calendar.PublishSpecialDays, Calendar.GetSpecialDays,
        about=_of_a_calendar, start="start_time", pieces=_in_pieces, most=8,
        of=Calendar.PublishCalendar, by="issuer_calendar_id",
        check=both(limits(calendar_type=(0, AUXILIARY)), _special_days), fits=_special_days_fit),
    Row(Calendar.CancelCalendar, Calendar.GetCalendarCancellation,
        by="issuer_calendar_id", cancels=Calendar.PublishCalendar, check=limits(calendar_type=(0, AUXILIARY))),
)  # fmt: skip
