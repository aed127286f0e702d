"""docs/architectures.md: architectures of paper B side by side, as they run. `python -m tests.architectures` writes the page."""

from __future__ import annotations

from pathlib import Path

from tools.bench import config
from tools.bench.architectures import Comparison, compare
from tools.bench.architectures_table import markdown

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architectures.md"
BENCHES = ("stand-alone", "wired", "wired-flag", "dual-band", "gas-by-mbus", "gas-first", "gas-direct", "hub-prepayment")
HOURS = 2

INTRO = f"""\
# Architectures side by side

The hub apart from the meter or on its wire, gas by this radio or that one, or with no hub at all: each column is a file of
`fixtures/benches`, and every figure is measured in a run. Amounts are messages / octets on the medium, until the home is complete
and in the {HOURS} hours after that, while the head end reads each meter once an hour. Then each thing in the home that can fail
does, in a run of its own, and 100 minutes later every service that worked before is asked for again: read and switched by the head
end, shown on the display. `make requirements` writes this page; `meterbench compare BENCH.toml...` prints the table for
other homes.

A stand-alone hub needs a radio in the electricity meter and its commissioning, though the two hang side by side: compare the
first column with the second. What the wire saves in messages it costs in a part that both share: a hub fed by its meter is
gone with the plug. On a wire that speaks FLAG there are registers, and neither half hours nor the load switch. A display
reads electricity from the meter by radio, and from the hub where the meter is on its wire.
A gas meter with its own way to the head end (`gas-direct`) has the fewest parts that can fail, and no display; it pays with its
battery, and between its calls nobody reaches it.
"""


def comparisons() -> list[Comparison]:
    """Measured afresh."""
    return [compare(config.load(ROOT / "fixtures" / "benches" / f"{name}.toml"), HOURS) for name in BENCHES]


def page(found: list[Comparison]) -> str:
    """The page as it should be."""
    return "\n".join([INTRO, *markdown(found)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(comparisons()), encoding="utf-8")
