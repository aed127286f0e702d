"""How a meter is to handle its events, said while it was out of reach: it hears it when it is there again, in order."""

from __future__ import annotations

import struct

import pytest

from devices.runtime.kernel import MIN
from hubfw.han.late import KEY
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.device_management.events import BY_LIST
from protocols.zigbee.zcl.status import Status

HOME = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'


def publish(home, issuer, octet, *events):
    payload = bytes((len(events),)) + struct.pack(f"<{len(events)}H", *events)
    command = DeviceManagement.SetEventConfiguration(issuer, 0, octet, BY_LIST, payload)
    assert home.hub.firmware.tariffs.publish(command) is Status.SUCCESS


def held(home):
    """By event, what is otherwise than as it was made."""
    return dict(home.esme.nvm.get("event-settings/held", []))


@pytest.fixture
def away(build):
    """The meter's radio hears nothing, and two configurations were published; all rounds of the first are over."""
    home = build(HOME)
    home.run(for_=MIN)
    home.shield("esme")
    publish(home, 1, 0, EventId.SUPPLY_OFF, EventId.SUPPLY_ON)
    home.run(for_=6 * MIN)
    publish(home, 2, 5, EventId.SUPPLY_ON)
    home.run(for_=6 * MIN)
    assert held(home) == {}
    return home


@pytest.mark.parametrize("restart", [False, True])
def test_a_meter_out_of_reach_hears_its_configuration_later_also_over_a_restart_of_the_hub(away, restart):
    assert [len(wishes) for wishes in away.hub.nvm.get(KEY).values()] == [2]
    if restart:
        away.hub.cut(off_for=MIN)
        away.run(for_=3 * MIN)
    away.shield("esme", loss=0.0)
    away.run(for_=25 * MIN)
    assert held(away) == {EventId.SUPPLY_OFF: 0, EventId.SUPPLY_ON: 5}
    assert KEY not in away.hub.nvm


def test_what_comes_meanwhile_waits_behind_it(away):
    away.shield("esme", loss=0.0)
    publish(away, 3, 4, EventId.SUPPLY_ON)
    away.run(for_=25 * MIN)
    assert held(away) == {EventId.SUPPLY_OFF: 0, EventId.SUPPLY_ON: 4}


def test_a_meter_without_power_hears_it_soon_after_it_is_back(build):
    home = build(HOME)
    home.esme.cut(off_for=120 * MIN)
    home.run(for_=MIN)
    publish(home, 1, 0, EventId.SUPPLY_OFF)
    home.run(for_=118 * MIN)
    assert KEY in home.hub.nvm
    home.run(for_=18 * MIN)
    assert held(home) == {EventId.SUPPLY_OFF: 0}


def test_who_is_struck_off_is_told_no_more(away):
    away.hub.firmware.coordinator.unregister(away.esme.eui64)
    away.run(for_=20 * MIN)
    assert KEY not in away.hub.nvm
