"""A gas meter that has its power from the hub over a wire: no battery, awake, and otherwise as any other."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from protocols.dlms.cosem import AccessError
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.power_configuration import PowerConfiguration
from protocols.zigbee.zcl.cluster import SERVER

HOME = """
[[home]]
[[home.device]]
kind = "hub"
reserve_s = 60
[[home.device]]
kind = "gsme"
at = [6, 2]
power = "{}"
"""
DC_SOURCE = 4


@pytest.mark.req("S-097", part=True)
def test_it_has_no_battery_hears_at_any_time_and_reports_in_its_rhythm(build):
    home = build(HOME.format("hub"))
    home.run_until(2 * HOUR + 5 * MIN)
    assert len(home.times("mirror.complete")) == 5
    reading = home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading
    assert reading.get(Basic, Basic.power_source) == DC_SOURCE
    assert reading.get(Metering, Metering.remaining_battery_life_in_days) is None
    assert (PowerConfiguration.id, SERVER) not in home.gsme.firmware.han.endpoints[1].instances
    with pytest.raises(AccessError) as refused:
        home.head_end.meter("gsme").get("0-0:96.6.6", 4, 2)
    assert refused.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    han = home.hub.firmware.han
    heard = []

    async def ask():
        heard.append(await han.read(await han.find(home.gsme.eui64), 1, Basic, [Basic.zcl_version]))

    home.hub.firmware.spawn(ask())
    home.run(for_=5 * S)
    assert heard == [{Basic.zcl_version: 8}]


@pytest.mark.req("S-097", part=True)
def test_it_lives_and_dies_with_its_hub_and_one_with_a_battery_does_not(build):
    for power, dead in (("hub", True), ("battery", False)):
        home = build(HOME.format(power))
        home.run_until(HOUR)
        home.only.mains.off(5 * MIN)
        home.run(for_=2 * MIN)
        assert (not home.gsme.powered) is dead
        home.run(for_=HOUR)
        assert home.gsme.powered
        assert home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.at > home.kernel.utc - 31 * MIN
