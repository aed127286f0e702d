"""The firmware: reckons heat from the water that passes and what it cools by, and tells it every half hour.

A report has energy, volume, power, both temperatures and its time. The one command that it takes is the time. Not here: cooling,
tariffs, logs, encryption keys that change, installation telegrams.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from devices.mbus_heat.config import Config
from devices.parts.demand import GAS_KWH_PER_CUBIC_METRE, Demand, gas
from devices.parts.integrator import Integrator
from devices.parts.mbus_meter import MBusMeter
from devices.runtime.board import Board, Reset
from protocols.wmbus.meter import NEVER
from protocols.wmbus.records import Coding, Quantity, Record

S: Final = 1_000_000_000
JOULES: Final = 4_186
"""That a litre of water gives for a degree."""
_STATE: Final = "mbus/state"


class Firmware(MBusMeter):
    """The board has a narrowband radio, a battery and a display."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board, config)
        self.config = config

    def boot(self, why: Reset) -> None:
        board, config = self.board, self.config
        kept = board.nvm.get(_STATE, {"wh": 1000 * config.start_kwh, "rest": 0, "access": 0, "heard": NEVER})
        self.watt_hours: int = kept["wh"]
        """The last reading."""
        self._heard: int = kept["heard"]
        self._heat = Integrator(self.now, kept["wh"], kept["rest"])
        self._demand = Demand(gas(config.kwh_a_year), board.rng("heat"))
        self._watts = 0
        self._next_level()
        self.begin(kept["access"], self._heard)

    def _next_level(self) -> None:
        level = self._demand.next(self.board.rtc.read())
        self._watts = int(level.value * GAS_KWH_PER_CUBIC_METRE)
        self._heat.set(self._watts, self.now)
        self.after(level.duration, self._next_level)

    @property
    def litres(self) -> int:
        """Of water that have passed."""
        cooled = (self.config.flow_decidegrees - self.config.return_decidegrees) / 10
        return int(self.watt_hours * 3600 / JOULES / cooled)

    def read(self) -> None:
        self.hear(None)

    def values(self) -> list[Record]:
        config = self.config
        return [
            Record.of(Quantity.ENERGY, self.watt_hours, Coding.I32, 0),
            Record.of(Quantity.VOLUME, self.litres, Coding.I32, -3),
            Record.of(Quantity.POWER, self._watts, Coding.I32, 0),
            Record.of(Quantity.FLOW_TEMPERATURE, config.flow_decidegrees, Coding.I16, -1),
            Record.of(Quantity.RETURN_TEMPERATURE, config.return_decidegrees, Coding.I16, -1),
        ]

    def obey(self, commands: tuple[Record, ...], counter: int | None) -> bool:
        """The time, or nothing."""
        self.hear(counter)
        moments = [command.when for command in commands]
        if len(moments) != 1 or not isinstance(moments[0], datetime):
            return False
        self.board.rtc.set(int(moments[0].replace(tzinfo=UTC).timestamp()) * S)
        return True

    def hear(self, counter: int | None) -> None:
        self._heard = self._heard if counter is None else counter
        watt_hours, rest = self._heat.state(self.now)
        self.board.nvm.put({_STATE: {"wh": watt_hours, "rest": rest, "access": self.next_access, "heard": self._heard}})
        self.watt_hours = watt_hours
        self.board.display.show([f"HEAT {watt_hours / 1_000_000:.3f} MWh"])
