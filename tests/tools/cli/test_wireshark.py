"""`meterbench wireshark install`: the file is put where Wireshark looks, replaced, taken away, or only printed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

NAME = "meterbench_dlms.lua"


def test_installed_replaced_and_removed(meterbench, tmp_path: Path) -> None:
    folder, path = tmp_path / "new" / "plugins", tmp_path / "new" / "plugins" / NAME
    assert meterbench("wireshark", "install", "--folder", folder) == (0, f"installed: {path}\n", "")
    first = path.read_text()
    path.write_text("old")
    code, out, _ = meterbench("wireshark", "install", "--folder", folder, "--json")
    assert (code, json.loads(out)) == (0, {"path": str(path), "done": "replaced"})
    assert path.read_text() == first
    assert meterbench("wireshark", "install", "--folder", folder, "--remove") == (0, f"removed: {path}\n", "")
    assert not path.exists()
    assert meterbench("wireshark", "install", "--folder", folder, "--remove")[:2] == (0, f"was not there: {path}\n")


def test_printed_is_what_is_installed(meterbench, tmp_path: Path) -> None:
    meterbench("wireshark", "install", "--folder", tmp_path)
    code, out, err = meterbench("wireshark", "install", "--print")
    assert (code, out, err) == (0, (tmp_path / NAME).read_text(), "")


def test_wrong_use(meterbench, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, out, err = meterbench("wireshark", "install", "--folder", tmp_path / "file")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert meterbench("wireshark", "install", "--print", "--remove")[0] == 2
    assert meterbench("wireshark")[0] in (0, 2)


@pytest.mark.needs("tshark")
def test_tshark_finds_it_where_it_was_put(meterbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    code, out, _ = meterbench("wireshark", "install")
    assert code == 0
    assert out.startswith(f"installed: {tmp_path}")
    listed = subprocess.run(["tshark", "-G", "protocols"], capture_output=True, text=True, env=os.environ, timeout=60, check=True)
    assert "\tMBDLMS\tmbdlms\n" in listed.stdout
