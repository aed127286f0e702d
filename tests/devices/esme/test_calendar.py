"""The meter's calendar, schedule, billing days, demand and monitor: written over DLMS, run by its clock, kept in flash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, ActivityCalendar, date_time
from protocols.dlms.obis import Obis

TARIFF, CALENDAR, SPECIAL_DAYS, SCHEDULE, CLOSED_DAYS = "0-0:10.0.100", "0-0:13.0.0", "0-0:11.0.0", "0-0:12.0.1", "0-0:11.0.2"
SUPPLY_SCRIPTS, RATE, BILLING, BILLING_DAYS, AMBIENT = "0-0:10.0.106", "0-0:96.14.0", "0-0:98.1.0", "0-0:15.0.0", "0-0:16.0.0"
NEVER = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")
AT_ONCE = bytes.fromhex("0000000000000000008000FF")
OPEN_DATE = bytes.fromhex("FFFFFFFFFF")


def structure(*items):
    return axdr.structure(*items)


def time_of(moment):
    return bytes((moment.hour, moment.minute, moment.second, 0))


def write_calendar(manager, *switches):
    """A calendar with one day for all days: (time, rate)."""
    actions = [structure(axdr.octets(time), axdr.octets(Obis(TARIFF)), axdr.u16(rate)) for time, rate in switches]
    season = structure(axdr.octets(b"all"), axdr.octets(NEVER), axdr.octets(b"w"))
    week = structure(axdr.octets(b"w"), *[axdr.u8(1)] * 7)
    for number, value in (
        (6, axdr.octets(b"new")),
        (7, axdr.array([season])),
        (8, axdr.array([week])),
        (9, axdr.array([structure(axdr.u8(1), axdr.array(actions))])),
        (10, axdr.octets(AT_ONCE)),
    ):
        manager.set(CALENDAR, 20, number, value)


def rate(bench):
    return bench.direct().get(RATE, 1, 2).value


def to_the_minute(bench):
    """Run to a whole minute of the meter's clock, and give it."""
    now = bench.board.rtc.read()
    bench.run((-now) % MIN)
    return date_time.to_datetime(bench.board.rtc.read()).replace(microsecond=0)


def calls(bench):
    return [data for _, who, kind, data in bench.premises.events if who == "esme" and kind == "call"]


def test_a_tariff_calendar_switches_rates_over_days_and_power_failures(meter):
    start = to_the_minute(meter)
    later = start + timedelta(minutes=10)
    write_calendar(meter.manager(), (time_of(start), 3), (time_of(later), 7))
    meter.run(S)
    assert meter.direct().get(CALENDAR, 20, 2) == axdr.octets(b"new")
    assert rate(meter) == 3
    meter.run(10 * MIN)
    assert rate(meter) == 7
    meter.run(DAY - 9 * MIN)
    assert rate(meter) == 3
    meter.mains.off(30 * MIN)  # over the switching time
    meter.run(31 * MIN)
    assert meter.direct().get(CALENDAR, 20, 2) == axdr.octets(b"new")
    assert rate(meter) == 7
    assert [call["argument"] for call in calls(meter) if call["object"] == "0-0:10.0.100.255"] == [3, 7, 3, 7]
    assert {call["result"] for call in calls(meter)} == {0}


def test_a_special_day_counts_from_the_moment_it_is_written(meter):
    start = to_the_minute(meter)
    manager = meter.manager()
    write_calendar(manager, (bytes(4), 1))
    week = structure(axdr.octets(b"w"), *[axdr.u8(1)] * 7)
    all_day = [structure(axdr.octets(bytes(4)), axdr.octets(Obis(TARIFF)), axdr.u16(n)) for n in (1, 2)]
    days = [structure(axdr.u8(n), axdr.array([action])) for n, action in enumerate(all_day, 1)]
    manager.set(CALENDAR, 20, 8, axdr.array([week]))
    manager.set(CALENDAR, 20, 9, axdr.array(days))
    manager.action(CALENDAR, 20, 1, axdr.i8(0))
    meter.run(S)
    assert rate(meter) == 1
    today = start.year.to_bytes(2, "big") + bytes((start.month, start.day, 0xFF))
    manager.action(SPECIAL_DAYS, 11, 1, structure(axdr.u16(1), axdr.octets(today), axdr.u8(2)))
    meter.run(S)
    assert rate(meter) == 2
    meter.run(DAY)
    assert rate(meter) == 1


def test_a_refused_calendar_leaves_the_one_in_force(meter):
    manager = meter.manager()
    write_calendar(manager, (bytes(4), 1))
    meter.run(S)
    too_many = axdr.array([structure(axdr.u8(n), axdr.array([])) for n in range(17)])
    with pytest.raises(AccessError, match="scope-of-access-violated"):
        manager.set(CALENDAR, 20, 9, too_many)
    manager.set(CALENDAR, 20, 9, axdr.array([]))  # the week names a day that is gone
    with pytest.raises(AccessError, match="other-reason"):
        manager.action(CALENDAR, 20, 1, axdr.i8(0))
    device = meter.firmware.server.devices[1].find(Obis(CALENDAR))
    assert isinstance(device, ActivityCalendar)
    assert len(device.day_profile_table_active.value) == 1
    meter.run(S)
    assert rate(meter) == 1


def test_supply_scripts_switch_as_gb_has_them(meter):
    manager = meter.manager()
    manager.action(SUPPLY_SCRIPTS, 9, 1, axdr.u16(0x34))
    assert not meter.meter.switch.closed
    manager.action(SUPPLY_SCRIPTS, 9, 1, axdr.u16(0x36))
    assert (meter.meter.switch.closed, meter.meter.switch.state.name) == (False, "READY_FOR_RECONNECTION")
    manager.action(SUPPLY_SCRIPTS, 9, 1, axdr.u16(0x34))
    manager.action(SUPPLY_SCRIPTS, 9, 1, axdr.u16(0x33))
    assert meter.meter.switch.closed
    with pytest.raises(AccessError, match="scope-of-access-violated"):
        manager.action(SUPPLY_SCRIPTS, 9, 1, axdr.u16(0x35))


def test_a_schedule_runs_supply_scripts_and_makes_up_for_what_a_power_failure_took(meter):
    start = to_the_minute(meter)

    def entry(index, minutes, script):
        return structure(
            axdr.u16(index), axdr.boolean(True), axdr.octets(Obis(SUPPLY_SCRIPTS)), axdr.u16(script),
            axdr.octets(time_of(start + timedelta(minutes=minutes))), axdr.u16(0xFFFF), axdr.bits("1111111"), axdr.bits(""),
            axdr.octets(OPEN_DATE), axdr.octets(OPEN_DATE),
        )  # fmt: skip

    manager = meter.manager()
    manager.action(SCHEDULE, 10, 2, entry(1, 5, 0x34))
    manager.action(SCHEDULE, 10, 2, entry(2, 20, 0x33))
    meter.run(5 * MIN + S)
    assert not meter.meter.switch.closed
    meter.run(5 * MIN)
    meter.mains.off(30 * MIN)
    meter.run(20 * MIN)
    assert meter.board.firmware is None
    meter.run(11 * MIN)
    assert meter.meter.switch.closed
    assert [call["argument"] for call in calls(meter)] == [0x34, 0x33]


def test_a_cut_without_warning_repeats_no_script(meter):
    start = to_the_minute(meter)
    entry = structure(
        axdr.u16(1), axdr.boolean(True), axdr.octets(Obis(SUPPLY_SCRIPTS)), axdr.u16(0x34),
        axdr.octets(time_of(start + timedelta(minutes=5))), axdr.u16(0xFFFF), axdr.bits("1111111"), axdr.bits(""),
        axdr.octets(OPEN_DATE), axdr.octets(OPEN_DATE),
    )  # fmt: skip
    meter.manager().action(SCHEDULE, 10, 2, entry)
    meter.run(5 * MIN + S)
    assert len(calls(meter)) == 1
    meter.board.cut(off_for=MIN)
    meter.run(10 * MIN)
    assert meter.firmware.running
    assert len(calls(meter)) == 1


def test_billing_days_capture_the_billing_log(meter):
    start = to_the_minute(meter)
    manager = meter.manager()
    times = [structure(axdr.octets(time_of(start + timedelta(minutes=2))), axdr.octets(OPEN_DATE))]
    manager.set(BILLING_DAYS, 22, 4, axdr.array(times))
    meter.run(3 * DAY)
    rows = meter.direct().profile(BILLING).rows()
    assert [row[0] for row in rows] == [start.replace(tzinfo=UTC) + timedelta(minutes=2, days=n) for n in range(3)]
    energy = [int(row[1].value) for row in rows]
    assert energy == sorted(energy)
    meter.mains.off(5 * MIN)  # over the fourth billing time
    meter.run(DAY)
    later = meter.direct().profile(BILLING).rows()
    assert later[:3] == rows
    assert [row[0].replace(microsecond=0) for row in later[3:]] == [start.replace(tzinfo=UTC) + timedelta(minutes=5, days=3)]
    other_times = axdr.array([*times, structure(axdr.octets(bytes((1, 0, 0, 0))), axdr.octets(OPEN_DATE))])
    with pytest.raises(AccessError, match="scope-of-access-violated"):
        meter.manager().set(BILLING_DAYS, 22, 4, other_times)


def test_demand_is_the_mean_power_of_the_last_half_hour(meter):
    to_the_minute(meter)
    meter.run(2 * HOUR)
    rows = [int(row[2].value) for row in meter.direct().rows("1-0:99.1.0")][-2:]
    demand = meter.direct().get("1-0:1.4.0", 5, 3).value
    assert demand == pytest.approx((rows[1] - rows[0]) * 2, abs=2)


def test_a_crossed_threshold_runs_its_script(meter):
    manager = meter.manager()
    up = structure(axdr.octets(Obis(TARIFF)), axdr.u16(11))
    down = structure(axdr.octets(Obis(TARIFF)), axdr.u16(12))
    manager.set(AMBIENT, 21, 4, axdr.array([structure(up, down)]))
    manager.set(AMBIENT, 21, 2, axdr.array([axdr.u32(1)]))
    meter.run(20 * MIN)
    manager = meter.manager()
    manager.action(SUPPLY_SCRIPTS, 9, 1, axdr.u16(0x34))
    assert rate(meter) == 12
    manager.action(SUPPLY_SCRIPTS, 9, 1, axdr.u16(0x33))
    assert rate(meter) == 11


def test_a_threshold_whose_scripts_undo_each_other_comes_to_rest(meter):
    manager = meter.manager()
    scripts = [structure(axdr.octets(Obis(SUPPLY_SCRIPTS)), axdr.u16(number)) for number in (0x34, 0x33)]
    manager.set(AMBIENT, 21, 4, axdr.array([structure(*scripts)]))
    manager.set(AMBIENT, 21, 2, axdr.array([axdr.u32(100)]))
    meter.run(2 * HOUR)
    made = calls(meter)
    assert {(call["argument"], call["result"]) for call in made} <= {(0x34, 0), (0x33, 0), (0x33, 2), (0x34, 2)}
    assert 0 < len(made) < 20


def test_block_counters_are_reset_each_day(meter):
    start = to_the_minute(meter)
    times = [structure(axdr.octets(time_of(start + timedelta(minutes=2))), axdr.octets(OPEN_DATE))]
    meter.manager().set("0-0:15.1.0", 22, 4, axdr.array(times))  # as GBCS ECS48 does
    meter.run(2 * DAY)
    assert [(call["argument"], call["result"]) for call in calls(meter)] == [(0x63, 0), (0x63, 0)]


def test_the_clock_is_adjusted_to_the_half_hour(meter):
    manager = meter.manager()
    manager.set_clock(datetime(2026, 1, 20, 11, 46, tzinfo=UTC))
    manager.action("0-0:1.0.0", 8, 2, axdr.i8(0))
    assert manager.clock() == datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
