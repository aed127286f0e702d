"""Hand-held terminal (HHT): an engineer's visit, over the meter's optical port and the hub's service port."""

from __future__ import annotations

from devices.hht.firmware import Config, Firmware

__all__ = ["Config", "Firmware"]
