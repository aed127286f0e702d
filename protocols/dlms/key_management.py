"""A client's side of security setup (class 64) and of data protection (class 30): keys, certificates, and values under protection.

Blue Book 4.4.7, 4.4.9. Procedures over an open association, as those of `client`: they yield request APDUs and are sent answers.
New keys go into the client's own material once the server has said yes, which seals that answer under the old ones. Whether a
certificate that a server hands out is to be believed is for a `CertificateStore` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Final, NamedTuple

from protocols.core import x509
from protocols.core.ecc import generate, public_key
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.client import Client
from protocols.dlms.cosem.data_protection import parameters_element, protection_layer
from protocols.dlms.cosem.reference import Reference
from protocols.dlms.cosem.security_setup import CERTIFICATE_INFO, KEY_AGREEMENT
from protocols.dlms.obis import Obis
from protocols.dlms.requester import Procedure
from protocols.dlms.security import agreement, keywrap
from protocols.dlms.security.certificates import CertificateType, Entity
from protocols.dlms.security.material import KeyId, SecurityMaterial
from protocols.dlms.security.message_key import Header, KeyInfo, KeyKind, Profile
from protocols.dlms.security.protected_data import ProtectionLayer, ProtectionType, keyed, protect, unprotect
from protocols.dlms.security.signature import sign, verify
from protocols.dlms.security.suites import Policy

SECURITY_SETUP: Final = Obis("0-0:43.0.0")
_CLASS: Final = 64
_DATA_PROTECTION: Final = 30
_EVERYTHING: Final = axdr.structure(axdr.enum(0), axdr.null())
"""A restriction that does not restrict."""


class CertificateInfo(NamedTuple):
    """What a server lists of a certificate: names in DER, serial number as it writes it."""

    entity: int
    type: int
    serial: bytes
    issuer: bytes
    subject: bytes
    alternative: bytes


class KeyManagement:
    """Keys and certificates of the server behind a client's open association.

    `material`: the client's own, which the association uses. `server`: the server's system title. `rng`: for ephemeral keys.
    """

    def __init__(
        self,
        client: Client,
        material: SecurityMaterial,
        server: bytes,
        rng: Random,
        *,
        name: Obis = SECURITY_SETUP,
        profile: Profile = Profile.FIELD,
    ) -> None:
        self._client = client
        self._material = material
        self._server = server
        self._rng = rng
        self._name = name
        self._profile = profile

    def activate(self, policy: Policy) -> Procedure[None]:
        """Make the server's policy stronger. Raises AccessError, as all of these."""
        yield from self._act(1, axdr.enum(policy))

    def transfer(self, keys: Mapping[KeyId, bytes]) -> Procedure[None]:
        """Give the server new keys, wrapped under the master key, and use them from now on."""
        kek = self._material.keys.symmetric.get(KeyId.MASTER)
        if kek is None:
            raise LocalProtocolError("keys are transferred under a master key")
        wrapped = [axdr.structure(axdr.enum(key), axdr.octets(keywrap.wrap(kek, value))) for key, value in keys.items()]
        yield from self._act(2, axdr.array(wrapped))
        self._use(keys)

    def agree(self, keys: Iterable[KeyId]) -> Procedure[dict[KeyId, bytes]]:
        """Agree on new keys by C(2e, 0s), and use them from now on. Raises RemoteProtocolError when the answer is not right."""
        material, asked = self._material, tuple(keys)
        if material.suite.curve is None or not material.keys.signing:
            raise LocalProtocolError("agreeing on keys wants a signing key, and a suite that has them")
        ephemeral = {key: generate(material.suite.curve, self._rng) for key in asked}
        offers = [axdr.structure(axdr.enum(key), axdr.octets(self._offer(key, ephemeral[key]))) for key in asked]
        answer = yield from self._act(3, axdr.array(offers))
        KEY_AGREEMENT.admit(answer)
        if [item.value[0].value for item in answer.value] != list(asked):
            raise RemoteProtocolError("the answer is not about the keys that were asked for")
        answered = zip(asked, (item.value[1].value for item in answer.value), strict=True)
        agreed = {key: self._agreed(key, ephemeral[key], data) for key, data in answered}
        self._use(agreed)
        return agreed

    def generate_key_pair(self, type: CertificateType) -> Procedure[None]:
        """Have the server make a key pair."""
        yield from self._act(4, axdr.enum(type))

    def certificate_request(self, type: CertificateType) -> Procedure[bytes]:
        """The server's certificate request (PKCS #10, DER). Raises RemoteProtocolError unless it is signed, and the server's."""
        der = _octets((yield from self._act(5, axdr.enum(type))))
        request = x509.parse_request(der)
        if request.subject.common_name.upper() != self._server.hex().upper():
            raise RemoteProtocolError(f"a certificate request of {request.subject.common_name!r}")
        return der

    def import_certificate(self, der: bytes) -> Procedure[None]:
        """Give the server a certificate."""
        yield from self._act(6, axdr.octets(der))

    def certificates(self) -> Procedure[list[CertificateInfo]]:
        """What the server lists."""
        listed = yield from self._client.get(self._name, _CLASS, 6)
        for info in listed.value:
            CERTIFICATE_INFO.admit(info)
        return [CertificateInfo(*(item.value for item in info.value)) for info in listed.value]

    def export_certificate(self, which: CertificateInfo | tuple[Entity, CertificateType, bytes]) -> Procedure[bytes]:
        """A certificate that the server lists, or that of a party (entity, type, system title)."""
        return _octets((yield from self._act(7, _identification(which))))

    def remove_certificate(self, which: CertificateInfo | tuple[Entity, CertificateType, bytes]) -> Procedure[None]:
        """Have the server forget a certificate."""
        yield from self._act(8, _identification(which))

    def _act(self, method: int, argument: Data) -> Procedure[Data]:
        returned = yield from self._client.action(self._name, _CLASS, method, argument)
        return returned or axdr.null()

    def _use(self, keys: Mapping[KeyId, bytes]) -> None:
        for key, value in keys.items():
            self._material.replace(key, value)

    def _offer(self, key: KeyId, ephemeral: bytes) -> bytes:
        point = public_key(ephemeral)
        return point + sign(self._material.keys.signing, bytes((key,)) + point)

    def _agreed(self, key: KeyId, ephemeral: bytes, data: bytes) -> bytes:
        material = self._material
        public = material.keys.peer_signing.get(self._server)
        if public is None:
            raise LocalProtocolError(f"no signing key of {self._server.hex().upper()} is known")
        octets = len(public_key(ephemeral))
        verify(public, bytes((key,)) + data[:octets], data[octets:])
        algorithm = agreement.algorithm_id(material.suite, self._profile.arc)
        parties = agreement.parties(material.title, self._server)
        return agreement.agree(material.suite, ephemeral, data[:octets], algorithm, parties)


class ProtectedAccess:
    """Attributes and methods of the server through its data protection object `name`, under `kind` of key.

    The association need not be ciphered. Every call is a transaction of its own.
    """

    def __init__(
        self,
        client: Client,
        material: SecurityMaterial,
        server: bytes,
        rng: Random,
        *,
        name: Obis,
        kind: KeyKind = KeyKind.STATIC,
        type: ProtectionType = ProtectionType.AUTHENTICATION_AND_ENCRYPTION,
        profile: Profile = Profile.FIELD,
    ) -> None:
        self._client = client
        self._material = material
        self._server = server
        self._rng = rng
        self._name = name
        self._kind = kind
        self._type = type
        self._profile = profile

    def get(self, attributes: Sequence[Reference]) -> Procedure[list[Data]]:
        """The values of attributes. Raises AccessError; RemoteProtocolError when the protection is not right."""
        layer = self._layer()
        request = axdr.structure(_objects(attributes), axdr.array([parameters_element(layer)]))
        values = self._opened((yield from self._act(1, request)), layer)
        if values.tag != axdr.Tag.STRUCTURE or len(values.value) != len(attributes):
            raise RemoteProtocolError("the answer is not about the attributes that were asked for")
        found: list[Data] = values.value
        return found

    def set(self, values: Mapping[Reference, Data]) -> Procedure[None]:
        """Write attributes."""
        layers, octets = self._protected(axdr.structure(*values.values()))
        yield from self._act(2, axdr.structure(_objects(values), layers, octets))

    def action(self, class_id: int, name: Obis, method: int, argument: Data) -> Procedure[Data]:
        """Call a method; what it returns, null-data when nothing."""
        layers, octets = self._protected(argument)
        target = axdr.structure(axdr.u16(class_id), axdr.octets(name), axdr.i8(method))
        answer = yield from self._act(3, axdr.structure(target, layers, octets))
        return self._opened(answer, protection_layer(layers.value[0]))

    def _act(self, method: int, argument: Data) -> Procedure[Data]:
        returned = yield from self._client.action(self._name, _DATA_PROTECTION, method, argument)
        return returned or axdr.null()

    def _layer(self) -> ProtectionLayer:
        """A new transaction, from us to the server, with as much key-info as it takes to ask."""
        transaction = self._material.next_counter().to_bytes(8, "big")
        return ProtectionLayer(self._type, Header(transaction, self._material.title, self._server), _ASKS[self._kind])

    def _protected(self, data: Data) -> tuple[Data, Data]:
        layers = keyed([self._layer()], self._material, self._rng, self._profile)
        parameters = axdr.array(parameters_element(each.layer) for each in layers)
        return parameters, axdr.octets(protect(data.build(), layers, self._material, self._profile))

    def _opened(self, answer: Data, asked: ProtectionLayer) -> Data:
        """What an answer holds, which must come under the transaction and the protection that was asked for."""
        if answer.tag != axdr.Tag.STRUCTURE or len(answer.value) != 2 or answer.value[0].tag != axdr.Tag.ARRAY:
            raise RemoteProtocolError("no answer of data protection")
        layers = [protection_layer(element) for element in answer.value[0].value]
        header = Header(asked.header.transaction_id, self._server, self._material.title)
        if [(layer.type, layer.header, layer.kind) for layer in layers] != [(asked.type, header, asked.kind)]:
            raise RemoteProtocolError("the answer is not protected as was asked for")
        return Data.parse(unprotect(_octets(answer.value[1]), layers, self._material, self._profile))


_ASKS: Final = {
    KeyKind.UNICAST: KeyInfo.parse(b"\x00\x00"),
    KeyKind.BROADCAST: KeyInfo.parse(b"\x00\x01"),
    KeyKind.WRAPPED: KeyInfo.parse(b"\x01\x00\x00"),
    KeyKind.ONE_PASS: KeyInfo.parse(b"\x02\x01\x01\x00"),
    KeyKind.STATIC: KeyInfo.parse(b"\x02\x01\x02\x00"),
}


def _objects(attributes: Iterable[Reference]) -> Data:
    return axdr.array(axdr.structure(*reference.data.value, _EVERYTHING) for reference in attributes)


def _identification(which: CertificateInfo | tuple[Entity, CertificateType, bytes]) -> Data:
    if isinstance(which, CertificateInfo):
        return axdr.structure(axdr.enum(1), axdr.structure(axdr.octets(which.serial), axdr.octets(which.issuer)))
    entity, type, title = which
    return axdr.structure(axdr.enum(0), axdr.structure(axdr.enum(entity), axdr.enum(type), axdr.octets(title)))


def _octets(data: Data) -> bytes:
    if data.tag != axdr.Tag.OCTET_STRING:
        raise RemoteProtocolError(f"octets were expected, not a value of type {data.tag}")
    octets: bytes = data.value
    return octets
