"""The energy registers of an electricity meter: active and reactive import of what the household and switched appliances draw.

Demand comes in levels that hold for minutes; the next change is scheduled, and nothing runs in between. What is read from a
register is in flash before anybody sees it: over a power cut without a warning the register goes on from what was shown or stored
last, so it never falls, and what was used since is lost. Reactive power is a fixed share of the household's active power.
Not here: export (nothing generates), phases, tariffs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from devices.parts.demand import Demand
from devices.parts.integrator import Integrator
from devices.runtime.firmware import Firmware

STORED: Final = "meter/registers"
_REACTIVE_PERCENT: Final = 33
"""var for each 100 W."""
POWER_FACTOR: Final = 95
"""What that makes, in hundredths."""


class Metrology:
    """Measures from now on. `flowing()`: whether current can flow; call `changed` when that has changed. `on_level` is told that
    the power drawn is another."""

    def __init__(self, firmware: Firmware, demand: Demand, start_wh: int, flowing: Callable[[], bool]) -> None:
        self._firmware = firmware
        self._demand = demand
        self._flowing = flowing
        self.on_level: Callable[[], object] = lambda: None
        stored: list[int] = firmware.board.nvm.get(STORED, [start_wh, 0, 0, 0])
        self._active = Integrator(firmware.now, stored[0], stored[1])
        self._reactive = Integrator(firmware.now, stored[2], stored[3])
        self._shown = stored[0], stored[2]
        self._wanted = 0
        self._circuit = firmware.board.supply.circuit
        if self._circuit is not None:
            self._circuit.measure(firmware.board.name, self.changed)
        self._next_level()

    @property
    def import_wh(self) -> int:
        """The active import register, Wh."""
        return self._show()[0]

    @property
    def import_varh(self) -> int:
        """The reactive import register, varh."""
        return self._show()[1]

    @property
    def watts(self) -> int:
        """Power that is drawn now."""
        return self._active.level

    @property
    def joules(self) -> int:
        """What the active import register counts, to the watt-second: for averages, as reading it keeps nothing in flash."""
        wh, rest = self._active.state(self._firmware.now)
        return wh * 3_600 + rest // 1_000_000_000

    def changed(self) -> None:
        """Current can flow now, or no longer."""
        now, level = self._firmware.now, self._wanted if self._flowing() else 0
        appliances = self._circuit.drawn if self._circuit is not None and self._flowing() else 0
        self._active.set(level + appliances, now)
        self._reactive.set(level * _REACTIVE_PERCENT // 100, now)
        self.on_level()

    def save(self, beside: Mapping[str, object]) -> None:
        """Put the registers in flash, in one transaction with `beside`."""
        now = self._firmware.now
        (wh, rest), (varh, reactive_rest) = self._active.state(now), self._reactive.state(now)
        self._firmware.board.nvm.put({STORED: [wh, rest, varh, reactive_rest], **beside})
        self._shown = wh, varh

    def _show(self) -> tuple[int, int]:
        now = self._firmware.now
        totals = self._active.total(now), self._reactive.total(now)
        if totals != self._shown:
            self.save({})
        return totals

    def _next_level(self) -> None:
        level = self._demand.next(self._firmware.board.rtc.read())
        self._wanted = level.value
        self.changed()
        self._firmware.after(level.duration, self._next_level)
