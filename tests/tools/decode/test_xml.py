"""The DLMS UA XML form: what each kind of APDU becomes, for every frame that is declared, and what is nested in what.

That the elements are the trade's is for tests/peers to say.
"""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.core.codec import Frame
from tools.decode import apdus, dlms, elements, xml
from tools.decode.tree import Node
from tools.testkit.strategies import frames


def written(octets: str, form: str = "apdu") -> Element:
    root, element = Node("octets", 0, 0), Element("messages")
    decoder = dlms.Decoder()
    {"apdu": decoder.apdu, "wrapper": decoder.wrapper_pdus, "hdlc": decoder.hdlc_frames}[form](root, bytes.fromhex(octets))
    xml.elements_of(element, root)
    return ElementTree.fromstring(xml.text(element))


@pytest.mark.parametrize("frame", apdus.frames(), ids=lambda frame: frame.__name__)
@settings(max_examples=max(10, settings.default.max_examples // 5))
@given(data=st.data())
def test_every_declared_apdu_has_a_form_and_a_tree(frame: type[Frame], data: st.DataObject) -> None:
    found = data.draw(frames(frame))
    octets = found.build()
    if apdus.kind(octets) is not frame:
        return  # a tag that belongs to no ciphered service
    root = Node("octets", 0, len(octets))
    dlms.Decoder().apdu(root, octets)
    assert root.children[0].found == found
    assert list(root.lines())
    element = Element("messages")
    xml.elements_of(element, root)
    assert ElementTree.fromstring(xml.text(element))[0].tag[0].isalpha()


def test_the_table_names_declared_fields_only() -> None:
    tables = (elements.ELEMENTS, elements.ALTERNATIVES, elements.ITEMS, elements.WORDS)
    for table in tables:
        for frame, field in table:
            assert field in frame.__struct_fields__, (frame, field)
    for (frame, _), (key, _) in elements.ALTERNATIVES.items():
        assert key in frame.__struct_fields__


def test_frames_around_an_apdu() -> None:
    (outer,) = written("0001001000010007C002C100000005", "wrapper")
    assert (outer.tag, outer.attrib) == ("WRAPPER", {"len": "F"})
    assert [(child.tag, child.get("Value")) for child in outer][:2] == [("TargetAddress", "1"), ("SourceAddress", "10")]
    assert outer.find("PDU/GetRequest/GetRequestForNextDataBlock/BlockNumber").attrib == {"Value": "00000005"}
    (snrm,) = written("7ea00a00020023219318717e", "hdlc")
    assert snrm.find("TargetAddress").get("Value") == "4011"
    assert snrm.find("FrameType").get("Value") == "93"


def test_what_is_only_authenticated_stands_behind_its_wrapping() -> None:
    ciphered, plain = written("C81E1001234567C0010000080000010000FF020006725D910F9221D263877516")
    assert ciphered.tag == "glo_GetRequest"
    assert plain.find("GetRequestNormal/AttributeDescriptor/ClassId").get("Value") == "0008"


def test_compact_array_shows_its_type_once() -> None:
    (response,) = written("C401C1001302020606100000000100000002 0000000300000004".replace(" ", ""))
    (array,) = response.iter("CompactArray")
    assert [one.tag for one in array.find("ContentsDescription/Structure")] == ["UInt32", "UInt32"]
    assert [one.get("Value") for one in array.find("ArrayContents").iter("UInt32")] == [f"{n:08X}" for n in (1, 2, 3, 4)]


@given(st.binary(max_size=80))
def test_any_octets_have_a_form(data: bytes) -> None:
    root, element = Node("octets", 0, len(data)), Element("messages")
    dlms.Decoder().apdu(root, data)
    xml.elements_of(element, root)
    ElementTree.fromstring(xml.text(element))
