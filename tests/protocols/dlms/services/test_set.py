"""SET: values, lists, and values in blocks; what is refused has changed nothing."""

from __future__ import annotations

import pytest

from protocols.dlms import axdr, xdlms
from protocols.dlms.axdr import Data
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import AttributeDescriptor, DataAccessResult, Datablock
from tests.protocols.dlms.home import ENERGY, INVOKE, NOT_HERE, TEXT, Home, ask, exception, got, put, set_first, set_next


@pytest.mark.parametrize("attribute, value, result", [
    (TEXT, axdr.visible("new"), DataAccessResult.TYPE_UNMATCHED),
    (AttributeDescriptor(1, Obis("0-0:96.15.0"), 2), axdr.u8(10), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
    (ENERGY, axdr.u32(0), DataAccessResult.READ_WRITE_DENIED),
    (AttributeDescriptor(3, Obis("1-0:1.8.0"), 3), axdr.structure(axdr.i8(0), axdr.enum(30)), DataAccessResult.READ_WRITE_DENIED),
])  # fmt: skip
def test_sets_that_are_refused(home: Home, attribute: AttributeDescriptor, value: Data, result: DataAccessResult) -> None:
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
