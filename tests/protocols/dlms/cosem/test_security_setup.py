"""Security setup: policy, key transfer, key agreement, key pairs and certificates, and everything wrong leaves all as it was."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

import pytest

from protocols.core import x509
from protocols.core.ecc import generate, public_key
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.security_setup import SecuritySetup, SecuritySetupV0
from protocols.dlms.security import agreement, keywrap
from protocols.dlms.security.authority import Authority
from protocols.dlms.security.certificates import CertificateStore, CertificateType, Entity
from protocols.dlms.security.general import Profile
from protocols.dlms.security.material import KeyId, SecurityMaterial
from protocols.dlms.security.signature import sign, verify
from protocols.dlms.security.suites import Policy, Suite
from protocols.dlms.xdlms import DataAccessResult

Parties: TypeAlias = Callable[[Suite], tuple[SecurityMaterial, SecurityMaterial]]
CLIENT, SERVER = bytes.fromhex("4D4D4D0000BC614E"), bytes.fromhex("4D4D4D0000000001")
NOW = 1_782_864_000 * 10**9
VALID = (NOW - 10**18, NOW + 10**18)
PUBLIC_KEY_SUITES = pytest.mark.parametrize("suite", [Suite.S1, Suite.S2])
SIGNATURE, AGREEMENT = CertificateType.DIGITAL_SIGNATURE, CertificateType.KEY_AGREEMENT


class Stand:
    """A security setup with an authority that it trusts, and the client that talks to it."""

    def __init__(self, parties: Parties, suite: Suite = Suite.S1, profile: Profile = Profile.FIELD) -> None:
        self.suite, self.profile = suite, profile
        self.client, self.material = parties(suite)
        self.material.client_title = CLIENT
        authorities = []
        if suite.curve is not None:
            self.authority = Authority("Root", suite.curve, Random("root"), VALID)
            authorities.append(self.authority.certificate)
        self.store = CertificateStore(self.material, authorities)
        self.now: int | None = NOW
        self.setup = SecuritySetup(
            "0-0:43.0.0", material=self.material, store=self.store, rng=Random("meter"), clock=lambda: self.now, profile=profile
        )

    @property
    def state(self) -> Any:
        self.material.settle()
        keys = self.material.keys
        return (
            dict(keys.symmetric), keys.signing, keys.agreement, dict(keys.peer_signing), dict(keys.peer_agreement),
            list(self.store), self.material.policy, self.setup.certificates,
        )  # fmt: skip

    def refuses(self, method: int, argument: Data, result: int) -> None:
        """That a method answers so, and nothing has changed."""
        before = self.state
        with pytest.raises(AccessError) as refusal:
            self.setup.invoke(method, argument)
        assert refusal.value.result == result
        assert self.state == before

    def wrapped(self, *keys: tuple[int, bytes]) -> Data:
        kek = self.client.keys.symmetric[KeyId.MASTER]
        return key_array(*((number, keywrap.wrap(kek, key)) for number, key in keys))


def key_array(*keys: tuple[int, bytes]) -> Data:
    return axdr.array(axdr.structure(axdr.enum(number), axdr.octets(octets)) for number, octets in keys)


def by_entity(entity: int, type: int, title: bytes) -> Data:
    return axdr.structure(axdr.enum(0), axdr.structure(axdr.enum(entity), axdr.enum(type), axdr.octets(title)))


def by_serial(serial: bytes, issuer: bytes) -> Data:
    return axdr.structure(axdr.enum(1), axdr.structure(axdr.octets(serial), axdr.octets(issuer)))


# --- attributes and policy


@pytest.mark.dlms(
    "class 64 attribute 1",
    "class 64 attribute 2",
    "class 64 attribute 3",
    "class 64 attribute 4",
    "class 64 attribute 5",
    "class 64 attribute 6",
)
def test_attributes_show_the_material(parties: Parties):
    stand = Stand(parties)
    setup = stand.setup
    assert (setup.class_id, setup.version) == (64, 1)
    assert setup.security_policy == axdr.enum(0)
    assert setup.security_suite == axdr.enum(1)
    assert setup.client_system_title == axdr.octets(CLIENT)
    assert setup.server_system_title == axdr.octets(SERVER)
    root = x509.parse(stand.authority.certificate)
    (info,) = setup.certificates.value
    octets = (root.serial.to_bytes(16, "big"), root.issuer_der, root.subject_der, b"")
    assert info.python[:2] == [Entity.CERTIFICATION_AUTHORITY, CertificateType.OTHER]
    assert info.python[2][2:].rjust(16, b"\0")[-16:] == octets[0]
    assert tuple(info.python[3:]) == octets[1:]


@pytest.mark.dlms("class 64 method 1")
def test_a_policy_becomes_stronger_after_its_answer_and_never_weaker(parties: Parties):
    stand = Stand(parties)
    both = int(Policy.AUTHENTICATED_REQUEST | Policy.ENCRYPTED_REQUEST)
    stand.setup.invoke(1, axdr.enum(both))
    assert stand.material.policy == 0
    stand.material.settle()
    assert stand.setup.security_policy == axdr.enum(both)
    for weaker in (0, int(Policy.AUTHENTICATED_REQUEST), int(Policy.SIGNED_REQUEST)):
        stand.refuses(1, axdr.enum(weaker), DataAccessResult.OTHER_REASON)
    for none in (both | 1, both | 2):
        stand.refuses(1, axdr.enum(none), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
    stand.setup.invoke(1, axdr.enum(0xFC))
    stand.material.settle()
    assert stand.setup.security_policy == axdr.enum(0xFC)


def test_version_0_has_its_own_numbers(parties: Parties):
    _, material = parties(Suite.S0)
    setup = SecuritySetupV0("0-0:43.0.0", material=material)
    assert (setup.class_id, setup.version, max(setup.attributes), max(setup.methods)) == (64, 0, 5, 2)
    for number in (0, 1, 3):
        setup.invoke(1, axdr.enum(number))
        material.settle()
        assert setup.security_policy == axdr.enum(number)
    for wrong in (0, 1, 2, 4):
        with pytest.raises(AccessError):
            setup.invoke(1, axdr.enum(wrong))
    assert material.policy == Policy.version0(3)
    with pytest.raises(AccessError):  # the master key is changed some other way
        setup.invoke(2, key_array((3, keywrap.wrap(material.keys.symmetric[KeyId.MASTER], bytes(16)))))
    setup.invoke(2, key_array((2, keywrap.wrap(material.keys.symmetric[KeyId.MASTER], bytes(16)))))
    material.settle()
    assert material.keys.authentication == bytes(16)


def test_suite_0_takes_no_policy_that_signs(parties: Parties):
    Stand(parties, Suite.S0).refuses(1, axdr.enum(Policy.SIGNED_REQUEST), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)


# --- keys


@pytest.mark.dlms("server key transfer", "class 64 method 2")
@pytest.mark.parametrize("suite", list(Suite))
def test_transferred_keys_hold_after_the_answer_and_counters_begin_anew(parties: Parties, suite: Suite):
    stand = Stand(parties, suite)
    old = dict(stand.material.keys.symmetric)
    new = {key: bytes((key + 1,)) * suite.key_octets for key in KeyId}
    stand.material.counters.accept(CLIENT, KeyId.UNICAST_ENCRYPTION, 77)
    assert stand.setup.invoke(2, stand.wrapped(*new.items())) is None
    assert stand.material.keys.symmetric == old
    stand.material.settle()
    assert stand.material.keys.symmetric == new
    assert stand.material.counters.expected(CLIENT, KeyId.UNICAST_ENCRYPTION) == 0


def test_wrong_transfers_change_no_key_at_all(parties: Parties):
    stand = Stand(parties)
    key = bytes(range(16))
    kek = stand.client.keys.symmetric[KeyId.MASTER]
    good = keywrap.wrap(kek, key)
    other, scope = DataAccessResult.OTHER_REASON, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    for wrong in (good[:-1] + b"\0", good[:-1], good + b"\0", b"", keywrap.wrap(bytes(16), key), keywrap.wrap(kek, key + key)):
        stand.refuses(2, key_array((0, good), (2, wrong)), other)
        stand.refuses(2, key_array((2, wrong), (0, good)), other)
    stand.refuses(2, key_array(), scope)
    stand.refuses(2, key_array((0, good), (0, good)), scope)
    stand.refuses(2, key_array((4, good)), scope)
    stand.refuses(2, key_array(*[(0, good)] * 5), scope)
    stand.refuses(2, axdr.octets(good), DataAccessResult.TYPE_UNMATCHED)
    stand.refuses(2, axdr.array([axdr.structure(axdr.u8(0), axdr.octets(good))]), DataAccessResult.TYPE_UNMATCHED)
    stand.setup.invoke(2, key_array((0, good)))
    stand.material.settle()
    assert stand.material.keys.symmetric[KeyId.UNICAST_ENCRYPTION] == key
    del stand.material.keys.symmetric[KeyId.MASTER]
    stand.refuses(2, key_array((0, good)), other)


def _offer(stand: Stand, key: KeyId, ephemeral: bytes) -> bytes:
    point = public_key(ephemeral)
    return point + sign(stand.client.keys.signing, bytes((key,)) + point)


@pytest.mark.dlms("server key agreement 2e0s", "class 64 method 3")
@PUBLIC_KEY_SUITES
@pytest.mark.parametrize("profile", [Profile.FIELD, Profile.GB])
def test_agreed_keys_are_the_clients_too(parties: Parties, suite: Suite, profile: Profile):
    stand = Stand(parties, suite, profile)
    assert suite.curve is not None
    asked = [KeyId.UNICAST_ENCRYPTION, KeyId.BROADCAST_ENCRYPTION, KeyId.AUTHENTICATION]
    ephemeral = {key: generate(suite.curve, Random(f"client {key}")) for key in asked}
    answer = stand.setup.invoke(3, key_array(*((key, _offer(stand, key, ephemeral[key])) for key in asked)))
    stand.material.settle()
    assert answer is not None
    assert [item.value[0] for item in answer.value] == [axdr.enum(key) for key in asked]
    for item in answer.value:
        key, data = KeyId(item.value[0].value), item.value[1].value
        point, signature = data[: 2 * suite.curve.octets], data[2 * suite.curve.octets :]
        verify(stand.client.keys.peer_signing[SERVER], bytes((key,)) + point, signature)
        algorithm = agreement.algorithm_id(suite, profile.arc)
        agreed = agreement.agree(suite, ephemeral[key], point, algorithm, CLIENT + SERVER)
        assert stand.material.keys.symmetric[key] == agreed
    assert len({stand.material.keys.symmetric[key] for key in KeyId}) == 4


def test_the_annexes_signed_point_is_what_a_client_sends(parties: Parties, dlms_vectors: Callable[..., list[dict[str, Any]]]):
    """Green Book annex: the client's point for the global unicast key, with its signature, is taken as it stands there."""
    stand = Stand(parties, Suite.S1, Profile.GB)
    vector = next(vector["given"] for vector in dlms_vectors("signature") if vector["id"] == "ecdsa-keyagree")
    point = bytes.fromhex(vector["data"])[1:]
    stand.material.keys.peer_signing[CLIENT] = bytes.fromhex(vector["public_xy"])
    answer = stand.setup.invoke(3, key_array((0, point + bytes.fromhex(vector["signature"]))))
    assert answer is not None
    assert len(answer.value[0].value[1].value) == 128


def test_wrong_offers_change_no_key_at_all(parties: Parties):
    stand = Stand(parties)
    assert stand.suite.curve is not None
    ephemeral = generate(stand.suite.curve, Random("client"))
    good = _offer(stand, KeyId.UNICAST_ENCRYPTION, ephemeral)
    other, scope = DataAccessResult.OTHER_REASON, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    off_curve = good[:63] + bytes((good[63] ^ 1,))
    wrong = [
        b"", good[:-1], good + b"\0", good[:-1] + bytes((good[-1] ^ 1,)), good[64:] + good[:64],
        good[:64] + sign(stand.client.keys.signing, good[:64]),  # without the key's number
        _offer(stand, KeyId.AUTHENTICATION, ephemeral),  # signed for another key
        off_curve + sign(stand.client.keys.signing, b"\0" + off_curve),
        bytes(64) + sign(stand.client.keys.signing, b"\0" + bytes(64)),
        good[:64] + sign(stand.material.keys.signing, b"\0" + good[:64]),  # by another's hand
    ]  # fmt: skip
    for offer in wrong:
        stand.refuses(3, key_array((0, offer)), other)
        stand.refuses(3, key_array((2, _offer(stand, KeyId.AUTHENTICATION, ephemeral)), (0, offer)), other)
    stand.refuses(3, key_array((3, _offer(stand, KeyId.MASTER, ephemeral))), scope)
    stand.refuses(3, key_array((0, good), (0, good)), scope)
    assert stand.setup.invoke(3, key_array((0, good)))
    stand.material.settle()
    stand.material.client_title = b"unknown\0"
    stand.refuses(3, key_array((0, good)), other)


# --- key pairs and certificates


@pytest.mark.dlms(
    "server generate key pair",
    "server certificate request",
    "server import certificate",
    "server export certificate",
    "class 64 method 4",
    "class 64 method 5",
    "class 64 method 6",
    "class 64 method 7",
)
@PUBLIC_KEY_SUITES
def test_a_pair_its_request_and_its_certificate(parties: Parties, suite: Suite):
    stand = Stand(parties, suite)
    setup, keys = stand.setup, stand.material.keys
    for type, name in ((SIGNATURE, "signing"), (AGREEMENT, "agreement")):
        old = getattr(keys, name)
        setup.invoke(4, axdr.enum(type))
        request = setup.invoke(5, axdr.enum(type))
        assert request is not None
        assert getattr(keys, name) == old
        certificate = stand.authority.answer(request.value, type)
        setup.invoke(6, axdr.octets(certificate))
        assert public_key(getattr(keys, name)) == x509.parse_request(request.value).public != public_key(old)
        assert setup.invoke(7, by_entity(Entity.SERVER, type, SERVER)) == axdr.octets(certificate)
    assert [info.python[:2] for info in setup.certificates.value] == [[2, 3], [0, 0], [0, 1]]


@pytest.mark.dlms("server remove certificate", "class 64 method 8")
def test_a_clients_certificate_comes_is_found_both_ways_and_goes(parties: Parties):
    stand = Stand(parties)
    setup, keys = stand.setup, stand.material.keys
    public = public_key(generate(stand.suite.curve, Random("another client")))
    certificate = stand.authority.certify(CLIENT, public, SIGNATURE)
    setup.invoke(6, axdr.octets(certificate))
    assert keys.peer_signing[CLIENT] == public
    info = setup.certificates.value[1].value
    selectors = [by_entity(Entity.CLIENT, SIGNATURE, CLIENT), by_serial(info[2].value, info[3].value)]
    for selector in selectors:
        assert setup.invoke(7, selector) == axdr.octets(certificate)
    setup.invoke(8, selectors[1])
    assert CLIENT not in keys.peer_signing
    for selector in selectors:
        stand.refuses(7, selector, DataAccessResult.OBJECT_UNAVAILABLE)
        stand.refuses(8, selector, DataAccessResult.OBJECT_UNAVAILABLE)


def test_wrong_certificates_and_questions_change_nothing(parties: Parties):
    stand = Stand(parties)
    assert stand.suite.curve is not None
    public = public_key(generate(stand.suite.curve, Random(1)))
    good = stand.authority.certify(CLIENT, public, SIGNATURE)
    stranger = Authority("Root", stand.suite.curve, Random("a stranger"), VALID)
    other, scope, unmatched = (
        DataAccessResult.OTHER_REASON, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, DataAccessResult.TYPE_UNMATCHED
    )  # fmt: skip
    for wrong in (
        b"", good + b"\0", good[:-1], stranger.certificate, stranger.certify(CLIENT, public, SIGNATURE),
        stand.authority.certify(SERVER, public, SIGNATURE), stand.authority.certify(CLIENT[:7], public, SIGNATURE),
    ):  # fmt: skip
        stand.refuses(6, axdr.octets(wrong), other)
    stand.refuses(6, axdr.null(), unmatched)
    for type in (CertificateType.TLS, CertificateType.OTHER):
        stand.refuses(4, axdr.enum(type), other)
        stand.refuses(5, axdr.enum(type), other)
    stand.refuses(4, axdr.enum(9), scope)
    stand.refuses(8, by_entity(Entity.CERTIFICATION_AUTHORITY, CertificateType.OTHER, b""), other)  # all rests on it
    for shape in (
        axdr.structure(axdr.enum(0), axdr.structure(axdr.octets(b"\1"), axdr.octets(b"\1"))),
        axdr.structure(axdr.enum(1), axdr.structure(axdr.enum(0), axdr.enum(0), axdr.octets(CLIENT))),
        axdr.structure(axdr.enum(2), axdr.structure(axdr.octets(b"\1"), axdr.octets(b"\1"))), axdr.structure(axdr.enum(0)),
    ):  # fmt: skip
        stand.refuses(7, shape, unmatched)
    stand.now = VALID[1] + 1
    stand.refuses(6, axdr.octets(good), other)
    stand.now = None
    stand.setup.invoke(6, axdr.octets(good))
    assert stand.material.keys.peer_signing[CLIENT] == public


def test_suite_0_has_no_key_pairs_certificates_or_agreement(parties: Parties):
    stand, one = Stand(parties, Suite.S0), Stand(parties, Suite.S1)
    assert one.suite.curve is not None
    other = DataAccessResult.OTHER_REASON
    stand.refuses(3, key_array((0, _offer(one, KeyId.UNICAST_ENCRYPTION, generate(one.suite.curve, Random(1))))), other)
    stand.refuses(4, axdr.enum(0), other)
    stand.refuses(5, axdr.enum(0), other)
    stand.refuses(6, axdr.octets(one.authority.certificate), other)
    assert stand.setup.certificates == axdr.array([])
