"""All fuzz targets, by name."""

from __future__ import annotations

from tests.fuzz import machines, parsers
from tests.fuzz.target import LARGEST, ROOT, TARGETS, Target, joined, parted

__all__ = ["LARGEST", "ROOT", "TARGETS", "Target", "joined", "machines", "parsers", "parted"]
