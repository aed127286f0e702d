"""Module in a communications hub that forms a network of its own for consumer devices."""

from __future__ import annotations

from devices.consumer_module.config import Config, Guest
from devices.consumer_module.firmware import FEED, Firmware

__all__ = ["FEED", "Config", "Firmware", "Guest"]
