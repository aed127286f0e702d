"""COSEM interface classes (IEC 62056-6-2, the Blue Book), one module a family.

    from protocols.dlms import axdr, cosem
    cosem.Register("1-0:1.8.0", value=lambda: axdr.u32(energy()), scaler_unit=(0, cosem.Unit.WATT_HOUR))
"""

from __future__ import annotations

from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.association import AssociationLN
from protocols.dlms.cosem.clock import Clock
from protocols.dlms.cosem.data import Data
from protocols.dlms.cosem.disconnect import ControlState, DisconnectControl
from protocols.dlms.cosem.interface import InterfaceClass, attribute, method
from protocols.dlms.cosem.profile import Column, ProfileGeneric, SortMethod
from protocols.dlms.cosem.push import PushSetup
from protocols.dlms.cosem.reference import Reference
from protocols.dlms.cosem.register import ExtendedRegister, Register
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.cosem.sap import SapAssignment
from protocols.dlms.cosem.units import Unit

__all__ = [
    "Access", "AccessError", "AssociationLN", "Clock", "Column", "ControlState", "Data", "DisconnectControl",
    "ExtendedRegister", "InterfaceClass", "ProfileGeneric", "PushSetup", "Reference", "Register", "Rights",
    "SapAssignment", "SortMethod", "Unit", "attribute", "method",
]  # fmt: skip
