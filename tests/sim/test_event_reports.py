"""Which events of a meter's log cross the WAN, and what a flood of them costs there and on the HAN."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from hubfw.allowance import BURST, PAUSE
from hubfw.event_reports import EVENT_REPORTS, NOT_TOLD
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from tools.bench.metrics import HAN, WAN, Metrics
from tools.errors import BadInput
from tools.headend.notices import DeviceEvent

HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
"""


def choose(home, *lines):
    rows = [axdr.structure(axdr.u8(log), axdr.u16(event)) for log, event in lines]
    home.head_end.meter("hub", writes=True).set(EVENT_REPORTS, 1, 2, axdr.array(rows))


def told(home):
    return [(notice.log, notice.event) for notice in home.head_end.notices(DeviceEvent)]


def happen(home, event, log=LogId.GENERAL, times=1, pause=10 * S):
    for _ in range(times):
        home.esme.firmware.events.happened(event, log)
        home.run(for_=pause)


@pytest.mark.req("S-053", part=True)
def test_the_head_end_chooses_which_events_it_hears_of(build):
    home = build(HOME)
    happen(home, EventId.SUPPLY_OFF)
    assert told(home) == []
    choose(home, (LogId.GENERAL, EventId.SUPPLY_ON), (LogId.FAULT, 0))
    happen(home, EventId.SUPPLY_OFF)
    happen(home, EventId.SUPPLY_ON)
    happen(home, EventId.POWER_LOSS, LogId.FAULT)
    home.hub.restart()
    home.run(for_=MIN)
    happen(home, EventId.SUPPLY_ON)
    assert told(home) == [(LogId.GENERAL, EventId.SUPPLY_ON), (LogId.FAULT, EventId.POWER_LOSS), (LogId.GENERAL, EventId.SUPPLY_ON)]
    notice = home.head_end.notices(DeviceEvent)[-1]
    assert notice.device == home.esme.eui64
    assert abs(notice.received - notice.at) < 5 * S
    choose(home)
    happen(home, EventId.SUPPLY_ON)
    assert len(told(home)) == 3
    for bad in (axdr.array([axdr.structure(axdr.u8(0), axdr.u16(1))]), axdr.array([axdr.u8(1)])):
        with pytest.raises(AccessError):
            home.head_end.meter("hub", writes=True).set(EVENT_REPORTS, 1, 2, bad)


@pytest.mark.req("S-053", part=True)
def test_the_bench_file_says_which_events_are_told_until_the_head_end_chooses(build):
    reports = "".join(
        f"[[home.device.event_reports]]\n{line}\n" for line in (f'log = "general"\nevent = {EventId.SUPPLY_ON}', 'log = "fault"')
    )
    home = build(HOME.replace('kind = "hub"\n', 'kind = "hub"\n' + reports))
    happen(home, EventId.SUPPLY_OFF)
    happen(home, EventId.SUPPLY_ON)
    happen(home, EventId.POWER_LOSS, LogId.FAULT)
    assert told(home) == [(LogId.GENERAL, EventId.SUPPLY_ON), (LogId.FAULT, EventId.POWER_LOSS)]
    choose(home)
    home.hub.restart()
    home.run(for_=MIN)
    happen(home, EventId.SUPPLY_ON)
    assert len(told(home)) == 2


@pytest.mark.parametrize("line", ['log = "generl"', 'log = "general"\nevent = 0', 'log = "general"\nevents = 1'])
def test_a_bench_file_names_logs_and_events_that_there_are(build, line):
    with pytest.raises(BadInput, match=r"event_reports"):
        build(HOME.replace('kind = "hub"\n', f'kind = "hub"\n[[home.device.event_reports]]\n{line}\n'))


@pytest.mark.req("S-053")
def test_a_flood_of_events_is_bounded_on_the_wide_area_network(build):
    """An event each ten seconds for an hour: what it costs on both sides, told and not told."""
    cost = {}
    for chosen in (False, True):
        home = build(HOME)
        if chosen:
            choose(home, (LogId.GENERAL, 0))
        home.run(for_=MIN)
        metrics = Metrics(home.kernel, home.zigbee_keys)
        happen(home, EventId.SUPPLY_ON, times=360)
        totals = dict(metrics.totals())
        events = next(traffic for leg, kind, traffic in metrics.rows() if leg == HAN and kind.startswith("Events"))
        cost[chosen] = totals.get(WAN)
        assert events.messages >= 360
        print(f"360 events, told: {chosen}: {events.messages} messages of {events.octets} octets on the HAN, WAN {cost[chosen]}")
    assert cost[False] is None
    most = BURST + HOUR // PAUSE
    assert most - 1 <= len(told(home)) <= most
    assert cost[True].messages == len(told(home))
    assert cost[True].peak_messages == 1
    assert home.head_end.meter("hub").get(NOT_TOLD, 1, 2).value == 360 - len(told(home))
    assert home.hub.firmware.notifier.waiting == 0
