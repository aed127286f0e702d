"""SAP 2: the gas meter as a logical device, answered from its mirror while the meter sleeps."""

from __future__ import annotations

from typing import Final

from devices.parts.dlms_access import Clients
from hubfw.translation import ROWS, Source
from protocols.dlms.cosem import InterfaceClass
from protocols.dlms.server import LogicalDevice

_DEVICE: Final = "gas"


def gas_device(name: bytes, source: Source, clock: InterfaceClass, clients: Clients) -> LogicalDevice:
    """The device. `clock`: the hub's, because the proxy's time is the hub's. `clients`: whom it talks to."""
    return LogicalDevice(
        name,
        [clock, *clients.objects(), *(row.build(source) for row in ROWS)],
        clients.associations(_DEVICE),
        security=clients.security,
        rng=clients.rng,
        on_change=clients.remember(_DEVICE),
    )
