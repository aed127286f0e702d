"""An application association of one client, from the AARE to its end: pending, open, closed (Green Book 9.4, Blue Book 4.4.4).

While high level security is pending, its client may call one method, reply_to_HLS_authentication, and nothing else. A wrong
answer closes the association, and counts as an attempt at the secret. The object 0-0:40.0.0 that the client finds is made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.core.codec import Frame
from protocols.dlms import axdr
from protocols.dlms.acse import RLRE, RLRQ, Context, Reason
from protocols.dlms.association import Agreed, Association, initiate_response
from protocols.dlms.association_object import describe, own_rights, visible
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN, AssociationLN2, AssociationStatus
from protocols.dlms.cosem.interface import Hook
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.security import hls
from protocols.dlms.security.context import SIGNED, Protection, SecurityLayer, SecurityRefused
from protocols.dlms.xdlms import ActionRequestNormal, ActionResult, ServiceError

if TYPE_CHECKING:
    from protocols.dlms.logical_device import LogicalDevice

_REPLY: Final = AssociationLN.reply_to_hls_authentication.number
_PENDING: Final = Rights(Access.NONE, methods=False, method_overrides={(CURRENT, _REPLY): Access.CALL})


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
        self._rights = own_rights(device, granted.client_sap)
        hooks: dict[str, Hook] = {"reply_to_hls_authentication": self._reply} if self.pending else {}
        self.object = describe(device, granted, CURRENT, server_sap, self.terms, hooks)
        self.object.association_status = lambda: self.status
        self.object.shows(lambda: ([*visible(device, self.rights), self.object], self.rights))
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
        if (security := self.granted.security) is not None:
            required = int(security.policy) | int(self.granted.policy)
            # The policy may have become stronger since an association without ciphering was opened.
            if not protection.meets(required) or (required and self.terms.context is Context.LOGICAL_NAME):
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

    def changed(self) -> None:
        """What was granted is not what it was when the association was opened."""
        self._rights = own_rights(self._device, self.granted.client_sap)

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
        if throttle.closed(self.now):
            right = False  # not even to those that began before it was
        else:
            throttle.record(success=right, now=self.now)
        if not right:
            self.close()
            raise AccessError(ActionResult.READ_WRITE_DENIED)
        answer = hls.prove(mechanism, hls.Exchange(own, peer, agreed.received, agreed.sent), granted.secret, security)
        self.pending = False
        self._established()
        return axdr.octets(answer)
