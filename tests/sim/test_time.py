"""Clocks of a living home that jump, are not to be believed, and come to the end of their numbers: bad inputs G16 and G17.

All of it under both profiles, which are told apart by how a meter is reached and not by its clock.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

import pytest

from devices.parts.network_clock import NOT_ADJUSTED
from devices.parts.profile_log import HALF_HOUR, RowStatus
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.dlms import axdr
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

YEAR = 366 * DAY


def utc(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * S


ALONE = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
WHOLE = ALONE + "".join(f'[[home.device]]\nkind = "{kind}"\nat = [2, 2]\n' for kind in ("gsme", "ihd", "ppmid", "load-controller"))


PROFILES = ("paper-2011", "gb")
MORNING = utc(2026, 1, 14)


def begin(profile, start, bench=ALONE):
    """A home of a profile, begun at a time."""
    run = Told(config.loads(f'profile = "{profile}"\n{bench}'), start_ns=start)
    commission(run)
    return run


@pytest.fixture(params=PROFILES)
def born(request):
    """`born(utc)`: a home begun at a time."""
    return partial(begin, request.param)


@pytest.fixture
def home(born):
    """A hub and its electricity meter."""
    return born(MORNING)


def synchronise(home):
    """Have the meter ask the hub for the time; whether the hub had one."""
    task = home.kernel.spawn(home.esme.firmware.clock.synchronise(), who="test")
    home.until(lambda: task.done, within=MIN)
    return task.result()


def off(home):
    """How far the meter's clock is from the hub's, in whole seconds."""
    return (home.hub.rtc.read() - home.esme.rtc.read()) // S


def codes(home):
    log = home.esme.firmware.events.log
    return [event for each in LogId if each for event, _, _ in log.rows(each)]


def slots(home):
    return [row.at for row in home.esme.firmware.meter.half_hours.rows()]


# --- G16 ---


@pytest.mark.parametrize("jump", [-10, 10], ids=["ten seconds back", "ten seconds ahead"])
def test_g16_ten_seconds_are_made_good(home, jump):
    home.hub.rtc.set(home.esme.rtc.read() + jump * S)
    assert synchronise(home)
    assert off(home) in (-1, 0)
    assert home.esme.firmware.clock_reliable
    assert codes(home) == [EventId.CLOCK_ADJ_FORWARD if jump > 0 else EventId.CLOCK_ADJ_BACKWARD]


@pytest.mark.parametrize(
    "jump",
    [11 * S, -11 * S, YEAR, -40 * MIN],
    ids=["eleven seconds", "eleven seconds back", "a year", "back over a half hour"],
)
def test_g16_more_is_not_and_the_clock_is_unreliable_until_both_agree_again(home, jump):
    home.run(for_=HOUR)
    home.hub.rtc.set(home.esme.rtc.read() + jump)
    before = off(home)
    assert synchronise(home)
    assert off(home) == before
    assert not home.esme.firmware.clock_reliable
    assert codes(home) == [NOT_ADJUSTED]
    assert "event" in {kind for _, who, kind, _ in home.told if who == "home1/esme"}
    assert home.esme.display.lines[1].strip() == "--:--" or not home.esme.firmware.clock_reliable
    home.run(for_=HOUR)
    found = slots(home)
    assert len(set(found)) == len(found)
    last = home.esme.firmware.meter.half_hours.last
    assert last.status & RowStatus.CLOCK_DOUBTFUL
    home.hub.rtc.set(home.esme.rtc.read())
    assert synchronise(home)
    assert home.esme.firmware.clock_reliable
    home.run(for_=HOUR)
    assert not home.esme.firmware.meter.half_hours.last.status & RowStatus.CLOCK_DOUBTFUL
    assert len(set(slots(home))) == len(slots(home))


def test_g16_a_clock_set_back_over_a_half_hour_writes_no_slot_twice_and_flags_the_gap(home):
    home.run(for_=3 * HOUR)
    home.esme.rtc.step(-40 * MIN)
    home.run(for_=3 * HOUR)
    found = slots(home)
    assert len(set(found)) == len(found)
    home.esme.rtc.step(2 * HOUR)
    home.run(for_=HOUR)
    rows = home.esme.firmware.meter.half_hours.rows()
    assert len({row.at for row in rows}) == len(rows)
    gaps = [row for before, row in pairwise(rows) if row.at != before.at + HALF_HOUR]
    assert gaps
    assert all(row.status & RowStatus.GAP for row in gaps)


def test_g16_a_hub_that_knows_no_time_is_not_believed(home):
    before = home.esme.rtc.read() - home.now
    home.hub.rtc.lose()  # tells 0xFFFFFFFF, and that it is no authority
    assert not synchronise(home)
    assert home.esme.rtc.read() - home.now == before
    assert home.esme.firmware.clock_reliable
    assert codes(home) == []


# --- G17 ---


def billing(home, *dates):
    """Have the meter capture its billing log at these dates' beginnings (None: every day)."""
    things = home.esme.firmware.server.devices[1]
    every = bytes.fromhex("FFFFFFFFFF")
    schedule = things.find(Obis("0-0:15.0.0"))
    schedule.write(4, axdr.array(
        axdr.structure(axdr.octets(bytes(4)), axdr.octets(every if date is None else bytes((0xFF, 0xFF, *date, 0xFF))))
        for date in dates or (None,)
    ))  # fmt: skip
    home.run(for_=S)
    return things.find(Obis("0-0:98.1.0"))


def dates(log):
    """The dates of the billing log's rows: year, month, day."""
    return [(int.from_bytes(row.value[0].value[:2], "big"), *row.value[0].value[2:4]) for row in log.buffer.value]


@pytest.mark.parametrize("back", [30 * S, 10 * MIN, 26 * HOUR], ids=["half a minute", "ten minutes", "a day and more"])
def test_g17_one_billing_run_a_date_though_the_clock_goes_back_over_midnight(born, back):
    home = born(utc(2026, 1, 14, 12))
    log = billing(home)
    home.run(for_=12 * HOUR + 5 * MIN)
    assert dates(log) == [(2026, 1, 15)]
    home.esme.rtc.step(-back)
    home.run(for_=HOUR)
    assert dates(log) == [(2026, 1, 15)]
    home.run(for_=2 * DAY + back)
    found = dates(log)
    assert len(set(found)) == len(found)
    assert found[-2:] == [(2026, 1, 16), (2026, 1, 17)]


@pytest.mark.parametrize("start", [utc(2026, 3, 28, 12), utc(2026, 10, 24, 12)], ids=["spring", "autumn"])
def test_g17_summer_time_changes_nothing_inside(born, start):
    home = born(start)
    log = billing(home)
    home.run(for_=2 * DAY)
    assert len(dates(log)) == len(set(dates(log))) == 2
    found = slots(home)
    assert [later - earlier for earlier, later in pairwise(found)] == [HALF_HOUR] * (len(found) - 1)


@pytest.mark.parametrize(("year", "days"), [(2028, [(2, 28), (2, 29), (3, 1)]), (2027, [(2, 28), (3, 1)])])
def test_g17_the_29th_of_february(born, year, days):
    home = born(utc(year, 2, 27, 18))
    log = billing(home)
    home.run(for_=len(days) * DAY)
    assert [date[1:] for date in dates(log)] == days


LIMITS = {
    "2036: NTP": utc(2036, 2, 7, 6, 28, 16),
    "2038: 32 bits with a sign since 1970": utc(2038, 1, 19, 3, 14, 8),
    "2106: 32 bits since 1970": utc(2106, 2, 7, 6, 28, 16),
    "2136: ZigBee": utc(2136, 2, 7, 6, 28, 15),
}


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS.keys())
def test_g17_no_crash_where_numbers_end(born, limit):
    home = born(limit - 20 * MIN, WHOLE)
    home.hub.firmware.display_message("stays")
    home.run(for_=40 * MIN)
    home.esme.firmware.meter.switch.disconnect()  # an event behind the limit
    home.run(for_=HOUR)
    assert home.hub.firmware.commissioned
    found = slots(home)
    assert found[-1] > limit
    assert len(set(found)) == len(found) >= 3
    assert [event for _, node, event, _ in home.told if event == "power" and node == "home1/hub"] == ["power"]


# --- the profiles beside each other ---


def story(profile):
    """Everything above in one life: what the meter has written down in the end."""
    home = begin(profile, utc(2028, 2, 28, 20))
    log = billing(home)
    home.hub.rtc.set(home.esme.rtc.read() + 11 * S)
    assert synchronise(home)
    home.run(for_=HOUR)
    home.hub.rtc.set(home.esme.rtc.read() - 10 * S)
    assert synchronise(home)
    home.run(for_=3 * HOUR + 5 * MIN)
    home.esme.rtc.step(-40 * MIN)
    home.run(for_=DAY + HOUR)
    rows = [(row.at, row.status) for row in home.esme.firmware.meter.half_hours.rows()]
    return rows, dates(log), codes(home), home.esme.firmware.clock_reliable


def test_g16_and_g17_are_one_under_both_profiles():
    paper, deployed = (story(profile) for profile in PROFILES)
    assert paper == deployed
    rows, billed, happened, reliable = paper
    assert len({at for at, _ in rows}) == len(rows) > 40
    assert billed == [(2028, 2, 29), (2028, 3, 1)]
    assert NOT_ADJUSTED in happened
    assert EventId.CLOCK_ADJ_BACKWARD in happened
    assert not reliable  # the hub and the stepped clock are 40 minutes apart
