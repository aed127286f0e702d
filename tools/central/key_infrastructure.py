"""Keys and credentials: as which client the central company comes to a device for a service, and with what.

Reading takes none on a bench's access profile; what changes something takes the management client's password. No other system holds
a secret. Not here: certificates of users.
"""

from __future__ import annotations

from hubfw.sap_table import HUB
from protocols.dlms.client import Client
from tools.central.seller import Seller
from tools.headend.head_end import HeadEnd

CHANGES = ("pair", "unpair", "top-up")
"""Services that change something."""


class KeyInfrastructure:
    """`client(service, sap)` has what an association needs."""

    def __init__(self, head_end: HeadEnd) -> None:
        self._head_end = head_end
        self._sellers: dict[str, Seller] = {}

    def seller(self, supplier: str) -> Seller:
        """Who computes top-up numbers for a supplier."""
        return self._sellers.setdefault(supplier, Seller(supplier))

    def client(self, service: str, hub: str, sap: int = HUB) -> Client:
        """A client for a logical device behind a hub, with its credential where the service needs one."""
        return self._head_end.client(sap, writes=service in CHANGES, hub=hub)
