"""GET: values, lists, all attributes, parts, and long answers in blocks."""

from __future__ import annotations

import pytest

from protocols.core.codec import Frame
from protocols.dlms import axdr, xdlms
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import (
    Unit,
)
from protocols.dlms.initiate import Conformance
from protocols.dlms.obis import Obis
from protocols.dlms.server import Session
from protocols.dlms.xdlms import AttributeDescriptor, DataAccessResult
from tests.protocols.dlms.home import DISCONNECT, ENERGY, FULL, INVOKE, LONG, NOT_HERE, TEXT, Home, ask, exception, got, put


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
    expected = axdr.structure(axdr.octets(Obis("1-0:1.8.0")), axdr.u32(5009), axdr.structure(axdr.i8(0), axdr.enum(Unit.WATT_HOUR)))
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
