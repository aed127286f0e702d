"""Gas by wireless M-Bus: the hub as the meter's other device (EN 13757-4). It hears it, and speaks to it after it has spoken.

A report is one complete set for the meter's mirror: `SET` says which record becomes which Smart Energy attribute, so displays on
the HAN and the head end read this meter as any other. What is kept in flash is the last message counter of each meter, before the
report counts: none is taken twice. Commands wait in RAM for the meter's next report: whoever gave one is told how it
ended, and a hub that lost its power has told nobody that it was done. A meter whose clock is not set gets the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from hubfw.config import MBusMeter
from protocols.core.effects import Effect
from protocols.wmbus.coding import T2, Mode
from protocols.wmbus.gateway import Done, Failed, Gateway, Reported, TransmitAt
from protocols.wmbus.link import Address, DeviceType
from protocols.wmbus.meter import NEVER, Dropped
from protocols.wmbus.records import Quantity, Record, point_in_time
from protocols.wmbus.telegram import Key
from protocols.zigbee.clusters.metering import DeviceType as DeviceKind
from protocols.zigbee.clusters.metering import Metering, SupplyStatus, Unit
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.cluster import Attribute

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

Answer = Callable[[bool, tuple[Record, ...]], object]
"""Called once: whether a command was carried out, and the records of an answer."""
Values = dict[tuple[int, int], object]
"""By (cluster, attribute) identifiers, as in a mirror."""

SUPPLY: Final = {0: SupplyStatus.OFF, 1: SupplyStatus.ON, 2: SupplyStatus.OFF_ARMED}
"""Where the valve is."""
CLOCK_UNSET: Final = 0x01
"""Of the error flags."""
LITRES_IN_CUBIC_METRE: Final = 1000
FORMAT: Final = 0b0_0101_011
"""Five digits before the decimal point and three behind it."""


def _litres(record: Record) -> int | None:
    return None if record.number is None else int(record.number * LITRES_IN_CUBIC_METRE)


def _time(record: Record) -> int | None:
    moment = record.when
    return int(moment.replace(tzinfo=UTC).timestamp()) - EPOCH if isinstance(moment, datetime) else None


def _valve(record: Record) -> int | None:
    return SUPPLY.get(record.value) if isinstance(record.value, int) else None


SET: Final[Mapping[Quantity, tuple[Attribute[object], Callable[[Record], int | None]]]] = MappingProxyType(
    {
        Quantity.VOLUME: (Metering.current_summation_delivered, _litres),
        Quantity.POINT_IN_TIME: (Metering.reading_snapshot_time, _time),
        Quantity.VALVE: (Metering.supply_status, _valve),
    }
)
"""Record to attribute of Metering. What a record does not say is left out."""
CONSTANT: Final[Mapping[Attribute[object], object]] = MappingProxyType(
    {
        Metering.unit_of_measure: Unit.CUBIC_METRES,
        Metering.multiplier: 1,
        Metering.divisor: LITRES_IN_CUBIC_METRE,
        Metering.summation_formatting: FORMAT,
        Metering.metering_device_type: DeviceKind.GAS,
    }
)
"""What holds for every meter, whatever it says."""


def attributes(meter: Address, records: tuple[Record, ...]) -> Values:
    """A report as a mirror's set. Empty where it has no volume that could be read."""
    values: Values = {(Metering.id, attribute.id): value for attribute, value in CONSTANT.items()}
    values[Metering.id, Metering.current_meter_id.id] = str(meter).encode()
    for record in records:
        if record.quantity is not None and record.quantity in SET and record.storage == 0:
            attribute, translate = SET[record.quantity]
            value = translate(record)
            if value is not None:
                values[Metering.id, attribute.id] = value
    return values if (Metering.id, Metering.current_summation_delivered.id) in values else {}


S: Final = 1_000_000_000
_HEARD: Final = "mbus/heard/"
_ACCESS_A_BOOT: Final = 64
_DIGITS: Final = 100_000_000
MAKER: Final = "MBT"


def address_of(eui64: int, kind: int) -> Address:
    """The M-Bus address of a device of the bench: its number is the last eight decimal digits of its EUI-64."""
    return Address(MAKER, eui64 % _DIGITS, 1, kind)


class MBus:
    """The part. `reported(meter, set)` is called for each report with a volume, after its counter is in flash."""

    def __init__(
        self, firmware: Firmware, meters: Mapping[Address, Key], reported: Callable[[Address, Values], object], mode: Mode = T2,
        heat: Callable[[tuple[Record, ...]], object] | None = None,
    ) -> None:  # fmt: skip
        self._firmware = firmware
        self._heat = heat
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

    @classmethod
    def of(
        cls, firmware: Firmware, meters: Iterable[MBusMeter], take: Callable[[int, Values], object],
        heat: Callable[[tuple[Record, ...]], object] | None,
    ) -> MBus:  # fmt: skip
        """For these meters of the hub; `take(eui64, set)` has the gas meter's sets, `heat` a heat meter's records."""
        known = {address_of(meter.eui64, DeviceType.HEAT if meter.heat else DeviceType.GAS): meter for meter in meters}
        keys = {address: meter.key for address, meter in known.items()}
        mode = next(iter(known.values())).mode
        return cls(firmware, keys, lambda address, values: take(known[address].eui64, values), mode, heat)

    def command(self, meter: Address, records: list[Record], answer: Answer) -> None:
        """Have a meter carry out records at its next report. Raises LocalProtocolError: unknown, or too many wait."""
        self._answers[self._gateway.command(meter, records)] = answer

    def ask(self, meter: Address, answer: Answer) -> None:
        """Ask a meter for its data at its next report. Raises LocalProtocolError as `command`."""
        self._answers[self._gateway.ask(meter)] = answer

    def waiting(self, meter: Address) -> int:
        """Commands that wait for a meter."""
        return self._gateway.waiting(meter)

    def _take(self, meter: Address, records: tuple[Record, ...]) -> None:
        if meter.type == DeviceType.HEAT:
            if self._heat is not None:
                self._heat(records)
        elif values := attributes(meter, records):
            self._reported(meter, values)
        errors = next((record.value for record in records if record.quantity is Quantity.ERROR_FLAGS), 0)
        if isinstance(errors, int) and errors & CLOCK_UNSET and self._firmware.board.rtc.valid and not self.waiting(meter):
            self._answers[self._gateway.command_afresh(meter, self._now)] = lambda done, answer: None

    def _now(self) -> list[Record]:
        return [point_in_time(datetime.fromtimestamp(self._firmware.board.rtc.read() // S, UTC))]

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
                case Reported(meter=meter, records=records, counter=counter):
                    if counter is not None:
                        board.nvm.put({_HEARD + str(meter): counter})
                    self._take(meter, records)
                case Done(number=number, records=records):
                    self._answers.pop(number)(True, records)
                case Failed(number=number, reason=reason):
                    board.log("mbus.failed", {"reason": reason})
                    self._answers.pop(number)(False, ())
                case Dropped(reason=reason):
                    board.log("mbus.dropped", {"reason": reason})
        self._timer.arm()
