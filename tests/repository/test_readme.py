"""What the README shows as Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_ten_lines_read_a_meter_in_a_home(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (lines,) = [block for block in BLOCKS if "with bench(" in block]
    assert len([line for line in lines.splitlines() if line]) <= 10
    monkeypatch.chdir(ROOT)
    exec(compile(lines, "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert re.match(r"[1-9][0-9]* Wh \[\(datetime\.datetime\(2026, 1, 14, 0, 30", said)


def test_nothing_else_is_shown_untried() -> None:
    assert len(BLOCKS) == 1
