"""Security setup (class 64), versions 0 and 1: policy, suite, titles, keys and certificates of a security material.

Blue Book 4.4.7; Green Book 9.2.5, 9.2.6. It acts on the material that the associations of its device use. A method does all it
was asked to or nothing; new keys and policies hold once its answer is on its way, for clients read that one under the old ones.
Refused: a weaker policy, agreeing on a master key, key pairs for TLS. Key pairs and ephemeral keys come from a seed: test keys
only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from functools import partial
from random import Random
from typing import Final

from protocols.core.ecc import generate, public_key
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import ENUM, OCTETS, Array, Choice, Enumerated, Plain, Structure
from protocols.dlms.security import agreement, keywrap
from protocols.dlms.security.certificates import CertificateStore, CertificateType, Entity, Entry
from protocols.dlms.security.general import Profile
from protocols.dlms.security.material import KeyId, SecurityMaterial
from protocols.dlms.security.signature import sign, verify
from protocols.dlms.security.suites import Policy, Suite
from protocols.dlms.xdlms import DataAccessResult

MOST_KEYS: Final = len(KeyId)
KEY_TRANSFER: Final = Array(Structure(key_id=Enumerated(KeyId), key_wrapped=OCTETS), MOST_KEYS)
KEY_AGREEMENT: Final = Array(Structure(key_id=Enumerated(KeyId), key_data=OCTETS), MOST_KEYS)
CERTIFICATE_INFO: Final = Structure(
    certificate_entity=Enumerated(Entity),
    certificate_type=Enumerated(CertificateType),
    serial_number=OCTETS,
    issuer=OCTETS,
    subject=OCTETS,
    subject_alt_name=OCTETS,
)
_BY_ENTITY: Final = Structure(certificate_entity=ENUM, certificate_type=ENUM, system_title=OCTETS)
_BY_SERIAL: Final = Structure(serial_number=OCTETS, issuer=OCTETS)
CERTIFICATE_IDENTIFICATION: Final = Structure(
    certificate_identification_type=ENUM, certification_identification_options=Choice(_BY_ENTITY, _BY_SERIAL)
)
_ANY_POLICY: Final = sum(Policy)
_SIGNED: Final = Policy.SIGNED_REQUEST | Policy.SIGNED_RESPONSE


class PolicyV0(IntEnum):
    """security_policy of version 0."""

    NOTHING = 0
    AUTHENTICATED = 1
    ENCRYPTED = 2
    AUTHENTICATED_ENCRYPTED = 3


class _Setup(InterfaceClass, id=0, version=0):
    """What both versions have."""

    security_policy: Attribute = attribute(2, ENUM)
    security_suite: Attribute = attribute(3, Enumerated(Suite))
    client_system_title: Attribute = attribute(4, OCTETS)
    server_system_title: Attribute = attribute(5, OCTETS)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        material: SecurityMaterial,
        on: Mapping[str, Hook] | None = None,
        **more: Callable[[], Plain],
    ) -> None:
        self.material = material
        sources: dict[str, Callable[[], Plain]] = {
            "security_policy": self._policy,
            "security_suite": lambda: material.suite,
            "client_system_title": lambda: material.client_title,
            "server_system_title": lambda: material.title,
        }
        super().__init__(logical_name, on=on or {}, access={}, **sources, **more)

    def _policy(self) -> int:
        return self.material.policy

    def _strengthen(self, policy: Policy) -> None:
        material = self.material
        if material.policy & ~policy:
            raise AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: a policy can only become stronger")
        material.defer(lambda: setattr(material, "policy", policy))

    def _transfer(self, argument: Data, admitted: frozenset[KeyId]) -> None:
        material = self.material
        kek = material.keys.symmetric.get(KeyId.MASTER)
        if kek is None:
            raise AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: there is no master key")
        keys, octets = self._each_key(argument, admitted), material.suite.key_octets
        with self._refusing():
            self._take_over({key: keywrap.unwrap(kek, wrapped, octets) for key, wrapped in keys})

    def _take_over(self, new: Mapping[KeyId, bytes]) -> None:
        for key, value in new.items():
            self.material.defer(partial(self.material.replace, key, value))

    def _each_key(self, argument: Data, admitted: frozenset[KeyId]) -> list[tuple[KeyId, bytes]]:
        """key_id and octets of an array, of which none comes twice."""
        keys = [(KeyId(item.value[0].value), item.value[1].value) for item in argument.value]
        named = {key for key, _ in keys}
        if not keys or len(named) != len(keys) or not named <= admitted:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name))
        return keys

    @contextmanager
    def _refusing(self, result: DataAccessResult = DataAccessResult.OTHER_REASON) -> Iterator[None]:
        """What is wrong with what the client sent becomes the result of its request."""
        try:
            yield
        except RemoteProtocolError as error:
            raise AccessError(result, f"{self.name}: {error}") from None


class SecuritySetupV0(_Setup, id=64, version=0):
    """Symmetric keys only."""

    def _policy(self) -> int:
        policy = self.material.policy
        authenticated, encrypted = policy & Policy.AUTHENTICATED_REQUEST, policy & Policy.ENCRYPTED_REQUEST
        return PolicyV0.AUTHENTICATED * bool(authenticated) + PolicyV0.ENCRYPTED * bool(encrypted)

    @method(1, Enumerated(PolicyV0))
    def security_activate(self, argument: Data) -> None:
        """Make the policy stronger."""
        self._strengthen(Policy.version0(argument.value))

    @method(2, KEY_TRANSFER)
    def global_key_transfer(self, argument: Data) -> None:
        """Take new keys, each wrapped under the master key."""
        self._transfer(argument, _TRANSFERRED_V0)


class SecuritySetup(_Setup, id=64, version=1):
    """Symmetric keys, key pairs and certificates. `clock`: UTC in ns, None while nobody knows it."""

    certificates: Attribute = attribute(6, Array(CERTIFICATE_INFO))

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        material: SecurityMaterial,
        store: CertificateStore,
        rng: Random,
        clock: Callable[[], int | None],
        profile: Profile = Profile.FIELD,
        on: Mapping[str, Hook] | None = None,
    ) -> None:
        self.store = store
        self._rng = rng
        self._clock = clock
        self._profile = profile
        super().__init__(logical_name, material=material, on=on, certificates=lambda: [_info(entry) for entry in store])

    @method(1, ENUM)
    def security_activate(self, argument: Data) -> None:
        """Make the policy stronger."""
        if argument.value & ~_ANY_POLICY or (argument.value & _SIGNED and self.material.suite is Suite.S0):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name))
        self._strengthen(Policy(argument.value))

    @method(2, KEY_TRANSFER)
    def key_transfer(self, argument: Data) -> None:
        """Take new keys, each wrapped under the master key."""
        self._transfer(argument, _TRANSFERRED)

    @method(3, KEY_AGREEMENT)
    def key_agreement(self, argument: Data) -> Data:
        """Agree on new keys by C(2e, 0s): for each the client's ephemeral point and its signature, and ours back."""
        new: dict[KeyId, bytes] = {}
        answer = []
        for key, data in self._each_key(argument, _AGREED):
            with self._refusing():
                new[key], ours = self._agree(key, data)
            answer.append(axdr.structure(axdr.enum(key), axdr.octets(ours)))
        self._take_over(new)
        return axdr.array(answer)

    def _agree(self, key: KeyId, data: bytes) -> tuple[bytes, bytes]:
        """The new key, and our ephemeral point with its signature. What is signed is the key's number and the point."""
        material = self.material
        curve = material.suite.curve
        public = material.keys.peer_signing.get(material.client_title)
        if curve is None or public is None or not material.keys.signing:
            raise RemoteProtocolError("key agreement wants a signing key on both sides")
        number, point = bytes((key,)), data[: 2 * curve.octets]
        verify(public, number + point, data[2 * curve.octets :])
        ephemeral = generate(curve, self._rng)
        algorithm = agreement.algorithm_id(material.suite, self._profile.arc)
        parties = agreement.parties(material.client_title, material.title)
        agreed = agreement.agree(material.suite, ephemeral, point, algorithm, parties)
        ours = public_key(ephemeral)
        return agreed, ours + sign(material.keys.signing, number + ours)

    @method(4, Enumerated(CertificateType))
    def generate_key_pair(self, argument: Data) -> None:
        """Make a key pair for a purpose; it is used once its certificate has been imported."""
        with self._refusing():
            self.store.generate_key_pair(CertificateType(argument.value), self._rng)

    @method(5, Enumerated(CertificateType))
    def generate_certificate_request(self, argument: Data) -> Data:
        """A certificate request (PKCS #10) for the key pair of a purpose."""
        with self._refusing():
            return axdr.octets(self.store.request(CertificateType(argument.value)))

    @method(6, OCTETS)
    def import_certificate(self, argument: Data) -> None:
        """Take in a certificate: our own for a pair made here, another party's, or an authority's."""
        with self._refusing():
            self.store.take_in(argument.value, self._clock())

    @method(7, CERTIFICATE_IDENTIFICATION)
    def export_certificate(self, argument: Data) -> Data:
        """A certificate, as it came."""
        return axdr.octets(self._identified(argument).certificate.der)

    @method(8, CERTIFICATE_IDENTIFICATION)
    def remove_certificate(self, argument: Data) -> None:
        """Forget a certificate, and the public key that it was for."""
        entry = self._identified(argument)
        with self._refusing():
            self.store.remove(entry)

    def _identified(self, argument: Data) -> Entry:
        kind, options = argument.value
        identified = options.value
        with self._refusing(DataAccessResult.OBJECT_UNAVAILABLE):
            if (kind.value, len(identified)) == (0, len(_BY_ENTITY.elements)):
                return self.store.by_entity(*(item.value for item in identified))
            if (kind.value, len(identified)) == (1, len(_BY_SERIAL.elements)):
                return self.store.by_serial(*(item.value for item in identified))
        raise AccessError(DataAccessResult.TYPE_UNMATCHED, str(self.name))


_TRANSFERRED_V0: Final = frozenset(KeyId) - {KeyId.MASTER}
_TRANSFERRED: Final = frozenset(KeyId)
_AGREED: Final = frozenset(KeyId) - {KeyId.MASTER}


def _info(entry: Entry) -> tuple[int, int, bytes, bytes, bytes, bytes]:
    certificate = entry.certificate
    names = certificate.issuer_der, certificate.subject_der, certificate.alternative
    return entry.entity, entry.type, entry.serial, *names
