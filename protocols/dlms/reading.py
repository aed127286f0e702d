"""What people read from a meter, as procedures of a client: registers, clock, switch, objects, names.

Nobody who uses these has to know classes and attributes. Values come with their scaler and unit applied, instants as
datetimes in UTC. Rows of profiles are in `rows`; `meter` runs all of them over an exchange.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr, expect
from protocols.dlms.axdr import Data
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.data import Data as DataClass
from protocols.dlms.cosem.demand_register import DemandRegister
from protocols.dlms.cosem.disconnect import ControlState, DisconnectControl
from protocols.dlms.cosem.interface import Attribute, Method
from protocols.dlms.cosem.object_list import CLASSES
from protocols.dlms.cosem.profile import ProfileGeneric
from protocols.dlms.cosem.register import ExtendedRegister, Register
from protocols.dlms.cosem.registry import Named, Plain, class_name, class_of, named
from protocols.dlms.cosem.sap import SapAssignment
from protocols.dlms.expect import Instant, Quantity, Scale
from protocols.dlms.logical_device import LOGICAL_DEVICE_NAME
from protocols.dlms.obis import Obis
from protocols.dlms.rows import Row, rows
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

__all__ = [
    "CLOCK", "SAP_ASSIGNMENT", "SWITCH", "Entry", "Instant", "Quantity", "Reading", "attributes", "clock", "disconnect",
    "logical_device_name", "names", "objects", "read", "reconnect", "register", "set_clock", "switch_state",
]  # fmt: skip

Reading: TypeAlias = "Quantity | datetime | Plain | list[Row]"
"""What an object is read as: by its class a quantity, an instant, rows, plain Python, or {attribute: plain Python}."""
SAP_ASSIGNMENT: Final = Obis("0-0:41.0.0")
CLOCK: Final = Obis("0-0:1.0.0")
SWITCH: Final = Obis("0-0:96.3.10")
"""Disconnect control of the supply."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the object list: an object, and what this client may do with it."""

    class_id: int
    version: int
    name: Obis
    attributes: Mapping[int, Access]
    methods: Mapping[int, bool]

    @property
    def kind(self) -> str:
        """The name of its class, "Register"; "class 9999" where that is not known here."""
        return class_name(self.class_id, self.version)

    def attribute_number(self, attribute: int | str) -> int:
        """An attribute by number or by name, as its class has it. Raises LocalProtocolError."""
        if isinstance(attribute, int):
            return attribute
        declared = class_of(self.class_id, self.version)
        known = {} if declared is None else {member.name: member.number for member in declared.attributes.values()}
        if attribute not in known:
            has = ", ".join(known) or "unnamed ones"
            raise LocalProtocolError(f"{self.kind} {self.name} has no attribute {attribute!r}, but {has}")
        return known[attribute]

    def __str__(self) -> str:
        declared = class_of(self.class_id, self.version)
        names: Mapping[int, Attribute] = {} if declared is None else declared.attributes
        calls: Mapping[int, Method] = {} if declared is None else declared.methods
        attributes = [
            f"{names[number].name if number in names else number} {_MODES[access & Access.READ_WRITE]}"
            for number, access in sorted(self.attributes.items())
        ]
        methods = [
            f"{calls[number].name if number in calls else number}()" for number, allowed in sorted(self.methods.items()) if allowed
        ]
        return f"{self.name} {self.kind}: {', '.join([*attributes, *methods])}"


def read(client: Client, entry: Entry, attribute: int | str | None = None) -> Procedure[Reading]:
    """What an object of the list says: what its class is for, or one attribute, or what can be read of it by attribute."""
    if attribute is not None:
        number = entry.attribute_number(attribute)
        data = yield from client.get(entry.name, entry.class_id, number)
        return named(entry.class_id, entry.version, number, data).value
    match entry.class_id:
        case number if number in _MEASURES:
            return (yield from register(client, entry.name, entry.class_id))
        case Clock.class_id:
            return (yield from clock(client, entry.name))
        case ProfileGeneric.class_id:
            return (yield from rows(client, entry.name))
        case DataClass.class_id:
            return (yield from client.get(entry.name, entry.class_id, DataClass.value.number)).python
    return {each.name: each.value for each in (yield from attributes(client, entry))}


def register(client: Client, name: str | bytes, class_id: int | None = None) -> Procedure[Quantity]:
    """A register's value with its unit, of a demand register the running average. `class_id` None: whichever class it is."""
    for kind in _MEASURES if class_id is None else (class_id,):
        value_number, scale_number = _MEASURES[kind]
        try:
            value = yield from client.get(name, kind, value_number)
        except AccessError as refusal:
            if class_id is None and refusal.result == DataAccessResult.OBJECT_CLASS_INCONSISTENT:
                continue
            raise
        scale = yield from client.get(name, kind, scale_number)
        return Scale.parse(scale).apply(value)
    raise AccessError(DataAccessResult.OBJECT_CLASS_INCONSISTENT, f"{Obis(name)} is no register of any class")


def clock(client: Client, name: str | bytes = CLOCK) -> Procedure[datetime | None]:
    """The meter's time; None when it does not know it."""
    value = yield from client.get(name, Clock.class_id, Clock.time.number)
    return expect.moment(value)


def set_clock(client: Client, to: Instant, name: str | bytes = CLOCK) -> Procedure[None]:
    """Set the meter's time, to the hundredth of a second."""
    octets = axdr.octets(date_time.encode(expect.instant(to)))
    yield from client.set(name, Clock.class_id, Clock.time.number, octets)


def switch_state(client: Client, name: str | bytes = SWITCH) -> Procedure[ControlState]:
    """Whether the supply is connected."""
    value = yield from client.get(name, DisconnectControl.class_id, DisconnectControl.control_state.number)
    if value.value not in ControlState.__members__.values():
        raise expect.unexpected("control state", value)
    return ControlState(value.value)


def disconnect(client: Client, name: str | bytes = SWITCH) -> Procedure[None]:
    """Open the switch of the supply."""
    yield from client.action(name, DisconnectControl.class_id, DisconnectControl.remote_disconnect.number)


def reconnect(client: Client, name: str | bytes = SWITCH) -> Procedure[None]:
    """Close the switch of the supply, or make it ready for the hand that does: by its control mode."""
    yield from client.action(name, DisconnectControl.class_id, DisconnectControl.remote_reconnect.number)


def logical_device_name(client: Client) -> Procedure[bytes]:
    """The name of the logical device at the other end."""
    value = yield from client.get(LOGICAL_DEVICE_NAME, DataClass.class_id, DataClass.value.number)
    return expect.octets("logical device name", value)


def names(client: Client) -> Procedure[dict[int, bytes]]:
    """The logical devices behind one address, {SAP: logical device name}. The management logical device knows them."""
    attribute = SapAssignment.sap_assignment_list.number
    value = yield from client.get(SAP_ASSIGNMENT, SapAssignment.class_id, attribute)
    return {
        expect.number("SAP", sap): expect.octets("logical device name", name)
        for sap, name in (expect.items("SAP assignment", line, 2) for line in expect.items("SAP assignment list", value))
    }


def objects(client: Client, classes: Sequence[int] = ()) -> Procedure[list[Entry]]:
    """Every object that this client finds, with its rights; or those of some classes, and then without."""
    selection = SelectiveAccess(CLASSES, axdr.array(axdr.u16(number) for number in classes)) if classes else None
    value = yield from client.get(CURRENT, AssociationLN.class_id, AssociationLN.object_list.number, selection)
    lines = [expect.items("object list element", line, 4) for line in expect.items("object list", value)]
    # How access modes are written depends on the version of the association's own object.
    version = next((expect.number("version", line[1]) for line in lines if line[2].value == CURRENT), 0)
    return [_entry(line, version) for line in lines]


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


def _entry(line: Sequence[Data], association: int) -> Entry:
    class_id, version, name, rights = line
    attributes, methods = expect.items("access rights", rights, 2)
    modes = {}
    for right in expect.items("attribute access", attributes):
        number, mode, _selectors = expect.items("attribute access", right, 3)
        modes[expect.number("attribute", number)] = Access.of_mode(expect.number("access mode", mode), association)
    calls = {}
    for right in expect.items("method access", methods):
        number, mode = expect.items("method access", right, 2)
        calls[expect.number("method", number)] = bool(expect.number("access mode", mode))
    obis = expect.octets("logical name", name)
    if len(obis) != 6:
        raise expect.unexpected("logical name", name)
    return Entry(expect.number("class", class_id), expect.number("version", version), Obis(obis), modes, calls)


_MEASURES: Final = {
    Register.class_id: (Register.value.number, Register.scaler_unit.number),
    ExtendedRegister.class_id: (ExtendedRegister.value.number, ExtendedRegister.scaler_unit.number),
    DemandRegister.class_id: (DemandRegister.current_average_value.number, DemandRegister.scaler_unit.number),
}
"""Classes of one measured value: attributes of value and scaler_unit."""
_MODES: Final = {Access.NONE: "-", Access.READ: "r", Access.WRITE: "w", Access.READ_WRITE: "rw"}
