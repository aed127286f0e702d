"""Wireshark's dissector on a home on two bands: the page of each frame, and the information elements of version 2 by name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from devices.runtime.kernel import MIN
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.run import Run
from tools.capture.observer import Capture

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "dual-band.toml"


@pytest.fixture
def dissect(tmp_path):
    """`dissect(filter, *fields)`: rows of the joins, first reports and one rejoin of the home, with all its keys."""
    path = tmp_path / "dual-band.pcapng"
    home = Run(config.load(BENCH))
    with Capture(path, home.kernel, "seed 7"):
        commission(home)
        home.run(for_=MIN)
        home.gsme.firmware.spawn(home.gsme.firmware.han.rejoin())
        home.run(for_=MIN)
    keys = [word for _, key in home.zigbee_keys() for word in ("-o", f'uat:zigbee_pc_keys:"{key.hex()}","Normal","key"')]

    def rows(wanted, *fields):
        names = [word for field in fields for word in ("-e", field)]
        command = ["tshark", "-n", "-r", str(path), *keys, "-Y", wanted, "-T", "fields", *names]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        return [tuple(line.split("\t")) for line in told.splitlines()]

    return rows


@pytest.mark.needs("tshark")
@pytest.mark.req("S-092", part=True)
def test_elements_pages_and_secured_frames_are_read(dissect):
    asked = dissect("wpan.version == 2 && wpan.cmd == 7", "wpan-tap.ch_page", "wpan-tap.ch_num", "wpan.eb_filter.pjoin",
                    "zbee_nwk.zigbee_ie.id", "zbee_nwk.zigbee_ie.tx_power")  # fmt: skip
    joining = [row for row in asked if row[2]]
    again = [row for row in asked if not row[2]]
    assert len(joining) == len(again) == 63
    assert {row[:2] for row in joining} == {row[:2] for row in again}
    assert {row[2:] for row in joining} == {("1", "0x0001", "14")}
    assert {row[3] for row in again} == {"0x0000,0x0001"}
    told = dissect("wpan.version == 2 && wpan.frame_type == 0", "wpan-tap.ch_page", "wpan-tap.ch_num", "zbee_nwk.zigbee_ie.id",
                   "zbee_beacon.profile", "wpan.assoc_permit")  # fmt: skip
    assert told == [("28", "5", "0x0002,0x0001", "0x0002", "1"), ("28", "5", "0x0002,0x0001", "0x0002", "0")]
    assert dissect("_ws.malformed || _ws.expert.severity == error || wpan.fcs_ok == 0", "frame.number") == []
    assert dissect("zbee_sec.encrypted_payload", "frame.number") == []
    assert len(dissect("wpan-tap.ch_page == 28 && zbee_zcl.cs.cmd.id == 0x0a", "frame.number")) > 3 or dissect(
        "wpan-tap.ch_page == 28 && zbee_zcl.cmd.id == 0x0a", "frame.number"
    )
