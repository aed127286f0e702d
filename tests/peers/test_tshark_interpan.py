"""Wireshark's dissector on inter-PAN messages, in clear and under a key."""

from __future__ import annotations

import subprocess
from struct import pack

import pytest

from protocols.zigbee.node import NodeType
from tests.protocols.zigbee.cell import HUB, Cell

TERMINAL = 0x00DB0000000000AA
KEY = bytes(range(16))
READ = bytes.fromhex("00 01 00 0000")


@pytest.mark.needs("tshark")
def test_inter_pan_messages_are_named_and_opened(tmp_path):
    cell = Cell()
    hub = cell.hub()
    terminal = cell.device("terminal", TERMINAL, NodeType.END_DEVICE)
    hub.stack.inter_pan.agree(TERMINAL, KEY)
    terminal.stack.inter_pan.agree(HUB, KEY)
    terminal.do(terminal.stack.inter_pan.tune(11, cell.kernel.now))
    for destination, secured in ((HUB, False), (HUB, True), (None, False)):
        _, effects = terminal.stack.inter_pan.send(destination, 0xFFFF, 0x0800, READ, cell.kernel.now, secured=secured)
        terminal.do(effects)
        cell.run(1)
    path = tmp_path / "inter-pan.pcap"
    frames = [frame.psdu for frame in cell.on_air]
    path.write_bytes(
        pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 195)
        + b"".join(pack("<IIII", number, 0, len(psdu), len(psdu)) + psdu for number, psdu in enumerate(frames))
    )
    fields = ("zbee_nwk.frame_type", "zbee_aps.delivery", "zbee_aps.cluster", "zbee_aps.profile", "zbee_zcl.cmd.id")
    command = ["tshark", "-n", "-r", str(path), "-o", f'uat:zigbee_pc_keys:"{KEY.hex()}","Normal","key"', "-Y", "zbee_nwk",
               "-T", "fields", *[word for field in (*fields, "_ws.malformed") for word in ("-e", field)]]  # fmt: skip
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [row.split("\t") for row in told] == [
        ["0x0003", "0x00", "0x0800", "0x0109", "0x00", ""],
        ["0x0003", "0x00", "0x0800", "0x0109", "0x00", ""],
        ["0x0003", "0x02", "0x0800", "0x0109", "0x00", ""],
    ]
