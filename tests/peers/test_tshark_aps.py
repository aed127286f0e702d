"""Wireshark's dissector as judge of the APS layer: every command by name, groups, windows, and a hub in another's place."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from struct import pack

import pytest

from protocols.zigbee.node import Delivered, Message, NodeConfig, NodeType, S
from tests.protocols.zigbee.cell import DISPLAY, GAS, HUB, INSTALL_CODE, METER, Cell, Station

LINKTYPE_802_15_4_WITHFCS = 195
LONG = bytes.fromhex("01 03 02 0000") + bytes(700)
"""TransferData (client to server) through tunnel 0."""
GROUP = 0x1234


def capture(path: Path, cell: Cell) -> Path:
    records = [pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_802_15_4_WITHFCS)]
    for frame in cell.on_air:
        size = len(frame.psdu)
        records.append(pack("<IIII", frame.start // S, frame.start % S // 1000, size, size) + frame.psdu)
    path.write_bytes(b"".join(records))
    return path


class Judged:
    """A capture and the keys that open it."""

    def __init__(self, path: Path, keys: list[bytes]) -> None:
        self.path = path
        self.options = [option for key in keys for option in ("-o", f'uat:zigbee_pc_keys:"{key.hex(":")}","Normal","key"')]

    def ask(self, *arguments: str) -> list[str]:
        command = ["tshark", "-r", str(self.path), *self.options, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def fields(self, wanted: str, *fields: str) -> list[list[str]]:
        named = [argument for field in fields for argument in ("-e", field)]
        return [line.split("\t") for line in self.ask("-Y", wanted, "-T", "fields", *named)]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A hub and a meter; behind the meter a display that joins, is removed, and joins again; a sleeper; then another hub."""
    cell = Cell()
    config = NodeConfig(HUB, NodeType.COORDINATOR, channels=(11,), link_status_period=None, aps_window=4)
    hub = cell.station("hub", config)
    hub.do(hub.stack.form(cell.kernel.now))
    joiner = replace(config, install_code=INSTALL_CODE)
    meter = cell.admit(hub, cell.station("meter", replace(joiner, eui64=METER, type=NodeType.ROUTER)))
    gas = cell.admit(hub, cell.station("gas", replace(joiner, eui64=GAS, type=NodeType.SLEEPY_END_DEVICE)))
    display = cell.station("display", replace(joiner, eui64=DISPLAY, type=NodeType.END_DEVICE))
    stations = [hub, meter, gas, display]
    keys: dict[bytes, None] = {}

    def now() -> int:
        return cell.kernel.now

    def note(*more: Station) -> None:
        for station in (*stations, *more):
            keys.update(dict.fromkeys(dict(station.stack.labelled_keys()).values()))

    for one, other in (("hub", "display"), ("display", "hub")):
        cell.air.set_loss(one, other, 1.0)
    hub.stack.trust_centre.add(DISPLAY, INSTALL_CODE)
    for again in (True, False):
        meter.stack._parent.permit(60)
        display.do(display.stack.join(now()))
        cell.run(8)
        assert display.stack.joined
        note()
        if again:
            hub.do(hub.stack.expel(DISPLAY, now()))
            cell.run(2)
            assert not display.stack.joined
    gas.do(gas.stack.request_partner_key(METER, now()))
    cell.run(3)
    meter.do(meter.stack.request_partner_key(HUB, now()))
    cell.run(3)
    note()
    meter.do(meter.stack.add_group(GROUP, 1))
    hub.do(hub.stack.send_to_group(GROUP, 0x0109, 0x0702, 1, b"\x01\x01\x00", now())[1])
    cell.run(1)
    handle, effects = hub.stack.send(meter.stack.short, 0x0109, 0x0704, 1, 1, LONG, link_key=True, now=now())
    hub.do(effects)
    cell.run(10)
    assert Delivered(handle) in hub.told(Delivered)
    hub.do(hub.stack.replace_network_key(now()))
    cell.run(20)
    note()
    gas.send(0, b"\x18\x01\x0a", link_key=True)
    cell.run(5)
    backup = hub.stack.trust_centre.export()
    hub.radio.reset()
    if hub.timer is not None:
        hub.timer.cancel()
        hub.timer = None
    new = cell.station("hub2", replace(config, eui64=HUB + 0x100))
    new.do(new.stack.form(now(), backup))
    for station in (meter, gas):
        station.do(station.stack.rejoin(now()))
        cell.run(15)
        assert station.stack.trust_centre_eui64 == HUB + 0x100
        station.send(0, b"\x18\x02\x0a", link_key=True)
        cell.run(3)
    assert len(new.told(Message)) == 2
    note(new)
    return Judged(capture(tmp_path_factory.mktemp("aps") / "aps.pcap", cell), list(keys))


COMMANDS = {
    0x05: "Transport Key", 0x06: "Update Device", 0x07: "Remove Device", 0x08: "Request Key", 0x09: "Switch Key",
    0x0E: "Tunnel", 0x0F: "Verify Key", 0x10: "Confirm Key",
}  # fmt: skip


@pytest.mark.needs("tshark")
def test_each_aps_command_is_named_and_none_is_malformed(judged: Judged) -> None:
    assert judged.ask("-Y", "_ws.malformed || _ws.expert.severity == error || wpan.fcs_ok == 0") == []
    assert judged.ask("-Y", "zbee_sec.encrypted_payload") == []
    told = "\n".join(judged.ask("-Y", "zbee_aps.cmd.id", "-V"))
    named = {int(identifier, 16): name for name, identifier in re.findall(r"Command Identifier: (.*) \((0x..)\)", told)}
    assert named == COMMANDS


@pytest.mark.needs("tshark")
def test_every_type_of_transported_key_is_there(judged: Judged) -> None:
    kinds = {each for (row,) in judged.fields("zbee_aps.cmd.key_type", "zbee_aps.cmd.key_type") for each in row.split(",")}
    assert {int(kind, 16) for kind in kinds} >= {0x01, 0x03, 0x04}


@pytest.mark.needs("tshark")
def test_what_is_tunnelled_is_a_transport_key_for_the_device_named(judged: Judged) -> None:
    rows = judged.fields("zbee_aps.cmd.id == 0x0e", "zbee_aps.cmd.dst", "zbee_aps.cmd.id")
    assert rows
    for destination, commands in rows:
        assert destination.split(",")[0].replace(":", "") == f"{DISPLAY:016x}"
        assert commands.split(",")[:2] == ["0x0e", "0x05"]


@pytest.mark.needs("tshark")
def test_groups_and_windows_are_understood(judged: Judged) -> None:
    rows = judged.fields("zbee_aps.group", "zbee_aps.group", "zbee_aps.delivery")
    assert {tuple(row) for row in rows} == {(f"0x{GROUP:04x}", "0x03")}
    lengths = judged.fields("zbee_aps.reassembled.length", "zbee_aps.reassembled.length")
    assert lengths == [[str(len(LONG))]]
    acknowledged = judged.fields("zbee_aps.type == 2 && zbee_aps.block", "zbee_aps.block", "zbee_aps.block_acks")
    starts = [int(block) for block, _ in acknowledged]
    assert starts == list(range(0, 4 * len(starts), 4))
    assert {bits for _, bits in acknowledged} == {"0xff"}


@pytest.mark.needs("tshark")
def test_rejoins_without_the_key_are_seen_as_such(judged: Judged) -> None:
    rows = judged.fields("zbee_nwk.cmd.id == 0x06", "zbee_nwk.security", "_ws.col.Info")
    assert {security for security, _ in rows} == {"0", "1"}
    assert all("Rejoin Request" in info for _, info in rows)
