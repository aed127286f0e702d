"""SAP 2: the gas meter as a logical device, answered from its mirror while the meter sleeps."""

from __future__ import annotations

from collections.abc import Iterable

from hubfw.translation import ROWS, Source
from protocols.dlms.cosem import InterfaceClass
from protocols.dlms.server import Association, LogicalDevice


def gas_device(
    name: bytes, source: Source, clock: InterfaceClass, associations: Iterable[Association]
) -> LogicalDevice:
    """The device. `clock`: the hub's, because the proxy's time is the hub's."""
    return LogicalDevice(name, [clock, *(row.build(source) for row in ROWS)], associations)
