"""Data sets of a meter that speaks IEC 62056-21, and the COSEM objects the hub makes of them: one row an item.

A data set's unit and decimals become scaler and unit exactly (`000123.456*kWh` is 123456 Wh).
What the meter does not say, or says in another unit, is object-unavailable, and so is always what no readout has: the load profile,
the clock as something to be set, the load switch. While the meter does not answer, every item is a temporary failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, Unit
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.data import Data as Item
from protocols.dlms.cosem.disconnect import DisconnectControl
from protocols.dlms.cosem.profile import ProfileGeneric
from protocols.dlms.cosem.register import Register
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess
from protocols.iec62056_21 import DataSet, Value

UNITS: Final[Mapping[str, tuple[Unit, int]]] = {
    "kWh": (Unit.WATT_HOUR, 3),
    "kvarh": (Unit.VAR_HOUR, 3),
    "kW": (Unit.WATT, 3),
    "V": (Unit.VOLT, 0),
}
"""A unit as it is written to COSEM's, and the power of ten between them."""


@dataclass(frozen=True, slots=True)
class Readout:
    """One readout by identifier."""

    values: Mapping[str, Value]

    @classmethod
    def of(cls, data_sets: Iterable[DataSet]) -> Readout:
        """Identifiers without `*255`."""
        return cls({each.address.removesuffix("*255"): each.value for each in data_sets})

    def find(self, name: str) -> Value:
        """By its full identifier, or the reduced one that leaves the medium out. Raises AccessError."""
        value = self.values.get(name, self.values.get(name.partition(":")[2]))
        if value is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, name)
        return value


Source = Callable[[], Readout | None]
"""The last readout; None while the meter does not answer."""


@dataclass(frozen=True, slots=True)
class Row:
    """`name` (OBIS) becomes the object that `kind` makes."""

    name: str
    kind: Callable[[Row, Source], InterfaceClass]

    def value(self, source: Source) -> Value:
        """Raises AccessError."""
        return _readout(source).find(self.name)


def _readout(source: Source) -> Readout:
    readout = source()
    if readout is None:
        raise AccessError(DataAccessResult.TEMPORARY_FAILURE)
    return readout


def register(row: Row, source: Source) -> InterfaceClass:
    """A number with a unit as a register (class 3)."""

    def parts() -> tuple[int, int, Unit]:
        value = row.value(source)
        number, unit = value.number, UNITS.get(value.unit)
        if number is None or unit is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, row.name)
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)  # digits alone are never NaN or infinite
        mantissa = int(number.scaleb(-exponent))
        if abs(mantissa) >= 1 << 63:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, row.name)
        return mantissa, exponent + unit[1], unit[0]

    return Register(row.name, value=lambda: axdr.i64(parts()[0]), scaler_unit=lambda: parts()[1:])


def text(row: Row, source: Source) -> InterfaceClass:
    """A text as data (class 1)."""
    return Item(row.name, value=lambda: axdr.octets(row.value(source).text.encode("ascii", "replace")))


def _lost(*args: object) -> NoReturn:
    raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "a readout does not have it")


class _LostProfile(ProfileGeneric, id=7, version=1):
    """A load profile that stays in the meter."""

    def __init__(self, logical_name: str) -> None:
        super().__init__(logical_name, columns=(), profile_entries=1)

    def read(self, number: int, selection: SelectiveAccess | None = None) -> Data:
        return super().read(number) if number == 1 else _lost()

    def encode(self, number: int, selection: SelectiveAccess | None = None) -> Iterable[bytes]:
        return (self.read(number).build(),)


def profile(row: Row, source: Source) -> InterfaceClass:
    """What is lost: half hours."""
    return _LostProfile(row.name)


def clock(row: Row, source: Source) -> InterfaceClass:
    """What is lost: setting the time (the hub does that); the time itself is in data sets of its own."""
    return Clock(row.name, time=_lost, access={"time": Access.READ})


def switch(row: Row, source: Source) -> InterfaceClass:
    """What is lost: the load switch."""
    refused = {"remote_disconnect": _lost, "remote_reconnect": _lost}
    return DisconnectControl(row.name, output_state=_lost, control_state=_lost, access={"control_mode": Access.READ}, on=refused)


ROWS: Final = (
    Row("0-0:96.1.0", text),
    Row("1-0:0.9.1", text),
    Row("1-0:0.9.2", text),
    Row("1-0:1.8.0", register),
    Row("1-0:2.8.0", register),
    Row("1-0:3.8.0", register),
    Row("1-0:4.8.0", register),
    Row("1-0:1.7.0", register),
    Row("1-0:32.7.0", register),
    Row("1-0:99.1.0", profile),
    Row("0-0:1.0.0", clock),
    Row("0-0:96.3.10", switch),
)


def objects(source: Source) -> list[InterfaceClass]:
    """All of them, over the last readout."""
    return [row.kind(row, source) for row in ROWS]
