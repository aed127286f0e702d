"""Gas meter (GSME): a battery device that sleeps, and speaks through a mirror in the hub."""

from __future__ import annotations

from devices.gsme.config import Config
from devices.gsme.firmware import Firmware
from devices.gsme.minimal import Minimal

__all__ = ["Config", "Firmware", "Minimal"]
