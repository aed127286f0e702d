"""What an in-home display is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """One display. It finds its meters by itself. Times are ns."""

    install_code: bytes = field(repr=False)
    """With its CRC."""
    extended_pan_id: int | None = None
    """The one network it may join; None: any that lets it in."""
    electricity_period: int = 10 * S
    gas_period: int = 300 * S
    """How often it asks the mirror. The meter behind it reports every half hour."""
    manufacturer: str = "meterbench"
    model: str = "IHD"
