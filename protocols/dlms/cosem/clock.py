"""Clock (class 8). Blue Book 4.5.1.

The object has no time of its own: `time` is bound to the device's clock, and a client's setting goes to the hook of
`time` as twelve octets. The adjusting methods work out the new time here and set it by the same hook.
"""

from __future__ import annotations

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import BOOLEAN, DATE_TIME, ENUM, I8, I16, INSTANT, U8
from protocols.dlms.xdlms import DataAccessResult

_QUARTER = 15 * 60 * SECOND
_MINUTE = 60 * SECOND
_FURTHEST_SHIFT = 900
_NOT_SPECIFIED = bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")


class Clock(InterfaceClass, id=8, version=0):
    """Date and time, with deviation to UTC and daylight saving.

    `Clock("0-0:1.0.0", time=lambda: date_time.encode(rtc.read()), on={"time": set_rtc})`
    """

    time: Attribute = attribute(2, INSTANT, access=Access.READ_WRITE)
    time_zone: Attribute = attribute(3, I16, default=0)
    status: Attribute = attribute(4, U8, default=0)
    daylight_savings_begin: Attribute = attribute(5, DATE_TIME, default=_NOT_SPECIFIED)
    daylight_savings_end: Attribute = attribute(6, DATE_TIME, default=_NOT_SPECIFIED)
    daylight_savings_deviation: Attribute = attribute(7, I8, default=0)
    daylight_savings_enabled: Attribute = attribute(8, BOOLEAN, default=False)
    clock_base: Attribute = attribute(9, ENUM, default=0)

    @method(1, I8)
    def adjust_to_quarter(self, argument: Data) -> None:
        """To the nearest quarter of an hour."""
        self._adjust_to(_QUARTER)

    adjust_to_measuring_period = method(2, I8)

    @method(3, I8)
    def adjust_to_minute(self, argument: Data) -> None:
        """To the nearest minute."""
        self._adjust_to(_MINUTE)

    adjust_to_preset_time = method(4, I8)
    preset_adjusting_time = method(5)

    @method(6, I16)
    def shift_time(self, argument: Data) -> None:
        """By so many seconds, 900 at most either way."""
        if abs(argument.value) > _FURTHEST_SHIFT:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name))
        self._set(self._now() + argument.value * SECOND)

    def carries_out(self, number: int) -> bool:
        """A clock that nothing can set cannot be adjusted either."""
        return super().carries_out(number) and ("time" in self.on or not callable(self.sources[2]))

    def _now(self) -> int:
        instant = date_time.instant(self.time.value)
        if instant is None:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, str(self.name))
        return instant

    def _adjust_to(self, period: int) -> None:
        self._set((self._now() + period // 2) // period * period)

    def _set(self, instant: int) -> None:
        try:
            octets = date_time.encode(instant)
        except LocalProtocolError:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name)) from None
        self.write(2, axdr.octets(octets))
