"""What the meter measures and keeps: the one set of values that DLMS and Smart Energy both show.

Registers, voltage, load switch, logs and demand extremes. All that belongs to a half hour goes to flash in one transaction. Rows
hold registers as they stood at the end of the period: energy in a period is the difference of two rows; export has its place in
them once something was exported.
Not here: tariff and billing (`timed_objects`), the account (`prepayment`), limits (`limits`); registers by rate or block (`split`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from devices.esme import variant
from devices.esme.config import Config
from devices.parts.demand import Demand, electricity
from devices.parts.load_switch import REMOTE_ARMING, REMOTE_RECONNECTION, LoadSwitch
from devices.parts.metrology import Metrology
from devices.parts.profile_log import HALF_HOUR, ProfileLog, Row
from devices.parts.voltage import Voltage
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import DAY
from devices.runtime.tails import Tails

DAYS: Final = 731
"""Days that the daily log holds (GB)."""
WH, VARH, VOLTS, EXPORT_WH = range(4)
"""Places in a row of the half-hour log: active and reactive import, mean voltage in tenths of a volt; active export."""
_HALF_HOURS_A_DAY: Final = DAY // HALF_HOUR
_EXTREMES: Final = "meter/extremes"


def exported(row: Row) -> int:
    """What the active export register of a row shows."""
    return row.totals[EXPORT_WH] if len(row.totals) > EXPORT_WH else 0


@dataclass(frozen=True, slots=True)
class Extreme:
    """The largest or smallest demand of a half hour since the last reset. `watts` None: none was complete. Times are UTC in ns."""

    watts: int | None = None
    at: int | None = None
    reset: int | None = None


class Meter:
    """Measures from now on. `reliable()`: whether the clock can be believed; `failed`: it was without supply until now.

    `on_half_hour` and `on_day` are told of new rows; `on_change` that something on the meter's face has changed;
    `on_friendly_period` that a period of non-disablement begins, or ends; `on_tariff_script` that a script of the tariff ran.
    """

    def __init__(self, firmware: Firmware, config: Config, *, reliable: Callable[[], bool], failed: bool) -> None:
        self._board = board = firmware.board
        self._reliable = reliable
        self.on_half_hour: list[Callable[[Row], object]] = []
        self.on_day: list[Callable[[Row], object]] = []
        self.on_change: Callable[[], object] = lambda: None
        self.on_friendly_period: Callable[[bool], object] = lambda begins: None
        self.on_tariff_script: Callable[[int], object] = lambda number: None
        self.rate: Callable[[], int | None] = lambda: None
        """The rate that import counts into; None: there is but one."""
        self.tiers: Callable[[], list[int]] = lambda: [self.import_wh]
        """Wh of each rate in use."""
        self.cells: Callable[[], dict[tuple[int, int], int]] = dict
        """Wh of these that flowed in a block, by (rate, block)."""
        self.published: Callable[[], dict[tuple[int, int], int] | None] = dict
        """What a kilowatt-hour costs as published, by (rate, block); None: not known now."""
        self.on_published: Callable[[], object] = lambda: None
        """That may be otherwise."""
        self.voltage = Voltage(firmware, config.voltage_limits)
        self.switch = LoadSwitch(board.nvm, self._moved, REMOTE_RECONNECTION if config.remote_close else REMOTE_ARMING)
        demand = Demand(electricity(config.kwh_a_year), board.rng("load")) if config.measures == "home" else None
        circuit = board.supply.circuit
        self.tails = Tails(board.kernel, f"{board.name}.tails", self._flows) if circuit is None else circuit.tails(board.name)
        self.metrology = Metrology(
            firmware, demand, config.start_wh, lambda: self.tails.carries and board.supply.live, config.start_export_wh,
            () if config.elements == config.phases else variant.shares(config), apart=config.elements > 1,
        )  # fmt: skip
        self.tails.drive(self.switch.closed)
        self.half_hours = ProfileLog(board.nvm)
        self._failed = failed and self.half_hours.last is not None  # a new meter had none before
        self.days = ProfileLog(board.nvm, "day", DAYS, DAY)
        self.highest, self.lowest = (Extreme(*stored) for stored in board.nvm.get(_EXTREMES, [[], []]))
        firmware.every(HALF_HOUR, self._half_hour, align=True)

    # --- energy and power ---

    @property
    def import_wh(self) -> int:
        """Active import."""
        return self.metrology.import_wh

    @property
    def import_varh(self) -> int:
        """Reactive import."""
        return self.metrology.import_varh

    @property
    def export_wh(self) -> int:
        """Active export."""
        return self.metrology.export_wh

    @property
    def export_varh(self) -> int:
        """Reactive export: plants work at a power factor of 1."""
        return 0

    @property
    def watts(self) -> int:
        """Active power that is drawn; below zero what is exported."""
        return self.metrology.watts

    # --- supply ---

    def supply_failed(self, record: dict[str, object]) -> None:
        """The supply is gone: keep what is measured, in one transaction with `record`."""
        self._failed = True
        self._supply_changed()
        self.metrology.save(record)

    def supply_changed(self) -> None:
        """The supply is back, or has another voltage."""
        self._supply_changed()

    def _supply_changed(self) -> None:
        self.voltage.changed()
        self.metrology.changed()
        self.on_change()

    def _flows(self) -> None:
        self.metrology.changed()

    @property
    def contact_fails(self) -> bool:
        """The contact of the load switch is not where it should be: the meter senses the voltage behind it."""
        return self.tails.contact is not self.switch.closed

    def _moved(self) -> None:
        self.tails.drive(self.switch.closed)
        self.metrology.save({})
        self.on_change()

    # --- periods ---

    def _half_hour(self) -> None:
        rtc = self._board.rtc
        utc = rtc.read()
        self.tails.drive(self.switch.closed)  # again, where it did not move
        before = self.half_hours.last
        stored: dict[str, object] = {}
        if rtc.valid:
            totals = self.import_wh, self.import_varh, self.voltage.mean()
            exported = (self.export_wh,) if self.export_wh else ()
            stored = self.half_hours.record(utc, *totals, *exported, doubtful=not self._reliable(), failed=self._failed)
        if not stored:
            self.metrology.save({})
            return
        midnight = utc // HALF_HOUR % _HALF_HOURS_A_DAY == 0
        by_rate = self.tiers() if midnight and self.rate() is not None else []
        reliable = self._reliable()
        daily = self.days.record(utc, self.import_wh, *by_rate, doubtful=not reliable, failed=self._failed) if midnight else {}
        if before is not None and utc // HALF_HOUR * HALF_HOUR == before.at + HALF_HOUR:
            self._judge(totals[0] - before.total, utc // HALF_HOUR * HALF_HOUR)
        self.metrology.save({**stored, **daily, **self._extremes()})
        self._failed = False
        self.voltage.begin()
        self._tell(self.half_hours, self.on_half_hour)
        if daily:
            self._tell(self.days, self.on_day)
        self.on_change()

    @staticmethod
    def _tell(log: ProfileLog, listeners: list[Callable[[Row], object]]) -> None:
        row = log.last
        assert row is not None
        for listener in listeners:
            listener(row)

    # --- demand extremes ---

    def _judge(self, wh: int, at: int) -> None:
        """The energy of a whole half hour."""
        watts = wh * 2
        if self.highest.watts is None or watts > self.highest.watts:
            self.highest = Extreme(watts, at, self.highest.reset)
        if self.lowest.watts is None or watts < self.lowest.watts:
            self.lowest = Extreme(watts, at, self.lowest.reset)

    def _extremes(self) -> dict[str, object]:
        return {_EXTREMES: [[each.watts, each.at, each.reset] for each in (self.highest, self.lowest)]}

    def reset_highest(self) -> None:
        """Begin a new maximum demand."""
        self.highest = Extreme(reset=self._board.rtc.read())
        self._board.nvm.put(self._extremes())

    def reset_lowest(self) -> None:
        """Begin a new minimum demand."""
        self.lowest = Extreme(reset=self._board.rtc.read())
        self._board.nvm.put(self._extremes())
