"""Lengths of time on the command line."""

from __future__ import annotations

import click
import pytest

from tools.cli.duration import duration
from tools.cli.run import pace


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("90s", 90),
        ("30m", 1800),
        ("24h", 86_400),
        ("2d", 172_800),
        ("1.5h", 5400),
        ("250ms", 0.25),
        ("2D", 172_800),
        ("3660d", 316_224_000),
    ],
)
def test_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds * 1_000_000_000


@pytest.mark.parametrize("text", ["", "90", "s", "-1h", "1h30m", "1 week", "\u0661h", "0s", "0.0000000001s", "3661d", "1h\n"])
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(click.BadParameter) as refused:
        duration(text)
    assert "length of time" in refused.value.message or "between" in refused.value.message


@pytest.mark.parametrize("text, virtual", [("max", None), ("1", 1.0), ("0.5", 0.5), ("3600", 3600.0)])
def test_a_pace(text: str, virtual: float | None) -> None:
    assert pace(text) == virtual


@pytest.mark.parametrize("text", ["", "fast", "0", "-1", "nan", "inf", "1e9"])
def test_no_pace(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither"):
        pace(text)
