"""A heat meter on wireless M-Bus as a logical device of COSEM: what it last told, with when it did (Blue Book 6.2, medium 6).

Objects of a value that has not come yet, or that the meter does not tell, answer with a temporary failure. What was told is kept in
RAM: after a restart the hub has nothing until the meter's next report. Not here: heat on the home network, orders to the meter.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from devices.runtime.kernel import S
from hubfw.hub_device import device_name
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, Unit, date_time
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.xdlms import DataAccessResult
from protocols.wmbus.records import Quantity, Record

if TYPE_CHECKING:
    from devices.parts.dlms_access import Clients

_DEVICE: Final = "heat"


class Row(NamedTuple):
    """A record, and the register that it is: unit, and decimals behind the point."""

    quantity: Quantity
    name: str
    unit: Unit
    decimals: int


ROWS: Final = (
    Row(Quantity.ENERGY, "6-0:1.0.0", Unit.WATT_HOUR, 0),
    Row(Quantity.VOLUME, "6-0:2.0.0", Unit.CUBIC_METRE, 3),
    Row(Quantity.POWER, "6-0:8.0.0", Unit.WATT, 0),
    Row(Quantity.FLOW_TEMPERATURE, "6-0:10.0.0", Unit.DEGREE_CELSIUS, 1),
    Row(Quantity.RETURN_TEMPERATURE, "6-0:11.0.0", Unit.DEGREE_CELSIUS, 1),
)


class HeatDevice(LogicalDevice):
    """The device of one meter."""

    def __init__(self, eui64: int, clients: Clients) -> None:
        self._told: dict[Quantity, int] = {}
        self._at: int | None = None
        super().__init__(
            device_name(eui64),
            [*clients.objects(), *map(self._register, ROWS)],
            clients.associations(_DEVICE),
            security=clients.security,
            rng=clients.rng,
            on_change=clients.remember(_DEVICE),
        )

    def take(self, records: tuple[Record, ...]) -> None:
        """A report."""
        self._told.clear()
        self._at = None
        for record in records:
            row = next((row for row in ROWS if row.quantity is record.quantity), None)
            if row is not None and record.number is not None:
                self._told[row.quantity] = int(record.number.scaleb(row.decimals))
            if isinstance(record.when, datetime):
                self._at = int(record.when.replace(tzinfo=UTC).timestamp()) * S

    def _register(self, row: Row) -> cosem.ExtendedRegister:
        def value() -> Data:
            if row.quantity not in self._told:
                raise AccessError(DataAccessResult.TEMPORARY_FAILURE, f"{row.name}: the heat meter has not told")
            return axdr.u32(self._told[row.quantity])

        def captured() -> Data:
            if self._at is None:
                raise AccessError(DataAccessResult.TEMPORARY_FAILURE, f"{row.name}: the heat meter has not told")
            return axdr.octets(date_time.encode(self._at))

        return cosem.ExtendedRegister(row.name, value=value, scaler_unit=(-row.decimals, row.unit), capture_time=captured)
