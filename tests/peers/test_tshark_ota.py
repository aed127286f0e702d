"""tshark, with the exported keys, opens a firmware update: commands are named, and the image is put together from what it read."""

from __future__ import annotations

import os
import subprocess
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

import hubfw
from devices.parts.ota import FIRST_VERSION, MANUFACTURER, SIGNER
from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.ota.image import File, seal
from protocols.zigbee.ota.server import NOT_YET
from tools.bench.commissioning import commission
from tools.bench.config import loads
from tools.bench.day import BENCH
from tools.bench.run import Run
from tools.capture import keys
from tools.capture.observer import Capture

pytestmark = pytest.mark.needs("tshark")

START = 1_768_348_800 * S
FILE = File(MANUFACTURER, 0x0502, 0x02000000)
DATA = "zbee_aps.cluster == 0x0019 && zbee_aps.type == 0"
OTA = "zbee_zcl_general.ota"
BLOCK_RESPONSE = f"{OTA}.cmd.srv_tx.id == 0x05"


PACED = """
[[firmware]]
device = "ihd"
version = "02000000"
octets = 900
after_min = 1
activate_after_min = 4
[[home]]
[[home.device]]
kind = "hub"
firmware_block = 32
firmware_block_ms = 250
[[home.device]]
kind = "ihd"
at = [2, 2]
"""


class Update(NamedTuple):
    """A capture of a home where both displays got new firmware, and when they were to start it (seconds since 2000)."""

    folder: Path
    image: bytes
    upgrade_time: int

    def ask(self, wanted: str, *names: str) -> list[list[str]]:
        """tshark's fields of the packets that a display filter wants."""
        command = ["tshark", "-n", "-r", str(self.folder / "home.pcapng"), "-Y", wanted, "-T", "fields"]
        for name in names:
            command += ["-e", name]
        environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(self.folder)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
        return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def update(tmp_path_factory: pytest.TempPathFactory) -> Update:
    folder = tmp_path_factory.mktemp("update")
    run = Run(BENCH, start_ns=START)
    with Capture(folder / "home.pcapng", run.kernel, "test"):
        commission(run)
        assert isinstance(run.hub.firmware, hubfw.Firmware)
        issuer, random = run.only.authority, Random(2).getrandbits
        assert issuer is not None
        contents = bytes(random(8) for _ in range(1500))
        image = seal(FILE, contents, text="display 2", hardware=(1, 1), signer=issuer.issue(SIGNER, random), random=random)
        upgrade_time = run.kernel.utc // S - EPOCH + 120
        run.hub.firmware.images.offer(image, upgrade_time)
        run.run(for_=5 * MIN)
    keys.write(folder / "zigbee_pc_keys", run.zigbee_keys())
    return Update(folder, image, upgrade_time)


def test_nothing_of_it_is_malformed_or_closed(update: Update) -> None:
    rows = update.ask(DATA, "frame.protocols", "zbee_sec.encrypted_payload", "_ws.malformed")
    assert len(rows) > 100
    assert {row[0].rpartition(":")[2] for row in rows} <= {"zbee_zcl_general.ota", "zbee_zcl"}
    assert {tuple(row[1:]) for row in rows} == {("", "")}


def test_every_command_is_named(update: Update) -> None:
    named = {row[0].partition(": ")[2].partition(",")[0] for row in update.ask(DATA, "_ws.col.Info")}
    assert named >= {
        "Image Notify", "Query Next Image Request", "Query Next Image Response", "Image Block Request", "Image Page Request",
        "Image Block Response", "Upgrade End Request", "Upgrade End Response",
    }  # fmt: skip


def test_the_image_is_there_as_the_hub_was_given_it(update: Update) -> None:
    """For each display, from the offsets and octets that tshark reads."""
    rows = update.ask(f"{BLOCK_RESPONSE} && {OTA}.status == 0", "zbee_nwk.dst", f"{OTA}.file.offset", f"{OTA}.image.data")
    images: dict[str, bytearray] = {}
    for display, offset, data in rows:
        octets = bytes.fromhex(data.replace(":", ""))
        image = images.setdefault(display, bytearray(len(update.image)))
        at = int(offset, 0)
        image[at : at + len(octets)] = octets
    assert [bytes(image) for image in images.values()] == [update.image] * 2


def test_versions_sizes_and_times_are_ours(update: Update) -> None:
    (asked, *_) = update.ask(f"{OTA}.cmd.srv_rx.id == 0x01", f"{OTA}.manufacturer_code", f"{OTA}.image.type", f"{OTA}.file.version")
    assert [int(value, 0) for value in asked] == [MANUFACTURER, FILE.image_type, FIRST_VERSION]
    offers = update.ask(f"{OTA}.cmd.srv_tx.id == 0x02 && {OTA}.status == 0", f"{OTA}.file.version", f"{OTA}.image.size")
    assert {tuple(int(value, 0) for value in offer) for offer in offers} == {(FILE.version, len(update.image))}
    after = update.ask(f"{OTA}.cmd.srv_rx.id == 0x01", f"{OTA}.file.version")[-1]
    assert int(after[0], 0) == FILE.version
    assert len(update.ask(f"{OTA}.cmd.srv_tx.id == 0x07", f"{OTA}.upgrade_time")) >= 2


def test_increments_are_of_the_size_and_pace_that_the_hub_was_told_and_the_word_comes_apart(tmp_path: Path) -> None:
    """What the head end handed in: no block is larger or earlier, and "not yet" stands until the activation was ordered."""
    run = Run(loads(PACED), start_ns=START)
    ordered: list[int] = []
    run.log.subscribe(lambda now, who, kind, data: ordered.append(now // S), ["hub.image-activated"])
    with Capture(tmp_path / "home.pcapng", run.kernel, "test"):
        run.run(for_=6 * MIN)
    keys.write(tmp_path / "zigbee_pc_keys", run.zigbee_keys())
    paced = Update(tmp_path, b"", 0)
    blocks = paced.ask(f"{BLOCK_RESPONSE} && {OTA}.status == 0", "frame.time_epoch", f"{OTA}.data_size")
    sizes = [int(size, 0) for _, size in blocks]
    assert set(sizes[:-1]) == {32}
    times = [float(time) for time, _ in blocks]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.249
    waits = paced.ask(f"{BLOCK_RESPONSE} && {OTA}.status == 0x97", f"{OTA}.request_time")
    assert len(waits) == 1  # the period, its last field, tshark does not read here
    asked = paced.ask(f"{OTA}.cmd.srv_rx.id == 0x03", f"{OTA}.min_block_period")
    assert [row[0] for row in asked[:2]] == ["", ""]
    assert {int(row[0], 0) for row in asked[2:]} == {250}
    words = paced.ask(f"{OTA}.cmd.srv_tx.id == 0x07", "frame.time_epoch", f"{OTA}.current_time", f"{OTA}.upgrade_time")
    assert [upgrade for _, _, upgrade in words] == [str(NOT_YET), words[1][1]]
    assert ordered[0] <= float(words[1][0]) - START // S < ordered[0] + 2
