"""Frames of version 2: octets by the standard's figures, all of table 7-2, round trips, and what arrives broken."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core import crc
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import enhanced, mac

EUI64 = 0x00DB123456789A01
PAYLOAD = mac.BeaconPayload(0x8422, 0x1122334455667788, 0xFFFFFF, 7)
REQUEST = bytes.fromhex(
    "43EA 05 FFFF FFFF 019A78563412DB00"  # command, PAN compression, elements, to short, version 2, from EUI-64
    "003F"  # header termination 1
    "0388 011E 01"  # MLME: EB filter, short, one octet: permit joining
    "0690 1B194A 4100 0E"  # vendor 4A-19-1B: TX power, one octet: 14 dBm
    "00F8"  # payload termination
    "07"
)
"""Put together by hand from 802.15.4-2015 figures 7-46, 7-48, 7-50 and 05-3474-22 annex D.9.1."""


def test_a_request_is_the_octets_of_the_standard() -> None:
    assert enhanced.beacon_request(5, EUI64) == crc.append_kermit(REQUEST)


def test_a_request_to_join_is_read() -> None:
    frame = enhanced.parse(enhanced.beacon_request(5, EUI64))
    assert enhanced.question(frame) == enhanced.Question(EUI64, enhanced.BeaconFilter(1), None)
    assert enhanced.answer(frame) is None


def test_a_request_for_a_network_is_read() -> None:
    frame = enhanced.parse(enhanced.beacon_request(5, EUI64, enhanced.Rejoin(77, 0x1234)))
    asked = enhanced.question(frame)
    assert asked is not None
    assert (asked.joining, asked.rejoin) == (False, enhanced.Rejoin(77, 0x1234))
    assert frame.zigbee[enhanced.ZigbeeElement.TX_POWER] == b"\x0e"


def test_a_beacon_is_read() -> None:
    frame = enhanced.parse(enhanced.beacon(9, 0x1A62, EUI64, 0x0000, 0xCFFF, PAYLOAD))
    told = enhanced.answer(frame)
    assert told == enhanced.Answer(0x1A62, 0, EUI64, 0xCFFF, PAYLOAD)
    assert enhanced.question(frame) is None


def present(source: int, destination: int, compression: int) -> tuple[bool, bool]:
    """Table 7-2 in its own words: whether there is a destination PAN and a source PAN."""
    if not source and not destination:
        return bool(compression), False
    if not source:
        return not compression, False
    if not destination:
        return False, not compression
    if source == destination == 3:
        return not compression, False
    return True, not compression


@pytest.mark.parametrize(("source", "destination", "compression"), [*itertools.product((0, 2, 3), (0, 2, 3), (0, 1))])
def test_which_pans_a_header_has(source: int, destination: int, compression: int) -> None:
    control = 0x2001 | source << 14 | destination << 10 | compression << 6
    pans = present(source, destination, compression)
    size = {0: 0, 2: 2, 3: 8}
    octets = control.to_bytes(2, "little") + bytes(1 + 2 * sum(pans) + size[destination] + size[source])
    header = enhanced.Header.parse(octets)
    assert (header.destination_pan is not None, header.source_pan is not None) == pans
    assert header.build() == octets


def test_a_suppressed_sequence_number_and_long_nested_elements_are_read_past() -> None:
    control = (0x2000 | enhanced.SEQUENCE_SUPPRESSED | enhanced.ELEMENTS | mac.BEACON | mac.SOURCE_EXTENDED).to_bytes(2, "little")
    long_nested = bytes.fromhex("0580 03C0 010203")[:2] + (0x8000 | 8 << 11 | 3).to_bytes(2, "little") + b"abc"
    group = (0x8000 | 1 << 11 | len(long_nested) - 2).to_bytes(2, "little")
    elements = bytes.fromhex("0002 003F") + group + long_nested[2:] + bytes.fromhex("0290 AABB 00F8")
    frame = enhanced.parse(crc.append_kermit(control + bytes(2) + bytes(8) + elements))
    assert frame.header.sequence is None
    assert frame.nested == {0x88: b"abc"}
    assert (frame.zigbee, frame.payload) == ({}, b"")


@pytest.mark.parametrize(
    "octets",
    [
        REQUEST[:-6],  # an element that ends behind the frame
        REQUEST.replace(bytes.fromhex("003F"), bytes.fromhex("003F") + bytes.fromhex("8000")),  # a header's among the payload's
        REQUEST.replace(bytes.fromhex("003F"), bytes.fromhex("0088")),  # a payload's among the header's
        REQUEST.replace(bytes.fromhex("011E"), bytes.fromhex("FF1E")),  # nested content longer than its group
        REQUEST.replace(bytes.fromhex("4100"), bytes.fromhex("7F00")),
        b"\x4b" + REQUEST[1:],  # MAC security
        bytes.fromhex("0124 05") + bytes(20),  # a reserved address mode
    ],
)
def test_elements_that_cannot_be_are_refused(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        enhanced.parse(crc.append_kermit(octets))


def test_other_vendors_elements_are_not_zigbees() -> None:
    frame = enhanced.parse(crc.append_kermit(REQUEST.replace(bytes.fromhex("1B194A"), bytes.fromhex("AABBCC"))))
    assert frame.zigbee == {}
    assert enhanced.question(frame) is not None


@given(st.binary(max_size=110), st.sampled_from([mac.BEACON, mac.COMMAND]), st.integers(0, 0xFF))
def test_whatever_arrives_is_read_or_refused(octets: bytes, kind: int, low: int) -> None:
    control = kind | low & 0xF8 | enhanced.VERSION_2015 | enhanced.ELEMENTS | mac.SOURCE_EXTENDED
    psdu = crc.append_kermit(control.to_bytes(2, "little") + octets)
    try:
        frame = enhanced.parse(psdu)
        enhanced.question(frame)
        enhanced.answer(frame)
    except RemoteProtocolError:
        return


@given(st.binary(max_size=60))
def test_elements_within_a_request_are_read_or_refused(octets: bytes) -> None:
    at = REQUEST.index(bytes.fromhex("003F")) + 2
    try:
        frame = enhanced.parse(crc.append_kermit(REQUEST[:at] + octets))
        enhanced.question(frame)
        enhanced.answer(frame)
    except RemoteProtocolError:
        return
