"""Sessions in general blocks: what goes in them, who follows whom, and what is done to those who break the rules (C18)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError
from protocols.dlms import access, acse, apdu, axdr, initiate, xdlms
from protocols.dlms.access import AccessRequest, AccessResponse
from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.association import CONFORMANCE
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, Clock, Column, ProfileGeneric, Register, date_time
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.general_block import ABORT, LAST, STREAMING, GeneralBlock
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice, Server, Session, open_profile
from protocols.dlms.session import OWN_WINDOW, TIME_OUT

INVOKE = 0xC1
PASSWORD = b"12345678"
MINUTE = 60_000_000_000
TEXT = xdlms.AttributeDescriptor(1, Obis("0-0:96.13.0"), 2)
VALUE = axdr.octets(bytes(range(256)) * 4)
IN_BLOCKS_OF_THEIR_OWN = (
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)
GENERAL = CONFORMANCE & ~IN_BLOCKS_OF_THEIR_OWN
"""What a client proposes who takes long APDUs in general blocks only."""
GET = xdlms.GetRequestNormal(INVOKE, TEXT).build()
ANSWER = xdlms.GetResponseNormal(INVOKE, xdlms.GetDataResult(0, VALUE)).build()


class Talk:
    """A session with client 1 associated."""

    def __init__(self, conformance: Conformance = GENERAL, max_pdu: int = 200) -> None:
        clock = Clock("0-0:1.0.0", time=lambda: date_time.encode(0))
        self.text = DataClass("0-0:96.13.0", value=VALUE, access={"value": Access.READ_WRITE})
        things = [clock, self.text, Register("1-0:1.8.0", value=axdr.u32(5009), scaler_unit=(0, 30))]
        server = Server({1: LogicalDevice(b"MBE", things, open_profile(PASSWORD))})
        session = server.session(1, 1, 2000)
        assert session is not None
        self.session: Session = session
        proposal = initiate.InitiateRequest(None, None, None, 6, conformance, max_pdu).build()
        aarq = acse.AARQ.propose(Context.LOGICAL_NAME, proposal, mechanism=Mechanism.LOW, authentication=PASSWORD)
        (answer,) = session.receive(aarq.build(), 0)
        assert acse.AARE.parse(answer).result == acse.Result.ACCEPTED

    def say(self, frame: Frame | bytes, now: int = 0) -> list[Frame]:
        octets = frame if isinstance(frame, bytes) else frame.build()
        return [apdu.parse(answer) for answer in self.session.receive(octets, now)]

    def blocks(self, frame: Frame | bytes, now: int = 0) -> list[GeneralBlock]:
        return [answer for answer in self.say(frame, now) if isinstance(answer, GeneralBlock)]

    def one(self, frame: Frame | bytes, now: int = 0) -> GeneralBlock:
        (block,) = self.blocks(frame, now)
        return block

    def still_serves(self) -> None:
        (answer,) = self.say(xdlms.GetRequestNormal(INVOKE, xdlms.AttributeDescriptor(3, Obis("1-0:1.8.0"), 2)))
        assert answer == xdlms.GetResponseNormal(INVOKE, xdlms.GetDataResult(0, axdr.u32(5009)))


@pytest.fixture
def talk() -> Talk:
    return Talk()


def request(number: int, raw: bytes, *, last: bool = False, streaming: bool = False, ack: int = 0, window: int = 1) -> GeneralBlock:
    return GeneralBlock(LAST * last | STREAMING * streaming | window, number, ack, raw)


def in_access(wants: list[access.Want]) -> bytes:
    return AccessRequest(access.LONG_CONFIRMED | 7, b"", [one for one, _ in wants], [data for _, data in wants]).build()


def test_a_long_answer_goes_in_general_blocks(talk: Talk) -> None:
    collected = b""
    blocks = talk.blocks(GET)
    assert [(block.number, block.acknowledged, block.streaming) for block in blocks] == [(1, 0, False)]
    acknowledgement = 0
    while True:
        collected += b"".join(block.raw for block in blocks)
        if blocks[-1].last:
            break
        assert len(blocks) == (3 if acknowledgement else 1)
        acknowledgement += 1
        blocks = talk.blocks(request(acknowledgement, b"", ack=blocks[-1].number, window=3))
        assert all(len(block.build()) <= 200 for block in blocks)
    assert collected == ANSWER
    talk.still_serves()


def test_own_blocks_go_first_where_both_were_agreed() -> None:
    (answer,) = Talk(CONFORMANCE).say(GET)
    assert isinstance(answer, xdlms.GetResponseWithDatablock)
    (answer,) = Talk(CONFORMANCE & ~IN_BLOCKS_OF_THEIR_OWN & ~Conformance.GENERAL_BLOCK_TRANSFER).say(GET)
    assert answer == xdlms.ExceptionResponse(1, 4)


def test_who_is_asked_in_blocks_answers_in_blocks() -> None:
    """However short, and although the service has blocks of its own."""
    talk = Talk(CONFORMANCE)
    answer = talk.one(request(1, GET, last=True))
    assert (answer.number, answer.acknowledged, answer.last, answer.streaming) == (1, 1, False, False)
    assert ANSWER.startswith(answer.raw)
    short = xdlms.GetRequestNormal(INVOKE, xdlms.AttributeDescriptor(3, Obis("1-0:1.8.0"), 2)).build()
    answer = talk.one(request(1, short, last=True))
    assert (answer.number, answer.acknowledged, answer.last) == (1, 1, True)
    assert answer.raw == bytes.fromhex("C401C1000600001391")


def test_a_long_request_in_blocks(talk: Talk) -> None:
    new = axdr.octets(b"new" * 300)
    octets = xdlms.SetRequestNormal(INVOKE, TEXT, None, new).build()
    pieces = [octets[n : n + 150] for n in range(0, len(octets), 150)]
    for number, piece in enumerate(pieces[:-1], 1):
        answer = talk.one(request(number, piece))
        assert (answer.raw, answer.acknowledged, answer.window) == (b"", number, OWN_WINDOW)
    answer = talk.one(request(len(pieces), pieces[-1], last=True))
    assert apdu.parse(answer.raw) == xdlms.SetResponseNormal(INVOKE, 0)
    assert talk.text.value == new


def test_a_request_in_blocks_may_hold_more_values_than_an_apdu(talk: Talk) -> None:
    whole = axdr.array([axdr.null()] * 5000)
    octets = in_access([access.set("0-0:96.13.0", 1, 2, whole)])
    blocks = list(range(0, len(octets), 180))
    for number, at in enumerate(blocks, 1):
        answer = talk.one(request(number, octets[at : at + 180], last=at == blocks[-1], ack=number - 1))
    assert AccessResponse.parse(answer.raw).results == [access.Result(2, xdlms.DataAccessResult.TYPE_UNMATCHED)]


def test_a_stream_is_not_answered_before_its_end(talk: Talk) -> None:
    half = len(GET) // 2
    assert talk.say(request(1, GET[:half], streaming=True)) == []
    assert talk.one(request(2, GET[half:], last=True)).acknowledged == 2


def test_an_unconfirmed_request_is_acknowledged_only(talk: Talk) -> None:
    octets = xdlms.SetRequestNormal(0x81, TEXT, None, axdr.octets(b"x")).build()
    assert talk.one(request(1, octets, last=True)).raw == b""
    assert talk.text.value == axdr.octets(b"x")


def test_access_goes_both_ways_in_blocks() -> None:
    talk = Talk(CONFORMANCE)
    wants = [access.get("0-0:96.13.0", 1, 2), access.set("0-0:96.13.0", 1, 2, VALUE), access.get("1-0:1.8.0", 3, 2)]
    octets = in_access(wants)
    pieces = [octets[n : n + 190] for n in range(0, len(octets), 190)]
    for number, piece in enumerate(pieces[:-1], 1):
        assert talk.one(request(number, piece)).acknowledged == number
    blocks = talk.blocks(request(len(pieces), pieces[-1], last=True, ack=len(pieces) - 1))
    collected = b""
    number = len(pieces)
    while True:
        collected += b"".join(block.raw for block in blocks)
        if blocks[-1].last:
            break
        number += 1
        blocks = talk.blocks(request(number, b"", last=True, ack=blocks[-1].number))
    response = AccessResponse.parse(collected)
    assert response.long_invoke == access.LONG_CONFIRMED | 7
    assert response.data == [VALUE, axdr.null(), axdr.u32(5009)]
    assert [(one.kind, one.result) for one in response.results] == [(1, 0), (2, 0), (1, 0)]


# --- bad-inputs C18


@pytest.mark.dlms("server general block transfer recovery")
def test_a_gap_is_asked_for_and_a_repeat_ignored(talk: Talk) -> None:
    assert talk.say(request(1, GET[:3], streaming=True)) == []
    assert talk.one(request(3, GET[6:], last=True)).acknowledged == 1
    assert talk.say(request(1, GET[:3], streaming=True)) == []
    assert ANSWER.startswith(talk.one(request(2, GET[3:6])).raw)


def test_a_request_repeated_before_its_answer_is_sent_to_the_end(talk: Talk) -> None:
    """It has not been heard that it was heard: the answer begins anew, and nothing is done twice."""
    octets = in_access([access.set("0-0:96.13.0", 1, 2, axdr.octets(b"1" * 500)), access.get("0-0:96.13.0", 1, 2)])
    pieces = [octets[n : n + 190] for n in range(0, len(octets), 190)]
    for number, piece in enumerate(pieces[:-1], 1):
        talk.one(request(number, piece))
    end = request(len(pieces), pieces[-1], last=True, ack=len(pieces) - 1)
    first = talk.one(end)
    talk.text.value = axdr.octets(b"2")
    assert talk.one(end) == first
    assert talk.text.value == axdr.octets(b"2")


def test_the_same_question_asked_again(talk: Talk) -> None:
    """Clients that never change their invoke-id, nor what they acknowledge, are told what holds now."""
    read = request(1, xdlms.GetRequestNormal(INVOKE, xdlms.AttributeDescriptor(1, TEXT.instance_id, 2)).build(), last=True)
    talk.text.value = axdr.octets(b"1")
    assert talk.one(read).raw.endswith(b"1")
    talk.text.value = axdr.octets(b"2")
    assert talk.one(read).raw.endswith(b"2")
    assert talk.one(GeneralBlock(LAST | 1, 1, 22, read.raw)).raw.endswith(b"2")


@pytest.mark.parametrize("block", [
    request(5, b"abc"), request(0xFFFF, b"abc", last=True), request(2, b"abc", ack=9), request(1, b"", ack=0xFFFF, window=63),
    request(3, b"", last=True, ack=2), ABORT, GeneralBlock(0, 0, 0, b""), GeneralBlock(LAST | 63, 1, 0, b""),
])  # fmt: skip
def test_blocks_of_nothing(talk: Talk, block: GeneralBlock) -> None:
    answers = talk.say(block)
    assert len(answers) <= 1
    assert all(isinstance(answer, GeneralBlock) and len(answer.build()) < 20 for answer in answers)
    talk.still_serves()


def test_an_acknowledgement_ahead_does_not_skip(talk: Talk) -> None:
    first = talk.one(GET)
    assert talk.blocks(request(1, b"", ack=700))[0].raw == first.raw


def test_an_abort_is_not_answered(talk: Talk) -> None:
    talk.say(GET)
    assert talk.say(ABORT) == []
    assert talk.say(request(1, b"", ack=1)) == []
    talk.still_serves()


def test_a_transfer_that_stops_is_given_up(talk: Talk) -> None:
    talk.say(request(1, GET[:6]), 0)
    assert talk.one(request(2, GET[6:], last=True), TIME_OUT + 1) == ABORT
    talk.say(request(1, GET[:6]), MINUTE * 9)
    assert ANSWER.startswith(talk.one(request(2, GET[6:], last=True), MINUTE * 10).raw)


def test_a_plain_apdu_ends_a_transfer(talk: Talk) -> None:
    talk.say(request(1, GET[:6]))
    talk.still_serves()
    assert talk.one(request(2, GET[6:], last=True)) == ABORT


def test_where_it_was_not_agreed() -> None:
    talk = Talk(CONFORMANCE & ~Conformance.GENERAL_BLOCK_TRANSFER)
    assert talk.say(request(1, GET, last=True)) == [xdlms.ExceptionResponse(1, 2)]
    talk.session.close()
    assert talk.say(request(1, GET, last=True)) == [xdlms.ExceptionResponse(1, 1)]
    assert Talk().say(bytes.fromhex("E0C1000100")) == [xdlms.ExceptionResponse(1, 3)]


def test_blocks_within_blocks_and_associations_within_blocks(talk: Talk) -> None:
    inner = request(1, GET, last=True).build()
    assert talk.one(request(1, inner, last=True)).raw == b""
    assert apdu.parse(talk.one(request(1, bytes.fromhex("6200"), last=True)).raw) == xdlms.ExceptionResponse(2, 2)
    talk.still_serves()


def test_more_than_a_server_collects(talk: Talk) -> None:
    piece = bytes(180)
    for number in range(1, (4 << 20) // 180 + 1):
        talk.session.receive(request(number, piece, streaming=True).build(), 0)
    assert talk.say(request((4 << 20) // 180 + 1, piece)) == [xdlms.ExceptionResponse(1, 4)]
    talk.still_serves()


# --- notifications


@pytest.mark.dlms("server EventNotification", "server DataNotification")
def test_notifications_to_an_association(talk: Talk) -> None:
    event = xdlms.EventNotificationRequest(None, TEXT, axdr.u8(1))
    assert talk.session.notify(event) == [event.build()]
    long = xdlms.DataNotification(1, b"", VALUE)
    blocks = [GeneralBlock.parse(octets) for octets in talk.session.notify(long)]
    assert {block.window for block in blocks} == {0}
    assert b"".join(block.raw for block in blocks) == long.build()
    with pytest.raises(LocalProtocolError, match="octets"):
        Talk(Conformance.GET | Conformance.DATA_NOTIFICATION).session.notify(long)
    with pytest.raises(LocalProtocolError, match="EventNotificationRequest"):
        Talk(Conformance.GET).session.notify(event)
    talk.session.close()
    with pytest.raises(LocalProtocolError):
        talk.session.notify(event)
    assert talk.say(xdlms.DataNotificationConfirm(1, b"")) == []


@pytest.mark.dlms("server DataNotification confirmed")
def test_a_notification_that_was_confirmed(talk: Talk) -> None:
    note = xdlms.DataNotification(access.LONG_CONFIRMED | 5, b"", axdr.u8(1))
    assert talk.session.notify(note) == [note.build()]
    assert talk.session.confirmed is None
    assert talk.say(bytes.fromhex("104000")) == []
    assert talk.session.confirmed is None
    assert talk.say(xdlms.DataNotificationConfirm(note.long_invoke, b"")) == []
    assert talk.session.confirmed == note.long_invoke


# --- long answers


def year(rows: int) -> tuple[Server, Callable[[], Data]]:
    """A meter with a half-hourly log."""
    clock = Clock("0-0:1.0.0", time=lambda: date_time.encode(0))
    energy = Register("1-0:1.8.0", value=axdr.u32(0), scaler_unit=(0, 30))
    profile = ProfileGeneric("1-0:99.1.0", columns=(Column(clock), Column(energy)), profile_entries=rows)
    for number in range(rows):
        profile.append((axdr.octets(date_time.encode(number * 30 * MINUTE)), axdr.u32(number)))
    server = Server({1: LogicalDevice(b"MBE", [clock, energy, profile], open_profile(PASSWORD))})
    return server, lambda: profile.buffer


@pytest.mark.parametrize("conformance", [CONFORMANCE, GENERAL])
def test_a_log_of_thirteen_months_is_not_built_to_be_sent(conformance: Conformance) -> None:
    """19,056 rows are 400 kB. While they go, a reference to each is held, and a window of blocks: nothing is copied."""
    server, whole = year(19_056)
    session = server.session(16, 1, 1024)
    assert session is not None
    proposal = initiate.InitiateRequest(None, None, None, 6, conformance, 1024).build()
    session.receive(acse.AARQ.propose(Context.LOGICAL_NAME, proposal).build(), 0)
    expected = b"\xc4\x01\xc1\x00" * (conformance == GENERAL) + whole().build()
    log = xdlms.AttributeDescriptor(7, Obis("1-0:99.1.0"), 2)
    tracemalloc.start()
    answers = session.receive(xdlms.GetRequestNormal(INVOKE, log).build(), 0)
    position = 0
    acknowledgements = iter(range(1, 0xFFFF))
    try:
        last = False
        while not last:
            for octets in answers:
                frame = apdu.parse(octets)
                if isinstance(frame, GeneralBlock):
                    raw, last, number = frame.raw, frame.last, frame.number
                else:
                    assert isinstance(frame, xdlms.GetResponseWithDatablock)
                    assert isinstance(frame.block.result, bytes)
                    raw, last, number = frame.block.result, bool(frame.block.last), frame.block.number
                assert expected[position : position + len(raw)] == raw
                position += len(raw)
            general = request(next(acknowledgements), b"", ack=number, window=8)
            following = general if conformance == GENERAL else xdlms.GetRequestNext(INVOKE, number)
            answers = session.receive(following.build(), 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert position == len(expected)
    assert len(expected) > 380_000
    assert peak < 250_000
