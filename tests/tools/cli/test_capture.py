"""`meterbench capture`: a dongle of a served home as a sniffer."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from protocols.core.crc import ends_in_kermit
from tools.capture import reader, tap
from tools.capture.pcapng import LINK_TAP

BENCH = "fixtures/benches/dongle.toml"
SPELLING = "spinel:tcp:127.0.0.1:1"


@pytest.fixture(scope="module")
def link(start_program: Any) -> str:
    """How to reach the dongle."""
    endpoint: str = start_program("serve", BENCH, "--ready-json", "--after", "2m").endpoints["air.rcp"]
    return f"spinel:{endpoint}"


def packets(path: Path) -> list[tap.Packet]:
    captured = list(reader.read(path))
    assert {each.link_type for each in captured} == {LINK_TAP}
    return [tap.Packet.parse(each.data) for each in captured]


def test_frames_of_others_are_recorded(meterbench, link: str, tmp_path: Path) -> None:
    code, out, err = meterbench("capture", link, "--channel", 15, "--out", tmp_path / "air.pcapng", "--count", 8, "--json")
    assert (code, err) == (0, "")
    ready, done = map(json.loads, out.splitlines())
    assert (ready["ready"], ready["channel"], done) == (True, 15, {"frames": 8})
    heard = packets(tmp_path / "air.pcapng")
    assert len(heard) == 8
    assert all(ends_in_kermit(packet.psdu) and packet.channel == 15 for packet in heard)


def test_a_named_pipe_is_fed_as_frames_come(meterbench, link: str, tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reading = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reading.start()
    code, out, _ = meterbench("capture", link, "--channel", 15, "--out", pipe, "--count", 2)
    assert (code, out) == (0, f"{link} listens on channel 15\n2 frames\n")
    reading.join()
    (tmp_path / "piped.pcapng").write_bytes(got[0])
    assert len(packets(tmp_path / "piped.pcapng")) == 2


def test_the_networks_that_answer_are_told(meterbench, link: str) -> None:
    code, out, err = meterbench("capture", link, "--networks", "--channel", 15, "--json")
    assert (code, err) == (0, "")
    *found, ended = map(json.loads, out.splitlines())
    assert ended == {"networks": len(found)}
    hub = next(each for each in found if each["short"] == "0000")
    assert (hub["channel"], hub["joinable"]) == (15, False), "everybody is in"
    assert {each["pan_id"] for each in found} == {hub["pan_id"]}
    assert len(hub["extended_pan_id"]) == 16
    assert -100 <= hub["rssi"] <= -35
    code, out, _ = meterbench("capture", link, "--networks", "--channel", 26)
    assert (code, out) == (0, "0 answers\n")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ((SPELLING, "--zep"), 2, "say which --channel"),
        ((SPELLING, "--networks", "--zep"), 2, "--networks records nothing"),
        ((SPELLING, "--networks"), 3, "connection refused"),
        (("tcp:127.0.0.1:1", "--channel", 15, "--zep"), 2, "a dongle is spinel:LINK"),
        ((SPELLING, "--channel", 15), 2, "say where to"),
        ((SPELLING, "--channel", 27, "--zep"), 2, "27 is not in the range"),
        ((SPELLING, "--channel", 15, "--zep"), 3, "connection refused"),
        (("spinel:udp:127.0.0.1:1", "--channel", 15, "--zep"), 2, "tcp, pty or serial"),
    ],
)
def test_what_cannot_be_recorded(meterbench, arguments: tuple[object, ...], code: int, reason: str) -> None:
    got, _, err = meterbench("capture", *arguments)
    assert (got, reason in err) == (code, True), err
