"""The chips of modes T and C: 3-out-of-6, Manchester, preambles and synchronisation words (EN 13757-4 clauses 6, 7, 9).

A mode T meter sends three ones and three zeros for each nibble, 100,000 chips a second; the other device answers it in Manchester,
32,768 chips a second. Mode C sends octets as they are, 100,000 chips a second from the meter and 50,000 to it. What is modelled is
the octets' coding and the airtime; not the carrier, its deviation and its drift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from protocols.core.errors import RemoteProtocolError

SECOND: Final = 1_000_000_000

THREE_OF_SIX: Final = (
    0b010110, 0b001101, 0b001110, 0b001011, 0b011100, 0b011001, 0b011010, 0b010011,
    0b101100, 0b100101, 0b100110, 0b100011, 0b110100, 0b110001, 0b110010, 0b101001,
)  # fmt: skip
"""Six chips for each nibble (table 10)."""
_NIBBLES: Final = {chips: nibble for nibble, chips in enumerate(THREE_OF_SIX)}


def encode_3_of_6(data: bytes) -> bytes:
    """Octets in 3-out-of-6, most significant chip first; what is missing to a whole octet is filled with alternating chips."""
    chips = 0
    for octet in data:
        chips = chips << 12 | THREE_OF_SIX[octet >> 4] << 6 | THREE_OF_SIX[octet & 0x0F]
    count = 12 * len(data)
    if count % 8:
        chips, count = chips << 4 | 0b0101, count + 4
    return chips.to_bytes(count // 8, "big")


def decode_3_of_6(chips: bytes) -> bytes:
    """The octets. A postamble shorter than an octet is left away. Raises RemoteProtocolError on six chips that mean nothing."""
    bits, count = int.from_bytes(chips, "big"), 8 * len(chips)
    data = bytearray()
    for at in range(count - 12, -1, -12):
        high, low = _NIBBLES.get(bits >> at + 6 & 0x3F), _NIBBLES.get(bits >> at & 0x3F)
        if high is None or low is None:
            raise RemoteProtocolError(f"3-out-of-6: octet {len(data)} has a code that does not exist")
        data.append(high << 4 | low)
    return bytes(data)


def encode_manchester(data: bytes) -> bytes:
    """Octets in Manchester: 01 for a one, 10 for a zero."""
    return bytes(chips for octet in data for chips in _MANCHESTER[octet])


def decode_manchester(chips: bytes) -> bytes:
    """The octets. Raises RemoteProtocolError where two chips are equal, or half an octet is left."""
    try:
        return bytes(_NIBBLE_OF[high] << 4 | _NIBBLE_OF[low] for high, low in zip(chips[::2], chips[1::2], strict=True))
    except (KeyError, ValueError):
        raise RemoteProtocolError("Manchester: chips without a transition") from None


def _chips_of(nibble: int) -> int:
    return sum((0b01 if nibble >> bit & 1 else 0b10) << 2 * bit for bit in range(4))


_NIBBLE_OF: Final = {_chips_of(nibble): nibble for nibble in range(16)}
_MANCHESTER: Final = tuple((_chips_of(octet >> 4), _chips_of(octet & 0x0F)) for octet in range(256))


@dataclass(frozen=True, slots=True)
class Direction:
    """How one direction of a mode is sent. `lead`: chips of preamble and synchronisation; `decode` raises RemoteProtocolError."""

    chips_per_second: int
    lead: int
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]

    def airtime(self, chips: bytes) -> int:
        """Nanoseconds that these chips, eight an octet, are on the air with what leads them in."""
        return (self.lead + 8 * len(chips)) * SECOND // self.chips_per_second


@dataclass(frozen=True, slots=True)
class Mode:
    """A two-way mode. `opens`, `closes`: when, after the end of its own telegram, a meter listens for the first chip (ns)."""

    name: str
    from_meter: Direction
    to_meter: Direction
    opens: int
    closes: int


T2: Final = Mode(
    "T2",
    Direction(100_000, 48, encode_3_of_6, decode_3_of_6),
    Direction(32_768, 48, encode_manchester, decode_manchester),
    2_000_000,
    3_000_000,
)
C2: Final = Mode("C2", Direction(100_000, 64, bytes, bytes), Direction(50_000, 64, bytes, bytes), 99_500_000, 100_500_000)
MODES: Final = {mode.name: mode for mode in (T2, C2)}
