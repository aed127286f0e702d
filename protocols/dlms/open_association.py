"""An application association of one client, from the AARE to its end: pending, open, closed (Green Book 9.4, Blue Book 4.4.4).

While high level security is pending, its client may call one method, reply_to_HLS_authentication, and nothing else. A wrong
answer closes the association, and counts as an attempt at the secret. The object 0-0:40.0.0 that the client finds is made here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from protocols.core.codec import Frame
from protocols.dlms import axdr
from protocols.dlms.acse import RLRE, RLRQ, Context, Mechanism, Reason
from protocols.dlms.association import (
    CONFORMANCE,
    LARGEST_PDU,
    Agreed,
    Association,
    Terms,
    User,
    initiate_response,
)
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.association import (
    CURRENT,
    AssociationLN,
    AssociationLN2,
    AssociationLN3,
    AssociationStatus,
)
from protocols.dlms.cosem.interface import Hook
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.obis import Obis
from protocols.dlms.security import hls
from protocols.dlms.security.context import SIGNED, Protection, SecurityLayer, SecurityRefused
from protocols.dlms.xdlms import ActionRequestNormal, ActionResult, DataAccessResult, ServiceError

if TYPE_CHECKING:
    from protocols.dlms.logical_device import LogicalDevice

SECURITY_SETUP: Final = Obis("0-0:43.0.0")
"""The security setup object of what is secured."""
LONGEST_SECRET: Final = 64
MOST_USERS: Final = 32
LONGEST_NAME: Final = 32
WITH_USERS: Final = AssociationLN2.version
_CLASSES: Final = {one.version: one for one in (AssociationLN, AssociationLN2, AssociationLN3)}
_REPLY: Final = AssociationLN.reply_to_hls_authentication.number
_CHANGE: Final = AssociationLN.change_hls_secret.number
_SECRET: Final = AssociationLN.secret.number
_USERS: Final = (AssociationLN2.add_user.number, AssociationLN2.remove_user.number)
_PENDING: Final = Rights(Access.NONE, methods=False, method_overrides={(CURRENT, _REPLY): Access.CALL})
_SECRETIVE: Final = frozenset((Mechanism.HIGH, Mechanism.HIGH_MD5, Mechanism.HIGH_SHA1, Mechanism.HIGH_SHA256))
"""Mechanisms with a secret that change_HLS_secret changes."""
_VERSION: Final = 6


class OpenAssociation:
    """What a session keeps of its association. `now`, in ns, is kept up to date by the session.

    `rights` are those of this moment. When `closed` has become true, the answer at hand is the last.
    """

    def __init__(self, device: LogicalDevice, granted: Association, agreed: Agreed, server_sap: int) -> None:
        self.granted = granted
        self.terms = agreed.terms
        self.layer: SecurityLayer = agreed.layer
        self.pending = bool(agreed.sent)
        self.closed = False
        self.now = 0
        self._device = device
        self._agreed = agreed
        self._rights = _own_rights(device, granted)
        hooks: dict[str, Hook] = {"reply_to_hls_authentication": self._reply} if self.pending else {}
        self.object = describe(device, granted, CURRENT, server_sap, self.terms, hooks)
        self.object.association_status = lambda: self.status
        self.object.shows(lambda: ([*device, self.object], self.rights))
        if isinstance(self.object, AssociationLN2) and agreed.user is not None:
            self.object.current_user = (agreed.user.id, agreed.user.name)
        device.opened.append(self)
        if not self.pending:
            self._established()

    @property
    def rights(self) -> Rights:
        """The client's rights, as long as it has proven who it is."""
        return _PENDING if self.pending else self._rights

    @property
    def status(self) -> AssociationStatus:
        """association_status."""
        return AssociationStatus.PENDING if self.pending else AssociationStatus.ASSOCIATED

    def open(self, apdu: bytes) -> tuple[bytes, Protection]:
        """The plain APDU, and what it was protected with. Raises SecurityRefused, also where the policy wants more."""
        plain, protection = self.layer.open(apdu)
        if not self.layer.admits(protection):
            raise SecurityRefused("the policy wants more protection", ServiceError.OPERATION_NOT_POSSIBLE)
        return plain, protection

    def admits(self, frame: Frame) -> bool:
        """Whether a request may be served at all; while high level security is pending, one may."""
        if not self.pending:
            return True
        if not isinstance(frame, ActionRequestNormal):
            return False
        method = frame.method
        return (method.class_id, method.instance_id, method.method_id) == (AssociationLN.class_id, CURRENT, _REPLY)

    def release(self, request: RLRQ) -> RLRE | None:
        """End the association; None: it was there without being asked for, and stays. Raises SecurityRefused."""
        if self.granted.pre_established is not None:
            return None
        information = None
        if request.user_information:
            _, protection = self.layer.open(request.user_information)
            if not self.layer.admits(protection, excused=SIGNED):
                raise SecurityRefused("the policy wants more protection", ServiceError.OPERATION_NOT_POSSIBLE)
            information = self.layer.seal(initiate_response(self.terms), protection, excused=SIGNED)
        self.close()
        return RLRE.of(Reason.NORMAL, information)

    def close(self) -> None:
        """The association is over."""
        self.closed = True
        if self in self._device.opened:
            self._device.opened.remove(self)

    def _established(self) -> None:
        if self.granted.security is not None and self.layer.peer:
            self.granted.security.client_title = self.layer.peer

    def _reply(self, argument: Data) -> Data:
        """reply_to_HLS_authentication: check the client's answer to our challenge; the answer to its own."""
        agreed, granted, mechanism = self._agreed, self._device.associations[self.granted.client_sap], self.terms.mechanism
        security = granted.security
        own, peer = security.title if security is not None else b"", self.layer.peer
        throttle = self._device.throttles[granted.client_sap]
        theirs = hls.Exchange(peer, own, agreed.sent, agreed.received)
        right = hls.verify(mechanism, theirs, granted.secret, security, argument.value)
        throttle.record(success=right, now=self.now)
        if not right:
            self.close()
            raise AccessError(ActionResult.READ_WRITE_DENIED)
        answer = hls.prove(mechanism, hls.Exchange(own, peer, agreed.received, agreed.sent), granted.secret, security)
        self.pending = False
        self._established()
        return axdr.octets(answer)


def describe(
    device: LogicalDevice,
    granted: Association,
    name: Obis,
    server_sap: int = 1,
    terms: Terms | None = None,
    hooks: dict[str, Hook] | None = None,
) -> AssociationLN:
    """The object of an association that is open on these terms, or that is only granted."""

    def change_secret(argument: Data) -> None:
        if not 0 < len(argument.value) <= LONGEST_SECRET:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        device.change(granted.client_sap, secret=argument.value)

    def users() -> tuple[User, ...]:
        return device.associations[granted.client_sap].users

    def add_user(argument: Data) -> None:
        added = _user(argument)
        if len(users()) >= MOST_USERS or added.id in {user.id for user in users()}:
            raise AccessError(DataAccessResult.OTHER_REASON)
        device.change(granted.client_sap, users=(*users(), added))

    def remove_user(argument: Data) -> None:
        removed = _user(argument)
        if removed not in users():
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        device.change(granted.client_sap, users=tuple(user for user in users() if user != removed))

    if terms is None:
        ciphered = granted.security is not None
        context = Context.LOGICAL_NAME_CIPHERED if ciphered else Context.LOGICAL_NAME
        terms = Terms(CONFORMANCE, LARGEST_PDU, context, granted.mechanism)
    more: dict[str, Hook] = {"add_user": add_user, "remove_user": remove_user} if granted.version >= WITH_USERS else {}
    thing = _CLASSES[granted.version](
        name,
        object_list=(),
        associated_partners_id=(granted.client_sap, server_sap),
        application_context_name=terms.context.octets,
        xdlms_context_info=(f"{terms.conformance:024b}", terms.max_pdu, terms.max_pdu, _VERSION, 0, b""),
        authentication_mechanism_name=terms.mechanism.octets,
        secret=lambda: b"",
        security_setup_reference=SECURITY_SETUP if granted.security is not None else bytes(6),
        on={"secret": change_secret, "change_hls_secret": change_secret, **more, **(hooks or {})},
    )
    if isinstance(thing, AssociationLN2):
        thing.user_list = lambda: [(user.id, user.name) for user in users()]
    return thing


def _user(argument: Data) -> User:
    number, name = argument.value
    if len(name.value) > LONGEST_NAME or not name.value.isascii():
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
    return User(number.value, name.value.decode())


def _own_rights(device: LogicalDevice, granted: Association) -> Rights:
    """The rights of a client: its own secret and users it may change if it may change anything, and nobody else's."""
    rights, mechanism = granted.rights, granted.mechanism
    attributes, methods = dict(rights.overrides), dict(rights.method_overrides)
    methods[CURRENT, _REPLY] = Access.NONE  # its time is over
    for client_sap in device.associations:
        for number in (_CHANGE, *_USERS):
            methods[device.association_name(client_sap), number] = Access.NONE
    for name in (CURRENT, device.association_name(granted.client_sap)):
        if mechanism is Mechanism.LOW and rights.attributes & Access.WRITE:
            attributes.setdefault((name, _SECRET), Access.WRITE)
        methods[name, _CHANGE] = Access.CALL if mechanism in _SECRETIVE and rights.methods else Access.NONE
        for number in _USERS:
            methods[name, number] = Access.CALL if rights.methods else Access.NONE
    return replace(rights, overrides=attributes, method_overrides=methods)
