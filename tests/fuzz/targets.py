"""All fuzz targets, by name."""

from __future__ import annotations

from tests.fuzz import firmware, gas_account, machines, network, notices, parsers, spinel, wmbus, zigbee
from tests.fuzz.target import LARGEST, ROOT, TARGETS, Target, joined, parted

__all__ = [
    "LARGEST", "ROOT", "TARGETS", "Target", "firmware", "gas_account", "joined", "machines", "network", "notices", "parsers",
    "parted", "spinel", "wmbus", "zigbee",
]  # fmt: skip
