"""What the meter shows over IEC 62056-21: its main registers as data sets, under COSEM identifiers without `*255`, read-only.

Energy in kWh and kvarh with three decimals, as the meter counts watt-hours. The clock is at `0.9.1` and `0.9.2`,
as readers know it, and not there while its time cannot be believed. Where a hub on the wire sets it, it writes `0-0:1.0.0`:
year, month, day, hours, minutes, seconds of UTC, two digits each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal

from devices.esme.config import Config
from devices.esme.meter import Meter
from protocols.dlms.cosem import date_time
from protocols.iec62056_21 import DataSet, Fault, Identification, Refused, Value
from protocols.iec62056_21.rates import ANNOUNCED, PUSHED, letter

IDENTIFICATION: Final = Identification("MBE", "5", "ESME", "2")
"""MBE: the maker; 5: 9600 baud; 2: HDLC is on offer (mode E)."""
CLOCK: Final = "0-0:1.0.0"
_CLOCK_DIGITS: Final = 12
SECOND: Final = 1_000_000_000


def on_wire(mode: Literal["A", "B", "C", "D"], baud: int) -> Identification:
    """Who it is where the wired interface speaks this protocol: 300 baud in mode A, up to `baud` announced in B, or agreed in C,
    2400 baud in D."""
    letters = {"A": "-", "B": letter(baud, ANNOUNCED), "C": letter(baud), "D": letter(PUSHED)}
    return Identification("MBE", letters[mode], "ESME")


class Readout:
    """The registers of `protocols.iec62056_21`. `utc()`: the clock's time in ns, or None. `set_utc`: what a write of it calls."""

    def __init__(
        self, meter: Meter, config: Config, utc: Callable[[], int | None], set_utc: Callable[[int], object] | None = None
    ) -> None:
        self._meter = meter
        self._config = config
        self._utc = utc
        self._set_utc = set_utc

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
        yield DataSet.of("1-0:1.7.0", f"{max(meter.watts, 0) / 1000:07.3f}", "kW")
        yield DataSet.of("1-0:32.7.0", f"{meter.voltage.decivolts / 10:05.1f}", "V")

    def read(self, address: str) -> tuple[Value, ...]:
        """By the identifier, its reduced form or its full one: `1-0:1.8.0`, `1.8.0`, `1-0:1.8.0*255`."""
        for each in self.readout():
            if address.removesuffix("*255") in (each.address, each.address.partition(":")[2]):
                return each.values
        raise Refused(Fault.ADDRESS)

    def write(self, address: str, values: tuple[Value, ...]) -> None:
        if self._set_utc is not None and address.removesuffix("*255") == CLOCK:
            self._set_utc(_instant(values[0].text))
            return
        self.read(address)
        raise Refused(Fault.DENIED)


def _instant(text: str) -> int:
    """ns since 1970. Raises Refused."""
    if len(text) != _CLOCK_DIGITS or not (text.isascii() and text.isdigit()):
        raise Refused(Fault.VALUE)
    try:
        moment = datetime.strptime(text, "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise Refused(Fault.VALUE) from None
    return int(moment.timestamp()) * SECOND


def _thousandths(value: int) -> str:
    return f"{value // 1000:06d}.{value % 1000:03d}"
