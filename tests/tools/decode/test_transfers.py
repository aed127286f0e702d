"""Long messages in blocks: shown whole below the last block; blocks that do not follow give nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms import axdr
from protocols.dlms.general_block import GeneralBlock
from protocols.dlms.xdlms import (
    ActionResponseWithPblock,
    AttributeDescriptor,
    Datablock,
    GetDatablock,
    GetResponseWithDatablock,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
)
from tools.decode import dlms
from tools.decode.tree import Node

VALUE = axdr.structure(axdr.u32(5009), axdr.visible("a long message in several blocks"))
OCTETS = VALUE.build()
CUTS = (OCTETS[:7], OCTETS[7:20], OCTETS[20:])
TARGET = AttributeDescriptor(1, bytes.fromhex("0000600100FF"), 2)


def decoded(*apdus: bytes) -> list[Node]:
    decoder, found = dlms.Decoder(), []
    for apdu in apdus:
        root = Node("octets", 0, 0)
        decoder.apdu(root, apdu)
        found.append(root.children[0])
    return found


def whole(node: Node) -> Node:
    (inside,) = [child for child in node.children if child.name == dlms.REASSEMBLED]
    return inside


def get(number: int, octets: bytes, last: bool) -> bytes:
    return GetResponseWithDatablock(0xC1, GetDatablock(int(last), number, 0, octets)).build()


def test_an_answer_in_blocks() -> None:
    *before, end = decoded(*(get(number, octets, number == 3) for number, octets in enumerate(CUTS, 1)))
    assert not [child for node in before for child in node.children if child.name == dlms.REASSEMBLED]
    text = "\n".join(whole(end).lines())
    assert "double-long-unsigned 5009" in text
    assert "a long message in several blocks" in text


def test_a_list_in_blocks() -> None:
    results = bytes.fromhex("02 00 1105 01 03")
    end = decoded(get(1, results[:2], False), get(2, results[2:], True))[1]
    assert whole(end).children[0].name == "GetResults"


def test_writing_and_calling_in_blocks() -> None:
    first = SetRequestWithFirstDatablock(0xC1, TARGET, None, Datablock(0, 1, OCTETS[:9])).build()
    end = decoded(first, SetRequestWithDatablock(0xC1, Datablock(1, 2, OCTETS[9:])).build())[1]
    assert "5009" in "\n".join(whole(end).lines())
    end = decoded(ActionResponseWithPblock(0xC1, Datablock(1, 1, OCTETS)).build())[0]
    assert "5009" in "\n".join(whole(end).lines())


def test_general_blocks_hold_an_apdu() -> None:
    apdu = bytes.fromhex("C401C100") + OCTETS
    blocks = [GeneralBlock(0x41, 1, 0, apdu[:20]).build(), GeneralBlock(0xC1, 2, 0, apdu[20:]).build()]
    inside = whole(decoded(*blocks)[1])
    assert inside.children[0].name == "GetResponseNormal"
    assert inside.children[0].found.build() == apdu


@pytest.mark.parametrize("order", [(1, 3), (2, 3), (1, 1, 3), (3,)])
def test_blocks_that_do_not_follow(order: tuple[int, ...]) -> None:
    nodes = decoded(*(get(number, CUTS[number - 1], number == 3) for number in order))
    assert not [child for node in nodes for child in node.children if child.name == dlms.REASSEMBLED]


def test_a_transfer_that_begins_anew() -> None:
    nodes = decoded(get(1, b"\xff", False), *(get(number, octets, number == 3) for number, octets in enumerate(CUTS, 1)))
    assert "5009" in "\n".join(whole(nodes[-1]).lines())


@given(st.lists(st.tuples(st.integers(0, 4), st.binary(max_size=8), st.booleans()), max_size=8))
def test_any_blocks_give_trees(blocks: list[tuple[int, bytes, bool]]) -> None:
    for node in decoded(*(get(*block) for block in blocks)):
        assert list(node.lines())
