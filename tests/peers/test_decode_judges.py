"""Gurux's translator and pydlms's decoder read the same APDUs as our decoder: the same elements, the same values.

Octets that only one of the two can read prove nothing and are told apart in a table with the reason.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError

import pytest

from protocols.core.errors import DecodeError
from protocols.dlms import hdlc
from tools.decode import apdus, dlms, xml
from tools.decode.tree import Node

pytestmark = pytest.mark.needs("peers")

GURUX = Path(__file__).resolve().parent / "judges" / "gurux_xml.py"
ATTRIBUTE, METHOD, BLOCK = "0003 0100010800FF 02", "0046 0000600310FF 01", "00 00000001 03 010203"
ENTRIES = "02 0204 06 00000001 06 00000005 12 0001 12 0000"
INITIATE = "065F1F0400007E1F04B0"

CLASSIC = {
    "GET normal": f"C001C1 {ATTRIBUTE} 00",
    "GET normal with selection": f"C001C1 {ATTRIBUTE} 01 {ENTRIES}",
    "GET next": "C002C1 00000005",
    "GET with list": f"C003C1 02 {ATTRIBUTE} 00 {ATTRIBUTE} 00",
    "SET normal": f"C101C1 {ATTRIBUTE} 00 0600000007",
    "SET first block": f"C102C1 {ATTRIBUTE} 00 {BLOCK}",
    "SET block": f"C103C1 {BLOCK}",
    "SET with list": f"C104C1 02 {ATTRIBUTE} 00 {ATTRIBUTE} 00 02 1101 1102",
    "event notification": f"C200 {ATTRIBUTE} 1101",
    "event notification with time": f"C2010C07E50118FF0E303950FFC400 {ATTRIBUTE} 1101",
    "ACTION normal": f"C301C1 {METHOD} 00",
    "ACTION normal with parameters": f"C301C1 {METHOD} 01 0F00",
    "GET response": "C401C1 00 0600001391",
    "GET response, error": "C401C1 01 03",
    "GET response, block": f"C402C1 {BLOCK.replace(' 03 ', ' 00 03 ')}",
    "GET response, last block with error": "C402C1 01 00000013 01 01",
    "SET response": "C501C1 00",
    "SET response, error": "C501C1 03",
    "SET response, block": "C502C1 00000001",
    "SET response, last block": "C503C1 00 00000002",
    "SET response with list": "C505C1 02 00 03",
    "ACTION response": "C701C1 00 00",
    "ACTION response with data": "C701C1 00 01 00 1101",
    "ACTION response with error": "C701C1 00 01 01 03",
    "ACTION response, next block": "C704C1 00000001",
    "data notification": "0F 000001DB 00 1101",
    "data notification with time": "0F 400001DB 0C 07E50118FF0E303950FFC400 1101",
    "exception": "D8 01 01",
    "initiate": f"01 00 00 00 {INITIATE}",
    "initiate with dedicated key": f"01 01 10 {'00' * 16} 00 00 {INITIATE}",
    "initiate response": "08 00 065F1F040000501F01F40007",
    "service error": "0E 01 06 01",
    "glo": "C8 1E 3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B",
    "general block": "E0C10001000003C00100",
    "READ": "0501 02FA00",
    "READ response": "0C02 001105 0103",
    "WRITE": "0601 02FA00 01 1105",
    "WRITE response": "0D01 00",
    "WRITE response, error": "0D01 0103",
    "general-glo": "DB 08 4B464D1010000023 07 2100295B9AEFC1",
} | {
    f"data {data}": f"C401C1 00 {data}"
    for data in (
        "00", "0100", "0101 1105", "0203 1101 1102 1103", "0301", "03FF", "0300", "0404A0", "0409A080", "05FFFFFFFE",
        "0903010203", "0900", "0A03414243", "0D05", "0FC0", "100078", "10FFFE", "1118", "1202D0", "14FFFFFFFFFFFFFFF9",
        "150000000000000007", "1604", "173FC00000", "184004000000000000", "1907E50118FF0E303950FFC400", "1B081E0F17",
    )
}  # fmt: skip


def canonical(element: Element) -> tuple[str, dict[str, object], list[Any]]:
    """Names, values, order; a quantity is a number, which Gurux does not always write in two digits."""
    attributes: dict[str, object] = {
        name: int(value, 16) if name == "Qty" else value.upper() if name == "Value" else value
        for name, value in element.attrib.items()
    }
    return element.tag, attributes, [canonical(child) for child in element]


def ours(octets: bytes) -> str:
    root = Element("messages")
    xml.apdu(root, apdus.parse(octets))
    (element,) = root
    return xml.text(element)


@pytest.fixture
def gurux(peers_python: Path) -> Callable[[list[str]], list[str | None]]:
    def ask(octets: list[str]) -> list[str | None]:
        done = subprocess.run(
            [peers_python, GURUX], input=json.dumps(octets), capture_output=True, text=True, check=True, timeout=120
        )
        answers: list[str | None] = json.loads(done.stdout.splitlines()[-1])
        return answers

    return ask


def test_gurux_writes_the_same_elements_for_every_classic_service(gurux) -> None:
    names, octets = list(CLASSIC), [bytes.fromhex(text) for text in CLASSIC.values()]
    for name, apdu, theirs in zip(names, octets, gurux([one.hex() for one in octets]), strict=True):
        assert theirs is not None, name
        assert canonical(ElementTree.fromstring(ours(apdu))) == canonical(ElementTree.fromstring(theirs)), name


def test_gurux_writes_the_same_elements_for_hdlc_frames(gurux) -> None:
    client, server, limits = hdlc.Address(16), hdlc.Address(1, 17), hdlc.Limits(64, 128, 2, 3).build()
    kinds = hdlc.Kind
    frames = [
        *(hdlc.Frame.unnumbered(kind, server, client, poll=True) for kind in (kinds.SNRM, kinds.DISC)),
        *(hdlc.Frame.unnumbered(kind, client, server, poll=True) for kind in (kinds.UA, kinds.DM)),
        hdlc.Frame.unnumbered(kinds.SNRM, server, client, poll=True, information=limits),
        hdlc.Frame.unnumbered(kinds.UA, client, server, poll=True, information=limits),
        hdlc.Frame.numbered(kinds.I, server, client, receive=1, poll=True, information=bytes.fromhex("E6E600C002C100000001")),
    ]
    octets = [frame.build() for frame in frames]
    for one, theirs in zip(octets, gurux([each.hex() for each in octets]), strict=True):
        node, root = Node("line", 0, len(one)), Element("messages")
        dlms.Decoder().hdlc_frames(node, one)
        xml.elements_of(root, node)
        judged = ElementTree.fromstring(str(theirs))
        del root[0].attrib["len"], judged.attrib["len"]  # what Gurux counts there depends on the frame
        assert canonical(root[0]) == canonical(judged), one.hex()


@pytest.mark.parametrize("area", ["acse", "initiate", "xdlms", "access"])
def test_gurux_writes_the_same_elements_for_published_octets(area: str, gurux, shared_vectors) -> None:
    vectors = [one for one in shared_vectors("dlms")["vectors"] if one["area"] == area and "hex" in one["given"]]
    compared = 0
    for vector, theirs in zip(vectors, gurux([one["given"]["hex"] for one in vectors]), strict=True):
        if theirs is None:
            continue
        try:
            judged = ElementTree.fromstring(theirs)
        except ParseError:
            continue
        assert canonical(ElementTree.fromstring(ours(bytes.fromhex(vector["given"]["hex"])))) == canonical(judged), vector["id"]
        compared += 1
    assert compared >= len(vectors) - 1


OTHERWISE = frozenset(
    {
        "UserInformation",  # around the initiate request of a release, which Gurux does not have
        "ProposedQualityOfService", "NegotiatedQualityOfService",  # one digit
        "DateTime",  # Time of an event notification; empty ones of other services are the same
        "CompactArray", "GeneralSigning",  # contents as text, or as digits
        "AccessRequestAction",  # with an attribute descriptor, where the standard has a method's
        "Ok", "Bcd",  # Success of a write response; BCD
        "ActionRequestForNextPBlock",  # Gurux's own table has ActionRequestForNextDataBlock
    }
)  # fmt: skip
"""Elements that pydlms writes otherwise than Gurux, or than we do; what has one is not compared."""


def pydlms_form(element: Element) -> Element | None:
    """What pydlms wrote, unless it could not, or has its own form for some of it."""
    outcome: Element | None = element[0]
    for one in element.iter():
        one.text = one.tail = None
        if one.tag == "Raw" or (one.tag in OTHERWISE and (one.tag != "DateTime" or one.get("Value"))):
            outcome = None
    return outcome


def test_pydlms_writes_the_same_elements(shared_vectors, peers_python: Path, tmp_path: Path) -> None:
    """For every service, and for all published octets."""
    octets = [bytes.fromhex(text) for text in CLASSIC.values()]
    for vector in shared_vectors("dlms")["vectors"]:
        found = {**vector["given"], **vector["expect"]}
        octets += [bytes.fromhex(found[name]) for name in ("hex", "apdu") if readable(found.get(name)) and vector["area"] != "data"]
    trace = tmp_path / "trace"
    trace.write_text("\n".join(one.hex() for one in octets))
    command = [peers_python.with_name("pydlms"), "decode", "--xml", "--dialect", "gurux", "--framing", "apdu", "--show-secrets"]
    done = subprocess.run([*command, "--file", trace], capture_output=True, text=True, timeout=120, check=True)
    judged = [pydlms_form(element) for element in ElementTree.fromstring(done.stdout)]
    assert len(judged) == len(octets)
    compared = 0
    for one, theirs in zip(octets, judged, strict=True):
        if theirs is not None:
            assert canonical(ElementTree.fromstring(ours(one))) == canonical(theirs), one.hex()
            compared += 1
    assert compared > 180


def readable(text: object) -> bool:
    try:
        apdus.parse(bytes.fromhex(str(text)))
    except (ValueError, DecodeError):
        return False
    return True
