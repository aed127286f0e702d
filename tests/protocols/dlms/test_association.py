"""Opening and releasing an association: what is agreed, and who is refused with which diagnostic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from protocols.core.codec import Frame
from protocols.dlms import acse, apdu, axdr, initiate, xdlms
from protocols.dlms.acse import Context, Diagnostic, Mechanism
from protocols.dlms.cosem import Register
from protocols.dlms.initiate import Conformance, InitiateError
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice, Server, Session, open_profile

SECOND = 1_000_000_000
FULL = 0x7E1F  # the conformance of the published AARQ: every classic logical-name service
READ_ENERGY = xdlms.GetRequestNormal(0xC1, xdlms.AttributeDescriptor(3, Obis("1-0:1.8.0"), 2))
ENERGY = xdlms.GetResponseNormal(0xC1, xdlms.GetDataResult(0, axdr.u32(5009)))
NOT_ASSOCIATED = xdlms.ExceptionResponse(1, 1)


@pytest.fixture
def server() -> Server:
    energy = Register("1-0:1.8.0", value=axdr.u32(5009), scaler_unit=(0, 30))
    return Server({1: LogicalDevice(b"MBE0000000000001", (energy,), open_profile(b"12345678"))})


def connect(server: Server, client: int = 1, path_limit: int = 1024) -> Session:
    session = server.session(client, 1, path_limit)
    assert session is not None
    return session


def associate(
    session: Session, *, now: int = 0, mechanism: Mechanism = Mechanism.LOW, password: bytes = b"12345678",
    context: Context = Context.LOGICAL_NAME, version: int = 6, conformance: int = FULL, max_pdu: int = 0xFFFF,
) -> acse.AARE:  # fmt: skip
    proposal = initiate.InitiateRequest(None, None, None, version, conformance, max_pdu).build()
    request = acse.AARQ.propose(context, proposal, mechanism=mechanism, authentication=password)
    (answer,) = session.receive(request.build(), now)
    return acse.AARE.parse(answer)


def ask(session: Session, request: Frame) -> Frame | None:
    answers = session.receive(request.build(), 0)
    return apdu.parse(answers[0]) if answers else None


@pytest.mark.req("S-167", part=True)
def test_published_aarq_are_answered(server: Server, dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    requests = {vector["id"]: bytes.fromhex(vector["given"]["hex"]) for vector in dlms_vectors("acse")}
    outcomes = {}
    for name, client in (("aarq-none", 16), ("aarq-lls", 1), ("aarq-hls5", 1), ("aarq-ciph-lls", 1)):
        (answer,) = connect(server, client, 500).receive(requests[name], 0)
        aare = acse.AARE.parse(answer)
        outcomes[name] = aare.result, aare.diagnostic
    assert outcomes == {
        "aarq-none": (0, Diagnostic.NULL),
        "aarq-lls": (0, Diagnostic.NULL),
        "aarq-hls5": (1, Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED),
        "aarq-ciph-lls": (1, Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED),
    }


def test_a_published_aare_is_what_we_answer(server: Server) -> None:
    """The Green Book's example of an acceptance, with the conformance and size that were agreed here."""
    (answer,) = connect(server, 16, 500).receive(bytes.fromhex("601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0"), 0)
    assert answer == bytes.fromhex("6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F0400007E1F01F40007")


@pytest.mark.parametrize(
    "proposed, path_limit, agreed", [(500, 1024, 500), (0xFFFF, 1024, 1024), (0, 70_000, 0xFFFF), (64, 64, 64)]
)
def test_the_largest_apdu_is_the_smaller_of_two(server: Server, proposed: int, path_limit: int, agreed: int) -> None:
    aare = associate(connect(server, path_limit=path_limit), max_pdu=proposed)
    assert initiate.InitiateResponse.parse(aare.user_information).max_pdu == agreed


REFUSED: list[tuple[dict[str, Any], int, Diagnostic, InitiateError | None]] = [
    ({"password": b"wrong"}, 1, Diagnostic.AUTHENTICATION_FAILURE, None),
    ({"password": b""}, 1, Diagnostic.AUTHENTICATION_FAILURE, None),
    ({"mechanism": Mechanism.LOWEST}, 1, Diagnostic.AUTHENTICATION_MECHANISM_NAME_REQUIRED, None),
    ({"mechanism": Mechanism.HIGH_GMAC}, 1, Diagnostic.AUTHENTICATION_MECHANISM_NAME_NOT_RECOGNISED, None),
    ({"mechanism": Mechanism.LOW}, 16, Diagnostic.AUTHENTICATION_FAILURE, None),
    ({}, 99, Diagnostic.NO_REASON_GIVEN, None),
    ({"context": Context.SHORT_NAME}, 1, Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED, None),
    ({"context": Context.LOGICAL_NAME_CIPHERED}, 1, Diagnostic.APPLICATION_CONTEXT_NAME_NOT_SUPPORTED, None),
    ({"version": 5}, 1, Diagnostic.NO_REASON_GIVEN, InitiateError.DLMS_VERSION_TOO_LOW),
    ({"version": 7}, 1, Diagnostic.NO_REASON_GIVEN, InitiateError.DLMS_VERSION_TOO_LOW),
    ({"max_pdu": 63}, 1, Diagnostic.NO_REASON_GIVEN, InitiateError.PDU_SIZE_TOO_SHORT),
    ({"conformance": 0}, 1, Diagnostic.NO_REASON_GIVEN, InitiateError.INCOMPATIBLE_CONFORMANCE),
    ({"conformance": Conformance.READ}, 1, Diagnostic.NO_REASON_GIVEN, InitiateError.INCOMPATIBLE_CONFORMANCE),
]


@pytest.mark.parametrize("options, client, diagnostic, error", REFUSED)
def test_associations_that_are_refused(
    server: Server, options: dict[str, Any], client: int, diagnostic: Diagnostic, error: InitiateError | None
) -> None:
    session = connect(server, client)
    aare = associate(session, **options)
    assert (aare.result, aare.diagnostic) == (acse.Result.REJECTED_PERMANENT, diagnostic)
    if error is not None:
        assert initiate.ConfirmedServiceError.parse(aare.user_information).value == error
    assert not session.associated
    assert ask(session, READ_ENERGY) == NOT_ASSOCIATED


def test_an_initiate_that_is_none(server: Server) -> None:
    request = acse.AARQ.propose(Context.LOGICAL_NAME, b"\x01\x02")
    answer = ask(connect(server, 16), request)
    assert isinstance(answer, acse.AARE)
    assert (answer.result, answer.user_information) == (1, bytes.fromhex("0E010600"))


def test_a_second_aarq_leaves_the_association_alone(server: Server) -> None:
    session = connect(server)
    assert associate(session).result == acse.Result.ACCEPTED
    assert associate(session).result == acse.Result.REJECTED_PERMANENT
    assert ask(session, READ_ENERGY) == ENERGY


def test_guessing_is_slowed(server: Server) -> None:
    for _ in range(5):
        assert associate(connect(server), password=b"guess").diagnostic == Diagnostic.AUTHENTICATION_FAILURE
    assert associate(connect(server), now=9 * SECOND).result == acse.Result.REJECTED_TRANSIENT
    assert associate(connect(server, 16), now=9 * SECOND, mechanism=Mechanism.LOWEST).result == acse.Result.ACCEPTED
    assert associate(connect(server), now=10 * SECOND).result == acse.Result.ACCEPTED


def test_release(server: Server) -> None:
    session = connect(server)
    assert associate(session).result == acse.Result.ACCEPTED
    assert ask(session, acse.RLRQ.of()) == acse.RLRE.of()
    assert not session.associated
    assert ask(session, acse.RLRQ.of()) is None
    assert ask(session, READ_ENERGY) == NOT_ASSOCIATED
    assert associate(session).result == acse.Result.ACCEPTED
