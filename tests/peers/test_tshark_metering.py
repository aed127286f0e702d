"""tshark, with the exported keys, names every question and answer of Metering in a capture of a living home, and finds none bad."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.peers.metering_day import live

pytestmark = pytest.mark.needs("tshark")

NAMED = {
    "Get Profile", "Get Profile Response", "Request Fast Poll Mode", "Request Fast Poll Mode Response", "Schedule Snapshot",
    "Schedule Snapshot Response", "Take Snapshot", "Take Snapshot Response", "Get Snapshot", "Publish Snapshot", "Start Sampling",
    "Start Sampling Response", "Get Sampled Data", "Get Sampled Data Response", "Change Supply", "Supply Status Response",
    "Local Change Supply", "Set Supply Status", "Reset Load Limit Counter", "Get Notified Message",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("metering")
    live(made)
    return made


def ask(folder: Path, wanted: str, *fields: str) -> list[list[str]]:
    arguments = [word for name in fields for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(folder / "home.pcapng"), "-Y", wanted, "-T", "fields", *arguments]
    environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_every_question_and_answer_is_named(folder: Path) -> None:
    infos = [row[0] for row in ask(folder, "zbee_zcl.type == 1 && zbee_aps.cluster == 0x0702", "_ws.col.Info")]
    named = {info.partition(": ")[2].partition(",")[0] for info in infos}
    assert named >= NAMED, NAMED - named


def test_none_is_malformed(folder: Path) -> None:
    assert ask(folder, "_ws.malformed || _ws.expert.severity == error", "frame.number", "_ws.col.Info") == []
