"""Meters on wireless M-Bus: the hub as their other device (EN 13757-4). It hears them, and speaks to one after it has spoken.

A report is given on with the time at which it came; what is kept in flash is the last message counter of each meter, before the
report counts, so that none is taken twice. Commands wait in RAM for the meter's next report: whoever gave one is told how it
ended, and a hub that lost its power has told nobody that it was done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from protocols.core.effects import Effect
from protocols.wmbus.coding import T2, Mode
from protocols.wmbus.gateway import Done, Failed, Gateway, Reported, TransmitAt
from protocols.wmbus.link import Address, DeviceType
from protocols.wmbus.meter import NEVER, Dropped
from protocols.wmbus.records import Record
from protocols.wmbus.telegram import Key

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

Answer = Callable[[bool, tuple[Record, ...]], object]
"""Called once: whether a command was carried out, and the records of an answer."""

_HEARD: Final = "mbus/heard/"
_ACCESS_A_BOOT: Final = 64
_DIGITS: Final = 100_000_000
MAKER: Final = "MBT"


def address_of(eui64: int, kind: int) -> Address:
    """The M-Bus address of a device of the bench: its number is the last eight decimal digits of its EUI-64."""
    return Address(MAKER, eui64 % _DIGITS, 1, kind)


class MBus:
    """The part. `reported(meter, records, status)` is called for each report, after its counter is in flash."""

    def __init__(
        self,
        firmware: Firmware,
        meters: Mapping[Address, Key],
        reported: Callable[[Address, tuple[Record, ...], int], object],
        mode: Mode = T2,
    ) -> None:
        self._firmware = firmware
        self._mode = mode
        self._reported = reported
        self._answers: dict[int, Answer] = {}
        board = firmware.board
        counter = board.nvm.counter("mbus/messages", step=64)
        self._gateway = Gateway(address_of(board.eui64, DeviceType.GATEWAY), mode, count=counter.next)
        access = board.nvm.counter("mbus/boots", step=1).next() * _ACCESS_A_BOOT & 0xFF
        for meter, key in meters.items():
            self._gateway.introduce(meter, key, access=access, heard=board.nvm.get(_HEARD + str(meter), NEVER))
        self._timer = Deadline(firmware, lambda: self._gateway.deadline, self._expire)
        board.ether.on_receive = self._received
        board.ether.listen_always()

    def command(self, meter: Address, records: list[Record], answer: Answer) -> None:
        """Have a meter carry out records at its next report. Raises LocalProtocolError: unknown, or too many wait."""
        self._answers[self._gateway.command(meter, records)] = answer

    def ask(self, meter: Address, answer: Answer) -> None:
        """Ask a meter for its data at its next report. Raises LocalProtocolError as `command`."""
        self._answers[self._gateway.ask(meter)] = answer

    def waiting(self, meter: Address) -> int:
        """Commands that wait for a meter."""
        return self._gateway.waiting(meter)

    def _received(self, chips: bytes) -> None:
        self._apply(self._gateway.feed(chips, self._firmware.now))

    def _expire(self) -> None:
        self._apply(self._gateway.expire(self._firmware.now))

    def _apply(self, effects: list[Effect]) -> None:
        board = self._firmware.board
        for effect in effects:
            match effect:
                case TransmitAt(when=when, chips=chips):
                    self._firmware.at(when, board.ether.transmit, chips, self._mode.to_meter.airtime(chips))
                case Reported(meter=meter, records=records, status=status, counter=counter):
                    if counter is not None:
                        board.nvm.put({_HEARD + str(meter): counter})
                    self._reported(meter, records, status)
                case Done(number=number, records=records):
                    self._answers.pop(number)(True, records)
                case Failed(number=number, reason=reason):
                    board.log("mbus.failed", {"reason": reason})
                    self._answers.pop(number)(False, ())
                case Dropped(reason=reason):
                    board.log("mbus.dropped", {"reason": reason})
        self._timer.arm()
