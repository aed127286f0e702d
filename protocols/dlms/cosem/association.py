"""Association LN (class 15): what one client finds, what it may do with it, and on what terms it is connected.

Blue Book 4.4.4. A client finds the association that it has under 0-0:40.0.0, and every association that the logical device
grants under 0-0:40.0.1 and following. Version 2 adds users, version 3 writes access rights as bits. What the methods do comes
from who makes the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final

from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.object_list import SELECTORS, object_list, select
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.cosem.types import (
    ANY,
    BITS,
    ENUM,
    I8,
    LOGICAL_NAME,
    OCTETS,
    U8,
    U16,
    VISIBLE,
    Array,
    Structure,
)
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import SelectiveAccess

__all__ = ["CURRENT", "AssociationLN", "AssociationLN2", "AssociationLN3", "AssociationStatus", "object_list"]

CURRENT: Final = Obis("0-0:40.0.0")
"""The name under which a client finds the association it has."""
PARTNERS = Structure(I8, U16)
"""associated_partners_id: client SAP, server SAP."""
XDLMS_CONTEXT = Structure(BITS, U16, U16, U8, I8, OCTETS)
"""xDLMS_context_info: conformance, largest receive and send PDU, version, quality of service, cyphering info."""
USER = Structure(U8, VISIBLE)
"""An entry of user_list, and current_user: identifier, name."""
NO_USER: Final = (0, "")


ELEMENT = Structure(class_id=U16, version=U8, logical_name=LOGICAL_NAME, access_rights=ANY)
"""An element of object_list."""


class AssociationStatus(IntEnum):
    """association_status."""

    NON_ASSOCIATED = 0
    PENDING = 1
    ASSOCIATED = 2


Visible = Callable[[], tuple[Iterable[InterfaceClass], Rights]]
"""The objects that a client finds, and its rights."""


class AssociationLN(InterfaceClass, id=15, version=1):
    """An application association with logical names. Who makes it says with `shows` what its list is of."""

    object_list: Attribute = attribute(2, Array(ANY), selectors=SELECTORS)
    associated_partners_id: Attribute = attribute(3, PARTNERS)
    application_context_name: Attribute = attribute(4, OCTETS)
    xdlms_context_info: Attribute = attribute(5, XDLMS_CONTEXT)
    authentication_mechanism_name: Attribute = attribute(6, OCTETS)
    secret: Attribute = attribute(7, OCTETS, default=b"", access=Access.NONE)
    association_status: Attribute = attribute(8, ENUM, default=AssociationStatus.ASSOCIATED)
    security_setup_reference: Attribute = attribute(9, LOGICAL_NAME, default=bytes(6))

    reply_to_hls_authentication = method(1, OCTETS)
    change_hls_secret = method(2, OCTETS)
    add_object = method(3, ELEMENT)
    remove_object = method(4, ELEMENT)

    def shows(self, visible: Visible) -> None:
        """Have the object list be of these objects, with these rights."""
        self._visible = visible
        self.object_list = lambda: object_list(*visible(), version=self.version)

    def select(self, number: int, selection: SelectiveAccess) -> Data:
        """The part of the object list that a selective access names."""
        if number != AssociationLN.object_list.number:
            return super().select(number, selection)
        return select(*self._visible(), selection, version=self.version)


class AssociationLN2(AssociationLN, id=15, version=2):
    """Version 2: several users behind one client."""

    user_list: Attribute = attribute(10, Array(USER), default=())
    current_user: Attribute = attribute(11, USER, default=NO_USER)

    add_user = method(5, USER)
    remove_user = method(6, USER)


class AssociationLN3(AssociationLN2, id=15, version=3):
    """Version 3: access rights are bits, which also say how a request and its answer have to be protected."""
