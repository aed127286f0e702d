"""docs/data-model.md says what data a bench has."""

from __future__ import annotations

import pytest

from tests import data_model


@pytest.fixture(scope="module")
def page() -> str:
    return data_model.page()


@pytest.mark.req("S-070")
def test_the_page_is_what_is_declared_and_what_is_in_flash(page: str) -> None:
    assert data_model.PAGE.read_text(encoding="utf-8") == page, "run `make requirements`, or .venv/bin/python -m tests.data_model"


@pytest.mark.req("S-070")
def test_logical_and_physical_model_are_there(page: str) -> None:
    logical, _, physical = page.partition("## Physical: flash")
    for table in ("Bench", "Home", "Esme", "Gsme", "Hub", "Request", "Ticket"):
        assert f"### {table}\n" in logical
    assert "| home | list of [Home](#home) | must be given |" in logical
    assert "| retries" not in logical
    for device, key in (("hub", "device/*"), ("esme", "specification"), ("gsme", "gas/mirror")):
        assert f"| `{key}` |" in physical.partition(f"### {device}\n")[2].partition("###")[0]
