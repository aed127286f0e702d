"""Sessions of a server, APDU by APDU: associations, services, blocks, and the right answer to each bad request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.codec import Frame
from protocols.core.errors import LocalProtocolError
from protocols.dlms import access, acse, apdu, axdr, initiate, xdlms
from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import (
    Access,
    AccessError,
    Clock,
    Column,
    DisconnectControl,
    ProfileGeneric,
    PushSetup,
    Reference,
    Register,
    Unit,
    date_time,
)
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.general_block import GeneralBlock
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice, Server, Session, open_profile
from protocols.dlms.xdlms import ActionResult, AttributeDescriptor, DataAccessResult, Datablock, MethodDescriptor

INVOKE = 0xC1
PASSWORD = b"12345678"
SECOND = 1_000_000_000
FULL = 0x7E1F  # the conformance of the published AARQ: every classic logical-name service

TEXT = AttributeDescriptor(1, Obis("0-0:96.13.0"), 2)
ENERGY = AttributeDescriptor(3, Obis("1-0:1.8.0"), 2)
LONG = AttributeDescriptor(1, Obis("0-0:96.14.0"), 2)
NOT_HERE = AttributeDescriptor(3, Obis("1-0:99.99.99"), 2)
DISCONNECT = MethodDescriptor(70, Obis("0-0:96.3.10"), 1)


@dataclass
class Home:
    """A server with one meter and one gas meter, and what happened to them."""

    happened: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = Clock("0-0:1.0.0", time=lambda: date_time.encode(0), on={"time": self.happened.append})
        energy = Register("1-0:1.8.0", value=lambda: axdr.u32(5009), scaler_unit=(0, Unit.WATT_HOUR))
        self.text = DataClass("0-0:96.13.0", value=axdr.octets(b"old"), access={"value": Access.READ_WRITE})
        self.limit = DataClass("0-0:96.15.0", value=axdr.u8(5), access={"value": Access.READ_WRITE}, on={"value": at_most_9})
        long = DataClass("0-0:96.14.0", value=axdr.octets(bytes(range(256)) * 8))
        profile = ProfileGeneric("1-0:99.1.0", columns=(Column(clock), Column(energy)), profile_entries=48)
        for number in range(48):
            profile.append((axdr.octets(date_time.encode(number * 1800 * SECOND)), axdr.u32(number)))
        self.switch = DisconnectControl("0-0:96.3.10", on={"remote_disconnect": self.happened.append})
        self.push = PushSetup("0-0:25.9.0", push_object_list=[Reference.to(energy, 2).data],
                              send_destination_and_method=(0, b"", 0))  # fmt: skip
        things = [clock, energy, self.text, self.limit, long, profile, self.switch, self.push]
        self.meter = LogicalDevice(b"MBE0000000000001", things, open_profile(PASSWORD))
        self.server = Server({1: self.meter, 2: LogicalDevice(b"MBG0000000000002", (), open_profile(PASSWORD))})

    def session(self, client: int = 1, server: int = 1, path_limit: int = 1024) -> Session:
        session = self.server.session(client, server, path_limit)
        assert session is not None
        return session

    def associated(
        self, client: int = 1, *, path_limit: int = 1024, conformance: int = FULL, max_pdu: int = 0xFFFF
    ) -> Session:
        session = self.session(client, path_limit=path_limit)
        secured = client == 1
        aare = associate(session, mechanism=Mechanism.LOW if secured else Mechanism.LOWEST,
                         conformance=conformance, max_pdu=max_pdu)  # fmt: skip
        assert aare.result == acse.Result.ACCEPTED
        return session


def at_most_9(value: Data) -> None:
    if value.value > 9:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)


def aarq(
    *, mechanism: Mechanism = Mechanism.LOW, password: bytes = PASSWORD, context: Context = Context.LOGICAL_NAME,
    version: int = 6, conformance: int = FULL, max_pdu: int = 0xFFFF,
) -> acse.AARQ:  # fmt: skip
    proposal = initiate.InitiateRequest(None, None, None, version, conformance, max_pdu).build()
    return acse.AARQ.propose(context, proposal, mechanism=mechanism, authentication=password)


def associate(session: Session, now: int = 0, **options: Any) -> acse.AARE:
    (answer,) = session.receive(aarq(**options).build(), now)
    return acse.AARE.parse(answer)


def ask(session: Session, request: Frame | str) -> Frame | None:
    answers = session.receive(bytes.fromhex(request) if isinstance(request, str) else request.build(), 0)
    assert len(answers) <= 1
    return apdu.parse(answers[0]) if answers else None


def exception(state: int, service: int) -> xdlms.ExceptionResponse:
    return xdlms.ExceptionResponse(state, service)


def got(session: Session, attribute: AttributeDescriptor, selection: xdlms.SelectiveAccess | None = None) -> Data | int:
    answer = ask(session, xdlms.GetRequestNormal(INVOKE, attribute, selection))
    assert isinstance(answer, xdlms.GetResponseNormal)
    assert answer.invoke == INVOKE
    return answer.result.value


def put(session: Session, attribute: AttributeDescriptor, value: Data) -> int:
    answer = ask(session, xdlms.SetRequestNormal(INVOKE, attribute, None, value))
    assert isinstance(answer, xdlms.SetResponseNormal)
    return answer.result


@pytest.fixture
def home() -> Home:
    return Home()


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


# --- GET


@pytest.mark.dlms("server GET normal")
def test_published_get(home: Home) -> None:
    """The Green Book's GET.response of 5009 (u9n/dlms-cosem, test_get.py), from a register of ours."""
    answers = home.associated(16).receive(bytes.fromhex("C001C100030100010800FF0200"), 0)
    assert answers == [bytes.fromhex("C401C1000600001391")]


@pytest.mark.parametrize("attribute, result", [
    (NOT_HERE, DataAccessResult.OBJECT_UNDEFINED),
    (AttributeDescriptor(1, Obis("1-0:1.8.0"), 2), DataAccessResult.OBJECT_CLASS_INCONSISTENT),
    (AttributeDescriptor(3, Obis("1-0:1.8.0"), 200 - 256), DataAccessResult.READ_WRITE_DENIED),
    (AttributeDescriptor(3, Obis("1-0:1.8.0"), 4), DataAccessResult.READ_WRITE_DENIED),
])  # fmt: skip
def test_gets_that_are_refused(home: Home, attribute: AttributeDescriptor, result: DataAccessResult) -> None:
    session = home.associated()
    assert got(session, attribute) == result
    assert put(session, attribute, axdr.null()) == result


@pytest.mark.dlms("server GET attribute 0")
def test_all_attributes_at_once(home: Home) -> None:
    """attribute_id 0: a structure of all, null-data where reading is denied; only where that was agreed."""
    every = AttributeDescriptor(3, Obis("1-0:1.8.0"), 0)
    expected = axdr.structure(
        axdr.octets(Obis("1-0:1.8.0")), axdr.u32(5009), axdr.structure(axdr.i8(0), axdr.enum(Unit.WATT_HOUR))
    )
    assert got(home.associated(), every) == expected
    own = got(home.associated(), AttributeDescriptor(15, Obis("0-0:40.0.0"), 0))
    assert isinstance(own, Data)
    assert own.value[6] == axdr.null()  # the secret
    assert got(home.associated(conformance=Conformance.GET), every) == DataAccessResult.READ_WRITE_DENIED


@pytest.mark.dlms("server SET attribute 0")
def test_writing_all_attributes_at_once(home: Home) -> None:
    every = AttributeDescriptor(1, Obis("0-0:96.13.0"), 0)
    new = axdr.structure(axdr.null(), axdr.octets(b"new"))
    session = home.associated(conformance=FULL)
    assert put(session, every, new) == DataAccessResult.READ_WRITE_DENIED
    session = home.associated(conformance=FULL | Conformance.ATTRIBUTE0_SUPPORTED_WITH_SET)
    name = axdr.octets(every.instance_id)
    for value, result in (
        (axdr.structure(name, axdr.octets(b"new")), DataAccessResult.READ_WRITE_DENIED),
        (axdr.structure(axdr.octets(b"new")), DataAccessResult.TYPE_UNMATCHED),
        (axdr.octets(b"new"), DataAccessResult.TYPE_UNMATCHED),
        (axdr.structure(axdr.null(), axdr.u8(1)), DataAccessResult.TYPE_UNMATCHED),
    ):
        assert put(session, every, value) == result
        assert home.text.value == axdr.octets(b"old")
    assert put(session, every, new) == DataAccessResult.SUCCESS
    assert home.text.value == axdr.octets(b"new")


@pytest.mark.dlms("server GET selection by entry")
def test_selective_access(home: Home) -> None:
    profile = AttributeDescriptor(7, Obis("1-0:99.1.0"), 2)
    entries = xdlms.SelectiveAccess(2, axdr.structure(axdr.u32(3), axdr.u32(4), axdr.u16(2), axdr.u16(0)))
    expected = axdr.array([axdr.structure(axdr.u32(2)), axdr.structure(axdr.u32(3))])
    assert got(home.associated(), profile, entries) == expected
    assert got(home.associated(), ENERGY, entries) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    without = home.associated(conformance=Conformance.GET)
    assert got(without, profile, entries) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


@pytest.mark.dlms("server GET with-list")
@pytest.mark.parametrize("count", [0, 2, 255])
def test_a_list_gives_each_its_own_result(home: Home, count: int) -> None:
    session = home.associated(path_limit=0xFFFF)
    items = [xdlms.AttributeWithSelection(NOT_HERE if number == 1 else ENERGY) for number in range(count)]
    answer = ask(session, xdlms.GetRequestWithList(INVOKE, items))
    assert isinstance(answer, xdlms.GetResponseWithList)
    results = [xdlms.GetDataResult(0, axdr.u32(5009))] * count
    if count:
        results[1] = xdlms.GetDataResult(1, DataAccessResult.OBJECT_UNDEFINED)
    assert answer.results == results


def test_a_list_that_is_too_long(home: Home) -> None:
    session = home.associated(path_limit=0xFFFF)
    attributes = [xdlms.AttributeWithSelection(TEXT)] * 256
    assert ask(session, xdlms.GetRequestWithList(INVOKE, attributes)) == exception(1, 4)
    assert ask(session, xdlms.SetRequestWithList(INVOKE, attributes, [axdr.octets(b"x")] * 256)) == exception(1, 4)
    assert ask(session, xdlms.ActionRequestWithList(INVOKE, [DISCONNECT] * 256, [axdr.i8(0)] * 256)) == exception(1, 4)
    assert (home.text.value, home.happened) == (axdr.octets(b"old"), [])


def blocks(session: Session, answer: Frame | None) -> bytes:
    raw = b""
    while True:
        assert isinstance(answer, xdlms.GetResponseWithDatablock)
        assert isinstance(answer.block.result, bytes)
        raw += answer.block.result
        if answer.block.last:
            return raw
        answer = ask(session, xdlms.GetRequestNext(INVOKE, answer.block.number))


@pytest.mark.dlms("server GET next")
@pytest.mark.parametrize("path_limit", [64, 65, 1000, 2000])
def test_a_long_get_comes_in_blocks(home: Home, path_limit: int) -> None:
    session = home.associated(path_limit=path_limit)
    raw = blocks(session, ask(session, xdlms.GetRequestNormal(INVOKE, LONG)))
    assert raw == axdr.octets(bytes(range(256)) * 8).build()
    both = [xdlms.AttributeWithSelection(LONG), xdlms.AttributeWithSelection(NOT_HERE)]
    raw = blocks(session, ask(session, xdlms.GetRequestWithList(INVOKE, both)))
    assert raw == b"\x02\x00" + axdr.octets(bytes(range(256)) * 8).build() + b"\x01\x04"


def test_get_next_with_a_wrong_number(home: Home) -> None:
    session = home.associated(path_limit=64)
    ask(session, xdlms.GetRequestNormal(INVOKE, LONG))
    for number, result in ((7, DataAccessResult.DATA_BLOCK_NUMBER_INVALID), (1, DataAccessResult.NO_LONG_GET_IN_PROGRESS)):
        answer = ask(session, xdlms.GetRequestNext(INVOKE, number))
        assert answer == xdlms.GetResponseWithDatablock(INVOKE, xdlms.GetDatablock(1, number, 1, result))


def test_a_long_get_without_blocks(home: Home) -> None:
    session = home.associated(path_limit=64, conformance=Conformance.GET)
    assert ask(session, xdlms.GetRequestNormal(INVOKE, LONG)) == exception(1, 4)
    assert ask(session, xdlms.GetRequestNext(INVOKE, 1)) == exception(1, 2)


# --- SET


@pytest.mark.parametrize("attribute, value, result", [
    (TEXT, axdr.visible("new"), DataAccessResult.TYPE_UNMATCHED),
    (AttributeDescriptor(1, Obis("0-0:96.15.0"), 2), axdr.u8(10), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
    (ENERGY, axdr.u32(0), DataAccessResult.READ_WRITE_DENIED),
    (AttributeDescriptor(3, Obis("1-0:1.8.0"), 3), axdr.structure(axdr.i8(0), axdr.enum(30)), DataAccessResult.READ_WRITE_DENIED),
])  # fmt: skip
def test_sets_that_are_refused(
    home: Home, attribute: AttributeDescriptor, value: Data, result: DataAccessResult
) -> None:
    session = home.associated()
    before = got(session, attribute)
    assert put(session, attribute, value) == result
    assert got(session, attribute) == before


@pytest.mark.dlms("server SET normal")
def test_set(home: Home) -> None:
    session = home.associated()
    assert put(session, TEXT, axdr.octets(b"new")) == DataAccessResult.SUCCESS
    assert got(session, TEXT) == axdr.octets(b"new")


def test_published_set_of_a_clock(home: Home) -> None:
    """u9n/dlms-cosem, test_set.py."""
    answer = ask(home.associated(), "C101C100080000010000FF0200090C07E50118FF0E303950FFC400")
    assert answer == xdlms.SetResponseNormal(0xC1, 0)
    assert home.happened == [axdr.octets(bytes.fromhex("07E50118FF0E303950FFC400"))]


def test_an_unknown_type_is_unmatched(home: Home) -> None:
    session = home.associated()
    assert ask(session, "C101C1 00010000600D00FF02 00 7F") == xdlms.SetResponseNormal(0xC1, 12)
    assert ask(session, "C301C1 004600006003 0AFF01 01 7F") == xdlms.ActionResponseNormal(0xC1, xdlms.ActionResponse(12))
    assert (home.text.value, home.happened) == (axdr.octets(b"old"), [])


@pytest.mark.dlms("server unconfirmed requests")
def test_an_unconfirmed_set_is_not_answered(home: Home) -> None:
    session = home.associated()
    assert ask(session, xdlms.SetRequestNormal(0x81, TEXT, None, axdr.octets(b"new"))) is None
    assert home.text.value == axdr.octets(b"new")


@pytest.mark.dlms("server high priority")
@pytest.mark.parametrize("invoke", [0x41, 0xC1, 0x4F])
def test_the_priority_comes_back(home: Home, invoke: int) -> None:
    """Requests are answered in the order they come, whatever their priority; it comes back with the invoke-id."""
    answer = ask(home.associated(), xdlms.GetRequestNormal(invoke, ENERGY))
    assert answer == xdlms.GetResponseNormal(invoke, xdlms.GetDataResult(0, axdr.u32(5009)))


@pytest.mark.dlms("server SET with-list")
def test_set_with_list(home: Home) -> None:
    session = home.associated()
    items = [xdlms.AttributeWithSelection(one) for one in (TEXT, NOT_HERE, ENERGY)]
    values = [axdr.octets(b"new"), axdr.u8(0), axdr.u32(0)]
    answer = ask(session, xdlms.SetRequestWithList(INVOKE, items, values))
    assert answer == xdlms.SetResponseWithList(INVOKE, [0, 4, 3])
    assert ask(session, xdlms.SetRequestWithList(INVOKE, items, values[:2])) == exception(1, 3)


def set_first(last: int, number: int, raw: bytes) -> xdlms.SetRequestWithFirstDatablock:
    return xdlms.SetRequestWithFirstDatablock(INVOKE, TEXT, None, Datablock(last, number, raw))


def set_next(last: int, number: int, raw: bytes) -> xdlms.SetRequestWithDatablock:
    return xdlms.SetRequestWithDatablock(INVOKE, Datablock(last, number, raw))


@pytest.mark.dlms("server SET with-first-block")
def test_set_in_blocks(home: Home) -> None:
    session = home.associated()
    value = axdr.octets(b"n" * 40)
    assert ask(session, set_first(0, 1, value.build()[:20])) == xdlms.SetResponseDatablock(INVOKE, 1)
    assert home.text.value == axdr.octets(b"old")
    assert ask(session, set_next(0, 2, value.build()[20:21])) == xdlms.SetResponseDatablock(INVOKE, 2)
    assert ask(session, set_next(1, 3, value.build()[21:])) == xdlms.SetResponseLastDatablock(INVOKE, 0, 3)
    assert home.text.value == value
    assert ask(session, set_next(1, 4, b"")) == xdlms.SetResponseLastDatablock(INVOKE, 18, 4)


@pytest.mark.dlms("server SET with-list-and-first-block")
def test_set_with_list_in_blocks(home: Home) -> None:
    session = home.associated()
    items = [xdlms.AttributeWithSelection(TEXT), xdlms.AttributeWithSelection(ENERGY)]
    raw = b"\x02" + axdr.octets(b"new").build() + axdr.u32(1).build()
    first = xdlms.SetRequestWithListAndFirstDatablock(INVOKE, items, Datablock(0, 1, raw[:4]))
    assert ask(session, first) == xdlms.SetResponseDatablock(INVOKE, 1)
    assert ask(session, set_next(1, 2, raw[4:])) == xdlms.SetResponseLastDatablockWithList(INVOKE, [0, 3], 2)
    assert home.text.value == axdr.octets(b"new")


@pytest.mark.parametrize("raw", [b"\x01" + axdr.octets(b"new").build(), b"\x02\x09\x05new"], ids=["one of two", "cut"])
def test_set_with_list_in_blocks_that_do_not_fit(home: Home, raw: bytes) -> None:
    items = [xdlms.AttributeWithSelection(TEXT), xdlms.AttributeWithSelection(ENERGY)]
    first = xdlms.SetRequestWithListAndFirstDatablock(INVOKE, items, Datablock(1, 1, raw))
    answer = ask(home.associated(), first)
    assert answer == xdlms.SetResponseLastDatablockWithList(INVOKE, [12, 12], 1)
    assert home.text.value == axdr.octets(b"old")


@pytest.mark.parametrize("number", [1, 3, 0, 2**32 - 1], ids=["repeated", "ahead", "zero", "far"])
def test_set_blocks_out_of_order_write_nothing(home: Home, number: int) -> None:
    session = home.associated()
    raw = axdr.octets(b"new").build()
    ask(session, set_first(0, 1, raw[:2]))
    assert ask(session, set_next(1, number, raw[2:])) == xdlms.SetResponseLastDatablock(INVOKE, 19, number)
    assert ask(session, set_next(1, 2, raw[2:])) == xdlms.SetResponseLastDatablock(INVOKE, 17, 2)
    assert home.text.value == axdr.octets(b"old")


def test_a_set_whose_last_block_never_comes(home: Home) -> None:
    session = home.associated()
    ask(session, set_first(0, 1, axdr.octets(b"new").build()[:2]))
    assert put(session, AttributeDescriptor(1, Obis("0-0:96.15.0"), 2), axdr.u8(6)) == 0
    assert ask(session, set_next(1, 2, b"new")) == xdlms.SetResponseLastDatablock(INVOKE, 17, 2)
    assert home.text.value == axdr.octets(b"old")


def test_a_set_in_blocks_that_is_no_value(home: Home) -> None:
    session = home.associated()
    for raw in (b"", b"\x09\x09new", b"\x7f", b"\x09\x03new\x00"):
        assert ask(session, set_first(1, 1, raw)) == xdlms.SetResponseLastDatablock(INVOKE, 12, 1)
    assert home.text.value == axdr.octets(b"old")


# --- ACTION


@pytest.mark.dlms("server ACTION normal")
def test_action(home: Home) -> None:
    session = home.associated()
    answer = ask(session, xdlms.ActionRequestNormal(INVOKE, DISCONNECT, axdr.i8(0)))
    assert answer == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(0))
    assert home.switch.control_state == axdr.enum(0)
    assert home.happened == [axdr.i8(0)]


@pytest.mark.parametrize("method, argument, result", [
    (MethodDescriptor(70, Obis("0-0:96.3.99"), 1), axdr.i8(0), ActionResult.OBJECT_UNDEFINED),
    (MethodDescriptor(1, Obis("0-0:96.3.10"), 1), axdr.i8(0), ActionResult.OBJECT_CLASS_INCONSISTENT),
    (MethodDescriptor(70, Obis("0-0:96.3.10"), 3), axdr.i8(0), ActionResult.READ_WRITE_DENIED),
    (MethodDescriptor(3, Obis("1-0:1.8.0"), 1), axdr.i8(0), ActionResult.READ_WRITE_DENIED),
    (DISCONNECT, axdr.u8(0), ActionResult.TYPE_UNMATCHED),
    (DISCONNECT, None, ActionResult.TYPE_UNMATCHED),
])  # fmt: skip
def test_actions_that_are_refused(
    home: Home, method: MethodDescriptor, argument: Data | None, result: ActionResult
) -> None:
    answer = ask(home.associated(), xdlms.ActionRequestNormal(INVOKE, method, argument))
    assert answer == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(result))
    assert home.happened == []


@pytest.mark.dlms("server ACTION with-list")
def test_action_with_list(home: Home) -> None:
    methods = [DISCONNECT, MethodDescriptor(3, Obis("1-0:1.8.0"), 1)]
    session = home.associated()
    answer = ask(session, xdlms.ActionRequestWithList(INVOKE, methods, [axdr.i8(0)] * 2))
    assert answer == xdlms.ActionResponseWithList(INVOKE, [xdlms.ActionResponse(0), xdlms.ActionResponse(3)])
    assert ask(session, xdlms.ActionRequestWithList(INVOKE, methods, [axdr.i8(0)])) == exception(1, 3)


@pytest.mark.dlms("server ACTION with-first-block")
def test_action_in_blocks(home: Home) -> None:
    session = home.associated()
    first = xdlms.ActionRequestWithFirstPblock(INVOKE, DISCONNECT, Datablock(0, 1, b"\x0f"))
    assert ask(session, first) == xdlms.ActionResponseNextPblock(INVOKE, 1)
    assert home.happened == []
    last = xdlms.ActionRequestWithPblock(INVOKE, Datablock(1, 2, b"\x00"))
    assert ask(session, last) == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(0))
    assert home.happened == [axdr.i8(0)]
    assert ask(session, last) == xdlms.ActionResponseNormal(
        INVOKE, xdlms.ActionResponse(ActionResult.NO_LONG_ACTION_IN_PROGRESS)
    )


def test_action_blocks_out_of_order_do_nothing(home: Home) -> None:
    session = home.associated()
    ask(session, xdlms.ActionRequestWithFirstPblock(INVOKE, DISCONNECT, Datablock(0, 1, b"\x0f")))
    answer = ask(session, xdlms.ActionRequestWithPblock(INVOKE, Datablock(1, 3, b"\x00")))
    assert answer == xdlms.ActionResponseNormal(INVOKE, xdlms.ActionResponse(ActionResult.LONG_ACTION_ABORTED))
    assert home.happened == []


def test_action_next_with_nothing_to_fetch(home: Home) -> None:
    answer = ask(home.associated(), xdlms.ActionRequestNextPblock(INVOKE, 1))
    assert answer == xdlms.ActionResponseNormal(
        INVOKE, xdlms.ActionResponse(ActionResult.NO_LONG_ACTION_IN_PROGRESS)
    )


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
    assert note == bytes.fromhex("0F20000001" "00" "0201" "0600001391")
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
