"""The version of its specification that a meter was installed under: it keeps that for life, and has what that version has.

The version is written to flash at the first power-on and never again: neither new firmware nor another setting changes it. One
table says which object or cluster came with which version; what an older one lacks is not there, and so refused like anything
unknown. The papers say that versions live side by side, not in what they differ: names follow SMETS, and the table is meterbench's
own but for 868 MHz. Not here: a hub's specification, and what early meters lose at a change of supplier.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from devices.runtime.board import Board
from protocols.dlms import axdr, cosem
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.zcl.endpoint import Endpoint

Version = Literal["1.2", "2.0", "3.0", "4.2"]
VERSIONS: Final[tuple[Version, ...]] = ("1.2", "2.0", "3.0", "4.2")
"""The oldest first."""
LATEST: Final[Version] = "4.2"
SUB_GHZ: Final[Version] = "3.0"
"""From which on a meter may have a radio below 1 GHz."""
OBJECT: Final = Obis("0-0:96.1.7")
"""Tells the version."""

OBJECTS: Final[Mapping[Obis, Version]] = MappingProxyType({
    Obis("1-0:1.3.0"): "2.0",  # minimum demand
    Obis("1-0:12.32.0"): "2.0",  # counts of voltage outside its limits
    Obis("1-0:12.36.0"): "2.0",
    Obis("1-0:32.24.0"): "2.0",  # log of mean voltage
    Obis("0-0:25.9.0"): "3.0",  # push
    Obis("0-0:96.3.20"): "4.2",  # arbitrator of the load switch
})  # fmt: skip
"""COSEM objects, and the version that they came with; all others were there from the first."""
CLUSTERS: Final[Mapping[int, Version]] = MappingProxyType({DeviceManagement.id: "3.0"})
"""The same for clusters."""
_KEPT: Final = "specification"


def has(version: Version, since: Version) -> bool:
    """Whether a meter of a version has what came with another one."""
    return VERSIONS.index(version) >= VERSIONS.index(since)


class Specification:
    """A meter's version. `installed`: the one in force when it is put in, which counts at its first power-on only."""

    def __init__(self, board: Board, installed: Version) -> None:
        kept = board.nvm.get(_KEPT)
        if kept is None:
            board.nvm.put({_KEPT: installed})
        self.version: Version = installed if kept is None else kept

    def limit_device(self, device: LogicalDevice) -> None:
        """Take away the objects that the version lacks, and add the one that tells it."""
        for name, since in OBJECTS.items():
            thing = device.find(name)
            if thing is not None and not has(self.version, since):
                device.remove(thing)
        device.add(cosem.Data(OBJECT, value=axdr.visible(self.version)))

    def limit_endpoint(self, endpoint: Endpoint) -> None:
        """Take away the clusters that the version lacks."""
        for cluster, side in tuple(endpoint.instances):
            if cluster in CLUSTERS and not has(self.version, CLUSTERS[cluster]):
                del endpoint.instances[cluster, side]
