"""Meters of several versions of their specification: each keeps its own for life, has what that has, and refuses the rest."""

from __future__ import annotations

import pytest

from devices.parts.han import Refused
from devices.parts.image_store import image
from devices.parts.specification import LATEST, OBJECT, OBJECTS, VERSIONS, Specification, has
from devices.runtime.kernel import MIN, S
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.zcl.cluster import CLIENT
from protocols.zigbee.zcl.status import Status
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.population import population
from tools.errors import BadInput

TRANSFER = "0-0:44.0.0"
MIXED = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
name = "old"
version = "1.2"
at = [0.3, 0]
[[home.device]]
kind = "esme"
name = "new"
at = [0, 0.3]
[[home.device]]
kind = "gsme"
version = "2.0"
at = [6, 2]
"""


@pytest.fixture(scope="module")
def home():
    run = Told(config.loads(MIXED))
    commission(run)
    return run


def version_of(meter):
    return meter.get(OBJECT, 1, 2).value.decode()


def there(meter):
    return {entry.name for entry in meter.objects()} & OBJECTS.keys()


@pytest.mark.req("S-048")
def test_each_meter_has_what_its_version_has_and_refuses_the_rest(home):
    old, new = home.head_end.meter("old"), home.head_end.meter("new")
    assert (version_of(old), version_of(new)) == ("1.2", LATEST)
    assert (there(old), there(new)) == (set(), set(OBJECTS))
    for name in ("1-0:1.3.0", "1-0:12.32.0"):
        with pytest.raises(AccessError) as refused:
            old.get(name, 4 if name == "1-0:1.3.0" else 1, 2)
        assert refused.value.result in (DataAccessResult.OBJECT_UNDEFINED, DataAccessResult.OBJECT_UNAVAILABLE)
        assert new.get(name, 4 if name == "1-0:1.3.0" else 1, 2) is not None
    assert old.register("1-0:1.8.0").value > 0  # and what both have, both do
    assert new.register("1-0:1.8.0").value > 0
    gas = home.gsme.firmware.han.endpoints[1]
    assert (DeviceManagement.id, CLIENT) not in gas.instances
    estate = home.central.estate
    assert [estate.find(name).version for name in ("old", "new", "gsme", "hub")] == ["1.2", LATEST, "2.0", None]


@pytest.mark.req("S-048")
def test_a_cluster_that_the_version_lacks_is_refused_on_the_network(home):
    han, told = home.hub.firmware.han, {}

    async def ask(name):
        command, answer = DeviceManagement.GetEventConfiguration(EventId.SUPPLY_OFF), DeviceManagement.ReportEventConfiguration
        try:
            await han.ask(await han.find(home.board(name).eui64), 1, DeviceManagement, command, answer, to=CLIENT)
        except Refused as refusal:
            told[name] = refusal.status
        else:
            told[name] = Status.SUCCESS

    for name in ("old", "new"):
        home.hub.firmware.spawn(ask(name))
    home.run(for_=10 * S)
    assert told == {"old": Status.UNSUPPORTED_CLUSTER, "new": Status.SUCCESS}


@pytest.mark.req("S-048")
def test_neither_new_firmware_nor_another_setting_changes_it(home):
    octets, manager = image(b"\2\0\0\0", bytes(64)), home.head_end.meter("old", writes=True)
    with manager:
        manager.action(TRANSFER, 18, 1, axdr.structure(axdr.octets(b"new"), axdr.u32(len(octets))))
        manager.action(TRANSFER, 18, 2, axdr.structure(axdr.u32(0), axdr.octets(octets)))
        manager.action(TRANSFER, 18, 3, axdr.i8(0))
        manager.action(TRANSFER, 18, 4, axdr.i8(0))
    home.run(for_=5 * MIN)
    old = home.head_end.meter("old")
    assert old.get("0-0:0.2.1", 1, 2).value == b"\2\0\0\0"
    assert version_of(old) == "1.2"
    assert there(old) == set()
    assert Specification(home.board("old"), LATEST).version == "1.2"


@pytest.mark.req("S-048")
def test_meters_of_all_versions_are_one_population():
    bench = population(2, prepayment=0, mixed_versions=True, seed=3)
    run = Told(bench)
    commission(run)
    declared = {f"{home.name}/esme": home.device[1].version for home in bench.home}
    assert len(set(declared.values())) == 2
    told = {name: version_of(run.head_end.meter(name)) for name in declared}
    assert told == declared


def test_versions_have_an_order():
    assert [has("3.0", each) for each in VERSIONS] == [True, True, True, False]
    assert all(each in VERSIONS for each in OBJECTS.values())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version = "1.2"', 'version = "1.3"', '"1.2"'),
        ('version = "2.0"', 'version = "2.0"\nband = "sub-ghz"', "came with 3.0"),
    ],
)
def test_a_version_that_cannot_be_is_refused_in_a_line(old, new, said):
    with pytest.raises(BadInput) as error:
        config.loads(MIXED.replace(old, new))
    assert said in str(error.value)
