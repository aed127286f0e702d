"""Objects made of the table, and of the rows that are not an attribute: valve, orders that wait, and what the hub tells the home.

In the hub's own device: the text on the displays, and the load controllers' event. They are in no meter and no mirror.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hubfw.translation import Gas
from hubfw.translation_orders import valve
from hubfw.translation_rows import ROWS
from hubfw.translation_tariffs import tariff_objects
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import InterfaceClass

PENDING: Final = "0-0:128.96.1"


def objects(gas: Gas) -> Iterator[InterfaceClass]:
    """All of the gas proxy but its logs."""
    for row in ROWS:
        yield row.build(gas)
    yield valve(gas)
    yield from tariff_objects(gas)
    yield cosem.Data(PENDING, value=lambda: axdr.array(axdr.visible(type(each).__name__) for each in gas.pending))
