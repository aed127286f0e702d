"""What acts by the clock: objects that have something to do at certain times, and the calls they make.

An object says when it wants to be asked next, and when asked, which methods of which objects are due: a script table's
execute, as a rule. It neither waits nor calls: `timetable` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol, Self, runtime_checkable

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.types import LOGICAL_NAME, U16, Structure
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.obis import Obis

SCRIPT: Final = Structure(script_logical_name=LOGICAL_NAME, script_selector=U16)
"""structure: which script of which script table."""
NO_SCRIPT: Final = (bytes(6), 0)
EXECUTE: Final = 1
"""The method of a script table."""


@dataclass(frozen=True, slots=True)
class Call:
    """Method `method` of the object `name`, due at the instant `at` (UTC in ns)."""

    at: int
    name: Obis
    method: int
    argument: Data

    @classmethod
    def script(cls, at: int, name: bytes, selector: int) -> Self:
        """A script of a script table."""
        return cls(at, Obis(name), EXECUTE, axdr.u16(selector))


@runtime_checkable
class Timed(Protocol):
    """An object that acts by the clock. Instants are UTC in ns; `zone` is that of the device's clock."""

    def due(self, after: int, zone: Zone) -> int | None:
        """The first instant later than `after` at which it wants to be asked for calls; None: not until something changes."""
        ...

    def calls(self, since: int, now: int, zone: Zone) -> Iterable[Call]:
        """What fell due later than `since`, and at `now` at the latest, oldest first. It is asked once for each span of time."""
        ...
