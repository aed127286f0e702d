"""What a gas meter for hub prepayment is told when it is made: plain values, nothing that lives."""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.parts.demand import GAS_KWH_A_YEAR
from devices.parts.joiner import Joiner

MINUTE = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Config(Joiner):
    """One meter. Its EUI-64 is the board's."""

    code_key: bytes = field(repr=False, kw_only=True)
    """16 octets, shared with the hub: for the numbers that people carry."""
    model: str = "PREPAY"
    low_credit_litres: int = 1_000
    """So near its cut-off it warns."""
    start_litres: int = 0
    kwh_a_year: int = GAS_KWH_A_YEAR
