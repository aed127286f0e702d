"""A WAN module that comes off its hub: sockets of a cellular network behind a serial line."""

from __future__ import annotations

from devices.wan_module.firmware import HUB, Config, Firmware

__all__ = ["HUB", "Config", "Firmware"]
