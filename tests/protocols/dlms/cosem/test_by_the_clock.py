"""Scripts, schedules, special days, calendars and single actions on a timetable: what runs when (Blue Book 4.5.2 to 4.5.7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import (
    AccessError,
    ActivityCalendar,
    Clock,
    ScheduleType,
    ScriptTable,
    Service,
    SingleActionSchedule,
    SpecialDaysTable,
    Timetable,
    date_time,
)
from protocols.dlms.cosem import Schedule as ScheduleClass
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

TABLE = Obis("0-0:10.0.106")
DIARY = Obis("0-0:96.99.0")
NEVER = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")
HOUR = 3_600 * date_time.SECOND


def at(text: str) -> int:
    return date_time.from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def refusal(act: Any, *arguments: Any) -> int:
    with pytest.raises(AccessError) as caught:
        act(*arguments)
    return caught.value.result


class Home:
    """A logical device whose scripts 1 to 200 write their number into a diary, which notes when."""

    def __init__(self, *objects: cosem.InterfaceClass) -> None:
        self.now = 0
        self.diary: list[tuple[str, int]] = []
        page = cosem.Data(DIARY, value=lambda: axdr.u16(0), on={"value": self._note})
        scripts = [(n, [(Service.WRITE, 1, DIARY, 2, axdr.u16(n))]) for n in range(1, 201)]
        self.objects = {thing.name: thing for thing in (page, ScriptTable(TABLE, find=self.find, scripts=scripts), *objects)}
        self.asked = 0

    def find(self, name: Obis) -> cosem.InterfaceClass | None:
        return self.objects.get(name)

    def _note(self, value: Data) -> None:
        self.diary.append((date_time.to_datetime(self.now).strftime("%m-%d %H:%M"), value.value))

    def timetable(self, since: str | None = None, **options: Any) -> Timetable:
        begun = None if since is None else at(since)
        return Timetable(list(self.objects.values()), self.find, since=begun, **options)

    def run(self, timetable: Timetable, begin: str, end: str) -> list[tuple[str, int]]:
        """Let time pass, and give what was written meanwhile."""
        self.diary.clear()
        self.now = at(begin)
        timetable.expire(self.now)
        while timetable.deadline is not None and timetable.deadline <= at(end):
            self.now = max(timetable.deadline, self.now)
            timetable.expire(self.now)
            self.asked += 1
        return list(self.diary)


# --- scripts


def switch() -> cosem.DisconnectControl:
    return cosem.DisconnectControl("0-0:96.3.10")


@pytest.mark.dlms("class 9 method 1")
def test_a_script_writes_and_executes_in_order() -> None:
    supply, register = switch(), cosem.Data("0-0:96.1.0", value=axdr.u8(0))
    objects = {thing.name: thing for thing in (supply, register)}
    table = ScriptTable(TABLE, find=objects.get, scripts=[
        (0x34, [
            (Service.WRITE, 1, register.name, 2, axdr.u8(7)),
            (Service.EXECUTE, 70, supply.name, 1, axdr.i8(0)),
        ]),
    ])  # fmt: skip
    assert table.execute(axdr.u16(0x34)) is None
    assert (register.value, supply.output_state) == (axdr.u8(7), axdr.boolean(False))


def test_script_0_is_none_and_an_unknown_one_is_refused() -> None:
    table = ScriptTable(TABLE, find=lambda name: None, scripts=())
    table.execute(axdr.u16(0))
    assert refusal(table.execute, axdr.u16(1)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(table.execute, axdr.u8(0)) == DataAccessResult.TYPE_UNMATCHED


@pytest.mark.parametrize("action, result", [
    ((Service.EXECUTE, 70, Obis("0-0:96.3.11"), 1, axdr.i8(0)), DataAccessResult.OBJECT_UNDEFINED),
    ((Service.EXECUTE, 71, Obis("0-0:96.3.10"), 1, axdr.i8(0)), DataAccessResult.OBJECT_CLASS_INCONSISTENT),
    ((Service.EXECUTE, 70, Obis("0-0:96.3.10"), 3, axdr.i8(0)), DataAccessResult.READ_WRITE_DENIED),
    ((Service.EXECUTE, 70, Obis("0-0:96.3.10"), 1, axdr.u8(0)), DataAccessResult.TYPE_UNMATCHED),
    ((Service.WRITE, 70, Obis("0-0:96.3.10"), 9, axdr.u8(0)), DataAccessResult.READ_WRITE_DENIED),
    ((Service.WRITE, 70, Obis("0-0:96.3.10"), 4, axdr.u8(0)), DataAccessResult.TYPE_UNMATCHED),
])  # fmt: skip
def test_a_script_that_cannot_be_done_is_not_begun(action: tuple[Any, ...], result: int) -> None:
    page, supply = cosem.Data(DIARY, value=axdr.u8(0)), switch()
    objects = {thing.name: thing for thing in (page, supply)}
    table = ScriptTable(TABLE, find=objects.get, scripts=[(1, [(Service.WRITE, 1, DIARY, 2, axdr.u8(7)), action])])
    assert refusal(table.execute, axdr.u16(1)) == result
    assert page.value == axdr.u8(0)


def test_a_script_that_calls_its_own_table_ends() -> None:
    home = Home()
    ring = Obis("0-0:10.0.125")
    table = ScriptTable(ring, find=home.find, scripts=[(1, [(Service.EXECUTE, 9, ring, 1, axdr.u16(1))])])
    home.objects[ring] = table
    assert refusal(table.execute, axdr.u16(1)) == DataAccessResult.TEMPORARY_FAILURE
    assert refusal(table.execute, axdr.u16(1)) == DataAccessResult.TEMPORARY_FAILURE  # and the table is not stuck


def test_scripts_are_written_whole_or_not_at_all() -> None:
    table = ScriptTable(TABLE, find=lambda name: None, scripts=(), access={"scripts": cosem.Access.READ_WRITE})
    good = axdr.structure(axdr.u16(1), axdr.array([axdr.structure(
        axdr.enum(1), axdr.u16(1), axdr.octets(DIARY), axdr.i8(2), axdr.u8(7),
    )]))  # fmt: skip
    table.write(2, axdr.array([good]))
    other_service = axdr.structure(axdr.u16(1), axdr.array([axdr.structure(
        axdr.enum(3), axdr.u16(1), axdr.octets(DIARY), axdr.i8(2), axdr.u8(7),
    )]))  # fmt: skip
    assert refusal(table.write, 2, axdr.array([good, other_service])) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(table.write, 2, axdr.array([good, good.value[0]])) == DataAccessResult.TYPE_UNMATCHED
    assert table.scripts == axdr.array([good])


# --- special days


def special(index: int, day: str, day_id: int) -> Data:
    return axdr.structure(axdr.u16(index), axdr.octets(octets(day)), axdr.u8(day_id))


@pytest.mark.dlms("class 11 method 1", "class 11 method 2")
def test_special_days_are_unique_by_index_and_by_date() -> None:
    table = SpecialDaysTable("0-0:11.0.0")
    for entry in (special(2, "FFFF0C19FF", 2), special(1, "07E80501FF", 1), special(3, "FFFF0101FF", 2)):
        table.insert(entry)
    assert [entry.value[0].value for entry in table.entries.value] == [1, 2, 3]
    table.insert(special(2, "FFFF0C1AFF", 9))  # same index
    table.insert(special(4, "07E80501FF", 8))  # same date
    assert table.entries == axdr.array([special(2, "FFFF0C1AFF", 9), special(3, "FFFF0101FF", 2), special(4, "07E80501FF", 8)])
    table.delete(axdr.u16(3))
    assert [entry.value[0].value for entry in table.entries.value] == [2, 4]
    assert refusal(table.delete, axdr.u16(3)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(table.insert, special(5, "FFFF0D01FF", 1)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(table.write, 2, axdr.array([special(5, "FFFF01", 1)])) == DataAccessResult.TYPE_UNMATCHED
    assert len(table.entries.value) == 2


# --- schedules; the entries of a published GBCS command (RTDS 4.5.0, ECS08a): a non-disablement calendar


SPECIAL_DAYS = (("ffff071dff", 1), ("ffff0819ff", 2), ("ffff0906ff", 3), ("ffff0a05ff", 4), ("ffff080fff", 5))
NON_DISABLEMENT = (
    (7, 32, "00000000", "0000011", "00000", "ffff041dff", "ffff0719ff"),
    (8, 33, "091e0000", "0000011", "00000", "ffff041dff", "ffff0719ff"),
    (9, 32, "16000000", "0000011", "00000", "ffff041dff", "ffff0719ff"),
    (10, 32, "00000000", "1111100", "00000", "ffff041dff", "ffff0719ff"),
    (11, 33, "071e0000", "1111100", "00000", "ffff041dff", "ffff0719ff"),
    (12, 32, "14000000", "1111100", "00000", "ffff041dff", "ffff0719ff"),
    (13, 32, "00000000", "0000000", "11001", "ffff071aff", "ffff081fff"),
    (14, 33, "13000000", "0000000", "11001", "ffff071aff", "ffff081fff"),
)


def entry(index: int, selector: int, time: str, weekdays: str, specdays: str, begin: str, end: str, window: int = 0xFFFF) -> Data:
    return axdr.structure(
        axdr.u16(index), axdr.boolean(True), axdr.octets(TABLE), axdr.u16(selector), axdr.octets(octets(time)), axdr.u16(window),
        axdr.bits(weekdays), axdr.bits(specdays), axdr.octets(octets(begin)), axdr.octets(octets(end)),
    )  # fmt: skip


def daily(index: int, selector: int, time: str, window: int = 0xFFFF) -> Data:
    return entry(index, selector, time, "1111111", "", "FFFFFFFFFF", "FFFFFFFFFF", window)


def schedule(*entries: Data, special_days: SpecialDaysTable | None = None) -> ScheduleClass:
    return ScheduleClass("0-0:12.0.1", entries=axdr.array(entries), special_days=special_days)


def test_a_published_schedule_runs_on_weekdays_and_on_special_days() -> None:
    days = SpecialDaysTable("0-0:11.0.2", entries=[(n, octets(day), day_id) for n, (day, day_id) in enumerate(SPECIAL_DAYS, 1)])
    plan = schedule(*(entry(*row) for row in NON_DISABLEMENT), special_days=days)
    home = Home(plan)
    # 2014-07-18 is a Friday, 2014-07-26 the first day of the second season
    assert home.run(home.timetable(), "2014-07-17T23:00", "2014-07-19T23:00") == [
        ("07-18 00:00", 32), ("07-18 07:30", 33), ("07-18 20:00", 32), ("07-19 00:00", 32), ("07-19 09:30", 33), ("07-19 22:00", 32),
    ]  # fmt: skip
    assert home.run(home.timetable(), "2014-07-25T21:00", "2014-08-01T00:00") == [("07-29 00:00", 32), ("07-29 19:00", 33)]
    assert home.run(home.timetable(), "2014-08-14T23:00", "2014-08-16T00:00") == [("08-15 00:00", 32), ("08-15 19:00", 33)]


def test_a_season_without_years_may_run_over_the_turn_of_the_year() -> None:
    plan = schedule(entry(1, 5, "0C000000", "1111111", "", "FFFF0C1EFF", "FFFF0102FF"))
    home = Home(plan)
    ran = home.run(home.timetable(), "2024-12-28T00:00", "2025-01-06T00:00")
    assert [when for when, _ in ran] == ["12-30 12:00", "12-31 12:00", "01-01 12:00", "01-02 12:00"]


def test_the_beginning_of_all_time_and_no_end() -> None:
    plan = schedule(entry(1, 1, "0c000000", "1111111", "", "000001ffff", "ffffffffff"))  # RTDS 4.5.0, ECS18b
    home = Home(plan)
    assert home.run(home.timetable(), "2024-02-28T00:00", "2024-03-01T00:00") == [("02-28 12:00", 1), ("02-29 12:00", 1)]


@pytest.mark.dlms("class 10 method 1", "class 10 method 2", "class 10 method 3")
def test_ranges_are_disabled_first_and_enabled_then() -> None:
    plan = schedule(*(daily(n, n, "0C000000") for n in range(1, 6)))

    def enabled() -> list[int]:
        return [it.value[0].value for it in plan.entries.value if it.value[1].value]

    def ranges(*bounds: int) -> Data:
        return axdr.structure(*(axdr.u16(bound) for bound in bounds))

    plan.enable_disable(ranges(1, 4, 2, 2))
    assert enabled() == [2, 5]
    plan.enable_disable(ranges(5, 1, 4, 3))  # both backwards: nothing
    plan.enable_disable(ranges(10_000, 10_000, 10_000, 10_000))
    assert enabled() == [2, 5]
    plan.delete(axdr.structure(axdr.u16(2), axdr.u16(4)))
    plan.delete(axdr.structure(axdr.u16(5), axdr.u16(1)))
    assert [it.value[0].value for it in plan.entries.value] == [1, 5]
    plan.insert(daily(5, 77, "0C000000"))
    plan.insert(daily(3, 3, "0C000000"))
    assert [(it.value[0].value, it.value[3].value) for it in plan.entries.value] == [(1, 1), (3, 3), (5, 77)]
    assert refusal(plan.insert, daily(10_000, 1, "0C000000")) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(plan.write, 2, axdr.array([daily(1, 1, "0C000000"), daily(2, 2, "0C6000FF")])) == 13
    assert len(plan.entries.value) == 3


def test_what_a_power_failure_took_is_made_up_for_in_order_while_it_is_valid() -> None:
    plan = schedule(daily(1, 1, "0A000000", window=30), daily(2, 2, "0B000000", window=30), daily(3, 3, "09000000"))
    home = Home(plan)
    home.now = at("2024-05-05T11:30")
    done = home.timetable("2024-05-04T12:00").expire(home.now)
    assert [value for _, value in home.diary] == [3, 2]
    assert [one.result for one in done] == [0, 0]
    late = Home(schedule(daily(2, 2, "0B000000", window=30)))
    late.now = at("2024-05-05T11:31")
    assert late.timetable("2024-05-05T10:00").expire(late.now) == []


def test_a_clock_that_is_set_repeats_only_what_lies_in_a_large_step_back() -> None:
    home = Home(schedule(daily(1, 1, "0C000000")))
    timetable = home.timetable()
    assert len(home.run(timetable, "2024-05-05T11:00", "2024-05-05T12:00")) == 1
    timetable.expire(at("2024-05-05T11:59:45"))  # corrected by 15 s
    assert home.run(timetable, "2024-05-05T11:59:46", "2024-05-05T13:00") == []
    timetable.expire(at("2024-05-05T11:00"))  # set back by an hour
    assert home.run(timetable, "2024-05-05T11:00", "2024-05-05T13:00") == [("05-05 12:00", 1)]


def test_an_hour_repeated_by_the_end_of_daylight_saving_repeats_nothing() -> None:
    clock = Clock(
        "0-0:1.0.0", time=lambda: NEVER, daylight_savings_enabled=True, daylight_savings_deviation=60,
        daylight_savings_begin=octets("FFFF03FE07010000008000FF"), daylight_savings_end=octets("FFFF0AFE07020000008000FF"),
    )  # fmt: skip
    home = Home(schedule(daily(1, 1, "011E0000")), clock)
    assert home.run(home.timetable(zone=lambda: clock.zone), "2024-10-26T12:00", "2024-10-27T12:00") == [("10-27 00:30", 1)]
    assert home.run(home.timetable(zone=lambda: clock.zone), "2025-03-29T12:00", "2025-03-30T12:00") == [("03-30 01:00", 1)]
    clock.daylight_savings_enabled = False
    assert home.run(home.timetable(zone=lambda: clock.zone), "2025-10-26T00:00", "2025-10-26T12:00") == [("10-26 01:30", 1)]


def test_every_minute_is_bounded_when_a_year_was_missed() -> None:
    home = Home(schedule(daily(1, 1, "FFFFFFFF")))
    assert len(home.timetable("2023-01-01T00:00").expire(at("2024-01-01T00:00"))) == 1_000


def test_a_write_is_noticed_at_once() -> None:
    plan = schedule()
    home = Home(plan)
    told: list[bool] = []
    timetable = home.timetable(changed=lambda: told.append(True))
    timetable.expire(at("2024-05-05T11:00"))
    assert timetable.deadline is None
    plan.insert(daily(1, 9, "0C000000"))
    assert told
    assert timetable.deadline == at("2024-05-05T11:00")
    assert home.run(timetable, "2024-05-05T11:10", "2024-05-05T13:00") == [("05-05 12:00", 9)]


def test_a_call_that_fails_says_so_and_the_others_are_made() -> None:
    home = Home(schedule(daily(1, 999, "0C000000"), daily(2, 2, "0C000000")))
    done = home.timetable("2024-05-05T11:00").expire(at("2024-05-05T12:00"))
    assert [(one.call.argument.value, one.result) for one in done] == [(999, 13), (2, 0)]
    assert len(home.diary) == 1


# --- activity calendars


def action(time: str, selector: int) -> tuple[bytes, Obis, int]:
    return octets(time), TABLE, selector


def calendar(days: SpecialDaysTable | None = None, **given: Any) -> ActivityCalendar:
    """Two seasons; weekdays have day 1 (7:00 script 1, 23:00 script 2), weekends day 2 (0:00 script 3), summer day 4."""
    return ActivityCalendar("0-0:13.0.0", special_days=days, **{
        "calendar_name_active": b"now",
        "season_profile_active": [
            (b"winter", octets("FFFF0A01FFFFFFFFFF8000FF"), b"W"), (b"summer", octets("FFFF0401FF0C0000008000FF"), b"S"),
        ],
        "week_profile_table_active": [(b"W", 1, 1, 1, 1, 1, 2, 2), (b"S", 4, 4, 4, 4, 4, 4, 4)],
        "day_profile_table_active": [
            (1, [action("07000000", 1), action("17000000", 2)]), (2, [action("00000000", 3)]),
            (3, [action("0A000000", 9)]), (4, [action("00000000", 4), action("0D000000", 5)]),
        ],
    } | given)  # fmt: skip


def test_the_day_decides_by_weekday_and_special_day() -> None:
    days = SpecialDaysTable("0-0:11.0.0", entries=[(1, octets("07E80119FF"), 3)])
    home = Home(calendar(days), days)
    # 2024-01-25 is a Thursday, and special; what is in force at the start is run at once
    assert home.run(home.timetable(), "2024-01-24T10:00", "2024-01-28T12:00") == [
        ("01-24 10:00", 1), ("01-24 23:00", 2), ("01-25 10:00", 9), ("01-26 07:00", 1), ("01-26 23:00", 2),
        ("01-27 00:00", 3), ("01-28 00:00", 3),
    ]  # fmt: skip


def test_a_season_begins_with_its_hour() -> None:
    home = Home(calendar())
    # 2024-04-01 is a Monday: winter until noon, then summer; and winter again on the first of October from 0:00
    assert home.run(home.timetable(), "2024-03-31T12:00", "2024-04-02T00:00") == [
        ("03-31 12:00", 3), ("04-01 07:00", 1), ("04-01 13:00", 5), ("04-02 00:00", 4),
    ]  # fmt: skip
    assert home.run(home.timetable("2024-09-30T20:00"), "2024-09-30T20:00", "2024-10-01T08:00") == [
        ("09-30 20:00", 5), ("10-01 07:00", 1),
    ]  # fmt: skip


def test_a_published_calendar_keeps_the_action_of_the_evening_before() -> None:
    # RTDS 4.5.0, ECS24: season from 2015, days 1 to 5 switch at 07:00 and 23:00, 1 May and 25 December have day 2
    days = SpecialDaysTable("0-0:11.0.0", entries=[(1, octets("07df0501ff"), 2), (2, octets("07df0c19ff"), 2)])
    plan = ActivityCalendar(
        "0-0:13.0.0", special_days=days, season_profile_active=[(b"all", octets("07df0101ff000000008000ff"), b"\x01")],
        week_profile_table_active=[(b"\x01", 1, 1, 1, 1, 1, 2, 2)],
        day_profile_table_active=[(1, [action("07000000", 101), action("17000000", 102)]), (2, [action("00000000", 1)])],
    )  # fmt: skip
    home = Home(plan, days)
    assert home.run(home.timetable(), "2015-04-30T03:00", "2015-05-02T00:00") == [
        ("04-30 03:00", 102), ("04-30 07:00", 101), ("04-30 23:00", 102), ("05-01 00:00", 1), ("05-02 00:00", 1),
    ]  # fmt: skip
    assert home.run(Home(plan).timetable(), "2014-12-31T12:00", "2014-12-31T13:00") == []  # no season has begun


def test_only_the_last_of_the_actions_missed_is_run() -> None:
    home = Home(calendar())
    timetable = home.timetable()
    home.run(timetable, "2024-01-24T10:00", "2024-01-24T11:00")
    assert home.run(timetable, "2024-01-26T08:00", "2024-01-26T09:00") == [("01-26 08:00", 1)]


@pytest.mark.dlms("class 20 method 1", "class 20 attribute 10")
def test_the_passive_calendar_becomes_the_active_one_at_its_time() -> None:
    plan = calendar(
        calendar_name_passive=b"then",
        season_profile_passive=[(b"all", NEVER, b"A")],
        week_profile_table_passive=[(b"A", 1, 1, 1, 1, 1, 1, 1)],
        day_profile_table_passive=[(1, [action("00000000", 50), action("0F000000", 51)])],
    )
    home = Home(plan)
    timetable = home.timetable()
    timetable.expire(at("2024-01-24T10:00"))
    plan.write(10, axdr.octets(octets("07E80118FF0C1E0000000000")))
    assert home.run(timetable, "2024-01-24T10:01", "2024-01-25T01:00") == [
        ("01-24 12:30", 50), ("01-24 15:00", 51), ("01-25 00:00", 50),
    ]  # fmt: skip
    assert plan.calendar_name_active == plan.calendar_name_passive == axdr.octets(b"then")
    assert plan.activate_passive_calendar_time == axdr.octets(NEVER)


@pytest.mark.parametrize("time", ["07E80118FF0900000000000000"[:24], "0000000000000000008000FF"], ids=["overdue", "GB's at once"])
def test_an_activation_that_is_overdue_is_made_at_once(time: str) -> None:
    plan = calendar(calendar_name_passive=b"then")
    home = Home(plan)
    timetable = home.timetable()
    timetable.expire(at("2024-01-24T10:00"))
    plan.write(10, axdr.octets(octets(time)))
    home.run(timetable, "2024-01-24T10:00", "2024-01-24T10:01")
    assert plan.calendar_name_active == axdr.octets(b"then")


def test_an_activation_that_is_refused_is_not_tried_for_ever() -> None:
    plan = calendar(season_profile_passive=[(b"all", NEVER, b"A")])
    home = Home(plan)
    timetable = home.timetable()
    timetable.expire(at("2024-01-24T10:00"))
    plan.write(10, axdr.octets(octets("0000000000000000008000FF")))
    (done,) = timetable.expire(at("2024-01-24T10:00"))
    assert (done.call.name, done.result) == (plan.name, DataAccessResult.OTHER_REASON)
    home.asked = 0
    home.run(timetable, "2024-01-24T10:00", "2024-01-24T12:00")
    assert home.asked == 0
    assert plan.calendar_name_active == axdr.octets(b"now")


def test_a_calendar_that_names_what_is_not_there_is_not_activated() -> None:
    plan = calendar(season_profile_passive=[(b"all", NEVER, b"A")], week_profile_table_passive=[(b"A", 1, 1, 1, 1, 1, 1, 6)])
    before = [plan.read(number) for number in range(2, 6)]
    assert refusal(plan.activate_passive_calendar) == DataAccessResult.OTHER_REASON
    plan.day_profile_table_passive = [(1, []), (6, [])]
    plan.week_profile_table_passive = [(b"B", 1, 1, 1, 1, 1, 1, 6)]
    assert refusal(plan.activate_passive_calendar) == DataAccessResult.OTHER_REASON
    assert [plan.read(number) for number in range(2, 6)] == before
    plan.week_profile_table_passive = [(b"A", 1, 1, 1, 1, 1, 1, 6)]
    plan.activate_passive_calendar()
    assert [plan.read(number) for number in range(2, 6)] == [plan.read(number) for number in range(6, 10)]


@pytest.mark.parametrize("value, result", [
    ("07E80118FFFF1E0000000000", 13),
    ("07E801FEFF0C1E0000000000", 13),
    ("07E80D18FF0C1E0000000000", 13),
    ("07E80118FF0C1E000070FF00", 13),
    ("07E80118FF0C1E00", 12),
])  # fmt: skip
def test_an_activation_time_is_whole_or_nothing(value: str, result: int) -> None:
    plan = calendar()
    assert refusal(plan.write, 10, axdr.octets(octets(value))) == result
    plan.write(10, axdr.octets(NEVER))
    assert plan.activate_passive_calendar_time == axdr.octets(NEVER)


def test_calendars_are_written_whole_or_not_at_all() -> None:
    plan = calendar()
    open_time = axdr.array([axdr.structure(axdr.u8(1), axdr.array([axdr.structure(
        axdr.octets(octets("FF000000")), axdr.octets(TABLE), axdr.u16(1),
    )]))])  # fmt: skip
    assert refusal(plan.write, 9, open_time) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(plan.write, 9, axdr.array([axdr.u8(1)])) == DataAccessResult.TYPE_UNMATCHED
    assert refusal(plan.write, 7, axdr.array([axdr.structure(axdr.octets(b""), axdr.octets(b""), axdr.octets(b""))])) == 12
    assert plan.day_profile_table_passive == axdr.array([])


def test_a_day_without_actions_costs_one_look_a_day() -> None:
    home = Home(calendar(day_profile_table_active=[(1, []), (2, []), (4, [])]))
    assert home.run(home.timetable(), "2024-01-01T00:00", "2024-12-31T23:59") == []
    assert home.asked == 365


# --- single action schedules


def single(times: list[tuple[str, str]], type: ScheduleType = ScheduleType.OWN_TIMES_OPEN_DATES) -> SingleActionSchedule:
    return SingleActionSchedule(
        "0-0:15.0.0", executed_script=(TABLE, 7), type=type, execution_time=[(octets(time), octets(date)) for time, date in times]
    )


def test_a_published_billing_calendar_runs_on_the_first_of_each_quarter() -> None:
    # RTDS 4.5.0, ECS30a
    plan = single([("00000000", "ffff0101ff"), ("00000000", "ffff0401ff"), ("00000000", "ffff0701ff"), ("00000000", "ffff0a01ff")])
    home = Home(plan)
    ran = home.run(home.timetable(), "2024-01-01T12:00", "2025-01-01T12:00")
    assert ran == [("04-01 00:00", 7), ("07-01 00:00", 7), ("10-01 00:00", 7), ("01-01 00:00", 7)]
    assert home.asked == 4


def test_every_day_and_the_last_day_of_the_month() -> None:
    home = Home(single([("00000000", "ffffffffff")]))  # RTDS 4.5.0, ECS48
    assert len(home.run(home.timetable(), "2024-02-27T12:00", "2024-03-01T12:00")) == 3
    home = Home(single([("173B0000", "FFFFFFFEFF")]))
    assert home.run(home.timetable(), "2024-01-31T23:59", "2024-03-31T00:00") == [("02-29 23:59", 7)]


def test_a_time_missed_more_than_once_is_made_up_for_once() -> None:
    home = Home(single([("00000000", "FFFFFFFFFF"), ("0C000000", "FFFFFFFFFF")]))
    timetable = home.timetable("2024-05-01T13:00")
    assert home.run(timetable, "2024-05-05T13:00", "2024-05-05T14:00") == [("05-05 13:00", 7)]
    assert Home(single([])).timetable("2024-05-01T13:00").expire(at("2024-05-05T13:00")) == []


WHOLE, OPEN, NOON, ONE = "07E80501FF", "FFFF0501FF", "0C000000", "0D000000"


@pytest.mark.parametrize("type, times, good", [
    (ScheduleType.ONE_TIME_OPEN_DATE, [(NOON, OPEN)], True),
    (ScheduleType.ONE_TIME_OPEN_DATE, [(NOON, OPEN), (NOON, WHOLE)], False),
    (ScheduleType.SAME_TIMES_WHOLE_DATES, [(NOON, WHOLE), (NOON, "07E80601FF")], True),
    (ScheduleType.SAME_TIMES_WHOLE_DATES, [(NOON, WHOLE), (NOON, OPEN)], False),
    (ScheduleType.SAME_TIMES_WHOLE_DATES, [(NOON, WHOLE), (ONE, WHOLE)], False),
    (ScheduleType.SAME_TIMES_OPEN_DATES, [(NOON, WHOLE), (NOON, OPEN)], True),
    (ScheduleType.SAME_TIMES_OPEN_DATES, [(NOON, OPEN), (ONE, OPEN)], False),
    (ScheduleType.OWN_TIMES_WHOLE_DATES, [(NOON, WHOLE), (ONE, WHOLE)], True),
    (ScheduleType.OWN_TIMES_WHOLE_DATES, [(NOON, WHOLE), (ONE, OPEN)], False),
    (ScheduleType.OWN_TIMES_OPEN_DATES, [(NOON, WHOLE), (ONE, OPEN)], True),
])  # fmt: skip
def test_the_type_says_what_times_may_be_written(type: ScheduleType, times: list[tuple[str, str]], good: bool) -> None:
    plan = single([], type)
    value = axdr.array(axdr.structure(axdr.octets(octets(time)), axdr.octets(octets(date))) for time, date in times)
    if good:
        plan.write(4, value)
        assert plan.execution_time == value
    else:
        assert refusal(plan.write, 4, value) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        assert plan.execution_time == axdr.array([])


def test_schedules_keep_each_others_order() -> None:
    home = Home(single([("0A000000", "FFFFFFFFFF")]), schedule(daily(1, 1, "09000000"), daily(2, 2, "0B000000")))
    home.timetable("2024-05-05T08:00").expire(at("2024-05-05T12:00"))
    assert [value for _, value in home.diary] == [1, 7, 2]
