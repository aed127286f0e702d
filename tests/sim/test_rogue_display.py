"""A display that takes the network for itself: what that does to the gas meter, and what the hub does about it (paper B)."""

from __future__ import annotations

import pytest

from devices.parts.han import HUB, NoAnswer, Refused
from devices.runtime.kernel import MIN, MS, S
from hubfw.han import guard
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.zcl.security import SMART_ENERGY

GAS = 0x00DB_1200_0000_0002
HOME = f"""
[[home]]
[home.air]
contention = true
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
eui64 = "{GAS:016X}"
at = [6, 2]
wake_minutes = 1
[[home.device]]
kind = "ihd"
at = [3, 3]
[[home.device]]
kind = "ppmid"
at = [2, -3]
"""
FLOOD = 4 * MIN


async def reads(firmware):
    """A question after the other without waiting for answers."""
    while True:
        firmware.spawn(_read(firmware.han))
        await firmware.sleep(8 * MS)


async def _read(han, address=HUB, cluster=Time, attribute=Time.time):
    try:
        await han.read(address, 1, cluster, [attribute], timeout=S)
    except (NoAnswer, Refused):
        return


async def polls(firmware):
    """Data requests for frames that are not there."""
    while True:
        firmware.han.poll()
        await firmware.sleep(5 * MS)


async def discovery(firmware):
    """Who serves this? Again and again."""
    while True:
        if firmware.han.stack.joined:
            firmware.han.apply(firmware.han.stack.match(HUB, SMART_ENERGY, (Metering.id,), (), firmware.now)[1])
        await firmware.sleep(10 * MS)


async def letters(firmware):
    """Questions to the gas meter itself: the hub holds them for it, and it has to fetch them all before what it waits for."""
    gas = await firmware.han.find(GAS)
    while True:
        firmware.spawn(_read(firmware.han, gas, Basic, Basic.zcl_version))
        await firmware.sleep(4 * MS)


def rogue(build, attack, guarded, monkeypatch):
    """When the gas meter's reports were complete while the attack lasted, and how many frames were on the air."""
    if not guarded:
        monkeypatch.setattr(guard, "LIMIT", 1 << 60)
    home = build(HOME)
    home.run(for_=4 * MIN)
    frames = []
    home.log.subscribe(lambda now, who, kind, data: frames.append(now), ["air.frame"])
    begin = home.now
    home.ihd.firmware.spawn(attack(home.ihd.firmware))
    home.run(for_=FLOOD)
    return home, [at for at in home.times("mirror.complete") if at > begin], len(frames)


@pytest.mark.req("S-112")
@pytest.mark.parametrize("attack", [reads, polls, discovery, letters])
def test_a_rogue_display_is_isolated_then_struck_off_and_gas_is_served(build, monkeypatch, attack):
    home, served, _ = rogue(build, attack, True, monkeypatch)
    assert len(served) >= FLOOD // MIN - 1
    isolated = home.events("hub.isolated")
    assert {data["eui64"] for data in isolated} == {home.ihd.eui64}
    assert len(isolated) == guard.STRIKES
    assert home.hub.firmware.log.get(home.ihd.eui64) is None
    assert [past.eui64 for past in home.hub.firmware.log.history] == [home.ihd.eui64]
    home.until(lambda: home.screen("ppmid")[1].endswith("supply ON"), within=15 * MIN)  # the others go on, with the new key
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


@pytest.mark.req("S-112")
def test_what_a_rogue_display_costs_is_measured(build, monkeypatch):
    """Without the guard half of the gas meter's reports are lost, and its cell pays for the others; with it, all of them come."""
    due = FLOOD // MIN
    home, guarded, less = rogue(build, letters, True, monkeypatch)
    awake, broken = home.gsme.firmware.radio_time.total, len(home.events("gsme.set-broken"))
    assert (len(guarded), broken) == (due, 0)
    home, unguarded, more = rogue(build, letters, False, monkeypatch)
    assert home.events("hub.isolated") == []
    assert len(unguarded) <= due // 2
    assert len(home.events("gsme.set-broken")) >= due // 2
    assert home.gsme.firmware.radio_time.total > 10 * awake
    assert more > 5 * less, (more, less)


def test_a_home_that_joins_and_lives_is_never_near_the_limit(build, monkeypatch):
    monkeypatch.setattr(guard, "LIMIT", guard.LIMIT // 3)
    home = build("home")
    home.run(for_=20 * MIN)
    assert home.events("hub.isolated") == []
