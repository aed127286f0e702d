"""docs/requirements.md: all rows are there, and no state goes further than the marks that tests carry."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ALL = [f"S-{number:03}" for number in range(1, 178)]


def marks(tests: Path) -> dict[str, set[bool]]:
    """Row id -> what the marks in the tests' source say: {part} for each `req(...)`."""
    found: dict[str, set[bool]] = {}
    for path in sorted(tests.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "req"):
                continue
            part = any(k.arg == "part" and ast.literal_eval(k.value) for k in node.keywords)
            for argument in node.args:
                found.setdefault(str(ast.literal_eval(argument)), set()).add(part)
    return found


def stated(root: Path) -> dict[str, str]:
    page = (root / "docs" / "requirements.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| (S-\d{3}) \|.*\| (shown|part|not yet) \|$", page, flags=re.MULTILINE))


def test_page_lists_every_row(root: Path) -> None:
    assert list(stated(root)) == ALL


def test_marks_name_rows_that_exist(root: Path) -> None:
    assert marks(root / "tests").keys() <= set(ALL)


def test_page_says_what_the_marks_say(root: Path) -> None:
    marked = marks(root / "tests")
    expected = {id: "not yet" if id not in marked else "shown" if False in marked[id] else "part" for id in ALL}
    differing = {id: (state, expected[id]) for id, state in stated(root).items() if state != expected[id]}
    assert not differing, "run `make requirements`"


def test_words_are_there_for_every_row(traceability: ModuleType) -> None:
    words = {id: text for rows in traceability.chapters().values() for id, text in rows.items()}
    assert list(words) == ALL
    assert all(text and "|" not in text and "\n" not in text for text in words.values())


@pytest.mark.parametrize(
    "outcomes, state",
    [
        ([], "not yet"),
        ([("passed", False)], "shown"),
        ([("passed", True)], "part"),
        ([("passed", True), ("passed", False)], "shown"),
        ([("skipped", False)], "not yet"),
        ([("passed", False), ("failed", True)], "not yet"),
    ],
)
def test_state_comes_from_outcomes(outcomes: list[tuple[Any, bool]], state: str, traceability: ModuleType) -> None:
    collector = traceability.Collector()
    for number, (outcome, part) in enumerate(outcomes):
        collector.pytest_runtest_logreport(
            pytest.TestReport(
                nodeid=f"tests/test_x.py::test_{number}[case]",
                location=("", None, ""),
                keywords={},
                outcome=outcome,
                longrepr=None,
                when="call",
                user_properties=[("req", {"ids": ["S-012"], "part": part})],
            )
        )
    page = traceability.page(collector.rows, {"x": {"S-012": "words"}})
    assert re.search(rf"^\| S-012 \| words \| .*\| {state} \|$", page, flags=re.MULTILINE)
