"""Data (class 1). Blue Book 4.3.1."""

from __future__ import annotations

from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute


class Data(InterfaceClass, id=1, version=0):
    """A value of any type."""

    value: Attribute = attribute(2)
