"""A logical device as one client sees it: its objects behind the rights and the protection of a request.

Every service reads, writes and calls through here, and nowhere else (Green Book 9.3; Blue Book 4.4.4). AccessError says
no, with the result that the client is told; then nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.initiate import Conformance
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.security.context import PLAIN, Protection
from protocols.dlms.xdlms import (
    AttributeDescriptor,
    DataAccessResult,
    MethodDescriptor,
    SelectiveAccess,
)

ALL_ATTRIBUTES = 0
"""attribute_id that stands for every attribute of an object."""
_PROTECTED_ANSWER = int(Access.AUTHENTICATED_RESPONSE | Access.ENCRYPTED_RESPONSE | Access.SIGNED_RESPONSE)


class Objects:
    """`association`: what this client finds under the name of its own association.

    `limit`: octets of the longest APDU that a service may answer with. `protection`: what the request that is being served
    was protected with. `following`: it came in general blocks, and its answer goes the same way, at any length. `ciphers`:
    whether the association can protect answers.
    """

    __slots__ = ("association", "conformance", "demands", "device", "following", "forbidden", "limit", "protection", "rights")

    def __init__(
        self,
        device: LogicalDevice,
        association: AssociationLN | None,
        rights: Rights,
        conformance: Conformance,
        limit: int,
        *,
        ciphers: bool,
    ) -> None:
        self.device = device
        self.association = association
        self.rights = rights
        self.conformance = conformance
        self.limit = limit
        self.protection: Protection = PLAIN
        self.demands = 0
        """Access modes of what this request has touched: they say how its answer has to be protected."""
        self.forbidden = 0 if ciphers else _PROTECTED_ANSWER
        """Access modes that this association cannot give: without ciphering no answer is protected."""
        self.following = False

    def agreed(self, conformance: Conformance) -> bool:
        """Whether this association has all of it."""
        return conformance in self.conformance

    def in_blocks_of_its_own(self, conformance: Conformance) -> bool:
        """Whether a long answer goes in its service's own blocks (`conformance` is their bit), not in general ones."""
        return not self.following and conformance in self.conformance

    @property
    def in_general_blocks(self) -> bool:
        """Whether an answer longer than agreed can go at all."""
        return Conformance.GENERAL_BLOCK_TRANSFER in self.conformance

    def read(self, attribute: AttributeDescriptor, selection: SelectiveAccess | None) -> Iterable[bytes]:
        """The octets of a value, in pieces: as it is at this moment, whenever they are taken."""
        thing = self._find(attribute.class_id, attribute.instance_id)
        number = attribute.attribute_id
        if number == ALL_ATTRIBUTES and self.agreed(Conformance.ATTRIBUTE0_SUPPORTED_WITH_GET):
            return (self._read_all(thing, selection).build(),)
        self._permit(thing, number, Access.READ)
        if selection is not None and Conformance.SELECTIVE_ACCESS not in self.conformance:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        return thing.encode(number, selection)

    def write(self, attribute: AttributeDescriptor, selection: SelectiveAccess | None, value: Data) -> int:
        """Put a value into an attribute; the data-access-result."""
        try:
            thing = self._find(attribute.class_id, attribute.instance_id)
            number = attribute.attribute_id
            if number == ALL_ATTRIBUTES and self.agreed(Conformance.ATTRIBUTE0_SUPPORTED_WITH_SET):
                self._write_all(thing, selection, value)
                return DataAccessResult.SUCCESS
            self._permit(thing, number, Access.WRITE)
            if selection is not None and Conformance.SELECTIVE_ACCESS not in self.conformance:
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
            thing.write(number, value, selection)
        except AccessError as refusal:
            return refusal.result
        return DataAccessResult.SUCCESS

    def invoke(self, method: MethodDescriptor, argument: Data) -> Data | None:
        """Call a method; its return value."""
        thing = self._find(method.class_id, method.instance_id)
        self._grant(self.rights.method(thing, method.method_id), Access.CALL)
        return thing.invoke(method.method_id, argument)

    def _find(self, class_id: int, name: bytes) -> InterfaceClass:
        thing = self.association if name == CURRENT else self.device.find(name)
        if thing is None or thing.name in self.rights.hidden:
            raise AccessError(DataAccessResult.OBJECT_UNDEFINED)
        if thing.class_id != class_id:
            raise AccessError(DataAccessResult.OBJECT_CLASS_INCONSISTENT)
        return thing

    def _permit(self, thing: InterfaceClass, number: int, wanted: Access) -> None:
        self._grant(self.rights.attribute(thing, number), wanted)

    def _grant(self, access: int, wanted: int) -> None:
        access = int(access)  # plain numbers: every request comes through here, and flags are slow
        if not access & int(wanted) or access & self.forbidden or not self.protection.meets(access):
            raise AccessError(DataAccessResult.READ_WRITE_DENIED)
        self.demands |= access

    def _read_all(self, thing: InterfaceClass, selection: SelectiveAccess | None) -> Data:
        """A structure of every attribute in order; null-data where this client may not read."""
        if selection is not None:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        values = []
        for number in sorted(thing.attributes):
            try:
                self._permit(thing, number, Access.READ)
                values.append(thing.read(number))
            except AccessError:
                values.append(axdr.null())
        return axdr.structure(*values)

    def _write_all(self, thing: InterfaceClass, selection: SelectiveAccess | None, value: Data) -> None:
        """Write every attribute whose element is not null-data. Rights and types of all are looked at before the first."""
        if selection is not None:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        if value.tag != Tag.STRUCTURE or len(value.value) != len(thing.attributes):
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        wanted = [(number, one) for number, one in zip(sorted(thing.attributes), value.value, strict=True) if one.tag != Tag.NULL]
        for number, one in wanted:
            self._permit(thing, number, Access.WRITE)
            thing.attributes[number].type.admit(one)
        for number, one in wanted:
            thing.write(number, one)
