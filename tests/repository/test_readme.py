"""What README and the pages show runs as it stands: the Python, and every command, at a served bench where the page serves one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("README.md", "docs/dlms.md", "docs/zigbee.md", "docs/hub.md")
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in SHOWN}
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGES["README.md"], re.MULTILINE | re.DOTALL)
COMMANDS = [
    (name, line.removeprefix(".venv/bin/meterbench "))
    for name, page in PAGES.items()
    for line in re.findall(r"^\.venv/bin/meterbench .*$", page, re.MULTILINE)
]
WAN = "tcp:127.0.0.1:46873"
"""How the pages spell the hub's door."""
STARTED = ("serve", "listen")
"""Commands that go on until they are stopped."""
FREE = re.compile(r"tcp-listen:\d+")


def test_the_ten_lines_read_a_meter_in_a_home(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (lines,) = [block for block in BLOCKS if "with bench(" in block]
    assert len([line for line in lines.splitlines() if line]) <= 10
    monkeypatch.chdir(ROOT)
    exec(compile(lines, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert re.match(r"[1-9][0-9]* Wh \[\(datetime\.datetime\(2026, 1, 14, 0, 30", said)


def test_the_tests_of_a_user_pass(tmp_path: Path) -> None:
    (lines,) = [block for block in BLOCKS if "def test_" in block]
    (tmp_path / "test_user.py").write_text(lines)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--meterbench-seed", "7", "-q"]
    command += ["--meterbench", str(ROOT / "fixtures" / "benches" / "home.toml")]
    command += ["--hypothesis-profile", "ci"]  # Hypothesis's own: how long a busy machine takes for a draw is no failure
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_nothing_else_is_shown_untried() -> None:
    assert len(BLOCKS) == 2
    assert len(COMMANDS) > 20
    assert not re.findall(r"^ *(?:\$ *)?meterbench ", PAGES["README.md"] + PAGES["docs/dlms.md"], re.MULTILINE)


@pytest.fixture(scope="module")
def served(start_program: Callable[..., Any]) -> dict[str, str]:
    """The hub's door of the bench that a page serves."""
    benches = {name: line for name, line in reversed(COMMANDS) if line.startswith("serve ")}
    programs = {name: start_program(*shlex.split(line), "--ready-json", "--after", "2h") for name, line in benches.items()}
    return {name: program.endpoints["hub.wan"] for name, program in programs.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples name: a key file, a trace, a place for output."""
    place = tmp_path_factory.mktemp("examples")
    (keys,) = re.findall(r"^```toml\n(.*?)^```$", PAGES["docs/dlms.md"], re.MULTILINE | re.DOTALL)
    (place / "keys.toml").write_text(keys)
    (place / "trace.txt").write_text("TX: C0 02 C1 00 00 00 01\nRX: C4 01 C1 00 11 05\n")
    (place / "out").mkdir()
    return place


@pytest.mark.parametrize(("page", "line"), [pair for pair in COMMANDS if not pair[1].startswith(STARTED)])
def test_a_command_does_what_the_page_says(
    page: str, line: str, served: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    if not (folder / "fixtures").exists():
        (folder / "fixtures").symlink_to(ROOT / "fixtures")
    for name, before in COMMANDS:  # what a command reads, an earlier one of its page has written, whichever test runs first
        made = before.split()[-1]
        if name == page and before != line and made.startswith(("out/", "authority")) and made in line and not Path(made).exists():
            assert run(shlex.split(before)) == 0
            capsys.readouterr()
    code = run(shlex.split(line.replace(WAN, served.get(page, WAN))))
    said = capsys.readouterr()
    assert code == 0, said.err
    assert said.out


@pytest.mark.parametrize("line", [line for _, line in COMMANDS if line.startswith("listen")])
def test_a_command_that_waits(line: str, start_program: Callable[..., Any]) -> None:
    program = start_program(*shlex.split(FREE.sub("tcp-listen:0", line)))
    assert json.loads(program.first_line)["ready"]
    assert program.stop()[0] == 0


def test_the_first_line_of_serve_is_like_the_one_shown(start_program: Callable[..., Any]) -> None:
    (shown,) = re.findall(r'^\{"ready".*$', PAGES["README.md"], re.MULTILINE)
    bench = "fixtures/benches/home.toml"
    assert start_program("serve", bench, "--after", "1m").endpoints.keys() == json.loads(shown)["endpoints"].keys()


def test_every_bench_file_is_in_the_table_of_homes() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", PAGES["README.md"], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([a-z0-9-]+)`", row)]
    assert sorted(named) == sorted(path.stem for path in (ROOT / "fixtures" / "benches").glob("*.toml"))
