"""`meterbench doctor`, and that nobody else provides our four top-level packages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tools.cli.doctor import PACKAGES, foreign_owners


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_else_provides_our_packages(package: str) -> None:
    assert foreign_owners(package) == []


def test_another_distribution_with_our_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").touch()
    metadata = tmp_path / "intruder-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: intruder\nVersion: 1.0\n")
    (metadata / "RECORD").write_text("tools/__init__.py,,\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert foreign_owners("tools") == ["intruder"]
    assert foreign_owners("devices") == []


def test_it_says_what_is_here_and_what_would_be_enabled(meterbench, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = meterbench("doctor")
    assert (code, err) == (0, "")
    assert "MISSING" not in out
    monkeypatch.setattr("tools.cli.doctor.shutil.which", lambda name, path: None)
    code, out, _ = meterbench("doctor")
    assert code == 0
    assert "would enable: looking into captures" in out


def test_what_is_required_and_missing_is_exit_code_one(meterbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.cli.doctor._version", lambda name: None)
    code, out, err = meterbench("doctor", "--json")
    assert code == 1
    missing = [finding["name"] for finding in json.loads(out) if finding["required"] and not finding["found"]]
    assert "msgspec" in missing
    assert err.startswith("meterbench: missing: ")
