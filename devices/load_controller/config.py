"""What a load controller is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from devices.parts.joiner import Joiner
from protocols.zigbee.clusters.demand_response import DeviceClass


@dataclass(frozen=True, slots=True)
class Config(Joiner):
    """One load controller."""

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
    model: str = "LC"
