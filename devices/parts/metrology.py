"""The energy registers of an electricity meter: active import and export, and reactive import.

What flows is what the household and switched appliances draw less what plants deliver: the net of all that goes into one
direction's register, and nothing into the other's. A meter of generation measures the plants alone. Demand comes in levels that
hold for minutes; the next change is scheduled, and nothing runs in between. What is read from a register is in flash before anybody
sees it: over a power cut without a warning the register goes on from what was shown or stored last, so it never falls, and what was
used since is lost. Reactive power is a fixed share of the household's active power; plants deliver none.
Not here: tariffs (`beside` is told of each reading).
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
STANDBY: Final = 4
"""W that the inverters of plants draw while they deliver nothing."""


class Metrology:
    """Measures from now on. `flowing()`: whether current can flow; call `changed` when that has changed. `on_level` is told that
    the power drawn is another. `demand` None: a meter of generation. `beside`: what goes into flash with a reading of import."""

    def __init__(
        self, firmware: Firmware, demand: Demand | None, start_wh: int, flowing: Callable[[], bool], start_export_wh: int = 0
    ) -> None:
        self._firmware = firmware
        self._demand = demand
        self._flowing = flowing
        self.on_level: Callable[[], object] = lambda: None
        self.beside: Callable[[int], Mapping[str, object]] | None = None
        stored: list[int] = firmware.board.nvm.get(STORED, [start_wh, 0, 0, 0])
        exported = stored[4:] or [start_export_wh, 0]
        self._active = Integrator(firmware.now, stored[0], stored[1])
        self._reactive = Integrator(firmware.now, stored[2], stored[3])
        self._export = Integrator(firmware.now, *exported)
        self._shown = stored[0], stored[2], exported[0]
        self._wanted = 0
        self._circuit = firmware.board.supply.circuit
        if self._circuit is not None:
            self._circuit.measure(firmware.board.name, self.changed)
        if demand is None:
            self.changed()
        else:
            self._next_level(demand)

    @property
    def import_wh(self) -> int:
        """The active import register, Wh."""
        return self._show()[0]

    @property
    def import_varh(self) -> int:
        """The reactive import register, varh."""
        return self._show()[1]

    @property
    def export_wh(self) -> int:
        """The active export register, Wh."""
        return self._show()[2]

    @property
    def shown(self) -> int:
        """The import register as it is in flash: as somebody saw it last."""
        return self._shown[0]

    @property
    def watts(self) -> int:
        """Power that is drawn now; below zero what is exported."""
        return self._active.level - self._export.level

    @property
    def joules(self) -> int:
        """What the active import register counts, to the watt-second: for averages, as reading it keeps nothing in flash."""
        wh, rest = self._active.state(self._firmware.now)
        return wh * 3_600 + rest // 1_000_000_000

    def changed(self) -> None:
        """Current can flow now, or no longer, or something else draws or delivers it."""
        if not self._firmware.board.powered:
            return
        now, flows, circuit = self._firmware.now, self._flowing(), self._circuit
        household = self._wanted if flows else 0
        net = household
        if circuit is not None and flows:
            delivered = circuit.generated
            net += circuit.drawn - delivered if self._demand is not None else (STANDBY if not delivered else -delivered)
        self._active.set(max(net, 0), now)
        self._export.set(max(-net, 0), now)
        self._reactive.set(household * _REACTIVE_PERCENT // 100, now)
        self.on_level()

    def save(self, beside: Mapping[str, object]) -> None:
        """Put the registers in flash, in one transaction with `beside`."""
        now = self._firmware.now
        (wh, rest), (varh, reactive_rest), (out, out_rest) = (
            each.state(now) for each in (self._active, self._reactive, self._export)
        )
        export = [out, out_rest] if out or out_rest else []
        record: dict[str, object] = {STORED: [wh, rest, varh, reactive_rest, *export], **beside}
        if self.beside is not None:
            record.update(self.beside(wh))
        self._firmware.board.nvm.put(record)
        self._shown = wh, varh, out

    def take(self) -> None:
        """Take a reading: what was used until now is in flash."""
        self._show()

    def _show(self) -> tuple[int, int, int]:
        now = self._firmware.now
        totals = self._active.total(now), self._reactive.total(now), self._export.total(now)
        if totals != self._shown:
            self.save({})
        return totals

    def _next_level(self, demand: Demand) -> None:
        level = demand.next(self._firmware.board.rtc.read())
        self._wanted = level.value
        self.changed()
        self._firmware.after(level.duration, self._next_level, demand)
