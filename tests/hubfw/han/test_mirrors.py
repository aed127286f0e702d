"""Mirrors on the air: who gets one, who writes into it, who reads, and what the meter is told."""

from __future__ import annotations

import pytest

from devices.parts.han import Refused
from devices.runtime.kernel import S
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import DeviceType, Metering
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.zcl.cluster import CLIENT
from protocols.zigbee.zcl.status import Status

MIRROR = 0x10


def read(premises, *attributes, cluster=Metering):
    return premises.task(premises.ihd.firmware.han.read(0, MIRROR, cluster, list(attributes)))


@pytest.fixture
def premises(home):
    premises = home("gsme", "ihd")
    premises.commission()
    premises.run(5)
    return premises


@pytest.mark.req("S-098", "S-142", part=True)
def test_a_display_reads_gas_from_the_mirror_while_the_meter_sleeps(premises):
    volume = Metering.current_summation_delivered
    values = read(premises, volume, Metering.metering_device_type, Metering.divisor)
    assert values == {volume: 12_345, Metering.metering_device_type: DeviceType.MIRRORED_GAS, Metering.divisor: 1000}
    assert read(premises, Basic.manufacturer_name, cluster=Basic) == {Basic.manufacturer_name: "MBG"}


def test_the_same_meter_gets_the_same_mirror_over_restarts(premises):
    gas = premises.gsme.firmware
    ask = gas.han.request(0, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse)
    assert premises.task(ask).endpoint_id == MIRROR
    premises.hub.cut(S)
    premises.run(10)
    ask = gas.han.request(0, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse)
    assert premises.task(ask).endpoint_id == MIRROR
    assert read(premises, Metering.divisor) == {Metering.divisor: 1000}


def test_a_device_that_is_no_gas_meter_gets_no_mirror(premises):
    display = premises.ihd.firmware
    display.endpoint.serve(Metering)
    ask = display.han.request(0, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse)
    assert premises.task(ask).endpoint_id == 0xFFFF


def test_when_all_mirrors_are_taken_there_is_none(home):
    premises = home("gsme", mirrors=0)
    premises.run(60)
    assert premises.gsme.firmware.mirror == 0xFFFF
    assert premises.hub.firmware.mirrors.room is False


def test_nobody_but_the_owner_reports_or_configures(premises):
    display = premises.ihd.firmware
    display.endpoint.serve(Metering, {Metering.current_summation_delivered: 1, Metering.attribute_reporting_status: 1})
    premises.events.clear()
    set_ = [Metering.current_summation_delivered, Metering.attribute_reporting_status]
    premises.task(display.han.report(0, MIRROR, Metering, set_))
    ((_, told),) = premises.told("zcl.rejected")
    assert told["status"] == "NOT_AUTHORIZED"
    with pytest.raises(Refused) as refused:
        premises.task(display.han.confirm(0, MIRROR, Metering.ConfigureMirror(1, 60, True, 2)))
    assert refused.value.status == Status.NOT_AUTHORIZED
    assert read(premises, Metering.current_summation_delivered) == {Metering.current_summation_delivered: 12_345}
    assert len(premises.told("mirror.not-owner")) == 2


def test_the_meter_is_told_what_waits_after_the_last_report_and_once(premises):
    gas = premises.gsme.firmware
    ((when, response),) = gas.told
    assert when >= gas.last_report
    assert (response.notification_scheme, response.notification_flags) == (2, [0, 0, 0, 0, 0])
    premises.hub.cut(S)  # and its clock is set anew
    premises.run(3700)
    assert [Functional(response.notification_flags[0]) for _, response in gas.told[1:]] == [Functional.TIME_SYNC, 0]


@pytest.mark.req("S-142", part=True)
def test_a_set_that_lost_a_piece_changes_nothing_and_is_not_answered(premises):
    gas = premises.gsme.firmware
    told = len(gas.told)
    gas.litres, gas.skip = 99_999, 1
    premises.run(1800)
    assert read(premises, Metering.current_summation_delivered) == {Metering.current_summation_delivered: 12_345}
    assert len(gas.told) == told
    premises.run(1800)
    assert read(premises, Metering.current_summation_delivered) == {Metering.current_summation_delivered: 99_999}
    assert len(gas.told) == told + 1


def test_a_scheme_that_is_not_known_is_refused(premises):
    gas = premises.gsme.firmware
    with pytest.raises(Refused) as refused:
        premises.task(gas.han.confirm(0, MIRROR, Metering.ConfigureMirror(1, 60, True, 9)))
    assert refused.value.status == Status.INVALID_FIELD


def test_a_mirror_given_up_is_gone(premises):
    gas = premises.gsme.firmware
    gone = premises.task(gas.han.request(0, 1, Metering.RemoveMirror(), Metering.MirrorRemoved))
    assert gone.endpoint_id == MIRROR
    assert MIRROR not in premises.hub.firmware.han.endpoints
    assert premises.hub.firmware.mirrors.room
    with pytest.raises(Refused):
        premises.task(gas.han.request(0, 1, Metering.RemoveMirror(), Metering.MirrorRemoved))


def test_the_mirror_takes_reports_on_its_client_side_only(premises):
    endpoint = premises.hub.firmware.han.endpoints[MIRROR]
    assert [cluster for cluster, side in endpoint.instances if side is CLIENT] == [0x0000, 0x0702, 0x0705]
