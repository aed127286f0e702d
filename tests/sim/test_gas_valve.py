"""The gas valve from the head end: an order to the hub's proxy, kept in the mirror, done at a wake, written down, told."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import MIN, S
from hubfw.event_reports import EVENT_REPORTS
from protocols.dlms import axdr
from protocols.dlms.cosem import ControlState
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.events import LogId
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from tools.headend.notices import DeviceEvent

HOME = """
profile = "{}"
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
"""
WAKE = 11 * MIN
GENERAL = LogId.GENERAL
OFF, ARMED, ON = (GENERAL, EventId.SUPPLY_OFF), (GENERAL, EventId.SUPPLY_ARMED), (GENERAL, EventId.SUPPLY_ON)


class Valve:
    """What each of those concerned knows of it."""

    def __init__(self, home):
        self.home = home
        self.proxy = home.head_end.meter("gsme", writes=True).switch

    @property
    def written(self):
        """The meter's own log, oldest first."""
        return [(GENERAL, row[0]) for row in reversed(self.home.gsme.firmware.events.log.rows(GENERAL))]

    @property
    def heard(self):
        """What the hub has of the meter's events."""
        return [(each.log, each.event) for each in self.home.hub.firmware.events.heard if each.eui64 == self.home.gsme.eui64]

    @property
    def reported(self):
        """What the head end has."""
        return [(each.log, each.event) for each in self.home.head_end.notices(DeviceEvent) if each.device == self.home.gsme.eui64]

    @property
    def states(self):
        """The valve, the hub's mirror of it, and what the head end reads."""
        mirrored = self.home.hub.firmware.mirrors.of(self.home.gsme.eui64).gas.reading.get(Metering, Metering.supply_status)
        return self.home.gsme.firmware.valve.status, mirrored, self.proxy.state


@pytest.mark.req("S-116", part=True)
@pytest.mark.parametrize("profile", ["paper-2011", "gb"])
def test_an_order_of_the_head_end_is_done_at_a_wake_and_its_event_comes_all_the_way_back(build, profile):
    home = build(HOME.format(profile))
    lines = [axdr.structure(axdr.u8(log), axdr.u16(event)) for log, event in (OFF, ARMED)]
    home.head_end.meter("hub", writes=True).set(EVENT_REPORTS, 1, 2, axdr.array(lines))
    valve = Valve(home)
    home.run(for_=2 * MIN)
    asleep = valve.written, valve.heard
    valve.proxy.disconnect()
    assert valve.states == (SupplyStatus.ON, SupplyStatus.ON, ControlState.CONNECTED)  # nobody wakes it
    assert (valve.written, valve.heard) == asleep
    home.hub.cut(off_for=S)  # the order outlives the hub's power
    home.run(for_=2 * WAKE)
    assert valve.states == (SupplyStatus.OFF, SupplyStatus.OFF, ControlState.DISCONNECTED)
    assert (valve.written, valve.heard[-1:], valve.reported) == ([OFF], [OFF], [OFF])
    valve.proxy.reconnect()
    home.run(for_=WAKE)
    assert valve.states == (SupplyStatus.OFF_ARMED, SupplyStatus.OFF_ARMED, ControlState.READY_FOR_RECONNECTION)
    home.gsme.buttons.press("valve")
    home.run(for_=2 * WAKE)
    assert valve.states == (SupplyStatus.ON, SupplyStatus.ON, ControlState.CONNECTED)
    assert valve.written == [OFF, ARMED, ON]
    assert valve.heard[-2:] == [ARMED, ON]
    assert valve.reported == [OFF, ARMED]  # the head end chose not to hear of the third
    assert home.events("device.event", "home1/gsme") == home.events("device.event", "home1/gsme")[:3]
