"""Wireshark's dissector as judge of our ZigBee frames: joins, secured data, long payloads; opened with the exported keys."""

from __future__ import annotations

import subprocess
from pathlib import Path
from struct import pack

import pytest

from protocols.zigbee.node import RX_ON_DEVICES, S
from tests.protocols.zigbee.cell import METER, Cell, Station

LINKTYPE_802_15_4_WITHFCS = 195
READ = bytes.fromhex("00 01 00 0000 0003")
REPORT = bytes.fromhex("08 02 0A 0000 25 785634120000")
TUNNEL = bytes.fromhex("01 03 02 0000") + bytes(1500)
"""TransferData (client to server) of 1,500 octets through tunnel 0."""


def capture(path: Path, cell: Cell) -> Path:
    records = [pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_802_15_4_WITHFCS)]
    for frame in cell.on_air:
        size = len(frame.psdu)
        records.append(pack("<IIII", frame.start // S, frame.start % S // 1000, size, size) + frame.psdu)
    path.write_bytes(b"".join(records))
    return path


def tshark(path: Path, keys: list[bytes], *arguments: str) -> list[str]:
    options = [option for key in keys for option in ("-o", f'uat:zigbee_pc_keys:"{key.hex(":")}","Normal","key"')]
    command = ["tshark", "-r", str(path), *options, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def a_day(cell: Cell) -> dict[str, Station]:
    home = cell.home()
    hub, meter, display, gas = home.values()
    now = cell.kernel.now
    display.do(display.stack.request_partner_key(METER, now))
    cell.run(1)
    display.send(meter.stack.short, READ, link_key=True)
    meter.send(display.stack.short, REPORT, link_key=True)
    gas.send(0, REPORT, link_key=True)
    cell.run(2)
    for sender, receiver in ((hub, meter), (gas, hub)):
        _, effects = sender.stack.send(receiver.stack.short, 0x0109, 0x0704, 1, 1, TUNNEL, link_key=True, now=cell.kernel.now)
        sender.do(effects)
        cell.run(10)
    _, effects = display.stack.match(RX_ON_DEVICES, 0x0109, (0x0702,), (), cell.kernel.now)
    display.do(effects)
    display.do(display.stack.rejoin(cell.kernel.now))
    gas.do(gas.stack.leave(cell.kernel.now))
    cell.run(5)
    return home


def exported(home: dict[str, Station]) -> list[bytes]:
    """Every key that any station holds, once."""
    held: dict[bytes, None] = {}
    for station in home.values():
        labelled = station.stack.keys()
        held |= {key: None for _, key in labelled}
    return list(held)


@pytest.mark.needs("tshark")
@pytest.mark.req("S-083", part=True)
def test_every_frame_opens_and_none_is_malformed(tmp_path: Path) -> None:
    cell = Cell()
    cell.link_status = 15 * S
    home = a_day(cell)
    path = capture(tmp_path / "home.pcap", cell)
    keys = exported(home)
    assert len(cell.on_air) > 250

    assert tshark(path, [], "-Y", "zbee_sec.encrypted_payload"), "without keys they are closed"
    assert tshark(path, keys, "-Y", "zbee_sec.encrypted_payload") == []
    assert tshark(path, keys, "-Y", "_ws.malformed || _ws.expert.severity == error || wpan.fcs_ok == 0") == []

    secured = tshark(path, keys, "-Y", "zbee_nwk.security == 1 || zbee_aps.security == 1")
    assert len(secured) > 100
    told = "\n".join(tshark(path, keys))
    for name in (
        "Beacon Request",
        "Association Response",
        "Transport Key",
        "Device Announcement",
        "End Device Timeout Response, Success",
        "Request Key",
        "Match Descriptor Request",
        "Link Status",
        "Rejoin Request",
        "Rejoin Response",
        "Leave",
        "ZCL: Read Attributes",
        "ZCL: Report Attributes",
    ):
        assert name in told, name


@pytest.mark.needs("tshark")
def test_fragments_are_put_together_by_the_dissector(tmp_path: Path) -> None:
    cell = Cell()
    home = a_day(cell)
    path = capture(tmp_path / "home.pcap", cell)
    keys = exported(home)
    lengths = tshark(path, keys, "-Y", "zbee_aps.reassembled.length", "-T", "fields", "-e", "zbee_aps.reassembled.length")
    assert lengths == [str(len(TUNNEL))] * 2
