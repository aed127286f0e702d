"""What the papers say that functions cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tools.headend.costs import OUTAGE_DETECTION, yearly


@pytest.mark.req("S-008")
def test_outage_detection_is_a_pound_a_unit_a_year():
    assert OUTAGE_DETECTION.pounds == 1
    assert yearly(OUTAGE_DETECTION, 28_000_000) == Decimal(28_000_000)
