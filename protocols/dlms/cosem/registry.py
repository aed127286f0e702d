"""What is known of a class by its number: names and types for whoever has found an object in an object list.

Knows the classes that are declared here, each with its versions. What a device is not known to have stays numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.axdr import Data, Python, Tag
from protocols.dlms.cosem.interface import DECLARED, InterfaceClass
from protocols.dlms.cosem.types import LOGICAL_NAME, Array, Choice, Enumerated, Structure, Type
from protocols.dlms.obis import Obis

Plain: TypeAlias = "Python | dict[str, Plain] | list[Plain]"
"""Data for people: a structure with declared names is a dict, an enumeration its member's name."""


def class_of(class_id: int, version: int) -> type[InterfaceClass] | None:
    """The declaration of a class; None: not declared in this version."""
    return DECLARED.get((class_id, version))


def class_name(class_id: int, version: int) -> str:
    """What a class is called here, or its number."""
    declared = class_of(class_id, version)
    return f"class {class_id}" if declared is None else declared.__name__


@dataclass(frozen=True, slots=True)
class Named:
    """An attribute's value with the name that its class gives it. `fits`: whether it is of the declared type."""

    number: int
    name: str
    value: Plain
    fits: bool = True


def named(class_id: int, version: int, number: int, data: Data) -> Named:
    """An attribute's value by the declaration of its class, as it is where nothing is declared or it does not fit."""
    declared = class_of(class_id, version)
    member = None if declared is None else declared.attributes.get(number)
    if member is None:
        return Named(number, f"attribute {number}", data.python)
    try:
        member.type.admit(data)
    except RemoteProtocolError:
        return Named(number, member.name, data.python, fits=False)
    return Named(number, member.name, plain(member.type, data))


def plain(type: Type, data: Data) -> Plain:
    """Data that `type` admits, for people."""
    if isinstance(type, Choice):
        return plain(next(one for one in type.types if _admits(one, data)), data)
    if isinstance(type, Structure) and data.tag == Tag.STRUCTURE:
        values = [plain(element, item) for element, item in zip(type.elements, data.value, strict=True)]
        return dict(zip(type.names, values, strict=True)) if len(type.names) == len(values) else values
    if isinstance(type, Array) and data.tag == Tag.ARRAY:
        return [plain(type.item, item) for item in data.value]
    if isinstance(type, Enumerated):
        return type.members(data.value).name.lower()
    return str(Obis(data.value)) if type is LOGICAL_NAME else data.python


def _admits(type: Type, data: Data) -> bool:
    try:
        type.admit(data)
    except RemoteProtocolError:
        return False
    return True
