"""Runs the tests and writes docs/requirements.md and docs/dlms-conformance.md: each row, its tests, its state.

`make requirements` runs this as a program, `make conformance` for the second page alone. A row is `shown` when a test that
carries it in full passed and none that carries it failed, `part` when only tests marked `part=True` passed, and `not yet`
otherwise: a mark alone counts for nothing, and neither does a skipped test. Exit: pytest's own code.
"""

from __future__ import annotations

import sys
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.outcomes import Row, counted, links

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "requirements.toml"
PAGE = ROOT / "docs" / "requirements.md"
# They judge the page that this run is about to write.
PAGE_TESTS = ("tests/repository/test_requirements.py::test_page", "tests/repository/test_conformance.py::test_page")
ALONE = "conformance"
"""Argument: run the marked tests only, and write that page only."""

INTRO = """\
# Requirements and the tests that show them

Three public consultation papers on GB smart metering say what such a system must do: A (2011, licence and technical
specification), B (SMETS2 comments and appendices), C (2019, SMETS1 enrolment). Each row is one behaviour, in our words.

`make requirements` runs every test and writes this page. **shown**: a test that would fail if the behaviour broke has
passed. **part**: the tests that passed show some of it. **not yet**: nothing shows it.
"""


class Collector:
    """pytest plugin: reads the `req` and `dlms` properties that conftest.py puts on each report (xdist carries them here)."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, Row] = defaultdict(Row)
        self.conformance: defaultdict[str, Row] = defaultdict(Row)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed and not (report.when == "call" and report.passed):
            return
        test = report.nodeid.partition("[")[0]
        for name, value in report.user_properties:
            if name not in ("req", "dlms"):
                continue
            assert isinstance(value, dict)
            for id in value["ids"]:
                row = (self.rows if name == "req" else self.conformance)[id]
                (row.failed if report.failed else row.partial if value["part"] else row.full).add(test)


def chapters() -> dict[str, dict[str, str]]:
    """Title of each chapter -> {row id -> our words}."""
    return {chapter["title"]: chapter["rows"] for chapter in tomllib.loads(SOURCE.read_text(encoding="utf-8")).values()}


def page(rows: Mapping[str, Row], titles: Mapping[str, Mapping[str, str]]) -> str:
    """The whole page as Markdown."""
    states = [rows.get(id, Row()).state for words in titles.values() for id in words]
    lines = [INTRO, f"Of {len(states)} rows: {counted(states)}.", ""]
    for title, words in titles.items():
        lines += [f"## {title}", "", "| row | behaviour | tests | state |", "| --- | --- | --- | --- |"]
        for id, text in words.items():
            row = rows.get(id, Row())
            lines.append(f"| {id} | {text.replace('|', chr(92) + '|')} | {links(row.tests)} | {row.state} |")
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    collector = Collector()
    alone = arguments[:1] == [ALONE]
    given = ["-m", "dlms", *arguments[1:]] if alone else arguments
    left_out = [word for test in PAGE_TESTS for word in ("--deselect", test)]
    code = pytest.main(["-n", "auto", "--dist", "loadscope", *left_out, *given], plugins=[collector])
    from tests import conformance  # it loads the project, which pytest wants to do itself

    titles = chapters()
    unknown = set(collector.rows) - {id for words in titles.values() for id in words}
    unknown |= set(collector.conformance) - conformance.known()
    if unknown:
        print(f"marks name rows that do not exist: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 1
    pages = {conformance.PAGE: conformance.page(collector.conformance)}
    if not alone:
        pages[PAGE] = page(collector.rows, titles)
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)} written")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
