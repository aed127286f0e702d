"""What a wireless M-Bus gas meter is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from dataclasses import dataclass

from devices.parts.demand import GAS_KWH_A_YEAR
from devices.parts.mbus_meter import Reporter


@dataclass(frozen=True, slots=True)
class Config(Reporter):
    """One meter."""

    remote_open: bool = False
    """Whether a command may open the valve; if not, it arms it, and a hand at the meter opens it."""
    start_litres: int = 0
    kwh_a_year: int = GAS_KWH_A_YEAR
