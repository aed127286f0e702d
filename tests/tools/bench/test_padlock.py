"""Who bears the padlock: every device but the hand-held terminal and the bridge, by what each one holds (S-029)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.padlock import postures
from tools.bench.run import Run
from tools.cli.doctor import command

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"


def made(text):
    run = Run(config.loads(text))
    commission(run)
    return run


@pytest.mark.req("S-029")
def test_all_devices_have_it_but_terminal_and_bridge():
    bridge = '[[home.device]]\nkind = "rcp"\n'
    run = made((BENCHES / "home.toml").read_text() + bridge)
    found = {each.kind: each.padlock for each in postures(run.only)}
    assert found == {"hub": True, "esme": True, "gsme": True, "ihd": True, "ppmid": True, "hht": False, "rcp": False}
    run.ihd.nvm.delete("han/network")  # a display that lost its keys has none either
    assert not {each.kind: each.padlock for each in postures(run.only)}["ihd"]


@pytest.mark.req("S-029", part=True)
def test_the_bridge_to_the_consumers_network_has_none_and_the_meters_beside_it_do():
    found = {each.kind: each.padlock for each in postures(made((BENCHES / "consumer-network.toml").read_text()).only)}
    assert not found.pop("consumer-module")
    assert not found.pop("cad")  # it is on the consumers' network, and has no key with the hub
    assert set(found) >= {"hub", "esme", "gsme", "ihd"}
    assert all(found.values())


def test_a_device_that_has_not_joined_has_none():
    run = Run(config.load(BENCHES / "home.toml"))
    assert [each.device for each in postures(run.only) if each.padlock] == []


def test_without_certificates_the_key_says_so():
    run = made((BENCHES / "home.toml").read_text().replace("[home.air]", "[home.air]\nkey_establishment = 0", 1))
    found = [each for each in postures(run.only) if each.kind != "hht"]
    assert all(each.padlock and not each.certificate and each.link_key != "key establishment" for each in found)


def test_the_doctor_shows_them():
    said = CliRunner().invoke(command, ["--bench", str(BENCHES / "home.toml"), "--json"])
    assert said.exit_code == 0
    found = {each["device"]: each["padlock"] for each in json.loads(said.output)}
    assert found["home1/hht"] is False
    assert found["home1/esme"] is True
    lines = CliRunner().invoke(command, ["--bench", str(BENCHES / "home.toml")]).output.splitlines()
    assert any(line.startswith("padlock") and "home1/hub" in line for line in lines)
