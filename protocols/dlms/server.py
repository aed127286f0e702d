"""COSEM server: a physical device's logical devices by SAP, and the sessions clients have with them. Green Book 4.

It has no links and no addresses: who carries the APDUs asks for a session for each pair of SAPs on each connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from protocols.core.errors import LocalProtocolError
from protocols.dlms.acse import Mechanism
from protocols.dlms.association import SMALLEST_PDU, Association
from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.cosem.sap import SapAssignment
from protocols.dlms.logical_device import LOGICAL_DEVICE_NAME, LogicalDevice
from protocols.dlms.obis import Obis
from protocols.dlms.session import Session

__all__ = [
    "LOGICAL_DEVICE_NAME", "MANAGEMENT_CLIENT", "MANAGEMENT_SAP", "PUBLIC_CLIENT", "SAP_ASSIGNMENT", "Association",
    "LogicalDevice", "Server", "Session", "open_profile",
]  # fmt: skip

MANAGEMENT_SAP: Final = 1
"""The logical device that holds the SAP assignment."""
PUBLIC_CLIENT: Final = 16
MANAGEMENT_CLIENT: Final = 1
SAP_ASSIGNMENT: Final = Obis("0-0:41.0.0")


def open_profile(password: bytes) -> list[Association]:
    """The bench's access profile `open`: client 16 only reads, client 1 with the password has all rights."""
    return [
        Association(PUBLIC_CLIENT, rights=Rights(Access.READ, methods=False)),
        Association(MANAGEMENT_CLIENT, Mechanism.LOW, password),
    ]


class Server:
    """Logical devices by SAP. That of SAP 1 lists them all in its SAP assignment object.

    `elsewhere()`: (SAP, name) of logical devices that the list names too, and others answer for.
    """

    def __init__(self, devices: Mapping[int, LogicalDevice], elsewhere: Callable[[], Iterable[tuple[int, bytes]]] = tuple) -> None:
        self._devices: dict[int, LogicalDevice] = {}
        self._elsewhere = elsewhere
        for sap, device in devices.items():
            self.add(sap, device)

    @property
    def devices(self) -> Mapping[int, LogicalDevice]:
        """The logical devices, by SAP."""
        return MappingProxyType(self._devices)

    def add(self, sap: int, device: LogicalDevice) -> None:
        """Let a logical device answer at a SAP that is free."""
        if sap in self._devices or not 0 < sap <= 0xFFFF:
            raise LocalProtocolError(f"SAP {sap} is taken or does not exist")
        self._devices[sap] = device
        device.sap = sap
        if sap == MANAGEMENT_SAP:
            device.add(SapAssignment(SAP_ASSIGNMENT, sap_assignment_list=self._assignments))

    def session(self, client_sap: int, server_sap: int, path_limit: int) -> Session | None:
        """One client's conversation with one logical device; None: nobody is at that SAP, and silence is the answer.

        `path_limit`: octets of the largest APDU that the way between them carries.
        """
        if path_limit < SMALLEST_PDU:
            raise LocalProtocolError(f"a path that carries {path_limit} octets carries no association")
        device = self._devices.get(server_sap)
        return None if device is None else Session(device, client_sap, server_sap, path_limit)

    def _assignments(self) -> list[tuple[int, bytes]]:
        own = [(sap, device.name) for sap, device in self._devices.items()]
        return sorted([*own, *self._elsewhere()])
