"""Calendar cluster 0x0707: seasons, week and day profiles, special days (SE 1.4 annex D.9).

Dates are four octets: year from 1900, month, day, day of the week, FF for any; times are seconds since 2000-01-01 UTC.
How the parts make a calendar and what holds at a moment is for who keeps it.
"""

from __future__ import annotations

from protocols.core.codec import Frame, le, to_end, zcl_string
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attributes, command
from protocols.zigbee.zcl.types import octet_string


class ScheduleEntry(Frame):
    """From so many minutes after midnight on: a price tier, friendly credit on or off, or the state of auxiliary switches."""

    start_time: le.u16
    active_price_tier_or_friendly_credit_enable: le.u8


class SeasonEntry(Frame):
    """A season: its first day, and the week profile that holds in it."""

    season_start_date: le.u32
    week_id_ref: le.u8


class SpecialDay(Frame):
    """A day with a day profile of its own."""

    special_day_date: le.u32
    day_id_ref: le.u8


class Calendar(Cluster, id=0x0707, name="Calendar"):
    """The server publishes calendars, the client keeps them."""

    auxiliary_switch_label = attributes("auxiliary_switch_{}_label", 0x0000, octet_string, 8, writes=True)

    @command(0x00, to=SERVER)
    class GetCalendar(Frame):
        """Ask for headers of calendars."""

        earliest_start_time: le.u32
        min_issuer_event_id: le.u32
        number_of_calendars: le.u8
        calendar_type: le.u8
        provider_id: le.u32

    @command(0x01, to=SERVER)
    class GetDayProfiles(Frame):
        """Ask for day profiles from one on."""

        provider_id: le.u32
        issuer_calendar_id: le.u32
        start_day_id: le.u8
        number_of_days: le.u8

    @command(0x02, to=SERVER)
    class GetWeekProfiles(Frame):
        """Ask for week profiles from one on."""

        provider_id: le.u32
        issuer_calendar_id: le.u32
        start_week_id: le.u8
        number_of_weeks: le.u8

    @command(0x03, to=SERVER)
    class GetSeasons(Frame):
        """Ask for the seasons of a calendar."""

        provider_id: le.u32
        issuer_calendar_id: le.u32

    @command(0x04, to=SERVER)
    class GetSpecialDays(Frame):
        """Ask for special days."""

        start_time: le.u32
        number_of_events: le.u8
        calendar_type: le.u8
        provider_id: le.u32
        issuer_calendar_id: le.u32

    @command(0x05, to=SERVER)
    class GetCalendarCancellation(Frame):
        """Ask for a cancellation that was missed."""

    @command(0x00, to=CLIENT)
    class PublishCalendar(Frame):
        """Header of a calendar: when it begins, of which type, and how many parts it has."""

        provider_id: le.u32
        issuer_event_id: le.u32
        issuer_calendar_id: le.u32
        start_time: le.u32
        calendar_type: le.u8
        calendar_time_reference: le.u8
        calendar_name: zcl_string
        number_of_seasons: le.u8
        number_of_week_profiles: le.u8
        number_of_day_profiles: le.u8

    @command(0x01, to=CLIENT)
    class PublishDayProfile(Frame):
        """A day profile, or a part of it: what is switched when."""

        provider_id: le.u32
        issuer_event_id: le.u32
        issuer_calendar_id: le.u32
        day_id: le.u8
        total_number_of_schedule_entries: le.u8
        command_index: le.u8
        total_number_of_commands: le.u8
        calendar_type: le.u8
        day_schedule_entries: list[ScheduleEntry] = to_end(ScheduleEntry)

    @command(0x02, to=CLIENT)
    class PublishWeekProfile(Frame):
        """A day profile for each day of the week."""

        provider_id: le.u32
        issuer_event_id: le.u32
        issuer_calendar_id: le.u32
        week_id: le.u8
        day_id_ref_monday: le.u8
        day_id_ref_tuesday: le.u8
        day_id_ref_wednesday: le.u8
        day_id_ref_thursday: le.u8
        day_id_ref_friday: le.u8
        day_id_ref_saturday: le.u8
        day_id_ref_sunday: le.u8

    @command(0x03, to=CLIENT)
    class PublishSeasons(Frame):
        """The seasons, or a part of them."""

        provider_id: le.u32
        issuer_event_id: le.u32
        issuer_calendar_id: le.u32
        command_index: le.u8
        total_number_of_commands: le.u8
        season_entries: list[SeasonEntry] = to_end(SeasonEntry)

    @command(0x04, to=CLIENT)
    class PublishSpecialDays(Frame):
        """The special days, or a part of them."""

        provider_id: le.u32
        issuer_event_id: le.u32
        issuer_calendar_id: le.u32
        start_time: le.u32
        calendar_type: le.u8
        total_number_of_special_days: le.u8
        command_index: le.u8
        total_number_of_commands: le.u8
        special_day_entries: list[SpecialDay] = to_end(SpecialDay)

    @command(0x05, to=CLIENT)
    class CancelCalendar(Frame):
        """A calendar is withdrawn."""

        provider_id: le.u32
        issuer_calendar_id: le.u32
        calendar_type: le.u8
