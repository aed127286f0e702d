"""What a wireless M-Bus gas meter is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from dataclasses import dataclass

from devices.parts.demand import GAS_KWH_A_YEAR
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
    remote_open: bool = False
    """Whether a command may open the valve; if not, it arms it, and a hand at the meter opens it."""
    start_litres: int = 0
    kwh_a_year: int = GAS_KWH_A_YEAR
