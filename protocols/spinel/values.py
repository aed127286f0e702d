"""Values of single properties: a flag, an octet, two octets, an address; and the refusal of what is none."""

from __future__ import annotations

from protocols.spinel.message import Status


class Refused(Exception):
    """The host is answered with a status, and nothing has changed."""

    def __init__(self, status: Status) -> None:
        self.status = status


def boolean(value: bytes) -> bool:
    if len(value) != 1 or value[0] > 1:
        raise Refused(Status.PARSE_ERROR)
    return bool(value[0])


def i8(value: bytes) -> int:
    if len(value) != 1:
        raise Refused(Status.PARSE_ERROR)
    return int.from_bytes(value, "little", signed=True)


def u16(value: bytes) -> int:
    if len(value) != 2:
        raise Refused(Status.PARSE_ERROR)
    return int.from_bytes(value, "little")


def on_air(value: bytes) -> bytes:
    """An address of the source match tables in the order of the air: short ones are, EUI-64s are reversed."""
    if len(value) not in (2, 8):
        raise Refused(Status.PARSE_ERROR)
    return value if len(value) == 2 else value[::-1]
