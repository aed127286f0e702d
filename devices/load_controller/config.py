"""What a load controller is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.zigbee.clusters.demand_response import DeviceClass
from protocols.zigbee.key_establishment.certificates import Credentials


@dataclass(frozen=True, slots=True)
class Config:
    """One load controller."""

    install_code: bytes = field(repr=False)
    """With its CRC."""
    extended_pan_id: int | None = None
    """The one network it may join; None: any that lets it in."""
    credentials: tuple[Credentials, ...] = ()
    """Its certificates, at most one of a suite; with none, the link key of the install code will do for everything."""
    appliance: DeviceClass = DeviceClass.WATER_HEATER
    """What is switched."""
    watts: int = 0
    """What it draws, on top of the household's demand; 0: it is part of that."""
    start_randomisation: int = 30
    duration_randomisation: int = 0
    """Minutes, until somebody writes others."""
    cycle_period: int = 600
    minimum_on: int = 60
    minimum_off: int = 60
    """Seconds, until somebody writes others."""
    manufacturer: str = "meterbench"
    model: str = "LC"
