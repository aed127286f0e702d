"""A reference to an attribute, or to one element in it: capture object, push object. Blue Book 4.3.6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from protocols.core.errors import RemoteProtocolError
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.cosem.types import I8, LOGICAL_NAME, U16, Structure
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

REFERENCE = Structure(class_id=U16, logical_name=LOGICAL_NAME, attribute_index=I8, data_index=U16)
"""structure: class_id, logical_name, attribute_index, data_index."""


@dataclass(frozen=True, slots=True)
class Column:
    """A captured attribute of an object, or with `index` 1.. one element of it."""

    thing: InterfaceClass
    attribute: int = 2
    index: int = 0

    @property
    def reference(self) -> Reference:
        """As capture_object_definition."""
        return Reference.to(self.thing, self.attribute, self.index)

    def read(self) -> Data:
        """What it holds now. Raises AccessError."""
        return self.reference.read(self.thing)


@dataclass(frozen=True, slots=True)
class Reference:
    """Attribute `attribute` of an object; with `index` 1.. that element of its structure or array, with 0 all of it."""

    class_id: int
    logical_name: Obis
    attribute: int
    index: int = 0

    @classmethod
    def to(cls, thing: InterfaceClass, attribute: int, index: int = 0) -> Self:
        """A reference to an object at hand."""
        return cls(thing.class_id, thing.name, attribute, index)

    @classmethod
    def parse(cls, data: Data) -> Self:
        """From its structure. Raises RemoteProtocolError."""
        try:
            REFERENCE.admit(data)
        except AccessError:
            raise RemoteProtocolError(f"not a reference to an attribute: {data.python!r}") from None
        class_id, name, attribute, index = (item.value for item in data.value)
        return cls(class_id, Obis(name), attribute, index)

    @property
    def data(self) -> Data:
        """As its structure."""
        return REFERENCE.of((self.class_id, self.logical_name, self.attribute, self.index))

    def read(self, thing: InterfaceClass) -> Data:
        """What it refers to in that object. Raises AccessError."""
        value = thing.read(self.attribute)
        if not self.index:
            return value
        if value.tag not in (Tag.STRUCTURE, Tag.ARRAY) or self.index > len(value.value):
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, str(self.logical_name))
        element: Data = value.value[self.index - 1]
        return element
