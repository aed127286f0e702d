"""The object of an association (class 15) and what its methods change: secret, users, objects (Blue Book 4.4.4).

A client changes its own association and nobody else's, and only if it may change anything. Changes hold for the association as it
is granted; the logical device tells its owner, who may keep them. What proves a client's identity is in `open_association`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.association import CONFORMANCE, LARGEST_PDU, Association, Terms, User
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN, AssociationLN2, AssociationLN3
from protocols.dlms.cosem.interface import Hook, InterfaceClass
from protocols.dlms.cosem.object_list import object_list
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import ActionResult, DataAccessResult

if TYPE_CHECKING:
    from protocols.dlms.logical_device import LogicalDevice

SECURITY_SETUP: Final = Obis("0-0:43.0.0")
"""The security setup object of what is secured."""
LOGICAL_DEVICE_NAME: Final = Obis("0-0:42.0.0")
LONGEST_SECRET: Final = 64
MOST_USERS: Final = 32
LONGEST_NAME: Final = 32
"""Octets of a user's name."""
_CLASSES: Final = {one.version: one for one in (AssociationLN, AssociationLN2, AssociationLN3)}
_NEEDED: Final = frozenset((AssociationLN.class_id, 64))
"""Classes whose objects a client cannot do without: association, security setup."""
_REPLY: Final = AssociationLN.reply_to_hls_authentication.number
_CHANGE: Final = AssociationLN.change_hls_secret.number
_SECRET: Final = AssociationLN.secret.number
_OWN: Final = (
    AssociationLN.add_object.number,
    AssociationLN.remove_object.number,
    AssociationLN2.add_user.number,
    AssociationLN2.remove_user.number,
)
"""Methods that every client may call that may call any, and only of its own association."""
_SECRETIVE: Final = frozenset((Mechanism.HIGH, Mechanism.HIGH_MD5, Mechanism.HIGH_SHA1, Mechanism.HIGH_SHA256))
"""Mechanisms with a secret that change_HLS_secret changes."""
_VERSION: Final = 6
_NO_HOOKS: Final[Mapping[str, Hook]] = MappingProxyType({})


def describe(
    device: LogicalDevice,
    granted: Association,
    name: Obis,
    server_sap: int = 1,
    terms: Terms | None = None,
    hooks: Mapping[str, Hook] = _NO_HOOKS,
) -> AssociationLN:
    """The object of an association that is open on these terms, or that is only granted. `hooks` come to its own."""
    if terms is None:
        ciphered = granted.security is not None
        context = Context.LOGICAL_NAME_CIPHERED if ciphered else Context.LOGICAL_NAME
        terms = Terms(CONFORMANCE, LARGEST_PDU, context, granted.mechanism)
    changes = _Changes(device, granted.client_sap)
    thing = _CLASSES[granted.version](
        name,
        object_list=(),
        associated_partners_id=(granted.client_sap, server_sap),
        application_context_name=terms.context.octets,
        xdlms_context_info=(f"{terms.conformance:024b}", terms.max_pdu, terms.max_pdu, _VERSION, 0, b""),
        authentication_mechanism_name=terms.mechanism.octets,
        secret=lambda: b"",
        security_setup_reference=SECURITY_SETUP if granted.security is not None else bytes(6),
        on={**changes.hooks(granted.version), **hooks},
    )
    if isinstance(thing, AssociationLN2):
        thing.user_list = lambda: [(user.id, user.name) for user in changes.granted.users]
    return thing


def visible(device: LogicalDevice, rights: Rights) -> Iterator[InterfaceClass]:
    """The device's objects that a client with these rights finds."""
    return (thing for thing in device if thing.name not in rights.hidden)


def own_rights(device: LogicalDevice, client_sap: int) -> Rights:
    """The rights of a client in its association, which has been proven to be its own."""
    granted = device.associations[client_sap]
    rights, mechanism = granted.rights, granted.mechanism
    attributes, methods = dict(rights.overrides), dict(rights.method_overrides)
    methods[CURRENT, _REPLY] = Access.NONE  # its time is over
    for other in device.associations:
        for number in (_CHANGE, *_OWN):
            methods[device.association_name(other), number] = Access.NONE
    calls = Access.CALL if rights.methods else Access.NONE
    for name in (CURRENT, device.association_name(client_sap)):
        if mechanism is Mechanism.LOW and rights.attributes & Access.WRITE:
            attributes.setdefault((name, _SECRET), Access.WRITE)
        methods[name, _CHANGE] = calls if mechanism in _SECRETIVE else Access.NONE
        for number in _OWN:
            methods[name, number] = calls
    return replace(rights, overrides=attributes, method_overrides=methods)


class _Changes:
    """What the methods of an association's object do. AccessError: refused, and nothing has changed."""

    def __init__(self, device: LogicalDevice, client_sap: int) -> None:
        self._device = device
        self._client_sap = client_sap

    @property
    def granted(self) -> Association:
        """As it is now."""
        return self._device.associations[self._client_sap]

    def hooks(self, version: int) -> dict[str, Hook]:
        """By name of attribute and method."""
        found: dict[str, Hook] = {
            "secret": self._secret,
            "change_hls_secret": self._secret,
            "add_object": self._add_object,
            "remove_object": self._remove_object,
        }
        if version >= AssociationLN2.version:
            found |= {"add_user": self._add_user, "remove_user": self._remove_user}
        return found

    def _secret(self, argument: Data) -> None:
        if not 0 < len(argument.value) <= LONGEST_SECRET:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        self._device.change(self._client_sap, secret=argument.value)

    def _add_user(self, argument: Data) -> None:
        added, users = _user(argument), self.granted.users
        if len(users) >= MOST_USERS or added.id in {user.id for user in users}:
            raise AccessError(ActionResult.OTHER_REASON)
        self._device.change(self._client_sap, users=(*users, added))

    def _remove_user(self, argument: Data) -> None:
        removed, users = _user(argument), self.granted.users
        if removed not in users:
            raise AccessError(ActionResult.SCOPE_OF_ACCESS_VIOLATED)
        self._device.change(self._client_sap, users=tuple(user for user in users if user != removed))

    def _add_object(self, argument: Data) -> None:
        """Of what the device has, and with the rights that it grants: a client does not widen them."""
        self._hide(self.granted.rights.hidden - {self._element(argument).name})

    def _remove_object(self, argument: Data) -> None:
        thing = self._element(argument)
        if thing.class_id in _NEEDED or thing.name == LOGICAL_DEVICE_NAME:
            raise AccessError(ActionResult.SCOPE_OF_ACCESS_VIOLATED)
        self._hide(self.granted.rights.hidden | {thing.name})

    def _hide(self, names: frozenset[Obis]) -> None:
        self._device.change(self._client_sap, rights=replace(self.granted.rights, hidden=names))

    def _element(self, argument: Data) -> InterfaceClass:
        """The object that an element of the object list is about; it has to say of it what the list does."""
        thing = self._device.find(argument.value[2].value)
        if thing is None:
            raise AccessError(ActionResult.OBJECT_UNDEFINED)
        (element,) = object_list([thing], own_rights(self._device, self._client_sap), self.granted.version).value
        if argument != element:
            raise AccessError(ActionResult.SCOPE_OF_ACCESS_VIOLATED)
        return thing


def _user(argument: Data) -> User:
    number, name = argument.value
    if len(name.value) > LONGEST_NAME or not name.value.isascii():
        raise AccessError(ActionResult.SCOPE_OF_ACCESS_VIOLATED)
    return User(number.value, name.value.decode())
