"""Homes of more than one hop: devices that reach their hub through repeaters, and what happens when one is unplugged."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S

WALL = "{ from = [6, -20], to = [6, 20], db = 15 }"
HUB = f'[[home]]\n[home.air]\nrange_m = 30\nwalls = [{WALL}]\n[[home.device]]\nkind = "hub"\n'
METERS = '[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n[[home.device]]\nkind = "gsme"\nat = [3, 2]\n'
PPMID = '[[home.device]]\nkind = "ppmid"\nat = [2, -3]\n'
REPEATER = '[[home.device]]\nkind = "repeater"\nat = [7, 0]\n'
SECOND = '[[home.device]]\nkind = "repeater"\nname = "second"\nat = [7, 6]\n'
FAR_DISPLAY = '[[home.device]]\nkind = "ihd"\nat = [18, 2]\n'


def shows_power(home, name="ihd"):
    return home.screen(name)[1].endswith("kW")


@pytest.mark.req("S-092", part=True)
def test_a_home_of_three_hops_is_commissioned_and_serves(build):
    """The bench mesh.toml: display and gas meter hear one repeater, which hears the other, which hears the hub."""
    home = build("mesh")
    stacks = {name: home.board(name).firmware.han.stack for name in ("landing", "kitchen", "ihd", "gsme", "porch")}
    parents = {name: stack.parent for name, stack in stacks.items()}
    assert parents["ihd"] == parents["gsme"] == stacks["kitchen"].short
    assert parents["kitchen"] == stacks["landing"].short
    assert parents["landing"] == parents["porch"] == 0
    home.run(for_=2 * HOUR)
    assert shows_power(home, "ihd")
    assert shows_power(home, "porch")
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0


@pytest.mark.req("S-096", part=True)
def test_an_unplugged_repeater_is_felt_behind_it_alone(build):
    home = build(HUB + METERS + PPMID + REPEATER + FAR_DISPLAY)
    home.run(for_=10 * MIN)
    assert shows_power(home)
    home.board("repeater").cut(off_for=2 * HOUR)
    home.run(for_=HOUR)
    assert not shows_power(home)
    assert home.screen("ppmid")[1].endswith("supply ON")
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert home.events("han.parent-lost", "home1/esme") == home.events("han.parent-lost", "home1/gsme") == []
    home.run(for_=HOUR + 20 * MIN)
    assert shows_power(home)


OUTSIDE = {
    "meters by wire and M-Bus": """
[[home.device]]
kind = "esme"
interface = "wired"
[[home.device]]
kind = "mbus-gas"
[[home.device]]
kind = "repeater"
at = [7, 0]
[[home.device]]
kind = "ihd"
at = [18, 2]
""",
    "the consumers' own network": """
[[home.device]]
kind = "consumer-module"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [3, 2]
[[home.device]]
kind = "repeater"
network = "consumer"
at = [7, 0]
[[home.device]]
kind = "cad"
network = "consumer"
at = [18, 2]
""",
}


@pytest.mark.req("S-096")
@pytest.mark.parametrize("outside", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_a_repeater_outside_the_utilitys_network_is_of_no_matter_to_it(build, outside):
    """Consumers' devices hang on it and on nothing else; no meter has a way over it, and none notices that it is gone."""
    home = build("[[home]]\n[home.air]\nrange_m = 30\nwalls = [" + WALL + ']\n[[home.device]]\nkind = "hub"\n' + outside)
    consumers = ("ihd",) if "mbus" in outside else ("cad",)
    utility = {name: home.board(name) for name in ("hub", "esme", "gsme", "mbus-gas") if name in home.only.boards}
    home.run(for_=10 * MIN)
    repeater = home.board("repeater").firmware.han.stack
    assert set(repeater.children) == {home.board(name).eui64 for name in consumers}
    log = {device.eui64 for device in home.hub.firmware.log}
    assert (home.board("repeater").eui64 in log) is ("mbus" in outside)  # there the hub's network is the consumers'
    home.board("repeater").cut()
    home.run(for_=65 * MIN)
    name = consumers[0]
    assert home.events("han.parent-lost", home.board(name).name)
    assert not any(home.events("han.parent-lost", board.name) for board in utility.values())
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    gas = "gsme" if "gsme" in utility else "mbus-gas"
    assert home.head_end.meter(gas).register("7-0:3.0.0").value > 0
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN


def test_a_display_finds_the_other_repeater(build):
    home = build(HUB + METERS + REPEATER + SECOND + FAR_DISPLAY)
    home.run(for_=10 * MIN)
    display = home.ihd.firmware.han.stack
    first = next(name for name in ("repeater", "second") if home.board(name).firmware.han.stack.short == display.parent)
    other = home.board("second" if first == "repeater" else "repeater").firmware.han.stack
    home.board(first).cut(off_for=20 * MIN)
    home.run(for_=20 * MIN)
    assert display.parent == other.short
    assert shows_power(home)
    returned = home.board(first).firmware.han.stack
    home.run(for_=S)
    assert returned.children == [home.ihd.eui64], "as it was"
    home.run(for_=20 * S)
    assert (returned.children, other.children) == ([], [home.ihd.eui64]), "the other one has said so"
    assert shows_power(home)


def test_a_mesh_after_a_power_cut_of_the_whole_house(build):
    """Mains return to everybody at once: nobody joins anew, and every counter is believed again."""
    home = build("mesh")
    home.run(for_=10 * MIN)
    joined = len(home.times("han.joined"))
    home.mains.off(20 * MIN)
    home.run(for_=90 * MIN)
    again = home.events("han.joined")[joined:]
    assert again
    assert all(event["resumed"] for event in again)
    assert shows_power(home, "ihd")
    assert shows_power(home, "porch")
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN
    assert home.notices() == ["LastGasp", "FirstBreath"]


def test_the_hub_restarts_and_finds_everybody(build):
    home = build("mesh")
    home.run(for_=10 * MIN)
    home.hub.cut(off_for=5 * S)
    home.run(for_=60 * MIN)
    assert shows_power(home, "ihd")
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0
