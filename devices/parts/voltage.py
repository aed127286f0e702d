"""Voltage as an electricity meter measures it, on the supply side of its switch: now, on average, and whether inside its limits.

The mean is over the time with supply. No phases, no sags and swells of part of a period.
"""

from __future__ import annotations

from devices.runtime.firmware import Firmware


class Voltage:
    """The board's supply; `limits` in volts, both inside. `changed` must be called at every change of the supply."""

    def __init__(self, firmware: Firmware, limits: tuple[float, float]) -> None:
        self._firmware = firmware
        self._limits = limits
        self.begin()

    @property
    def decivolts(self) -> int:
        """Now, in tenths of a volt; 0 without supply."""
        return round(self._firmware.board.supply.volts * 10)

    @property
    def inside(self) -> bool:
        """Whether there is supply inside the limits."""
        low, high = self._limits
        return low <= self._firmware.board.supply.volts <= high

    @property
    def low(self) -> bool:
        """Whether it is below the limits."""
        return self._firmware.board.supply.volts < self._limits[0]

    def begin(self) -> None:
        """Begin a new mean."""
        self._sum = self._time = 0
        self._note()

    def changed(self) -> None:
        """The supply has another voltage, or none, or some again."""
        self._add()
        self._note()

    def mean(self) -> int:
        """Decivolts on average since `begin`; 0 when there was no supply at all."""
        self._add()
        return self._sum // self._time if self._time else 0

    def _note(self) -> None:
        self._since, self._level = self._firmware.now, self.decivolts

    def _add(self) -> None:
        elapsed = self._firmware.now - self._since
        self._since = self._firmware.now
        if self._level:
            self._sum += self._level * elapsed
            self._time += elapsed
