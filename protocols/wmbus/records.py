"""The application layer's data records (EN 13757-3 clause 6, tables 4-15; OMS volume 2, annex B).

A record is a data information block (what type, which storage, tariff and subunit), a value information block (which quantity in
which unit) and the value. `QUANTITIES` is the table of what this package can name; a record of any other is kept as it came.
Not here: compact profiles, manufacturer data (kept as octets), the wired M-Bus's fixed structure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from typing import Final

from protocols.core.errors import LocalProtocolError, RemoteProtocolError

MOST: Final = 255
"""Records of a telegram."""
_EXTENSIONS: Final = 10
_IDLE: Final = 0x2F
_MANUFACTURER: Final = (0x0F, 0x1F)
_EXTEND: Final = 0x80


class Function(IntEnum):
    """What the value is of its kind."""

    INSTANTANEOUS = 0
    MAXIMUM = 1
    MINIMUM = 2
    ERROR = 3


class Coding(IntEnum):
    """Types of values: the low nibble of the first octet."""

    NOTHING = 0x0
    I8 = 0x1
    I16 = 0x2
    I24 = 0x3
    I32 = 0x4
    REAL = 0x5
    I48 = 0x6
    I64 = 0x7
    SELECTION = 0x8
    BCD2 = 0x9
    BCD4 = 0xA
    BCD6 = 0xB
    BCD8 = 0xC
    VARIABLE = 0xD
    BCD12 = 0xE


_INTEGERS: Final = {Coding.I8: 1, Coding.I16: 2, Coding.I24: 3, Coding.I32: 4, Coding.I48: 6, Coding.I64: 8}
_DECIMALS: Final = {Coding.BCD2: 1, Coding.BCD4: 2, Coding.BCD6: 3, Coding.BCD8: 4, Coding.BCD12: 6}
_FIXED: Final = {Coding.NOTHING: 0, Coding.REAL: 4, Coding.SELECTION: 0} | _INTEGERS | _DECIMALS
_LONGEST_TEXT: Final = 0xBF


class Quantity(IntEnum):
    """What is measured or told."""

    VOLUME = 1
    """m3."""
    FLOW = 2
    """m3/h."""
    POINT_IN_TIME = 3
    DATE = 4
    ERROR_FLAGS = 5
    ACCESS_NUMBER = 6
    MODEL = 7
    FIRMWARE = 8
    FABRICATION = 9
    BATTERY_DAYS = 10
    VALVE = 11
    """Digital output: 1 open, 0 closed."""
    CONTROL = 12
    """Remote control: what the valve is to do."""
    PASSWORD = 13
    LIMIT = 14
    """Volume at which to shut, m3: an upper limit of volume."""
    ENERGY = 15
    """Wh."""
    POWER = 16
    """W."""
    FLOW_TEMPERATURE = 17
    """Degrees Celsius, of what comes."""
    RETURN_TEMPERATURE = 18
    """Of what goes back."""


def _scaled(quantity: Quantity, first: int, count: int, exponent: int) -> dict[bytes, tuple[Quantity, int]]:
    return {bytes((first + step,)): (quantity, exponent + step) for step in range(count)}


QUANTITIES: Final[dict[bytes, tuple[Quantity, int]]] = {
    **_scaled(Quantity.ENERGY, 0x00, 8, -3),
    **_scaled(Quantity.VOLUME, 0x10, 8, -6),
    **_scaled(Quantity.POWER, 0x28, 8, -3),
    **_scaled(Quantity.FLOW_TEMPERATURE, 0x58, 4, -3),
    **_scaled(Quantity.RETURN_TEMPERATURE, 0x5C, 4, -3),
    **_scaled(Quantity.FLOW, 0x38, 8, -6),
    b"\x6c": (Quantity.DATE, 0),
    b"\x6d": (Quantity.POINT_IN_TIME, 0),
    b"\x78": (Quantity.FABRICATION, 0),
    b"\xfd\x08": (Quantity.ACCESS_NUMBER, 0),
    b"\xfd\x0c": (Quantity.MODEL, 0),
    b"\xfd\x0e": (Quantity.FIRMWARE, 0),
    b"\xfd\x16": (Quantity.PASSWORD, 0),
    b"\xfd\x17": (Quantity.ERROR_FLAGS, 0),
    b"\xfd\x1a": (Quantity.VALVE, 0),
    b"\xfd\x1f": (Quantity.CONTROL, 0),
    b"\xfd\x74": (Quantity.BATTERY_DAYS, 0),
    **{bytes((0x90 + step, 0x48)): (Quantity.LIMIT, step - 6) for step in range(8)},
}
"""Value information blocks that have a name: quantity and power of ten."""
_BLOCKS: Final = {named: vib for vib, named in QUANTITIES.items()}

Value = int | float | bytes | None


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `vib`: its value information block; `value`: an integer, a float, octets (low first), or None for nothing."""

    vib: bytes
    coding: Coding
    value: Value
    function: Function = Function.INSTANTANEOUS
    storage: int = 0
    tariff: int = 0
    subunit: int = 0

    @classmethod
    def of(cls, quantity: Quantity, value: int, coding: Coding, exponent: int = 0, *, storage: int = 0) -> Record:
        """A number of a quantity in units of ten to the `exponent`. Raises LocalProtocolError where there is no such block."""
        vib = _BLOCKS.get((quantity, exponent))
        if vib is None:
            raise LocalProtocolError(f"no value information block for {quantity.name} in 10^{exponent}")
        return cls(vib, coding, value, storage=storage)

    @property
    def quantity(self) -> Quantity | None:
        """What it is; None: nothing that this package names."""
        known = QUANTITIES.get(self.vib)
        return None if known is None else known[0]

    @property
    def number(self) -> Decimal | None:
        """The value in its quantity's unit; None where it is no number or not named."""
        known = QUANTITIES.get(self.vib)
        if known is None or not isinstance(self.value, int):
            return None
        return Decimal(self.value).scaleb(known[1])

    @property
    def when(self) -> datetime | date | None:
        """The value as a date (type G) or a point in time (type F); None where it is none, or says that it is invalid."""
        if not isinstance(self.value, int):
            return None
        if self.quantity is Quantity.DATE and self.coding is Coding.I16:
            return _date(self.value)
        if self.quantity is Quantity.POINT_IN_TIME and self.coding is Coding.I32:
            day = _date(self.value >> 16, self.value >> 13 & 3)
            minute, hour = self.value & 0x3F, self.value >> 8 & 0x1F
            if day is None or self.value & 0x80 or minute > 59 or hour > 23:
                return None
            return datetime(day.year, day.month, day.day, hour, minute)
        return None

    def build(self) -> bytes:
        """Its octets. Raises LocalProtocolError on a value that the coding does not hold."""
        storage, tariff, subunit = self.storage, self.tariff, self.subunit
        dib = [self.coding | self.function << 4 | (storage & 1) << 6]
        storage >>= 1
        while storage or tariff or subunit:
            dib[-1] |= _EXTEND
            dib.append(storage & 0x0F | (tariff & 3) << 4 | (subunit & 1) << 6)
            storage, tariff, subunit = storage >> 4, tariff >> 2, subunit >> 1
        if len(dib) > 1 + _EXTENSIONS:
            raise LocalProtocolError("a data information block has ten extensions at most")
        return bytes(dib) + self.vib + self._octets()

    def _octets(self) -> bytes:
        value = self.value
        try:
            if isinstance(value, bytes):
                if self.coding is not Coding.VARIABLE or len(value) > _LONGEST_TEXT:
                    raise LocalProtocolError(f"{len(value)} octets as {self.coding.name}")
                return bytes((len(value),)) + value
            if isinstance(value, float) and self.coding is Coding.REAL:
                return struct.pack("<f", value)
            if isinstance(value, int) and self.coding in _INTEGERS:
                return value.to_bytes(_INTEGERS[self.coding], "little", signed=not self._unsigned)
            if isinstance(value, int) and self.coding in _DECIMALS:
                return _bcd(value, _DECIMALS[self.coding])
            if value is None and not _FIXED.get(self.coding, 1):
                return b""
        except (OverflowError, struct.error):
            pass
        raise LocalProtocolError(f"{value!r} as {self.coding.name}")

    @property
    def _unsigned(self) -> bool:
        """Dates and flags are bit fields, not numbers."""
        return self.quantity in (Quantity.DATE, Quantity.POINT_IN_TIME, Quantity.ERROR_FLAGS)


def point_in_time(when: datetime, *, storage: int = 0) -> Record:
    """A record of type F: to the minute, from 2000 on."""
    value = when.minute | when.hour << 8 | (when.year // 100 - 19) << 13 | _type_g(when.date()) << 16
    return Record.of(Quantity.POINT_IN_TIME, value, Coding.I32, storage=storage)


def text(quantity: Quantity, value: str) -> Record:
    """A record of variable length: ASCII, last character first on the air."""
    return Record(_BLOCKS[quantity, 0], Coding.VARIABLE, value.encode("ascii")[::-1])


def build(records: list[Record]) -> bytes:
    """Records one behind the other."""
    return b"".join(record.build() for record in records)


def parse(data: bytes) -> list[Record]:
    """The records, without idle fillers; what a manufacturer adds of its own is left away. Raises RemoteProtocolError."""
    return [record for _, _, record in walk(data)]


def walk(data: bytes, at: int = 0) -> Iterator[tuple[int, int, Record]]:
    """As `parse`, from an offset on: where each record begins and ends, and the record."""
    count = 0
    while at < len(data):
        if data[at] == _IDLE:
            at += 1
        elif data[at] in _MANUFACTURER:
            break
        elif count >= MOST:
            raise RemoteProtocolError(f"more than {MOST} records")
        else:
            start = at
            record, at = _record(data, at)
            count += 1
            yield start, at, record


def _record(data: bytes, at: int) -> tuple[Record, int]:
    first = data[at]
    dib, at = _block(data, at)
    vib, at = _block(data, at)
    if first & 0x0F == 0x0F:
        raise RemoteProtocolError(f"data information {first:02X} is reserved")
    if vib[0] & 0x7F == 0x7C:
        raise RemoteProtocolError("a value information block in plain text is not supported")
    coding, storage, tariff, subunit = Coding(first & 0x0F), first >> 6 & 1, 0, 0
    for place, octet in enumerate(dib[1:]):
        storage |= (octet & 0x0F) << 1 + 4 * place
        tariff |= (octet >> 4 & 3) << 2 * place
        subunit |= (octet >> 6 & 1) << place
    value, at = _value(data, at, coding, vib)
    return Record(vib, coding, value, Function(first >> 4 & 3), storage, tariff, subunit), at


def _block(data: bytes, at: int) -> tuple[bytes, int]:
    """An octet and those that extend it."""
    for end in range(at, at + 1 + _EXTENSIONS):
        if end >= len(data):
            raise RemoteProtocolError(f"a record is cut (offset {end})")
        if data[end] < _EXTEND:
            return data[at : end + 1], end + 1
    raise RemoteProtocolError(f"more than {_EXTENSIONS} extensions (offset {at})")


def _value(data: bytes, at: int, coding: Coding, vib: bytes) -> tuple[Value, int]:
    size = _FIXED.get(coding)
    if size is None:
        if at >= len(data):
            raise RemoteProtocolError(f"a record is cut (offset {at})")
        size, at = data[at], at + 1
        if size > _LONGEST_TEXT:
            raise RemoteProtocolError(f"a variable length of kind {size:02X} is not supported")
    end = at + size
    if end > len(data):
        raise RemoteProtocolError(f"a value needs {size} octets and has {len(data) - at} (offset {at})")
    octets = data[at:end]
    if coding is Coding.VARIABLE:
        return octets, end
    if coding is Coding.REAL:
        return float(struct.unpack("<f", octets)[0]), end
    if coding in _INTEGERS:
        unsigned = QUANTITIES.get(vib, (None, 0))[0] in (Quantity.DATE, Quantity.POINT_IN_TIME, Quantity.ERROR_FLAGS)
        return int.from_bytes(octets, "little", signed=not unsigned), end
    if coding in _DECIMALS:
        return _from_bcd(octets), end
    return None, end


def _bcd(value: int, octets: int) -> bytes:
    digits = f"{abs(value):0{2 * octets}d}"
    if value < 0:
        digits = "F" + digits[1:] if digits[0] == "0" else digits + "!"
    if len(digits) != 2 * octets:
        raise LocalProtocolError(f"{value} has more digits than {octets} octets hold")
    return bytes.fromhex(digits)[::-1]


def _from_bcd(octets: bytes) -> int:
    """A leading F is a minus sign (EN 13757-3 annex B, type A)."""
    digits = octets[::-1].hex()
    sign = -1 if digits[0] == "f" else 1
    digits = digits.replace("f", "0", 1) if sign < 0 else digits
    if not digits.isdecimal():
        raise RemoteProtocolError(f"{digits.upper()} is no decimal number")
    return sign * int(digits)


def _type_g(day: date) -> int:
    year = day.year % 100
    return day.day | day.month << 8 | (year & 7) << 5 | (year >> 3) << 12


def _date(value: int, hundreds: int = 0) -> date | None:
    """Type G, or type F's part of it with its count of hundreds of years; 0 of them: from 81 on 1900 (EN 13757-3 annex B)."""
    year = value >> 5 & 7 | value >> 9 & 0x78
    century = 1900 + 100 * hundreds if hundreds or year > 80 else 2000
    try:
        return date(century + year, value >> 8 & 0x0F, value & 0x1F)
    except ValueError:
        return None
