"""The supply ordered over the home network: by the hub, now or at a time, and by a hand at a display."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms import axdr
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.supply import NONE_PENDING
from protocols.zigbee.zcl.status import Status

OFF, ARMED, ON, UNCHANGED = SupplyStatus.OFF, SupplyStatus.OFF_ARMED, SupplyStatus.ON, SupplyStatus.UNCHANGED
SWITCH = "0-0:96.3.10"
BY_HAND = 3
"""A control mode in which a remote reconnection only arms."""
PROVIDER = 7


@pytest.fixture
def ask(meter):
    return meter.command


def seconds(meter):
    return meter.board.rtc.read() // S - EPOCH


def change(event, status, at=0, bits=0):
    return Metering.ChangeSupply(PROVIDER, event, 0, at, status, bits)


def supply(meter):
    return meter.read(Metering, Metering.supply_status)


def test_the_hub_switches_off_and_on_and_is_told_what_became_of_it(meter, ask):
    answer = ask(change(1, OFF, bits=1), Metering.SupplyStatusResponse)
    assert (answer.provider_id, answer.issuer_event_id, answer.supply_status) == (PROVIDER, 1, OFF)
    assert supply(meter) == OFF
    assert meter.meter.watts == 0
    assert ask(change(2, ON, bits=1), Metering.SupplyStatusResponse).supply_status == ON
    assert supply(meter) == ON


@pytest.mark.req("S-105", part=True)
def test_an_order_to_switch_on_only_arms_where_a_hand_is_needed(meter, ask):
    meter.manager().set(SWITCH, 70, 4, axdr.enum(BY_HAND))
    assert ask(change(1, OFF, bits=1), Metering.SupplyStatusResponse).supply_status == OFF
    assert ask(change(2, ON, bits=1), Metering.SupplyStatusResponse).supply_status == ARMED
    meter.board.cut(off_for=MIN)
    meter.run(5 * MIN)
    assert supply(meter) == ARMED
    assert meter.meter.watts == 0
    meter.board.buttons.press("b")
    meter.run(S)
    assert supply(meter) == ON


@pytest.mark.req("S-115", part=True)
def test_a_display_switches_an_armed_supply_on_and_does_nothing_else(meter, ask):
    local = Metering.LocalChangeSupply
    assert ask(local(ON)) == Status.NOT_AUTHORIZED  # on already
    assert ask(local(ARMED)) == Status.NOT_AUTHORIZED
    assert ask(local(OFF)) == ask(local(9)) == Status.INVALID_FIELD
    ask(change(1, OFF))
    assert ask(local(ON)) == Status.NOT_AUTHORIZED
    assert supply(meter) == OFF
    ask(change(2, ARMED))
    assert ask(local(ON)) is None
    assert supply(meter) == ON


def test_h11_an_order_that_is_not_newer_is_refused(meter, ask):
    ask(change(5, OFF))
    meter.board.cut(off_for=MIN)
    meter.run(5 * MIN)
    assert ask(change(5, ON)) == Status.DUPLICATE_EXISTS
    assert ask(change(4, ON)) == Status.FAILURE
    assert ask(change(6, 3)) == ask(change(6, 77)) == Status.INVALID_FIELD
    assert ask(change(6, ON, at=seconds(meter) - 10)) == Status.INVALID_VALUE
    assert supply(meter) == OFF


def test_an_order_for_a_time_is_carried_out_once_over_a_power_cut_on_the_way(meter, ask):
    heard = []
    meter.hub.firmware.han.endpoints[1].client(Metering).on(
        Metering.SupplyStatusResponse, lambda command, request: heard.append((meter.kernel.now, command))
    )
    at = seconds(meter) + 3600
    assert ask(change(1, OFF, at=at, bits=1)) is None
    assert meter.read(Metering, Metering.proposed_change_supply_implementation_time) == at
    assert meter.read(Metering, Metering.proposed_change_supply_status) == OFF
    meter.run(30 * MIN)
    meter.board.cut(off_for=MIN)
    meter.run(28 * MIN)
    assert supply(meter) == ON
    meter.run(5 * MIN)
    assert supply(meter) == OFF
    ((_, response),) = heard
    assert (response.implementation_date_time, response.supply_status) == (at, OFF)
    assert meter.read(Metering, Metering.proposed_change_supply_implementation_time) == NONE_PENDING
    ask(change(2, ON))
    meter.board.cut(off_for=MIN)
    meter.run(2 * HOUR)
    assert supply(meter) == ON
    assert len(heard) == 1


def test_an_order_whose_time_comes_without_power_is_carried_out_after_it(meter, ask):
    ask(change(1, OFF, at=seconds(meter) + 600))
    meter.board.cut(off_for=HOUR)
    meter.run(HOUR + 5 * MIN)
    assert supply(meter) == OFF


def test_the_order_that_waits_is_taken_back_or_replaced(meter, ask):
    at = seconds(meter) + 600
    ask(change(1, OFF, at=at))
    ask(change(2, OFF, at=at + 600))
    assert meter.read(Metering, Metering.proposed_change_supply_implementation_time) == at + 600
    assert ask(change(1, OFF, at=0xFFFFFFFF)) == Status.NOT_FOUND
    assert ask(change(2, OFF, at=0xFFFFFFFF)) is None
    meter.run(HOUR)
    assert supply(meter) == ON


@pytest.mark.req("S-088", part=True)
def test_what_a_load_above_its_limit_does_is_the_same_on_both_faces(meter, ask):
    manager = meter.manager()
    assert meter.read(Metering, Metering.load_limit_supply_state) == UNCHANGED
    assert ask(Metering.SetSupplyStatus(3, OFF, UNCHANGED, UNCHANGED, OFF)) is None
    assert manager.get("0-0:94.44.0.3", 9000, 2).python is True
    assert meter.read(Metering, Metering.supply_tamper_state) == OFF
    assert ask(Metering.SetSupplyStatus(3, 9, 0, 0, 0)) == Status.INVALID_FIELD
    assert ask(Metering.SetSupplyStatus(2, 0, 0, 0, 3)) == Status.FAILURE
    manager.set("0-0:17.0.0", 71, 4, axdr.u32(1))
    assert meter.read(Metering, Metering.demand_limit) == 1
    meter.run(HOUR)
    assert meter.read(Metering, Metering.load_limit_counter) >= 1
    assert supply(meter) in (OFF, ARMED)
    assert ask(Metering.ResetLoadLimitCounter(PROVIDER, 1)) is None
    assert meter.read(Metering, Metering.load_limit_counter) == 0
