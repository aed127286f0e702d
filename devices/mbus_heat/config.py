"""What a wireless M-Bus heat meter is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.wmbus.coding import T2, Mode
from protocols.wmbus.link import Address
from protocols.wmbus.telegram import Key

MINUTE = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """One meter."""

    address: Address
    key: Key
    """Shared with its gateway."""
    mode: Mode = T2
    period: int = 30 * MINUTE
    """Between reports (ns)."""
    start_kwh: int = 12_345
    kwh_a_year: int = 9_000
    flow_decidegrees: int = 650
    """Of the water that comes, tenths of a degree."""
    return_decidegrees: int = 400
    """Of the water that goes back."""
