"""The lock files: every package pinned and hashed, no address in them, and one version of each across all of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

LOCKS = ("runtime", "dev", "peers", "fuzz")


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_and_hashed_and_no_address_is_named(lock: str, root: Path) -> None:
    text = (root / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert "://" not in text


def test_one_version_of_each_package(root: Path) -> None:
    runtime, dev, peers, fuzz = (pins(root / "requirements" / f"{lock}.lock") for lock in LOCKS)
    assert runtime.items() <= dev.items()
    for other in (peers, fuzz):
        assert not [name for name in other.keys() & dev.keys() if other[name] != dev[name]]


def test_runtime_lock_holds_what_the_project_declares(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[^A-Za-z0-9-]", requirement)[0].lower() for requirement in project["dependencies"]}
    assert declared <= pins(root / "requirements" / "runtime.lock").keys()


def test_judges_are_in_no_environment_of_ours(root: Path) -> None:
    ours = pins(root / "requirements" / "dev.lock")
    assert not [name for name in ours if name.startswith(("gurux", "pydlms", "dlms-cosem"))]
