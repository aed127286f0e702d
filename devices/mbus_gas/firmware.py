"""The firmware: counts pulses, keeps a half-hour log, tells its index every half hour, and listens for an instant after that.

A report has the index (litres), its time, error flags, and where the valve is. Two kinds of command are carried out, each whole or
not at all: remote control (0 shut, 1 open, 2 arm) and the time; whatever else comes is refused by the meter's answer. What a
command has changed and the counter that it came under are one record in flash, so a command is carried out once whatever happens.
Not here: prepayment (a volume to shut at), encryption keys that change, installation telegrams.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from devices.mbus_gas.config import Config
from devices.parts.demand import Demand, gas
from devices.parts.integrator import Integrator
from devices.parts.mbus_meter import MBusMeter
from devices.parts.profile_log import HALF_HOUR, ProfileLog
from devices.runtime.board import Board, Reset
from protocols.wmbus.meter import NEVER
from protocols.wmbus.records import Coding, Quantity, Record

S: Final = 1_000_000_000
_STATE: Final = "mbus/state"
_INDEX: Final = "mbus/index"


class Control(IntEnum):
    """Values of the remote control record."""

    SHUT = 0
    OPEN = 1
    ARM = 2


class Firmware(MBusMeter):
    """The board has a narrowband radio, a battery, a display, a button and flash for the log."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board, config)
        self.config = config

    def boot(self, why: Reset) -> None:
        board, config = self.board, self.config
        kept = board.nvm.get(_STATE, {"valve": int(Control.OPEN), "heard": NEVER})
        index = board.nvm.get(_INDEX, {"litres": config.start_litres, "rest": 0, "access": 0})
        self.valve = Control(kept["valve"])
        self._heard: int = kept["heard"]
        self.litres: int = index["litres"]
        """The last reading."""
        self._flow = Integrator(self.now, index["litres"], index["rest"])
        self._demand = Demand(gas(config.kwh_a_year), board.rng("gas"))
        self._level = 0
        self.log = ProfileLog(board.nvm)
        board.buttons.on_press = self._pressed
        self._next_level()
        self.every(HALF_HOUR, self._half_hour, align=True)
        self.begin(index["access"], self._heard)
        self._show()

    # --- gas ---

    def _next_level(self) -> None:
        level = self._demand.next(self.board.rtc.read())
        self._level = level.value
        self._set_flow()
        self.after(level.duration, self._next_level)

    def _set_flow(self) -> None:
        self._flow.set(self._level if self.valve is Control.OPEN else 0, self.now)

    def _half_hour(self) -> None:
        rtc = self.board.rtc
        if rtc.valid:
            self._take(self.log.record(rtc.read(), self._flow.total(self.now)))

    def read(self) -> None:
        self._take({})

    def _take(self, row: dict[str, object]) -> None:
        litres, rest = self._flow.state(self.now)
        self.board.nvm.put({_INDEX: {"litres": litres, "rest": rest, "access": self.next_access}, **row})
        self.litres = litres
        self._show()

    def _show(self) -> None:
        self.board.display.show([f"GAS {self.litres / 1000:.3f} m3", f"VALVE {self.valve.name}"])

    # --- the radio ---

    def values(self) -> list[Record]:
        volume = Record.of(Quantity.VOLUME, self.litres, Coding.BCD8, -3)
        return [volume, Record.of(Quantity.VALVE, int(self.valve), Coding.I8)]

    # --- commands ---

    def obey(self, commands: tuple[Record, ...], counter: int | None) -> bool:
        valve, utc = self.valve, None
        for command in commands:
            moment = command.when
            if command.quantity is Quantity.CONTROL and isinstance(command.value, int) and command.value in list(Control):
                wanted = Control(command.value)
                valve = Control.ARM if wanted is Control.OPEN and not self.config.remote_open else wanted
                if valve is Control.ARM and self.valve is Control.OPEN:
                    valve = Control.OPEN
            elif isinstance(moment, datetime):
                utc = int(moment.replace(tzinfo=UTC).timestamp()) * S
            else:
                self._keep(self.valve, counter)
                return False
        self._keep(valve, counter)
        if utc is not None:
            self.board.rtc.set(utc)
        return bool(commands)

    def hear(self, counter: int | None) -> None:
        self._keep(self.valve, counter)

    def _pressed(self, button: str) -> None:
        """A hand at the meter opens an armed valve, and no other."""
        if self.valve is Control.ARM:
            self._keep(Control.OPEN, None)

    def _keep(self, valve: Control, counter: int | None) -> None:
        self._heard = self._heard if counter is None else counter
        self.board.nvm.put({_STATE: {"valve": int(valve), "heard": self._heard}})
        if valve is not self.valve:
            self.valve = valve
            self.board.log("mbus.valve", {"state": valve.name})
        self._set_flow()
        self._show()
