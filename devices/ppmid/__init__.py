"""Prepayment interface (PPMID): supply state and balance."""

from __future__ import annotations

from devices.ppmid.config import Config
from devices.ppmid.firmware import Firmware

__all__ = ["Config", "Firmware"]
