"""Logical device: a named set of COSEM objects, and the clients it talks to. Blue Book 4.1.7, 4.4.4."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import Any, Final

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.acse import AARE, AARQ, Mechanism
from protocols.dlms.association import Agreed, Association, Throttle, answer
from protocols.dlms.association_object import LOGICAL_DEVICE_NAME, describe, own_rights, visible
from protocols.dlms.cosem.association import CURRENT, AssociationLN, AssociationStatus
from protocols.dlms.cosem.data import Data
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.cosem.push import PushSetup
from protocols.dlms.obis import Obis
from protocols.dlms.open_association import OpenAssociation
from protocols.dlms.security.material import SecurityMaterial
from protocols.dlms.xdlms import DataNotification

__all__ = ["CHALLENGE", "FIRST_SAP", "LOGICAL_DEVICE_NAME", "LogicalDevice"]

CHALLENGE: Final = 32
"""Octets of our challenges: what ECDSA asks for at least, and every other mechanism takes."""
FIRST_SAP: Final = 1


class LogicalDevice:
    """A named set of objects, and the clients it talks to. The objects of its name and of its associations come with it.

    `name`: logical device name, 1 to 16 octets, unique in the world. `security`: its security setup, which its security objects
    and its associations share. `rng`: for challenges; high level security needs it. `on_change(association)`: a client has
    changed its own secret, users or objects.
    """

    def __init__(
        self,
        name: bytes,
        objects: Iterable[InterfaceClass] = (),
        associations: Iterable[Association] = (),
        *,
        security: SecurityMaterial | None = None,
        rng: Random | None = None,
        on_change: Callable[[Association], object] | None = None,
    ) -> None:
        if not 1 <= len(name) <= 16:
            raise LocalProtocolError(f"a logical device name has 1 to 16 octets, not {name!r}")
        self.name = bytes(name)
        self.sap = FIRST_SAP
        """Where its server has it answer."""
        self.security = security
        self.associations = {one.client_sap: one for one in associations}
        self.throttles = {client: Throttle() for client in self.associations}
        self.opened: list[OpenAssociation] = []
        """Associations that are open or pending at this moment."""
        if rng is None and any(one.mechanism >= Mechanism.HIGH for one in self.associations.values()):
            raise LocalProtocolError(f"{self!r}: high level security needs a source of challenges")
        self._rng = rng
        self._on_change = on_change
        self._objects: dict[bytes, InterfaceClass] = {}
        self._association_names = {
            client: Obis(bytes((0, 0, 40, 0, number, 255))) for number, client in enumerate(self.associations, 1)
        }
        self.add(Data(LOGICAL_DEVICE_NAME, value=axdr.octets(self.name)))
        for granted in self.associations.values():
            self.add(self._grant(granted))
        for thing in objects:
            self.add(thing)

    def __repr__(self) -> str:
        return f"LogicalDevice({self.name!r})"

    def __iter__(self) -> Iterator[InterfaceClass]:
        return iter(self._objects.values())

    def add(self, thing: InterfaceClass) -> None:
        """Take in an object; logical names are unique, and that of the current association is the sessions'."""
        if thing.name in self._objects or thing.name == CURRENT:
            raise LocalProtocolError(f"{self!r} already has {thing.name}")
        self._objects[thing.name] = thing

    def remove(self, thing: InterfaceClass) -> None:
        """Be without an object again."""
        del self._objects[thing.name]

    def find(self, name: bytes) -> InterfaceClass | None:
        """The object of a logical name."""
        return self._objects.get(name)

    # --- associations

    def association_name(self, client_sap: int) -> Obis:
        """The logical name of the object of a granted association."""
        return self._association_names[client_sap]

    def associate(
        self, request: AARQ, client_sap: int, server_sap: int, path_limit: int, now: int
    ) -> tuple[AARE, OpenAssociation | None]:
        """The AARE for an AARQ, and the association if it says yes. `now`: ns. Raises SecurityRefused."""
        if self.security is not None and self.security.refresh is not None:
            self.security.refresh()
        granted = self.associations.get(client_sap)
        throttle = self.throttles.get(client_sap, Throttle())
        response, agreed = answer(request, granted, path_limit=path_limit, throttle=throttle, now=now, challenge=self._challenge)
        if granted is None or agreed is None:
            return response, None
        return response, OpenAssociation(self, granted, agreed, server_sap)

    def pre_established(self, client_sap: int, server_sap: int, path_limit: int) -> OpenAssociation | None:
        """The association that is there without being asked for, where this client has one."""
        granted = self.associations.get(client_sap)
        if granted is None or granted.pre_established is None:
            return None
        terms = granted.pre_established
        terms = replace(terms, max_pdu=min(terms.max_pdu, path_limit))
        layer = granted.layer(terms.context, granted.client_title)
        return OpenAssociation(self, granted, Agreed(terms, layer), server_sap)

    def change(self, client_sap: int, **changes: Any) -> None:
        """From now on an association has other values in these fields."""
        changed = self.associations[client_sap] = replace(self.associations[client_sap], **changes)
        for one in self.opened:
            if one.granted.client_sap == client_sap:
                one.changed()
        if self._on_change is not None:
            self._on_change(changed)

    def _challenge(self) -> bytes:
        if self._rng is None:
            raise LocalProtocolError(f"{self!r} has no source of challenges")
        return self._rng.getrandbits(8 * CHALLENGE).to_bytes(CHALLENGE, "big")

    def _grant(self, granted: Association) -> AssociationLN:
        client_sap = granted.client_sap

        def status() -> int:
            return max(
                (one.status for one in self.opened if one.granted.client_sap == client_sap),
                default=AssociationStatus.NON_ASSOCIATED,
            )

        thing = describe(self, granted, self._association_names[client_sap])
        thing.associated_partners_id = lambda: (client_sap, self.sap)
        thing.association_status = status
        thing.shows(lambda: (visible(self, rights := own_rights(self, client_sap)), rights))
        return thing

    def notification(self, push: PushSetup, long_invoke: int, date_time: bytes = b"") -> bytes:
        """The data notification of a push: values of this moment. `date_time`: 12 octets, or none."""
        return DataNotification(long_invoke, date_time, push.body(self.find)).build()
