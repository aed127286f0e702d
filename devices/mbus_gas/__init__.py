"""A small gas meter with a wireless M-Bus radio: counter, data logger and valve, on a battery."""

from __future__ import annotations

from devices.mbus_gas.config import Config
from devices.mbus_gas.firmware import Firmware

__all__ = ["Config", "Firmware"]
