"""A home whose network is wired: mains wiring for all, and for the gas meter a safe wire that feeds it, too."""

from __future__ import annotations

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.power_line import LINE
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.errors import BadInput

HOME = """
[[home]]
[home.air]
carrier = "power-line"
[[home.device]]
kind = "hub"
reserve_s = 60
[[home.device]]
kind = "esme"
at = [500, 0]
[[home.device]]
kind = "gsme"
at = [0, 900]
power = "hub"
wire = { to = "hub", metres = 6 }
[[home.device]]
kind = "ihd"
at = [-500, 0]
"""
BY_METER = HOME.replace('power = "hub"', 'power = "esme"').replace('to = "hub"', 'to = "esme"')
DC_SOURCE = 4


@pytest.fixture(scope="module")
def home():
    run = Told(config.loads(HOME))
    run.frames = []
    run.log.subscribe(lambda now, who, kind, data: run.frames.append((now, OnAir.unpack(data))), ["air.frame"])
    commission(run)
    return run


@pytest.mark.req("S-097")
def test_a_whole_home_lives_on_its_wires_however_far_its_devices_are(home):
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    home.run_until(35 * MIN)
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0
    assert any("GAS" in line for line in home.screen("ihd"))
    whole = [(now, frame) for now, frame in home.frames if len(frame.psdu) > 5]
    assert all(now - frame.start == LINE.airtime(len(frame.psdu)) for now, frame in whole)  # slower than the air by seven


@pytest.mark.req("S-097")
def test_a_gas_meter_on_a_safe_wire_has_no_cell_and_hears_its_end_alone(home):
    gsme = home.gsme.name
    assert home.only.air.link(home.only.air.radios[gsme], home.only.air.radios["home1/hub"]).lqi
    assert not home.only.air.link(home.only.air.radios["home1/esme"], home.only.air.radios[gsme]).lqi
    reading = home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading
    assert reading.get(Basic, Basic.power_source) == DC_SOURCE
    assert reading.get(Metering, Metering.remaining_battery_life_in_days) is None


@pytest.mark.req("S-097")
def test_a_wire_that_is_pulled_takes_data_and_power_and_brings_them_back(home):
    lead = home.only.gas_leads["gsme"]
    lead.pull()
    home.run(for_=S)
    assert not home.gsme.powered
    assert home.hub.powered
    lead.plug()
    sets = len(home.times("mirror.complete"))
    home.run(for_=35 * MIN)
    assert home.gsme.powered
    assert len(home.times("mirror.complete")) > sets


@pytest.mark.req("S-097")
def test_fed_by_the_electricity_meter_it_joins_through_it_and_dies_with_it():
    run = Told(config.loads(BY_METER))
    commission(run)
    air = run.only.air
    assert air.link(air.radios[run.gsme.name], air.radios["home1/esme"]).lqi
    assert not air.link(air.radios[run.gsme.name], air.radios["home1/hub"]).lqi
    assert run.hub.firmware.mirrors.of(run.gsme.eui64).gas.reading is not None
    run.mains.off(2 * MIN)
    run.run(for_=10 * S)
    assert (run.esme.powered, run.gsme.powered, run.hub.powered) == (False, False, True)  # a second of reserve, not a minute
    run.run(for_=HOUR)
    assert run.gsme.powered
    assert run.hub.firmware.mirrors.of(run.gsme.eui64).gas.reading.at > run.kernel.utc - 31 * MIN


@pytest.mark.req("S-097")
def test_a_short_hop_by_radio_will_do_and_the_power_comes_by_wire():
    text = HOME.replace('carrier = "power-line"', "range_m = 3").replace('wire = { to = "hub", metres = 6 }', "")
    near = text.replace("[500, 0]", "[1, 0]").replace("[0, 900]", "[0, 2]").replace("[-500, 0]", "[-1, 0]")
    run = Told(config.loads(near))
    commission(run)
    assert run.hub.firmware.mirrors.of(run.gsme.eui64).gas.reading.get(Basic, Basic.power_source) == DC_SOURCE
    far = Told(config.loads(near.replace("[0, 2]", "[0, 9]")))
    far.run_until(3 * MIN)
    assert not far.commissioned


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("metres = 6", "metres = 20.5", "20 m are safe"),
        ("metres = 6", "metres = 6, milliamps = 51", "50 mA are safe"),
        ('wire = { to = "hub", metres = 6 }', "", "may not hang on the mains"),
        ('carrier = "power-line"', 'carrier = "radio"', 'needs `carrier = "power-line"`'),
        ('carrier = "power-line"', 'carrier = "powerline"', "power-line"),
        ('power = "hub"', 'power = "esme"', "its power from the esme"),
        ('carrier = "power-line"', 'carrier = "power-line"\ncontention = true', "of radio"),
        ('kind = "ihd"', 'kind = "consumer-module"', "nothing but a radio"),
    ],
)
@pytest.mark.req("S-097", part=True)
def test_a_wire_that_is_not_safe_or_not_there_is_refused(old, new, said):
    with pytest.raises(BadInput) as error:
        config.loads(HOME.replace(old, new))
    assert said in str(error.value)
