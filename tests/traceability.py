"""Runs the tests and writes docs/requirements.md: each row of docs/requirements.toml, its tests, its state.

`make requirements` runs this file as a program. A row is `shown` when a test that carries it in full passed and none
that carries it failed, `part` when only tests marked `part=True` passed, and `not yet` otherwise: a mark alone counts
for nothing, and neither does a skipped test. Exit: pytest's own code.
"""

from __future__ import annotations

import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "requirements.toml"
PAGE = ROOT / "docs" / "requirements.md"
# They judge the page that this run is about to write.
PAGE_TESTS = "tests/repository/test_requirements.py::test_page"
SHOWN, PART, NOT_YET = "shown", "part", "not yet"

INTRO = """\
# Requirements and the tests that show them

Three public consultation papers on GB smart metering say what such a system must do: A (2011, licence and technical
specification), B (SMETS2 comments and appendices), C (2019, SMETS1 enrolment). Each row is one behaviour, in our words.

`make requirements` runs every test and writes this page. **shown**: a test that would fail if the behaviour broke has
passed. **part**: the tests that passed show some of it. **not yet**: nothing shows it.
"""


@dataclass
class Row:
    """What one run found out about one requirement: tests (node ids without parameters) that carry it, by outcome."""

    full: set[str] = field(default_factory=set)
    partial: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    @property
    def state(self) -> str:
        if self.failed:
            return NOT_YET
        return SHOWN if self.full else PART if self.partial else NOT_YET

    @property
    def tests(self) -> list[str]:
        return sorted(self.full | self.partial | self.failed)


class Collector:
    """pytest plugin: reads the `req` properties that conftest.py puts on each report (xdist carries them here)."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, Row] = defaultdict(Row)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed and not (report.when == "call" and report.passed):
            return
        test = report.nodeid.partition("[")[0]
        for name, value in report.user_properties:
            if name != "req":
                continue
            assert isinstance(value, dict)
            for id in value["ids"]:
                row = self.rows[id]
                (row.failed if report.failed else row.partial if value["part"] else row.full).add(test)


def chapters() -> dict[str, dict[str, str]]:
    """Title of each chapter -> {row id -> our words}."""
    return {chapter["title"]: chapter["rows"] for chapter in tomllib.loads(SOURCE.read_text(encoding="utf-8")).values()}


def page(rows: Mapping[str, Row], titles: Mapping[str, Mapping[str, str]]) -> str:
    """The whole page as Markdown."""
    states = [rows.get(id, Row()).state for words in titles.values() for id in words]
    counts = ", ".join(f"{states.count(state)} {state}" for state in (SHOWN, PART, NOT_YET))
    lines = [INTRO, f"Of {len(states)} rows: {counts}.", ""]
    for title, words in titles.items():
        lines += [f"## {title}", "", "| row | behaviour | tests | state |", "| --- | --- | --- | --- |"]
        for id, text in words.items():
            row = rows.get(id, Row())
            lines.append(f"| {id} | {text.replace('|', chr(92) + '|')} | {_links(row.tests)} | {row.state} |")
        lines.append("")
    return "\n".join(lines)


def _links(tests: Iterable[str]) -> str:
    return "<br>".join(f"[{test.rpartition('::')[2]}](../{test.partition('::')[0]})" for test in tests)


def main(arguments: list[str]) -> int:
    collector = Collector()
    code = pytest.main(["-n", "auto", "--dist", "loadgroup", "--deselect", PAGE_TESTS, *arguments], plugins=[collector])
    titles = chapters()
    unknown = set(collector.rows) - {id for words in titles.values() for id in words}
    if unknown:
        print(f"marks name rows that are not in {SOURCE.name}: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 1
    PAGE.write_text(page(collector.rows, titles), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
