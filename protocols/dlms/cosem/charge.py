"""Charge (class 113): what is taken from an account's credit, for consumption, for time, or from payments. Blue Book 4.6.4.

Prices are integers with powers of ten. What a division leaves is told, to be taken with the next collection, so that no fraction
is ever lost or taken twice. When collection is due and from which credit it is taken is `payment`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar, Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import date_time
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.activation import ACTIVATION_TIME, NEVER, Pending
from protocols.dlms.cosem.credit import HIGHEST, LOWEST
from protocols.dlms.cosem.interface import Attribute, attribute, method
from protocols.dlms.cosem.types import (
    I8,
    I16,
    I32,
    LOGICAL_NAME,
    TAGGED_DATE_TIME,
    U8,
    U16,
    U32,
    Array,
    Enumerated,
    Limited,
    Simple,
    Structure,
)
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult, SelectiveAccess

WHOLE: Final = 10_000
"""proportion of everything: it counts in hundredths of a percent."""
MOST_PRICES: Final = 128
SCALING = Structure(commodity_scale=I8, price_scale=I8)
COMMODITY = Structure(class_id=U16, logical_name=LOGICAL_NAME, attribute_index=I8)
PRICE = Structure(index=Limited(Tag.OCTET_STRING, 0, 16), charge_per_unit=I16)
UNIT_CHARGE = Structure(charge_per_unit_scaling=SCALING, commodity_reference=COMMODITY, charge_table=Array(PRICE, MOST_PRICES))
NO_COMMODITY: Final = (0, Obis(bytes(6)), 0)
FREE: Final = ((0, 0), NO_COMMODITY, [(b"", 0)])
"""A unit charge of nothing."""
_MOST_SCALE: Final = 18


class ChargeType(IntEnum):
    """charge_type."""

    CONSUMPTION_BASED_COLLECTION = 0
    TIME_BASED_COLLECTION = 1
    PAYMENT_EVENT_BASED_COLLECTION = 2


class Configuration:
    """Bits of charge_configuration, by position."""

    PERCENTAGE = 0
    """A payment gives a proportion of itself, not a fixed amount."""
    CONTINUOUS = 1
    """Collection goes on when nothing remains to be paid."""


class Charge(Pending, id=113, version=0):
    """`period` in seconds, of time-based collection. The unit charge's index says the tariff (one octet; none: all)."""

    activations: ClassVar[dict[int, int]] = {7: 2}

    total_amount_paid: Attribute = attribute(2, I32, default=0)
    charge_type: Attribute = attribute(3, Enumerated(ChargeType))
    priority: Attribute = attribute(4, U8, default=1, access=Access.READ_WRITE)
    unit_charge_active: Attribute = attribute(5, UNIT_CHARGE, default=FREE)
    unit_charge_passive: Attribute = attribute(6, UNIT_CHARGE, default=FREE, access=Access.READ_WRITE)
    unit_charge_activation_time: Attribute = attribute(7, ACTIVATION_TIME, default=NEVER, access=Access.READ_WRITE)
    period: Attribute = attribute(8, U32, default=0, access=Access.READ_WRITE)
    charge_configuration: Attribute = attribute(9, Simple(Tag.BIT_STRING, 2), default="00")
    last_collection_time: Attribute = attribute(10, TAGGED_DATE_TIME, default=NEVER)
    last_collection_amount: Attribute = attribute(11, I32, default=0)
    total_amount_remaining: Attribute = attribute(12, I32, default=0)
    proportion: Attribute = attribute(13, Limited(Tag.LONG_UNSIGNED, 0, WHOLE), default=0, access=Access.READ_WRITE)

    @method(1, Array(PRICE, MOST_PRICES))
    def update_unit_charge(self, argument: Data) -> None:
        """New prices in the passive unit charge, for the indices named; one that is not in its table is refused."""
        scaling, commodity, table = self.unit_charge_passive.value
        prices = {index.value: price for index, price in (line.value for line in table.value)}
        for line in argument.value:
            index, price = line.value
            if index.value not in prices:
                raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, f"{self!r} has no price {index.value.hex()}")
            prices[index.value] = price
        lines = axdr.array(axdr.structure(axdr.octets(index), price) for index, price in prices.items())
        self.unit_charge_passive = axdr.structure(scaling, commodity, lines)

    @method(2, I8)
    def activate_passive_unit_charge(self, argument: Data) -> None:
        """The passive unit charge becomes the active one, and no activation waits any more."""
        self.unit_charge_active = self.unit_charge_passive
        self.unit_charge_activation_time = axdr.octets(NEVER)

    collect = method(3, I8)

    @method(4, I32)
    def update_total_amount_remaining(self, argument: Data) -> None:
        """Add to what remains to be paid, or take from it; not below nothing."""
        self._remain(self.remaining + argument.value)

    @method(5, I32)
    def set_total_amount_remaining(self, argument: Data) -> None:
        """Replace what remains to be paid."""
        self._remain(argument.value)

    def write(self, number: int, value: Data, selection: SelectiveAccess | None = None) -> None:
        """As any object; scales are powers of ten that somebody may mean, and no tariff has two prices."""
        if number == Charge.unit_charge_passive.number:
            UNIT_CHARGE.admit(value)
            scaling, _, table = value.value
            indices = [line.value[0].value for line in table.value]
            if len(set(indices)) != len(indices) or any(abs(scale.value) > _MOST_SCALE for scale in scaling.value):
                raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(self.name))
        super().write(number, value, selection)

    # --- arithmetic

    @property
    def type(self) -> ChargeType:
        """The charge type."""
        return ChargeType(self.charge_type.value)

    @property
    def remaining(self) -> int:
        """What remains to be paid."""
        number: int = self.total_amount_remaining.value
        return number

    @property
    def ends(self) -> bool:
        """Whether collection stops when nothing remains. Consumption is paid as long as there is any."""
        return self.type != ChargeType.CONSUMPTION_BASED_COLLECTION and not self.has(Configuration.CONTINUOUS)

    def has(self, bit: int) -> bool:
        """Whether a bit of the configuration is set (`Configuration`)."""
        bits: str = self.charge_configuration.value
        return bits[bit : bit + 1] == "1"

    @property
    def commodity(self) -> bytes:
        """The object whose units are charged."""
        name: bytes = self.unit_charge_active.value[1].value[1].value
        return name

    def prices(self) -> Mapping[bytes, int]:
        """The active charge per unit by index."""
        return {index.value: price.value for index, price in (line.value for line in self.unit_charge_active.value[2].value)}

    def price(self, index: bytes = b"") -> int:
        """The active charge per unit of a tariff; a table of one price without an index is for all."""
        prices = self.prices()
        return prices.get(index, prices.get(b"", 0))

    def cost(
        self, units: int, currency_scale: int, index: bytes = b"", left: tuple[int, int] = (0, 1)
    ) -> tuple[int, tuple[int, int]]:
        """What so many units cost with what the last time `left` of an amount, and what is left now: numerator, denominator."""
        commodity_scale, price_scale = (scale.value for scale in self.unit_charge_active.value[0].value)
        exponent = price_scale - currency_scale - commodity_scale
        numerator, denominator = units * self.price(index) * 10 ** max(exponent, 0), 10 ** max(-exponent, 0)
        over, of = left
        amount: int
        amount, rest = divmod(numerator * of + over * denominator, denominator * of)
        return amount, _reduced(rest, denominator * of)

    def due_amount(self, amount: int) -> int:
        """What of `amount` may be collected still."""
        return min(amount, max(self.remaining, 0)) if self.ends else amount

    def collected(self, amount: int, now: int) -> None:
        """Take down a collection. `now`: UTC ns."""
        self.total_amount_paid = min(self.total_amount_paid.value + amount, HIGHEST)
        self.last_collection_amount = amount
        self.last_collection_time = date_time.encode(now)
        if self.ends:
            self.total_amount_remaining = max(self.remaining - amount, 0)

    def _remain(self, amount: int) -> None:
        if not LOWEST <= amount <= HIGHEST:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self!r} cannot hold {amount}")
        self.total_amount_remaining = max(amount, 0)


def _reduced(numerator: int, denominator: int) -> tuple[int, int]:
    """A fraction of powers of ten in its lowest."""
    while denominator > 1 and not numerator % 10 and not denominator % 10:
        numerator, denominator = numerator // 10, denominator // 10
    return numerator, denominator
