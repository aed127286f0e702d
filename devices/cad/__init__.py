"""Consumer access device (CAD): what the meters say, for the consumer's own equipment."""

from __future__ import annotations

from devices.cad.config import Config
from devices.cad.firmware import Firmware

__all__ = ["Config", "Firmware"]
