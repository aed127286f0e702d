"""A client changes the keys and certificates of a server and reads under protection, over ciphered associations and plain ones."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

import pytest

from protocols.core import x509
from protocols.core.ecc import Curve, generate, public_key
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr, cosem
from protocols.dlms.acse import Mechanism
from protocols.dlms.association import Association
from protocols.dlms.authentication import Authentication, Security
from protocols.dlms.axdr import Data
from protocols.dlms.client import Client
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.direct import Direct
from protocols.dlms.key_management import KeyManagement, ProtectedAccess
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.obis import Obis
from protocols.dlms.requester import drive
from protocols.dlms.security.authority import Authority
from protocols.dlms.security.certificates import CertificateStore, CertificateType, Entity
from protocols.dlms.security.context import Kind, Protection
from protocols.dlms.security.general import (
    AgreedKey,
    Ciphering,
    GeneralCiphering,
    GeneralSigning,
    Header,
    KeyInfo,
    KeyKind,
    Layer,
    Signing,
)
from protocols.dlms.security.material import KeyId, SecurityMaterial
from protocols.dlms.security.protected_data import ProtectionType
from protocols.dlms.security.signature import sign
from protocols.dlms.security.suites import Policy, Suite
from protocols.dlms.server import Server

Parties: TypeAlias = Callable[[Suite], tuple[SecurityMaterial, SecurityMaterial]]
GMAC_CLIENT, PLAIN_CLIENT, PASSWORD = 35, 1, b"12345678"
NOW = 1_782_864_000 * 10**9
VALID = (NOW - 10**18, NOW + 10**18)
PUBLIC_KEY_SUITES = pytest.mark.parametrize("suite", [Suite.S1, Suite.S2])
SIGNATURE = CertificateType.DIGITAL_SIGNATURE
PROTECTION = Obis("0-0:43.2.0")
GLO = Protection(Kind.GLO, authenticated=True, encrypted=True)


class Plant:
    """A server with security setup, data protection, a lamp and a switch; and its client."""

    def __init__(self, parties: Parties, suite: Suite) -> None:
        self.suite = suite
        self.ours, self.theirs = parties(suite)
        self.ours.rng, self.theirs.rng = Random("client"), Random("server")
        authorities = []
        if suite.curve is not None:
            self.authority = Authority("Root", suite.curve, Random("root"), VALID)
            authorities.append(self.authority.certificate)
        self.store = CertificateStore(self.theirs, authorities)
        self.setup = cosem.SecuritySetup(
            "0-0:43.0.0", material=self.theirs, store=self.store, rng=Random("pairs"), clock=lambda: NOW
        )
        self.lamp = cosem.Data("0-0:96.13.0", value=axdr.u32(5), access={"value": Access.READ_WRITE | Access.ENCRYPTED_RESPONSE})
        self.switch = cosem.DisconnectControl("0-0:96.3.10")
        self.device = LogicalDevice(
            b"MBE0000000000001",
            [self.setup, self.lamp, self.switch],
            [
                Association(GMAC_CLIENT, Mechanism.HIGH_GMAC, security=self.theirs),
                Association(PLAIN_CLIENT, Mechanism.LOW, PASSWORD),
            ],
            security=self.theirs,
            rng=Random("challenges"),
        )
        self.device.add(cosem.DataProtection(PROTECTION, find=self.device.find, material=self.theirs, rng=Random("meter")))
        self.server = Server({1: self.device})

    def client(self, protection: Protection = GLO) -> tuple[Client, Direct]:
        security = Security(self.ours, protection=protection)
        authentication = Authentication(Mechanism.HIGH_GMAC, rng=Random("challenge"), title=self.ours.title)
        return self.associated(Client(GMAC_CLIENT, 1, authentication=authentication, security=security))

    def plain_client(self) -> tuple[Client, Direct]:
        return self.associated(Client(PLAIN_CLIENT, 1, PASSWORD))

    def associated(self, client: Client) -> tuple[Client, Direct]:
        session = self.server.session(client.client_sap, 1, 4096)
        assert session is not None
        exchange = Direct(session)
        drive(client.associate(), exchange)
        return client, exchange

    def management(self, client: Client) -> KeyManagement:
        return KeyManagement(client, self.ours, self.theirs.title, Random("ephemeral"))

    def protected(self, client: Client, **how: Any) -> ProtectedAccess:
        return ProtectedAccess(client, self.ours, self.theirs.title, Random("ephemeral"), name=PROTECTION, **how)


@pytest.mark.dlms("client key transfer", "server key transfer")
@pytest.mark.parametrize("suite", list(Suite))
def test_transferred_keys_are_used_by_both_from_the_next_request_on(parties: Parties, suite: Suite):
    plant = Plant(parties, suite)
    client, exchange = plant.client()
    new = {key: bytes((0x30 + key,)) * suite.key_octets for key in (KeyId.UNICAST_ENCRYPTION, KeyId.AUTHENTICATION)}
    drive(plant.management(client).transfer(new), exchange)
    assert new.items() <= plant.theirs.keys.symmetric.items()
    assert new.items() <= plant.ours.keys.symmetric.items()
    assert drive(client.get("0-0:43.0.0", 64, 3), exchange) == axdr.enum(suite)
    plant.client()  # and by a new association


@pytest.mark.dlms("client key agreement 2e0s", "server key agreement 2e0s")
@PUBLIC_KEY_SUITES
def test_agreed_keys_are_used_by_both_from_the_next_request_on(parties: Parties, suite: Suite):
    plant = Plant(parties, suite)
    client, exchange = plant.client()
    old = dict(plant.ours.keys.symmetric)
    asked = (KeyId.AUTHENTICATION, KeyId.UNICAST_ENCRYPTION)
    agreed = drive(plant.management(client).agree(asked), exchange)
    assert agreed.items() <= plant.theirs.keys.symmetric.items()
    assert all(agreed[key] != old[key] for key in asked)
    assert drive(client.get("0-0:43.0.0", 64, 3), exchange) == axdr.enum(suite)


def test_an_answer_by_a_stranger_changes_no_key_of_ours(parties: Parties):
    plant = Plant(parties, Suite.S1)
    client, exchange = plant.client()
    old = dict(plant.ours.keys.symmetric)
    plant.ours.keys.peer_signing[plant.theirs.title] = plant.ours.keys.peer_signing[plant.ours.title]
    with pytest.raises(RemoteProtocolError, match="signature"):
        drive(plant.management(client).agree([KeyId.AUTHENTICATION]), exchange)
    assert plant.ours.keys.symmetric == old
    del plant.ours.keys.symmetric[KeyId.MASTER]
    with pytest.raises(LocalProtocolError):
        drive(plant.management(client).transfer(old), exchange)


def test_a_policy_holds_from_the_next_request_on(parties: Parties):
    plant = Plant(parties, Suite.S1)
    client, exchange = plant.client(Protection(Kind.GLO, authenticated=True))
    drive(plant.management(client).activate(Policy.AUTHENTICATED_REQUEST | Policy.ENCRYPTED_REQUEST), exchange)
    with pytest.raises(RemoteProtocolError):
        drive(client.get("0-0:43.0.0", 64, 2), exchange)
    client, exchange = plant.client()
    assert drive(client.get("0-0:43.0.0", 64, 2), exchange) == axdr.enum(12)


@pytest.mark.dlms(
    "client generate key pair", "client certificate request", "client import certificate", "client export certificate",
    "client remove certificate",
)  # fmt: skip
@PUBLIC_KEY_SUITES
def test_certificates_come_are_found_and_go(parties: Parties, suite: Suite):
    plant = Plant(parties, suite)
    client, exchange = plant.client()
    management = plant.management(client)
    drive(management.generate_key_pair(SIGNATURE), exchange)
    request = drive(management.certificate_request(SIGNATURE), exchange)
    certificate = plant.authority.answer(request, SIGNATURE)
    drive(management.import_certificate(certificate), exchange)
    assert public_key(plant.theirs.keys.signing) == x509.parse_request(request).public
    assert suite.curve is not None
    own = plant.authority.certify(plant.ours.title, public_key(generate(suite.curve, Random(4))), SIGNATURE)
    drive(management.import_certificate(own), exchange)
    root, server, of_client = drive(management.certificates(), exchange)
    assert (root.entity, server.entity, of_client.entity) == (2, 0, 1)
    assert drive(management.export_certificate(server), exchange) == certificate
    assert drive(management.export_certificate((Entity.CLIENT, SIGNATURE, plant.ours.title)), exchange) == own
    drive(management.remove_certificate(of_client), exchange)
    assert [info.entity for info in drive(management.certificates(), exchange)] == [2, 0]
    with pytest.raises(AccessError):
        drive(management.import_certificate(own[:-1]), exchange)


def test_a_request_of_another_title_is_not_the_servers(parties: Parties):
    plant = Plant(parties, Suite.S1)
    client, exchange = plant.client()
    management = KeyManagement(client, plant.ours, b"SOMEBODY", Random(1))
    with pytest.raises(RemoteProtocolError, match="request"):
        drive(management.certificate_request(SIGNATURE), exchange)


KINDS = [kind for kind in KeyKind if kind is not KeyKind.ABSENT]


@pytest.mark.dlms("client protected data", "server protected data", "client key agreement 0e2s", "client key agreement 1e1s")
@pytest.mark.parametrize(
    "suite, kind", [(suite, kind) for suite in Suite for kind in KINDS if suite or kind not in (KeyKind.ONE_PASS, KeyKind.STATIC)]
)
def test_a_client_without_ciphering_reads_writes_and_calls_under_protection(parties: Parties, suite: Suite, kind: KeyKind):
    plant = Plant(parties, suite)
    client, exchange = plant.plain_client()
    with pytest.raises(AccessError):  # the lamp wants to be read encrypted
        drive(client.get(plant.lamp.name, 1, 2), exchange)
    protected = plant.protected(client, kind=kind)
    lamp, name = cosem.Reference.to(plant.lamp, 2), cosem.Reference.to(plant.lamp, 1)
    assert drive(protected.get([lamp, name]), exchange) == [axdr.u32(5), axdr.octets(plant.lamp.name)]
    drive(protected.set({lamp: axdr.u32(6)}), exchange)
    assert drive(protected.get([lamp]), exchange) == [axdr.u32(6)]
    assert drive(protected.action(70, plant.switch.name, 1, axdr.i8(0)), exchange) == axdr.null()
    assert plant.switch.output_state == axdr.boolean(False)


def test_what_is_not_protected_as_asked_for_is_refused_by_both(parties: Parties):
    plant = Plant(parties, Suite.S1)
    client, exchange = plant.plain_client()
    lamp = cosem.Reference.to(plant.lamp, 2)
    weak = plant.protected(client, kind=KeyKind.UNICAST, type=ProtectionType.AUTHENTICATION)
    with pytest.raises(AccessError):
        drive(weak.get([lamp]), exchange)
    protected = plant.protected(client, kind=KeyKind.UNICAST)
    answers: list[bytes] = []

    def replaying(apdu: bytes) -> bytes:
        answers.append(exchange(apdu) if apdu else answers[-1])
        invoke = answers[-1][:3]
        return invoke + answers[0][3:]

    drive(protected.get([lamp]), replaying)
    with pytest.raises(RemoteProtocolError, match="asked for"):  # the answer to an earlier transaction
        drive(protected.get([lamp]), replaying)


# --- associations that sign and agree


def reads_the_lamp(plant: Plant, layers: tuple[Layer, ...], *, signed: bool) -> list[bytes]:
    """Everything that is said in an association whose APDUs have these layers, while a client reads the lamp in it."""
    protection = Protection(Kind.GENERAL_CIPHERING, authenticated=True, encrypted=True, signed=signed, layers=layers)
    client, exchange = plant.client(protection)
    heard: list[bytes] = []

    def listening(apdu: bytes) -> bytes:
        heard.extend((apdu, exchange(apdu)))
        return heard[-1]

    assert drive(client.get(plant.lamp.name, 1, 2), listening) == axdr.u32(5)
    return heard


EMPTY = Header(b"", b"", b"")


@PUBLIC_KEY_SUITES
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            KeyKind.UNICAST,
            marks=pytest.mark.dlms("server general-ciphering identified key", "client general-ciphering identified key"),
        ),
        pytest.param(
            KeyKind.WRAPPED, marks=pytest.mark.dlms("server general-ciphering wrapped key", "client general-ciphering wrapped key")
        ),
        pytest.param(
            KeyKind.ONE_PASS,
            marks=pytest.mark.dlms("server general-ciphering agreed key 1e1s", "client general-ciphering agreed key 1e1s"),
        ),
        pytest.param(
            KeyKind.STATIC,
            marks=pytest.mark.dlms("server general-ciphering agreed key 0e2s", "client general-ciphering agreed key 0e2s"),
        ),
    ],
)
def test_an_association_of_general_ciphering(parties: Parties, suite: Suite, kind: KeyKind, signed: bool):
    layers = (Ciphering(EMPTY, kind), Signing(EMPTY)) if signed else (Ciphering(EMPTY, kind),)
    heard = reads_the_lamp(Plant(parties, suite), layers, signed=signed)
    assert {message[0] for message in heard} == {0xDD}


@pytest.mark.parametrize(
    "suite",
    [
        pytest.param(Suite.S1, marks=pytest.mark.dlms("server general-signing suite 1", "client general-signing suite 1")),
        pytest.param(Suite.S2, marks=pytest.mark.dlms("server general-signing suite 2", "client general-signing suite 2")),
    ],
)
@pytest.mark.req("S-077", part=True)
def test_an_association_of_general_signing_around_general_ciphering(parties: Parties, suite: Suite):
    layers = (Signing(EMPTY), Ciphering(EMPTY, KeyKind.ONE_PASS))
    heard = reads_the_lamp(Plant(parties, suite), layers, signed=True)
    assert {message[0] for message in heard} == {0xDF}


# --- bad inputs D10 to D12 against a live server: refused, and the next good request works

DECIPHERING_ERROR = b"\xd8\x01\x05"  # exception-response: service-not-allowed, deciphering-error


def question(plant: Plant, client: Client) -> tuple[bytes, Callable[[bytes], bytes]]:
    """A good request for the lamp as the client would send it, and how to open what comes back: as the client does."""
    procedure = client.get(plant.lamp.name, 1, 2)
    request = next(procedure)

    def finish(answer: bytes) -> bytes:
        with pytest.raises(StopIteration) as done:
            procedure.send(answer)
        value: Data = done.value.value
        return value.build()

    return request, finish


def refused_then_good(plant: Plant, client: Client, exchange: Direct, wrong: Callable[[bytes], list[bytes]]) -> None:
    request, finish = question(plant, client)
    for apdu in wrong(request):
        assert exchange(apdu)[:3] == DECIPHERING_ERROR
    assert finish(exchange(request)) == axdr.u32(5).build()


@PUBLIC_KEY_SUITES
def test_wrong_signatures_are_refused_by_a_live_server(parties: Parties, suite: Suite):  # D10
    plant = Plant(parties, suite)
    layers = (Signing(EMPTY), Ciphering(EMPTY, KeyKind.UNICAST))
    client, exchange = plant.client(Protection(Kind.GENERAL_CIPHERING, True, True, True, layers=layers))
    curve = suite.curve
    assert curve is not None

    def wrong(request: bytes) -> list[bytes]:
        frame = GeneralSigning.parse(request)
        good, half = frame.signature, curve.octets
        order = curve.order.to_bytes(half, "big")
        signatures = [
            b"", good[:-1], good + b"\0", bytes(half) + good[half:], good[:half] + bytes(half), order + good[half:], good[:half] + order,
            good[:half] + b"\xff" * half, good[half:] + good[:half], good[:-1] + bytes((good[-1] ^ 1,)), bytes(2 * half),
            sign(plant.theirs.keys.signing, b"other octets"), sign(plant.ours.keys.signing, b"other octets"),
        ]  # fmt: skip
        other = GeneralSigning(frame.header, frame.content[:-1] + bytes((frame.content[-1] ^ 1,)), good).build()
        return [GeneralSigning(frame.header, frame.content, one).build() for one in signatures] + [other]

    refused_then_good(plant, client, exchange, wrong)


@PUBLIC_KEY_SUITES
def test_points_of_no_use_are_refused_by_a_live_server(parties: Parties, suite: Suite):  # D11
    plant = Plant(parties, suite)
    layers = (Ciphering(EMPTY, KeyKind.ONE_PASS),)
    client, exchange = plant.client(Protection(Kind.GENERAL_CIPHERING, True, True, layers=layers))
    curve = suite.curve
    assert curve is not None

    def wrong(request: bytes) -> list[bytes]:
        frame = GeneralCiphering.parse(request)
        assert frame.key_info is not None
        assert isinstance(frame.key_info.key, AgreedKey)
        point = frame.key_info.key.key_ciphered_data[: 2 * curve.octets]
        other = public_key(generate(Curve.P384 if curve is Curve.P256 else Curve.P256, Random(1)))
        points = [
            point[:-1] + bytes((point[-1] ^ 1,)), bytes(2 * curve.octets), other, b"", b"\0", b"\4" + point, b"\xff" * len(point),
        ]  # fmt: skip
        found = []
        for one in points:  # each signed by the client's own hand: only the point is wrong
            info = KeyInfo(2, AgreedKey(b"\1", one + sign(plant.ours.keys.signing, one)))
            found.append(GeneralCiphering(frame.header, info, frame.content).build())
        return found

    refused_then_good(plant, client, exchange, wrong)


def test_wrong_certificates_are_refused_by_a_live_server_and_all_credentials_kept(parties: Parties):  # D12
    plant = Plant(parties, Suite.S1)
    client, exchange = plant.client()
    management = plant.management(client)
    public = public_key(generate(Curve.P256, Random(4)))
    good = plant.authority.certify(plant.ours.title, public, SIGNATURE)
    drive(management.import_certificate(good), exchange)
    before = (drive(management.certificates(), exchange), dict(plant.theirs.keys.peer_signing), plant.theirs.keys.signing)
    stranger = Authority("Root", Curve.P256, Random("a stranger"), VALID)
    past = Authority("Root", Curve.P256, Random("root"), (NOW - 2 * 10**18, NOW - 10**18))
    on_p384 = public_key(generate(Curve.P384, Random(4)))
    for wrong in (
        good + b"\0", good[:-1], b"", stranger.certify(plant.ours.title, public, SIGNATURE), stranger.certificate,
        past.certify(plant.ours.title, public, SIGNATURE), plant.authority.certify(plant.theirs.title, public, SIGNATURE),
        plant.authority.certify(b"7 octet", public, SIGNATURE), plant.authority.certify(bytes(8), public, SIGNATURE),
        plant.authority.certify(plant.ours.title, on_p384, SIGNATURE),
    ):  # fmt: skip
        with pytest.raises(AccessError, match="other-reason"):
            drive(management.import_certificate(wrong), exchange)
        after = (drive(management.certificates(), exchange), dict(plant.theirs.keys.peer_signing), plant.theirs.keys.signing)
        assert after == before
    drive(management.import_certificate(plant.authority.certify(plant.ours.title, public, CertificateType.KEY_AGREEMENT)), exchange)
    assert plant.theirs.keys.peer_agreement[plant.ours.title] == public
