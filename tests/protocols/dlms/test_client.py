"""The client's procedures: against the server through memory, and against scripts of octets that misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import access, acse, apdu, axdr, initiate, xdlms
from protocols.dlms.association import CONFORMANCE
from protocols.dlms.axdr import Data
from protocols.dlms.client import AssociationRefused, Client, Event, Procedure, Refused, adrive, drive, item
from protocols.dlms.cosem import Access, AccessError, DisconnectControl, InterfaceClass, Register, method
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.direct import Direct
from protocols.dlms.general_block import unconfirmed
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice, Server, open_profile
from protocols.dlms.xdlms import GetDatablock, GetDataResult, MethodDescriptor

PASSWORD = b"12345678"
IN_GENERAL_BLOCKS = CONFORMANCE & ~(
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)
LONG = axdr.octets(bytes(range(256)) * 12)


class Echo(InterfaceClass, id=9999, version=0):
    """Gives back what it is given."""

    @method(1)
    def echo(self, argument: Data) -> Data:
        """The argument."""
        return argument


def server(path_limit: int = 1024, client_sap: int = 1) -> Callable[[bytes], bytes]:
    """The exchange with a meter's session."""
    things = [
        Register("1-0:1.8.0", value=axdr.u32(5009), scaler_unit=(0, 30)),
        DataClass("0-0:96.13.0", value=LONG, access={"value": Access.READ_WRITE}),
        DisconnectControl("0-0:96.3.10"),
        Echo("0-0:96.99.0"),
    ]
    session = Server({1: LogicalDevice(b"MBE", things, open_profile(PASSWORD))}).session(client_sap, 1, path_limit)
    assert session is not None
    return Direct(session)


def connected(path_limit: int = 1024, conformance: Conformance = CONFORMANCE) -> tuple[Client, Callable[[bytes], bytes]]:
    client, exchange = Client(1, 1, PASSWORD, conformance=conformance), server(path_limit)
    drive(client.associate(), exchange)
    return client, exchange


def scripted(*answers: Frame | bytes) -> Callable[[bytes], bytes]:
    """An exchange that gives these, whatever it is sent; then it times out."""
    coming: Iterator[Frame | bytes] = iter(answers)

    def exchange(data: bytes) -> bytes:
        answer = next(coming, None)
        if answer is None:
            raise TimeoutError
        return answer if isinstance(answer, bytes) else answer.build()

    return exchange


def get_response(invoke: int, value: int) -> xdlms.GetResponseNormal:
    return xdlms.GetResponseNormal(invoke, GetDataResult(0, axdr.u8(value)))


def get_block(last: int, number: int, raw: bytes) -> xdlms.GetResponseWithDatablock:
    return xdlms.GetResponseWithDatablock(0xC1, GetDatablock(last, number, 0, raw))


def aare(max_pdu: int) -> acse.AARE:
    agreed = initiate.InitiateResponse(None, 6, Conformance.GET, max_pdu, 7).build()
    return acse.AARE.answer(acse.Context.LOGICAL_NAME, acse.Result.ACCEPTED, acse.Diagnostic.NULL, agreed)


# --- with the server


def test_association() -> None:
    client = Client(1, 1, PASSWORD)
    terms = drive(client.associate(), server(300))
    assert (terms.max_pdu, terms.mechanism) == (300, acse.Mechanism.LOW)
    assert Conformance.GET | Conformance.SELECTIVE_ACCESS in terms.conformance
    assert client.terms == terms


def test_release() -> None:
    client, exchange = connected()
    drive(client.release(), exchange)
    assert client.terms is None
    with pytest.raises(Refused, match="service-not-allowed, operation-not-possible"):
        drive(client.get("1-0:1.8.0", 3, 2), exchange)


def test_a_release_response_with_wrong_lengths_is_one_all_the_same() -> None:
    """As Gurux's server sends it."""
    client, _ = connected()
    drive(client.release(), lambda apdu: bytes.fromhex("630E800100BE0F040E0800065F1F0400001E1DFFFF0007"))
    assert client.terms is None


@pytest.mark.parametrize(
    "password, reason", [(b"wrong", "authentication-failure"), (None, "authentication-mechanism-name-required")]
)
def test_refused_association(password: bytes | None, reason: str) -> None:
    client = Client(1, 1, password)
    with pytest.raises(AssociationRefused, match=f"rejected-permanent: {reason}") as caught:
        drive(client.associate(), server())
    assert caught.value.result == 1
    assert client.terms is None


def test_refused_initiate_says_why() -> None:
    with pytest.raises(AssociationRefused, match="pdu-size-too-short"):
        drive(Client(1, 1, PASSWORD, max_pdu=20).associate(), server())


@pytest.mark.dlms(
    "server GET normal", "client GET normal", "server GET next", "client GET next", "server GET with-list",
    "client GET with-list", "server SET normal", "client SET normal", "server SET with-first-block",
    "client SET with-first-block", "server SET with-list", "client SET with-list", "server SET with-list-and-first-block",
    "client SET with-list-and-first-block", "server ACTION normal", "client ACTION normal", "server ACTION next",
    "client ACTION next", "server ACTION with-list", "client ACTION with-list", "server ACTION with-first-block",
    "client ACTION with-first-block", "server ACTION with-list-and-first-block", "client ACTION with-list-and-first-block",
    "server ACCESS get", "client ACCESS get", "server ACCESS set", "client ACCESS set", "server ACCESS action",
    "client ACCESS action", "server general block transfer", "client general block transfer",
)  # fmt: skip
@pytest.mark.parametrize("conformance", [CONFORMANCE, IN_GENERAL_BLOCKS], ids=["own blocks", "general blocks"])
@pytest.mark.parametrize("path_limit", [64, 65, 200, 1024, 60_000])
def test_every_service_at_every_size(path_limit: int, conformance: Conformance) -> None:
    client, exchange = connected(path_limit, conformance)
    carried: list[int] = []

    def measured(data: bytes) -> bytes:
        answer = exchange(data)
        carried.extend((len(data), len(answer)))
        return answer

    def run(procedure: Procedure[Any]) -> Any:
        return drive(procedure, measured)

    text, energy, missing = item("0-0:96.13.0", 1, 2), item("1-0:1.8.0", 3, 2), item("0-0:99.9.9", 1, 2)
    assert run(client.get("1-0:1.8.0", 3, 2)) == axdr.u32(5009)
    assert run(client.get("0-0:96.13.0", 1, 2)) == LONG
    listed = run(client.get_list([text, missing, energy]))
    assert (listed[0], listed[2]) == (LONG, axdr.u32(5009))
    assert isinstance(listed[1], AccessError)
    new = axdr.octets(b"n" * 1500)
    run(client.set("0-0:96.13.0", 1, 2, new))
    assert run(client.get("0-0:96.13.0", 1, 2)) == new
    assert run(client.action("0-0:96.99.0", 9999, 1, LONG)) == LONG
    assert run(client.action("0-0:96.99.0", 9999, 1, axdr.u8(1))) == axdr.u8(1)
    assert run(client.action("0-0:96.3.10", 70, 1)) is None
    written = run(client.set_list([(text, LONG), (energy, axdr.u32(1))]))
    assert written[0] is None
    assert isinstance(written[1], AccessError)
    echo = MethodDescriptor(9999, Obis("0-0:96.99.0"), 1)
    for argument in (axdr.u8(1), LONG):
        called = run(client.action_list([(echo, argument), (MethodDescriptor(1, echo.instance_id, 1), axdr.u8(1))]))
        assert called[0] == argument
        assert isinstance(called[1], AccessError)
    outcomes = run(client.access([
        access.set("0-0:96.13.0", 1, 2, new), access.get("0-0:96.13.0", 1, 2), access.get("0-0:99.9.9", 1, 2),
        access.action("0-0:96.99.0", 9999, 1, LONG), access.action("0-0:96.3.10", 70, 1), access.get("1-0:1.8.0", 3, 2),
    ]))  # fmt: skip
    assert isinstance(outcomes[2], AccessError)
    assert [*outcomes[:2], *outcomes[3:]] == [axdr.null(), new, LONG, axdr.null(), axdr.u32(5009)]
    assert max(carried) <= path_limit


def test_access_breaks_on_error_or_goes_on() -> None:
    client, exchange = connected()
    wants = [access.get("0-0:99.9.9", 1, 2), access.get("1-0:1.8.0", 3, 2)]
    missing, energy = drive(client.access(wants), exchange)
    assert isinstance(missing, AccessError)
    assert str(missing) == "0-0:99.9.9.255 class 1 attribute 2: object-undefined (4)"
    assert energy == axdr.u32(5009)
    missing, energy = drive(client.access(wants, break_on_error=True), exchange)
    assert isinstance(energy, AccessError)
    assert (missing.result, energy.result) == (4, 250)


@pytest.mark.dlms("server ACCESS get with selection", "client ACCESS get with selection")
def test_access_tells_what_it_was_asked_when_told_to() -> None:
    client, exchange = connected()
    seen: list[bytes] = []

    def kept(data: bytes) -> bytes:
        seen.append(exchange(data))
        return seen[-1]

    entries = xdlms.SelectiveAccess(2, axdr.structure(axdr.u32(1)))
    wants = [access.get("1-0:1.8.0", 3, 2), access.get("1-0:1.8.0", 3, 2, entries)]
    drive(client.access(wants, self_descriptive=True), kept)
    drive(client.access(wants), kept)
    told, plain = (access.AccessResponse.parse(data) for data in seen)
    assert told.specifications == access.Specifications([specification for specification, _ in wants])
    assert plain.specifications is None
    assert [result.kind for result in plain.results] == [1, 1]
    assert [result.result for result in plain.results] == [0, 13]


@pytest.mark.dlms("client ACCESS set with selection")
@pytest.mark.dlms("server ACCESS set with selection", part=True)
def test_access_writes_a_part() -> None:
    """The server's classes take whole values only, and say so."""
    client, exchange = connected()
    part = xdlms.SelectiveAccess(1, axdr.null())
    (outcome,) = drive(client.access([access.set("0-0:96.13.0", 1, 2, LONG, part)]), exchange)
    assert isinstance(outcome, AccessError)
    assert outcome.result == xdlms.DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


@pytest.mark.dlms("client GET attribute 0", "client SET attribute 0")
def test_all_attributes_at_once() -> None:
    client, exchange = connected()
    whole = drive(client.get("0-0:96.13.0", 1, 0), exchange)
    assert whole == axdr.structure(axdr.octets(Obis("0-0:96.13.0")), LONG)
    drive(client.set("0-0:96.13.0", 1, 0, axdr.structure(axdr.null(), axdr.octets(b"new"))), exchange)
    assert drive(client.get("0-0:96.13.0", 1, 2), exchange) == axdr.octets(b"new")


@pytest.mark.dlms("server unconfirmed requests", "client unconfirmed requests")
def test_requests_that_nobody_answers() -> None:
    client, exchange = connected()
    for request in (
        client.set_unconfirmed("0-0:96.13.0", 1, 2, axdr.octets(b"new")), client.action_unconfirmed("0-0:96.99.0", 9999, 1)
    ):  # fmt: skip
        with pytest.raises(RemoteProtocolError, match="silent"):
            exchange(request)
    assert drive(client.get("0-0:96.13.0", 1, 2), exchange) == axdr.octets(b"new")


@pytest.mark.dlms("client exception-response", "client exception-response with counter")
def test_the_exception_says_which_counter_was_expected() -> None:
    with pytest.raises(Refused, match="invocation-counter-error, 100 expected") as caught:
        drive(Client().get("1-0:1.8.0", 3, 2), scripted(bytes.fromhex("D8020600000064")))
    assert caught.value.invocation_counter == 100


def test_lists_that_do_not_match_are_refused() -> None:
    client, exchange = connected()
    request = access.AccessRequest(access.LONG_CONFIRMED, b"", [access.get("1-0:1.8.0", 3, 2)[0]], [])
    assert exchange(request.build()) == xdlms.ExceptionResponse(1, 3).build()
    many = [access.get("1-0:1.8.0", 3, 2)] * 256
    with pytest.raises(Refused, match="pdu-too-long"):
        drive(client.access(many), exchange)
    drive(client.access(many[:255]), exchange)


def test_only_one_side_has_blocks() -> None:
    client, exchange = connected(200, Conformance.GET | Conformance.SET)
    with pytest.raises(LocalProtocolError, match="APDUs of 200 were agreed"):
        drive(client.set("0-0:96.13.0", 1, 2, LONG), exchange)
    with pytest.raises(Refused, match="pdu-too-long"):
        drive(client.get("0-0:96.13.0", 1, 2), exchange)


@pytest.mark.dlms(
    "server general block transfer streaming", "client general block transfer streaming",
    "server general block transfer window", "client general block transfer window",
)  # fmt: skip
def test_answers_come_in_streams() -> None:
    """The server sends a window of blocks for each that the client sends."""
    client, exchange = connected(100, IN_GENERAL_BLOCKS)
    said = []

    def counted(data: bytes) -> bytes:
        said.append(data)
        return exchange(data)

    assert drive(client.get("0-0:96.13.0", 1, 2), counted) == LONG
    blocks, streams = 34, 7  # the first stream is one block, the others are six
    assert (len(said), len([data for data in said if data])) == (blocks, streams)


@pytest.mark.dlms("client general block transfer recovery")
def test_a_server_that_falls_silent_in_blocks_is_asked_again() -> None:
    client, exchange = connected(200, IN_GENERAL_BLOCKS)
    lost = iter([False, True, False, True, True])

    def lossy(data: bytes) -> bytes:
        answer = exchange(data)
        return b"" if next(lost, False) else answer

    assert drive(client.get("0-0:96.13.0", 1, 2), lossy) == LONG
    replies = iter([exchange(bytes.fromhex("C001C100010000600D00FF0200")), *[b""] * 9])
    with pytest.raises(RemoteProtocolError, match=r"silent in a block transfer, after 3 repeats"):
        drive(client.get("0-0:96.13.0", 1, 2), lambda data: next(replies))


def test_a_server_gives_up_a_block_transfer() -> None:
    client, exchange = connected(200, IN_GENERAL_BLOCKS)
    replies = iter([exchange(bytes.fromhex("C001C100010000600D00FF0200")), bytes.fromhex("E080000000000000")[:-1]])
    with pytest.raises(RemoteProtocolError, match="gave up"):
        drive(client.get("0-0:96.13.0", 1, 2), lambda data: next(replies))


def test_refusals_name_object_and_result() -> None:
    client, exchange = connected()
    for procedure, message in (
        (client.get("0-0:99.9.9", 1, 2), r"0-0:99\.9\.9\.255 class 1 attribute 2: object-undefined \(4\)"),
        (client.set("1-0:1.8.0", 3, 2, axdr.u32(1)), r"1-0:1\.8\.0\.255 class 3 attribute 2: read-write-denied \(3\)"),
        (client.set("1-0:1.8.0", 3, 2, LONG), r"read-write-denied \(3\)"),
        (client.action("1-0:1.8.0", 3, 1), r"class 3 method 1: read-write-denied \(3\)"),
    ):
        with pytest.raises(AccessError, match=message):
            drive(procedure, exchange)


def test_the_same_procedures_in_tasks() -> None:
    client, exchange = connected()

    async def reply(data: bytes) -> bytes:
        return exchange(data)

    task = adrive(client.get("0-0:96.13.0", 1, 2), reply)
    with pytest.raises(StopIteration) as done:
        task.send(None)
    assert done.value.value == LONG


# --- with somebody else


def test_published_get() -> None:
    """u9n/dlms-cosem, test_get.py: the request, its answer 5009, and an answer that is an error."""
    client = Client()
    procedure = client.get("0-0:43.1.0", 1, 2)
    assert next(procedure) == bytes.fromhex("C001C1000100002B0100FF0200")
    with pytest.raises(StopIteration) as done:
        procedure.send(bytes.fromhex("C401C1000600001391"))
    assert done.value.value == axdr.u32(5009)
    with pytest.raises(AccessError, match="hardware-fault"):
        drive(Client().get("0-0:43.1.0", 1, 2), scripted(bytes.fromhex("C401C10101")))


def test_another_invoke_id_is_let_go_by() -> None:
    answers = get_response(0xC2, 9), xdlms.SetResponseNormal(0xC5, 0), get_response(0x41, 7)
    assert drive(Client().get("1-0:1.8.0", 3, 2), scripted(*answers)) == axdr.u8(7)
    with pytest.raises(TimeoutError):
        drive(Client().get("1-0:1.8.0", 3, 2), scripted(get_response(0xC2, 9)))


def test_another_long_invoke_id_is_let_go_by() -> None:
    stranger, own = (
        access.AccessResponse(invoke, b"", None, [axdr.u8(value)], [access.Result(1, 0)])
        for invoke, value in ((0xC0000002, 9), (0x40000001, 7))
    )
    wants = [access.get("1-0:1.8.0", 3, 2)]
    assert drive(Client().access(wants), scripted(stranger, own)) == [axdr.u8(7)]
    with pytest.raises(RemoteProtocolError, match="0 results came for a list of 1"):
        drive(Client().access(wants), scripted(access.AccessResponse(1, b"", None, [], [])))
    with pytest.raises(RemoteProtocolError, match="0 results came with 1 values"):
        drive(Client().access(wants), scripted(access.AccessResponse(1, b"", None, [axdr.u8(1)], [])))


def test_invoke_ids_differ() -> None:
    client = Client()
    seen = [next(client.get("1-0:1.8.0", 3, 2))[2] for _ in range(17)]
    assert len(set(seen)) == 16
    assert seen[0] == seen[16]


@pytest.mark.dlms("client DataNotification", "client EventNotification", "client high priority")
def test_notifications_between_answers_are_handed_over() -> None:
    note = xdlms.DataNotification(1, b"", axdr.u8(1))
    event = xdlms.EventNotificationRequest(None, xdlms.AttributeDescriptor(1, bytes(6), 2), axdr.u8(1))
    notes: list[Event] = []
    client = Client(on_notification=notes.append)
    assert drive(client.get("1-0:1.8.0", 3, 2), scripted(note, event, get_response(0xC1, 7))) == axdr.u8(7)
    assert notes == [note, event]
    assert drive(Client().get("1-0:1.8.0", 3, 2), scripted(note, event, get_response(0xC1, 7))) == axdr.u8(7)


@pytest.mark.dlms("client DataNotification confirmed")
def test_a_notification_that_wants_it_is_confirmed() -> None:
    note = xdlms.DataNotification(access.LONG_CONFIRMED | 9, b"", axdr.u8(1))
    said: list[bytes] = []
    answers = scripted(note, get_response(0xC1, 7))

    def exchange(data: bytes) -> bytes:
        said.append(data)
        return answers(data)

    assert drive(Client().get("1-0:1.8.0", 3, 2), exchange) == axdr.u8(7)
    assert said[1] == bytes.fromhex("10 40000009 00")
    client = Client()
    assert drive(client.event(), scripted(get_response(0xC1, 7), note)) == note
    assert client.confirmation(note) == said[1]
    assert client.confirmation(xdlms.DataNotification(9, b"", axdr.u8(1))) is None


def test_a_notification_in_blocks_that_nobody_acknowledges() -> None:
    note = xdlms.DataNotification(9, b"", LONG)
    blocks = [block.build() for block in unconfirmed((note.build(),), 500)]
    assert drive(Client().event(), scripted(*blocks)) == note
    notes: list[Event] = []
    client = Client(on_notification=notes.append)
    assert drive(client.get("1-0:1.8.0", 3, 2), scripted(*blocks, *blocks, get_response(0xC1, 7))) == axdr.u8(7)
    assert notes == [note, note]


BAD: list[tuple[str, Iterable[Frame | bytes], str]] = [
    ("garbage", [b"\xff\x00"], "no such frame"),
    ("nothing", [b""], "no octets"),
    ("cut", [get_response(0xC1, 7).build()[:-1]], "offset"),
    ("another service", [xdlms.SetResponseNormal(0xC1, 0)], "SetResponseNormal came in answer to GetRequestNormal"),
    ("an association", [aare(500)], "AARE came in answer to GetRequestNormal"),
    ("exception", [xdlms.ExceptionResponse(2, 2)], "service-unknown, service-not-supported"),
    ("unknown exception", [xdlms.ExceptionResponse(9, 9)], "exception-response: 9, 9"),
    ("unknown result", [xdlms.GetResponseNormal(0xC1, GetDataResult(1, 77))], r"\(77\)"),
    ("first block 2", [get_block(0, 2, b"\x11")], "block 2 came where 1 is wanted"),
    ("block twice", [get_block(0, 1, b"\x11"), get_block(1, 1, b"\x05")], "block 1 came where 2 is wanted"),
    ("no value in blocks", [get_block(0, 1, b"\x11"), get_block(1, 2, b"")], "offset"),
    ("more than a value", [get_block(1, 1, b"\x11\x05\x05")], "left over"),
    ("error in blocks", [get_block(0, 1, b"\x11"), xdlms.GetResponseWithDatablock(0xC1, GetDatablock(1, 2, 1, 15))],
     "long-get-aborted"),
    ("normal in blocks", [get_block(0, 1, b"\x11"), get_response(0xC1, 5)], "GetResponseNormal came"),
]  # fmt: skip


@pytest.mark.parametrize("answers, message", [bad[1:] for bad in BAD], ids=[bad[0] for bad in BAD])
def test_bad_answers_are_named(answers: Iterable[Frame | bytes], message: str) -> None:
    with pytest.raises(RemoteProtocolError, match=message):
        drive(Client().get("1-0:1.8.0", 3, 2), scripted(*answers))


def test_lists_of_another_length() -> None:
    two = [item("1-0:1.8.0", 3, 2)] * 2
    answer = xdlms.GetResponseWithList(0xC1, [GetDataResult(0, axdr.u8(1))])
    with pytest.raises(RemoteProtocolError, match="1 results came for a list of 2"):
        drive(Client().get_list(two), scripted(answer))


def test_a_set_in_blocks_may_end_early_or_be_acknowledged_wrongly() -> None:
    value = axdr.octets(b"x" * 200)

    def write(*answers: Frame) -> None:
        client = Client(max_pdu=100)
        drive(client.set("0-0:96.13.0", 1, 2, value), scripted(*answers))

    with pytest.raises(AccessError, match="long-set-aborted"):
        write(xdlms.SetResponseLastDatablock(0xC1, 17, 1))
    with pytest.raises(RemoteProtocolError, match="block 2 was acknowledged where 1 was sent"):
        write(xdlms.SetResponseDatablock(0xC1, 2))
    with pytest.raises(RemoteProtocolError, match="acknowledged"):
        write(*(xdlms.SetResponseDatablock(0xC1, number) for number in range(1, 9)))
    write(*(xdlms.SetResponseDatablock(0xC1, number) for number in (1, 2)), xdlms.SetResponseLastDatablock(0xC1, 0, 3))


def test_an_answer_to_an_aarq_that_is_none() -> None:
    with pytest.raises(RemoteProtocolError, match="RLRE came in answer to AARQ"):
        drive(Client().associate(), scripted(acse.RLRE.of()))
    with pytest.raises(RemoteProtocolError, match="too few"):
        drive(Client().associate(), scripted(aare(12)))
    with pytest.raises(RemoteProtocolError, match="no diagnostic"):
        drive(Client().associate(), scripted(bytes.fromhex("6100")))


def test_a_request_that_cannot_be_cut_small_enough() -> None:
    many = [(item("0-0:96.13.0", 1, 2), axdr.u8(1))] * 20
    with pytest.raises(LocalProtocolError, match="SetRequestWithListAndFirstDatablock"):
        drive(Client(max_pdu=100).set_list(many), scripted())


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_only_remote_errors_come_of_what_others_send(answers: list[bytes]) -> None:
    leads = [get_response(0xC1, 7).build(), get_block(0, 1, b"\x11").build(), aare(500).build()]
    client = Client()
    for procedure in (client.get("1-0:1.8.0", 3, 2), client.associate(), client.action("0-0:96.3.10", 70, 1)):
        with suppress(RemoteProtocolError, TimeoutError):
            drive(procedure, scripted(*(leads[len(answer) % 3][: len(answer)] + answer for answer in answers)))


def test_every_request_is_a_frame() -> None:
    client = Client(1, 1, PASSWORD)
    for procedure in (client.associate(), client.release(), client.get("1-0:1.8.0", 3, 2), client.action("0-0:96.3.10", 70, 1)):
        request = next(procedure)
        assert apdu.parse(request).build() == request
