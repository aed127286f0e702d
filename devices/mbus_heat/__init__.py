"""A heat meter with a wireless M-Bus radio, on a battery."""

from __future__ import annotations

from devices.mbus_heat.config import Config
from devices.mbus_heat.firmware import Firmware

__all__ = ["Config", "Firmware"]
