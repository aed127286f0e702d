"""One fuel's account: what was used is charged by rate and block, credit and emergency credit, and what may still be used.

Money is micropence, energy watt-hours, both whole numbers: what is less than one of them is carried over, so that no order of
readings changes a sum. Rates go by the minute of the day and blocks by the energy of the day, both by local time: what a change
of clocks skips begins at the change, what it repeats begins the first time. What a reading brings was used
since the reading before, evenly as far as anybody knows: where a rate or a day ends between the two (half an hour; days, without
contact), each part is charged at what held then. What may still be used is reckoned at the rate to which `advance` has moved time.
Not here: debts, more than one standing charge, months.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from protocols.core.errors import LocalProtocolError
from protocols.dlms.cosem.zone import UTC, Zone

MINUTE: Final = 60 * 1_000_000_000
DAY: Final = 1440 * MINUTE
PENNY: Final = 1_000_000
"""Micropence."""
NO_LIMIT: Final = 1 << 47


@dataclass(frozen=True, slots=True)
class Rate:
    """From this minute of the day on, a price in micropence a kilowatt-hour in each block."""

    minute: int
    prices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tariff:
    """`rates` in the order of their minutes, the first one at 0; `blocks`: watt-hours of a day at which the next block begins."""

    rates: tuple[Rate, ...]
    blocks: tuple[int, ...] = ()
    standing: int = 0
    """Micropence a day."""

    def __post_init__(self) -> None:
        minutes = [rate.minute for rate in self.rates]
        if not minutes or minutes[0] != 0 or minutes != sorted(set(minutes)) or minutes[-1] >= 1440:
            raise LocalProtocolError("rates are in the order of their minutes, the first one at 0")
        if list(self.blocks) != sorted(set(self.blocks)) or any(len(rate.prices) != len(self.blocks) + 1 for rate in self.rates):
            raise LocalProtocolError("one price for each block")

    def rate(self, local: int) -> Rate:
        """In force at a time (local ns)."""
        minute = local % DAY // MINUTE
        return self.rates[bisect_right([rate.minute for rate in self.rates], minute) - 1]

    def next_change(self, local: int) -> int:
        """When another rate comes into force, or the day ends (local ns)."""
        day, minute = local // DAY * DAY, local % DAY // MINUTE
        later = [rate.minute for rate in self.rates if rate.minute > minute]
        return day + (later[0] if later else 1440) * MINUTE


@dataclass(frozen=True, slots=True)
class Energy:
    """How much energy a unit of the meter is: `watt_hours` in `units` of them (gas: litres, by calorific value and correction)."""

    watt_hours: int = 1
    units: int = 1

    @classmethod
    def gas(cls, calorific_value: int, conversion_factor: int) -> Energy:
        """Of litres: tenths of MJ/m3, and hundred-thousandths (SE 1.4 D.4: 39.5 MJ/m3 is 395, 1.02264 is 102264)."""
        return cls(calorific_value * conversion_factor, 3_600 * 10 * 100_000 // 1_000)


@dataclass(slots=True)
class Account:
    """One fuel. Raises LocalProtocolError when a register falls."""

    tariff: Tariff
    energy: Energy
    emergency_limit: int = 0
    """Micropence that may be lent once, when the balance is used up."""
    balance: int = 0
    lent: int = 0
    """Of the emergency credit: what is lent at present, used or not."""
    register: int | None = None
    """The last reading, in units of the meter."""
    zone: Callable[[], Zone] = lambda: UTC
    """What local time is now."""
    day: int = 0
    """Of the last reading, in local days since 1970."""
    used_today: int = 0
    """Watt-hours of that day."""
    _rest: int = 0
    """Of a watt-hour, in 1/units."""
    _fraction: int = 0
    """Of a micropenny, in 1/1,000."""
    _utc: int = field(default=0)
    _read_at: int = 0
    """When the last reading came, UTC ns."""
    _charged: int = 0
    """The local day up to which the standing charge is taken."""

    @property
    def credit(self) -> int:
        """What can be used: balance and emergency credit."""
        return self.balance + self.lent

    @property
    def in_credit(self) -> bool:
        """The balance itself is above zero."""
        return self.balance > 0

    def advance(self, utc: int) -> None:
        """Time passes: each day's standing charge, blocks begin anew, another rate is in force."""
        today = self._local(utc) // DAY
        if self._utc:
            self.balance -= self.tariff.standing * max(today - self._charged, 0)
            today = max(today, self._charged)
        self._utc, self._charged = max(self._utc, utc), today

    def read(self, register: int) -> int:
        """A reading: what it costs, taken from the balance, in micropence."""
        if self.register is None:
            self.register = register
        if register < self.register:
            raise LocalProtocolError(f"the register fell from {self.register} to {register}")
        watt_hours, self._rest = divmod((register - self.register) * self.energy.watt_hours + self._rest, self.energy.units)
        self.register = register
        cost = sum(self._cost(when, part) for when, part in self._used(watt_hours))
        self._read_at = self._utc
        self.balance -= cost
        return cost

    def top_up(self, micropence: int) -> None:
        """Credit is bought: what was lent is paid back of it, as the balance says."""
        self.balance += micropence
        if self.balance > 0:
            self.lent = 0

    def lend(self) -> bool:
        """Emergency credit, when nothing more can be paid, once until the balance is above zero again; whether there was any."""
        if self.lent or self.affordable() or not self.emergency_limit:
            return False
        self.lent = self.emergency_limit
        return True

    def affordable(self) -> int:
        """Units of the meter beyond the last reading, at the present rate through the blocks of this day; NO_LIMIT at no price."""
        credit, watt_hours = self.credit * 1000 - self._fraction, 0
        now = self._local(self._utc)
        used = self.today
        prices = self.tariff.rate(now).prices
        for block, price in enumerate(prices):
            room = self.tariff.blocks[block] - used if block < len(self.tariff.blocks) else NO_LIMIT
            if room <= 0:
                continue
            if credit <= 0:
                break
            fits = min(room, credit // price if price else NO_LIMIT)
            watt_hours, used, credit = watt_hours + fits, used + fits, credit - fits * price
            if fits < room:
                break
        if watt_hours >= NO_LIMIT:
            return NO_LIMIT
        units = (watt_hours * self.energy.units - self._rest) // self.energy.watt_hours
        return min(max(units, 0), NO_LIMIT)

    @property
    def today(self) -> int:
        """Watt-hours of this day, up to the last reading."""
        return self.used_today if self.day == self._local(self._utc) // DAY else 0

    @property
    def present(self) -> tuple[int, int]:
        """What a kilowatt-hour costs at the moment, in micropence, and in which block of the day (from 1)."""
        now = self._local(self._utc)
        block = bisect_right(self.tariff.blocks, self.today)
        return self.tariff.rate(now).prices[block], block + 1

    def _local(self, utc: int) -> int:
        return self.zone().reached(utc)

    def _used(self, watt_hours: int) -> Iterator[tuple[int, int]]:
        """Since the last reading, evenly: (when it began, watt-hours) of each rate of each day."""
        begun, left, zone = self._read_at or self._utc, watt_hours, self.zone()
        while left and begun < (change := zone.utc(self.tariff.next_change(zone.reached(begun)))) < self._utc:
            part = left * (change - begun) // (self._utc - begun)
            yield begun, part
            begun, left = change, left - part
        yield begun, left

    def _cost(self, when: int, watt_hours: int) -> int:
        local = self._local(when)
        if local // DAY != self.day:
            self.day, self.used_today = local // DAY, 0
        cost, used, left = self._fraction, self.used_today, watt_hours
        self.used_today += watt_hours
        prices = self.tariff.rate(local).prices
        for block, price in enumerate(prices):
            room = max(self.tariff.blocks[block] - used, 0) if block < len(self.tariff.blocks) else left
            part = min(room, left)
            cost, used, left = cost + part * price, used + part, left - part
        micropence, self._fraction = divmod(cost, 1000)
        return micropence

    def plain(self) -> dict[str, Any]:
        """For flash."""
        return {
            "balance": self.balance, "lent": self.lent, "register": self.register, "day": self.day, "used": self.used_today,
            "rest": self._rest, "fraction": self._fraction, "utc": self._utc, "read": self._read_at,
            "charged": self._charged,
        }  # fmt: skip

    def restore(self, plain: Mapping[str, Any]) -> None:
        """What `plain` gave."""
        self.balance, self.lent, self.register = plain["balance"], plain["lent"], plain["register"]
        self.day, self.used_today = plain["day"], plain["used"]
        self._rest, self._fraction, self._utc = plain["rest"], plain["fraction"], plain["utc"]
        self._read_at = plain.get("read", self._utc)  # not in flash of before this was kept
        self._charged = plain.get("charged", self._utc // DAY)  # likewise
