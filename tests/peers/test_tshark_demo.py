"""tshark, with the keys that `demo` exports, opens two hours of the demo's home: all frames, whole, decrypted, named; and live."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

import hubfw
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.sap_table import FIRST_METER
from protocols.dlms.reading import register
from tools.bench.commissioning import commission
from tools.bench.day import BENCH
from tools.bench.run import Run
from tools.bench.tally import Tally
from tools.capture import keys
from tools.capture.observer import Capture, stream_zep
from tools.capture.zep import Sender
from tools.links import parse

pytestmark = pytest.mark.needs("tshark")

START = 1_768_348_800 * S
ZEP_PORT = 17754
LIVE = 2 * MIN
CLOSED = "zbee_sec.encrypted_payload"
BESIDE_THE_HUB = "zbee_aps.type == 0 && zbee_aps.security == 1 && zbee_nwk.src != 0 && zbee_nwk.dst != 0"
METERING_ATTRIBUTE, SUMMATION, DEMAND = "zbee_zcl_se.met.attr_id", 0x0000, 0x0400
TEXT = "Your meter is read every half hour"
PATIENCE = 60


def reading(config: Path) -> dict[str, str]:
    """The environment of a tshark that has its settings from a folder."""
    return os.environ | {"WIRESHARK_CONFIG_DIR": str(config)}


def fields(config: Path, *arguments: str, names: tuple[str, ...]) -> list[list[str]]:
    """One row a packet of tshark's field values. `config`: the folder where it looks for `zigbee_pc_keys`."""
    command = ["tshark", "-n", *arguments, "-T", "fields"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE, env=reading(config))
    return [line.split("\t") for line in done.stdout.splitlines()]


class Evening(NamedTuple):
    """What a run left: the folder has `home.pcapng` and `zigbee_pc_keys`, `blind` has no keys; the run's own counts."""

    folder: Path
    blind: Path
    counts: Counter[tuple[str, str]]

    def ask(self, wanted: str, *names: str, blind: bool = False) -> list[list[str]]:
        """tshark's fields of the packets that a display filter wants."""
        config = self.blind if blind else self.folder
        return fields(config, "-r", str(self.folder / "home.pcapng"), "-Y", wanted, names=names)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    """Commissioning, then two hours with a message to the displays and half-hour reads through the tunnel."""
    folder, blind = tmp_path_factory.mktemp("evening"), tmp_path_factory.mktemp("blind")
    run = Run(BENCH, start_ns=START)
    tally = Tally(run.kernel)
    with Capture(folder / "home.pcapng", run.kernel, "test"):
        commission(run)
        assert isinstance(run.hub.firmware, hubfw.Firmware)
        run.hub.firmware.messages.display(TEXT)
        reads = run.head_end.schedule(30 * MIN, run.hub.name, FIRST_METER, lambda client: register(client, "1-0:1.8.0"))
        run.run(for_=2 * HOUR + MIN)
    assert len(reads.answers) == 4
    keys.write(folder / "zigbee_pc_keys", run.zigbee_keys())
    return Evening(folder, blind, tally.counts)


def test_every_frame_is_there_whole_and_in_the_clear(evening: Evening) -> None:
    rows = evening.ask("wpan", "wpan.fcs_ok", "frame.protocols", CLOSED, "_ws.malformed", "_ws.expert.severity")
    assert len(rows) == sum(count for (layer, _), count in evening.counts.items() if layer == "802.15.4") > 5000
    assert {row[0] for row in rows} <= {"1", "True"}
    assert {tuple(row[2:]) for row in rows} == {("", "", "")}
    protocols = Counter(row[1].removeprefix("wpan-tap:") for row in rows)
    del protocols["wpan-tap"], protocols["zbee_beacon"]  # acknowledgements, MAC commands, beacons
    assert protocols.pop("zbee_nwk") == evening.counts["ZigBee NWK", "command"]
    assert all(each.startswith("zbee_nwk:zbee_aps") for each in protocols)
    assert sum(protocols.values()) == evening.counts["ZigBee NWK", "data"]


def test_data_of_the_home_is_read_to_the_cluster(evening: Evening) -> None:
    """Every APS data frame, that is, down to what the dissector knows of a ZCL frame or of the device objects."""
    rows = evening.ask("zbee_aps.type == 0", "frame.protocols")
    assert len(rows) > 1000
    assert {row[0].split(":")[3] for row in rows} == {"zbee_zcl", "zbee_zdp"}


@pytest.mark.parametrize(
    ("cluster", "commands"),
    [
        ("met", {"Request Mirror", "Request Mirror Response", "Configure Mirror", "Mirror Report Attribute Response"}),
        ("price", {"Get Current Price", "Publish Price"}),
        ("tun", {"Request Tunnel", "Request Tunnel Response", "Transfer Data"}),
        ("msg", {"Get Last Message", "Display Message"}),
    ],
)
def test_the_commands_of_a_cluster_are_named(evening: Evening, cluster: str, commands: set[str]) -> None:
    rows = evening.ask(f'frame.protocols contains "zbee_zcl_se.{cluster}"', "_ws.col.Info")
    named = {row[0].partition(": ")[2].partition(",")[0] for row in rows}
    assert commands <= named, named


def test_attributes_and_the_message_are_read(evening: Evening) -> None:
    assert {row[0] for row in evening.ask("zbee_zcl_se.msg.message", "zbee_zcl_se.msg.message")} == {TEXT}
    answered = evening.ask(f"zbee_zcl.cmd.id == 1 && {METERING_ATTRIBUTE}", METERING_ATTRIBUTE)
    power = [row for row in answered if {int(number, 16) for number in row[0].split(",")} == {SUMMATION, DEMAND}]
    assert len(power) >= 2 * 700  # the display's, every ten seconds, each on two hops


def test_the_brokered_key_of_a_pair_is_taken_from_the_air(evening: Evening, tmp_path: Path) -> None:
    """What displays and meter say to each other stays closed to who has the network key alone; with the install-code keys the
    dissector opens the transport of the brokered keys, and with these the rest."""
    path = str(evening.folder / "home.pcapng")
    held = keys.read(evening.folder / "zigbee_pc_keys")
    brokered = {key.hex() for label, key in held if "application key" in label}
    keys.write(tmp_path / "zigbee_pc_keys", [(label, key) for label, key in held if "network key" in label])
    closed = fields(tmp_path, "-r", path, "-Y", BESIDE_THE_HUB, names=(CLOSED,))
    assert len(closed) > 2000
    assert all(row[0] for row in closed)
    keys.write(tmp_path / "zigbee_pc_keys", [(label, key) for label, key in held if "application key" not in label])
    opened = fields(tmp_path, "-r", path, "-Y", BESIDE_THE_HUB, names=(CLOSED, "zbee.sec.key"))
    assert {row[0] for row in opened} == {""}
    used = Counter(row[1].rpartition(",")[2].replace(":", "") for row in opened)
    assert {key for key, count in used.items() if count > 500} <= brokered
    assert len(brokered) >= 2


def test_without_the_keys_nothing_of_it_is_visible(evening: Evening) -> None:
    assert evening.ask("zbee_zcl || zbee_zdp", "frame.number", blind=True) == []
    closed = evening.ask(CLOSED, "frame.number", blind=True)
    assert len(closed) >= evening.counts["ZigBee NWK", "data"]


def test_a_sniffer_hears_the_run_live_over_zep(tmp_path: Path) -> None:
    rehearsal = Run(BENCH, start_ns=START)
    tally = Tally(rehearsal.kernel)
    rehearsal.run_until(LIVE)
    keys.write(tmp_path / "zigbee_pc_keys", rehearsal.zigbee_keys())
    names = ("zep.channel_id", "wpan.fcs_ok", "frame.protocols", CLOSED, "_ws.malformed")
    command = ["tshark", "-n", "-i", "lo", "-f", f"udp dst port {ZEP_PORT}", "-B", "16", "-c", str(tally.frames)]
    command += ["-a", f"duration:{PATIENCE}", "-T", "fields", *(word for name in names for word in ("-e", name))]
    with ExitStack() as stack:
        sniffer = stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=reading(tmp_path))
        )
        stack.callback(sniffer.kill)
        assert sniffer.stderr is not None
        said = ""
        while "Capture started" not in said:
            line = sniffer.stderr.readline()
            said += line
            if not line:
                pytest.skip(f"no right to capture on the loopback interface: {said.strip().splitlines()[-1]}")
        sender = stack.enter_context(Sender(parse("zep:127.0.0.1")))
        run = Run(BENCH, start_ns=START)
        stream_zep(run.kernel, sender)
        run.run_until(LIVE)
        out, _ = sniffer.communicate(timeout=PATIENCE)
    rows = [line.split("\t") for line in out.splitlines()]
    assert len(rows) == tally.frames > 300
    channels = Counter(int(row[0]) for row in rows)
    assert channels.most_common(1)[0][0] == BENCH.home[0].air.channel
    assert set(channels) <= set(range(11, 27))  # those who look for the network ask on every channel
    assert {row[1] for row in rows} <= {"1", "True"}
    assert {tuple(row[3:]) for row in rows} == {("", "")}
    assert any(row[2].endswith("zbee_zcl_se.met") for row in rows)
