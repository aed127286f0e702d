"""tshark reads the story of a hub's exchange from `meterbench run`'s files: who came back, by which key, and what nobody did."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.bench import config
from tools.bench.exchange import SUCCESSOR
from tools.bench.run import Run
from tools.capture import keys
from tools.cli.main import run as meterbench

pytestmark = pytest.mark.needs("tshark")

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "hub-swap.toml"
DEVICES = ("esme", "gsme", "ihd", "ppmid", "cad")
EXCHANGE = 1800
"""Seconds after the beginning."""
AFTER = f"frame.time_relative > {EXCHANGE}"
CLOSED = "zbee_sec.encrypted_payload"
TRANSPORT_KEY, NETWORK_KEY = "zbee_aps.cmd.id == 5", "zbee_aps.cmd.key_type == 1"
REJOIN = "zbee_nwk.cmd.id == 6"
ASSOCIATION = "wpan.cmd == 1"
PERMIT = "zbee_zdp.cluster == 0x0036 || wpan.assoc_permit == 1"


class Story(NamedTuple):
    """What a run left behind in a folder, and what it said."""

    folder: Path
    said: str
    identities: dict[str, str]
    """Device to EUI-64 as tshark writes it."""
    hash_keys: dict[str, str]
    """Key in hexadecimal digits to its label in the key file."""

    def ask(self, wanted: str, *names: str) -> list[list[str]]:
        """tshark's fields of the packets that a display filter wants."""
        command = ["tshark", "-n", "-r", str(self.folder / "swap.pcapng"), "-Y", wanted, "-T", "fields"]
        for name in names or ("frame.number",):
            command += ["-e", name]
        environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(self.folder)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def label(self, digits: str) -> str:
        """Of the key that opened a frame, the innermost one."""
        return self.hash_keys[digits.rpartition(",")[2].replace(":", "")]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder, said = tmp_path_factory.mktemp("swap"), StringIO()
    files = ["--capture", str(folder / "swap.pcapng"), "--keys", str(folder / "zigbee_pc_keys")]
    with redirect_stdout(said):
        assert meterbench(["run", str(BENCH), "--until", "1h", *files]) == 0
    named = {label: f"{each.eui64:016x}" for label, each in Run(config.load(BENCH)).only.identities.items()}
    written = {label: ":".join(digits[at : at + 2] for at in range(0, 16, 2)) for label, digits in named.items()}
    labels = {key.hex(): label for label, key in keys.read(folder / "zigbee_pc_keys")}
    return Story(folder, said.getvalue(), written, labels)


@pytest.mark.req("S-025", part=True)
def test_the_run_tells_it(story: Story) -> None:
    for step in ("has handed over", "hub2 is put in its place", "the backup is restored", "nobody has paired one", "is erased"):
        assert re.search(rf"^\S+ +exchange .*{step}", story.said, re.MULTILINE), step
    told = re.findall(r"(\w+) +takes hub2 for its hub in place of hub$", story.said, re.MULTILINE)
    assert sorted(told) == sorted(DEVICES)
    assert "home1: exchange of the hub complete" in story.said


def test_every_frame_is_whole_and_in_the_clear(story: Story) -> None:
    assert story.ask(f"{CLOSED} || _ws.malformed || wpan.fcs_ok == 0", "frame.number", "_ws.col.Info") == []


@pytest.mark.req("S-025", part=True)
def test_each_device_comes_back_by_a_rejoin_and_what_its_old_link_key_hashes_to(story: Story) -> None:
    """The new hub's network key comes to it under that; the first one came under the install code."""
    wanted = (f"{TRANSPORT_KEY} && {NETWORK_KEY}", "zbee_aps.cmd.dst", "zbee_aps.cmd.src", "zbee.sec.key", "frame.time_relative")
    transports = [(to, source, story.label(key), float(at)) for to, source, key, at in story.ask(*wanted)]
    by_code = {to: source for to, source, label, at in transports if "install code key" in label}
    after = {to: (source, label, at) for to, source, label, at in transports if at > EXCHANGE}
    devices = {story.identities[label] for label in DEVICES}
    assert set(by_code) == set(after) == devices
    assert {source for source, _, _ in after.values()} == {story.identities[SUCCESSOR]}
    assert story.identities[SUCCESSOR] not in by_code.values()
    assert all(label.split(" key ")[0].endswith("swap-out") for _, label, _ in after.values())
    rejoined = story.ask(f"{REJOIN} && {AFTER} && zbee_nwk.security == 0", "zbee_nwk.src64", "frame.time_relative")
    asked = {eui64: float(at) for eui64, at in rejoined}
    assert all(0 < after[eui64][2] - asked[eui64] < 1 for eui64 in devices)


@pytest.mark.req("S-025", part=True)
def test_nobody_pairs_a_device_by_hand(story: Story) -> None:
    """No association, no joining opened on the air or told to the routers, and no order over the WAN but those of the exchange."""
    for rule in (ASSOCIATION, PERMIT):
        times = [float(row[0]) for row in story.ask(rule, "frame.time_relative")]
        assert times, rule
        assert max(times) < EXCHANGE, rule
    crossed = [bytes.fromhex(row[0]) for row in story.ask("!wpan", "data.data")]
    orders = Counter(apdu[3:11] for apdu in (one[8:] for one in crossed) if apdu[:2] in (b"\xc1\x01", b"\xc3\x01"))
    assert {descriptor.hex(" ") for descriptor in orders} == {
        "00 01 00 00 80 1e 06 ff",  # hand over, erase
        "00 12 00 00 2c 00 01 ff",  # the backup, block by block
        "00 01 00 00 80 1e 07 ff",  # what became of the old one
    }


def test_the_network_is_the_one_it_was_and_everybody_talks_on_it(story: Story) -> None:
    heard = story.ask("zbee_beacon", "frame.time_relative", "zbee_beacon.ext_panid")
    beacons = [(float(at), identifier) for at, identifier in heard]
    assert min(beacons)[0] < EXCHANGE < max(beacons)[0]
    assert len({identifier for _, identifier in beacons}) == 1
    talking = story.ask(f"zbee_zcl && {AFTER}", "zbee.sec.src64")
    assert len(talking) > 1000
    senders = {eui64 for row in talking for eui64 in row[0].split(",")}
    assert {story.identities[label] for label in (*DEVICES, SUCCESSOR)} <= senders
    assert story.identities["hub"] not in senders
