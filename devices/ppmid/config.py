"""What a prepayment interface is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.zigbee.key_establishment.certificates import Credentials

S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """One prepayment interface. It finds its meters by itself. Times are ns."""

    install_code: bytes = field(repr=False)
    """With its CRC."""
    extended_pan_id: int | None = None
    """The one network it may join; None: any that lets it in."""
    credentials: tuple[Credentials, ...] = ()
    """Its certificates, at most one of a suite; with none, the link key of the install code will do for everything."""
    electricity_period: int = 30 * S
    gas_period: int = 300 * S
    """How often it asks the mirror. The meter behind it reports every half hour."""
    messages: bool = False
    """The hub tunnels messages of remote parties to it."""
    manufacturer: str = "meterbench"
    model: str = "PPMID"
