"""Extended data (class 9000): a value, and the value that takes its place at a time given beforehand.

Not of the Blue Book: the class is GB's, its attributes are those of the published GBCS messages and mapping tables, which
write 2, 4 and 6 and read 2.
"""

from __future__ import annotations

from typing import ClassVar

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.activation import ACTIVATION_TIME, NEVER, Pending
from protocols.dlms.cosem.interface import Attribute, attribute, method
from protocols.dlms.cosem.register import SCALER_UNIT
from protocols.dlms.cosem.types import I8
from protocols.dlms.cosem.units import Unit
from protocols.dlms.xdlms import DataAccessResult

_NO_UNIT = (0, Unit.COUNT)


class ExtendedData(Pending, id=9000, version=0):
    """`ExtendedData("0-0:94.44.128.7", value_active=axdr.u32(6900), value_passive=axdr.u32(6900))`

    Bind `value_active` with a hook of the same name where the value belongs to another object: the hook is called with
    the passive value when its time comes, too.
    """

    activations: ClassVar[dict[int, int]] = {6: 2}

    value_active: Attribute = attribute(2)
    scaler_unit_active: Attribute = attribute(3, SCALER_UNIT, default=_NO_UNIT)
    value_passive: Attribute = attribute(4, access=Access.READ_WRITE)
    scaler_unit_passive: Attribute = attribute(5, SCALER_UNIT, default=_NO_UNIT)
    activate_passive_value_time: Attribute = attribute(6, ACTIVATION_TIME, default=NEVER, access=Access.READ_WRITE)

    reset = method(1, I8)

    @method(2, I8)
    def activate_passive_value(self, argument: Data) -> None:
        """The passive value becomes the active one, and nothing waits any more."""
        passive = self.value_passive
        if callable(self.sources[2]):
            hook = self.on.get("value_active")
            if hook is None:
                raise AccessError(DataAccessResult.READ_WRITE_DENIED, str(self.name))
            hook(passive)
            self.changed(ExtendedData.value_active)
        else:
            self.value_active = passive
        self.activate_passive_value_time = axdr.octets(NEVER)
