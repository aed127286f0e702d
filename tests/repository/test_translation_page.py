"""docs/translation.md is the table that the hub goes by."""

from __future__ import annotations

from hubfw.device_facts import FACTS
from hubfw.translation_rows import ROWS
from hubfw.translation_tariffs import CALENDAR, RATES
from tests import translation


def test_the_page_is_what_the_table_says() -> None:
    assert translation.PAGE.read_text(encoding="utf-8") == translation.page(), "run .venv/bin/python -m tests.translation"


def test_every_row_is_there_and_each_order_too() -> None:
    page = translation.page()
    assert all(f"| {row.name} |" in page for row in ROWS)
    assert page.count("| write | next wake |") == sum(row.order is not None for row in ROWS) + 1  # the tariff's
    assert all(f"| {name} |" in page for name in (RATES, CALENDAR, FACTS))
