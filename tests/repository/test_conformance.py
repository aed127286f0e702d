"""docs/dlms-conformance.md: all rows are there, and no state goes further than the marks that tests carry."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def conformance(traceability: ModuleType) -> ModuleType:
    found: ModuleType = traceability.conformance
    return found


def calls(tests: Path) -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(tests.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.dlms"):
                yield path, node


def marks(tests: Path) -> dict[str, set[bool]]:
    """Row -> what the marks in the tests' source say: {part} for each `dlms(...)`. Rows are literals, or made of ranges."""
    found: dict[str, set[bool]] = {}
    for path, call in calls(tests):
        part = any(keyword.arg == "part" and ast.literal_eval(keyword.value) for keyword in call.keywords)
        rows = ast.fix_missing_locations(ast.Expression(ast.List(call.args, ast.Load())))
        try:
            for row in eval(compile(rows, str(path), "eval"), {"__builtins__": {"range": range}}):
                found.setdefault(str(row), set()).add(part)
        except NameError as error:
            pytest.fail(f"{path.name}, line {call.lineno}: rows of a mark are literals or made of ranges: {error}")
    return found


def stated(page: str) -> dict[str, str]:
    """Row -> state, as the page has it."""
    found: dict[str, str] = {}
    for number, table in re.findall(r"^### (\d+) .*\n\n((?:\|.*\n)+)", page, flags=re.MULTILINE):
        for what, state in re.findall(r"^\| ((?:attribute|method) \d+) \| [^|]* \| ([a-z ]+) \|", table, flags=re.MULTILINE):
            found[f"class {number} {what}"] = state
    for row, server, client in re.findall(
        r"^\| ([^|]+) \| (shown|part|not yet) \| (shown|part|not yet) \| (?:yes)? ?\|", page, flags=re.MULTILINE
    ):
        found[f"server {row}"], found[f"client {row}"] = server, client
    return found


@pytest.fixture(scope="module")
def page(conformance: ModuleType) -> str:
    text: str = conformance.PAGE.read_text(encoding="utf-8")
    return text


def test_page_lists_every_row(page: str, conformance: ModuleType) -> None:
    assert stated(page).keys() == conformance.known()


def test_page_says_what_the_marks_say(page: str, root: Path, conformance: ModuleType) -> None:
    marked = marks(root / "tests")
    expected = {
        row: "not yet" if row not in marked else "shown" if False in marked[row] else "part" for row in conformance.known()
    }
    differing = {row: (state, expected[row]) for row, state in stated(page).items() if state != expected[row]}
    assert not differing, "run `make conformance`"


def test_marks_name_rows_that_exist(root: Path, conformance: ModuleType) -> None:
    assert marks(root / "tests").keys() <= conformance.known()


def test_page_is_made_of_what_was_seen(conformance: ModuleType, traceability: ModuleType) -> None:
    rows = {
        "server GET normal": traceability.Row(full={"tests/peers/test_x.py::test_a"}),
        "client GET normal": traceability.Row(partial={"tests/test_y.py::test_b"}),
        "class 3 attribute 2": traceability.Row(full={"tests/test_y.py::test_b"}, failed={"tests/test_y.py::test_c"}),
        "class 3 method 1": traceability.Row(full={"tests/test_y.py::test_b"}),
    }
    text = conformance.page(rows)
    states = stated(text)
    assert states.keys() == conformance.known()
    assert {row: state for row, state in states.items() if state != "not yet"} == {
        "server GET normal": "shown", "client GET normal": "part", "class 3 method 1": "shown",
    }  # fmt: skip
    assert re.search(r"^\| 19 \| get \| GET normal \| shown \| part \|$", text, flags=re.MULTILINE)
    assert "| GET normal | shown | part | yes | [test_a](../tests/peers/test_x.py)<br>[test_b](../tests/test_y.py) |" in text


def test_every_bit_of_the_block_is_in_the_list(conformance: ModuleType) -> None:
    assert len(conformance.asked().bits) == 22
