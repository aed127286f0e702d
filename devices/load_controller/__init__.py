"""Load controller: a switch in one appliance's supply that obeys load control events."""

from __future__ import annotations

from devices.load_controller.config import Config
from devices.load_controller.firmware import Firmware

__all__ = ["Config", "Firmware"]
