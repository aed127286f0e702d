"""Orders, samples and snapshots while the power goes at any flash operation, and half hours while the clock steps."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.profile import INVALID
from protocols.zigbee.metering.snapshots import ANY_CAUSE, Cause
from protocols.zigbee.node import Message
from protocols.zigbee.zcl.endpoint import Request
from protocols.zigbee.zcl.foundation import Header

HALF_HOUR = 1800
OFF, ON = SupplyStatus.OFF, SupplyStatus.ON
EVERY = 9


@pytest.fixture
def direct(meter):
    """`direct(command)`: what the meter answers in this instant to the hub."""

    def ask(command):
        message = Message(0, meter.hub.eui64, 0x0109, Metering.id, 1, 1, b"", True, False)
        request = Request(message, Header.parse(b"\x01\x00\x00"), meter.kernel.now)
        return meter.firmware.han.endpoints[1].server(Metering).handlers[type(command)](command, request)

    return ask


def seconds(meter):
    return meter.board.rtc.read() // S - EPOCH


@pytest.mark.parametrize("operations", range(0, 90, EVERY))
def test_an_order_is_carried_out_whatever_the_power_does_at_its_time(meter, direct, operations):
    """It comes from off to on, and a hand switches off again after it: a second execution would be seen."""
    meter.meter.switch.disconnect()
    at = seconds(meter) + 60
    assert direct(Metering.ChangeSupply(1, 1, 0, at, ON, 0)) == 0
    meter.run(50 * S)
    meter.board.cut_at_flash_operation(operations, off_for=30 * S)
    meter.run(5 * MIN)
    meter.board.flash.cut_after(None)
    assert meter.meter.switch.closed
    meter.meter.switch.disconnect()
    meter.board.cut(off_for=30 * S)
    meter.run(5 * MIN)
    assert not meter.meter.switch.closed
    assert meter.firmware.commands.pending[1] is None


@pytest.mark.parametrize("operations", range(0, 300, 5 * EVERY))
def test_samples_and_snapshots_are_whole_or_not_there(meter, direct, operations):
    direct(Metering.StartSampling(1, 0, 0, 60, 30))
    taken = [direct(Metering.TakeSnapshot(Cause.GENERAL)).snapshot_id]
    meter.board.cut_at_flash_operation(operations, off_for=100 * S)
    meter.run(20 * MIN)
    meter.board.flash.cut_after(None)
    meter.run(15 * MIN)
    (answer,) = direct(Metering.GetSampledData(1, 0, 0, 30))
    assert answer.number_of_samples == 30
    assert sum(each == INVALID for each in answer.samples) <= 5
    assert sum(each for each in answer.samples if each != INVALID) <= meter.meter.import_wh
    taken.append(direct(Metering.TakeSnapshot(Cause.GENERAL)).snapshot_id)
    parts = [direct(Metering.GetSnapshot(0, 0xFFFFFFFF, offset, Cause.MANUALLY_TRIGGERED))[0] for offset in range(2)]
    assert [part.snapshot_id for part in parts] == taken
    assert direct(Metering.GetSnapshot(0, 0xFFFFFFFF, 0, ANY_CAUSE))


@pytest.mark.parametrize("seed", range(6))
def test_no_half_hour_is_lost_or_doubled_over_steps_and_cuts(meter, direct, seed):
    """Every profile read on the way agrees with every other, and with the register, half hour by half hour."""
    random = Random(seed)
    known: dict[int, int] = {}
    for _ in range(14):
        what = random.randrange(4)
        if what == 0:
            meter.mains.off(random.randrange(1, 5 * 3600) * S)
        elif what == 1:
            meter.board.cut(off_for=random.randrange(1, 3600) * S)
        elif what == 2:
            meter.board.rtc.step(random.randrange(-7200, 7200) * S)
        meter.run(random.randrange(1, 6 * 3600) * S)
        if not meter.board.powered or not meter.firmware.running:
            meter.run(6 * HOUR)
        answer = direct(Metering.GetProfile(0, 0, 24))
        for ago, interval in enumerate(answer.intervals):
            end = answer.end_time - ago * HALF_HOUR
            if interval != INVALID:
                assert known.setdefault(end, interval) == interval
    rows = {row.at // S - EPOCH: row.total for row in meter.meter.half_hours.rows()}
    assert len(rows) == len(meter.meter.half_hours.rows())
    for end, interval in known.items():
        assert interval == rows[end] - rows[end - HALF_HOUR] >= 0
    assert all(after.total >= before.total for before, after in pairwise(meter.meter.half_hours.rows()))
