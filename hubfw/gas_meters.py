"""The gas meters of a hub: which there are, and at which SAP each answers, as a logical device of its own.

The first one is SAP 2 from the day on which it is in the log; another has a number of the SAP table once it has joined (on wireless
M-Bus: at once). Both are kept for good: who is struck off keeps its SAP, at which nobody has a reading any more, and another meter
in its place gets another one.

What is published for gas is published for one meter: under the word "gas" for the first, and under a word of its own for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from hubfw.config import GSME, PREPAY_GAS, MBusMeter
from hubfw.device_log import DeviceLog
from hubfw.sap_table import GAS, SapTable

KINDS: Final = (GSME, PREPAY_GAS)
FUEL: Final = "gas"


class GasMeters:
    """The meters. `serve(eui64, sap)` puts a logical device there; `mbus`: meters on a radio of their own."""

    def __init__(
        self, log: DeviceLog, mbus: Iterable[MBusMeter], saps: SapTable, serve: Callable[[int, int], object]
    ) -> None:  # fmt: skip
        self._log = log
        self._mbus = [meter.eui64 for meter in mbus if not meter.heat]
        self._saps = saps
        self._make = serve
        self._served: dict[int, int] = {}
        self._first: int | None = next((eui64 for sap, eui64 in saps.gas() if sap == GAS), None)

    @property
    def listed(self) -> list[int]:
        """EUI-64s of the meters that have a mirror, or should have one."""
        return [device.eui64 for device in self._log.of(*KINDS)] + self._mbus

    @property
    def first(self) -> int | None:
        """Whose SAP 2 is; None: there was never a gas meter."""
        if self._first is None:
            self._first = next(iter(self.listed), None)
        return self._first

    @property
    def saps(self) -> list[int]:
        """Where one answers."""
        return list(self._served.values())

    def serve_first(self) -> None:
        """Have the first gas meter at SAP 2, once there is one in the log."""
        if self.first is not None and self.first not in self._served:
            self._serve(self.first, GAS)

    def serve(self) -> None:
        """Have every one at its SAP, who was struck off likewise."""
        self.serve_first()
        if self.first is None:
            return
        if len(self.listed) > 1:
            self._saps.assign_gas(self.first, self.first)
        joined = [device.eui64 for device in self._log.of(*KINDS) if device.joined]
        for eui64 in dict.fromkeys([*(eui64 for _, eui64 in self._saps.gas()), *joined, *self._mbus]):
            if eui64 not in self._served and eui64 != self.first:
                self._serve(eui64, self._saps.assign_gas(eui64, self.first))

    def _serve(self, eui64: int, sap: int) -> None:
        self._served[eui64] = sap
        self._make(eui64, sap)

    def leaving(self, eui64: int) -> None:
        """A device is about to be struck off: a gas meter's SAP becomes nobody else's."""
        if eui64 == self.first:
            self._saps.assign_gas(eui64, eui64)

    def fuel(self, eui64: int) -> str:
        """The word under which something is published for a meter."""
        return FUEL if eui64 == self.first else f"{FUEL}/{eui64:016X}"

    def meter(self, fuel: str) -> int | None:
        """Of which meter that is the word; None: of the first, and there is none yet."""
        return self.first if fuel == FUEL else int(fuel.removeprefix(f"{FUEL}/"), 16)
