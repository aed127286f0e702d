"""What a hub is told of prepayment: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from hubfw.prepay.account import DAY, MINUTE, PENNY, Energy, Rate, Tariff

FIVE_DAYS = 240
"""Half hours."""
SIX_PENCE = Tariff((Rate(0, (6 * PENNY,)),))
USUAL_GAS = Energy.gas(395, 102264)
"""39.5 MJ/m3, and a correction of 1.02264."""


@dataclass(frozen=True, slots=True)
class Prepay:
    """Prepayment in one hub. `code_key`: 16 octets, for tokens and for numbers that people carry to and from the gas meter."""

    code_key: bytes = field(repr=False)
    gas: Tariff = SIX_PENCE
    energy: Energy = USUAL_GAS
    electricity: Tariff | None = None
    """None: electricity is not prepaid."""
    opening: int = 1_000 * PENNY
    """Balance of a new account, micropence."""
    emergency: int = 500 * PENNY
    delay: int = FIVE_DAYS
    """Half hours that gas flows on without contact."""
    friendly: tuple[tuple[int, int], ...] = ()
    """Minutes of the day (from, to) in which an open supply is not cut off for want of credit; past midnight where to < from."""

    def is_friendly(self, local: int) -> bool:
        """Whether that holds at a time (local ns)."""
        minute = local % DAY // MINUTE
        return any(start <= minute < end if start < end else minute >= start or minute < end for start, end in self.friendly)
