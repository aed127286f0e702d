"""In-home display (IHD): power, totals, cost, gas with its age, messages."""

from __future__ import annotations

from devices.ihd.config import Config
from devices.ihd.firmware import Firmware

__all__ = ["Config", "Firmware"]
