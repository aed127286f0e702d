"""Activity calendar (class 20): seasons of weeks of days, and what runs at which time of a day. Blue Book 4.5.5.

A special day has its own day profile; any other has that of its weekday in the week of the season, which is the one
that began last. A season start with nothing specified has always begun. The passive calendar becomes the active one at
its time, or by a client's call, and only if every week and day it names is there: else the active one stays. Either way
the time is forgotten when it has come.

Of actions that were missed only the last is made up for. The action in force is also run when it becomes another than
the one run last: after a start, a new calendar, a new special day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.activation import ACTIVATION_TIME, AT_ONCE, NEVER, moment
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, Source, attribute, method
from protocols.dlms.cosem.programme import Item, between, first_after
from protocols.dlms.cosem.recurrence import DAY, RECURRENCE, TIME_OF_DAY, Recurrence, Time, midnight
from protocols.dlms.cosem.special_days import SpecialDaysTable
from protocols.dlms.cosem.timed import Call
from protocols.dlms.cosem.types import I8, LOGICAL_NAME, U8, U16, Array, Limited, Structure
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.xdlms import DataAccessResult

NAME: Final = Limited(Tag.OCTET_STRING, 0, 32)
SEASON: Final = Structure(season_profile_name=NAME, season_start=RECURRENCE, week_name=NAME)
WEEK: Final = Structure(week_profile_name=NAME, monday=U8, tuesday=U8, wednesday=U8, thursday=U8, friday=U8, saturday=U8, sunday=U8)
DAY_ACTION: Final = Structure(start_time=TIME_OF_DAY, script_logical_name=LOGICAL_NAME, script_selector=U16)
DAY_PROFILE: Final = Structure(day_id=U8, day_schedule=Array(DAY_ACTION, most=144))
SEASONS: Final = Array(SEASON, most=32)
WEEKS: Final = Array(WEEK, most=32)
DAYS: Final = Array(DAY_PROFILE, most=64)

_LOOK_BACK: Final = 8 * DAY
"""How far back the action in force may have begun: a week without any action has none in force."""


class ActivityCalendar(InterfaceClass, id=20, version=0):
    """Runs the scripts of the active calendar. `special_days`: the table whose days have their own profiles."""

    calendar_name_active: Attribute = attribute(2, NAME, default=b"")
    season_profile_active: Attribute = attribute(3, SEASONS, default=())
    week_profile_table_active: Attribute = attribute(4, WEEKS, default=())
    day_profile_table_active: Attribute = attribute(5, DAYS, default=())
    calendar_name_passive: Attribute = attribute(6, NAME, default=b"", access=Access.READ_WRITE)
    season_profile_passive: Attribute = attribute(7, SEASONS, default=(), access=Access.READ_WRITE)
    week_profile_table_passive: Attribute = attribute(8, WEEKS, default=(), access=Access.READ_WRITE)
    day_profile_table_passive: Attribute = attribute(9, DAYS, default=(), access=Access.READ_WRITE)
    activate_passive_calendar_time: Attribute = attribute(10, ACTIVATION_TIME, default=NEVER, access=Access.READ_WRITE)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        special_days: SpecialDaysTable | None = None,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
        **given: Source,
    ) -> None:
        super().__init__(logical_name, on=on or {}, access=access or {}, **given)
        self._special_days = special_days
        self._run: tuple[bytes, int] | None = None

    @method(1, I8)
    def activate_passive_calendar(self, argument: Data) -> None:
        """Copy the passive calendar into the active one."""
        _check(self.season_profile_passive, self.week_profile_table_passive, self.day_profile_table_passive)
        for active in range(2, 6):
            self.sources[active] = self.read(active + _PASSIVE)

    def due(self, after: int, zone: Zone) -> int | None:
        """The next action, midnight, or the activation of the passive calendar, which may be overdue."""
        activation = self._activation(zone)
        following = first_after(self, after, zone) if self.day_profile_table_active.value else None
        times = (None if activation is None else max(activation, after + 1), following)
        return min((at for at in times if at is not None), default=None)

    def calls(self, since: int, now: int, zone: Zone) -> Iterable[Call]:
        """The activation of the passive calendar, or the action that has begun last."""
        activation = self._activation(zone)
        if activation is not None and activation <= now:
            self.activate_passive_calendar_time = NEVER
            return (Call(max(activation, since), self.name, 1, axdr.i8(0)),)  # being changed by it, it is asked again
        at, item = next(between(self, now - _LOOK_BACK, now, zone), (now, None))
        if item is None:
            return ()
        last, self._run = self._run, (item.name, item.selector)
        return () if at <= since and last == self._run else (Call.script(max(at, since), item.name, item.selector),)

    def of_day(self, day: date, zone: Zone) -> list[Item]:
        """The actions of a day. A season that begins during the day begins with its hour."""
        profiles = {profile.value[0].value: profile.value[1].value for profile in self.day_profile_table_active.value}
        special = None if self._special_days is None else self._special_days.day_id(day, zone)
        if special is not None:
            return list(_items(profiles.get(special, ())))
        weeks = {week.value[0].value: week.value[1 + day.weekday()].value for week in self.week_profile_table_active.value}
        seasons = self._seasons(day, zone)
        return [
            item
            for (begin, week), (end, _) in zip(seasons, [*seasons[1:], (DAY, b"")], strict=False)
            for item in _items(profiles.get(weeks.get(week), ()))
            if (at := item.time.first(begin)) is not None and at < end
        ]

    def _activation(self, zone: Zone) -> int | None:
        time = self.activate_passive_calendar_time.value
        return moment(self.activate_passive_calendar_time) if time == AT_ONCE else zone.instant(time)

    def _seasons(self, day: date, zone: Zone) -> list[tuple[int, bytes]]:
        """The weeks of a day, each with the time from which on it is in force."""
        start = midnight(day)
        begun: list[tuple[int, bytes]] = []
        for season in self.season_profile_active.value:
            _, begins, week = (item.value for item in season.value)
            rule = Recurrence.parse(begins)
            at_once = Recurrence(rule.date, rule.time.closed())
            latest = -DAY if rule.date.is_open else at_once.latest(start + DAY - 1, zone)
            if latest is not None:
                begun.append((latest - start, week))
        begun.sort(key=lambda one: one[0])
        before = [(0, week) for begin, week in begun if begin <= 0][-1:]
        return before + [one for one in begun if one[0] > 0]


_PASSIVE: Final = 4
"""From the number of an active attribute to that of its passive one."""


def _items(actions: Iterable[Data]) -> Iterable[Item]:
    for action in actions:
        time, name, selector = (item.value for item in action.value)
        yield Item(Time.parse(time), name, selector)


def _check(seasons: Data, weeks: Data, days: Data) -> None:
    known_weeks = {week.value[0].value for week in weeks.value}
    known_days = {day.value[0].value for day in days.value}
    for season in seasons.value:
        if season.value[2].value not in known_weeks:
            raise AccessError(DataAccessResult.OTHER_REASON, f"no week profile {season.value[2].value!r}")
    for week in weeks.value:
        for day in week.value[1:]:
            if day.value not in known_days:
                raise AccessError(DataAccessResult.OTHER_REASON, f"no day profile {day.value}")
