"""What every wireless M-Bus meter does, whatever it measures: it reports at its period, and for an instant after it obeys.

What it measures, and what it keeps in flash, is the product's. A command and the counter that it came under are to be one record
there, so that a command is carried out once whatever happens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from devices.runtime import firmware
from devices.runtime.board import Board
from devices.runtime.kernel import MIN, S
from protocols.core.effects import Effect
from protocols.wmbus import records
from protocols.wmbus.coding import T2, Mode
from protocols.wmbus.link import Address
from protocols.wmbus.meter import Asked, Command, Dropped, Listen, Meter, Transmit
from protocols.wmbus.records import Coding, Quantity, Record
from protocols.wmbus.telegram import Key, Profile

MOST_OFFSET: Final = 60
"""Seconds over which meters spread their reports, by their numbers."""
CLOCK_UNSET: Final = 0x01
"""Of the error flags."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """The part of a meter's configuration by which it reports."""

    address: Address
    key: Key
    """Shared with its gateway."""
    mode: Mode = T2
    period: int = 30 * MIN
    """Between reports (ns)."""


class MBusMeter(firmware.Firmware, ABC):
    """The board has a narrowband radio."""

    def __init__(self, board: Board, reporter: Reporter) -> None:
        super().__init__(board)
        self._reporter = reporter

    def begin(self, access: int, heard: int) -> None:
        """Reports from now on. `access`: number of the next; `heard`: counter of the last command."""
        reporter = self._reporter
        counts = self.board.nvm.counter("mbus/messages", step=64)
        count = counts.next if reporter.key.profile is Profile.B else None
        self.meter = Meter(reporter.address, reporter.key, reporter.mode, access=access, heard=heard, count=count)
        self.board.ether.on_receive = lambda chips: self._apply(self.meter.feed(chips, self.now))
        self.after(reporter.address.number % MOST_OFFSET * S, self._first)

    @abstractmethod
    def read(self) -> None:
        """Take the reading that is told from now on, into flash."""

    @abstractmethod
    def values(self) -> list[Record]:
        """What a report has besides time and error flags."""

    @abstractmethod
    def obey(self, commands: tuple[Record, ...], counter: int | None) -> bool:
        """Carry out all of them, or none; True when they were."""

    @abstractmethod
    def hear(self, counter: int | None) -> None:
        """A question came under this counter: into flash."""

    @property
    def next_access(self) -> int:
        """The number of the next report."""
        return self.meter.access + 1 & 0xFF

    def _first(self) -> None:
        self._report()
        self.every(self._reporter.period, self._report)

    def _report(self) -> None:
        self.read()
        self._apply(self.meter.report(self._data(), self.now))

    def _data(self) -> list[Record]:
        rtc = self.board.rtc
        flags = Record.of(Quantity.ERROR_FLAGS, 0 if rtc.valid else CLOCK_UNSET, Coding.I16)
        moment = [records.point_in_time(datetime.fromtimestamp(rtc.read() // S, UTC))] if rtc.valid else []
        return [*self.values(), *moment, flags]

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Transmit(chips=chips):
                    self.board.ether.transmit(chips, self._reporter.mode.from_meter.airtime(chips))
                case Listen(opens=opens, closes=closes):
                    self.board.ether.listen(opens, closes)
                case Command(records=commands, counter=counter):
                    self._apply(self.meter.reply(self.now, done=self.obey(commands, counter)))
                case Asked(counter=counter):
                    self.hear(counter)
                    self._apply(self.meter.reply(self.now, self._data()))
                case Dropped(reason=reason):
                    self.board.log("mbus.dropped", {"reason": reason})
