"""The devices of each dwelling behind one trust centre, sans-I/O, and a device's copy of its list (SE 1.4 annex D.13).

A list has a version, never 0. Who has the latest is told to wait for data, and so is a device of no dwelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from protocols.zigbee.clusters.mdu_pairing import MduPairing
from protocols.zigbee.zcl.status import Status

DEVICES_A_FRAME: Final = 6
MOST_DEVICES: Final = 255


def answer(
    request: MduPairing.PairingRequest, version: int, dwellings: Iterable[Sequence[int]]
) -> Status | list[MduPairing.PairingResponse]:
    """The list of the dwelling that a device is in, in as many frames as it takes. `dwellings`: EUI-64s."""
    devices = next((each for each in dwellings if request.eui64_of_requesting_device in each), None)
    if devices is None or not version or request.local_pairing_information_version == version:
        return Status.WAIT_FOR_DATA
    parts = [devices[at : at + DEVICES_A_FRAME] for at in range(0, len(devices), DEVICES_A_FRAME)]
    return [MduPairing.PairingResponse(version, len(devices), index, len(parts), list(part)) for index, part in enumerate(parts)]


class Pairing:
    """A device's side: the list, once every part of one version has come."""

    def __init__(self) -> None:
        self.version = 0
        self.devices: tuple[int, ...] = ()
        self._parts: dict[int, list[int]] = {}
        self._key = (0, 0, 0)

    def received(self, response: MduPairing.PairingResponse) -> bool:
        """A part. True when the list is complete, and another one than before."""
        total, parts = response.total_number_of_devices, response.total_number_of_commands
        key = response.pairing_information_version, total, parts
        if not key[0] or response.command_index >= parts or len(response.eui64s) > MOST_DEVICES:
            return False
        if key != self._key:
            self._key, self._parts = key, {}
        self._parts[response.command_index] = response.eui64s
        devices = [device for index in sorted(self._parts) for device in self._parts[index]]
        if len(self._parts) < parts:
            return False
        self._parts = {}
        if len(devices) != total:
            return False
        self.version, self.devices = key[0], tuple(devices)
        return True
