"""tshark reads what we capture: time, channel, names, decryption with our key file; and live ZEP packets."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devices.runtime.kernel import MS, Kernel, S
from devices.runtime.port import Port
from protocols.core.crc import kermit
from tools.capture import keys
from tools.capture.observer import Capture, stream_zep
from tools.capture.zep import Sender
from tools.links import parse

pytestmark = pytest.mark.needs("tshark")

START = 1_768_348_800_123_456_789
OLD_KEY = bytes(range(16))


def fields(path: Path, *names: str, options: tuple[str, ...] = ()) -> list[list[str]]:
    """One row a packet of tshark's field values."""
    command = ["tshark", "-n", "-r", str(path), *options, "-T", "fields"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [line.split("\t") for line in done.stdout.splitlines()]


def on_air(kernel: Kernel, psdu: bytes, channel: int = 20) -> None:
    """One frame as the radio medium logs it."""
    kernel.log.emit("home1/esme", "air.frame", bytes([0, channel]) + kernel.now.to_bytes(8, "big") + psdu)


@pytest.fixture
def frames(shared_vectors: Callable[[str], Any]) -> list[tuple[bytes, bytes]]:
    """Secured Smart Energy frames (PSDU with FCS) with their network keys."""
    built = shared_vectors("zigbee")["se_frames_built_here"]
    pairs = []
    for frame in built:
        psdu = bytes.fromhex(frame["psdu_no_fcs"])
        pairs.append((psdu + kermit(psdu).to_bytes(2, "little"), bytes.fromhex(frame["network_key"])))
    return pairs


def test_air_frames_are_whole_decrypted_and_in_their_place(tmp_path: Path, frames: list[tuple[bytes, bytes]]) -> None:
    kernel, path = Kernel(1, START), tmp_path / "home.pcapng"
    with Capture(path, kernel, "seed 1") as capture:
        for number, (psdu, _) in enumerate(frames):
            kernel.at(number * S, on_air, kernel, psdu, who="test")
        kernel.run_until(60 * S)
        assert capture.packets == len(frames)
    home = tmp_path / "config"
    home.mkdir()
    keys.write(home / "zigbee_pc_keys", [("network", key) for _, key in frames])
    uat = [f'uat:zigbee_pc_keys:"{key.hex()}","Normal","network"' for key in {key for _, key in frames}]
    rows = fields(
        path,
        "frame.time_epoch", "wpan-tap.ch_num", "wpan.fcs_ok", "zbee_nwk.src", "_ws.malformed", "_ws.expert.message",
        "frame.protocols", "frame.interface_name",
        options=tuple(word for entry in uat for word in ("-o", entry)),
    )  # fmt: skip
    assert [row[0] for row in rows] == [f"{1_768_348_800 + number}.123456789" for number in range(len(frames))]
    assert {row[1] for row in rows} == {"20"}
    assert {row[2] for row in rows} <= {"1", "True"}
    assert all(row[3] for row in rows)
    assert {row[4] for row in rows} == {""}
    assert all("zbee_zcl" in row[6] or "zbee_aps" in row[6] for row in rows)
    assert {row[7] for row in rows} == {"home1/air"}


def test_dlms_octets_show_as_data_on_a_link_of_their_own(tmp_path: Path) -> None:
    kernel, path = Kernel(1, START), tmp_path / "wire.pcapng"
    with Capture(path, kernel, "seed 1"):
        meter, head = Port(kernel, "home1/esme.optical"), Port(kernel, "home1/hht.optical")
        meter.attach(head)
        kernel.at(5 * MS, meter.write, bytes.fromhex("7ea00a00020023219318717e"), who="test")
        kernel.at(6 * MS, head.write, b"/?!\r\n", who="test")
        kernel.log.emit("hub:4059>head-end:49152", "net.data", b"\x00\x01")
        kernel.run_until(S)
    rows = fields(path, "frame.interface_name", "data.data", "_ws.malformed", "_ws.expert.message", "_ws.col.Protocol",
                  "frame.comment")  # fmt: skip
    assert rows == [
        ["net", "0001", "", "hub:4059>head-end:49152", "DLMS", "hub:4059>head-end:49152"],
        ["home1/esme.optical", "7ea00a00020023219318717e", "", "", "DLMS", ""],
        ["home1/hht.optical", "2f3f210d0a", "", "", "DLMS", ""],
    ]


def test_zep_packets_are_read_as_radio_frames(tmp_path: Path, frames: list[tuple[bytes, bytes]]) -> None:
    kernel = Kernel(1, START)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sniffer:
        sniffer.bind(("127.0.0.1", 0))
        sniffer.settimeout(10)
        with Sender(parse(f"zep:127.0.0.1:{sniffer.getsockname()[1]}")) as sender:
            leave = stream_zep(kernel, sender)
            on_air(kernel, frames[0][0], 20)
            leave()
            on_air(kernel, frames[0][0], 20)
        datagram = sniffer.recv(2048)
    dump = tmp_path / "zep.txt"
    dump.write_text("".join(f"{at:06x} {datagram[at : at + 16].hex(' ')}\n" for at in range(0, len(datagram), 16)))
    path = tmp_path / "zep.pcap"
    subprocess.run(["text2pcap", "-q", "-u", "17754,17754", str(dump), str(path)], check=True, timeout=60)
    rows = fields(path, "zep.version", "zep.channel_id", "zep.device_id", "zep.seqno", "wpan.fcs_ok", "_ws.malformed")
    assert rows == [["2", "20", "1", "1", "1", ""]]


def test_the_key_file_is_for_its_owner_only_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "zigbee_pc_keys"
    path.write_text("old and open\n")
    path.chmod(0o644)
    assert keys.write(path, [('net "1"', OLD_KEY), ("again", OLD_KEY), ("link", bytes(16))]) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.read(path) == [("net _1_", OLD_KEY), ("link", bytes(16))]
