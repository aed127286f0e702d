"""What the meter measures: import energy and power through the load switch, voltage, and the log of half hours.

The load is a household's demand, at zero while the switch is open or the supply is off. Registers are put in flash with each
half hour and when the supply fails, so that they never fall over a power cut; a cut without a warning costs at most half an hour.
A slot of the log is written at most once, whatever the clock does, and a gap before a row is flagged, never filled.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntFlag
from typing import Final

from devices.parts.demand import Demand, electricity
from devices.parts.integrator import Integrator
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, Timer

HALF_HOUR: Final = 30 * MIN
ROWS: Final = 19_056
"""Half hours that the log holds: 13 months (GB)."""
_REGISTER: Final = "meter/import"
_SWITCH: Final = "meter/switch"
_LAST_SLOT: Final = "meter/slot"
_ROW: Final = "log/"

Row = tuple[int, int, int]
"""UTC (ns) of the end of a half hour, `RowStatus`, import register in Wh."""


class RowStatus(IntFlag):
    """Status of a row of the log."""

    CLOCK_DOUBTFUL = 0x02
    POWER_FAILED = 0x04
    """The supply failed within the half hour."""
    GAP = 0x80
    """Half hours before this one are missing."""


class Metrology:
    """Measures from boot on. `on_row` is told of each new row of the log."""

    def __init__(self, firmware: Firmware, start_wh: int, kwh_a_year: int) -> None:
        self._firmware = firmware
        self._board = board = firmware.board
        total, rest = board.nvm.get(_REGISTER, [start_wh, 0])
        self._energy = Integrator(firmware.now, total, rest)
        self._demand = Demand(electricity(kwh_a_year), board.rng("load"))
        self._wanted = 0
        self._next: Timer | None = None
        self._last_slot: int = board.nvm.get(_LAST_SLOT, 0)
        self._failed = False
        self.closed: bool = board.nvm.get(_SWITCH, True)
        self.on_row: Callable[[Row], object] | None = None
        self._draw()
        firmware.every(HALF_HOUR, self._half_hour, align=True)

    # --- registers ---

    @property
    def import_wh(self) -> int:
        """The import register."""
        return self._energy.total(self._firmware.now)

    @property
    def watts(self) -> int:
        """Power that is drawn now."""
        return self._energy.level

    @property
    def volts(self) -> float:
        """Voltage at the supply side of the switch."""
        return self._board.supply.volts

    def _draw(self) -> None:
        level = self._demand.next(self._board.rtc.read())
        self._wanted = level.value
        self._apply()
        self._next = self._firmware.after(level.duration, self._draw)

    def _apply(self) -> None:
        flowing = self.closed and self._board.supply.live
        self._energy.set(self._wanted if flowing else 0, self._firmware.now)

    def save(self) -> None:
        """Put the register in flash."""
        self._board.nvm.put({_REGISTER: list(self._energy.state(self._firmware.now))})

    # --- switch and supply ---

    def switch(self, closed: bool) -> None:
        """Move the load switch. It breaks the live conductor only, and isolates nothing."""
        self.closed = closed
        self._board.nvm.put({_SWITCH: closed})
        self._apply()

    def supply_changed(self) -> None:
        """The supply failed or came back."""
        if not self._board.supply.live:
            self._failed = True
        self._apply()
        self.save()

    # --- the log ---

    def rows(self) -> list[Row]:
        """The rows in flash, oldest first."""
        nvm = self._board.nvm
        found: list[Row] = [tuple(nvm.get(key)) for key in nvm.keys(_ROW)]
        return sorted(found)

    def _half_hour(self) -> None:
        rtc = self._board.rtc
        slot = (rtc.read() + HALF_HOUR // 2) // HALF_HOUR
        if not rtc.valid or slot <= self._last_slot:
            self.save()
            return
        status = RowStatus(0)
        if self._failed:
            status |= RowStatus.POWER_FAILED
        if self._last_slot and slot > self._last_slot + 1:
            status |= RowStatus.GAP
        row = slot * HALF_HOUR, int(status), self.import_wh
        register = list(self._energy.state(self._firmware.now))
        self._board.nvm.put({f"{_ROW}{slot % ROWS}": list(row), _LAST_SLOT: slot, _REGISTER: register})
        self._last_slot, self._failed = slot, False
        if self.on_row is not None:
            self.on_row(row)
