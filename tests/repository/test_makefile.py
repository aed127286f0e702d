"""The front door, tried in a copy with a PATH of our own making and no network."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("make")

PROGRAMS = ("sh", "cat", "cksum", "dirname", "grep", "rm", "mkdir", "touch", "make", "sed", "awk", "id")


class Copy:
    """A copy of what set-up needs, in a folder with its own PATH: no Python but what the test puts there."""

    def __init__(self, root: Path, place: Path) -> None:
        self.place = place / "copy"
        self.bin = place / "bin"
        self.bin.mkdir(parents=True)
        shutil.copytree(root / "requirements", self.place / "requirements")
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(root / name, self.place)
        for name in PROGRAMS:
            found = shutil.which(name)
            assert found is not None, name
            (self.bin / name).symlink_to(found)

    def program(self, path: Path, body: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = {"PATH": str(self.bin)}
        return subprocess.run(arguments, cwd=self.place, env=path, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Copy:
    return Copy(root, tmp_path)


def test_help_names_every_target(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, flags=re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    shown = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+) ", shown, flags=re.MULTILINE)) == targets == set(phony.split())


@pytest.mark.parametrize("target", ["demo", "test"])
def test_no_interpreter_is_one_line_with_the_command(target: str, copy: Copy) -> None:
    done = copy.run("make", target)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("meterbench:")]
    assert len(said) == 1
    assert "apt-get install python3 python3-venv" in said[0]


def test_an_interpreter_that_exists_and_fails_is_passed_over(copy: Copy) -> None:
    copy.program(copy.bin / "python3.13", "echo 'command not found' >&2; exit 127")
    copy.program(copy.bin / "python3", f'case "$*" in *"import venv"*) exit 1;; esac; exec {sys.executable} "$@"')
    done = copy.run("requirements/venv.sh", "runtime")
    assert done.returncode == 3
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"apt-get install python{minor}-venv" in done.stderr
    assert "python3.13" not in done.stderr


def test_an_interpreter_too_old_is_passed_over(copy: Copy) -> None:
    copy.program(copy.bin / "python3", "exit 1")
    assert "Python 3.11 or later" in copy.run("requirements/venv.sh", "dev").stderr


def environment(copy: Copy) -> Path:
    """An environment whose Python is ours but for pip, which notes what it is asked to do."""
    notes = copy.place / "notes"
    copy.program(
        copy.place / ".venv" / "bin" / "python",
        f'case "$1 $2" in "-m pip") echo "$*" >> {notes};; *) exec {sys.executable} "$@";; esac',
    )
    return notes


def test_set_up_installs_by_hash_once_and_is_quiet_after(copy: Copy) -> None:
    notes = environment(copy)
    first = copy.run("requirements/venv.sh", "dev")
    assert first.returncode == 0, first.stderr
    asked = notes.read_text(encoding="utf-8")
    assert "--require-hashes -r requirements/dev.lock" in asked
    assert "--no-deps --no-build-isolation -e ." in asked
    for kind in ("dev", "runtime"):  # what tests need includes what the demo needs
        again = copy.run("requirements/venv.sh", kind)
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert notes.read_text(encoding="utf-8") == asked


def test_a_changed_lock_is_installed(copy: Copy) -> None:
    notes = environment(copy)
    copy.run("requirements/venv.sh", "runtime")
    before = notes.read_text(encoding="utf-8")
    with (copy.place / "requirements" / "runtime.lock").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    copy.run("requirements/venv.sh", "runtime")
    assert len(notes.read_text(encoding="utf-8")) > len(before)


def test_system_programs_without_root_print_the_command(copy: Copy) -> None:
    (copy.bin / "id").unlink()
    copy.program(copy.bin / "id", "echo 1000")
    assert "run: sudo apt-get install" in copy.run("make", "system-deps").stdout
