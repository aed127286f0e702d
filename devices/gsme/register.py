"""The gas register: litres through the meter, and the reading that is shown to others.

What others see is the last reading taken, and that is in flash before anybody sees it: over a sudden loss of the battery
the register goes on from there, and never falls. Gas that flowed since is lost then, at most a wake's worth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from devices.gsme.history import History
from devices.parts.demand import Demand, gas
from devices.parts.integrator import HOUR, Integrator
from devices.runtime.firmware import Firmware

STORED = "gas/register"
HISTORY = "gas/history"


@dataclass(frozen=True, slots=True)
class Reading:
    """Litres at a time: UTC (ns) on the meter's clock, None where it had none."""

    litres: int
    at: int | None


class Register:
    """Counts the premises' gas from boot on."""

    def __init__(self, firmware: Firmware, start_litres: int, kwh_a_year: int) -> None:
        self._firmware = firmware
        board = firmware.board
        stored = board.nvm.get(STORED, {"total": start_litres, "rest": 0, "at": None})
        self._flow = Integrator(firmware.now, stored["total"], stored["rest"])
        self._demand = Demand(gas(kwh_a_year), board.rng("gas"))
        self.reading = Reading(stored["total"], stored["at"])
        self.history = History(board.nvm.get(HISTORY))
        self.leak = 0
        """Litres an hour that the pipes behind the valve lose: a fault for scenarios."""
        self.beside: Callable[[int], Mapping[str, object]] | None = None
        """What goes into flash with each reading, given what it shows."""
        self._used = 0
        self._valve = self._appliances = True
        self._next_level()

    def pass_gas(self, *, valve: bool, appliances: bool = True) -> None:
        """Whether the valve is open, and whether there is somebody behind it who uses gas."""
        self._valve, self._appliances = valve, appliances
        self._flows()

    def _flows(self) -> None:
        used = self._used if self._appliances else 0
        self._flow.set(used + self.leak if self._valve else 0, self._firmware.now)

    def _next_level(self) -> None:
        level = self._demand.next(self._firmware.board.rtc.read())
        self._used = level.value
        self._flows()
        self._firmware.after(level.duration, self._next_level)

    @property
    def flowed(self) -> int:
        """All that flowed so far: litres an hour times nanoseconds."""
        total, rest = self._flow.state(self._firmware.now)
        return total * HOUR + rest

    @property
    def total(self) -> int:
        """Litres now: what the next reading will be."""
        return self._flow.total(self._firmware.now)

    def take(self, beside: Mapping[str, object]) -> Reading:
        """Take a reading: put it in flash, in one record with `beside`; then show it."""
        total, rest = self._flow.state(self._firmware.now)
        rtc = self._firmware.board.rtc
        at = rtc.read() if rtc.valid else None
        record: dict[str, object] = {STORED: {"total": total, "rest": rest, "at": at}, **beside}
        if self.beside is not None:
            record.update(self.beside(total))
        if at is not None and self.history.note(at, total):
            record[HISTORY] = self.history.plain()
        self._firmware.board.nvm.put(record)
        self.reading = Reading(total, at)
        return self.reading
