"""A device let into a home, and struck off again, as a supplier has the head end order it (GB: CCS01, CCS02; class 104 of the hub).

Each is a question for `HeadEnd.ask` with `writes=True`, of the hub's own logical device.
"""

from __future__ import annotations

from collections.abc import Generator

from hubfw.network_control import KINDS, NETWORK_CONTROL
from protocols.dlms import axdr
from protocols.dlms.client import Client
from tools.errors import BadInput

CLASS = 104
JOINING, TIMEOUT = 2, 3
REGISTER, UNREGISTER = 1, 2
INSTALL_CODE = 1
"""Type of a registered key."""
DEFAULT_TIME = 900
"""Seconds that joining is open."""


class Pairing:
    """Let a device join: EUI-64, its install code with the CRC, its kind, and for how many seconds."""

    def __init__(self, eui64: int, install_code: bytes, kind: str, seconds: int = DEFAULT_TIME) -> None:
        number = next((number for number, known in KINDS.items() if known == kind), None)
        if number is None:
            raise BadInput(f"a hub cannot be told to let in a device of kind {kind} (kinds: {', '.join(KINDS.values())})")
        self._seconds = seconds
        self._registration = axdr.structure(
            axdr.octets(eui64.to_bytes(8, "big")), axdr.enum(INSTALL_CODE), axdr.octets(install_code[:-2]), axdr.enum(number)
        )

    def __call__(self, client: Client) -> Generator[bytes, bytes, None]:
        yield from client.action(NETWORK_CONTROL, CLASS, REGISTER, self._registration)
        yield from client.set(NETWORK_CONTROL, CLASS, TIMEOUT, axdr.u16(self._seconds))
        yield from client.set(NETWORK_CONTROL, CLASS, JOINING, axdr.boolean(True))


class Unpairing:
    """Strike a device off."""

    def __init__(self, eui64: int) -> None:
        self._device = axdr.octets(eui64.to_bytes(8, "big"))

    def __call__(self, client: Client) -> Generator[bytes, bytes, None]:
        yield from client.action(NETWORK_CONTROL, CLASS, UNREGISTER, self._device)
