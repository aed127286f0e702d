"""What a client makes of Data that should have a certain shape. Every mismatch is the meter's: RemoteProtocolError."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time, units
from protocols.dlms.cosem.units import Unit

Instant: TypeAlias = "datetime | int"
"""An aware datetime, or nanoseconds since 1970 UTC."""

NUMBERS: Final = frozenset(
    {
        Tag.DOUBLE_LONG, Tag.DOUBLE_LONG_UNSIGNED, Tag.BCD, Tag.INTEGER, Tag.LONG, Tag.UNSIGNED, Tag.LONG_UNSIGNED,
        Tag.LONG64, Tag.LONG64_UNSIGNED, Tag.ENUM, Tag.FLOAT32, Tag.FLOAT64,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, exact: the register's value times ten to its scaler. An unknown unit stays a number."""

    value: Decimal
    unit: Unit | int

    def __str__(self) -> str:
        symbol = self.unit.symbol if isinstance(self.unit, Unit) else f"unit {self.unit}"
        return f"{self.value:f} {symbol}".rstrip()


@dataclass(frozen=True, slots=True)
class Scale:
    """scaler_unit of a register."""

    scaler: int
    unit: Unit | int

    @classmethod
    def parse(cls, data: Data) -> Scale:
        """From its structure. Raises RemoteProtocolError."""
        match data:
            case Data(Tag.STRUCTURE, [Data(Tag.INTEGER, int(scaler)), Data(Tag.ENUM, int(unit))]):
                return cls(scaler, units.of_code(unit))
        raise unexpected("scaler_unit", data)

    def apply(self, data: Data) -> Quantity:
        """The quantity that a register's value is. Raises RemoteProtocolError when it is no number."""
        if data.tag not in NUMBERS:
            raise unexpected("a register's value", data)
        return Quantity(Decimal(str(data.value)).scaleb(self.scaler), self.unit)


def instant(moment: Instant) -> int:
    """In nanoseconds since 1970 UTC."""
    return moment if isinstance(moment, int) else date_time.from_datetime(moment)


def moment(data: Data) -> datetime | None:
    """A date-time; None: not specified."""
    if data.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME):
        raise unexpected("date-time", data)
    found = date_time.instant(data.value)
    return None if found is None else date_time.to_datetime(found)


def items(what: str, data: Data, count: int | None = None) -> list[Data]:
    """The elements of an array or structure, `count` of them if that is given."""
    if data.tag not in (Tag.ARRAY, Tag.STRUCTURE) or (count is not None and len(data.value) != count):
        raise unexpected(what, data)
    found: list[Data] = data.value
    return found


def octets(what: str, data: Data) -> bytes:
    """A string of any kind."""
    if not isinstance(data.value, bytes):
        raise unexpected(what, data)
    return data.value


def number(what: str, data: Data) -> int:
    """A whole number of any width."""
    if not isinstance(data.value, int):
        raise unexpected(what, data)
    return data.value


def unexpected(what: str, data: Data) -> RemoteProtocolError:
    """The error that says what came instead."""
    came = repr(data)
    return RemoteProtocolError(f"{what} expected, the meter sent {came[:120]}{'...' * (len(came) > 120)}")
