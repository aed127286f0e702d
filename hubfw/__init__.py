"""Firmware of the communications hub: WAN and HAN sides, routing, translation, gas mirror, outage supervision."""

from __future__ import annotations

from hubfw.config import Config, Entry, MBusMeter, Product
from hubfw.firmware import Firmware
from hubfw.loader import load

__all__ = ["Config", "Entry", "Firmware", "MBusMeter", "Product", "load"]
