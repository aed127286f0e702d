"""Who may do what at a device's DLMS server: the access profiles of a bench, and the keys and counters behind them.

`open`: client 16 reads, client 1 writes with a password. `lab` adds one client for each mechanism of high level security (32 to
37) and one whose association is there without asking (40), with security material of test keys: every way into a meter in one
meter, which no real one offers. Invocation counters are in non-volatile memory: the device's own are reserved ahead, and of others'
a bound is kept, so that neither a restart nor an old image repeats or believes a number twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from types import MappingProxyType
from typing import Any, Final

import msgspec

from devices.runtime.board import Board
from devices.runtime.nvm import Nvm
from protocols.dlms import axdr, cosem
from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.association import CONFORMANCE, Association, Terms, User
from protocols.dlms.association_object import SECURITY_SETUP
from protocols.dlms.cosem.data_protection import DataProtection
from protocols.dlms.cosem.security_setup import SecuritySetup
from protocols.dlms.obis import Obis
from protocols.dlms.security.certificates import CertificateStore, CertificateType, Saved
from protocols.dlms.security.counters import LAST, PeerCounters, own
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Policy, Suite
from protocols.dlms.server import open_profile

HLS_CLIENTS: Final = {
    Mechanism.HIGH: 32,
    Mechanism.HIGH_MD5: 33,
    Mechanism.HIGH_SHA1: 34,
    Mechanism.HIGH_GMAC: 35,
    Mechanism.HIGH_SHA256: 36,
    Mechanism.HIGH_ECDSA: 37,
}
"""The client of each mechanism in the lab."""
PRE_ESTABLISHED: Final = 40
SUPPLIER: Final = 64
"""The client of whoever supplies through the meter: with a secret of his own, where there is one."""
VERSIONS: Final = {Mechanism.HIGH_SHA256: 2, Mechanism.HIGH_GMAC: 3, Mechanism.HIGH_ECDSA: 3}
"""Of the lab's association objects, so that all are to be met; 1 of the others."""
PDU: Final = 1024
"""Octets of the largest APDU of the association that is there without asking."""
AHEAD: Final = 32
"""How far ahead of a client's counter the bound in memory stands."""
_NOBODY: Final[Mapping[str, bytes]] = MappingProxyType({})
_COUNTER: Final = "dlms"
_PEERS: Final = "dlms/peers"
_SECRET: Final = "dlms/secret/"
_USERS: Final = "dlms/users/"
_HIDDEN: Final = "dlms/hidden/"
_KEYS: Final = "dlms/keys"
_POLICY: Final = "dlms/policy"
_CERTIFICATES: Final = "dlms/certificates"
_SUPERSEDED: Final = "dlms/superseded"
DATA_PROTECTION: Final = "0-0:43.2.0"


@dataclass(frozen=True, slots=True)
class Lab:
    """Test keys and secrets, the same for every device of a bench. Symmetric keys have the suite's length.

    `policy`: bits of the security policy (security setup version 1). `signing`: the server's private key; `client_signing`: the
    client's public key; both empty: no ECDSA. The same pair signs and agrees on keys, which only a laboratory should do.
    `authority`: the certificate (DER) of whom devices trust to issue others; empty: nobody.
    """

    client_title: bytes
    unicast: bytes = field(repr=False)
    broadcast: bytes = field(repr=False)
    authentication: bytes = field(repr=False)
    master: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    suite: int = 0
    policy: int = 0
    signing: bytes = field(default=b"", repr=False)
    client_signing: bytes = b""
    authority: bytes = b""


class Clients:
    """What a device's logical devices grant. `lab` None: the profile `open`. `suppliers`: whose secret by logical device."""

    def __init__(self, board: Board, password: bytes, lab: Lab | None, suppliers: Mapping[str, bytes] = _NOBODY) -> None:
        self._suppliers = suppliers
        self._nvm = board.nvm
        self._password = password
        self._lab = lab
        self.rng: Random | None = board.rng("dlms") if lab is not None else None
        self.security: SecurityMaterial | None = None
        self._setup: Callable[[], cosem.InterfaceClass] | None = None
        if lab is not None:
            self._counters = KeptCounters(board.nvm)
            self.security = _material(board, lab, self._counters)
            self.security.on_change = self._keep_keys
            self._setup = _setup(board, self.security, lab)

    def associations(self, device: str, supplier: bytes = b"") -> list[Association]:
        """Of one of the board's logical devices, by a name of its own; what clients have changed is as they changed it.

        `supplier`: whose secret, where that is known only now.
        """
        granted = open_profile(self._password)
        if self._lab is not None and self.security is not None:
            granted += _lab_associations(self._lab, self.security)
        if secret := supplier or self._suppliers.get(device):
            granted.append(Association(SUPPLIER, Mechanism.LOW, secret))
        return [self._kept(device, one) for one in granted]

    def remember(self, device: str) -> Callable[[Association], None]:
        """What keeps the secrets, users and objects that clients change at a logical device."""

        def keep(changed: Association) -> None:
            place, users = f"{device}/{changed.client_sap}", [[user.id, user.name] for user in changed.users]
            hidden = sorted(bytes(name) for name in changed.rights.hidden)
            self._nvm.put({_SECRET + place: changed.secret, _USERS + place: users, _HIDDEN + place: hidden})

        return keep

    def objects(self) -> list[cosem.InterfaceClass]:
        """Security setup, and the counter last accepted under the unicast key, for clients that have lost theirs."""
        security = self.security
        if security is None or self._setup is None:
            return []
        return [self._setup(), cosem.Data("0-0:43.1.0", value=lambda: axdr.u32(_highest(security)))]

    def guarded(self, find: Callable[[bytes], cosem.InterfaceClass | None]) -> list[cosem.InterfaceClass]:
        """Data protection of one of the board's logical devices, over the objects that `find` finds."""
        if self.security is None or self.rng is None:
            return []
        return [DataProtection(DATA_PROTECTION, find=find, material=self.security, rng=self.rng)]

    def save(self) -> None:
        """Keep the counters of others as they are: the power is about to go."""
        if self.security is not None:
            self._nvm.put(self._counters.exact())

    def _keep_keys(self) -> None:
        if self.security is not None:
            keys = {int(key): value for key, value in self.security.keys.symmetric.items()}
            self._nvm.put({_KEYS: keys, _POLICY: int(self.security.policy), **self._counters.exact()})

    def _kept(self, device: str, first: Association) -> Association:
        """An association as it is at first, or as its client has changed it."""
        place = f"{device}/{first.client_sap}"
        hidden = frozenset(Obis(bytes(name)) for name in self._nvm.get(_HIDDEN + place, []))
        return replace(
            first,
            secret=bytes(self._nvm.get(_SECRET + place, first.secret)),
            users=tuple(User(*user) for user in self._nvm.get(_USERS + place, [])),
            rights=replace(first.rights, hidden=hidden),
        )


def _lab_associations(lab: Lab, security: SecurityMaterial) -> list[Association]:
    found = [
        Association(client, mechanism, lab.secret, security=security, version=VERSIONS.get(mechanism, 1))
        for mechanism, client in HLS_CLIENTS.items()
        if mechanism is not Mechanism.HIGH_ECDSA or lab.signing
    ]
    terms = Terms(CONFORMANCE, PDU, Context.LOGICAL_NAME_CIPHERED)
    return [*found, Association(PRE_ESTABLISHED, security=security, client_title=lab.client_title, pre_established=terms)]


def _material(board: Board, lab: Lab, counters: PeerCounters) -> SecurityMaterial:
    nvm = board.nvm
    client = {lab.client_title: lab.client_signing} if lab.client_signing else {}
    first = {
        KeyId.UNICAST_ENCRYPTION: lab.unicast,
        KeyId.BROADCAST_ENCRYPTION: lab.broadcast,
        KeyId.AUTHENTICATION: lab.authentication,
        KeyId.MASTER: lab.master,
    }
    keys = KeySet(
        first | {KeyId(key): bytes(value) for key, value in nvm.get(_KEYS, {}).items()},
        signing=lab.signing,
        agreement=lab.signing,
        peer_signing=client,
        peer_agreement=client,
    )
    return SecurityMaterial(
        board.eui64.to_bytes(8, "big"),
        keys,
        own(nvm.counter(_COUNTER).next),
        suite=Suite(lab.suite),
        policy=Policy(nvm.get(_POLICY, lab.policy)),
        counters=counters,
        rng=board.rng("dlms keys"),
    )


def _setup(board: Board, security: SecurityMaterial, lab: Lab) -> Callable[[], cosem.InterfaceClass]:
    """Makes the security setup object of each of the board's logical devices, all over one material and its certificates."""
    store, rng = CertificateStore(security, [lab.authority] if lab.authority else []), board.rng("dlms key pairs")
    superseded: list[int] = board.nvm.get(_SUPERSEDED, [])
    for type in superseded:  # what the client had when the device was made is not believed again
        store.peer_keys(CertificateType(type)).pop(lab.client_title, None)
    if (saved := board.nvm.get(_CERTIFICATES)) is not None:
        store.restore(msgspec.convert(saved, Saved))

    def clock() -> int | None:
        return board.rtc.read() if board.rtc.valid else None

    def save() -> None:
        of_client = {int(entry.type) for entry in store if entry.title == lab.client_title}
        superseded[:] = sorted(of_client.union(superseded))
        board.nvm.put({_CERTIFICATES: msgspec.structs.asdict(store.saved), _SUPERSEDED: superseded})

    def keep(thing: cosem.InterfaceClass, member: object) -> None:
        if member in _CHANGE_CERTIFICATES:
            save()

    def recognise(title: bytes, certificate: bytes) -> bool:
        before = list(store)
        good = store.recognise(title, certificate, clock())
        if list(store) != before:
            save()
        return good

    def make() -> cosem.InterfaceClass:
        setup = SecuritySetup(SECURITY_SETUP, material=security, store=store, rng=rng, clock=clock)
        setup.watch(keep)
        return setup

    def refresh() -> None:
        now = clock()
        if now is not None and store.expire(now):
            save()

    security.recognise = recognise
    security.refresh = refresh
    security.certificate = lambda: store.shown
    return make


_CHANGE_CERTIFICATES: Final = (
    SecuritySetup.generate_key_pair,
    SecuritySetup.import_certificate,
    SecuritySetup.remove_certificate,
)


class KeptCounters(PeerCounters):
    """Others' counters. In memory stand bounds that are behind none of them: they move once in a while, and `exact` sets them to
    the counters themselves."""

    def __init__(self, nvm: Nvm) -> None:
        stored: list[list[Any]] = nvm.get(_PEERS, [])
        self._bounds = {(bytes(title), int(key)): int(counter) for title, key, counter in stored}
        self._nvm = nvm
        super().__init__(self._bounds, self._keep_ahead)

    def exact(self) -> dict[str, object]:
        """What to put in memory for the counters as they are; it has to be put there before the next message."""
        self._bounds = self.known
        return self._kept

    @property
    def _kept(self) -> dict[str, object]:
        return {_PEERS: [[title, key, counter] for (title, key), counter in self._bounds.items()]}

    def _keep_ahead(self, title: bytes, key: int, counter: int) -> None:
        if counter > self._bounds.get((title, key), -1):
            self._bounds[title, key] = min(counter + AHEAD, LAST)
            self._nvm.put(self._kept)


def _highest(security: SecurityMaterial) -> int:
    counters = [counter for (_, key), counter in security.counters.known.items() if key == KeyId.UNICAST_ENCRYPTION]
    return max(counters, default=0)
