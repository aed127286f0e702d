"""What a wireless M-Bus heat meter is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from dataclasses import dataclass

from devices.parts.mbus_meter import Reporter


@dataclass(frozen=True, slots=True)
class Config(Reporter):
    """One meter."""

    start_kwh: int = 12_345
    kwh_a_year: int = 9_000
    flow_decidegrees: int = 650
    """Of the water that comes, tenths of a degree."""
    return_decidegrees: int = 400
    """Of the water that goes back."""
