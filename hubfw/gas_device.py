"""SAP 2: the gas meter as a logical device, answered from its mirror while the meter sleeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from devices.parts.dlms_access import Clients
from hubfw.translation import ROWS, Source
from protocols.dlms.cosem import InterfaceClass
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice

_DEVICE: Final = "gas"


def gas_device(
    name: bytes, source: Source, clock: InterfaceClass, clients: Clients, more: Iterable[InterfaceClass] = ()
) -> LogicalDevice:
    """The device. `clock`: the hub's, because the proxy's time is the hub's. `clients`: whom it talks to.

    `more`: objects besides, in place of rows of the same name.
    """
    named = {thing.name: thing for thing in more}
    return LogicalDevice(
        name,
        [clock, *clients.objects(), *(row.build(source) for row in ROWS if Obis(row.name) not in named), *named.values()],
        clients.associations(_DEVICE),
        security=clients.security,
        rng=clients.rng,
        on_change=clients.remember(_DEVICE),
    )
