"""A coordinator that shares nothing with our stack forms the meters' network on our radio co-processor, and reads them.

`foreign_host.py` does what home-automation hosts do; zigbee-herdsman with zigbee-on-host did the same on this bench by hand.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = "fixtures/benches/foreign-coordinator.toml"
PATIENCE = 120
CHANNEL = 15
ESME, GSME = "00DB1234567890A1", "00DB1234567890A2"
GSME_CODE = "966B9F3EF98AE6059708"
"""The bench file's."""
SUCCESS, NOT_SUPPORTED, UNSUPPORTED_ATTRIBUTE = 0x00, 0x84, 0x86


DONGLES = """
name = "three-dongles"
[[home]]
[[home.device]]
kind = "rcp"
name = "host"
[[home.device]]
kind = "rcp"
name = "one"
at = [3, 1]
[[home.device]]
kind = "rcp"
name = "other"
at = [-2, 4]
[links]
"host.rcp" = "tcp-listen:0"
"one.rcp" = "tcp-listen:0"
"other.rcp" = "pty:"
"""


REPEATER, GSME_BEHIND = "00DB1234567890A3", "00DB1234567890A2"
CARRIED = """
name = "carried"
[[home]]
[home.air]
default_link_key = true
range_m = 30
[[home.device]]
kind = "esme"
at = [2, 0]
[[home.device]]
kind = "gsme"
at = [45, 0]
eui64 = "00-DB-12-34-56-78-90-A2"
install_code = "966B 9F3E F98A E605 9708"
[[home.device]]
kind = "repeater"
at = [24, 0]
eui64 = "00-DB-12-34-56-78-90-A3"
[[home.device]]
kind = "rcp"
name = "air"
[links]
"air.rcp" = "tcp-listen:0"
"""


def interview(peers_python: Path, link: str, *codes: str) -> dict[str, Any]:
    """What the host learns of two meters through the dongle at `link`."""
    host, port = link.removeprefix("tcp:").partition("?")[0].split(":")
    command = [peers_python, ROOT / "tests/peers/judges/foreign_host.py", host, port, CHANNEL, 2, *codes]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    learnt: dict[str, Any] = json.loads(done.stdout)
    return learnt


@pytest.fixture(scope="module")
def story(start_program: Any, peers_python: Path) -> tuple[dict[str, Any], str]:
    """What the host learnt, the gas meter let in by its install code, and what the bench said."""
    served = start_program("serve", BENCH)
    learnt = interview(peers_python, served.endpoints["air.rcp"], f"{GSME}={GSME_CODE}")
    _, said, _ = served.stop()
    return learnt, said


@pytest.mark.needs("peers")
def test_meters_in_processes_of_their_own_join_through_dongles(start_program: Any, peers_python: Path, tmp_path: Path) -> None:
    (tmp_path / "three-dongles.toml").write_text(DONGLES)
    air = start_program("serve", tmp_path / "three-dongles.toml", "--ready-json").endpoints
    for kind, dongle in (("esme", "one.rcp"), ("gsme", "other.rcp")):
        link = air[dongle].partition("?")[0]
        device = start_program("device", kind, "--config", BENCH, "--air", f"spinel:{link}", "--json")
        assert json.loads(device.first_line)["device"] == f"home1/{kind}"
    learnt = interview(peers_python, air["host.rcp"])
    assert {eui64: meter["basic"]["0005"] for eui64, meter in learnt.items()} == {ESME: "ESME", GSME: "GSME"}
    assert all(meter["keys"] == ["requested", "verified"] and "0000" in meter["metering"] for meter in learnt.values())


@pytest.mark.needs("peers")
def test_a_repeater_carries_a_strangers_network_to_a_meter_out_of_its_reach(
    start_program: Any, peers_python: Path, tmp_path: Path
) -> None:
    (tmp_path / "carried.toml").write_text(CARRIED)
    served = start_program("serve", tmp_path / "carried.toml")
    learnt = interview(peers_python, served.endpoints["air.rcp"], f"{GSME_BEHIND}={GSME_CODE}")
    repeater, gas = learnt[REPEATER], learnt[GSME_BEHIND]
    assert (repeater["node"]["type"], repeater["simple"]["device"], repeater["opened"]) == (1, 0x0008, [SUCCESS])
    assert repeater["basic"]["0005"] == "repeater"
    assert gas["via"] == REPEATER
    assert (gas["node"]["type"], gas["basic"]["0005"]) == (2, "GSME")
    assert gas["metering"]["0000"] >= 1_234_567
    assert "via" not in next(each for each in learnt.values() if each["basic"]["0005"] == "ESME")


@pytest.mark.needs("peers")
def test_both_meters_join_by_the_default_key_or_their_install_code(story: tuple[dict[str, Any], str]) -> None:
    learnt, _ = story
    assert sorted(learnt) == [ESME, GSME]
    assert (learnt[ESME]["sleepy"], learnt[GSME]["sleepy"]) == (False, True)


@pytest.mark.needs("peers")
def test_a_host_of_zigbee_3_is_asked_for_a_link_key_that_is_proved(story: tuple[dict[str, Any], str]) -> None:
    for meter in story[0].values():
        assert meter["keys"] == ["requested", "verified"]


@pytest.mark.needs("peers")
def test_key_establishment_is_looked_for_and_its_absence_said(story: tuple[dict[str, Any], str]) -> None:
    learnt, said = story
    for meter in learnt.values():
        assert 0x0800 in meter["looked for"]
    for name in ("esme", "gsme"):
        assert f"{name:<10} has made no link key with 00124B0001020304 yet: not offered" in said


@pytest.mark.needs("peers")
@pytest.mark.parametrize(
    ("eui64", "node", "power", "outputs"),
    [(ESME, (1, 0x8E), "10c1", {0x000A, 0x0800}), (GSME, (2, 0x80), "41c4", {0x000A, 0x0702, 0x0800})],
)
def test_an_interview_is_answered(
    story: tuple[dict[str, Any], str], eui64: str, node: tuple[int, int], power: str, outputs: set[int]
) -> None:
    meter = story[0][eui64]
    assert (meter["node"]["status"], meter["node"]["revision"]) == (SUCCESS, 22)
    assert (meter["node"]["type"], meter["node"]["capability"]) == node
    assert (meter["power"][:2], meter["power"][-4:]) == ("00", power)
    assert meter["endpoints"] == [1]
    simple = meter["simple"]
    assert (simple["endpoint"], simple["profile"], simple["device"]) == (1, 0x0109, 0x0501)
    assert {0x0000, 0x0702, 0x0800} <= set(simple["inputs"])
    assert outputs <= set(simple["outputs"])


@pytest.mark.needs("peers")
@pytest.mark.parametrize(
    ("eui64", "model", "source", "unit", "kind", "least"), [(ESME, "ESME", 1, 0, 0, 4_321_000), (GSME, "GSME", 3, 1, 1, 1_234_567)]
)
def test_basic_and_metering_are_read(
    story: tuple[dict[str, Any], str], eui64: str, model: str, source: int, unit: int, kind: int, least: int
) -> None:
    meter = story[0][eui64]
    assert meter["basic"] == {"0004": "meterbench", "0005": model, "0007": source}
    summation = meter["metering"]["0000"]
    assert least <= summation < least + 1000
    what_it_means = {"0300": unit, "0301": 1, "0302": 1000, "0306": kind, "0FFF": {"status": UNSUPPORTED_ATTRIBUTE}}
    assert meter["metering"] == {"0000": summation} | what_it_means


@pytest.mark.needs("peers")
def test_bindings_and_reports_are_what_was_asked_for(story: tuple[dict[str, Any], str]) -> None:
    for meter in story[0].values():
        assert meter["bind"] == [SUCCESS]
        assert meter["bindings"] is True
        assert meter["unbind"] == ["00", "88"]  # the second finds no entry
        assert (meter["stranger"], meter["group"]) == ([NOT_SUPPORTED], [NOT_SUPPORTED])
        assert meter["reporting"] == [0x07, SUCCESS]
        assert meter["reported"] >= meter["metering"]["0000"]
