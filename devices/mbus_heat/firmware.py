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
from devices.runtime import firmware
from devices.runtime.board import Board, Reset
from protocols.core.effects import Effect
from protocols.wmbus import records
from protocols.wmbus.meter import NEVER, Asked, Command, Dropped, Listen, Meter, Transmit
from protocols.wmbus.records import Coding, Quantity, Record
from protocols.wmbus.telegram import Profile

S: Final = 1_000_000_000
MOST_OFFSET: Final = 60
"""Seconds over which meters spread their reports, by their numbers."""
JOULES: Final = 4_186
"""That a litre of water gives for a degree."""
CLOCK_UNSET: Final = 0x01
"""Of the error flags."""
_STATE: Final = "mbus/state"


class Firmware(firmware.Firmware):
    """The board has a narrowband radio, a battery and a display."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board)
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
        counts = board.nvm.counter("mbus/messages", step=64)
        self.meter = Meter(
            config.address, config.key, config.mode, access=kept["access"], heard=self._heard,
            count=counts.next if config.key.profile is Profile.B else None,
        )  # fmt: skip
        board.ether.on_receive = lambda chips: self._apply(self.meter.feed(chips, self.now))
        self._next_level()
        self.after(config.address.number % MOST_OFFSET * S, self._begin)

    def _begin(self) -> None:
        self._report()
        self.every(self.config.period, self._report)

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

    def _report(self) -> None:
        self._keep(None)
        self._apply(self.meter.report(self._data(), self.now))

    def _data(self) -> list[Record]:
        rtc, config = self.board.rtc, self.config
        moment = [records.point_in_time(datetime.fromtimestamp(rtc.read() // S, UTC))] if rtc.valid else []
        return [
            Record.of(Quantity.ENERGY, self.watt_hours, Coding.I32, 0),
            Record.of(Quantity.VOLUME, self.litres, Coding.I32, -3),
            Record.of(Quantity.POWER, self._watts, Coding.I32, 0),
            Record.of(Quantity.FLOW_TEMPERATURE, config.flow_decidegrees, Coding.I16, -1),
            Record.of(Quantity.RETURN_TEMPERATURE, config.return_decidegrees, Coding.I16, -1),
            *moment,
            Record.of(Quantity.ERROR_FLAGS, 0 if rtc.valid else CLOCK_UNSET, Coding.I16),
        ]

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Transmit(chips=chips):
                    self.board.ether.transmit(chips, self.config.mode.from_meter.airtime(chips))
                case Listen(opens=opens, closes=closes):
                    self.board.ether.listen(opens, closes)
                case Command(records=commands, counter=counter):
                    self._apply(self.meter.reply(self.now, done=self._obey(commands, counter)))
                case Asked(counter=counter):
                    self._keep(counter)
                    self._apply(self.meter.reply(self.now, self._data()))
                case Dropped(reason=reason):
                    self.board.log("mbus.dropped", {"reason": reason})

    def _obey(self, commands: tuple[Record, ...], counter: int | None) -> bool:
        """The time, or nothing."""
        self._keep(counter)
        moments = [command.when for command in commands]
        if len(moments) != 1 or not isinstance(moments[0], datetime):
            return False
        self.board.rtc.set(int(moments[0].replace(tzinfo=UTC).timestamp()) * S)
        return True

    def _keep(self, heard: int | None) -> None:
        self._heard = self._heard if heard is None else heard
        watt_hours, rest = self._heat.state(self.now)
        access = self.meter.access + 1 & 0xFF
        self.board.nvm.put({_STATE: {"wh": watt_hours, "rest": rest, "access": access, "heard": self._heard}})
        self.watt_hours = watt_hours
        self.board.display.show([f"HEAT {watt_hours / 1_000_000:.3f} MWh"])
