"""What a run of the tests says about a row of a page: shown, part or not yet, and by which tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

SHOWN, PART, NOT_YET = "shown", "part", "not yet"


@dataclass
class Row:
    """What one run found out about one row: tests (node ids without parameters) that carry it, by outcome."""

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


def links(tests: Iterable[str]) -> str:
    """Tests as Markdown, one a line of a cell."""
    return "<br>".join(f"[{test.rpartition('::')[2]}](../{test.partition('::')[0]})" for test in tests)


def counted(states: list[str]) -> str:
    """How many rows are in each state."""
    return ", ".join(f"{states.count(state)} {state}" for state in (SHOWN, PART, NOT_YET))
