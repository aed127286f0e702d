"""What a repeater is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from devices.parts.joiner import Joiner


@dataclass(frozen=True, slots=True)
class Config(Joiner):
    """One repeater."""

    model: str = "repeater"
