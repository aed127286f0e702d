"""The demo as a newcomer runs it: the whole day once, and what it leaves."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench import config
from tools.bench.day import BENCH


def meterbench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from tools.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("demo")
    return out, meterbench("demo", "--out", out)


def test_the_day_goes_as_it_should(day: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    out, done = day
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["problems"] == []
    assert summary["notices"] == ["LastGasp", "FirstBreath"]
    assert summary["virtual_seconds"] == 86_400
    assert summary["digest"] in done.stdout


def test_the_timeline_tells_the_story_in_order(day: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = day
    told = ["commissioned", "read electricity", "too short", "heard 0 notices", "LAST GASP", "FIRST BREATH", "hand-held"]
    found = [done.stdout.index(words) for words in told]
    assert found == sorted(found)
    for face in ("\nihd\n", "\nppmid\n", "\nhht\n"):
        assert face in done.stdout
    assert "\r" not in done.stdout  # no progress bar where nobody watches


def test_it_leaves_keys_for_their_owner_only_and_a_journal_that_replays(
    day: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    out, _ = day
    assert stat.S_IMODE((out / "zigbee_pc_keys").stat().st_mode) == 0o600
    assert (out / "home.pcapng").stat().st_size > 1_000_000
    replayed = meterbench("replay", out / "journal.jsonl")
    assert (replayed.returncode, replayed.stderr) == (0, "")


def test_a_folder_that_cannot_be_made_is_one_line_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = meterbench("demo", "--out", tmp_path / "file" / "out")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "--out" in done.stderr


def test_the_demos_home_is_the_commented_bench_file(request: pytest.FixtureRequest) -> None:
    declared = config.load(request.config.rootpath / "fixtures" / "benches" / "home.toml")
    assert declared.home == BENCH.home
    assert (declared.seed, declared.access, declared.wan) == (BENCH.seed, BENCH.access, BENCH.wan)
