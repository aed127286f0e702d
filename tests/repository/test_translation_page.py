"""docs/translation.md is the table that the hub goes by."""

from __future__ import annotations

from hubfw.device_facts import FACTS
from hubfw.translation_account import CALLS, CELLS, activations
from hubfw.translation_days import LABELS, SPECIAL_DAYS
from hubfw.translation_payments import LOGS
from hubfw.translation_refused import REFUSED
from hubfw.translation_rows import ROWS
from hubfw.translation_tariffs import CALENDAR, RATES
from tests import translation

TARIFF = 3
"""Orders of a write: prices, special days, names of tiers."""


def test_the_page_is_what_the_table_says() -> None:
    assert translation.PAGE.read_text(encoding="utf-8") == translation.page(), "run .venv/bin/python -m tests.translation"


def test_every_row_is_there_and_each_order_too() -> None:
    page = translation.page()
    assert all(f"| {row.name} |" in page for row in ROWS)
    written = sum(row.order is not None for row in ROWS) + sum(cell.write is not None for cell in CELLS) + TARIFF
    assert page.count("| write | next wake |") == written + 1  # the account's time of activation
    assert all(f"| {name} |" in page for name in (RATES, CALENDAR, FACTS, SPECIAL_DAYS, LABELS))
    for cell in CELLS:
        assert f"| {str(cell.name).removesuffix('.255')} | {cell.kind.class_id}, {cell.member.number} |" in page
    orders = [(name, member) for name, _, member, _, _ in activations()] + [(call.name, call.method) for call in CALLS]
    assert all(member.name in page for _, member in orders)
    assert all(f"| {log.name} |" in page for log in LOGS)
    assert all(f"| {row.what} |" in page for row in REFUSED)
