"""Electricity meter (ESME): DLMS/COSEM towards head ends and engineers, Smart Energy towards the home, one set of values."""

from __future__ import annotations

from devices.esme.config import Config
from devices.esme.firmware import Firmware

__all__ = ["Config", "Firmware"]
