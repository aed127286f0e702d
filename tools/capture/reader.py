"""Read pcap and pcapng files: the packets, their link type and time, and nothing believed before it is checked.

A capture from anywhere is bad input until shown otherwise (bad inputs I5): sizes are capped, a block length that lies
ends the reading with the offset at which it does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.errors import BadInput

LARGEST_BLOCK = 1 << 20
_SECTION, _INTERFACE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 3, 6
_RESOLUTION = 9
_PCAP = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
         b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Captured:
    """One packet: its number from 1, link type, time in ns since 1970, octets."""

    number: int
    link_type: int
    utc_ns: int
    data: bytes


def is_capture(start: bytes) -> bool:
    """Whether a file that starts so is a pcap or pcapng file."""
    return start[:4] in _PCAP or start[:4] == b"\x0a\x0d\x0d\x0a"


def read(path: Path) -> Iterator[Captured]:
    """The packets of a file in order. Raises BadInput with the offset where it stops making sense."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        yield from _read_pcap(path, file) if start in _PCAP else _read_pcapng(path, file)


def _read_pcap(path: Path, file: BinaryIO) -> Iterator[Captured]:
    head = file.read(24)
    if len(head) < 24:
        raise BadInput(f"{path}: the file header is cut at offset {len(head)}")
    order, scale = _PCAP[head[:4]]
    link_type = struct.unpack_from(order + "I", head, 20)[0] & 0xFFFF
    number = 0
    while record := file.read(16):
        at = file.tell() - len(record)
        if len(record) < 16:
            raise BadInput(f"{path}: a record header is cut at offset {at}")
        seconds, fraction, size, _ = struct.unpack(order + "IIII", record)
        data = file.read(size) if size <= LARGEST_BLOCK else b""
        if len(data) != size:
            raise BadInput(f"{path}: a packet of {size} octets does not fit at offset {at}")
        number += 1
        yield Captured(number, link_type, seconds * 1_000_000_000 + fraction * scale, data)


def _read_pcapng(path: Path, file: BinaryIO) -> Iterator[Captured]:
    order, number = "<", 0
    interfaces: list[tuple[int, int]] = []
    while head := file.read(8):
        at = file.tell() - len(head)
        if head[:4] == b"\x0a\x0d\x0d\x0a":
            order = ">" if file.read(4) == b"\x1a\x2b\x3c\x4d" else "<"
            file.seek(at + 8)
            interfaces = []
        kind, length = struct.unpack(order + "II", head) if len(head) == 8 else (0, 0)
        if not 12 <= length <= LARGEST_BLOCK or length % 4:
            raise BadInput(f"{path}: no block can be at offset {at}")
        body = file.read(length - 12)
        if len(body) != length - 12 or len(file.read(4)) != 4:
            raise BadInput(f"{path}: a block of {length} octets is cut at offset {at}")
        try:
            if kind == _INTERFACE:
                interfaces.append(_interface(order, body))
            elif kind == _ENHANCED:
                number += 1
                index, high, low, size, _ = struct.unpack_from(order + "IIIII", body)
                link_type, resolution = interfaces[index]
                if size > len(body) - 20:
                    raise IndexError
                yield Captured(number, link_type, _nanoseconds(high << 32 | low, resolution), body[20 : 20 + size])
            elif kind == _SIMPLE:
                number += 1
                (size,) = struct.unpack_from(order + "I", body)
                yield Captured(number, interfaces[0][0], 0, body[4 : 4 + min(size, len(body) - 4)])
        except (struct.error, IndexError) as error:
            raise BadInput(f"{path}: the block at offset {at} contradicts itself") from error


def _interface(order: str, body: bytes) -> tuple[int, int]:
    """Link type and time resolution of an interface description block."""
    (link_type,) = struct.unpack_from(order + "H", body)
    position, resolution = 8, 6
    while position + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, position)
        if code == 0:
            break
        if code == _RESOLUTION and size == 1:
            resolution = body[position + 4]
        position += 4 + size + -size % 4
    return link_type, resolution


def _nanoseconds(ticks: int, resolution: int) -> int:
    """`resolution` is a negative power of ten, or of two when its high bit is set."""
    per_second = 1 << (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    return ticks * 1_000_000_000 // per_second
