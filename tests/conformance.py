"""docs/dlms-conformance.md: the conformance block, services and security both sides, every class with its members.

Rows of services and the like are in docs/dlms-conformance.toml; classes, attributes and methods are what the code declares. A
bit of the conformance block is as good as the services that it promises.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from protocols.dlms.association import CONFORMANCE
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.initiate import Conformance
from tests.outcomes import NOT_YET, PART, SHOWN, Row, counted, links
from tools.decode.names import classes, word

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "dlms-conformance.toml"
PAGE = ROOT / "docs" / "dlms-conformance.md"
SIDES = ("server", "client")
JUDGES = "tests/peers/"

INTRO = """\
# DLMS/COSEM, row by row

What the Green Book and the Blue Book ask for, and which test would fail if it broke, for our server and for our client.
`make conformance` runs the tests that carry a mark `dlms` and writes this page.

**shown**: a test that shows it has passed. **part**: the tests that passed show some of it. **not yet**: nothing shows it.
**judged**: a program that nobody here wrote was at the other end, or read the same octets (Gurux, pydlms, tshark, openssl).
"""


@dataclass(frozen=True)
class Asked:
    """What docs/dlms-conformance.toml lists: bits with the rows that they promise, chapters with their rows and whose they are."""

    bits: Mapping[str, list[str]]
    chapters: Mapping[str, Mapping[str, tuple[str, ...]]]


def asked() -> Asked:
    """The file's rows. Raises ValueError for a bit that promises what is no row."""
    read = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    found = Asked(read["bits"], {chapter["title"]: dict(map(_sides, chapter["rows"])) for chapter in read["chapters"]})
    rows = {row for chapter in found.chapters.values() for row in chapter}
    unknown = sorted({row for promised in found.bits.values() for row in promised} - rows)
    if unknown or list(found.bits) != [word(bit) for bit in Conformance]:
        raise ValueError(f"{SOURCE.name}: bits that are not the block's, or promise no row: {', '.join(unknown)}")
    return found


def _sides(text: str) -> tuple[str, tuple[str, ...]]:
    row, at, side = text.partition(" @")
    return row, (side,) if at else SIDES


def members(versions: Iterable[type[InterfaceClass]]) -> dict[str, str]:
    """Row and name of each attribute and method that any version of a class has."""
    found: dict[str, str] = {}
    for kind in ("attribute", "method"):
        for version in versions:
            table: Mapping[int, object] = version.attributes if kind == "attribute" else version.methods
            for number in sorted(table):
                found[f"class {version.class_id} {kind} {number}"] = getattr(table[number], "name", "")
    return found


def known() -> set[str]:
    """Every row that a mark may name."""
    sided = {f"{side} {row}" for chapter in asked().chapters.values() for row, sides in chapter.items() for side in sides}
    return sided | {row for versions in classes().values() for row in members(versions)}


def page(rows: Mapping[str, Row]) -> str:
    """The whole page as Markdown."""
    source = asked()
    all_rows = sorted(known())
    states = [_row(rows, row).state for row in all_rows]
    lines = [INTRO, f"Of {len(all_rows)} rows: {counted(states)}.", "", "## Conformance block", ""]
    lines += ["| bit | name | agreed to | promises | server | client |", "| --- | --- | --- | --- | --- | --- |"]
    for bit, promised in zip(Conformance, source.bits.values(), strict=True):
        both = " | ".join(_together([_row(rows, f"{side} {row}").state for row in promised]) for side in SIDES)
        lines.append(f"| {24 - int(bit).bit_length()} | {word(bit)} | {_agreed(bit)} | {', '.join(promised)} | {both} |")
    for title, chapter in source.chapters.items():
        lines += ["", f"## {title}", "", "| row | server | client | judged | tests |", "| --- | --- | --- | --- | --- |"]
        for row, sides in chapter.items():
            found = {side: _row(rows, f"{side} {row}") for side in sides}
            tests = sorted({test for one in found.values() for test in one.tests})
            said = " | ".join(found[side].state if side in found else "-" for side in SIDES)
            lines.append(f"| {row} | {said} | {_judged(tests)} | {links(tests)} |")
    lines += ["", "## Interface classes"]
    for number, versions in classes().items():
        numbers = ", ".join(str(version.version) for version in versions)
        lines += ["", f"### {number} {versions[-1].__name__}, version {numbers}", ""]
        lines += ["| | name | state | judged | tests |", "| --- | --- | --- | --- | --- |"]
        for row, name in members(versions).items():
            seen = _row(rows, row)
            lines.append(
                f"| {row.removeprefix(f'class {number} ')} | {name} | {seen.state} | {_judged(seen.tests)} | {links(seen.tests)} |"
            )
    return "\n".join(lines) + "\n"


def _agreed(bit: Conformance) -> str:
    """Whether both our ends take a bit, when they talk to each other."""
    if bit is Conformance.GENERAL_PROTECTION:
        return "with ciphering"
    return "yes" if bit in CONFORMANCE else "no"


def _row(rows: Mapping[str, Row], row: str) -> Row:
    return rows.get(row, Row())


def _together(states: list[str]) -> str:
    """Shown when all are; part when any is more than nothing."""
    if states and all(state == SHOWN for state in states):
        return SHOWN
    return PART if any(state != NOT_YET for state in states) else NOT_YET


def _judged(tests: Iterable[str]) -> str:
    return "yes" if any(test.startswith(JUDGES) for test in tests) else ""
