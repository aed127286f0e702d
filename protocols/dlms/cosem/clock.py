"""Clock (class 8). Blue Book 4.5.1.

The object has no time of its own: `time` is bound to the device's clock, and a client's setting goes to the hook of
`time` as twelve octets. The adjusting methods work out the new time here and set it by the same hook. What local time
is, the time zone and daylight saving say: `zone`, for everything that acts by this clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from protocols.core.errors import DecodeError, LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.date_time import SECOND
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, Source, attribute, method
from protocols.dlms.cosem.recurrence import OPEN_DATE_TIME, RECURRENCE
from protocols.dlms.cosem.types import BOOLEAN, DATE_TIME, I8, INSTANT, U8, Enumerated, Limited, Structure
from protocols.dlms.cosem.zone import Zone, summer_zone
from protocols.dlms.xdlms import DataAccessResult

_QUARTER = 15 * 60 * SECOND
_MINUTE = 60 * SECOND
PRESET: Final = Structure(preset_time=DATE_TIME, validity_interval_start=DATE_TIME, validity_interval_end=DATE_TIME)


class ClockBase(IntEnum):
    """clock_base: what keeps the clock going."""

    NOT_DEFINED = 0
    INTERNAL_CRYSTAL = 1
    MAINS_50_HZ = 2
    MAINS_60_HZ = 3
    GPS = 4
    RADIO_CONTROLLED = 5


class Clock(InterfaceClass, id=8, version=0):
    """Date and time, with deviation to UTC and daylight saving.

    `Clock("0-0:1.0.0", time=lambda: date_time.encode(rtc.read()), on={"time": set_rtc})`. `measuring_period` in seconds; 0: it has
    none to adjust to.
    """

    time: Attribute = attribute(2, INSTANT, access=Access.READ_WRITE)
    time_zone: Attribute = attribute(3, Limited(Tag.LONG, -840, 840), default=0)
    status: Attribute = attribute(4, U8, default=0)
    daylight_savings_begin: Attribute = attribute(5, RECURRENCE, default=OPEN_DATE_TIME)
    daylight_savings_end: Attribute = attribute(6, RECURRENCE, default=OPEN_DATE_TIME)
    daylight_savings_deviation: Attribute = attribute(7, Limited(Tag.INTEGER, -120, 120), default=0)
    daylight_savings_enabled: Attribute = attribute(8, BOOLEAN, default=False)
    clock_base: Attribute = attribute(9, Enumerated(ClockBase), default=ClockBase.NOT_DEFINED)

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        measuring_period: int = 0,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
        **given: Source,
    ) -> None:
        super().__init__(logical_name, on=on or {}, access=access or {}, **given)
        self._measuring_period = measuring_period * SECOND
        self._preset: tuple[bytes, bytes, bytes] | None = None

    @property
    def preset(self) -> int | None:
        """The instant that was preset and not set yet; None: nothing was, or nothing of it is specified."""
        return None if self._preset is None else self.zone.instant(self._preset[0])

    @property
    def zone(self) -> Zone:
        """Local time by this clock's attributes."""
        deviation: int = self.time_zone.value
        if not self.daylight_savings_enabled.value:
            return Zone(deviation)
        begins, ends = self.daylight_savings_begin.value, self.daylight_savings_end.value
        return summer_zone(deviation, self.daylight_savings_deviation.value, begins, ends)

    @method(1, I8)
    def adjust_to_quarter(self, argument: Data) -> None:
        """To the nearest quarter of an hour."""
        self._adjust_to(_QUARTER)

    @method(2, I8)
    def adjust_to_measuring_period(self, argument: Data) -> None:
        """To the nearest start of a measuring period."""
        self._adjust_to(self._measuring_period)

    @method(3, I8)
    def adjust_to_minute(self, argument: Data) -> None:
        """To the nearest minute."""
        self._adjust_to(_MINUTE)

    @method(4, I8)
    def adjust_to_preset_time(self, argument: Data) -> None:
        """To the time that was preset, if it is now within the interval that was preset with it. A preset serves once.

        A preset time of which nothing is specified leaves the setting to the method's hook (GB: to the hub's time).
        """
        instant = self.preset
        if instant is not None:
            self._set(instant)
        self._preset = None

    @method(5, PRESET)
    def preset_adjusting_time(self, argument: Data) -> None:
        """Keep a time, and the interval within which `adjust_to_preset_time` may set it."""
        preset, begins, ends = (item.value for item in argument.value)
        if preset[:9] != OPEN_DATE_TIME[:9] and date_time.instant(preset) is None:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: the preset time has open fields")
        self._preset = preset, begins, ends

    @method(6, Limited(Tag.LONG, -900, 900))
    def shift_time(self, argument: Data) -> None:
        """By so many seconds."""
        self._set(self._now() + argument.value * SECOND)

    def invoke(self, number: int, argument: Data) -> Data | None:
        if number == 4 and self.carries_out(4):
            self._check_preset()  # before the hook acts
        return super().invoke(number, argument)

    def carries_out(self, number: int) -> bool:
        """A clock that nothing can set cannot be adjusted either."""
        settable = "time" in self.on or not callable(self.sources[2])
        return super().carries_out(number) and settable and (number != 2 or self._measuring_period > 0)

    def _check_preset(self) -> None:
        if self._preset is None:
            raise AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: nothing was preset")
        if self.preset is None and "adjust_to_preset_time" not in self.on:
            raise AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: nothing knows the time that was not preset")
        _, begins, ends = self._preset
        now, low, high = self._now(), date_time.earliest(begins), date_time.latest(ends)
        if (low is not None and now < low) or (high is not None and now > high):
            raise AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: not within the validity interval")

    def _now(self) -> int:
        try:
            instant = self.zone.instant(self.time.value)
        except DecodeError:
            instant = None
        if instant is None:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, str(self.name))
        return instant

    def _adjust_to(self, period: int) -> None:
        self._set((self._now() + period // 2) // period * period)

    def _set(self, instant: int) -> None:
        try:
            octets = self.zone.encode(instant)
        except LocalProtocolError:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name)) from None
        self.write(2, axdr.octets(octets))
