"""Association LN (class 15): what one client finds, what it may do with it, and on what terms it is connected.

Blue Book 4.4.4. One such object exists for each association that is open; it reports the session it belongs to. The
object list can be read whole only (no selective access). Changing secrets and adding objects are not offered, and the
methods of high level security come with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.cosem.types import ANY, BITS, ENUM, I8, LOGICAL_NAME, OCTETS, U8, U16, Array, Structure
from protocols.dlms.obis import Obis

CURRENT: Final = Obis("0-0:40.0.0")
"""The name under which a client finds the association it has."""
PARTNERS = Structure(I8, U16)
"""associated_partners_id: client SAP, server SAP."""
XDLMS_CONTEXT = Structure(BITS, U16, U16, U8, I8, OCTETS)
"""xDLMS_context_info: conformance, largest receive and send PDU, version, quality of service, cyphering info."""


class AssociationStatus(IntEnum):
    """association_status."""

    NON_ASSOCIATED = 0
    PENDING = 1
    ASSOCIATED = 2


class AssociationLN(InterfaceClass, id=15, version=1):
    """An application association with logical names."""

    object_list: Attribute = attribute(2, Array(ANY))
    associated_partners_id: Attribute = attribute(3, PARTNERS)
    application_context_name: Attribute = attribute(4, OCTETS)
    xdlms_context_info: Attribute = attribute(5, XDLMS_CONTEXT)
    authentication_mechanism_name: Attribute = attribute(6, OCTETS)
    secret: Attribute = attribute(7, OCTETS, default=b"", access=Access.NONE)
    association_status: Attribute = attribute(8, ENUM, default=AssociationStatus.ASSOCIATED)
    security_setup_reference: Attribute = attribute(9, LOGICAL_NAME, default=bytes(6))

    reply_to_hls_authentication = method(1, OCTETS)
    change_hls_secret = method(2, OCTETS)
    add_object = method(3)
    remove_object = method(4)


def object_list(things: Iterable[InterfaceClass], rights: Rights) -> Data:
    """object_list: of every object its class, version, name, and the access this party really has."""
    return axdr.array(_element(thing, rights) for thing in things)


def _element(thing: InterfaceClass, rights: Rights) -> Data:
    attributes = axdr.array(
        axdr.structure(axdr.i8(number), axdr.enum(rights.attribute(thing, number)), _selectors(member))
        for number, member in sorted(thing.attributes.items())
    )
    methods = axdr.array(
        axdr.structure(axdr.i8(number), axdr.enum(rights.method(thing, number))) for number in sorted(thing.methods)
    )
    access_rights = axdr.structure(attributes, methods)
    return axdr.structure(axdr.u16(thing.class_id), axdr.u8(thing.version), axdr.octets(thing.name), access_rights)


def _selectors(member: Attribute) -> Data:
    return axdr.array(axdr.i8(selector) for selector in member.selectors) if member.selectors else axdr.null()
