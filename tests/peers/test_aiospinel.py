"""aiospinel, a Spinel host nobody here wrote, drives our radio co-processor and listens to a living home."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from protocols.core.crc import ends_in_kermit
from protocols.zigbee import mac

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120
CHANNEL = 15


@pytest.mark.needs("peers")
def test_a_host_resets_asks_hears_sends_and_looks_for_networks(start_program: Any, peers_python: Path) -> None:
    served = start_program("serve", "fixtures/benches/dongle.toml", "--ready-json", "--after", "1m")
    host, port = served.endpoints["air.rcp"].removeprefix("tcp:").partition("?")[0].split(":")
    command = [peers_python, ROOT / "tests/peers/judges/aiospinel_host.py", host, port, CHANNEL]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    learnt = json.loads(done.stdout)
    assert learnt["protocol"] == [4, 3]
    assert learnt["version"].startswith("METERBENCH-RCP")
    assert len(learnt["address"]) == 16
    for psdu, rssi in learnt["frames"]:
        assert ends_in_kermit(bytes.fromhex(psdu))
        assert -100 <= rssi <= -35
    assert learnt["sent"] == ["LAST_STATUS", 0]
    header, _ = mac.split(bytes.fromhex(learnt["beacon"]))
    assert header.control & mac.TYPE == mac.BEACON  # hub or electricity meter, whose radio was free first
    told = mac.BeaconPayload.parse(mac.Beacon.parse(mac.split(bytes.fromhex(learnt["beacon"]))[1]).payload)
    networks = learnt["networks"]
    assert {(channel, pan_id, int(extended, 16)) for channel, pan_id, _, extended, _ in networks} == {
        (CHANNEL, header.source_pan, told.extended_pan_id)
    }
    assert 0 in [short for _, _, short, *_ in networks], "the hub answers"
