"""The image file: published headers, what we seal is what we take, and every way to lie (bad inputs G18, G19)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.aes import Mmo, mmo
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.ota.image import (
    ELEMENT_HEADER,
    File,
    Header,
    InvalidImage,
    Memory,
    Tag,
    element,
    elements,
    header,
    judge,
    seal,
)

FILE = File(0x117C, 0x2101, 0x12214572)
IMAGE = seal(FILE, b"firmware" * 50, text="a test", hardware=(1, 3))
# Headers of files that makers publish, as the unit tests of zigpy (tests/ota) have them.
TRADFRI = (
    b"\x1e\xf1\xee\x0b\x00\x018\x00\x00\x00|\x11\x01!rE!\x12\x02\x00EBL tradfri_light_basic\x00\x00\x00"
    b"\x00\x00\x00\x00\x00\x00~\x91\x02\x00"
)
HUE = bytes.fromhex("1ef1ee0b0001380000000b100301d5670042020000000000000000000000000000000000000000") + bytes.fromhex(
    "0000000000000000000000000038f00300"
)


def changed(at: int, octets: bytes, image: bytes = IMAGE) -> bytes:
    return image[:at] + octets + image[at + len(octets) :]


def resealed(front: bytes) -> bytes:
    """An image again, with a hash that is right for what is in it now."""
    return front[:-16] + mmo(front[:-16])


def test_published_headers_are_read_and_built_again() -> None:
    head = header(Memory(TRADFRI))
    assert head.file == FILE
    assert (head.header_version, head.stack_version, head.total_size) == (0x0100, 2, 0x2917E)
    assert head.text.rstrip(b"\0") == b"EBL tradfri_light_basic"
    assert head.build() == TRADFRI
    hue = header(Memory(HUE))
    assert hue.file == File(0x100B, 0x0103, 0x420067D5)
    assert hue.total_size == 0x3F038
    assert hue.build() == HUE


def test_optional_fields_come_in_the_order_of_their_bits() -> None:
    octets = changed(4, b"\x00\x01\x45\x00\x07\x00", TRADFRI) + b"\x02" + bytes(range(8)) + b"\x01\x00\x03\x00"
    head = header(Memory(octets))
    assert (head.credential_version, head.destination, head.minimum_hardware, head.maximum_hardware) == (
        2, 0x0706050403020100, 1, 3,
    )  # fmt: skip
    assert [head.fits(version) for version in (0, 1, 3, 4, None)] == [False, True, True, False, False]
    assert head.build() == octets


def test_what_is_sealed_is_taken() -> None:
    head = judge(Memory(IMAGE))
    assert head.file == FILE
    assert [part.tag for part in elements(Memory(IMAGE), head)] == [Tag.UPGRADE_IMAGE, Tag.INTEGRITY_CODE]
    more = seal(FILE, b"x", destination=7, beside=((Tag.CERTIFICATE, bytes(48)), (Tag.PICTURE, b""), (0xF001, b"ours")))
    assert judge(Memory(more)).destination == 7


@given(st.binary(max_size=9000), st.lists(st.integers(0, 9000), max_size=6))
def test_the_hash_by_pieces_is_the_hash(data: bytes, cuts: list[int]) -> None:
    digest, at = Mmo(), 0
    for cut in sorted(cuts):
        digest.update(data[at:cut])
        at = max(at, cut)
    digest.update(data[at:])
    assert digest.digest() == mmo(data)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (changed(0, b"\x1f"), "header: "),
        (changed(4, b"\x00\x02"), "header version"),
        (changed(6, b"\x3b\x00"), "says that it has 59"),
        (changed(6, b"\x00\x01"), "says that it has 256"),
        (changed(52, b"\xff\xff\xff\xff"), "the header says 4294967295"),
        (changed(52, bytes(4)), "says that it has 60"),
        (IMAGE[:-1], "the header says"),
        (IMAGE + b"\x00", "the header says"),
        (IMAGE[:59], "header: "),
        (changed(62, (401).to_bytes(4, "little")), "element 0x1000 at octet 467"),
        (changed(62, b"\xff\xff\xff\xff"), "4294967295 octets, and 422 are left"),
        (changed(60, b"\x04\x00"), "0 upgrade images"),
        (resealed(changed(60, b"\x03\x00")), "element 0x0003 at octet 60"),
        (changed(len(IMAGE) - 1, bytes([IMAGE[-1] ^ 1])), "the integrity code is wrong"),
        (changed(100, b"\x00"), "the integrity code is wrong"),
        (changed(len(IMAGE) - 22, b"\x04\x00"), "no integrity code or signature at the end"),
    ],
)  # fmt: skip
def test_g18_a_file_that_lies_is_refused(image: bytes, reason: str) -> None:
    with pytest.raises(InvalidImage, match=reason):
        judge(Memory(image))


def test_a_file_of_two_images_is_refused() -> None:
    with pytest.raises(InvalidImage, match="2 upgrade images"):
        judge(Memory(seal(FILE, b"a", beside=((Tag.UPGRADE_IMAGE, b"b"),))))


def test_g18_an_element_ends_within_the_file() -> None:
    """Of every length that the first element can tell of itself, only one makes a file."""
    start = 60 + ELEMENT_HEADER
    taken = []
    for length in range(len(IMAGE) - start + 2):
        try:
            judge(Memory(resealed(changed(62, length.to_bytes(4, "little")))))
        except InvalidImage:
            continue
        taken.append(length)
    assert taken == [400]
    assert element(0, b"ab") == b"\x00\x00\x02\x00\x00\x00ab"


@pytest.mark.parametrize("at", range(0, len(IMAGE), 7))
def test_g18_a_file_cut_anywhere_is_refused(at: int) -> None:
    with pytest.raises(InvalidImage):
        judge(Memory(IMAGE[:at]))


@given(st.integers(0, len(IMAGE) - 1), st.integers(1, 255))
def test_g19_one_octet_changed_anywhere_is_noticed(at: int, by: int) -> None:
    with pytest.raises(InvalidImage):
        judge(Memory(changed(at, bytes([IMAGE[at] ^ by]))))


@given(st.binary(max_size=400))
def test_rubbish_is_refused_in_order(rubbish: bytes) -> None:
    for octets in (rubbish, TRADFRI + rubbish, Header.parse(TRADFRI).build()[:52] + rubbish):
        with pytest.raises(RemoteProtocolError):
            judge(Memory(octets))
