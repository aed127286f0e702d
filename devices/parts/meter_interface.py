"""The wired meter interface between an electricity meter and a hub on it or beside it: what fits, as numbers (paper B, App. B).

The paper names the connector and asks for a voltage, a greatest current, a greatest length and a protocol; the figures here are
meterbench's own, and a wire that breaks one is refused before anything is built. Six contacts: data to and from the hub, a feed of
twelve volts from the supply side of the meter's contactor, and its return, two contacts each for the feed. Lengths by baud rate are
the rule of thumb for unbalanced lines (half the rate, twice the length), below what the feed's voltage drop allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CONNECTOR: Final = "RJ11"
VOLTS: Final = 12.0
"""Of the feed, at the meter's end."""
LEAST_VOLTS: Final = 9.0
"""What a hub needs at its own end."""
MOST_MILLIAMPS: Final = 500
"""What the meter's power supply gives before it shuts the feed off."""
OHMS_A_METRE: Final = 0.22
"""Of one conductor (26 to 28 AWG) out and back, with two contacts each way."""
LONGEST: Final = {300: 100.0, 600: 100.0, 1200: 100.0, 2400: 60.0, 4800: 30.0, 9600: 15.0, 19200: 7.5}
"""Metres by baud rate."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One wire. `baud`: the fastest rate on it; `milliamps`: what the hub draws from the feed, 0 where it has its own supply."""

    metres: float
    baud: int
    milliamps: int = 0

    @property
    def volts(self) -> float:
        """Volts at the hub's end."""
        return VOLTS - self.milliamps / 1000 * OHMS_A_METRE * self.metres

    def check(self) -> None:
        """Raises ValueError with what it breaks."""
        longest = LONGEST.get(self.baud)
        if longest is None:
            raise ValueError(f"{self.baud} baud is no rate of the meter interface ({', '.join(map(str, LONGEST))})")
        if not 0 <= self.metres <= longest:
            raise ValueError(f"{self.metres:g} m of wire, and at {self.baud} baud the meter interface carries {longest:g} m")
        if self.milliamps > MOST_MILLIAMPS:
            raise ValueError(f"{self.milliamps} mA, and the meter interface feeds {MOST_MILLIAMPS} mA")
        if self.volts < LEAST_VOLTS:
            left = f"{self.milliamps} mA over {self.metres:g} m leave {self.volts:.1f} V of {VOLTS:g} V"
            raise ValueError(f"{left}, and a hub needs {LEAST_VOLTS:g} V")
