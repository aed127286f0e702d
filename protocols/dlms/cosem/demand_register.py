"""Demand register (class 5): averages over one period, or over several that slide. Blue Book 4.3.4.

It averages what `total` counts: an integral over seconds of the quantity in its unit (joules for watts), which only
grows. The current average is over the periods still running, divided by their whole length; when a period is over it
becomes the last average, and the window slides on by that period. Periods end at multiples of their length on the
clock, or when a client says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import Access
from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, Source, attribute, method
from protocols.dlms.cosem.register import SCALER_UNIT
from protocols.dlms.cosem.timed import Call
from protocols.dlms.cosem.types import DATE_TIME, I8, Limited
from protocols.dlms.cosem.zone import Zone
from protocols.dlms.xdlms import SelectiveAccess

NEXT_PERIOD: Final = 2
LONGEST_PERIOD: Final = 366 * 86_400
MOST_PERIODS: Final = 1_440
_OF_PERIODS: Final = frozenset({8, 9})


class DemandRegister(InterfaceClass, id=5, version=0):
    """`total()`: what it averages, up to now; `utc()`: the time (ns). `period` in seconds; `number_of_periods` 1: block
    demand, more: sliding demand. Writing either begins anew."""

    current_average_value: Attribute = attribute(2)
    last_average_value: Attribute = attribute(3)
    scaler_unit: Attribute = attribute(4, SCALER_UNIT)
    status: Attribute = attribute(5, default=axdr.null())
    capture_time: Attribute = attribute(6, DATE_TIME)
    start_time_current: Attribute = attribute(7, DATE_TIME)
    period: Attribute = attribute(8, Limited(Tag.DOUBLE_LONG_UNSIGNED, 1, LONGEST_PERIOD))
    number_of_periods: Attribute = attribute(9, Limited(Tag.LONG_UNSIGNED, 1, MOST_PERIODS))

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        total: Callable[[], int],
        utc: Callable[[], int],
        scaler_unit: Source,
        period: int,
        number_of_periods: int = 1,
        status: Source = None,
        value: Callable[[int], Data] = axdr.u32,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        """`value` gives an average its type."""
        self._total = total
        self._utc = utc
        super().__init__(
            logical_name,
            on=on or {},
            access=access or {},
            current_average_value=lambda: value(self._average()),
            last_average_value=lambda: value(self._last),
            scaler_unit=scaler_unit,
            status=axdr.null() if status is None else status,
            capture_time=lambda: date_time.encode(self._captured),
            start_time_current=lambda: date_time.encode(self._starts[0][0]),
            period=period,
            number_of_periods=number_of_periods,
        )
        self._begin()

    @method(1, I8)
    def reset(self, argument: Data) -> None:
        """Forget both averages and begin a period now."""
        self._begin()

    @method(NEXT_PERIOD, I8)
    def next_period(self, argument: Data) -> None:
        """End the period that runs and begin the next one."""
        self._last = self._average()
        self._captured = self._utc()
        self._starts.append((self._captured, self._total()))
        del self._starts[: -self.number_of_periods.value]

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        super().write(number, value, selection)
        if number in _OF_PERIODS:
            self._begin()

    def due(self, after: int, zone: Zone) -> int | None:
        """The end of the period."""
        period = self.period.value * SECOND
        end: int = (after // period + 1) * period
        return end

    def calls(self, since: int, now: int, zone: Zone) -> Iterable[Call]:
        """The next period, if one has ended; periods that nobody saw end are one with it."""
        period = self.period.value * SECOND
        if since // period == now // period:
            return ()
        return (Call(now // period * period, self.name, NEXT_PERIOD, axdr.i8(0)),)

    def _begin(self) -> None:
        self._last = 0
        self._captured = self._utc()
        self._starts = [(self._captured, self._total())]
        """(instant, total) at the start of each period of the window, oldest first."""

    def _average(self) -> int:
        used = self._total() - self._starts[0][1]
        average: int = used // (self.number_of_periods.value * self.period.value)
        return average
