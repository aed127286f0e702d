"""Radio co-processor (RCP): a ZigBee dongle. Any host stack that drives one over Spinel is on the air with it."""

from __future__ import annotations

from devices.rcp.firmware import Firmware

__all__ = ["Firmware"]
