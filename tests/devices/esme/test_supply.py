"""Loss and return of supply: told to the hub at once from the hold-up, and again when the voltage is inside its limits."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, MS, S
from protocols.dlms.cosem import date_time
from protocols.zigbee.clusters.metering import Metering, Status

LOST = {Metering.status: Status.POWER_FAILURE}
RESTORED = {Metering.status: 0}


@pytest.fixture
def kept(meter):
    """A meter whose hub keeps its supply and its reports."""
    meter.listen()
    return meter


@pytest.mark.req("S-001", part=True)
def test_a_loss_is_reported_at_once_from_the_hold_up(kept):
    lost = kept.kernel.now
    kept.mains.off()
    kept.run(20 * S)
    ((when, values),) = kept.reports
    assert values == LOST
    assert when - lost < 100 * MS
    assert not kept.board.powered


@pytest.mark.req("S-004", "S-081", part=True)
@pytest.mark.parametrize("seconds", [1, 60, 180, 181, 3600])
def test_a_return_is_reported_within_half_a_second(kept, seconds):
    kept.mains.off(seconds * S)
    returned = kept.kernel.now + seconds * S
    kept.run(seconds * S + 10 * S)
    assert [values for _, values in kept.reports] == [LOST, RESTORED]
    assert 0 <= kept.reports[1][0] - returned < S // 2


@pytest.mark.req("S-004", part=True)
@pytest.mark.req("S-081")
@pytest.mark.parametrize("volts, inside", [(216.1, False), (216.2, True), (230.0, True), (253.0, True), (253.1, False)])
def test_supply_is_restored_only_with_voltage_inside_its_limits(kept, volts, inside):
    kept.mains.off()
    kept.run(10 * MIN)
    kept.mains.on(volts)
    kept.run(10 * MIN)
    assert [values for _, values in kept.reports] == [LOST, *[RESTORED] * inside]
    assert bool(kept.read(Metering, Metering.status) & Status.POWER_FAILURE) is not inside
    now = kept.kernel.now
    kept.mains.on(229.0)
    kept.run(MIN)
    assert [values for _, values in kept.reports] == [LOST, RESTORED]
    assert inside or kept.reports[1][0] - now < 100 * MS


def test_a_dip_shorter_than_the_hold_up_is_told_too(kept):
    kept.mains.off(300 * MS)
    kept.run(10 * S)
    assert [values for _, values in kept.reports] == [LOST, RESTORED]
    assert "power" not in [kind for now, who, kind, data in kept.premises.events if who == "esme" and data == {"state": "off"}]


@pytest.mark.req("S-103", part=True)
def test_bad_voltage_without_a_loss_is_no_loss_and_is_counted(kept):
    kept.mains.on(200.0)
    kept.run(MIN)
    bad = {Metering.status: Status.POWER_QUALITY}
    assert [values for _, values in kept.reports] == [bad]
    assert kept.read(Metering, Metering.status) == Status.POWER_QUALITY
    client = kept.direct()
    assert str(client.register("1-0:32.7.0")) == "200.0 V"
    for volts in (190.0, 230.0, 260.0, 270.0, 253.0):
        kept.mains.on(volts)
        kept.run(MIN)
    assert [values for _, values in kept.reports] == [bad, RESTORED] * 2
    below, above = "1-0:12.32.0", "1-0:12.36.0"
    assert [client.get(name, 1, 2).value for name in (below, above)] == [1, 1]
    kept.board.cut(off_for=S)
    kept.run(MIN)
    assert [kept.direct().get(name, 1, 2).value for name in (below, above)] == [1, 1]


def test_a_restoration_that_nobody_hears_is_repeated_until_somebody_does(kept):
    kept.mains.off(5 * MIN)
    kept.run(MIN)
    kept.hub.cut(off_for=20 * MIN)
    kept.run(HOUR)
    assert kept.hub.powered
    assert [values for _, values in kept.reports] == [LOST]  # heard before the hub's restart; it has new ears after it
    kept.listen()
    assert not kept.firmware.supply.lost
    kept.mains.off(2 * S)
    kept.run(10 * S)
    assert [values for _, values in kept.reports] == [LOST, LOST, RESTORED]


def test_a_meter_without_hold_up_tells_nothing(new_meter):
    meter = new_meter(hold_up=0)
    meter.listen()
    meter.mains.off(MIN)
    meter.run(5 * MIN)
    assert meter.reports == []


def test_failures_are_counted_timed_and_told_as_events(kept):
    lost = kept.kernel.utc
    kept.mains.off(179 * S)
    kept.run(HOUR)
    again = kept.kernel.utc
    kept.mains.off(180 * S)
    kept.run(HOUR)
    client = kept.direct()
    assert [client.get(name, 1, 2).value for name in ("0-0:96.7.0", "0-0:96.7.5", "0-0:96.7.15", "0-0:96.7.20")] == [2, 1, 180, 180]
    assert abs(date_time.instant(client.get("0-0:96.7.10", 1, 2).value) - again) < 2 * S
    events = [data for _, who, kind, data in kept.premises.events if (who, kind) == ("esme", "event")]
    assert [event["code"] for event in events] == [0x8F35, 0x8F36]
    assert all(event["lost"] < event["restored"] for event in events)
    assert abs(events[0]["lost"] - lost) < 2 * S


def test_nothing_is_drawn_while_supply_is_off(kept):
    wh = kept.meter.import_wh
    kept.mains.off(6 * HOUR)
    kept.run(6 * HOUR)
    kept.run(MIN)
    assert kept.meter.import_wh - wh < 50
