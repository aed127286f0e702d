"""A hub breaks and another takes its place: nobody pairs anything by hand, and everything works again (bad input F23)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

import hubfw
from devices.runtime.board import Board
from devices.runtime.kernel import HOUR, MIN
from devices.runtime.supply import MainsSupply
from protocols.zigbee import security
from tools.bench.identity import GPF

NEW_HUB = 0x00DB_5357_4150_0001
REPLACED = "han.trust-centre-replaced"


@pytest.fixture
def swap():
    """Switch the hub off for good and put another in its place, which is given the backup and no install code."""

    def put(home, backup, **changes):
        old, declared = home.hub, home.hub.firmware.config
        issuer = home.only.authority
        own = () if issuer is None else (issuer.issue(NEW_HUB, home.only.identities["hub"].random("successor").getrandbits),)
        log = tuple(hubfw.Entry(device.eui64, b"", device.kind) for device in declared.device_log)
        config = replace(declared, gpf_eui64=NEW_HUB ^ GPF, device_log=log, credentials=own, restore=backup, **changes)
        old.cut()
        name = f"{home.only.name}/hub2"
        board = Board(
            home.kernel, name, firmware=partial(hubfw.Firmware, config=config), eui64=NEW_HUB, supply=MainsSupply(home.mains),
            radio=home.only.air.radio(name, 0.5, 0.5), net=home.net.host(name),
        )  # fmt: skip
        home.only.boards["hub"] = board
        return board

    return put


@pytest.mark.req("S-102", part=True)
@pytest.mark.parametrize("suite", [2, 0])
def test_f23_all_devices_find_the_new_hub_and_report_again(build, swap, suite):
    home = build("home") if suite else build(WITHOUT_CERTIFICATES)
    home.run(for_=HOUR)
    old = home.hub
    backup = old.firmware.coordinator.backup()
    network, keys = backup.extended_pan_id, set(dict(old.firmware.han.stack.labelled_keys()).values())
    listed = [device.eui64 for device in old.firmware.log]
    assert list(backup.devices) == listed
    new = swap(home, backup)
    at = home.now
    home.run(for_=4 * HOUR)
    found = {who: home.events(REPLACED, who) for who in ("home1/esme", "home1/gsme", "home1/ihd", "home1/ppmid")}
    assert {who: len(events) for who, events in found.items()} == dict.fromkeys(found, 1)
    assert all(data == {"eui64": NEW_HUB, "before": old.eui64} for events in found.values() for data in events)
    assert all(time - at < 10 * MIN for time in home.times(REPLACED))
    assert new.firmware.commissioned
    stack = new.firmware.han.stack
    assert stack._network.extended_pan_id == network
    links = {eui64: stack._delivery.link_keys[eui64] for eui64 in listed}
    assert {link.kind for link in links.values()} == {security.CERTIFIED if suite else security.SWAPPED}
    assert not keys & set(dict(stack.labelled_keys()).values()) - set(backup.devices.values())
    assert [time for time in home.times("mirror.complete", new.name) if time > at]
    assert home.screen("ihd")[1].endswith("kW")
    assert home.screen("ppmid")[1].endswith("supply ON")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


def test_f23_a_hub_with_the_wrong_hashes_gets_nobody(build, swap):
    home = build("home")
    home.run(for_=10 * MIN)
    old = home.hub
    held = {name: set(home.board(name).firmware.han.stack.labelled_keys()) for name in ("esme", "gsme", "ihd", "ppmid")}
    backup = old.firmware.coordinator.backup()
    new = swap(home, replace(backup, devices=dict.fromkeys(backup.devices, bytes(16))))
    home.run(for_=3 * HOUR)
    assert home.events(REPLACED) == []
    assert new.firmware.coordinator.missing
    refused = [data["reason"] for data in home.events("han.dropped", "home1/ihd") if data["layer"] == "aps"]
    assert "the MIC does not fit" in refused
    for name, keys in held.items():
        assert set(home.board(name).firmware.han.stack.labelled_keys()) == keys, name
    new.cut()
    home.only.boards["hub"] = old
    old.power_on()
    home.run(for_=HOUR)
    assert home.screen("ihd")[1].endswith("kW")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


FAR = """
[[home]]
[home.air]
range_m = 12
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [8, 0]
[[home.device]]
kind = "ihd"
at = [16, 0]
"""
"""The display hears the meter alone."""


def test_f23_a_display_that_hears_the_meter_alone_finds_the_new_hub_by_way_of_it(build, swap):
    home = build(FAR)
    home.run(for_=10 * MIN)
    assert home.ihd.firmware.han.stack.parent == home.esme.firmware.han.stack.short
    old = home.hub
    new = swap(home, old.firmware.coordinator.backup())
    home.run(for_=3 * HOUR)
    assert home.events(REPLACED, "home1/ihd") == [{"eui64": NEW_HUB, "before": old.eui64}]
    assert home.ihd.firmware.han.stack.parent == home.esme.firmware.han.stack.short
    assert new.firmware.commissioned
    assert home.screen("ihd")[1].endswith("kW")
    new.cut(off_for=30 * 1_000_000_000)
    home.run(for_=HOUR)
    assert home.screen("ihd")[1].endswith("kW")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


WITHOUT_CERTIFICATES = """
[[home]]
[home.air]
key_establishment = 0
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
[[home.device]]
kind = "ihd"
at = [8, -3]
[[home.device]]
kind = "ppmid"
at = [5, 4]
"""
