"""COSEM objects of the gas proxy and the Smart Energy attributes they are read from: one row an item.

The one translation of the system (the head end speaks COSEM to gas and electricity alike). Values come from the last complete set
of the meter's mirror, never from the meter, and registers carry the time at which that set arrived as their capture time.
Before the first complete set every item answers temporary-failure; an item that the meter does not report, object-unavailable.

Names: `7-0:3.0.0` and its tariffs are the Blue Book's gas volume index; supply state, firmware version, meter point, maker, model
and tamper state are those of GB's electricity meters (GBCS use cases), so that one client reads both fuels alike.
Not here: writing and methods (they go to a meter that is asleep, and come with commands), logs, prepayment accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hubfw.gas_mirror import Reading
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, ControlState, InterfaceClass, Unit, date_time
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters import metering
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.zcl.cluster import Attribute, Cluster

Source = Callable[[], Reading | None]
"""The last complete set of the meter, None before the first."""


@dataclass(frozen=True, slots=True)
class Row:
    """`name` (OBIS) is read from `attribute` of `cluster` as the object that `kind` makes."""

    name: str
    cluster: type[Cluster]
    attribute: Attribute[object]
    kind: Callable[[Row, Source], InterfaceClass]

    def build(self, source: Source) -> InterfaceClass:
        """The COSEM object over a mirror."""
        return self.kind(self, source)

    def value(self, source: Source) -> object:
        """The attribute's value in the last set. Raises AccessError."""
        value = _reading(source).get(self.cluster, self.attribute)
        if value is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, self.name)
        return value

    def number(self, source: Source) -> int:
        """As `value`, for what is declared an integer."""
        value = self.value(source)
        assert isinstance(value, int)
        return value


def _reading(source: Source) -> Reading:
    reading = source()
    if reading is None:
        raise AccessError(DataAccessResult.TEMPORARY_FAILURE)
    return reading


def _captured(source: Source) -> Callable[[], bytes]:
    return lambda: date_time.encode(_reading(source).at)


# --- kinds of objects ---


def volume(row: Row, source: Source) -> InterfaceClass:
    """A summation as an extended register (class 4): scaler and unit from the meter's own formatting attributes."""
    return cosem.ExtendedRegister(
        row.name,
        value=lambda: axdr.u64(_scaled(row.number(source), _reading(source))),
        scaler_unit=lambda: (_scaler(_reading(source)), UNITS.get(_formatting(_reading(source)).unit, Unit.OTHER)),
        capture_time=_captured(source),
    )


def register(unit: Unit, tag: Callable[[int], Data]) -> Callable[[Row, Source], InterfaceClass]:
    """A number as an extended register (class 4) of this unit."""
    return lambda row, source: cosem.ExtendedRegister(
        row.name, value=lambda: tag(row.number(source)), scaler_unit=(0, unit), capture_time=_captured(source)
    )


def number(tag: Callable[[int], Data]) -> Callable[[Row, Source], InterfaceClass]:
    """A number as data (class 1)."""
    return lambda row, source: cosem.Data(row.name, value=lambda: tag(row.number(source)))


def octets(row: Row, source: Source) -> InterfaceClass:
    """A string as an octet-string (class 1)."""

    def read() -> Data:
        value = row.value(source)
        return axdr.octets(value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b"")

    return cosem.Data(row.name, value=read)


def supply(row: Row, source: Source) -> InterfaceClass:
    """The valve as disconnect control (class 70), to be read."""

    def state() -> ControlState:
        known = STATES.get(row.number(source))
        if known is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, row.name)
        return known

    return cosem.DisconnectControl(
        row.name,
        output_state=lambda: state() is ControlState.CONNECTED,
        control_state=state,
        control_mode=_REMOTELY_OFF_BY_HAND_ON,
        access={"control_mode": Access.READ},
        on={"remote_disconnect": _asleep, "remote_reconnect": _asleep},
    )


def _asleep(argument: Data) -> None:
    raise AccessError(DataAccessResult.READ_WRITE_DENIED, "the valve cannot be moved from here")


_REMOTELY_OFF_BY_HAND_ON: Final = 1
STATES: Final[dict[int, ControlState]] = {
    SupplyStatus.OFF: ControlState.DISCONNECTED,
    SupplyStatus.OFF_ARMED: ControlState.READY_FOR_RECONNECTION,
    SupplyStatus.ON: ControlState.CONNECTED,
}
UNITS: Final[dict[int, Unit]] = {metering.Unit.CUBIC_METRES: Unit.CUBIC_METRE}


@dataclass(frozen=True, slots=True)
class _Formatting:
    unit: int
    multiplier: int
    divisor: int


def _formatting(reading: Reading) -> _Formatting:
    unit = reading.get(Metering, Metering.unit_of_measure)
    multiplier = reading.get(Metering, Metering.multiplier)
    divisor = reading.get(Metering, Metering.divisor)
    return _Formatting(
        unit if isinstance(unit, int) else metering.Unit.UNITLESS,
        multiplier if isinstance(multiplier, int) else 1,
        divisor if isinstance(divisor, int) else 1,
    )


_LITRES = 3


def _scaler(reading: Reading) -> int:
    """Of a summation: exact where the divisor is a power of ten, else thousandths."""
    digits = str(_formatting(reading).divisor)
    return 1 - len(digits) if digits.strip("0") in ("1", "") else -_LITRES


def _scaled(raw: int, reading: Reading) -> int:
    """A summation by its scaler, rounded down. A divisor or multiplier of zero makes no value (bad input G6): a read is refused."""
    formatting = _formatting(reading)
    if not formatting.divisor or not formatting.multiplier:
        raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "no formatting")
    value = raw * formatting.multiplier * 10 ** -_scaler(reading) // formatting.divisor
    if value >= 1 << 64:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
    return int(value)


ROWS: Final = (
    Row("7-0:3.0.0", Metering, Metering.current_summation_delivered, volume),
    Row("7-0:3.0.1", Metering, Metering.current_tier_summation_delivered[1], volume),
    Row("7-0:3.0.2", Metering, Metering.current_tier_summation_delivered[2], volume),
    Row("7-0:3.0.3", Metering, Metering.current_tier_summation_delivered[3], volume),
    Row("7-0:3.0.4", Metering, Metering.current_tier_summation_delivered[4], volume),
    Row("0-0:96.3.10", Metering, Metering.supply_status, supply),
    Row("0-0:96.5.0", Metering, Metering.status, number(axdr.u8)),
    Row("0-0:96.6.6", Metering, Metering.remaining_battery_life_in_days, register(Unit.DAY, axdr.u16)),
    Row("0-0:0.2.1", Metering, Metering.current_meter_id, octets),
    Row("0-0:96.1.0", Metering, Metering.meter_serial_number, octets),
    Row("0-0:94.44.34.11", Metering, Metering.site_id, octets),
    Row("0-0:94.44.0.4", Metering, Metering.supply_tamper_state, number(axdr.enum)),
    Row("0-0:96.1.6", Basic, Basic.manufacturer_name, octets),
    Row("0-0:96.1.4", Basic, Basic.model_identifier, octets),
)
