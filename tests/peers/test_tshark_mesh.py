"""tshark names the network layer's commands, and finds none malformed: in the mesh bench, and in a network that changes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from struct import pack

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import MIN, S
from protocols.zigbee import zdo
from protocols.zigbee.node import NodeType
from tests.protocols.zigbee.cell import DISPLAY, GAS, Cell
from tests.protocols.zigbee.test_changes import beacon_of_another_network, pan_of
from tests.protocols.zigbee.test_mesh import R1, R2, R3, Mesh
from tests.protocols.zigbee.test_orphan import lose, state_of
from tests.protocols.zigbee.test_parent_announcement import LATEST, moved
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.run import Run

pytestmark = pytest.mark.needs("tshark")

LINKTYPE_802_15_4_WITHFCS = 195
BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "mesh.toml"
MALFORMED = "_ws.malformed || _ws.expert.severity == error || wpan.fcs_ok == 0"
CLOSED = "zbee_sec.encrypted_payload"


class Capture:
    """A file of frames and the keys to it."""

    def __init__(self, path: Path, frames: list[OnAir], keys: list[bytes]) -> None:
        records = [pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_802_15_4_WITHFCS)]
        for frame in frames:
            size = len(frame.psdu)
            records.append(pack("<IIII", frame.start // S, frame.start % S // 1000, size, size) + frame.psdu)
        path.write_bytes(b"".join(records))
        options = [
            option for key in dict.fromkeys(keys) for option in ("-o", f'uat:zigbee_pc_keys:"{key.hex(":")}","Normal","key"')
        ]
        self._command = ["tshark", "-r", str(path), *options]

    def ask(self, which: str, *fields: str) -> list[list[str]]:
        """The fields of the frames that a display filter lets through."""
        wanted = [option for field in fields or ("frame.number",) for option in ("-e", field)]
        command = [*self._command, "-Y", which, "-T", "fields", *wanted]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        return [line.split("\t") for line in lines]

    def commands(self) -> set[str]:
        """The NWK commands as the packet list names them."""
        return {row[0].split(",")[0] for row in self.ask("zbee_nwk.cmd.id", "_ws.col.Info")}


def test_the_mesh_bench(tmp_path: Path) -> None:
    """Two repeaters: many-to-one request, route records, source routes, link status; data over three hops."""
    run = Run(config.load(BENCH))
    frames: list[OnAir] = []

    def hear(now: int, who: str, kind: str, data: object) -> None:
        if kind == "air.frame" and isinstance(data, bytes):
            frames.append(OnAir.unpack(data))

    run.log.subscribe(hear)
    commission(run)
    run.run(for_=10 * MIN)
    run.board("landing").cut(off_for=2 * MIN)
    run.run(for_=20 * MIN)
    capture = Capture(tmp_path / "mesh.pcap", frames, [key for _, key in run.zigbee_keys()])
    assert capture.ask(MALFORMED, "frame.number", "_ws.col.Info") == []
    assert capture.ask(CLOSED) == []
    told = capture.commands()
    for name in ("Many-to-One Route Request", "Route Record", "Link Status", "Network Status", "End Device Timeout Request"):
        assert any(name in each for each in told), (name, told)
    relays = capture.ask("zbee_nwk.relay.count == 2 && !zbee_nwk.cmd.id", "zbee_nwk.relay.index")
    assert {row[0] for row in relays} == {"0", "1"}, "a source route of two relays, at the hub and behind the first"
    assert capture.ask("zbee_nwk.cmd.relay_count == 2")
    radii = {row[0] for row in capture.ask("zbee_aps.type == 0 && zbee_nwk.dst == 0x0000", "zbee_nwk.radius")}
    assert {"30", "29", "28"} <= radii


def test_a_network_that_fails_and_changes(tmp_path: Path) -> None:
    cell = Cell()
    mesh = Mesh(cell)
    one = mesh.join("one", R1, NodeType.ROUTER, "hub")
    two = mesh.join("two", R2, NodeType.ROUTER, "one")
    mesh.join("three", R3, NodeType.ROUTER, "hub")
    mesh.link("three", "two")
    display = mesh.join("display", DISPLAY, NodeType.END_DEVICE, "two")
    gas = mesh.join("gas", GAS, NodeType.SLEEPY_END_DEVICE, "two")
    cell.run(40)
    assert mesh.talk(display, mesh.hub)
    mesh.link("one", "hub", "two", up=False)
    assert mesh.talk(display, mesh.hub)
    mesh.link("one", "hub", "two")
    for cluster, request in (
        (zdo.NEIGHBOURS, zdo.TableRequest(1, 0)),
        (zdo.ROUTES, zdo.TableRequest(2, 0)),
        (zdo.NETWORK_UPDATE, zdo.NetworkUpdateRequest(3, 1 << 20, 3, count=1)),
    ):
        _, effects = mesh.hub.stack.send(two.stack.short, 0, cluster, 0, 0, request.build(), link_key=False, now=cell.kernel.now)
        mesh.hub.do(effects)
        cell.run(3)
    two.do(two.stack.receive(beacon_of_another_network(cell, pan_of(mesh.hub)), cell.kernel.now))
    cell.run(12)
    mesh.hub.do(mesh.hub.stack.replace_network_key(cell.kernel.now))
    cell.run(12)
    for station in (one, display):
        assert mesh.talk(station, mesh.hub)
    display.do(display.stack.leave(cell.kernel.now))
    cell.run(2)
    held = [station.stack.labelled_keys() for station in (mesh.hub, gas, display)]
    keys = [key for labelled in held for _, key in labelled]
    capture = Capture(tmp_path / "changes.pcap", cell.on_air, keys)
    assert capture.ask(MALFORMED, "frame.number", "_ws.col.Info") == []
    assert capture.ask(CLOSED) == []
    told = capture.commands()
    for name in ("Route Request", "Route Reply", "Network Status", "Link Status", "Leave", "Network Report", "Network Update"):
        assert any(name in each for each in told), (name, told)
    assert {row[0] for row in capture.ask("zbee_nwk.cmd.id == 0x03", "zbee_nwk.cmd.status")} >= {"0x02"}
    for cluster in (0x8031, 0x8032, 0x8038):
        assert capture.ask(f"zbee_aps.zdp_cluster == {cluster:#06x}"), hex(cluster)
    assert capture.ask("zbee_aps.cmd.id == 0x0e"), "the network key was tunnelled"


def test_an_orphan_and_the_parent_that_takes_it_back(tmp_path: Path) -> None:
    cell = Cell()
    home = cell.home()
    hub, gas, state = home["hub"], home["gas"], state_of(cell, "hub")
    lose(cell, hub, gas)
    cell.restart(hub, state)
    gas.do(gas.stack.rejoin(cell.kernel.now))
    cell.run(3)
    held = hub.stack.labelled_keys()
    capture = Capture(tmp_path / "orphan.pcap", cell.on_air, [key for _, key in held])
    assert capture.ask(MALFORMED, "frame.number", "_ws.col.Info") == []
    assert [row[0] for row in capture.ask("wpan.cmd == 6 || wpan.cmd == 8", "_ws.col.Info")] == [
        "Orphan Notification",
        f"Coordinator Realignment, PAN: {pan_of(hub):#06x}, Coordinator: 0x0000, Channel: 11, Addr: {gas.stack.short:#06x}",
    ]


def test_a_parent_that_is_back_and_the_one_that_has_its_child(tmp_path: Path) -> None:
    cell = Cell()
    home = cell.home()
    state, hub = moved(home, cell), home["hub"]
    cell.restart(hub, state)
    cell.run(LATEST)
    held = hub.stack.labelled_keys()
    capture = Capture(tmp_path / "parents.pcap", cell.on_air, [key for _, key in held])
    assert capture.ask(MALFORMED, "frame.number", "_ws.col.Info") == []
    gas, display = (":".join(f"{octet:02x}" for octet in eui64.to_bytes(8, "big")) for eui64 in (GAS, DISPLAY))
    told = capture.ask("zbee_aps.zdp_cluster == 0x001f", "_ws.col.Info", "zbee_nwk.dst", "zbee_zdp.ext_addr")
    assert {(row[0].split(",")[0], row[1], row[2]) for row in told} == {("Parent Announce", "0xfffc", f"{display},{gas}")}
    fields = "_ws.col.Info", "zbee_nwk.dst", "zbee_zdp.ext_addr", "zbee_zdp.status"
    (told, *_) = capture.ask("zbee_aps.zdp_cluster == 0x801f", *fields)
    assert (told[0].split(",")[0], *told[1:]) == ("Parent Announce Response", "0x0000", gas, "0")
