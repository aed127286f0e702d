"""The baud rate character of the identification, and the mode that it says (IEC 62056-21 6.3.14, item 13; 6.4).

Digits are modes C and E, letters A to F mode B, anything else mode A. Mode D has a fixed rate and no sign-on; its devices use
the digit 3, so only who listens without having asked knows that it is mode D.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

INITIAL: Final = 300
"""Baud: where modes A, B, C and E begin, and where they come back to."""
PUSHED: Final = 2400
"""Baud of mode D."""
NEGOTIATED: Final = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}
"""Modes C and E."""
ANNOUNCED: Final = {"A": 600, "B": 1200, "C": 2400, "D": 4800, "E": 9600, "F": 19200}
"""Mode B."""


class Mode(Enum):
    """Protocol mode. E is C whose identification offers another protocol."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"


def letter(rate: int, table: dict[str, int] = NEGOTIATED) -> str:
    """The character of the fastest rate of a table that is not above `rate`; the slowest one when all are."""
    slow_enough = [character for character, each in table.items() if each <= rate]
    return slow_enough[-1] if slow_enough else next(iter(table))
