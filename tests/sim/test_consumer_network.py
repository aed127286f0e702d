"""A consumer access device inside the hub: the consumers' network has a copy of what the meters say, and no way to a meter."""

from __future__ import annotations

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import MIN, S
from tests.sim.test_pairing import Equipment


@pytest.fixture(scope="module")
def home():
    from pathlib import Path

    from tests.sim.told import Told
    from tools.bench import config
    from tools.bench.commissioning import commission

    benches = Path(__file__).resolve().parents[2] / "fixtures" / "benches"
    run = Told(config.load(benches / "consumer-network.toml"))
    run.equipment = Equipment(run)
    run.psdus = []
    run.log.subscribe(lambda now, who, kind, data: run.psdus.append(OnAir.unpack(data)), ["air.frame"])
    commission(run)
    run.run(for_=40 * MIN)
    return run


def keys(home, name):
    return {key for _, key in home.board(name).firmware.han.stack.labelled_keys()}


@pytest.mark.req("S-045", part=True)
@pytest.mark.req("S-113")
def test_readings_are_the_meters_on_a_network_that_is_not_theirs(home):
    told = home.equipment.lines[-1]
    register = home.head_end.meter("esme").register("1-0:1.8.0")
    assert told["electricity"]["import_kwh"] == pytest.approx(float(register.value) / 1000, abs=0.1)
    assert told["electricity"]["power_kw"] > 0
    assert told["electricity"]["price"] == "24.50 p/kWh"
    assert told["gas"]["volume_m3"] == pytest.approx(float(home.head_end.meter("gsme").register("7-0:3.0.0").value), abs=0.5)
    assert home.board("cad").eui64 not in [device.eui64 for device in home.hub.firmware.log]


@pytest.mark.req("S-113")
def test_the_two_networks_share_nothing(home):
    """Keys, network identifiers, addresses: who is on one of them cannot even read what is said on the other."""
    consumers, meters = keys(home, "cad") | keys(home, "consumer-module"), set()
    for name in ("hub", "esme", "gsme", "ihd"):
        meters |= keys(home, name)
    assert not consumers & meters
    ours, theirs = (home.board(name).firmware.han.stack._network for name in ("consumer-module", "hub"))
    assert (ours.pan_id, ours.extended_pan_id, ours.channel) != (theirs.pan_id, theirs.extended_pan_id, theirs.channel)
    assert ours.extended_pan_id != theirs.extended_pan_id


@pytest.mark.req("S-113", part=True)
def test_the_wire_between_them_carries_one_way(home):
    """Whatever a captured module writes, the hub does not hear: its end of the wire has no ear."""
    module, wire = home.board("consumer-module"), home.hub.uart("consumers")
    before = [event for event in home.told if event[1] == home.hub.name]
    assert wire.on_receive is None
    module.uart("feed").write(b'{"register": "CAD"}\n' * 100)
    home.run(for_=S)
    assert wire.on_receive is None
    after = [event for event in home.told if event[1] == home.hub.name]
    assert [event for event in after[len(before) :] if event[2] not in ("mirror.complete",)] == []


def test_what_is_stale_is_not_served(home):
    """The hub is silent: after three minutes the consumer device has nothing to tell, rather than something old."""
    home.hub.uart("consumers").detach()
    home.run(for_=5 * MIN)
    assert home.equipment.lines[-1]["electricity"]["power_kw"] is None
    assert home.board("ihd").firmware.commissioned


@pytest.mark.req("S-113", part=True)
def test_a_meter_on_the_hubs_wire_is_shown_there_too(build):
    devices = "".join(
        f"[[home.device]]\n{lines}\n"
        for lines in (
            'kind = "hub"', 'kind = "esme"\ninterface = "wired"', 'kind = "consumer-module"',
            'kind = "cad"\nat = [5, 4]\nnetwork = "consumer"',
        )
    )  # fmt: skip
    run = build(f"[[home]]\n{devices}")
    equipment = Equipment(run)
    run.run(for_=5 * MIN)
    told = equipment.lines[-1]["electricity"]
    assert told["import_kwh"] == pytest.approx(run.esme.firmware.meter.import_wh / 1000, abs=0.03)
    assert told["power_kw"] == pytest.approx(run.esme.firmware.meter.watts / 1000)
