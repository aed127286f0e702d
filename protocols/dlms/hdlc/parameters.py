"""What two HDLC stations agree on in SNRM and UA, and the times each keeps (IEC 62056-46 6.4.4.4.3; class 23)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from protocols.core.errors import DecodeError, LocalProtocolError

_S: Final = 1_000_000_000
_FORMAT: Final = b"\x81\x80"
"""Format identifier, group identifier of HDLC parameters."""
_USER_DATA: Final = b"\xff"
"""Identifier of the subfield that may follow, or stand alone, and goes to the end."""
_IDENTIFIERS: Final = {
    0x05: "information_transmit", 0x06: "information_receive", 0x07: "window_transmit", 0x08: "window_receive",
}  # fmt: skip
LARGEST_INFORMATION: Final = 2030
LARGEST_WINDOW: Final = 7


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest information field in octets and window in frames, each way, as one station sees it.

    The defaults are what holds when SNRM or UA says nothing.
    """

    information_transmit: int = 128
    information_receive: int = 128
    window_transmit: int = 1
    window_receive: int = 1

    def build(self) -> bytes:
        """The information field of SNRM or UA."""
        parameters = bytearray()
        for identifier, name in _IDENTIFIERS.items():
            value = getattr(self, name)
            size = 4 if name.startswith("window") else 1 if value < 0x100 else 2
            parameters += bytes((identifier, size)) + value.to_bytes(size, "big")
        return _FORMAT + bytes((len(parameters),)) + parameters

    @classmethod
    def parse(cls, information: bytes) -> Self:
        """From the information field of SNRM or UA, which may be empty, or hold user data behind the parameters or alone.

        Unknown parameters are passed over, as is user data; of a parameter said twice the second counts.
        """
        if not information or information[:2] == _FORMAT[:1] + _USER_DATA:
            return cls()
        end = 3 + information[2] if len(information) > 2 else 0
        if information[:2] != _FORMAT or not 3 <= end <= len(information) or information[end : end + 1] not in (b"", _USER_DATA):
            raise DecodeError(f"Limits: not a parameter field: {information.hex()}")
        values: dict[str, int] = {}
        rest = information[3:end]
        while rest:
            size = rest[1] if len(rest) > 1 else 0
            if not 1 <= size <= min(4, len(rest) - 2):
                raise DecodeError(f"Limits: parameter cut or of no use: {rest.hex()}")
            if rest[0] in _IDENTIFIERS:
                values[_IDENTIFIERS[rest[0]]] = int.from_bytes(rest[2 : 2 + size], "big")
            rest = rest[2 + size :]
        return cls(**values)

    def agree(self, other: Limits) -> Limits:
        """These limits after hearing the other station's: the smaller each way. A zero of theirs says nothing."""
        return Limits(
            min(self.information_transmit, other.information_receive or self.information_transmit),
            min(self.information_receive, other.information_transmit or self.information_receive),
            min(self.window_transmit, other.window_receive or self.window_transmit),
            min(self.window_receive, other.window_transmit or self.window_receive),
        )


@dataclass(frozen=True, slots=True)
class Parameters:
    """How one station is set up. Times in ns.

    limits: what it offers in negotiation. inter_octet_time_out: silence that ends a frame begun (class 23 says 20 ms to
    6 s; the default leaves room for links that deliver in lumps). inactivity_time_out: silence after which a server
    drops a connection. response_time_out, attempts: a client repeats after the one, and gives up after so many
    transmissions without progress. largest_apdu: octets; a longer one is not put together. connections: how many a server
    keeps, with all clients and logical devices together.
    """

    limits: Limits = Limits()
    inter_octet_time_out: int = 1 * _S
    inactivity_time_out: int = 120 * _S
    response_time_out: int = 5 * _S
    attempts: int = 3
    largest_apdu: int = 4096
    connections: int = 16

    def __post_init__(self) -> None:
        limits = self.limits
        informations = (limits.information_transmit, limits.information_receive)
        windows = (limits.window_transmit, limits.window_receive)
        if not all(32 <= size <= LARGEST_INFORMATION for size in informations):
            raise LocalProtocolError(f"an information field is 32 to {LARGEST_INFORMATION} octets, not {informations}")
        if not all(1 <= size <= LARGEST_WINDOW for size in windows):
            raise LocalProtocolError(f"a window is 1 to {LARGEST_WINDOW} frames, not {windows}")


DEFAULT: Final = Parameters()
