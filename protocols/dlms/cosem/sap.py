"""SAP assignment (class 17): which logical device answers at which service access point. Blue Book 4.4.5."""

from __future__ import annotations

from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import OCTETS, U16, Array, Structure

ASSIGNMENT = Structure(U16, OCTETS)
"""asslist_element: SAP, logical device name."""


class SapAssignment(InterfaceClass, id=17, version=0):
    """The directory of a physical device."""

    sap_assignment_list: Attribute = attribute(2, Array(ASSIGNMENT))

    connect_logical_device = method(1, ASSIGNMENT)
