"""All fuzz targets, by name."""

from __future__ import annotations

from tests.fuzz import firmware, machines, network, parsers, spinel, wmbus, zigbee
from tests.fuzz.target import LARGEST, ROOT, TARGETS, Target, joined, parted

__all__ = [
    "LARGEST", "ROOT", "TARGETS", "Target", "firmware", "joined", "machines", "network", "parsers", "parted", "spinel", "wmbus",
    "zigbee",
]  # fmt: skip
