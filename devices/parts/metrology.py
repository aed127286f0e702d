"""The energy registers of an electricity meter: active import and export, and reactive import.

What flows is what the household and switched appliances draw less what plants deliver: the net of all that goes into one
direction's register, and nothing into the other's. A meter of generation measures the plants alone. Demand comes in levels that
hold for minutes; the next change is scheduled, and nothing runs in between. What is read from a register is in flash before anybody
sees it: over a power cut without a warning the register goes on from what was shown or stored last, so it never falls, and what was
used since is lost. Reactive power is a fixed share of the household's active power; plants deliver none.
Not here: tariffs (`beside` is told of each reading).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from devices.parts.demand import Demand
from devices.parts.integrator import Integrator
from devices.runtime.firmware import Firmware

STORED: Final = "meter/registers"
PARTS: Final = "meter/parts"
_REACTIVE_PERCENT: Final = 33
"""var for each 100 W."""
POWER_FACTOR: Final = 95
"""What that makes, in hundredths."""
STANDBY: Final = 4
"""W that the inverters of plants draw while they deliver nothing."""


Share = Callable[[int, int, int], int]
"""Watts of a part of a meter, of (household, switched appliances, plants)."""


class Metrology:
    """Measures from now on. `flowing()`: whether current can flow; call `changed` when that has changed. `on_level` is told that
    the power drawn is another. `demand` None: a meter of generation. `beside`: what goes into flash with a reading of import.
    `shares`: of an element or of phases that have registers of their own; `apart`: appliances are in the first's, not in the whole.
    """

    def __init__(
        self, firmware: Firmware, demand: Demand | None, start_wh: int, flowing: Callable[[], bool], start_export_wh: int = 0,
        shares: Sequence[Share] = (), *, apart: bool = False,
    ) -> None:  # fmt: skip
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
        kept: list[list[int]] = firmware.board.nvm.get(PARTS, [[0, 0, 0, 0]] * len(shares))
        self._apart = apart
        self._parts = [
            (share, Integrator(firmware.now, *each[:2]), Integrator(firmware.now, *each[2:]))
            for share, each in zip(shares, kept, strict=True)
        ]
        self._shown: tuple[int, ...] = (
            stored[0], stored[2], exported[0], *(each[place] for each in kept for place in (0, 2))
        )  # fmt: skip
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

    def part(self, number: int) -> tuple[int, int]:
        """Import and export registers of a part, Wh."""
        totals = self._show()
        return totals[3 + 2 * number], totals[4 + 2 * number]

    def part_watts(self, number: int) -> int:
        """Power through a part; below zero what goes out there."""
        _, into, out = self._parts[number]
        return into.level - out.level

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
        drawn, delivered = (circuit.drawn, circuit.generated) if circuit is not None and flows else (0, 0)
        net = household + (0 if self._apart else drawn) - delivered
        if self._demand is None:
            net = -delivered or (STANDBY if flows else 0)
        for share, into, out in self._parts:
            watts = share(household, drawn, delivered)
            into.set(max(watts, 0), now)
            out.set(max(-watts, 0), now)
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
        parts = [[*into.state(now), *sent.state(now)] for _, into, sent in self._parts]
        if parts:
            record[PARTS] = parts
        if self.beside is not None:
            record.update(self.beside(wh))
        self._firmware.board.nvm.put(record)
        self._shown = wh, varh, out, *(each[place] for each in parts for place in (0, 2))

    def take(self) -> None:
        """Take a reading: what was used until now is in flash."""
        self._show()

    def _show(self) -> tuple[int, ...]:
        now = self._firmware.now
        totals: tuple[int, ...] = self._active.total(now), self._reactive.total(now), self._export.total(now)
        if self._parts:
            totals = *totals, *(each.total(now) for _, into, out in self._parts for each in (into, out))
        if totals != self._shown:
            self.save({})
        return totals

    def _next_level(self, demand: Demand) -> None:
        level = demand.next(self._firmware.board.rtc.read())
        self._wanted = level.value
        self.changed()
        self._firmware.after(level.duration, self._next_level, demand)
