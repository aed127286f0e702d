"""`meterbench network`: what each hub finds in its network, as a table and as JSON."""

from __future__ import annotations

import json

import pytest

from tests.sim.test_who_may_talk import CARRIED

MESH = "fixtures/benches/mesh.toml"


@pytest.mark.req("S-036", part=True)
def test_a_home_of_three_hops_is_told(meterbench):
    code, out, err = meterbench("network", MESH)
    assert (code, err) == (0, "")
    name, _, *lines = out.splitlines()
    assert name == "home1"
    rows = {line.split()[0]: line.split() for line in lines}
    assert rows["kitchen"] == ["kitchen", "configuration", "0109/0008,", "revision", "22", "mains", "landing", "2"]
    assert rows["gsme"] == ["gsme", "configuration", "battery", "kitchen", "0"]


def test_as_json_at_a_time(meterbench, tmp_path):
    bench = tmp_path / "carried.toml"
    bench.write_text(CARRIED)
    code, out, _ = meterbench("network", bench, "--until", "1s", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["home"] == "home1"
    assert [(each["device"], each["entered"], each["through"], each["dependants"]) for each in told["devices"]] == [
        ("esme", "configuration", None, []), ("heater", "configuration", None, []),
    ]  # fmt: skip


def test_a_home_without_a_hub_is_not_asked(meterbench):
    for name in ("foreign-coordinator", "gas-direct"):  # the latter has reads to come, which nobody is left waiting for
        code, _, err = meterbench("network", f"fixtures/benches/{name}.toml")
        assert (code, err.count("\n"), "no home has a hub" in err) == (2, 1, True)
