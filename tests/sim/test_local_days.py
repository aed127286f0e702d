"""Local time from the WAN: the hub is told, everybody switches by it, and what is measured stays in UTC (invariants 34, 35)."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from devices.parts.profile_log import HALF_HOUR
from devices.runtime.kernel import DAY, HOUR, MIN, S
from hubfw.han.local_time import GREAT_BRITAIN, zone
from protocols.dlms import axdr
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.zone import Zone, saving_rule
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.time import EPOCH, Time
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

CLOCK = "0-0:1.0.0"
ALONE = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
TARIFF = """
[[home.device]]
kind = "ihd"
at = [8, -3]
[[home.publish]]
kind = "tariff"
after_s = 120
tiers = [{ label = "Day", pence = [30.1] }, { label = "Night", pence = [9.5] }]
weekdays = ["00:00 Night", "07:00 Day"]
time = "local"
"""


def utc(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * S


@pytest.fixture
def born():
    def make(start, bench=ALONE):
        run = Told(config.loads(bench), start_ns=start)
        commission(run)
        return run

    return make


def set_zone(home, deviation, *, saving=0, name="hub"):
    """Local time from the head end: minutes to UTC, and minutes of summer time by the rule that is there."""
    with home.head_end.meter(name, writes=True) as clock:
        clock.set(CLOCK, 8, 3, axdr.i16(deviation))
        clock.set(CLOCK, 8, 7, axdr.i8(saving))
        clock.set(CLOCK, 8, 8, axdr.boolean(bool(saving)))


def told_on_the_network(home):
    server = home.hub.firmware.esi.endpoint.server(Time)
    return [server[attribute] for attribute in (Time.time_zone, Time.dst_start, Time.dst_end, Time.dst_shift)]


@pytest.mark.req("S-058")
def test_the_offset_is_set_from_the_wan_told_on_the_network_and_kept(born):
    home = born(utc(2026, 3, 28, 12))
    begins, ends = utc(2026, 3, 29, 1) // S - EPOCH, utc(2026, 10, 25, 1) // S - EPOCH
    assert told_on_the_network(home) == [0, begins, ends, 3600]
    home.run_until(home.now + DAY)
    octets = home.head_end.meter("hub").get(CLOCK, 8, 2).value
    assert (octets[5], octets[9:11], octets[11]) == (13, bytes.fromhex("FFC4"), 0x80)
    assert date_time.instant(octets) // S == home.hub.rtc.read() // S
    set_zone(home, -60)  # an hour ahead all the year
    assert told_on_the_network(home)[::3] == [3600, 0]
    home.hub.cut(off_for=S)
    home.run(for_=MIN)
    assert told_on_the_network(home)[::3] == [3600, 0]
    before = home.hub.rtc.read()
    home.run(for_=HOUR)
    assert home.hub.rtc.read() - before == HOUR  # the clock itself is UTC's


@pytest.mark.req("S-058", part=True)
@pytest.mark.req("S-059", part=True)
def test_displays_switch_tariffs_by_the_time_that_the_wan_says(born):
    home = born(utc(2026, 1, 14, 5), ALONE + TARIFF)
    set_zone(home, -60)
    home.hub.cut(off_for=S)
    at = utc(2026, 1, 14, 6) - home.kernel.start_ns
    home.run_until(at - 30 * S)
    assert home.screen("ihd")[4].split()[0] == "Night"
    home.run_until(at + 2 * MIN)
    assert home.screen("ihd")[4].split()[0] == "Day"


@pytest.mark.req("S-059", part=True)
@pytest.mark.parametrize(("start", "day", "slots"), [
    (utc(2026, 3, 28, 20), (2026, 3, 29), 46),
    (utc(2026, 10, 24, 20), (2026, 10, 25), 50),
    (utc(2026, 7, 1, 20), (2026, 7, 2), 48),
], ids=["23 hours", "25 hours", "24 hours"])  # fmt: skip
def test_days_of_46_and_50_half_hours_in_local_time_while_the_log_stays_in_utc(born, start, day, slots):
    home = born(start)
    home.run(for_=30 * HOUR)
    rows = home.esme.firmware.meter.half_hours.rows()
    assert {later.at - earlier.at for earlier, later in pairwise(rows)} == {HALF_HOUR}
    local = [date_time.to_datetime(home.hub.firmware.clock.zone.local(row.at)) for row in rows]
    assert sum((each.year, each.month, each.day) == day for each in local) == slots
    first, last = rows[0], rows[-1]
    assert last.totals[0] - first.totals[0] == sum(b.totals[0] - a.totals[0] for a, b in pairwise(rows))


@pytest.mark.parametrize(("when", "summer"), [((2026, 1, 14), False), ((2026, 12, 30), False), ((2027, 7, 1), True)])
def test_summer_of_the_right_year_north_and_south(when, summer):
    now = utc(*when) // S
    here = zone(now - EPOCH)
    assert here.shift(now - EPOCH, 2) == (3600 if summer else 0)
    # from the first Sunday of October to the first of April, ten hours ahead
    rules = [saving_rule(bytes.fromhex(text)) for text in ("FFFF0AFF07020000008000FF", "FFFF04FF07030000008000FF")]
    south = Zone(-600, 60, *rules)
    there = zone(now - EPOCH, south)
    assert there.standard == 36_000
    assert GREAT_BRITAIN.normal == 0
    assert there.dst_start < there.dst_end
    assert there.dst_shift == 3600


# --- the rules, and that they can fail ---


def unreliable_and_silent(home, tolerance=10 * S):
    """Invariant 34: devices whose clock is off the hub's by more, and who say that it is good."""
    found = abs(home.esme.rtc.read() - home.hub.rtc.read()) > tolerance and home.esme.firmware.clock_reliable
    return ["esme"] if found else []


def twice(dates):
    """Invariant 35: billing dates with more than one run."""
    return sorted({date for date in dates if dates.count(date) > 1})


def synchronise(home):
    task = home.kernel.spawn(home.esme.firmware.clock.synchronise(), who="test")
    home.until(lambda: task.done, within=MIN)


@pytest.mark.parametrize("ppm", [-100, 100])
def test_drift_is_made_good_every_day(born, ppm):
    """The meter's clock by the hub's, and the hub's by the network's: 50 ppm are 13 seconds in three days."""
    drifting = ALONE.replace("at = [0.3, 0]", f"at = [0.3, 0]\nclock_ppm = {ppm}")
    home = born(utc(2026, 10, 23, 12), drifting.replace('"hub"', f'"hub"\nclock_ppm = {ppm / 2}'))
    for _ in range(3):
        home.run(for_=DAY)
        assert unreliable_and_silent(home) == []
        assert abs(home.hub.rtc.read() - home.kernel.utc) < 5 * S
    assert home.times("watchdog") == []  # it would set the hub's clock, too


def test_rule_34_sees_a_clock_that_stepped_and_nobody_looked(born):
    home = born(utc(2026, 1, 14))
    home.esme.rtc.step(30 * MIN)
    assert unreliable_and_silent(home) == ["esme"]
    synchronise(home)
    assert unreliable_and_silent(home) == []


def billed(home):
    log = home.esme.firmware.server.devices[1].find(Obis("0-0:98.1.0"))
    return [(int.from_bytes(row.value[0].value[:2], "big"), *row.value[0].value[2:4]) for row in log.buffer.value]


@pytest.mark.parametrize("start", [utc(2026, 3, 28, 23), utc(2026, 10, 24, 22)], ids=["spring", "autumn"])
def test_billing_runs_once_a_date_over_the_change(born, start):
    home = born(start)
    set_zone(home, 0, saving=60, name="esme")
    with home.head_end.meter("esme", writes=True) as meter:
        meter.set("0-0:15.0.0", 22, 4, axdr.array([axdr.structure(axdr.octets(bytes(4)), axdr.octets(b"\xff" * 5))]))
    home.run(for_=DAY + 4 * HOUR)
    assert len(billed(home)) == 2
    assert twice(billed(home)) == []


def test_rule_35_sees_a_date_that_was_billed_twice():
    assert twice([(2026, 3, 29), (2026, 3, 30), (2026, 3, 30)]) == [(2026, 3, 30)]
