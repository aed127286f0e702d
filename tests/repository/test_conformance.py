"""docs/dlms-conformance.md: all rows are there, and no state goes further than the marks that tests carry."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conformance
from tests.outcomes import Row

COLLECT = """
import json, sys, pytest

class Marks:
    def pytest_collection_modifyitems(self, items):
        found = [(row, bool(mark.kwargs.get("part"))) for item in items for mark in item.iter_markers("dlms") for row in mark.args]
        print("marks", json.dumps(sorted(set(found))))

sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "tests"], plugins=[Marks()]))
"""


@pytest.fixture(scope="module")
def marks(root: Path) -> dict[str, set[bool]]:
    """Row -> what the marks that tests carry say: {part} for each `dlms(...)`."""
    done = subprocess.run([sys.executable, "-c", COLLECT], cwd=root, capture_output=True, text=True, timeout=280, check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("marks ")] or [done.stdout + done.stderr]
    found: dict[str, set[bool]] = {}
    for row, part in json.loads(line.removeprefix("marks ")):
        found.setdefault(row, set()).add(part)
    return found


def stated(page: str) -> dict[str, str]:
    """Row -> state, as the page has it."""
    found: dict[str, str] = {}
    for number, table in re.findall(r"^### (\d+) .*\n\n((?:\|.*\n)+)", page, flags=re.MULTILINE):
        for what, state in re.findall(r"^\| ((?:attribute|method) \d+) \| [^|]* \| ([a-z ]+) \|", table, flags=re.MULTILINE):
            found[f"class {number} {what}"] = state
    for row, server, client in re.findall(
        r"^\| ([^|]+) \| (shown|part|not yet|-) \| (shown|part|not yet|-) \| (?:yes)? ?\|", page, flags=re.MULTILINE
    ):
        found |= {f"{side} {row}": state for side, state in (("server", server), ("client", client)) if state != "-"}
    return found


@pytest.fixture(scope="module")
def page() -> str:
    text: str = conformance.PAGE.read_text(encoding="utf-8")
    return text


def test_page_lists_every_row(page: str) -> None:
    assert stated(page).keys() == conformance.known()


def test_page_says_what_the_marks_say(page: str, marks: dict[str, set[bool]]) -> None:
    expected = {row: "not yet" if row not in marks else "shown" if False in marks[row] else "part" for row in conformance.known()}
    differing = {row: (state, expected.get(row)) for row, state in stated(page).items() if state != expected.get(row)}
    assert not differing, "run `make conformance`"


def test_marks_name_rows_that_exist(marks: dict[str, set[bool]]) -> None:
    assert marks.keys() <= conformance.known()


def test_page_is_made_of_what_was_seen() -> None:
    rows = {
        "server GET normal": Row(full={"tests/peers/test_x.py::test_a"}),
        "client GET normal": Row(partial={"tests/test_y.py::test_b"}),
        "class 3 attribute 2": Row(full={"tests/test_y.py::test_b"}, failed={"tests/test_y.py::test_c"}),
        "class 3 method 1": Row(full={"tests/test_y.py::test_b"}),
    }
    text = conformance.page(rows)
    states = stated(text)
    assert states.keys() == conformance.known()
    assert {row: state for row, state in states.items() if state != "not yet"} == {
        "server GET normal": "shown", "client GET normal": "part", "class 3 method 1": "shown",
    }  # fmt: skip
    assert re.search(r"^\| 19 \| get \| yes \| GET normal \| shown \| part \|$", text, flags=re.MULTILINE)
    assert "| GET normal | shown | part | yes | [test_a](../tests/peers/test_x.py)<br>[test_b](../tests/test_y.py) |" in text


def test_every_bit_of_the_block_is_in_the_list() -> None:
    assert len(conformance.asked().bits) == 22
