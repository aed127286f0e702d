"""Gas meter (GSME): a battery device that sleeps, and speaks through a mirror in the hub."""

from __future__ import annotations

from devices.gsme.config import Config
from devices.gsme.firmware import Firmware

__all__ = ["Config", "Firmware"]
