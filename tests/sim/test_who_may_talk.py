"""Only devices of the log exchange data, nobody else ever holds the network key, and who may be in the log is a matter of policy.

Each rule is shown to be able to fail: with a fault planted into the hub, the same look at the home finds it broken.
"""

from __future__ import annotations

from dataclasses import replace
from struct import pack

import pytest

from devices.runtime.board import Reset
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.device_log import DeviceLog
from hubfw.han.survey import survey
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.trust_centre import TrustCentre
from tests.sim.intruder import Intruder, Listener
from tests.sim.test_pairing import HOME, Ledger, order


def build_managed(build):
    return build(HOME.replace("listed = false\n", ""))


# --- invariant 22: the log is what was entered less what was struck off; only who is in it exchanges data ---


def struck_off(home):
    ledger = Ledger(home)
    order(home, home.head_end.unpair("cad"))
    home.run(for_=30 * S)
    return ledger.broken()


def test_who_is_struck_off_is_in_no_table_of_the_hub(build):
    assert struck_off(build_managed(build)) == []


def test_a_hub_that_forgets_to_strike_off_is_found_out(build, monkeypatch):
    monkeypatch.setattr(DeviceLog, "remove", lambda log, *line: None)
    assert "sum" in struck_off(build_managed(build))


def test_a_hub_that_keeps_the_key_is_found_out(build, monkeypatch):
    monkeypatch.setattr(TrustCentre, "remove", lambda centre, eui64: None)
    assert struck_off(build_managed(build)) == ["trust centre", "link keys"]


def answers(home):
    """The lengths of the frames that somebody gets who has the network key, is not in the log, and asks the hub its model."""
    intruder, listener = Intruder(home), Listener(home)
    intruder.data(pack("<BBBH", 0x00, 1, 0x00, 0x0005), 0, 7)
    home.run(for_=S)
    return [len(psdu) for psdu in listener.between(0, intruder.short)]


def test_who_is_not_in_the_log_gets_no_answer_and_is_sent_away(home):
    home.run(for_=MIN)
    assert answers(home) == [45, 39]  # the acknowledgement, and the request to leave
    assert [data["cluster"] for data in home.events("hub.unlisted")] == [0]


def test_a_hub_that_answers_strangers_is_found_out(home):
    home.run(for_=MIN)
    home.hub.firmware.han.heeds = None
    assert answers(home) == [45, 56]  # the acknowledgement, and the model
    assert home.events("hub.unlisted") == []


# --- invariant 23: nobody off the list ever holds the network key after a key change ---


def knows_the_key(home, name):
    hub, board = home.hub.firmware.han.stack._network, home.board(name).firmware.han.stack._network
    return hub.keys[hub.active_key].key in [key.key for key in board.keys.values()]


def after_a_key_change(home):
    """A device was in the dark when it was struck off and the key was changed; now it has power again."""
    home.ihd.cut()
    coordinator = home.hub.firmware.coordinator
    coordinator.unregister(home.ihd.eui64)
    coordinator.replace_network_key()
    home.run(for_=MIN)
    home.ihd.power_on(Reset.POWER_ON)
    home.run(for_=4 * HOUR)
    return knows_the_key(home, "ihd")


def test_who_is_off_the_log_never_has_the_new_key(home):
    assert not after_a_key_change(home)
    assert knows_the_key(home, "ppmid")


def test_a_key_change_that_changes_nothing_is_found_out(home, monkeypatch):
    old = home.hub.firmware.han.stack._network
    monkeypatch.setattr(TrustCentre, "new_network_key", lambda centre: old.keys[old.active_key].key)
    assert after_a_key_change(home)


# --- who may be in the log ---


def hub_with(line):
    return HOME.replace('kind = "hub"\n', f'kind = "hub"\n{line}\n')


@pytest.mark.req("S-038")
@pytest.mark.parametrize("core_only", [False, True])
def test_core_only_or_others_may_try(build, core_only):
    home = build(hub_with(f"core_only = {str(core_only).lower()}"))
    if not core_only:
        order(home, home.head_end.pair("cad"))
        home.until(lambda: home.board("cad").firmware.commissioned)
        return
    with pytest.raises(RemoteProtocolError):
        order(home, home.head_end.pair("cad"))
    home.run(for_=20 * MIN)
    assert not home.board("cad").firmware.han.stack.joined
    assert [(data["kind"], data["reason"]) for data in home.events("hub.refused")] == [("cad", "not a core device")]


@pytest.mark.req("S-038", part=True)
def test_core_only_holds_for_what_the_configuration_lists(build):
    """A hub that is made core-only later lets nobody else stay or join, and does not wait for him."""
    home = build(hub_with("core_only = true").replace("listed = false\n", ""))
    home.run(for_=20 * MIN)
    assert home.commissioned
    assert not home.board("cad").firmware.han.stack.joined
    assert not home.hub.firmware.coordinator.permitting
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


@pytest.mark.req("S-036")
@pytest.mark.parametrize("kind", ["load-controller", "repeater"])
def test_who_switches_loads_or_carries_the_network_further_joins_by_order_alone(build, kind):
    """Nobody is in the log of his own accord: the order of a supplier lets him in, and a policy of core devices does not."""
    for core_only in (False, True):
        home = build(hub_with(f"core_only = {str(core_only).lower()}").replace('"cad"', f'"{kind}"'))
        home.run(for_=5 * MIN)
        assert not home.board(kind).firmware.han.stack.joined
        if core_only:
            with pytest.raises(RemoteProtocolError):
                order(home, home.head_end.pair(kind))
        else:
            order(home, home.head_end.pair(kind))
            home.until(lambda home=home: home.hub.firmware.log.get(home.board(kind).eui64).joined, within=15 * MIN)


CARRIED = """
[[home]]
[home.air]
range_m = 30
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "load-controller"
name = "heater"
at = [4, 0]
[[home.device]]
kind = "repeater"
at = [20, 0]
listed = false
[[home.device]]
kind = "ihd"
at = [45, 0]
listed = false
"""


def surveyed(home):
    """What the hub finds in its network, by label."""
    hub = home.hub.firmware
    task = hub.spawn(survey(hub.han, hub.log, hub.mirrors))
    home.until(lambda: task.done, within=5 * MIN)
    names = {home.board(name).eui64: name for name in ("esme", "heater", "repeater", "ihd")}
    return {names[line.eui64]: line for line in task.result()}, names


@pytest.mark.req("S-036")
def test_leave_specification_power_and_dependence_are_told(build):
    """The repeater and the display behind it come by order; where the repeater's power goes the hub says who went with it."""
    home = build(CARRIED)
    assert set(surveyed(home)[0]) == {"esme", "heater"}
    for kind in ("repeater", "ihd"):
        order(home, home.head_end.pair(kind))
        home.until(lambda kind=kind: home.hub.firmware.log.get(home.board(kind).eui64).joined, within=15 * MIN)
    lines, names = surveyed(home)
    assert {name: line.entered for name, line in lines.items()} == {
        "esme": "configuration", "heater": "configuration", "repeater": "order", "ihd": "order",
    }  # fmt: skip
    assert all(line.there and line.conforms and line.power == "mains" for line in lines.values())
    assert (lines["repeater"].device, lines["heater"].device) == (0x0008, 0x0505)
    assert {name: [names[each] for each in line.dependants] for name, line in lines.items()} == {
        "esme": [], "heater": [], "repeater": ["ihd"], "ihd": [],
    }  # fmt: skip
    assert lines["ihd"].parent == home.board("repeater").eui64
    home.board("repeater").cut(off_for=HOUR)
    home.run(for_=MIN)
    lines, _ = surveyed(home)
    assert {name for name, line in lines.items() if not line.there} == {"repeater", "ihd"}


def test_a_device_of_another_profile_does_not_conform(build):
    home = build(CARRIED)
    descriptors = home.board("heater").firmware.han.stack._zdo.endpoints
    descriptors[1] = replace(descriptors[1], profile=0x0104)
    lines, _ = surveyed(home)
    assert {name: line.conforms for name, line in lines.items()} == {"esme": True, "heater": False}


METERS = """
[[home]]
[[home.device]]
kind = "hub"
"""


@pytest.mark.req("S-116", part=True)
@pytest.mark.req("S-042", part=True)
@pytest.mark.parametrize("count", [1, 4])
def test_so_many_electricity_meters_each_with_an_address_of_its_own(build, count):
    """One of them is the generation meter: it joins, has a SAP and tells its name and register as every other one does."""
    names = ["generation", *(f"esme{number}" for number in range(1, count))]
    meters = [f'[[home.device]]\nkind = "esme"\nname = "{name}"\nat = [{at}, 1]\n' for at, name in enumerate(names)]
    home = build(METERS + "".join(meters))
    assert len(home.hub.firmware.saps.meters()) == count
    read = {name: home.head_end.meter(name) for name in names}
    assert all(meter.register("1-0:1.8.0").value > 0 for meter in read.values())


APPROVED = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device.approved]]
kind = "esme"
maker = "00-DB-12"
[[home.device.approved]]
kind = "ihd"
maker = "00-DB-12"
manufacturer = "meterbench"
model = "{model}"
[[home.device]]
kind = "esme"
eui64 = "00-DB-12-00-00-00-00-01"
at = [0.3, 0]
[[home.device]]
kind = "ihd"
eui64 = "{eui64}"
at = [3, 0]
"""


@pytest.mark.req("S-039")
@pytest.mark.parametrize(
    "eui64, model, reason",
    [
        ("00-DB-12-00-00-00-00-02", "IHD", None),
        ("00-AA-00-00-00-00-00-02", "IHD", "not an approved product"),
        ("00-DB-12-00-00-00-00-02", "IHD-9", "not what it says it is"),
    ],
)
def test_only_approved_products_join(build, eui64, model, reason):
    home = build(APPROVED.format(eui64=eui64, model=model), commissioned=False)
    home.run(for_=20 * MIN)
    refused = [data["reason"] for data in home.events("hub.refused")]
    assert refused == ([] if reason is None else [reason])
    assert home.ihd.firmware.han.stack.joined is (reason is None)
    assert home.ihd.firmware.commissioned is (reason is None)
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
