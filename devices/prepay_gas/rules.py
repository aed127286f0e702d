"""When the valve of a meter without an account moves (paper B, appendix C, figures 10 and 11): one table.

It closes when the volume has reached the cut-off, and either contact holds or the time-out has ended. It opens when the hub says
so, when a contact brings a cut-off above the volume, for a reopening code, and by the emergency button: that one only with the
valve closed, without contact, with half hours left, and once until contact brings credit.
The half hours are counted here as in the hub: each one without contact is one less, and every contact sets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from protocols.zigbee.hub_prepayment.cluster import NEVER, Valve


class Refused(Enum):
    """Why the emergency button does nothing."""

    OPEN = "the valve is open"
    CONTACT = "contact holds"
    NOTHING_LEFT = "no half hours are left"
    USED = "used already, until credit comes"


@dataclass(slots=True)
class Rules:
    """The meter's state. `left`: half hours of the time-out; `contact`: the last half hour's report was answered."""

    valve: Valve = Valve.OPEN
    cut_off: int = NEVER
    left: int = 0
    delay: int = 0
    contact: bool = True
    emergency: bool = False
    """The button was used, and no contact has brought credit since."""

    def reached(self, volume: int) -> bool:
        """The credit is used up."""
        return volume >= self.cut_off

    def look(self, volume: int) -> bool:
        """Close the valve if it must; whether it did."""
        if self.valve is Valve.OPEN and self.reached(volume) and (self.contact or not self.left):
            self.valve = Valve.CLOSED
            return True
        return False

    def written(self, cut_off: int, delay: int, volume: int) -> bool:
        """The hub writes cut-off and half hours: contact. Whether the valve opened."""
        credit = cut_off > volume
        self.contact = True
        self.left, self.delay = delay, max(delay, self.delay)
        self.cut_off = cut_off
        if credit:
            self.emergency = False
        if credit and self.valve is Valve.CLOSED:
            self.valve = Valve.OPEN
            return True
        return False

    def half_hour_without_contact(self) -> None:
        """A report was not answered."""
        self.contact = False
        self.left = max(self.left - 1, 0)

    def ordered(self, valve: Valve) -> None:
        """The hub orders the valve."""
        self.valve = valve

    def press(self) -> Refused | None:
        """The emergency button: None when it opened the valve."""
        if self.valve is Valve.OPEN:
            return Refused.OPEN
        if self.contact:
            return Refused.CONTACT
        if not self.left:
            return Refused.NOTHING_LEFT
        if self.emergency:
            return Refused.USED
        self.emergency = True
        self.valve = Valve.OPEN
        return None

    def granted(self, cut_off: int) -> None:
        """A reopening code brought a cut-off."""
        self.cut_off = cut_off
        self.valve = Valve.OPEN

    def plain(self) -> dict[str, Any]:
        """For flash."""
        return {
            "valve": int(self.valve), "cut_off": self.cut_off, "left": self.left, "delay": self.delay, "contact": self.contact,
            "emergency": self.emergency,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Rules:
        """What `plain` gave."""
        return cls(**{**plain, "valve": Valve(plain["valve"])})
