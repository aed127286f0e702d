"""xDLMS services, initiate and ACSE: published vectors, every form of every service, cut and damaged APDUs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.codec import Frame
from protocols.core.codec.engine import interpreted_parse
from protocols.core.errors import DecodeError, EncodeError
from protocols.dlms import access, acse, apdu, axdr, general_block, initiate, short_name, xdlms
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis

DEVICE = xdlms.AttributeDescriptor(1, Obis("0-0:42.0.0"), 2)
TIME = xdlms.AttributeDescriptor(8, Obis("0-0:1.0.0"), 2)
PROFILE = xdlms.AttributeDescriptor(7, Obis("1-0:99.1.0"), 2)
ADJUST = xdlms.MethodDescriptor(8, Obis("0-0:1.0.0"), 1)
BOTH = [xdlms.AttributeWithSelection(DEVICE), xdlms.AttributeWithSelection(TIME)]
ENTRIES = xdlms.SelectiveAccess(2, axdr.structure(axdr.u32(1), axdr.u32(0), axdr.u16(1), axdr.u16(0)))
FIRST = xdlms.Datablock(0, 1, b"\x09\x05abc")
LAST = xdlms.Datablock(1, 2, b"de")
FIVE = xdlms.GetDataResult(0, axdr.u32(5))
UNDEFINED = xdlms.GetDataResult(1, xdlms.DataAccessResult.OBJECT_UNDEFINED)
CLOCK = bytes.fromhex("07E30C130402000000FFC400")
REQUEST = initiate.InitiateRequest(None, None, None, 6, 0x007E1F, 1200)
RESPONSE = initiate.InitiateResponse(None, 6, 0x00501F, 500, 7)

# Octets by the ASN.1 of IEC 62056-5-3 clause 8; pydlms-client 0.1.0 (`decode_apdu`) reads each with these values,
# gurux-dlms 1.0.203 those of them that it has a decoder for.
FORMS: list[tuple[Frame, str]] = [
    (xdlms.GetRequestNormal(0xC1, DEVICE), "c001c1000100002a0000ff0200"),
    (xdlms.GetRequestNormal(0xC1, PROFILE, ENTRIES), "c001c100070100630100ff020102020406000000010600000000120001120000"),
    (xdlms.GetRequestNext(0xC1, 3), "c002c100000003"),
    (xdlms.GetRequestWithList(0xC1, BOTH), "c003c102000100002a0000ff020000080000010000ff0200"),
    (xdlms.GetResponseNormal(0xC1, FIVE), "c401c1000600000005"),
    (xdlms.GetResponseNormal(0xC1, UNDEFINED), "c401c10104"),
    (xdlms.GetResponseWithDatablock(0xC1, xdlms.GetDatablock(0, 1, 0, b"\x09\x05abc")), "c402c1000000000100050905616263"),
    (xdlms.GetResponseWithDatablock(0xC1, xdlms.GetDatablock(1, 2, 1, 19)), "c402c101000000020113"),
    (xdlms.GetResponseWithList(0xC1, [FIVE, UNDEFINED]), "c403c1020006000000050104"),
    (xdlms.SetRequestNormal(0xC1, TIME, None, axdr.octets(CLOCK)), "c101c100080000010000ff0200090c07e30c130402000000ffc400"),
    (xdlms.SetRequestWithFirstDatablock(0xC1, TIME, None, FIRST), "c102c100080000010000ff02000000000001050905616263"),
    (xdlms.SetRequestWithDatablock(0xC1, LAST), "c103c10100000002026465"),
    (
        xdlms.SetRequestWithList(0xC1, BOTH, [axdr.u8(1), axdr.octets(b"")]),
        "c104c102000100002a0000ff020000080000010000ff02000211010900",
    ),
    (
        xdlms.SetRequestWithListAndFirstDatablock(0xC1, BOTH, FIRST),
        "c105c102000100002a0000ff020000080000010000ff02000000000001050905616263",
    ),
    (xdlms.SetResponseNormal(0xC1, 0), "c501c100"),
    (xdlms.SetResponseDatablock(0xC1, 1), "c502c100000001"),
    (xdlms.SetResponseLastDatablock(0xC1, 0, 2), "c503c10000000002"),
    (xdlms.SetResponseLastDatablockWithList(0xC1, [0, 3], 2), "c504c102000300000002"),
    (xdlms.SetResponseWithList(0xC1, [0, 3]), "c505c1020003"),
    (xdlms.ActionRequestNormal(0xC1, ADJUST, axdr.i8(0)), "c301c100080000010000ff01010f00"),
    (xdlms.ActionRequestNormal(0xC1, ADJUST), "c301c100080000010000ff0100"),
    (xdlms.ActionRequestNextPblock(0xC1, 1), "c302c100000001"),
    (
        xdlms.ActionRequestWithList(0xC1, [ADJUST, ADJUST], [axdr.i8(0), axdr.null()]),
        "c303c10200080000010000ff0100080000010000ff01020f0000",
    ),
    (xdlms.ActionRequestWithFirstPblock(0xC1, ADJUST, FIRST), "c304c100080000010000ff010000000001050905616263"),
    (
        xdlms.ActionRequestWithListAndFirstPblock(0xC1, [ADJUST, ADJUST], FIRST),
        "c305c10200080000010000ff0100080000010000ff010000000001050905616263",
    ),
    (xdlms.ActionRequestWithPblock(0xC1, LAST), "c306c10100000002026465"),
    (xdlms.ActionResponseNormal(0xC1, xdlms.ActionResponse(0)), "c701c10000"),
    (xdlms.ActionResponseNormal(0xC1, xdlms.ActionResponse(0, FIVE)), "c701c10001000600000005"),
    (xdlms.ActionResponseWithPblock(0xC1, LAST), "c702c10100000002026465"),
    (
        xdlms.ActionResponseWithList(0xC1, [xdlms.ActionResponse(0, FIVE), xdlms.ActionResponse(3)]),
        "c703c10200010006000000050300",
    ),
    (xdlms.ActionResponseNextPblock(0xC1, 1), "c704c100000001"),
    (xdlms.DataNotification(5, b"", axdr.u8(1)), "0f00000005001101"),
    (xdlms.DataNotification(5, CLOCK, axdr.u8(1)), "0f000000050c07e30c130402000000ffc4001101"),
    (xdlms.DataNotificationConfirm(0x40000005, b""), "104000000500"),
    (xdlms.EventNotificationRequest(None, DEVICE, axdr.u8(1)), "c200000100002a0000ff021101"),
    (xdlms.EventNotificationRequest(CLOCK, DEVICE, axdr.u8(1)), "c2010c07e30c130402000000ffc400000100002a0000ff021101"),
    (xdlms.ExceptionResponse(1, 1), "d80101"),
    (xdlms.ExceptionResponse(2, 6, 100), "d8020600000064"),
    (REQUEST, "01000000065f1f0400007e1f04b0"),
    (RESPONSE, "0800065f1f040000501f01f40007"),
    (initiate.ConfirmedServiceError(1, 6, initiate.InitiateError.DLMS_VERSION_TOO_LOW), "0e010601"),
    (access.AccessRequest(1, b"", [access.Specification(1, DEVICE)], [axdr.null()]), "d900000001000101000100002a0000ff020100"),
    (access.AccessResponse(1, b"", None, [axdr.u8(5)], [access.Result(1, 0)]), "da000000010000011105010100"),
    (general_block.GeneralBlock(0xC1, 1, 0, b"\xc0\x01\x00"), "e0c10001000003c00100"),
    # The short names FA00 (an association's base name) and 0008 are any; pydlms-client reads these likewise.
    (short_name.ReadRequest([short_name.Variable(2, 0xFA08)]), "050102fa08"),
    (short_name.ReadRequest([short_name.Variable(4, short_name.ParameterizedAccess(8, 1, axdr.u8(3)))]), "0501040008011103"),
    (short_name.ReadRequest([short_name.Variable(5, short_name.BlockNumberAccess(2))]), "0501050002"),
    (short_name.ReadRequest([short_name.Variable(6, short_name.ReadDataBlockAccess(1, 2, b"ab"))]), "050106010002026162"),
    (short_name.ReadResponse([short_name.ReadResult(0, axdr.u8(5)), short_name.ReadResult(1, 4)]), "0c020011050104"),
    (short_name.ReadResponse([short_name.ReadResult(2, short_name.DataBlockResult(1, 2, b"ab"))]), "0c0102010002026162"),
    (short_name.ReadResponse([short_name.ReadResult(3, 2)]), "0c01030002"),
    (short_name.WriteRequest([short_name.Variable(2, 8)], [axdr.u8(5)]), "0601020008011105"),
    (
        short_name.WriteRequest([short_name.Variable(7, short_name.WriteDataBlockAccess(0, 1))], [axdr.octets(b"ab")]),
        "0601070000010109026162",
    ),
    (
        short_name.WriteResponse([short_name.WriteResult(0), short_name.WriteResult(1, 3), short_name.WriteResult(2, 1)]),
        "0d03000103020001",
    ),
    (short_name.UnconfirmedWriteRequest([short_name.Variable(2, 8)], [axdr.u8(5)]), "1601020008011105"),
    (short_name.InformationReport(None, [short_name.Variable(2, 8)], [axdr.u8(5)]), "180001020008011105"),
    (
        short_name.InformationReport(b"20261121083000Z", [], []),
        "18010f" + b"20261121083000Z".hex() + "0000",
    ),
]
OCTETS = [bytes.fromhex(octets) for _, octets in FORMS]


@pytest.mark.dlms(
    "server short-name read", "client short-name read", "server short-name write", "client short-name write",
    "server short-name unconfirmed write", "client short-name unconfirmed write", "server short-name information report",
    "client short-name information report", "server short-name parameterized access", "client short-name parameterized access",
)  # fmt: skip
@pytest.mark.parametrize("frame, octets", FORMS, ids=[f"{type(frame).__name__}-{octets[:8]}" for frame, octets in FORMS])
def test_every_form(frame: Frame, octets: str) -> None:
    assert frame.build().hex() == octets
    assert apdu.parse(bytes.fromhex(octets)) == frame


def test_every_frame_has_a_form() -> None:
    assert {type(frame) for frame, _ in FORMS} | {acse.AARQ, acse.AARE, acse.RLRQ, acse.RLRE} == set(apdu.FRAMES)


def test_published_apdus_round_trip(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    for vector in dlms_vectors("xdlms", "initiate", "acse"):
        octets = bytes.fromhex(vector["given"]["hex"])
        assert apdu.parse(octets).build() == octets, vector["id"]


def test_how_many_values_an_apdu_may_hold_is_for_the_reader_to_say() -> None:
    many = xdlms.GetResponseNormal(0xC1, xdlms.GetDataResult(0, axdr.array([axdr.null()] * 5000)))
    octets = many.build()
    with pytest.raises(axdr.TooManyItems):
        apdu.parse(octets)
    with pytest.raises(axdr.TooManyItems):
        apdu.parse(octets, 5000)
    assert apdu.parse(octets, 5001) == many
    assert interpreted_parse(type(many)._record, octets, 0, 5001) == (many, len(octets))


def test_published_services(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    by_id = {vector["id"]: bytes.fromhex(vector["given"]["hex"]) for vector in dlms_vectors("xdlms", "initiate")}
    assert xdlms.GetRequestNormal.parse(by_id["get-normal"]).attribute == xdlms.AttributeDescriptor(1, Obis("0.0.43.1.0.255"), 2)
    assert xdlms.GetRequestNext.parse(by_id["get-next"]).number == 1
    listed = xdlms.GetRequestWithList.parse(by_id["get-list"]).attributes
    assert [item.attribute for item in listed] == [DEVICE, TIME]
    assert xdlms.GetResponseNormal.parse(by_id["get-resp"]).result == xdlms.GetDataResult(0, axdr.u32(5009))
    assert xdlms.GetResponseNormal.parse(by_id["get-resp-err"]).result == xdlms.GetDataResult(1, 1)
    assert xdlms.GetResponseWithDatablock.parse(by_id["get-resp-lastblock-err"]).block == xdlms.GetDatablock(1, 19, 1, 1)
    assert xdlms.SetRequestNormal.parse(by_id["set-normal"]).attribute == TIME
    assert xdlms.ExceptionResponse.parse(by_id["exception"]) == xdlms.ExceptionResponse(1, 1)
    assert xdlms.ExceptionResponse.parse(by_id["exception-ic"]) == xdlms.ExceptionResponse(2, 6, 100)
    notification = xdlms.DataNotification.parse(by_id["data-notification"])
    assert (notification.long_invoke, notification.date_time, notification.body.tag) == (0x1DB, b"", 9)
    assert initiate.InitiateRequest.parse(by_id["init-req"]) == REQUEST
    key = initiate.InitiateRequest.parse(by_id["init-req-ded"]).dedicated_key
    assert key == bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    assert initiate.InitiateResponse.parse(by_id["init-resp"]) == RESPONSE
    quality = initiate.InitiateResponse.parse(by_id["init-resp-q"])
    assert (quality.quality_of_service, quality.max_pdu) == (0, 1224)


def test_published_associations(dlms_vectors: Callable[..., list[dict[str, Any]]]) -> None:
    for vector in dlms_vectors("acse"):
        frame, expect = apdu.parse(bytes.fromhex(vector["given"]["hex"])), vector["expect"]
        if isinstance(frame, acse.RLRQ | acse.RLRE):
            assert frame.body.reason == expect["reason"], vector["id"]
            information = frame.body.user_information
            assert bool(information) == ("initiate_tag" in expect), vector["id"]
            continue
        assert isinstance(frame, acse.AARQ | acse.AARE)
        seen: dict[str, Any] = {
            "context": frame.context,
            "mechanism": frame.mechanism,
            "auth_value": frame.authentication.hex().upper(),
            "initiate_tag": frame.user_information[:1].hex(),
            "user_information": frame.user_information.hex().upper(),
        }
        if isinstance(frame, acse.AARQ):
            seen |= {"calling_title": frame.title.hex().upper()}
        elif frame.body.diagnostic is not None:
            source = frame.body.diagnostic.source - 0xA0
            seen |= {"result": frame.result, "diagnostic": [source, frame.body.diagnostic.value.value]}
        if frame.user_information[:1] in (b"\x01", b"\x08"):
            initial = apdu.parse(frame.user_information)
            assert isinstance(initial, initiate.InitiateRequest | initiate.InitiateResponse)
            seen |= {"conformance": f"{initial.conformance:06X}", "max_pdu": initial.max_pdu}
            seen |= {"vaa": getattr(initial, "vaa_name", None)}
        assert {name: seen[name] for name in expect} == expect, vector["id"]


@pytest.mark.parametrize(
    "built, name",
    [
        (acse.AARQ.propose(acse.Context.LOGICAL_NAME, REQUEST.build()), "aarq-none"),
        (
            acse.AARQ.propose(
                acse.Context.LOGICAL_NAME, REQUEST.build(), mechanism=acse.Mechanism.LOW, authentication=b"12345678"
            ),
            "aarq-lls",
        ),
        (
            acse.AARQ.propose(
                acse.Context.LOGICAL_NAME, REQUEST.build(), mechanism=acse.Mechanism.HIGH_GMAC, authentication=b"K56iVagY"
            ),
            "aarq-hls5",
        ),
        (
            acse.AARE.answer(
                acse.Context.LOGICAL_NAME, acse.Result.ACCEPTED, acse.Diagnostic.NULL, RESPONSE.build()
            ),
            "aare-ok",
        ),
        (
            acse.AARE.answer(
                acse.Context.LOGICAL_NAME, acse.Result.ACCEPTED, acse.Diagnostic.AUTHENTICATION_REQUIRED, RESPONSE.build(),
                mechanism=acse.Mechanism.HIGH_GMAC, authentication=b"P6wRJ21F",
            ),
            "aare-hls5",
        ),
        (
            acse.AARE.answer(
                acse.Context.LOGICAL_NAME, acse.Result.REJECTED_PERMANENT, acse.Diagnostic.NO_REASON_GIVEN,
                initiate.ConfirmedServiceError(1, 6, 1).build(),
            ),
            "aare-ver",
        ),
        (acse.RLRQ.of(), "rlrq"),
        (acse.RLRE.of(), "rlre"),
    ],
)  # fmt: skip
def test_our_associations_are_the_published_octets(
    built: Frame, name: str, dlms_vectors: Callable[..., list[dict[str, Any]]]
) -> None:
    given = {vector["id"]: vector["given"]["hex"] for vector in dlms_vectors("acse")}
    assert built.build().hex().upper() == given[name]


def test_unknown_context_and_mechanism_are_read_as_such() -> None:
    """An AARQ that we do not support must still be understood, to be refused with the right diagnostic (C20)."""
    known = acse.AARQ.propose(acse.Context.LOGICAL_NAME, REQUEST.build(), mechanism=acse.Mechanism.LOW, authentication=b"12345678")
    octets = known.build().replace(bytes.fromhex("60857405080101"), bytes.fromhex("60857405080109"))
    octets = octets.replace(bytes.fromhex("60857405080201"), bytes.fromhex("60857405080277"))
    strange = acse.AARQ.parse(octets)
    assert (strange.context, strange.mechanism) == (None, None)
    assert strange.authentication == b"12345678"
    empty = acse.AARQ.parse(b"\x60\x00")
    assert (empty.context, empty.user_information, empty.title) == (None, b"", b"")


def test_conformance_is_numbered_from_the_highest_of_24_bits() -> None:
    """Green Book: 00 7E 1F is the proposal of a client with logical names."""
    assert Conformance(0x007E1F) & Conformance.GET
    assert Conformance(0x00501F) == (
        Conformance.PRIORITY_MGMT_SUPPORTED | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ | Conformance.GET
        | Conformance.SET | Conformance.SELECTIVE_ACCESS | Conformance.EVENT_NOTIFICATION | Conformance.ACTION
    )  # fmt: skip


@given(st.data())
def test_cut_or_damaged_apdus_raise_nothing_else(data: st.DataObject) -> None:
    octets = bytearray(data.draw(st.sampled_from(OCTETS)))
    at = data.draw(st.integers(0, len(octets) - 1))
    if data.draw(st.booleans()):
        del octets[at:]
    else:
        octets[at] = data.draw(st.integers(0, 255))
    try:
        frame = apdu.parse(bytes(octets))
    except DecodeError:
        return
    assert apdu.parse(frame.build()) == frame


@given(st.binary(max_size=100), st.sampled_from([octets[:2] for octets in OCTETS] + [b"\x60", b"\x61", b"\x62", b""]))
def test_garbage_raises_nothing_else(octets: bytes, lead: bytes) -> None:
    try:
        frame = apdu.parse(lead + octets)
    except DecodeError:
        return
    assert apdu.parse(frame.build()) == frame


@pytest.mark.parametrize("octets", OCTETS, ids=[octets.hex()[:12] for octets in OCTETS])
def test_every_truncation_is_refused(octets: bytes) -> None:
    for end in range(len(octets)):
        with pytest.raises(DecodeError):
            apdu.parse(octets[:end])
    with pytest.raises(DecodeError):
        apdu.parse(octets + b"\x00")


def test_values_that_are_answered_differently_are_told_apart_inside_an_apdu() -> None:
    """C6, C7: the server says pdu-too-long and type-unmatched."""
    head = "c101c100080000010000ff0200"
    with pytest.raises(axdr.UnknownTag, match=r"SetRequestNormal\.value"):
        apdu.parse(bytes.fromhex(head + "02017f"))
    with pytest.raises(axdr.TooManyItems, match=r"SetRequestNormal\.value"):
        apdu.parse(bytes.fromhex(head + "0182ffff") + bytes(65_535))


def test_kind_says_what_it_begins_like() -> None:
    assert apdu.kind(bytes.fromhex("C001")) is xdlms.GetRequestNormal
    assert apdu.kind(bytes.fromhex("60")) is acse.AARQ
    assert apdu.kind(bytes.fromhex("C009")) is None
    assert apdu.kind(b"") is None


def test_invocation_counter_comes_with_its_error_only() -> None:
    for frame in (xdlms.ExceptionResponse(1, 1, 5), xdlms.ExceptionResponse(2, 6)):
        with pytest.raises(EncodeError):
            frame.build()
