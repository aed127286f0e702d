"""Register activation (class 6): which of a set of registers count, as the mask in force says. Blue Book 4.3.5.

Registers are numbered from 1 in their order of assignment. Registers that are not assigned always count. The firmware
asks `enabled`; who sets the mask, as a rule, is a script of the tariff.
"""

from __future__ import annotations

from typing import Final

from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import LOGICAL_NAME, U8, U16, Array, Limited, Structure
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

OBJECT: Final = Structure(class_id=U16, logical_name=LOGICAL_NAME)
MASK_NAME: Final = Limited(Tag.OCTET_STRING, 0, 32)
MASK: Final = Structure(mask_name=MASK_NAME, index_list=Array(U8, most=255))
MOST_REGISTERS: Final = 255
MOST_MASKS: Final = 64


class RegisterActivation(InterfaceClass, id=6, version=0):
    """Registers, masks by name, and the mask in force; none is named by an empty name."""

    register_assignment: Attribute = attribute(2, Array(OBJECT, most=MOST_REGISTERS), default=())
    mask_list: Attribute = attribute(3, Array(MASK, most=MOST_MASKS), default=())
    active_mask: Attribute = attribute(4, MASK_NAME, default=b"", access=Access.READ_WRITE)

    @method(1, OBJECT)
    def add_register(self, argument: Data) -> None:
        """Assign a register: it gets the next number."""
        assigned = self.register_assignment.value
        if argument in assigned or len(assigned) == MOST_REGISTERS:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: assigned already, or no number left")
        self.register_assignment = Data(Tag.ARRAY, [*assigned, argument])

    @method(2, MASK)
    def add_mask(self, argument: Data) -> None:
        """Put a mask in, in the place of the one that has its name."""
        name, indexes = argument.value
        if any(not 1 <= index.value <= len(self.register_assignment.value) for index in indexes.value):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: no register has that number")
        kept = [mask for mask in self.mask_list.value if mask.value[0] != name]
        if len(kept) == MOST_MASKS:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: no more masks")
        self.mask_list = Data(Tag.ARRAY, [*kept, argument])

    @method(3, MASK_NAME)
    def delete_mask(self, argument: Data) -> None:
        """Take a mask out; not the one in force."""
        if argument == self.active_mask or self._mask(argument) is None:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: in force, or no such mask")
        self.mask_list = Data(Tag.ARRAY, [mask for mask in self.mask_list.value if mask.value[0] != argument])

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        """As every attribute; the mask in force is one of the list, or none."""
        if number == 4:
            self.attributes[4].type.admit(value)
            if value.value and self._mask(value) is None:
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: no such mask")
        super().write(number, value, selection)

    def enabled(self, thing: InterfaceClass) -> bool:
        """Whether a register counts now."""
        wanted = OBJECT.of((thing.class_id, thing.name))
        if wanted not in self.register_assignment.value:
            return True
        mask = self._mask(self.active_mask)
        number = self.register_assignment.value.index(wanted) + 1
        return mask is not None and any(index.value == number for index in mask.value[1].value)

    def _mask(self, name: Data) -> Data | None:
        return next((mask for mask in self.mask_list.value if mask.value[0] == name), None)
