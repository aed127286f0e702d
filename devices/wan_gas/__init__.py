"""A gas meter with a WAN module of its own: no home network and no hub, DLMS/COSEM while it is on the air, on a battery."""

from __future__ import annotations

from devices.wan_gas.config import Config
from devices.wan_gas.firmware import Firmware

__all__ = ["Config", "Firmware"]
