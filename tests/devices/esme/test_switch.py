"""The load switch as its users see it: registers, both faces, the display, a hand at the meter."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.zigbee.clusters.metering import Metering, SupplyStatus

SWITCH = "0-0:96.3.10"


def test_nothing_is_drawn_while_it_is_open(meter):
    manager = meter.manager()
    manager.action(SWITCH, 70, 1)
    stopped = meter.meter.import_wh
    meter.run(3 * HOUR)
    assert meter.meter.import_wh == stopped
    assert meter.meter.watts == 0
    assert not manager.get(SWITCH, 70, 2).value
    manager.action(SWITCH, 70, 2)
    assert manager.get(SWITCH, 70, 2).value
    meter.run(HOUR)
    assert meter.meter.import_wh > stopped


@pytest.mark.req("S-105", part=True)
def test_a_mode_that_arms_wants_a_hand_at_the_meter(meter):
    manager = meter.manager()
    manager.set(SWITCH, 70, 4, axdr.enum(3))
    manager.action(SWITCH, 70, 1)
    meter.board.buttons.press("b")
    meter.run(S)
    assert not meter.meter.switch.closed  # not armed: a hand alone closes nothing
    manager.action(SWITCH, 70, 2)
    assert meter.read(Metering, Metering.supply_status) == SupplyStatus.OFF_ARMED
    assert meter.meter.watts == 0
    meter.board.cut(off_for=MIN)
    meter.run(5 * MIN)
    assert meter.read(Metering, Metering.supply_status) == SupplyStatus.OFF_ARMED
    meter.board.buttons.press("a")
    meter.run(S)
    assert not meter.meter.switch.closed
    meter.board.buttons.press("b")
    meter.run(S)
    assert meter.read(Metering, Metering.supply_status) == SupplyStatus.ON


def test_a_mode_that_does_not_exist_is_refused(meter):
    manager = meter.manager()
    with pytest.raises(AccessError):
        manager.set(SWITCH, 70, 4, axdr.enum(7))
    assert manager.get(SWITCH, 70, 4).value == 4


def test_mode_0_never_disconnects(meter):
    manager = meter.manager()
    manager.set(SWITCH, 70, 4, axdr.enum(0))
    with pytest.raises(AccessError):
        manager.action(SWITCH, 70, 1)
    assert meter.meter.switch.closed


@pytest.mark.req("S-104", part=True)
def test_an_open_switch_is_never_shown_as_isolation(meter):
    """The live side is measured on through the open switch, and the face warns; no state on any face is an isolated one."""
    manager = meter.manager()
    for mode in (4, 3):
        manager.set(SWITCH, 70, 4, axdr.enum(mode))
        for method in (1, 2):
            manager.action(SWITCH, 70, method)
            meter.run(MIN)
            face = "\n".join(meter.board.display.lines)
            assert "ISOLAT" not in face.upper()
            assert ("STILL LIVE" in face) is not meter.meter.switch.closed
            assert str(manager.register("1-0:32.7.0")) == "230.0 V"
            assert manager.get(SWITCH, 70, 3).value in (0, 1, 2)
