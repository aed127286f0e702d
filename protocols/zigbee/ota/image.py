"""The image file: a header, elements behind it, and what makes a file one to be activated (07-5123 clauses 11.4, 11.7).

    header | tag length octets | tag length octets | ... | Image Integrity Code: AES-MMO hash of all before these 16 octets
    header | ... | certificate | signature: signer's EUI-64, and r and s over the hash of all before them

A file is read where it lies, by pieces. A file in order has lengths that all agree, one upgrade image, and as its last element
the hash of the rest or a signature. The hash shows that nothing was lost or changed on the way; who made it a signature shows,
and a device that trusts somebody takes nothing else.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from protocols.core.aes import BLOCK, Mmo
from protocols.core.codec import Frame, const, le, octets, this, when
from protocols.core.errors import DecodeError, LocalProtocolError, RemoteProtocolError
from protocols.zigbee.key_establishment.certificates import SUITE_1, SUITE_2, Credentials, RandomBits
from protocols.zigbee.ota.signing import Trust, sign

MAGIC: Final = 0x0BEEF11E
VERSION: Final = 0x0100
SHORTEST_HEADER: Final = 56
LONGEST_HEADER: Final = 255
"""Octets: all optional fields make 69; later revisions may append some."""
ELEMENT_HEADER: Final = 6
_PIECE: Final = 1024

HAS_CREDENTIAL_VERSION, HAS_DESTINATION, HAS_HARDWARE = 0x01, 0x02, 0x04


class InvalidImage(RemoteProtocolError):
    """A file that is not to be activated."""


class Tag(IntEnum):
    """What an element holds; from 0xF000 on the manufacturer's."""

    UPGRADE_IMAGE = 0x0000
    SIGNATURE = 0x0001
    CERTIFICATE = 0x0002
    INTEGRITY_CODE = 0x0003
    PICTURE = 0x0004
    SIGNATURE_2 = 0x0005
    CERTIFICATE_2 = 0x0006


_FIXED: Final[dict[int, int]] = {
    Tag.SIGNATURE: 50,
    Tag.CERTIFICATE: 48,
    Tag.INTEGRITY_CODE: BLOCK,
    Tag.SIGNATURE_2: 80,
    Tag.CERTIFICATE_2: 74,
}
"""Octets of an element that can have no other length."""
_LAST: Final = (Tag.INTEGRITY_CODE, Tag.SIGNATURE, Tag.SIGNATURE_2)
_SIGNED: Final = {SUITE_1.bit: (Tag.SIGNATURE, Tag.CERTIFICATE), SUITE_2.bit: (Tag.SIGNATURE_2, Tag.CERTIFICATE_2)}
_SIGNER: Final = 8


class File(NamedTuple):
    """What names a file."""

    manufacturer: int
    image_type: int
    version: int


class Header(Frame):
    """The beginning of a file. `total_size`: octets of the whole file, this header included."""

    magic: int = const(MAGIC, le.u32)
    header_version: le.u16
    header_length: le.u16
    field_control: le.u16
    manufacturer: le.u16
    image_type: le.u16
    file_version: le.u32
    stack_version: le.u16
    text: bytes = octets(32)
    total_size: le.u32
    credential_version: int | None = when(this.field_control & 0x01, le.u8, default=None)
    destination: int | None = when(this.field_control & 0x02, le.u64, default=None)
    minimum_hardware: int | None = when(this.field_control & 0x04, le.u16, default=None)
    maximum_hardware: int | None = when(this.field_control & 0x04, le.u16, default=None)

    @property
    def file(self) -> File:
        """What names this file."""
        return File(self.manufacturer, self.image_type, self.file_version)

    def fits(self, hardware: int | None) -> bool:
        """Whether a device with this hardware version can run it; one that does not say can only run what is for all."""
        if self.minimum_hardware is None or self.maximum_hardware is None:
            return True
        return hardware is not None and self.minimum_hardware <= hardware <= self.maximum_hardware


class Element(NamedTuple):
    """A part of a file: where its octets begin, and how many they are."""

    tag: int
    offset: int
    length: int


class Octets(Protocol):
    """Where a file lies, in flash or elsewhere."""

    @property
    def held(self) -> int:
        """Octets that are there, from the first on."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Octets of the file, fewer where there are no more."""
        ...


class Memory:
    """A file in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def held(self) -> int:
        """All of it."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """Octets of the file, fewer at its end."""
        return self._data[offset : offset + length]


def header(source: Octets) -> Header:
    """The header of a file of which at least `LONGEST_HEADER` octets are there, or all. Raises InvalidImage."""
    try:
        found, length = Header.parse_from(source.read(0, LONGEST_HEADER), 0)
    except DecodeError as error:
        raise InvalidImage(f"header: {error}") from None
    if found.header_version >> 8 != VERSION >> 8:
        raise InvalidImage(f"header version {found.header_version:#06x}")
    if not length <= found.header_length <= min(LONGEST_HEADER, found.total_size):
        raise InvalidImage(f"a header of {length} octets says that it has {found.header_length}")
    return found


def elements(source: Octets, head: Header) -> Iterator[Element]:
    """The elements of a whole file, in their order. Raises InvalidImage where one does not end within the file."""
    at, end = head.header_length, head.total_size
    while at < end:
        start = at + ELEMENT_HEADER
        octets_ = source.read(at, ELEMENT_HEADER)
        if start > end or len(octets_) < ELEMENT_HEADER:
            raise InvalidImage(f"octet {at} begins no element")
        tag, length = int.from_bytes(octets_[:2], "little"), int.from_bytes(octets_[2:], "little")
        if length > end - start:
            raise InvalidImage(f"element {tag:#06x} at octet {at}: {length} octets, and {end - start} are left")
        if _FIXED.get(tag, length) != length:
            raise InvalidImage(f"element {tag:#06x} at octet {at}: {length} octets")
        yield Element(tag, start, length)
        at = start + length


def inspect(source: Octets) -> tuple[Header, list[Element]]:
    """The header and the elements of a file in order, whose hash is right where it has one. Raises InvalidImage."""
    head = header(source)
    if source.held != head.total_size:
        raise InvalidImage(f"{source.held} octets, and the header says {head.total_size}")
    parts = list(elements(source, head))
    tags = [part.tag for part in parts]
    if tags.count(Tag.UPGRADE_IMAGE) != 1:
        raise InvalidImage(f"{tags.count(Tag.UPGRADE_IMAGE)} upgrade images")
    if sum(tags.count(tag) for tag in _LAST) != 1 or tags[-1] not in _LAST:
        raise InvalidImage("no integrity code or signature at the end")
    code = parts[-1]
    if code.tag == Tag.INTEGRITY_CODE and not hmac.compare_digest(_hash(source, code.offset), source.read(code.offset, BLOCK)):
        raise InvalidImage("the integrity code is wrong")
    return head, parts


def judge(source: Octets, trust: Trust | None = None) -> Header:
    """The header of a file that may be activated: of somebody trusted, or, where nobody need be, with an integrity code.

    Raises InvalidImage, with the first thing that is wrong.
    """
    head, parts = inspect(source)
    last = parts[-1]
    if trust is None:
        if last.tag != Tag.INTEGRITY_CODE:
            raise InvalidImage("no integrity code at the end")
        return head
    signature_tag, certificate_tag = _SIGNED[trust.suite.bit]
    certificates = [part for part in parts if part.tag == certificate_tag]
    if last.tag != signature_tag or len(certificates) != 1:
        raise InvalidImage("not signed")
    signed = last.offset + _SIGNER
    signer = int.from_bytes(source.read(last.offset, _SIGNER), "little")
    certificate = source.read(certificates[0].offset, certificates[0].length)
    signature = source.read(signed, last.length - _SIGNER)
    if not trust.believes(signer, certificate, _hash(source, signed), signature):
        raise InvalidImage("the signature is wrong")
    return head


def _hash(source: Octets, end: int) -> bytes:
    digest = Mmo()
    for at in range(0, end, _PIECE):
        digest.update(source.read(at, min(_PIECE, end - at)))
    return digest.digest()


def seal(
    file: File,
    contents: bytes,
    *,
    text: str = "",
    stack_version: int = 2,
    destination: int | None = None,
    hardware: tuple[int, int] | None = None,
    beside: tuple[tuple[int, bytes], ...] = (),
    signer: Credentials | None = None,
    random: RandomBits | None = None,
) -> bytes:
    """A file with these contents as its upgrade image, other elements `beside` it (tag, octets), and the integrity code.

    `hardware`: first and last version that can run it. With a `signer` (and a source of random bits) it is signed instead.
    """
    control = (HAS_DESTINATION if destination is not None else 0) | (HAS_HARDWARE if hardware is not None else 0)
    body = b"".join(element(tag, part) for tag, part in ((Tag.UPGRADE_IMAGE, contents), *beside))
    tag, front_of_last, size = Tag.INTEGRITY_CODE, b"", BLOCK
    if signer is not None:
        tag, certificate_tag = _SIGNED[signer.suite.bit]
        body += element(certificate_tag, signer.certificate)
        front_of_last, size = signer.subject.to_bytes(_SIGNER, "little"), 2 * signer.suite.curve.scalar_octets
    first, last = hardware or (None, None)
    length = SHORTEST_HEADER + (8 if destination is not None else 0) + (4 if hardware is not None else 0)
    end = element(tag, front_of_last + bytes(size))[:-size]
    head = Header(
        VERSION, length, control, file.manufacturer, file.image_type, file.version, stack_version,
        text.encode()[:32].ljust(32, b"\0"), length + len(body) + len(end) + size, None, destination, first, last,
    )  # fmt: skip
    front = head.build() + body + end
    digest = Mmo(front).digest()
    if signer is None:
        return front + digest
    if random is None:
        raise LocalProtocolError("a signature needs a source of random bits")
    return front + sign(signer, digest, random)


def element(tag: int, contents: bytes) -> bytes:
    """An element's octets."""
    return tag.to_bytes(2, "little") + len(contents).to_bytes(4, "little") + contents
