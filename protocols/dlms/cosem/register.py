"""Register (class 3) and Extended register (class 4). Blue Book 4.3.2, 4.3.3.

What a reset does is the firmware's: without a hook it is not offered.
"""

from __future__ import annotations

from protocols.dlms import axdr
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import DATE_TIME, ENUM, I8, Structure

SCALER_UNIT = Structure(I8, ENUM)
"""structure: power of ten, unit (`Unit`)."""


class Register(InterfaceClass, id=3, version=0):
    """A value with its scaler and unit: the number times ten to the scaler is so many units."""

    value: Attribute = attribute(2)
    scaler_unit: Attribute = attribute(3, SCALER_UNIT)

    reset = method(1, I8)


class ExtendedRegister(InterfaceClass, id=4, version=0):
    """A register that says when its value was captured, and the state it was in."""

    value: Attribute = attribute(2)
    scaler_unit: Attribute = attribute(3, SCALER_UNIT)
    status: Attribute = attribute(4, default=axdr.null())
    capture_time: Attribute = attribute(5, DATE_TIME)

    reset = method(1, I8)
