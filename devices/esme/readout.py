"""What the meter shows over IEC 62056-21: its main registers as data sets, under COSEM identifiers without `*255`, read-only.

Energy in kWh and kvarh with three decimals, as the meter counts watt-hours. The clock is at `0.9.1` and `0.9.2`,
as readers know it, and not there while its time cannot be believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from devices.esme.config import Config
from devices.esme.meter import Meter
from protocols.dlms.cosem import date_time
from protocols.iec62056_21 import DataSet, Fault, Identification, Refused, Value

IDENTIFICATION: Final = Identification("MBE", "5", "ESME", "2")
"""MBE: the maker; 5: 9600 baud; 2: HDLC is on offer (mode E)."""


class Readout:
    """The registers of `protocols.iec62056_21`. `utc()`: the clock's time in ns, or None."""

    def __init__(self, meter: Meter, config: Config, utc: Callable[[], int | None]) -> None:
        self._meter = meter
        self._config = config
        self._utc = utc

    def readout(self) -> Iterator[DataSet]:
        meter, utc = self._meter, self._utc()
        yield DataSet.of("0-0:96.1.0", self._config.serial_number.decode("ascii", "replace"))
        if utc is not None:
            now = date_time.to_datetime(utc)
            yield DataSet.of("0.9.1", f"{now:%H%M%S}")
            yield DataSet.of("0.9.2", f"{now:%y%m%d}")
        yield DataSet.of("1-0:1.8.0", _thousandths(meter.import_wh), "kWh")
        yield DataSet.of("1-0:2.8.0", _thousandths(meter.export_wh), "kWh")
        yield DataSet.of("1-0:3.8.0", _thousandths(meter.import_varh), "kvarh")
        yield DataSet.of("1-0:4.8.0", _thousandths(meter.export_varh), "kvarh")
        yield DataSet.of("1-0:1.7.0", f"{meter.watts / 1000:07.3f}", "kW")
        yield DataSet.of("1-0:32.7.0", f"{meter.voltage.decivolts / 10:05.1f}", "V")

    def read(self, address: str) -> tuple[Value, ...]:
        """By the identifier, its reduced form or its full one: `1-0:1.8.0`, `1.8.0`, `1-0:1.8.0*255`."""
        for each in self.readout():
            if address.removesuffix("*255") in (each.address, each.address.partition(":")[2]):
                return each.values
        raise Refused(Fault.ADDRESS)

    def write(self, address: str, values: tuple[Value, ...]) -> None:
        self.read(address)
        raise Refused(Fault.DENIED)


def _thousandths(value: int) -> str:
    return f"{value // 1000:06d}.{value % 1000:03d}"
