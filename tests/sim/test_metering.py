"""Metering's commands in a whole home: a display in a hurry, what the hub asks and orders, and what nobody should send."""

from __future__ import annotations

import pytest

from devices.parts.han import Refused
from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.metering import Metering, SnapshotSchedule, SupplyStatus
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.snapshots import ANY_CAUSE, Cause
from protocols.zigbee.zcl.status import Status


@pytest.fixture
def ask():
    """`ask(home, who, command, expect)`: a device sends the electricity meter a command of Metering."""

    def make(home, who, command, expect=None):
        firmware = home.board(who).firmware

        async def question():
            address = await firmware.han.find(home.esme.eui64)
            try:
                if expect is not None:
                    return await firmware.han.request(address, 1, command, expect)
                return await firmware.han.confirm(address, 1, command)
            except Refused as refused:
                return refused.status

        task = firmware.spawn(question())
        home.until(lambda: task.done, MIN)
        return task.result()

    return make


def test_a_display_in_a_hurry_reads_every_two_seconds_until_the_mode_ends(home):
    display, polls = home.ihd.firmware, []
    shown = display.electricity._changed
    display.electricity._changed = lambda: (polls.append(home.now), shown())
    home.run(for_=10 * MIN)
    calm = len(polls)
    assert 55 <= calm <= 61
    home.ihd.buttons.press("now")
    home.run(for_=15 * MIN)
    hurried = len(polls) - calm
    assert 15 * 30 - 5 <= hurried - 90 <= 15 * 30 + 5
    home.ihd.buttons.press("ok")  # has nothing to do with it
    before = len(polls)
    home.run(for_=10 * MIN)
    assert len(polls) - before <= 62


def test_the_power_shown_in_a_hurry_is_the_meters_of_two_seconds_ago(home):
    home.ihd.buttons.press("now")
    home.run(for_=30 * S)
    for _ in range(100):
        home.run(for_=7 * S)
        then = home.esme.firmware.meter.watts
        home.run(for_=5 * S // 2)
        if then == home.esme.firmware.meter.watts:
            assert home.ihd.firmware.electricity.get(Metering.instantaneous_demand) == then


NOT_FOR_DISPLAYS = [
    Metering.ChangeSupply(1, 0x7FFFFFFF, 0, 0, 0, 0),
    Metering.SetSupplyStatus(0x7FFFFFFF, 0, 0, 0, 0),
    Metering.ResetLoadLimitCounter(1, 1),
]


def test_h11_a_display_does_not_change_the_supply(home, ask):
    for command in NOT_FOR_DISPLAYS:
        assert ask(home, "ihd", command) == Status.NOT_AUTHORIZED
    assert ask(home, "ihd", Metering.SetUncontrolledFlowThreshold(1, 1, 5, 1, 1, 0, 1, 1)) == Status.UNSUP_CLUSTER_COMMAND
    assert home.esme.firmware.meter.switch.closed


def test_the_hub_hears_what_became_of_its_order_and_of_its_schedule(home, ask):
    now = home.kernel.utc // S - EPOCH
    ask(home, "hub", Metering.ChangeSupply(1, 1, 0, now + 600, SupplyStatus.OFF, 1))
    every_day = SnapshotSchedule(1, now - 60, 2 << 22 | 1, 4, Cause.GENERAL)
    ask(home, "hub", Metering.ScheduleSnapshot(1, 0, 1, [every_day]), Metering.ScheduleSnapshotResponse)
    home.run(for_=25 * HOUR)
    (changed,) = home.events("meter.supply")
    assert (changed["eui64"], changed["status"]) == (home.esme.eui64, SupplyStatus.OFF)
    (taken,) = home.events("meter.snapshot")
    assert taken["eui64"] == home.esme.eui64
    part = ask(home, "hub", Metering.GetSnapshot(0, 0xFFFFFFFF, 0, ANY_CAUSE), Metering.PublishSnapshot)
    assert part.total_snapshots_found >= 2
