"""A heat meter on wireless M-Bus, read by the head end as heat objects of COSEM, beside a gas meter of the same hub."""

from __future__ import annotations

from decimal import Decimal

import pytest

from devices.runtime.kernel import HOUR, MIN
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult
from tests.sim.told import Told
from tools.bench import config
from tools.errors import BadInput

HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "mbus-gas"
[[home.device]]
kind = "mbus-heat"
"""
ENERGY, VOLUME, FLOW, RETURN = "6-0:1.0.0", "6-0:2.0.0", "6-0:10.0.0", "6-0:11.0.0"


@pytest.fixture(scope="module")
def home():
    run = Told(config.loads(HOME))
    run.run_until(6 * HOUR + 12 * MIN)
    return run


@pytest.mark.req("S-085")
def test_the_head_end_reads_heat_and_gas_of_one_home_as_objects_of_cosem(home):
    meter = home.board("mbus-heat").firmware
    heat, gas = home.head_end.meter("mbus-heat"), home.head_end.meter("mbus-gas")
    energy = heat.register(ENERGY)
    assert (energy.value, energy.unit.name) == (meter.watt_hours, "WATT_HOUR")
    assert energy.value > 12_345_000  # six winter hours
    volume = heat.register(VOLUME).value
    assert volume == Decimal(meter.litres) / 1000
    cooled = heat.register(FLOW).value - heat.register(RETURN).value
    assert float(volume) * float(cooled) * 4186 / 3600 == pytest.approx(float(energy.value) / 1000, rel=0.001)  # as physics has it
    assert 11 * MIN < home.kernel.utc - date_time.instant(heat.get(ENERGY, 4, 5).value) < 14 * MIN  # it tells minutes
    assert gas.register("7-0:3.0.0").value == Decimal(home.board("mbus-gas").firmware.litres) / 1000
    assert Obis("7-0:3.0.0") not in {entry.name for entry in heat.objects()}
    assert home.head_end.meter("hub").names().keys() == {1, 2, 0x3FFE}


@pytest.mark.req("S-085", part=True)
def test_before_it_has_told_there_is_nothing_and_it_tells_again_after_a_power_cut(home):
    home.hub.cut(MIN)
    home.run(for_=3 * MIN)
    heat = home.head_end.meter("mbus-heat")
    with pytest.raises(AccessError) as refused:
        heat.get(ENERGY, 4, 2)
    assert refused.value.result == DataAccessResult.TEMPORARY_FAILURE
    before = home.board("mbus-heat").firmware.watt_hours
    home.board("mbus-heat").cut(MIN)
    home.run(for_=HOUR)
    assert heat.register(ENERGY).value == home.board("mbus-heat").firmware.watt_hours >= before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HOME + '[[home.device]]\nkind = "mbus-heat"\nname = "other"\n', "one heat meter"),
        (HOME + 'mode = "C2"\n', "one `mode`"),
        (HOME + 'mode = "S2"\n', "T2"),
    ],
)
def test_meters_that_a_hub_cannot_have(text, said):
    with pytest.raises(BadInput) as refused:
        config.loads(text)
    assert said in str(refused.value)
