"""What a consumer access device is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.zigbee.key_establishment.certificates import Credentials

S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Config:
    """One device. It finds its meters by itself. Times are ns."""

    install_code: bytes = field(repr=False)
    """With its CRC."""
    extended_pan_id: int | None = None
    """The one network it may join; None: any that lets it in."""
    credentials: tuple[Credentials, ...] = ()
    """Its certificates, at most one of a suite; with none, the link key of the install code will do for everything."""
    electricity_period: int = 10 * S
    gas_period: int = 300 * S
    """How often it asks the mirror. The meter behind it reports every half hour."""
    in_hub: bool = False
    """Electricity, too, is read at the hub and at nobody else: on a consumer network there are no meters."""
    manufacturer: str = "meterbench"
    model: str = "CAD"
