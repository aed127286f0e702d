"""Repeater: a mains-powered router that carries the home's network further."""

from __future__ import annotations

from devices.repeater.config import Config
from devices.repeater.firmware import Firmware

__all__ = ["Config", "Firmware"]
