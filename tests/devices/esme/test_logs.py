"""The logs: rows add up to the registers, each slot has one row at most, whatever clock and supply do."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from devices.parts.profile_log import HALF_HOUR, RowStatus
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.dlms.client import Client
from protocols.dlms.cosem import date_time
from protocols.dlms.meter import Meter
from protocols.zigbee.clusters.time import Time, TimeStatus

IMPORT, VOLTS = "1-0:99.1.0", "1-0:32.24.0"
GB_IMPORT, EXPORT, REACTIVE, DAILY = (f"0-0:99.1.{number}" for number in range(4))
SLOT = timedelta(minutes=30)


def rows(meter, name=IMPORT, **between):
    return meter.direct().profile(name).rows(**between)


def wh(row):
    return int(row[2].value)


def test_the_logs_have_gbs_sizes_periods_and_columns(meter):
    client = meter.direct()
    sizes = {IMPORT: 19_056, GB_IMPORT: 19_056, EXPORT: 4_464, REACTIVE: 4_464, DAILY: 731, VOLTS: 4_320}
    assert {name: client.get(name, 7, 8).value for name in sizes} == sizes
    assert {name: client.get(name, 7, 4).value for name in sizes} == dict.fromkeys(sizes, 1800) | {DAILY: 86_400}
    captured = [(str(column.reference.logical_name), column.reference.class_id) for column in client.profile(IMPORT).columns()]
    assert captured == [("0-0:1.0.0.255", 8), ("0-0:96.10.1.255", 1), ("1-0:1.8.0.255", 3)]


def test_differences_of_rows_add_up_to_the_register(meter):
    """Invariant 3: over a day, and read at the very instant of the last row."""
    meter.run(DAY + 5 * MIN)
    found = rows(meter)
    assert len(found) == 48
    assert all(later[0] - sooner[0] == SLOT for sooner, later in pairwise(found))
    used = [wh(later) - wh(sooner) for sooner, later in pairwise(found)]
    assert min(used) >= 0
    assert sum(used) == wh(found[-1]) - wh(found[0])
    instant = date_time.from_datetime(found[-1][0])
    meter.premises.kernel.run_until(meter.board.rtc.when(instant + DAY))
    assert meter.meter.import_wh == wh(rows(meter)[-1])
    assert rows(meter, GB_IMPORT) == rows(meter)


def test_other_logs_follow(meter):
    meter.run(2 * DAY + MIN)
    assert len(rows(meter, REACTIVE)) == len(rows(meter, VOLTS)) == len(rows(meter, EXPORT)) == 96
    assert {str(row[2]) for row in rows(meter, VOLTS)} == {"230.0 V"}
    last, reactive = rows(meter)[-1], rows(meter, REACTIVE)[-1]
    assert 0.30 < wh(reactive) / (wh(last) - 4_321_000) < 0.34
    days = rows(meter, DAILY)
    assert [row[0].hour for row in days] == [0, 0]
    assert [wh(row) for row in days] == [wh(row) for row in rows(meter) if row[0].hour == row[0].minute == 0]


def test_a_range_is_read_by_itself(meter):
    meter.run(DAY)
    start = meter.premises.kernel.start_ns
    found = rows(meter, since=start + 6 * HOUR, until=start + 8 * HOUR)
    assert [(row[0].hour, row[0].minute) for row in found] == [(6, 0), (6, 30), (7, 0), (7, 30), (8, 0)]


def test_the_logs_survive_a_power_cut_and_the_gap_is_flagged(meter):
    meter.run(3 * HOUR + 10 * MIN)
    before = rows(meter)
    meter.mains.off(2 * HOUR)
    meter.run(3 * HOUR)
    found = rows(meter)
    assert found[: len(before)] == before
    first = found[len(before)]
    assert first[1] == RowStatus.GAP | RowStatus.POWER_FAILED
    assert first[0] - before[-1][0] == 5 * SLOT
    assert found[len(before) + 1][1] == 0


def test_a_power_cut_within_a_half_hour_flags_its_row(meter):
    meter.run(HOUR + 5 * MIN)
    meter.mains.off(2 * MIN)
    meter.run(HOUR)
    assert [row[1] for row in rows(meter)] == [0, 0, RowStatus.POWER_FAILED, 0]


@pytest.mark.req("S-066")
def test_demand_extremes_are_those_of_the_rows(meter):
    meter.run(DAY)
    found = rows(meter)
    demands = [2 * (wh(later) - wh(sooner)) for sooner, later in pairwise(found)]
    client = meter.manager()
    highest, lowest = (client.get(name, 4, 2).value for name in ("1-0:1.6.0", "1-0:1.3.0"))
    assert (highest, lowest) == (max(demands), min(demands))
    when = found[1 + demands.index(max(demands))][0]
    assert date_time.to_datetime(date_time.instant(client.get("1-0:1.6.0", 4, 5).value)) == when
    client.action("1-0:1.6.0", 4, 1)
    meter.board.cut(off_for=MIN)
    meter.run(2 * MIN)
    client = meter.direct()
    assert (client.get("1-0:1.6.0", 4, 2).value, client.get("1-0:1.3.0", 4, 2).value) == (0, lowest)
    assert date_time.instant(client.get("0-0:94.44.5.1", 1, 2).value) is not None


# --- the clock (bad input G16) ---


def slots(meter):
    return [date_time.from_datetime(row[0]) // HALF_HOUR for row in rows(meter)]


def status(meter):
    return meter.direct().get("0-0:1.0.0", 8, 4).value


def synchronised(meter):
    """The meter has asked for the time once more."""
    meter.run(DAY + MIN)


@pytest.mark.parametrize("off", [9 * S, -9 * S, 3 * S])
def test_up_to_ten_seconds_are_corrected(meter, off):
    meter.board.rtc.step(off)
    synchronised(meter)
    assert abs(meter.board.rtc.read() - meter.kernel.utc) <= S
    assert status(meter) == 0
    assert len(set(slots(meter))) == len(slots(meter))


@pytest.mark.parametrize("off", [12 * S, -12 * S, 365 * DAY, -HOUR])
def test_more_is_not_adjusted_and_the_status_says_so(meter, off):
    meter.run(2 * HOUR)
    meter.hub.firmware.clock_off = off
    synchronised(meter)
    assert abs(meter.board.rtc.read() - meter.kernel.utc) <= 2 * S
    assert status(meter) == 0x02
    assert ("event", 0x8F0C) in [(kind, data.get("code")) for _, who, kind, data in meter.premises.events if kind == "event"]
    meter.run(HOUR)
    found = rows(meter)
    assert found[-1][1] == RowStatus.CLOCK_DOUBTFUL
    assert len(set(slots(meter))) == len(found)
    meter.hub.firmware.clock_off = 0
    synchronised(meter)
    assert status(meter) == 0


@pytest.mark.parametrize("seconds, believed", [(None, 3), (0xFFFFFFFF, 3), (820_000_000, 0)])
def test_a_hub_without_a_time_sets_no_clock(new_meter, seconds, believed, premises):
    meter = new_meter(wait=False)
    premises.run(0)
    hub = meter.hub.firmware
    hub.time_status = believed
    hub.han.endpoints[1].server(Time)[Time.time] = seconds
    meter.run(2 * HOUR)
    assert not meter.firmware.commissioned
    assert status(meter) == 0x01
    assert meter.direct().clock() is None
    assert rows(meter) == []


def test_the_first_time_is_taken_whatever_it_is(new_meter):
    meter = new_meter(ppm=80)
    assert abs(meter.board.rtc.read() - meter.kernel.utc) <= S
    assert meter.hub.firmware.time_status & TimeStatus.MASTER


@pytest.mark.parametrize("step", [-HOUR, -MIN, -90 * MIN, 90 * MIN, 40 * DAY, -40 * DAY])
def test_a_clock_that_is_set_writes_no_slot_twice_and_flags_the_gap(meter, step, premises):
    """By a client with the right to: the meter obeys, and its log stays in order of capture."""
    meter.run(4 * HOUR + 10 * MIN)
    before = rows(meter)
    manager = meter.manager()
    manager.set_clock(premises.kernel.utc + step)
    meter.run(3 * HOUR)
    manager.set_clock(premises.kernel.utc)
    meter.run(3 * HOUR)
    found = rows(meter)
    assert found[: len(before)] == before
    assert len(set(slots(meter))) == len(found)
    for sooner, later in pairwise(found):
        assert bool(later[1] & RowStatus.GAP) is (later[0] - sooner[0] != SLOT)
    assert [wh(row) for row in found] == sorted(wh(row) for row in found)
    true_last = date_time.from_datetime(found[-1][0])
    assert abs(true_last - premises.kernel.utc) < HALF_HOUR


def test_a_drifting_clock_is_kept_within_a_second_a_day(new_meter):
    meter = new_meter(ppm=20)
    meter.run(10 * DAY + HOUR)
    assert abs(meter.board.rtc.read() - meter.kernel.utc) < 3 * S
    assert len(rows(meter)) == 10 * 48 + 2


def test_rows_read_through_the_tunnel_are_those_of_the_log(meter):
    meter.run(DAY)
    client = Meter(meter.tunnel().exchange(16), Client())
    client.associate()
    assert client.profile(GB_IMPORT).rows() == rows(meter)
