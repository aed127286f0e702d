"""What a prepayment interface is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass

from devices.parts.joiner import Joiner

S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Config(Joiner):
    """One prepayment interface. It finds its meters by itself. Times are ns."""

    electricity_period: int = 30 * S
    gas_period: int = 300 * S
    """How often it asks the mirror. The meter behind it reports every half hour."""
    messages: bool = False
    """The hub tunnels messages of remote parties to it."""
    model: str = "PPMID"
