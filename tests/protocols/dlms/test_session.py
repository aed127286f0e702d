"""Sessions of a server: their limits, what every logical device has, and the right answer to each bad request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError
from protocols.dlms import access, acse, apdu, axdr, xdlms
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import (
    Access,
    date_time,
)
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.general_block import GeneralBlock
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice
from protocols.dlms.xdlms import ActionResult, AttributeDescriptor, DataAccessResult, Datablock, MethodDescriptor
from tests.protocols.dlms.home import (
    DISCONNECT,
    ENERGY,
    INVOKE,
    LONG,
    TEXT,
    Home,
    aarq,
    ask,
    exception,
    got,
    put,
    set_first,
    set_next,
)

# --- sessions


def test_no_answer_is_larger_than_agreed(home: Home) -> None:
    session = home.associated(max_pdu=100)
    answers = session.receive(xdlms.GetRequestNormal(INVOKE, LONG).build(), 0)
    while (frame := apdu.parse(answers[-1])) and isinstance(frame, xdlms.GetResponseWithDatablock):
        if frame.block.last:
            break
        answers += session.receive(xdlms.GetRequestNext(INVOKE, frame.block.number).build(), 0)
    assert max(len(answer) for answer in answers) <= 100
    assert len(answers) > 20


def test_a_closed_connection_ends_the_association(home: Home) -> None:
    session = home.associated(path_limit=64)
    ask(session, xdlms.GetRequestNormal(INVOKE, LONG))
    session.close()
    assert ask(session, xdlms.GetRequestNext(INVOKE, 1)) == exception(1, 1)


def test_sessions_do_not_know_each_other(home: Home) -> None:
    home.associated()
    assert ask(home.session(), xdlms.GetRequestNormal(INVOKE, ENERGY)) == exception(1, 1)


def test_nobody_at_the_sap(home: Home) -> None:
    assert home.server.session(16, 9, 1024) is None
    with pytest.raises(LocalProtocolError):
        home.server.session(16, 1, 63)


# --- what every logical device has


@pytest.mark.dlms("class 17 attribute 2")
def test_names_and_sap_assignment(home: Home) -> None:
    session = home.associated(16)
    assert got(session, AttributeDescriptor(1, Obis("0-0:42.0.0"), 2)) == axdr.octets(b"MBE0000000000001")
    saps = got(session, AttributeDescriptor(17, Obis("0-0:41.0.0"), 2))
    assert saps == axdr.array([
        axdr.structure(axdr.u16(1), axdr.octets(b"MBE0000000000001")),
        axdr.structure(axdr.u16(2), axdr.octets(b"MBG0000000000002")),
    ])  # fmt: skip
    home.server.add(3, LogicalDevice(b"third"))
    listed = got(session, AttributeDescriptor(17, Obis("0-0:41.0.0"), 2))
    assert isinstance(listed, Data)
    assert len(listed.value) == 3


@pytest.mark.dlms(
    "class 15 attribute 3", "class 15 attribute 4", "class 15 attribute 5", "class 15 attribute 6", "class 15 attribute 8",
    "class 15 attribute 9",
)  # fmt: skip
def test_the_association_describes_itself(home: Home) -> None:
    session = home.associated(path_limit=300)
    read = [got(session, AttributeDescriptor(15, Obis("0-0:40.0.0"), number)) for number in range(3, 10)]
    assert read == [
        axdr.structure(axdr.i8(1), axdr.u16(1)),
        axdr.octets(bytes.fromhex("60857405080101")),
        axdr.structure(
            axdr.bits("000000000111111000011111"), axdr.u16(300), axdr.u16(300), axdr.u8(6), axdr.i8(0), axdr.octets(b"")
        ),
        axdr.octets(bytes.fromhex("60857405080201")),
        DataAccessResult.READ_WRITE_DENIED,
        axdr.enum(2),
        axdr.octets(bytes(6)),
    ]  # fmt: skip


@pytest.mark.parametrize("client", [1, 16])
def test_the_object_list_is_true(home: Home, client: int) -> None:
    """Every right that the list shows is the right that a request meets."""
    session = home.associated(client, path_limit=0xFFFF)
    listed = got(session, AttributeDescriptor(15, Obis("0-0:40.0.0"), 2))
    assert isinstance(listed, Data)
    assert len(listed.value) == 13  # the two associations among them
    for line in listed.value:
        class_id, _version, name, (attributes, methods) = *(item.value for item in line.value[:3]), line.value[3].value
        for number, mode, _selectors in (right.value for right in attributes.value):
            attribute = AttributeDescriptor(class_id, name, number.value)
            value = got(session, attribute)
            assert (value != DataAccessResult.READ_WRITE_DENIED) == bool(mode.value & Access.READ), attribute
            denied = put(session, attribute, axdr.null()) == DataAccessResult.READ_WRITE_DENIED
            assert denied != bool(mode.value & Access.WRITE), attribute
        for number, mode in (right.value for right in methods.value):
            method = MethodDescriptor(class_id, name, number.value)
            answer = ask(session, xdlms.ActionRequestNormal(INVOKE, method, axdr.bits("1")))
            assert isinstance(answer, xdlms.ActionResponseNormal)
            assert (answer.response.result != ActionResult.READ_WRITE_DENIED) == bool(mode.value), method


def test_the_open_profile_reads_and_writes_nothing(home: Home) -> None:
    session = home.associated(16)
    assert put(session, TEXT, axdr.octets(b"new")) == DataAccessResult.READ_WRITE_DENIED
    answer = ask(session, xdlms.ActionRequestNormal(INVOKE, DISCONNECT, axdr.i8(0)))
    assert answer == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(ActionResult.READ_WRITE_DENIED))
    assert (home.text.value, home.happened) == (axdr.octets(b"old"), [])


# --- what is no request


@pytest.mark.dlms("server exception-response")
def test_before_any_association(home: Home) -> None:
    session = home.session()
    for request in (xdlms.GetRequestNormal(INVOKE, ENERGY), xdlms.SetRequestNormal(INVOKE, TEXT, None, axdr.octets(b"new")),
                    xdlms.ActionRequestNormal(INVOKE, DISCONNECT, axdr.i8(0))):  # fmt: skip
        assert ask(session, request) == exception(1, 1)
    assert (home.text.value, home.happened) == (axdr.octets(b"old"), [])


@pytest.mark.parametrize("octets", ["FF", "77010203", "D6200000010000", "050102FA08", "C009C1", "C0"])
def test_an_unknown_apdu(home: Home, octets: str) -> None:
    for session in (home.session(), home.associated()):
        assert ask(session, octets) == exception(2, 2)


@pytest.mark.parametrize("octets", ["", "D80101", "C401C1000600001391", "6303800100", "C501C100", "0E010600", "0F00000001000005"])
def test_answers_are_not_answered(home: Home, octets: str) -> None:
    for session in (home.session(), home.associated()):
        assert ask(session, octets) is None


@pytest.mark.parametrize("octets", ["C001C1", "C001C100010000", "C001C100010000600D00FF0203", "C101C100010000600D00FF02000905",
                                    "C003C1847FFFFFFF", "C101C100010000600D00FF020001 82FFFF 00"])  # fmt: skip
def test_a_damaged_request(home: Home, octets: str) -> None:
    assert ask(home.associated(), octets) == exception(1, 3)


def test_too_many_values(home: Home) -> None:
    session = home.associated(path_limit=0xFFFF)
    nulls = axdr.array([axdr.null()] * 65_000).build()
    answers = session.receive(bytes.fromhex("C101C100010000600D00FF0200") + nulls, 0)
    assert answers == [exception(1, 4).build()]


def test_an_apdu_longer_than_agreed(home: Home) -> None:
    session = home.associated(path_limit=64)
    answer = ask(session, xdlms.SetRequestNormal(INVOKE, TEXT, None, axdr.octets(b"n" * 64)))
    assert answer == exception(1, 4)
    assert home.text.value == axdr.octets(b"old")


def test_a_service_that_was_not_agreed(home: Home) -> None:
    session = home.associated(conformance=Conformance.SET)
    assert ask(session, xdlms.GetRequestNormal(INVOKE, ENERGY)) == exception(1, 2)
    listed = xdlms.SetRequestWithList(INVOKE, [xdlms.AttributeWithSelection(TEXT)], [axdr.octets(b"new")])
    assert ask(session, listed) == exception(1, 2)
    assert home.text.value == axdr.octets(b"old")


REQUESTS = st.sampled_from([
    aarq().build(), acse.RLRQ.of().build(), xdlms.GetRequestNormal(INVOKE, ENERGY).build(), set_first(0, 1, b"\x09").build(),
    xdlms.GetRequestNormal(INVOKE, LONG).build(), xdlms.GetRequestNext(INVOKE, 1).build(), set_next(1, 2, b"\x01x").build(),
    xdlms.SetRequestNormal(INVOKE, TEXT, None, axdr.octets(b"x")).build(), bytes.fromhex("C302C100000001"),
    xdlms.GetRequestWithList(INVOKE, [xdlms.AttributeWithSelection(TEXT)]).build(),
    xdlms.ActionRequestNormal(INVOKE, DISCONNECT, axdr.i8(0)).build(),
    xdlms.ActionRequestWithFirstPblock(INVOKE, DISCONNECT, Datablock(0, 1, b"\x0f")).build(),
    access.AccessRequest(access.LONG_CONFIRMED | access.SELF_DESCRIPTIVE, date_time.encode(0), *map(list, zip(*[
        access.get("0-0:96.13.0", 1, 2), access.set("0-0:96.13.0", 1, 2, axdr.octets(b"x")), access.action("0-0:96.3.10", 70, 1),
    ], strict=True))).build(),
    GeneralBlock(0x83, 1, 0, xdlms.GetRequestNormal(INVOKE, LONG).build()).build(), GeneralBlock(0x01, 1, 0, b"\xc0").build(),
    GeneralBlock(0x82, 2, 1, b"").build(), GeneralBlock(0x80, 0, 0, b"").build(),
])  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A request with some of its octets changed, cut, or followed by others."""
    octets = bytearray(draw(REQUESTS))
    for _ in range(draw(st.integers(0, 3))):
        octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets[: draw(st.integers(0, len(octets)))]) + draw(st.binary(max_size=4))


@given(st.lists(st.binary(max_size=80) | damaged() | REQUESTS, max_size=8), st.booleans())
def test_any_octets_are_answered_or_met_with_silence(requests: list[bytes], associated: bool) -> None:
    home = Home()
    session = home.session(path_limit=128)
    if associated:
        session = home.associated(path_limit=128, conformance=0xFFFFFF)
    for request in requests:
        for answer in session.receive(request, 0):
            assert 0 < len(answer) <= 128
            apdu.parse(answer)


# --- notifications


@pytest.mark.dlms("server DataNotification")
def test_a_push_is_a_data_notification(home: Home) -> None:
    note = home.meter.notification(home.push, 0x20000001)
    assert note == bytes.fromhex("0F200000010002010600001391")
    stamped = xdlms.DataNotification.parse(home.meter.notification(home.push, 1, date_time.encode(0)))
    assert date_time.instant(stamped.date_time) == 0


def test_names_are_unique(home: Home) -> None:
    with pytest.raises(LocalProtocolError, match=r"0-0:96\.13\.0"):
        home.meter.add(DataClass("0-0:96.13.0", value=axdr.null()))
    with pytest.raises(LocalProtocolError):
        home.meter.add(DataClass("0-0:40.0.0", value=axdr.null()))
    with pytest.raises(LocalProtocolError):
        home.server.add(1, home.meter)
    with pytest.raises(LocalProtocolError):
        LogicalDevice(b"a name of 17 octs")
