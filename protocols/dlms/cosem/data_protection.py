"""Data protection (class 30): attributes read, written and methods called under a protection of their own, whoever carries them.

Blue Book 4.4.9; Green Book 9.2.7.5. The client says under which titles, transaction and key; the answer comes under the same
with the titles exchanged. What is protected is a structure of the attributes' values in the order of the object list. GB reads
personal data so: key agreed by C(0e, 2s), security control 31, and nothing but it authenticated beside the data.
Protection by digital signature is refused: no published example shows what it would cover. The buffer goes with keys that need
no data of their own (identified, or agreed by C(0e, 2s)), as its parameters stand before it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.blocks import MAX_OCTETS
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, attribute, method
from protocols.dlms.cosem.profile import ENTRY, RANGE
from protocols.dlms.cosem.reference import Reference
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.cosem.types import DATE_TIME, ENUM, I8, LOGICAL_NAME, NULL, OCTETS, U16, U32, Array, Choice, Structure
from protocols.dlms.obis import Obis
from protocols.dlms.security.material import SecurityMaterial
from protocols.dlms.security.message_key import (
    AgreedKey,
    Header,
    IdentifiedKey,
    KeyInfo,
    KeyKind,
    Profile,
    WrappedKey,
    check_titles,
)
from protocols.dlms.security.protected_data import (
    CONTROLS,
    Keyed,
    ProtectionLayer,
    ProtectionType,
    keyed,
    protect,
    unprotect,
)
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

MOST_OBJECTS: Final = 32
"""Of one object list."""
MOST_LAYERS: Final = 4
RESTRICTION: Final = Structure(
    restriction_type=ENUM,
    restriction_value=Choice(NULL, Structure(from_date=DATE_TIME, to_date=DATE_TIME), Structure(from_entry=U32, to_entry=U32)),
)
OBJECT_DEFINITION: Final = Structure(
    class_id=U16, logical_name=LOGICAL_NAME, attribute_index=I8, data_index=U16, restriction=RESTRICTION
)
METHOD_DEFINITION: Final = Structure(class_id=U16, logical_name=LOGICAL_NAME, method_index=I8)
KEY_OPTIONS: Final = (
    (IdentifiedKey, Structure(key_id=ENUM)),
    (WrappedKey, Structure(kek_id=ENUM, key_ciphered_data=OCTETS)),
    (AgreedKey, Structure(key_parameters=OCTETS, key_ciphered_data=OCTETS)),
)
"""key_info_options by key_info_type."""
KEY_INFO: Final = Structure(key_info_type=ENUM, key_info_options=Choice(*(options for _, options in KEY_OPTIONS)))
PROTECTION_OPTIONS: Final = Structure(
    transaction_id=OCTETS,
    originator_system_title=OCTETS,
    recipient_system_title=OCTETS,
    other_information=OCTETS,
    key_info=KEY_INFO,
)
PROTECTION_PARAMETERS: Final = Structure(protection_type=ENUM, protection_options=PROTECTION_OPTIONS)
_OBJECTS: Final = Array(OBJECT_DEFINITION, MOST_OBJECTS)
_PARAMETERS: Final = Array(PROTECTION_PARAMETERS, MOST_LAYERS)
GET_REQUEST: Final = Structure(object_list=_OBJECTS, get_request_protection_parameters=_PARAMETERS)
SET_REQUEST: Final = Structure(object_list=_OBJECTS, protection_parameters=_PARAMETERS, protected_attributes=OCTETS)
INVOKE_REQUEST: Final = Structure(
    object_method=METHOD_DEFINITION, protection_parameters=_PARAMETERS, protected_method_invocation_parameters=OCTETS
)
_CLOCK: Final = Reference(8, Obis("0-0:1.0.0"), 2)
"""What a restriction by date restricts."""
_WITH_DATA: Final = frozenset({KeyKind.WRAPPED, KeyKind.ONE_PASS})
_RESPONSE: Final = Access.AUTHENTICATED_RESPONSE | Access.ENCRYPTED_RESPONSE | Access.SIGNED_RESPONSE
_TO_RESPONSE: Final = 3
"""Bits between those for requests and those for responses."""


_GIVES: Final = {
    ProtectionType.AUTHENTICATION: Access.AUTHENTICATED_REQUEST,
    ProtectionType.ENCRYPTION: Access.ENCRYPTED_REQUEST,
    ProtectionType.AUTHENTICATION_AND_ENCRYPTION: Access.AUTHENTICATED_REQUEST | Access.ENCRYPTED_REQUEST,
}
"""What a layer is worth, in the bits for requests."""


def parameters_element(layer: ProtectionLayer) -> Data:
    """A layer as protection_parameters_element."""
    key, header = layer.info.key, layer.header
    options = KEY_OPTIONS[layer.info.choice][1].of([getattr(key, name) for name in key.__struct_fields__])
    titles = (header.transaction_id, header.originator, header.recipient, header.other_information)
    info = axdr.structure(axdr.enum(layer.info.choice), options)
    return axdr.structure(axdr.enum(layer.type), axdr.structure(*map(axdr.octets, titles), info))


def protection_layer(element: Data) -> ProtectionLayer:
    """The layer that a protection_parameters_element describes. Raises AccessError."""
    PROTECTION_PARAMETERS.admit(element)
    kind, options = element.value
    if kind.value not in CONTROLS:
        raise AccessError(DataAccessResult.OTHER_REASON, f"protection type {kind.value}")
    transaction, originator, recipient, other, info = options.value
    number, chosen = info.value
    if number.value >= len(KEY_OPTIONS):
        raise AccessError(DataAccessResult.TYPE_UNMATCHED, f"key-info of type {number.value}")
    frame, structure = KEY_OPTIONS[number.value]
    structure.admit(chosen)
    header = Header(transaction.value, originator.value, recipient.value, b"", other.value)
    key_info = KeyInfo(number.value, frame(*(item.value for item in chosen.value)))
    return ProtectionLayer(ProtectionType(kind.value), header, key_info)


class DataProtection(InterfaceClass, id=30, version=0):
    """Protected access to the objects that `find` finds, with these `rights` to them and under this `material`.

    `rng`: for ephemeral keys and keys to wrap: test keys only.
    """

    protection_buffer: Attribute = attribute(2, OCTETS, access=Access.READ_WRITE)
    protection_object_list: Attribute = attribute(3, _OBJECTS, default=(), access=Access.READ_WRITE)
    protection_parameters_get: Attribute = attribute(4, _PARAMETERS, default=(), access=Access.READ_WRITE)
    protection_parameters_set: Attribute = attribute(5, _PARAMETERS, default=(), access=Access.READ_WRITE)
    required_protection: Attribute = attribute(6, ENUM, default=0)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        find: Callable[[bytes], InterfaceClass | None],
        material: SecurityMaterial,
        rng: Random,
        rights: Rights | None = None,
        profile: Profile = Profile.FIELD,
        required_protection: int = 0,
        on: Mapping[str, Hook] | None = None,
    ) -> None:
        self._find = find
        self._material = material
        self._rng = rng
        self._rights = rights or Rights()
        self._profile = profile
        super().__init__(
            logical_name, on=on or {}, access={}, protection_buffer=self._read_buffer, required_protection=required_protection
        )

    # --- the buffer

    def _read_buffer(self) -> bytes:
        layers = self._layers(self.protection_parameters_get)
        if any(layer.kind in _WITH_DATA for layer in layers):
            raise AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: the key-info would not be known in time")
        values = self._values(self.protection_object_list, layers)
        return protect(values, self._answering(layers), self._material, self._profile)

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        if number != DataProtection.protection_buffer.number or selection is not None:
            return super().write(number, value, selection)
        OCTETS.admit(value)
        self._set(self.protection_object_list, self._layers(self.protection_parameters_set), value.value)
        return self.changed(DataProtection.protection_buffer)

    # --- the methods

    @method(1, GET_REQUEST)
    def get_protected_attributes(self, argument: Data) -> Data:
        """The attributes of the object list, protected as the parameters say."""
        objects, parameters = argument.value
        layers = self._layers(parameters)
        return self._answer(self._values(objects, layers), self._answering(layers))

    @method(2, SET_REQUEST)
    def set_protected_attributes(self, argument: Data) -> None:
        """Write the attributes of the object list with values that come protected: all of them or none."""
        objects, parameters, protected = argument.value
        self._set(objects, self._layers(parameters), protected.value)

    @method(3, INVOKE_REQUEST)
    def invoke_protected_method(self, argument: Data) -> Data:
        """Call a method with an argument that comes protected; what it returns goes back under the same protection."""
        target, parameters, protected = argument.value
        class_id, name, number = (item.value for item in target.value)
        layers = self._layers(parameters)
        thing = self._object(class_id, name)
        worth = _worth(layers)
        needed = self._rights.method(thing, number) | self._required & ~Access.READ_WRITE
        self._demand(needed, Access.CALL, worth | _of_response(worth))
        parameter, answer = self._open(protected.value, layers), self._answering(layers)
        returned = thing.invoke(number, parameter)
        return self._answer((returned or axdr.null()).build(), answer)

    def _values(self, objects: Data, layers: Sequence[ProtectionLayer]) -> bytes:
        """The structure of the attributes' values, for answers under these layers."""
        values = []
        size = 0
        for definition in objects.value:
            thing, reference, selection = self._defined(definition)
            needed = self._rights.attribute(thing, reference.attribute) | self._required & _RESPONSE
            self._demand(needed, Access.READ, _of_response(_worth(layers)))
            value = reference.read(thing) if selection is None else thing.read(reference.attribute, selection)
            size += len(value.build())
            if size > MAX_OCTETS:
                raise self._refused("so much at once")
            values.append(value)
        return axdr.structure(*values).build()

    def _set(self, objects: Data, layers: Sequence[ProtectionLayer], protected: bytes) -> None:
        targets = []
        for definition in objects.value:
            thing, reference, selection = self._defined(definition)
            needed = self._rights.attribute(thing, reference.attribute) | self._required
            self._demand(needed & ~_RESPONSE, Access.WRITE, _worth(layers))
            if selection is not None or reference.index:
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: only whole attributes are written")
            targets.append((thing, reference.attribute))
        values = self._open(protected, layers)
        if values.tag != Tag.STRUCTURE or len(values.value) != len(targets):
            raise AccessError(DataAccessResult.TYPE_UNMATCHED, str(self.name))
        before = [(thing, dict(thing.sources)) for thing, _ in targets]
        try:
            for (thing, number), value in zip(targets, values.value, strict=True):
                thing.write(number, value)
        except AccessError:
            for thing, sources in reversed(before):  # what a hook has set in motion is not called back
                thing.sources.update(sources)
            raise

    # --- objects and what access to them needs

    def _object(self, class_id: int, name: bytes) -> InterfaceClass:
        thing = self._find(name)
        if thing is None:
            raise AccessError(DataAccessResult.OBJECT_UNDEFINED, str(Obis(name)))
        if thing.class_id != class_id:
            raise AccessError(DataAccessResult.OBJECT_CLASS_INCONSISTENT, str(Obis(name)))
        if isinstance(thing, DataProtection):
            raise self._refused("protection of what protects")
        return thing

    def _defined(self, definition: Data) -> tuple[InterfaceClass, Reference, SelectiveAccess | None]:
        """An object_definition: object, attribute, and what its restriction means as a selective access."""
        *reference, restriction = definition.value
        found = Reference.parse(axdr.structure(*reference))
        return self._object(found.class_id, found.logical_name), found, _selection(restriction)

    @property
    def _required(self) -> Access:
        required: int = self.required_protection.value
        return Access(required)

    def _demand(self, needed: Access, use: Access, given: Access) -> None:
        if not needed & use or needed & ~Access.READ_WRITE & ~given:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, f"{self.name}: no right to it, or not under this protection")

    def _refused(self, what: str) -> AccessError:
        return AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: {what} is refused")

    # --- protection

    def _layers(self, parameters: Data) -> list[ProtectionLayer]:
        layers = [protection_layer(item) for item in parameters.value]
        for layer in layers:
            try:
                check_titles(layer.header, self._material)
            except RemoteProtocolError as error:
                raise self._refused(str(error)) from None
        return layers

    def _answering(self, layers: Sequence[ProtectionLayer]) -> list[Keyed]:
        """The layers of the answer, with their keys: the same, from us to who asked."""
        title = self._material.title
        answer = [layer._replace(header=Header(layer.header.transaction_id, title, layer.header.originator)) for layer in layers]
        try:
            return keyed(answer, self._material, self._rng, self._profile)
        except LocalProtocolError as error:  # the client has asked for a key that we two do not have
            raise self._refused(str(error)) from None

    def _answer(self, octets: bytes, layers: Sequence[Keyed]) -> Data:
        parameters = axdr.array(parameters_element(each.layer) for each in layers)
        return axdr.structure(parameters, axdr.octets(protect(octets, layers, self._material, self._profile)))

    def _open(self, octets: bytes, layers: Sequence[ProtectionLayer]) -> Data:
        try:
            return Data.parse(unprotect(octets, layers, self._material, self._profile))
        except RemoteProtocolError as error:
            raise self._refused(str(error)) from None


def _worth(layers: Sequence[ProtectionLayer]) -> Access:
    worth = Access.NONE
    for layer in layers:
        worth |= _GIVES[layer.type]
    return worth


def _of_response(worth: Access) -> Access:
    return Access(worth << _TO_RESPONSE)


def _selection(restriction: Data) -> SelectiveAccess | None:
    """A restriction as the selective access of a profile; None: all of the attribute."""
    kind, bounds = restriction.value
    if kind.value == 0 and bounds.tag == Tag.NULL:
        return None
    first_and_last = [] if bounds.tag == Tag.NULL else bounds.value
    if kind.value == 1 and [bound.tag for bound in first_and_last] == [Tag.OCTET_STRING] * 2:
        return SelectiveAccess(RANGE, axdr.structure(_CLOCK.data, *first_and_last, axdr.array([])))
    if kind.value == 2 and [bound.tag for bound in first_and_last] == [Tag.DOUBLE_LONG_UNSIGNED] * 2:
        return SelectiveAccess(ENTRY, axdr.structure(*first_and_last, axdr.u16(1), axdr.u16(0)))
    raise AccessError(DataAccessResult.TYPE_UNMATCHED, f"restriction of type {kind.value}")
