"""What the papers say that functions cost: pounds a unit a year, by their source. Figures to reckon with."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple


class Cost(NamedTuple):
    """`pounds`: a year for each communications unit."""

    function: str
    pounds: Decimal
    source: str


OUTAGE_DETECTION: Final = Cost("outage detection", Decimal(1), "paper A, question 31")


def yearly(cost: Cost, units: int) -> Decimal:
    """Pounds a year for so many units."""
    return cost.pounds * units
