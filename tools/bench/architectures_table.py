"""Comparisons as a table: a row an item, a column an architecture. The same rows are a page of the documents and a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tools.bench.architectures import SERVICES, Amount, Comparison

LEGS: Final = ("HAN", "HAN sub-GHz", "M-Bus", "wired", "WAN")
ABSENT: Final = "-"
NOTHING: Final = "nothing"
_NONE: Final = Amount(0, 0)


def rows(comparisons: Sequence[Comparison]) -> Iterator[list[str]]:
    """The head first. Amounts are messages / octets; a failure's cell says how many services are lost with it."""
    yield ["", *(each.bench for each in comparisons)]
    yield ["electricity meter reached after", *(_seconds(each.electricity_s) for each in comparisons)]
    yield ["home complete after", *(_seconds(each.commissioned_s) for each in comparisons)]
    for leg in LEGS:
        yield [f"until then, {leg}", *(_amount(each.commissioning.get(leg, _NONE)) for each in comparisons)]
    for leg in LEGS:
        yield [f"running, {leg}", *(_amount(each.running.get(leg, _NONE)) for each in comparisons)]
    for service in SERVICES:
        yield [service, *("yes" if service in each.services else ABSENT for each in comparisons)]
    yield ["failures that cost a service", *(str(sum(map(bool, each.failures.values()))) for each in comparisons)]
    yield ["services lost by them", *(str(sum(map(len, each.failures.values()))) for each in comparisons)]
    for failure in dict.fromkeys(name for each in comparisons for name in each.failures):
        yield [failure, *(_lost(each, failure) for each in comparisons)]


def _seconds(seconds: float | None) -> str:
    return ABSENT if seconds is None else f"{seconds:.1f} s"


def _amount(amount: Amount) -> str:
    return f"{amount.messages:,} / {amount.octets:,}" if amount.messages else ABSENT


def _lost(comparison: Comparison, failure: str) -> str:
    lost = comparison.failures.get(failure)
    return ABSENT if lost is None else f"{len(lost)} of {len(comparison.services)}" if lost else NOTHING


def names(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Each failure with the services lost."""
    for failure, lost in comparison.failures.items():
        yield failure, ", ".join(lost) or NOTHING


def text(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Lines for a terminal: the table, then what each failure costs."""
    table = list(rows(comparisons))
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        first, *others = zip(row, widths, strict=True)
        yield "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])
    for each in comparisons:
        yield ""
        yield f"{each.bench}: what is lost when"
        for failure, lost in names(each):
            yield f"  {failure:<32}{lost}"


def markdown(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """The same as a page's."""
    head, *body = rows(comparisons)
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in body:
        yield f"| {' | '.join(row)} |"
    for each in comparisons:
        yield ""
        yield f"### {each.bench}: what is lost when"
        yield ""
        for failure, lost in names(each):
            yield f"- {failure}: {lost}"
