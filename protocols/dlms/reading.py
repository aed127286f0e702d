"""What people read from a meter, as procedures of a client: registers, clock, profiles, objects, names.

Nobody who uses these has to know classes and attributes. Values come with their scaler and unit applied, instants as
datetimes in UTC. `meter` runs them over an exchange.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Python, Tag
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem import date_time, profile, units
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.compression import expand, rows_of
from protocols.dlms.cosem.data import Data as DataClass
from protocols.dlms.cosem.profile import ENTRY_DESCRIPTOR, RANGE_DESCRIPTOR, ProfileGeneric
from protocols.dlms.cosem.reference import Reference
from protocols.dlms.cosem.register import ExtendedRegister, Register
from protocols.dlms.cosem.registry import Named, named
from protocols.dlms.cosem.sap import SapAssignment
from protocols.dlms.cosem.units import Unit
from protocols.dlms.logical_device import LOGICAL_DEVICE_NAME
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

Instant: TypeAlias = "datetime | int"
"""An aware datetime, or nanoseconds since 1970 UTC."""
SAP_ASSIGNMENT: Final = Obis("0-0:41.0.0")
CLOCK: Final = Obis("0-0:1.0.0")

_FIRST: Final = 0
_LAST: Final = date_time.from_datetime(datetime.fromisoformat("2099-12-31T23:59:59+00:00"))
_NUMBERS: Final = frozenset(
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


Value: TypeAlias = "Quantity | datetime | Python"
"""What stands in a row: by its column a quantity, an instant, or plain Python."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the object list: an object, and what this client may do with it."""

    class_id: int
    version: int
    name: Obis
    attributes: Mapping[int, Access]
    methods: Mapping[int, bool]


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
        raise _unexpected("scaler_unit", data)

    def apply(self, data: Data) -> Quantity:
        """The quantity that a register's value is. Raises RemoteProtocolError when it is no number."""
        if data.tag not in _NUMBERS:
            raise _unexpected("a register's value", data)
        return Quantity(Decimal(str(data.value)).scaleb(self.scaler), self.unit)


def register(client: Client, name: str | bytes) -> Procedure[Quantity]:
    """A register's or extended register's value with its unit."""
    class_id = Register.class_id
    try:
        value = yield from client.get(name, class_id, Register.value.number)
    except AccessError as refusal:
        if refusal.result != DataAccessResult.OBJECT_CLASS_INCONSISTENT:
            raise
        class_id = ExtendedRegister.class_id
        value = yield from client.get(name, class_id, ExtendedRegister.value.number)
    scale = yield from client.get(name, class_id, Register.scaler_unit.number)
    return Scale.parse(scale).apply(value)


def clock(client: Client, name: str | bytes = CLOCK) -> Procedure[datetime | None]:
    """The meter's time; None when it does not know it."""
    value = yield from client.get(name, Clock.class_id, Clock.time.number)
    return _moment(value)


def set_clock(client: Client, to: Instant, name: str | bytes = CLOCK) -> Procedure[None]:
    """Set the meter's time, to the hundredth of a second."""
    octets = axdr.octets(date_time.encode(_instant(to)))
    yield from client.set(name, Clock.class_id, Clock.time.number, octets)


def logical_device_name(client: Client) -> Procedure[bytes]:
    """The name of the logical device at the other end."""
    value = yield from client.get(LOGICAL_DEVICE_NAME, DataClass.class_id, DataClass.value.number)
    return _octets("logical device name", value)


def names(client: Client) -> Procedure[dict[int, bytes]]:
    """The logical devices behind one address, {SAP: logical device name}. The management logical device knows them."""
    attribute = SapAssignment.sap_assignment_list.number
    value = yield from client.get(SAP_ASSIGNMENT, SapAssignment.class_id, attribute)
    return {
        _number("SAP", sap): _octets("logical device name", name)
        for sap, name in (_items("SAP assignment", line, 2) for line in _items("SAP assignment list", value))
    }


def objects(client: Client) -> Procedure[list[Entry]]:
    """Every object that this client finds, with its rights."""
    value = yield from client.get(CURRENT, AssociationLN.class_id, AssociationLN.object_list.number)
    lines = [_items("object list element", line, 4) for line in _items("object list", value)]
    own = next((version for _, version, name, _ in lines if name.value == CURRENT), axdr.u8(0))
    return [_entry(*line, _number("version", own)) for line in lines]


def attributes(client: Client, entry: Entry) -> Procedure[list[Named]]:
    """What an object of the list holds, by the declaration of its class: every attribute that this client may read."""
    found = []
    for number, access in sorted(entry.attributes.items()):
        if access & Access.READ:
            try:
                value = yield from client.get(entry.name, entry.class_id, number)
            except AccessError:
                continue  # what the list promises is not always to be had at the moment
            found.append(named(entry.class_id, entry.version, number, value))
    return found


@dataclass(frozen=True, slots=True)
class ProfileColumn:
    """A column of a profile: what it captures, and for a register the scale of its numbers."""

    reference: Reference
    scale: Scale | None

    def value(self, data: Data) -> Value:
        """What a cell holds."""
        if self.scale is not None and data.tag in _NUMBERS:
            return self.scale.apply(data)
        if self.is_clock:
            return _moment(data)
        return data.python

    @property
    def is_clock(self) -> bool:
        """Whether it says when its row was captured."""
        return self.reference.class_id == Clock.class_id and self.reference.attribute == Clock.time.number


def columns(client: Client, name: str | bytes) -> Procedure[list[ProfileColumn]]:
    """What a profile captures."""
    value = yield from client.get(name, ProfileGeneric.class_id, ProfileGeneric.capture_objects.number)
    found = []
    for line in _items("capture objects", value):
        reference = Reference.parse(line)
        scale = yield from _scale_of(client, reference)
        found.append(ProfileColumn(reference, scale))
    return found


def rows(
    client: Client, name: str | bytes, since: Instant | None = None, until: Instant | None = None
) -> Procedure[list[tuple[Value, ...]]]:
    """A profile's rows, of the time from `since` to `until` inclusive, or all of them."""
    captured = yield from columns(client, name)
    selection = None if since is None and until is None else _range(captured, since, until)
    return (yield from _rows(client, name, captured, selection))


def entries(client: Client, name: str | bytes, first: int, last: int = 0) -> Procedure[list[tuple[Value, ...]]]:
    """A profile's rows by number: `first` from 1, `last` inclusive, 0: to the end."""
    captured = yield from columns(client, name)
    descriptor = ENTRY_DESCRIPTOR.of((first, last, 1, 0))
    return (yield from _rows(client, name, captured, SelectiveAccess(profile.ENTRY, descriptor)))


def _rows(
    client: Client, name: str | bytes, captured: Sequence[ProfileColumn], selection: SelectiveAccess | None
) -> Procedure[list[tuple[Value, ...]]]:
    value = yield from client.get(name, ProfileGeneric.class_id, ProfileGeneric.buffer.number, selection)
    received = list(rows_of(value))
    for cells in received:
        if len(cells) != len(captured):
            raise _unexpected("profile row", axdr.structure(*cells))
    clock = next((number for number, column in enumerate(captured) if column.is_clock), None)
    skipped = clock is not None and any(cells[clock].tag == Tag.NULL for cells in received)
    period = (yield from _period(client, name)) if skipped else 0
    return [
        tuple(column.value(cell) for column, cell in zip(captured, cells, strict=True)) for cells in expand(value, clock, period)
    ]


def _period(client: Client, name: str | bytes) -> Procedure[int]:
    value = yield from client.get(name, ProfileGeneric.class_id, ProfileGeneric.capture_period.number)
    return _number("capture period", value)


def _scale_of(client: Client, reference: Reference) -> Procedure[Scale | None]:
    if reference.class_id not in (Register.class_id, ExtendedRegister.class_id):
        return None
    if reference.attribute != Register.value.number:
        return None
    try:
        data = yield from client.get(reference.logical_name, reference.class_id, Register.scaler_unit.number)
    except AccessError:
        return None  # a profile may capture what this client may not read
    return Scale.parse(data)


def _range(captured: Sequence[ProfileColumn], since: Instant | None, until: Instant | None) -> SelectiveAccess:
    restricting = next((column.reference for column in captured if column.is_clock), None)
    if restricting is None:
        raise RemoteProtocolError("the profile captures no clock: its rows cannot be chosen by time")
    low, high = (
        axdr.octets(date_time.encode(open_end if bound is None else _instant(bound)))
        for bound, open_end in ((since, _FIRST), (until, _LAST))
    )
    return SelectiveAccess(profile.RANGE, RANGE_DESCRIPTOR.of((restricting.data, low, high, ())))


def _entry(class_id: Data, version: Data, name: Data, rights: Data, association: int) -> Entry:
    """`association`: the version of the association whose list it is."""
    attributes, methods = _items("access rights", rights, 2)
    modes = {}
    for right in _items("attribute access", attributes):
        number, mode, _selectors = _items("attribute access", right, 3)
        modes[_number("attribute", number)] = Access.of_mode(_number("access mode", mode), association)
    calls = {}
    for right in _items("method access", methods):
        number, mode = _items("method access", right, 2)
        calls[_number("method", number)] = bool(_number("access mode", mode))
    obis = _octets("logical name", name)
    if len(obis) != 6:
        raise _unexpected("logical name", name)
    return Entry(_number("class", class_id), _number("version", version), Obis(obis), modes, calls)


def _instant(moment: Instant) -> int:
    return moment if isinstance(moment, int) else date_time.from_datetime(moment)


def _moment(data: Data) -> datetime | None:
    if data.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME):
        raise _unexpected("date-time", data)
    instant = date_time.instant(data.value)
    return None if instant is None else date_time.to_datetime(instant)


def _items(what: str, data: Data, count: int | None = None) -> list[Data]:
    if data.tag not in (Tag.ARRAY, Tag.STRUCTURE) or (count is not None and len(data.value) != count):
        raise _unexpected(what, data)
    items: list[Data] = data.value
    return items


def _octets(what: str, data: Data) -> bytes:
    if not isinstance(data.value, bytes):
        raise _unexpected(what, data)
    return data.value


def _number(what: str, data: Data) -> int:
    if not isinstance(data.value, int):
        raise _unexpected(what, data)
    return data.value


def _unexpected(what: str, data: Data) -> RemoteProtocolError:
    came = repr(data)
    return RemoteProtocolError(f"{what} expected, the meter sent {came[:120]}{'...' * (len(came) > 120)}")
