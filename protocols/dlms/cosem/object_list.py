"""The object list of an association, whole and by selective access. Blue Book 4.4.4 (object_list, access selectors 1 to 4).

Selector 1 (null-data): every object, no access rights. 2 (classes): the objects of these classes, no access rights.
3 (object identifiers): these objects, with their rights. 4 (one object identifier): this object, with its rights.
An element without rights keeps its shape: its two lists of rights are empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.cosem.types import LOGICAL_NAME, NULL, U16, Array, Structure, Type
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

WITHOUT_RIGHTS: Final = 1
CLASSES: Final = 2
OBJECTS: Final = 3
OBJECT: Final = 4
SELECTORS: Final = (WITHOUT_RIGHTS, CLASSES, OBJECTS, OBJECT)
"""The access selectors of object_list."""

OBJECT_ID = Structure(class_id=U16, logical_name=LOGICAL_NAME)
_PARAMETERS: Final[dict[int, Type]] = {
    WITHOUT_RIGHTS: NULL,
    CLASSES: Array(U16),
    OBJECTS: Array(OBJECT_ID),
    OBJECT: OBJECT_ID,
}


def object_list(things: Iterable[InterfaceClass], rights: Rights, version: int = 1) -> Data:
    """object_list: of every object its class, version, name, and the access this party really has.

    `version`: of the association, which writes access modes in its own way.
    """
    return axdr.array(_element(thing, _rights(thing, rights, version)) for thing in things)


def select(things: Iterable[InterfaceClass], rights: Rights, selection: SelectiveAccess, version: int = 1) -> Data:
    """The part of the object list that a selective access names, in the order of the list. Raises AccessError.

    What is asked for and not there is left out; one object that is not there (selector 4) is undefined.
    """
    type = _PARAMETERS.get(selection.selector)
    if type is None:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"selector {selection.selector}")
    parameters = selection.parameters
    type.admit(parameters)
    if selection.selector == WITHOUT_RIGHTS:
        return axdr.array(_element(thing, _NO_RIGHTS) for thing in things)
    if selection.selector == CLASSES:
        classes = {item.value for item in parameters.value}
        return axdr.array(_element(thing, _NO_RIGHTS) for thing in things if thing.class_id in classes)
    wanted = parameters.value if selection.selector == OBJECTS else [parameters]
    identifiers = {(item.value[0].value, item.value[1].value) for item in wanted}
    found = [_element(thing, _rights(thing, rights, version)) for thing in things if (thing.class_id, thing.name) in identifiers]
    if selection.selector == OBJECTS:
        return axdr.array(found)
    if not found:
        raise AccessError(DataAccessResult.OBJECT_UNDEFINED)
    return found[0]


def _element(thing: InterfaceClass, access_rights: Data) -> Data:
    return axdr.structure(axdr.u16(thing.class_id), axdr.u8(thing.version), axdr.octets(thing.name), access_rights)


def _rights(thing: InterfaceClass, rights: Rights, version: int) -> Data:
    attributes = axdr.array(
        axdr.structure(axdr.i8(number), axdr.enum(rights.attribute(thing, number).mode(version)), _selectors(member))
        for number, member in sorted(thing.attributes.items())
    )
    methods = axdr.array(
        axdr.structure(axdr.i8(number), axdr.enum(rights.method(thing, number).method_mode(version)))
        for number in sorted(thing.methods)
    )
    return axdr.structure(attributes, methods)


_NO_RIGHTS: Final = axdr.structure(axdr.array(()), axdr.array(()))


def _selectors(member: Attribute) -> Data:
    return axdr.array(axdr.i8(selector) for selector in member.selectors) if member.selectors else axdr.null()
