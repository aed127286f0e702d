"""A gas meter without an account: volume, cut-off and valve; the hub keeps the account (paper B, appendix C)."""

from __future__ import annotations

from devices.prepay_gas.config import Config
from devices.prepay_gas.firmware import Firmware

__all__ = ["Config", "Firmware"]
