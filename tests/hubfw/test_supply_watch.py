"""Interruptions of the premises' supply, told to the head end or not."""

from __future__ import annotations

import pytest

from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import S
from hubfw.outage import State
from protocols.dlms import axdr
from protocols.dlms.cosem import date_time
from protocols.zigbee.clusters.metering import Metering, Status

START = 1_767_225_600 * S
HOME = ("esme", "gsme")


def interrupt(premises, seconds, after=600):
    premises.mains.off(int(seconds * S))
    premises.run(seconds + after)


@pytest.fixture
def premises(home):
    premises = home(*HOME)
    premises.commission()
    return premises


@pytest.mark.req("S-002", "S-003")
@pytest.mark.parametrize(("seconds", "codes"), [(0.2, []), (120, []), (179, []), (180, []), (181, [1, 2]), (230, [1, 2])])
def test_only_a_loss_beyond_three_minutes_is_told(premises, seconds, codes):
    interrupt(premises, seconds)
    assert [code for code, _ in premises.head_end.bodies()] == codes


@pytest.mark.req("S-001")
def test_the_meters_report_and_not_the_hubs_own_sense_starts_it(premises):
    off = premises.kernel.now
    premises.mains.off()
    premises.run(4)
    (source,) = premises.hub.firmware.supply_watch.supervisor.waiting
    assert int(source, 16) == premises.esme.eui64
    premises.run(200)
    ((when, pdu, notice),) = premises.head_end.notices
    assert (pdu.source, pdu.destination) == (1, 1)
    assert 180.5 * S <= when - off < 181.5 * S
    name, code, lost, duration = notice.body.python
    assert name == premises.hub.firmware.device.name
    assert (code, duration) == (1, 180)
    assert off <= date_time.instant(lost) - START + 10_000_000 < off + S


@pytest.mark.req("S-002")
def test_the_threshold_is_the_operators_to_set(premises):
    line = premises.head_end.connect(1, 1, b"12345678")
    line.associate()
    line.set("0-0:96.7.20", 3, 2, axdr.u16(60))
    premises.hub.cut(2 * S)
    premises.run(30)
    interrupt(premises, 60)
    assert premises.head_end.notices == []
    interrupt(premises, 61)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]


@pytest.mark.req("S-003")
@pytest.mark.parametrize("seconds", [300, 3600])
def test_an_outage_longer_than_the_reserve_is_told_once_and_ended_once(premises, seconds):
    interrupt(premises, seconds)
    (gasp, _), (breath, duration) = premises.head_end.bodies()
    assert (gasp, breath) == (1, 2)
    assert abs(duration - seconds) <= 1


@pytest.mark.req("S-003")
def test_a_reserve_that_is_too_small_fails_visibly(home):
    premises = home(*HOME, reserve=120 * S)
    premises.commission()
    interrupt(premises, 600)
    assert premises.head_end.notices == []
    assert ("outage", "missed") in [(kind, data.get("what")) for kind, data in premises.told("outage")]
    line = premises.head_end.connect(1)
    line.associate()
    assert line.get("0-0:96.7.5", 1, 2).value == 1


@pytest.mark.req("S-004")
def test_the_meter_judges_when_the_supply_is_back(premises):
    premises.mains.off()
    premises.run(300)
    premises.mains.on(190.0)
    premises.run(300)
    assert [code for code, _ in premises.head_end.bodies()] == [1]
    premises.mains.on(230.0)
    premises.run(60)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]
    assert abs(premises.head_end.bodies()[1][1] - 600) <= 1


@pytest.mark.parametrize(("seconds", "codes"), [(180, []), (181, [1, 2]), (400, [1, 2])])
def test_a_home_without_an_electricity_meter_goes_by_the_hubs_own_sense(home, seconds, codes):
    premises = home("gsme")
    premises.commission()
    interrupt(premises, seconds)
    assert [code for code, _ in premises.head_end.bodies()] == codes


def test_a_meter_whose_report_is_lost_is_stood_in_for(premises):
    premises.esme.firmware.on_power_fail = lambda: None
    interrupt(premises, 200)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]


def test_a_return_that_was_not_heard_is_asked_for(premises):
    premises.mains.off()
    premises.run(200)
    lost = Fault(Effect.DROP, sender="esme", until=premises.kernel.now + 25 * S)
    premises.air.faults = Faults(premises.kernel, "unheard", [lost])
    premises.mains.on()
    premises.run(25)
    assert [code for code, _ in premises.head_end.bodies()] == [1]
    premises.run(120)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]


def test_both_meters_must_be_back(home):
    premises = home("esme", "esme")
    premises.commission()
    premises.mains.off()
    premises.run(200)
    premises.esme2.power_on = lambda: None  # its main switch is off
    premises.mains.on()
    premises.run(60)
    assert [code for code, _ in premises.head_end.bodies()] == [1]


@pytest.mark.req("S-003")
def test_notices_wait_for_a_head_end_that_cannot_be_reached(premises):
    premises.net.partition("hub", "dcc")
    premises.mains.off()
    premises.run(300)
    assert premises.hub.firmware is None  # the reserve has ended
    assert premises.head_end.notices == []
    premises.mains.on()
    premises.run(200)
    premises.net.heal("hub", "dcc")
    premises.run(200)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]
    assert premises.hub.firmware.notifier.waiting == 0


def test_a_hub_that_is_cut_in_an_outage_tells_nothing_twice(premises):
    premises.mains.off()
    premises.run(190)
    premises.hub.restart()
    premises.run(5)
    premises.mains.on()
    premises.run(60)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]


def test_a_restart_before_the_decision_decides_at_the_same_moment(premises):
    off = premises.kernel.now
    premises.mains.off()
    premises.run(100)
    premises.hub.restart()
    premises.run(100)
    ((when, _, _),) = premises.head_end.notices
    assert 180.5 * S <= when - off < 181.5 * S


@pytest.mark.parametrize("dips", [100])
def test_dips_without_end_are_counted_and_not_told(premises, dips):
    for _ in range(dips):
        premises.mains.off(300_000_000)
        premises.run(0.6)
    premises.run(60)
    assert premises.head_end.notices == []
    assert premises.hub.firmware.supply_watch.supervisor.state is State.ON
    assert premises.hub.firmware.record.failures == dips


@pytest.mark.req("S-004", part=True)
def test_a_meter_whose_voltage_is_still_outside_does_not_end_an_outage(premises):
    premises.mains.off()
    premises.run(200)
    watch, meter = premises.hub.firmware.supply_watch, premises.esme.eui64
    watch.reported(meter, 1, Status.POWER_QUALITY)
    assert watch.supervisor.state is State.OUT
    watch.reported(meter, 1, Status(0))
    assert watch.supervisor.state is State.ON


@pytest.mark.parametrize("volts", [190.0, 265.0])
@pytest.mark.req("S-004", part=True)
def test_without_an_electricity_meter_the_hub_judges_the_voltage_itself(home, volts):
    premises = home("gsme")
    premises.commission()
    premises.mains.off()
    premises.run(200)
    premises.mains.on(volts)
    premises.run(300)
    assert [code for code, _ in premises.head_end.bodies()] == [1]
    premises.mains.on(230.0)
    premises.run(5)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]


def test_a_strangers_report_starts_nothing(home):
    premises = home("esme", "ihd")
    premises.commission()
    display = premises.ihd.firmware
    display.endpoint.serve(Metering, {Metering.status: 0x08})
    premises.task(display.han.report(0, 1, Metering, [Metering.status]))
    premises.run(1)
    assert premises.hub.firmware.supply_watch.supervisor.state is State.ON


@pytest.mark.parametrize("operations", [0, 1, 9, 40, 120, 200, 300, 400, 500, 600, 700, 900])
def test_power_cut_in_the_middle_of_the_decision_leaves_both_notices_or_none(premises, operations):
    premises.mains.off()
    premises.run(180)
    premises.hub.cut_at_flash_operation(operations, S)
    premises.run(60)
    premises.mains.on()
    premises.run(120)
    # one that was under way when the power went may come twice, and says so by its number
    codes = {notice.long_invoke: notice.body.python[1] for _, _, notice in premises.head_end.notices}
    assert list(codes.values()) in ([], [1, 2])
    assert premises.hub.firmware.supply_watch.supervisor.state is State.ON
    assert premises.hub.firmware.record.failures == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_lossy_air_changes_no_decision(home, seed):
    premises = home(*HOME)
    premises.commission()
    storm = [Fault(Effect.DROP, chance=0.25)]
    premises.air.faults = Faults(premises.kernel, f"storm{seed}", storm)
    interrupt(premises, 179)
    assert premises.head_end.notices == []
    interrupt(premises, 182)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]
