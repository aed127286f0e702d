"""Mirrors on the air: who gets one, who writes into it, who reads, and what the meter is told."""

from __future__ import annotations

import pytest

from devices.parts.han import Refused
from devices.runtime.kernel import S
from hubfw import Entry
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import DeviceType, Metering
from protocols.zigbee.clusters.mirror import Functional, PrepaymentCommand, PriceCommand
from protocols.zigbee.zcl.cluster import CLIENT
from protocols.zigbee.zcl.foundation import ReadAttributes, ReadAttributesResponse
from protocols.zigbee.zcl.status import Status

MIRROR = 0x10
GSME, SECOND = 0x00DB_1234_5678_9A02, 0x00DB_1234_5678_9A04
INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")  # ZigBee base device behaviour, with its CRC


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


def test_g9_the_same_meter_gets_the_same_mirror_over_restarts(premises):
    gas = premises.gsme.firmware
    ask = gas.han.request(0, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse)
    assert premises.task(ask).endpoint_id == MIRROR
    premises.hub.cut(S)
    premises.run(10)
    ask = gas.han.request(0, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse)
    assert premises.task(ask).endpoint_id == MIRROR
    assert read(premises, Metering.divisor) == {Metering.divisor: 1000}


def test_g9_a_device_that_is_no_gas_meter_gets_no_mirror(premises):
    display = premises.ihd.firmware
    display.endpoint.serve(Metering)
    ask = display.han.request(0, 1, Metering.RequestMirror(), Metering.RequestMirrorResponse)
    assert premises.task(ask).endpoint_id == 0xFFFF


def test_g9_when_all_mirrors_are_taken_there_is_none(home):
    premises = home("gsme", mirrors=1)
    premises.commission()
    assert premises.hub.firmware.mirrors.room is False
    premises.hub.firmware.coordinator.register(Entry(SECOND, INSTALL_CODE, "gsme"))
    premises.hub.firmware.coordinator.permit(60)
    second = premises.fit("gsme", SECOND)
    premises.run(60)
    assert second.firmware.mirror == 0xFFFF
    assert premises.gsme.firmware.mirror == MIRROR
    assert [told["reason"] for _, told in premises.told("mirror.refused")] == ["no room"]


def test_g9_nobody_but_the_owner_reports_or_configures(premises):
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


SPOILT = {
    "a part lost": {"skip": 1},
    "the first lost": {"skip": 0},
    "the last lost": {"order": lambda frames: frames[:-1]},
    "the last before the others": {"order": lambda frames: [frames[-1], *frames[:-1]]},
    "the last before one": {"order": lambda frames: [*frames[:-2], frames[-1], frames[-2]]},
}


@pytest.mark.req("S-142", part=True)
@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_g10_a_set_that_is_not_whole_changes_nothing_and_is_not_answered(premises, spoilt):
    gas, mirror = premises.gsme.firmware, premises.hub.firmware.mirrors.of(GSME)
    premises.hub.firmware.mirrors.notify(Functional.NEW_OTA_FIRMWARE)
    told, before = len(gas.told), mirror.gas.reading
    gas.litres = 99_999
    for name, value in spoilt.items():
        setattr(gas, name, value)
    premises.run(1800)
    assert mirror.gas.reading is before
    assert read(premises, Metering.current_summation_delivered) == {Metering.current_summation_delivered: 12_345}
    assert len(gas.told) == told
    premises.run(1800)
    assert read(premises, Metering.current_summation_delivered) == {Metering.current_summation_delivered: 99_999}
    assert len(gas.told) == told + 1
    assert gas.told[-1][1].notification_flags[0] == Functional.NEW_OTA_FIRMWARE


def test_g10_parts_in_another_order_are_a_whole_set_all_the_same(premises):
    gas = premises.gsme.firmware
    gas.litres, gas.order = 99_999, lambda frames: [*frames[-2::-1], frames[-1]]
    premises.run(1800)
    assert read(premises, Metering.current_summation_delivered) == {Metering.current_summation_delivered: 99_999}


def test_scheme_a_is_answered_with_one_word(premises):
    gas, mirrors = premises.gsme.firmware, premises.hub.firmware.mirrors
    premises.task(gas.han.confirm(0, MIRROR, Metering.ConfigureMirror(2, 1800, True, 1)))
    mirrors.notify(Functional.NEW_OTA_FIRMWARE)
    mirrors.notify(PriceCommand.PUBLISH_PRICE)
    premises.run(1800)
    answer = gas.told[-1][1]
    assert (answer.notification_scheme, answer.notification_flags) == (1, [Functional.NEW_OTA_FIRMWARE])
    premises.task(gas.han.confirm(0, MIRROR, Metering.ConfigureMirror(3, 1800, True, 2)))
    premises.run(1800)
    assert gas.told[-1][1].notification_flags == [0, PriceCommand.PUBLISH_PRICE, 0, 0, 0]
    premises.task(gas.han.confirm(0, MIRROR, Metering.ConfigureMirror(4, 1800, False, 2)))
    told = len(gas.told)
    premises.run(3600)
    assert len(gas.told) == told


def test_a_configuration_that_is_not_newer_changes_nothing(premises):
    gas = premises.gsme.firmware
    premises.task(gas.han.confirm(0, MIRROR, Metering.ConfigureMirror(1, 1800, True, 1)))
    premises.run(1800)
    assert gas.told[-1][1].notification_scheme == 2


def test_flags_are_attributes_of_the_client_side_and_outlive_a_restart(premises):
    mirrors = premises.hub.firmware.mirrors
    mirrors.notify(Functional.STAY_AWAKE_REQUEST_HAN, GSME)
    mirrors.notify(PrepaymentCommand.GET_TOP_UP_LOG, GSME)
    premises.hub.cut(S)
    premises.run(10)
    question = ReadAttributes(list(range(9)))
    answer = premises.task(premises.ihd.firmware.han.ask(0, MIRROR, Metering, question, ReadAttributesResponse, to=CLIENT))
    values = [record.value.value if record.value else None for record in answer.records]
    awake = Functional.STAY_AWAKE_REQUEST_HAN | Functional.TIME_SYNC
    assert values == [awake, 0, 0, PrepaymentCommand.GET_TOP_UP_LOG, 0, 0, 0, 0, None]


def test_a_held_command_is_fetched_by_its_flag_and_by_its_owner_alone(premises):
    gas, mirrors = premises.gsme.firmware, premises.hub.firmware.mirrors
    came = []
    gas.endpoint.server(Metering).on(Metering.GetSnapshot, lambda command, request: came.append(command))
    snapshot = Metering.GetSnapshot(1, 2, 0, 3)
    mirrors.hold(GSME, Functional.GET_SNAPSHOT, snapshot)
    premises.run(1800)
    assert gas.told[-1][1].notification_flags[0] == Functional.GET_SNAPSHOT
    fetch = Metering.GetNotifiedMessage(2, 0, Functional.GET_SNAPSHOT)
    display = premises.ihd.firmware
    display.endpoint.serve(Metering)
    for asker, command, status in (
        (display, fetch, Status.NOT_AUTHORIZED),
        (gas, Metering.GetNotifiedMessage(1, 0, Functional.GET_SNAPSHOT), Status.INVALID_FIELD),
        (gas, Metering.GetNotifiedMessage(2, 0, Functional.GET_SAMPLED_DATA), Status.NOT_FOUND),
    ):
        with pytest.raises(Refused) as refused:
            premises.task(asker.han.confirm(0, MIRROR, command))
        assert refused.value.status == status
    assert came == []

    async def fetch_it():
        with gas.han.awake:
            await gas.han.tell(0, MIRROR, fetch)
            await gas.sleep(2 * S)

    premises.task(fetch_it())
    assert came == [snapshot]
    premises.run(3600)
    assert gas.told[-1][1].notification_flags[0] == 0


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
