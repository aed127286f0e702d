"""Associations with a live server: every mechanism, suite and form of protection; what is refused, and that the next good one works."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any

import pytest

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import acse, axdr, xdlms
from protocols.dlms.acse import AARE, AARQ, RLRQ, Context, Diagnostic, Mechanism, Result
from protocols.dlms.association import CONFORMANCE, Association, Terms, Throttle, User
from protocols.dlms.authentication import AUTHENTICATED_ENCRYPTED, Authentication, NotAuthentic, Security
from protocols.dlms.client import AssociationRefused, Client, Refused, drive
from protocols.dlms.cosem import Access, AccessError, Rights
from protocols.dlms.cosem.association import CURRENT, AssociationStatus
from protocols.dlms.direct import Direct
from protocols.dlms.initiate import DLMS_VERSION, Conformance, InitiateRequest
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.meter import Meter
from protocols.dlms.obis import Obis
from protocols.dlms.security import hls
from protocols.dlms.security.ciphering import Keys, cipher, decipher
from protocols.dlms.security.context import PLAIN, Kind, Protection
from protocols.dlms.security.general import Ciphering, Header, KeyKind, Profile, Signing
from protocols.dlms.security.material import KeyId
from protocols.dlms.security.suites import Policy, Suite
from protocols.dlms.server import Server
from protocols.dlms.session import Session
from protocols.dlms.xdlms import ServiceError

LAMP, GUARDED, SEALED = "0-0:96.13.0", "0-0:96.13.1", "0-0:96.13.2"
GLO = AUTHENTICATED_ENCRYPTED
AUTHENTICATED = Protection(Kind.GLO, authenticated=True)
ENCRYPTED = Protection(Kind.GLO, encrypted=True)
DED = Protection(Kind.DED, authenticated=True, encrypted=True)
GENERAL_GLO = Protection(Kind.GENERAL_GLO, authenticated=True, encrypted=True)
GENERAL_DED = Protection(Kind.GENERAL_DED, authenticated=True, encrypted=True)
FORMS = {
    "plain": PLAIN, "glo": GLO, "authenticated": AUTHENTICATED, "encrypted": ENCRYPTED, "ded": DED,
    "general-glo": GENERAL_GLO, "general-ded": GENERAL_DED,
}  # fmt: skip
MECHANISMS = [Mechanism.LOW, *(one for one in Mechanism if one >= Mechanism.HIGH)]
NO_HEADER = Header(b"", b"", b"")


def value(client: Client, session: Session, name: str = LAMP) -> Any:
    return drive(client.get(name, 1, 2), Direct(session)).value


def layered(*layers: Ciphering | Signing, kind: Kind = Kind.GENERAL_CIPHERING) -> Protection:
    ciphered = kind is not Kind.GENERAL_CIPHERING or any(isinstance(layer, Ciphering) for layer in layers)
    return Protection(kind, ciphered, ciphered, any(isinstance(layer, Signing) for layer in layers), layers=layers)


# --- what works


@pytest.mark.dlms(
    *[f"{side} {form} suite {n}" for side in ("server", "client") for form in ("glo", "ded", "general-glo", "general-ded")
      for n in range(3)],
    *[f"{side} {row}" for side in ("server", "client") for row in (
        "LLS", "HLS 2", "HLS 3 MD5", "HLS 4 SHA-1", "HLS 5 GMAC", "HLS 6 SHA-256", "HLS 7 ECDSA", "AARQ AARE", "RLRQ RLRE",
        "context LN", "context LN ciphered", "authentication only", "encryption only", "authenticated encryption",
    )],
)  # fmt: skip
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda mechanism: mechanism.name)
@pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: suite.name)
def test_every_mechanism_in_every_form(make_plant, suite: Suite, mechanism: Mechanism, form: str) -> None:
    plant = make_plant(suite)
    dedicated = bytes(range(1, plant.suite.key_octets + 1)) if FORMS[form].kind in (Kind.DED, Kind.GENERAL_DED) else b""
    client = plant.client(mechanism, FORMS[form], dedicated=dedicated)
    session = plant.session(client.client_sap)
    with plant.meter(client, session):
        assert session.associated
        assert client.terms.mechanism is mechanism
        assert client.terms.context is (Context.LOGICAL_NAME if form == "plain" else Context.LOGICAL_NAME_CIPHERED)
        assert value(client, session) == 5
    assert not session.associated


@pytest.mark.dlms(*[
    f"{side} {row}" for side in ("server", "client") for row in (
        "general-ciphering identified key", "general-ciphering wrapped key", "general-ciphering agreed key 1e1s",
        "general-ciphering agreed key 0e2s", "general-signing suite 1", "general-signing suite 2",
    )
])  # fmt: skip
@pytest.mark.parametrize("key", KeyKind, ids=lambda key: key.name)
@pytest.mark.parametrize("suite", [Suite.S1, Suite.S2], ids=lambda suite: suite.name)
def test_layers_between_two_titles(make_plant, suite: Suite, key: KeyKind) -> None:
    ciphering, signing = Ciphering(NO_HEADER, key), Signing(NO_HEADER)
    for protection in (layered(ciphering), layered(signing, ciphering), layered(signing), layered(signing, kind=Kind.GLO)):
        plant = make_plant(suite)
        client = plant.client(Mechanism.HIGH_GMAC, protection)
        session = plant.session(client.client_sap)
        with plant.meter(client, session):
            assert value(client, session, GUARDED) == 6


def test_layers_by_the_gb_profile(make_plant) -> None:
    """Both ends by one profile understand each other, and by two they do not."""
    plant = make_plant(Suite.S1)
    granted = plant.device.associations[35]
    plant.device.associations[35] = dataclasses.replace(granted, profile=Profile.GB)
    protection = layered(Signing(NO_HEADER), Ciphering(NO_HEADER, KeyKind.ONE_PASS))
    for profile, understood in ((Profile.GB, True), (Profile.FIELD, False)):
        security = Security(plant.material_of_client(), protection=protection, profile=profile)
        client = Client(35, 1, authentication=Authentication(Mechanism.HIGH_GMAC, rng=Random(1)), security=security)
        session = plant.session(35)
        if understood:
            with plant.meter(client, session):
                assert value(client, session) == 5
        else:
            with pytest.raises(Refused, match="deciphering-error"):
                drive(client.associate(), Direct(session))


@pytest.mark.dlms("server negotiated APDU size", "client negotiated APDU size")
def test_long_answers_fit_the_agreed_size_with_their_protection(plant) -> None:
    plant.lamp.value = axdr.octets(bytes(3000))
    client = Client(
        35, 1, authentication=Authentication(Mechanism.HIGH_GMAC, rng=Random(1)), security=Security(plant.material_of_client()),
        max_pdu=200,
    )  # fmt: skip
    session = plant.session(35)
    answers: list[bytes] = []

    def exchange(apdu: bytes) -> bytes:
        answers.extend(session.receive(apdu, 0))
        return answers[-1]

    drive(client.associate(), exchange)
    assert drive(client.get(LAMP, 1, 2), exchange).value == bytes(3000)
    assert max(map(len, answers)) <= 200
    assert len(answers) > 15


@pytest.mark.dlms("server pre-established association", "client pre-established association")
def test_a_pre_established_association_is_there_and_stays(plant) -> None:
    session = plant.session(40)
    assert session.associated
    client = Client(40, 1, security=Security(plant.material_of_client(), plant.material.title))
    client.assume(Terms(CONFORMANCE, 1024, Context.LOGICAL_NAME_CIPHERED))
    assert value(client, session) == 5
    assert session.receive(RLRQ.of().build(), 0) == []
    assert value(client, session) == 5
    request = AARQ.propose(Context.LOGICAL_NAME, InitiateRequest(None, None, None, 6, CONFORMANCE, 500).build())
    assert AARE.parse(session.receive(request.build(), 0)[0]).result == Result.REJECTED_PERMANENT
    assert value(client, session) == 5


@pytest.mark.req("S-167", part=True)
@pytest.mark.dlms("server several associations", "class 15 method 2", "class 15 attribute 7")
def test_several_associations_at_once_each_with_its_own_secret(plant) -> None:
    clients = [plant.client(mechanism) for mechanism in MECHANISMS]
    sessions = [plant.session(client.client_sap) for client in clients]
    for client, session in zip(clients, sessions, strict=True):
        drive(client.associate(), Direct(session))
    first = sessions[MECHANISMS.index(Mechanism.HIGH_MD5)]
    drive(clients[MECHANISMS.index(Mechanism.HIGH_MD5)].action(CURRENT, 15, 2, axdr.octets(b"new secret")), Direct(first))
    assert plant.secrets == [(33, b"new secret")]
    for client, session in zip(clients, sessions, strict=True):
        assert value(client, session) == 5
    with plant.meter(plant.client(Mechanism.HIGH_MD5, secret=b"new secret")), plant.meter(plant.client(Mechanism.HIGH_SHA1)):
        pass
    with pytest.raises(AccessError):
        plant.meter(plant.client(Mechanism.HIGH_MD5)).associate()


def test_a_ciphered_release_is_answered_ciphered(plant) -> None:
    client = plant.client(Mechanism.HIGH_GMAC)
    session = plant.session(35)
    said: list[bytes] = []

    def exchange(apdu: bytes) -> bytes:
        said.extend((apdu, *session.receive(apdu, 0)))
        return said[-1]

    drive(client.associate(), exchange)
    drive(client.release(), exchange)
    request, response = RLRQ.parse(said[-2]), acse.RLRE.parse(said[-1])
    assert (request.user_information[0], response.user_information[0]) == (0x21, 0x28)


@pytest.mark.dlms("server context LN ciphered", "server ded suite 0")
def test_the_green_books_client_is_let_in(plant, dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    """Its AARQ, octet by octet: ciphered context, password, system title, dedicated key; then a GET under that key."""
    vectors = {vector["id"]: vector for vector in dlms_vectors("acse", "ciphering")}
    ciphering = vectors["glo-init-req"]["given"]
    plant.material.keys.symmetric[KeyId.UNICAST_ENCRYPTION] = bytes.fromhex(ciphering["ek"])
    plant.material.keys.symmetric[KeyId.AUTHENTICATION] = bytes.fromhex(ciphering["ak"])
    plant.device.change(1, secret=b"12345678")
    session = plant.session(1)
    response = AARE.parse(session.receive(bytes.fromhex(vectors["aarq-ciph-lls"]["given"]["hex"]), 0)[0])
    assert (response.result, response.context) == (Result.ACCEPTED, Context.LOGICAL_NAME_CIPHERED)
    assert (response.title, response.user_information[0]) == (plant.material.title, 0x28)
    title = bytes.fromhex(vectors["aarq-ciph-lls"]["expect"]["calling_title"])
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF")  # in the initiate request, as the vector spells it out
    keys = Keys(key, bytes.fromhex(ciphering["ak"]))
    get = bytes.fromhex("C001C100010000600D00FF0200")
    (answer,) = session.receive(cipher(0xD0, get, keys, title, 1), 0)
    assert answer[0] == 0xD4
    assert decipher(answer, keys, plant.material.title)[0] == bytes.fromhex("C401C1000600000005")
    # The book's RLRQ has the counter of its AARQ, which was only good once.
    refusal = session.receive(bytes.fromhex(vectors["rlrq-ciph"]["given"]["hex"]), 0)
    assert refusal == [bytes.fromhex("D80106") + (0x01234568).to_bytes(4, "big")]
    assert session.associated


# --- pending


@pytest.fixture
def pending(plant) -> tuple[Session, AARE]:
    session = plant.session(33)
    return session, AARE.parse(session.receive(request_for(Mechanism.HIGH_MD5).build(), 0)[0])


def request_for(mechanism: Mechanism, authentication: bytes = b"K56iVagY", **more: Any) -> AARQ:
    initiate = InitiateRequest(None, None, None, DLMS_VERSION, CONFORMANCE, 500).build()
    return AARQ.propose(Context.LOGICAL_NAME, initiate, mechanism=mechanism, authentication=authentication, **more)


def reply(octets: bytes) -> bytes:
    method = xdlms.MethodDescriptor(15, CURRENT, 1)
    return xdlms.ActionRequestNormal(0xC1, method, axdr.octets(octets)).build()


@pytest.mark.dlms("class 15 attribute 8")
def test_the_response_asks_for_a_proof(pending: tuple[Session, AARE], plant) -> None:
    session, response = pending
    assert (response.result, response.diagnostic) == (Result.ACCEPTED, Diagnostic.AUTHENTICATION_REQUIRED)
    assert (response.mechanism, len(response.authentication)) == (Mechanism.HIGH_MD5, 32)
    assert not session.associated
    granted = plant.device.find(plant.device.association_name(33))
    assert granted.association_status.value == AssociationStatus.PENDING


@pytest.mark.parametrize(
    "apdu",
    [
        "C001C100010000600D00FF0200",  # GET of an object
        "C001C1000F0000280000FF0200",  # GET of the object list
        "C101C100010000600D00FF02000600000001",  # SET
        "C301C1000F0000280000FF02010901AA",  # ACTION: change the secret
        "C301C100010000600D00FF0101090100",  # ACTION on another object
        "C001C1000F0000280001FF0200",
    ],
)
def test_nothing_else_is_served_while_it_is_pending(pending: tuple[Session, AARE], apdu: str) -> None:
    session, _ = pending
    assert session.receive(bytes.fromhex(apdu), 0) == [bytes.fromhex("D80101")]
    assert not session.associated


@pytest.mark.dlms("class 15 method 1")
@pytest.mark.parametrize("answer", [b"", b"wrong", bytes(16), bytes(64)])
def test_a_wrong_proof_closes_the_association(pending: tuple[Session, AARE], plant, answer: bytes) -> None:
    session, _ = pending
    result = xdlms.ActionResponseNormal.parse(session.receive(reply(answer), 0)[0]).response
    assert result == xdlms.ActionResponse(xdlms.ActionResult.READ_WRITE_DENIED)
    assert session.receive(bytes.fromhex("C001C100010000600D00FF0200"), 0) == [bytes.fromhex("D80101")]
    assert plant.device.opened == []
    with plant.meter(plant.client(Mechanism.HIGH_MD5), session):
        assert session.associated


def test_wrong_proofs_are_slowed_down(plant) -> None:
    """Five in a row, by whatever sessions, and nobody is let in for a while; then the right one is."""
    wrong = plant.client(Mechanism.HIGH_SHA256, secret=b"guess")
    for _ in range(Throttle.FAILURES):
        with pytest.raises(AccessError):
            plant.meter(wrong).associate()
    with pytest.raises(AssociationRefused, match="rejected-transient: authentication-failure"):
        plant.meter(plant.client(Mechanism.HIGH_SHA256)).associate()
    with plant.meter(plant.client(Mechanism.HIGH_SHA1)):
        pass  # other clients are none the worse
    plant.now = Throttle.PAUSE
    with plant.meter(plant.client(Mechanism.HIGH_SHA256)):
        pass


def test_many_attempts_at_once_are_slowed_down_as_well(plant) -> None:
    """Guesses that all began before the first was wrong: after five of them not even the right one is let in."""
    sessions = [plant.session(33) for _ in range(50)]
    challenges = [AARE.parse(session.receive(request_for(Mechanism.HIGH_MD5).build(), 0)[0]).authentication for session in sessions]
    for number, (session, challenge) in enumerate(zip(sessions, challenges, strict=True)):
        secret = b"a test secret" if number >= Throttle.FAILURES else b"guess"
        proof = hls.prove(Mechanism.HIGH_MD5, hls.Exchange(b"", b"", challenge, b"K56iVagY"), secret, None)
        answer = xdlms.ActionResponseNormal.parse(session.receive(reply(proof), 0)[0])
        assert answer.response.result == xdlms.ActionResult.READ_WRITE_DENIED
    plant.now = Throttle.PAUSE
    with plant.meter(plant.client(Mechanism.HIGH_MD5)):
        pass


@pytest.mark.parametrize("length", [0, 7, 65])
def test_a_challenge_of_a_wrong_length_is_refused(plant, length: int) -> None:
    session = plant.session(33)
    response = AARE.parse(session.receive(request_for(Mechanism.HIGH_MD5, bytes(length)).build(), 0)[0])
    assert (response.result, response.diagnostic) == (Result.REJECTED_PERMANENT, Diagnostic.AUTHENTICATION_FAILURE)
    with plant.meter(plant.client(Mechanism.HIGH_MD5), session):
        pass


def test_another_aarq_begins_anew_while_the_first_is_pending(pending: tuple[Session, AARE], plant) -> None:
    session, first = pending
    again = AARE.parse(session.receive(request_for(Mechanism.HIGH_MD5).build(), 0)[0])
    assert again.authentication != first.authentication
    exchange = hls.Exchange(b"", b"", first.authentication, b"K56iVagY")
    old = hls.prove(Mechanism.HIGH_MD5, exchange, b"a test secret", None)
    answer = xdlms.ActionResponseNormal.parse(session.receive(reply(old), 0)[0])
    assert answer.response.result == xdlms.ActionResult.READ_WRITE_DENIED
    assert plant.device.opened == []


def test_a_proven_association_proves_nothing_again(plant) -> None:
    client = plant.client(Mechanism.HIGH_MD5, PLAIN)
    session = plant.session(33)
    drive(client.associate(), Direct(session))
    answer = xdlms.ActionResponseNormal.parse(session.receive(reply(bytes(16)), 0)[0])
    assert answer.response.result == xdlms.ActionResult.READ_WRITE_DENIED
    assert session.associated


def test_challenges_differ(plant) -> None:
    seen = set()
    for _ in range(50):
        session = plant.session(33)
        seen.add(AARE.parse(session.receive(request_for(Mechanism.HIGH_MD5).build(), 0)[0]).authentication)
    assert len(seen) == 50


# --- refusals of the AARQ, each with its diagnostic


@pytest.mark.dlms("server diagnostics")
@pytest.mark.parametrize(
    "client, request_, diagnostic",
    [
        (35, request_for(Mechanism.HIGH_MD5), Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        (33, request_for(Mechanism.LOWEST), Diagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED),
        (16, request_for(Mechanism.HIGH_MD5), Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        (35, request_for(Mechanism.HIGH_GMAC), Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED),
        (35, request_for(Mechanism.HIGH_GMAC, title=bytes(8)), Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED),
        (35, request_for(Mechanism.HIGH_GMAC, title=bytes(7)), Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED),
        (35, request_for(Mechanism.HIGH_GMAC, title=b"123456789"), Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED),
        (
            35, request_for(Mechanism.HIGH_GMAC, title=bytes.fromhex("4D42450000000001")),
            Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED,
        ),
        (
            33, request_for(Mechanism.HIGH_MD5, called_title=b"no such "),
            Diagnostic.CALLED_AP_TITLE_NOT_RECOGNIZED,
        ),
    ],
)  # fmt: skip
def test_refusals_say_why(plant, client: int, request_: AARQ, diagnostic: Diagnostic) -> None:
    session = plant.session(client)
    response = AARE.parse(session.receive(request_.build(), 0)[0])
    assert (response.result, response.diagnostic) == (Result.REJECTED_PERMANENT, diagnostic)
    assert not session.associated


@pytest.mark.parametrize("context", [Context.SHORT_NAME, Context.SHORT_NAME_CIPHERED])
def test_short_names_are_refused(plant, context: Context) -> None:
    request = AARQ.propose(context, InitiateRequest(None, None, None, 6, CONFORMANCE, 500).build())
    response = AARE.parse(plant.session(16).receive(request.build(), 0)[0])
    assert response.diagnostic is Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED


def test_a_client_without_keys_has_no_ciphered_context(plant) -> None:
    request = AARQ.propose(Context.LOGICAL_NAME_CIPHERED, InitiateRequest(None, None, None, 6, CONFORMANCE, 500).build())
    response = AARE.parse(plant.session(16).receive(request.build(), 0)[0])
    assert response.diagnostic is Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED


@pytest.mark.dlms("class 15 attribute 10", "class 15 attribute 11", "server diagnostics")
def test_users_behind_one_client() -> None:
    users = (User(1, "one"), User(7, "seven"))
    device = LogicalDevice(b"MBE", (), [Association(5, version=2, users=users)])
    server = Server({1: device})
    for user, diagnostic in ((None, 6), (2, 6), (7, 0)):
        session = server.session(5, 1, 500)
        assert session is not None
        response = AARE.parse(session.receive(request_for(Mechanism.LOWEST, user_id=user).build(), 0)[0])
        assert response.diagnostic == Diagnostic(diagnostic)
    client = Client(5)
    client.assume(Terms(CONFORMANCE, 500))
    assert drive(client.get(CURRENT, 15, 11), Direct(session)).python == [7, "seven"]
    assert drive(client.get(CURRENT, 15, 10), Direct(session)).python == [[1, "one"], [7, "seven"]]


@pytest.mark.dlms("class 15 method 5", "class 15 method 6")
def test_users_come_and_go(plant) -> None:
    client = plant.client(Mechanism.HIGH_GMAC)  # whose association has version 3
    session = plant.session(35)
    direct = Direct(session)
    drive(client.associate(), direct)
    one, two = axdr.structure(axdr.u8(1), axdr.visible("one")), axdr.structure(axdr.u8(2), axdr.visible("two"))
    for user in (one, two):
        drive(client.action(CURRENT, 15, 5, user), direct)
    again, long = axdr.structure(axdr.u8(1), axdr.visible("another")), axdr.structure(axdr.u8(9), axdr.visible("x" * 33))
    for method, user in ((5, again), (6, again), (5, long)):
        with pytest.raises(AccessError):
            drive(client.action(CURRENT, 15, method, user), direct)
    assert drive(client.get(CURRENT, 15, 10), direct).python == [[1, "one"], [2, "two"]]
    drive(client.action(CURRENT, 15, 6, one), direct)
    assert drive(client.get(plant.device.association_name(35), 15, 10), direct).python == [[2, "two"]]
    for number in range(3, 34):
        drive(client.action(CURRENT, 15, 5, axdr.structure(axdr.u8(number), axdr.visible("x"))), direct)
    with pytest.raises(AccessError, match="other-reason"):
        drive(client.action(CURRENT, 15, 5, one), direct)
    drive(client.release(), direct)
    with pytest.raises(AssociationRefused) as refused:
        drive(client.associate(), direct)  # it has users now, and names none
    assert refused.value.diagnostic is Diagnostic.CALLING_AE_INVOCATION_IDENTIFIER_NOT_RECOGNIZED
    named = Client(
        35,
        1,
        authentication=Authentication(Mechanism.HIGH_GMAC, rng=Random(1), user=2),
        security=Security(plant.material_of_client()),
    )
    with plant.meter(named) as meter:
        assert drive(named.get(CURRENT, 15, 11), meter.exchange).python == [2, "two"]
    other = plant.client(Mechanism.HIGH_ECDSA)
    with plant.meter(other, plant.session(37)) as meter:
        for method in (5, 6):
            with pytest.raises(AccessError, match="read-write-denied"):
                drive(other.action(plant.device.association_name(35), 15, method, two), meter.exchange)


@pytest.mark.dlms("class 15 method 3", "class 15 method 4")
def test_objects_that_a_client_does_not_want_to_find(plant) -> None:
    client, other = plant.client(Mechanism.HIGH_GMAC), plant.client(Mechanism.HIGH_MD5)
    session, others = plant.session(35), plant.session(33)
    direct = Direct(session)
    drive(client.associate(), direct)
    drive(other.associate(), Direct(others))
    listed = drive(client.get(CURRENT, 15, 2), direct).value
    elements = {bytes(one.value[2].value): one for one in listed}
    lamp = elements[Obis(LAMP)]
    drive(client.action(CURRENT, 15, 4, lamp), direct)
    with pytest.raises(AccessError, match="object-undefined"):
        value(client, session)
    assert drive(client.get(CURRENT, 15, 2), direct).value == [one for one in listed if one is not lamp]
    assert drive(client.get(plant.device.association_name(35), 15, 2), direct).python == [
        one.python for one in listed if one not in (lamp, elements[CURRENT])
    ]
    assert value(other, others) == 5  # it is gone for one client only
    drive(client.release(), direct)
    drive(client.associate(), direct)
    with pytest.raises(AccessError, match="object-undefined"):
        value(client, session)
    drive(client.action(CURRENT, 15, 3, lamp), direct)
    assert value(client, session) == 5
    assert drive(client.get(CURRENT, 15, 2), direct).value == listed


def test_objects_that_stay_and_rights_that_do_not_grow(plant) -> None:
    client = plant.client(Mechanism.HIGH_GMAC)
    direct = Direct(plant.session(35))
    drive(client.associate(), direct)
    elements = {bytes(one.value[2].value): one for one in drive(client.get(CURRENT, 15, 2), direct).value}
    for name, result in (("0-0:42.0.0", "scope"), ("0-0:40.0.5", "scope"), ("0-0:40.0.0", "object-undefined")):
        with pytest.raises(AccessError, match=result):
            drive(client.action(CURRENT, 15, 4, elements[Obis(name)]), direct)
    sealed = elements[Obis(SEALED)].value
    wider = axdr.structure(*sealed[:3], elements[Obis(LAMP)].value[3])
    unknown = axdr.structure(*sealed[:2], axdr.octets(Obis("0-0:96.13.9")), sealed[3])
    for wrong in (wider, unknown, axdr.structure(*sealed[:3]), axdr.null()):
        for method in (3, 4):
            with pytest.raises(AccessError):
                drive(client.action(CURRENT, 15, method, wrong), direct)
    assert {bytes(one.value[2].value) for one in drive(client.get(CURRENT, 15, 2), direct).value} == set(elements)
    other = plant.client(Mechanism.HIGH_MD5)
    with plant.meter(other) as meter, pytest.raises(AccessError, match="read-write-denied"):
        drive(other.action(plant.device.association_name(35), 15, 4, elements[Obis(LAMP)]), meter.exchange)


# --- the client's own doubts


class Liar:
    """A server that changes what the true one says."""

    def __init__(self, session: Session, change: Callable[[bytes], bytes]) -> None:
        self.direct = Direct(session)
        self.change = change

    def __call__(self, apdu: bytes) -> bytes:
        return self.change(self.direct(apdu))


def test_a_server_that_cannot_prove_itself_is_left(plant) -> None:
    client = plant.client(Mechanism.HIGH_SHA1, PLAIN)

    def change(apdu: bytes) -> bytes:
        return apdu[:-1] + bytes((apdu[-1] ^ 1,)) if apdu[0] == 0xC7 else apdu

    with pytest.raises(NotAuthentic, match="answer to our challenge is wrong"):
        drive(client.associate(), Liar(plant.session(34), change))
    assert client.terms is None


def test_our_own_challenge_come_back_is_not_answered(plant) -> None:
    client = plant.client(Mechanism.HIGH_MD5, PLAIN)
    sent: list[bytes] = []

    def exchange(apdu: bytes) -> bytes:
        sent.append(apdu)
        challenge = AARQ.parse(apdu).authentication
        initiate = bytes.fromhex("0800065F1F0400001E1F01F40007")
        return AARE.answer(
            Context.LOGICAL_NAME, Result.ACCEPTED, Diagnostic.AUTHENTICATION_REQUIRED, initiate,
            mechanism=Mechanism.HIGH_MD5, authentication=challenge, title=plant.material.title,
        ).build()  # fmt: skip

    with pytest.raises(NotAuthentic, match="our own challenge"):
        drive(client.associate(), exchange)
    assert len(sent) == 1


@pytest.mark.dlms("client security policy")
def test_answers_with_less_protection_are_not_believed(plant) -> None:
    client = plant.client(Mechanism.HIGH_GMAC)
    session = plant.session(35)
    drive(client.associate(), Direct(session))
    forged = xdlms.GetResponseNormal(0xC2, xdlms.GetDataResult(0, axdr.u32(99))).build()
    with pytest.raises(RemoteProtocolError, match="less protection"):
        drive(client.get(LAMP, 1, 2), lambda apdu: forged)


def test_a_server_with_another_title_is_left(plant) -> None:
    security = Security(plant.material_of_client(), server_title=b"another!")
    authentication = Authentication(Mechanism.HIGH_GMAC, rng=Random(1))
    with pytest.raises(NotAuthentic, match="another system title"):
        drive(Client(35, 1, authentication=authentication, security=security).associate(), Direct(plant.session(35)))


def test_a_client_needs_a_source_of_challenges() -> None:
    with pytest.raises(LocalProtocolError, match="source of challenges"):
        next(Client(33, authentication=Authentication(Mechanism.HIGH_MD5, b"secret")).associate())


@pytest.mark.dlms(
    "server invocation counters", "client invocation counters",
    "server exception-response with counter", "client exception-response with counter",
)  # fmt: skip
def test_an_old_counter_is_told_and_the_next_attempt_uses_it(plant) -> None:
    counters: Iterator[int] = count(5000)
    with plant.meter(plant.client(Mechanism.HIGH_GMAC, material=plant.material_of_client(counters))):
        pass
    last = next(counters)
    with pytest.raises(Refused) as refused:
        plant.meter(plant.client(Mechanism.HIGH_GMAC, material=plant.material_of_client(count(7)))).associate()
    assert refused.value.service_error == ServiceError.INVOCATION_COUNTER_ERROR
    assert refused.value.invocation_counter == last
    with plant.meter(plant.client(Mechanism.HIGH_GMAC, material=plant.material_of_client(count(last)))):
        pass


# --- rights that want protection, and policies


def test_an_attribute_that_wants_an_authenticated_request(plant) -> None:
    for protection, allowed in ((PLAIN, False), (ENCRYPTED, False), (AUTHENTICATED, True), (GLO, True)):
        client = plant.client(Mechanism.HIGH_MD5, protection)
        session = plant.session(33)
        with plant.meter(client, session):
            if allowed:
                assert value(client, session, GUARDED) == 6
                drive(client.set(GUARDED, 1, 2, axdr.u32(6)), Direct(session))
            else:
                with pytest.raises(AccessError, match="read-write-denied"):
                    value(client, session, GUARDED)
                with pytest.raises(AccessError, match="read-write-denied"):
                    drive(client.set(GUARDED, 1, 2, axdr.u32(66)), Direct(session))
                assert plant.guarded.value == axdr.u32(6)
            assert value(client, session) == 5


def test_an_attribute_whose_answer_is_encrypted(plant) -> None:
    client = plant.client(Mechanism.HIGH_MD5, AUTHENTICATED)
    session = plant.session(33)
    said: list[bytes] = []

    def exchange(apdu: bytes) -> bytes:
        said.extend(session.receive(apdu, 0))
        return said[-1]

    drive(client.associate(), exchange)
    assert drive(client.get(LAMP, 1, 2), exchange).value == 5
    assert (said[-1][0], said[-1][2]) == (0xCC, 0x10)
    assert drive(client.get(SEALED, 1, 2), exchange).value == 7
    assert (said[-1][0], said[-1][2]) == (0xCC, 0x30)


@pytest.mark.dlms("class 15 attribute 2")
def test_the_object_list_writes_rights_as_its_version_does() -> None:
    for version, mode in ((1, 6), (2, 6), (3, 7)):
        rights = Rights(overrides={(Obis("0-0:42.0.0"), 2): Access.READ_WRITE | Access.AUTHENTICATED_REQUEST})
        server = Server({1: LogicalDevice(b"MBE", (), [Association(16, rights=rights, version=version)])})
        session = server.session(16, 1, 1000)
        assert session is not None
        with Meter(Direct(session), Client(16)) as meter:
            (entry,) = [one for one in meter.objects() if one.name == Obis("0-0:42.0.0")]
            assert entry.attributes[2] == Access.READ_WRITE | Access.AUTHENTICATED_REQUEST
            raw = drive(meter.client.get(CURRENT, 15, 2), Direct(session)).value
            (element,) = [one.value for one in raw if one.value[2].value == Obis("0-0:42.0.0")]
            assert element[3].value[0].value[1].value[1].value == mode
            (own,) = [one for one in meter.objects() if one.name == CURRENT]
            assert (own.class_id, own.version) == (15, version)


POLICIES = {
    Policy.version0(0): (PLAIN, ENCRYPTED, AUTHENTICATED, GLO),
    Policy.version0(1): (AUTHENTICATED, GLO),
    Policy.version0(2): (ENCRYPTED, GLO),
    Policy.version0(3): (GLO,),
    Policy.AUTHENTICATED_REQUEST: (AUTHENTICATED, GLO),
    Policy.ENCRYPTED_REQUEST: (ENCRYPTED, GLO),
}


@pytest.mark.dlms("server security policy")
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: f"{int(policy):02X}")
def test_policies_let_in_what_has_enough(make_plant, policy: Policy) -> None:
    for protection in (PLAIN, ENCRYPTED, AUTHENTICATED, GLO):
        plant = make_plant(policy=policy)
        client = plant.client(Mechanism.HIGH_GMAC, protection)
        if protection in POLICIES[policy]:
            with plant.meter(client):
                pass
        else:
            with pytest.raises(AssociationRefused):
                plant.meter(client).associate()
        with plant.meter(plant.client(Mechanism.HIGH_GMAC)):
            pass


def test_a_policy_that_becomes_stronger_holds_for_open_associations_too(plant) -> None:
    opened = []
    for protection in (PLAIN, AUTHENTICATED, GLO):
        client = plant.client(Mechanism.HIGH_GMAC, protection)
        session = plant.session(35)
        drive(client.associate(), Direct(session))
        assert value(client, session) == 5
        opened.append((client, session))
    plant.material.policy = Policy.AUTHENTICATED_REQUEST | Policy.ENCRYPTED_REQUEST
    for client, session in opened[:2]:
        with pytest.raises(Refused, match="operation-not-possible"):
            value(client, session)
    assert value(*opened[2]) == 5
    plant.material.policy = Policy.ENCRYPTED_RESPONSE
    with pytest.raises(Refused, match="operation-not-possible"):
        value(*opened[0])
    assert value(*opened[1]) == value(*opened[2]) == 5


def test_a_policy_of_responses_adds_to_what_the_request_had(make_plant) -> None:
    plant = make_plant(policy=Policy.ENCRYPTED_RESPONSE | Policy.AUTHENTICATED_RESPONSE)
    client = plant.client(Mechanism.HIGH_GMAC, AUTHENTICATED)
    session = plant.session(35)
    said: list[bytes] = []

    def exchange(apdu: bytes) -> bytes:
        said.extend(session.receive(apdu, 0))
        return said[-1]

    drive(client.associate(), exchange)
    assert drive(client.get(LAMP, 1, 2), exchange).value == 5
    assert said[-1][2] == 0x30


def test_signed_answers_where_the_policy_wants_them(make_plant) -> None:
    plant = make_plant(Suite.S1, policy=Policy.SIGNED_REQUEST | Policy.SIGNED_RESPONSE)
    session = plant.session(35)
    client = plant.client(Mechanism.HIGH_GMAC, layered(Signing(NO_HEADER), kind=Kind.GLO))
    with plant.meter(client, session):
        assert value(client, session) == 5
    unsigned = plant.client(Mechanism.HIGH_GMAC)
    with pytest.raises(Refused, match="operation-not-possible"):
        drive(unsigned.associate(), Direct(session))


def test_a_replayed_signed_message_is_refused(make_plant) -> None:
    plant = make_plant(Suite.S1)
    client = plant.client(Mechanism.HIGH_GMAC, layered(Signing(NO_HEADER)))
    session = plant.session(35)
    heard: list[bytes] = []

    def exchange(apdu: bytes) -> bytes:
        heard.append(apdu)
        return Direct(session)(apdu)

    drive(client.associate(), exchange)
    drive(client.set(LAMP, 1, 2, axdr.u32(8)), exchange)
    drive(client.set(LAMP, 1, 2, axdr.u32(9)), exchange)
    (refusal,) = session.receive(heard[-2], 0)
    assert refusal == bytes.fromhex("D80105")
    assert plant.lamp.value == axdr.u32(9)
    assert value(client, session) == 9


# --- the objects of associations


@pytest.mark.dlms(
    "class 15 attribute 1", "class 15 attribute 3", "class 15 attribute 6", "class 15 attribute 8", "class 15 attribute 9"
)
def test_each_association_has_an_object(plant) -> None:
    client = plant.client(Mechanism.HIGH_GMAC)
    session = plant.session(35)
    with plant.meter(client, session) as meter:
        found = {entry.name: entry for entry in meter.objects() if entry.class_id == 15}
        assert set(found) == {CURRENT, *(Obis(bytes((0, 0, 40, 0, number, 255))) for number in range(1, 10))}
        for number, granted in enumerate(plant.device.associations.values(), 1):
            name = f"0-0:40.0.{number}"
            assert drive(client.get(name, 15, 1), Direct(session)).value == Obis(name)
            assert drive(client.get(name, 15, 3), Direct(session)).python == [granted.client_sap, 1]
            mechanism = drive(client.get(name, 15, 6), Direct(session)).value
            assert mechanism == granted.mechanism.octets
            setup = drive(client.get(name, 15, 9), Direct(session)).value
            assert setup == (Obis("0-0:43.0.0") if granted.security is not None else bytes(6))
            status = drive(client.get(name, 15, 8), Direct(session)).value
            is_open = granted.client_sap == 35
            assert status == (AssociationStatus.ASSOCIATED if is_open else AssociationStatus.NON_ASSOCIATED)
            with pytest.raises(AccessError):
                drive(client.get(name, 15, 7), Direct(session))  # the secret
    assert plant.device.opened == []


def test_nobody_changes_the_secret_of_another(plant) -> None:
    client = plant.client(Mechanism.LOW, PLAIN)
    session = plant.session(1)
    with plant.meter(client, session):
        for granted in plant.device.associations.values():
            name = plant.device.association_name(granted.client_sap)
            with pytest.raises(AccessError):
                drive(client.action(name, 15, 2, axdr.octets(b"mine")), Direct(session))
            if granted.client_sap != 1:
                with pytest.raises(AccessError):
                    drive(client.set(name, 15, 7, axdr.octets(b"mine")), Direct(session))
        assert plant.secrets == []
        for secret in (b"", bytes(65)):
            with pytest.raises(AccessError, match="scope-of-access-violated"):
                drive(client.set(CURRENT, 15, 7, axdr.octets(secret)), Direct(session))
        drive(client.set(CURRENT, 15, 7, axdr.octets(b"changed")), Direct(session))
    with plant.meter(plant.client(Mechanism.LOW, PLAIN, secret=b"changed")):
        pass


def test_a_client_that_may_not_write_does_not_change_its_secret() -> None:
    reading = Rights(Access.READ, methods=False)
    grants = [Association(2, Mechanism.LOW, b"pw", reading), Association(3, Mechanism.HIGH_MD5, b"pw", reading)]
    server = Server({1: LogicalDevice(b"MBE", (), grants, rng=Random(1))})
    for client, mechanism in ((2, Mechanism.LOW), (3, Mechanism.HIGH_MD5)):
        session = server.session(client, 1, 1000)
        assert session is not None
        own = Client(client, authentication=Authentication(mechanism, b"pw", Random(2)))
        with Meter(Direct(session), own):
            with pytest.raises(AccessError):
                drive(own.set(CURRENT, 15, 7, axdr.octets(b"new")), Direct(session))
            with pytest.raises(AccessError):
                drive(own.action(CURRENT, 15, 2, axdr.octets(b"new")), Direct(session))


# --- secrets do not show


def test_no_secret_shows(plant) -> None:
    client = plant.client(Mechanism.HIGH_MD5, secret=b"do not show")
    words = [
        repr(one)
        for one in (
            plant.material, plant.material.keys, plant.device, *plant.device.associations.values(), client,
            Authentication(Mechanism.LOW, b"do not show"), Security(plant.material),
        )
    ]  # fmt: skip
    hidden = [b"do not show", b"a test secret", *plant.material.keys.symmetric.values(), plant.material.keys.signing]
    for word in words:
        for octets in hidden:
            assert repr(octets)[2:-1] not in word
            assert octets.hex() not in word.lower()


def test_material_is_asked_for_where_it_is_needed() -> None:
    for mechanism in (Mechanism.HIGH_GMAC, Mechanism.HIGH_ECDSA):
        with pytest.raises(LocalProtocolError, match="need security material"):
            Association(1, mechanism)
    with pytest.raises(LocalProtocolError, match="source of challenges"):
        LogicalDevice(b"MBE", (), [Association(1, Mechanism.HIGH_MD5, b"x")])


@pytest.mark.dlms("server negotiated conformance", "client negotiated conformance")
def test_conformance_says_that_general_protection_is_there(plant) -> None:
    for protection, offered in ((GLO, True), (PLAIN, False)):
        client = plant.client(Mechanism.HIGH_MD5, protection)
        with plant.meter(client):
            assert client.terms is not None
            assert (Conformance.GENERAL_PROTECTION in client.terms.conformance) == offered
