"""The tariff in force put together, and what it makes a unit cost now: tier, block, price (SE 1.4 clauses D.4.2.2, D.4.2.4).

Consumption decides the block: it is in the first whose threshold it does not exceed, and in the last beyond the last
threshold. What is not known, or makes no sense (a divisor of 0, a tier that the tariff does not have), gives None and never a
number. Not here: who measures consumption since the block period began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from protocols.zigbee.calendar.schedule import UTC_ZONE, Schedule, Zone, schedule
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.price.table import ALL_TIERS, BLOCK, CPP, TOU, TOU_BASED
from protocols.zigbee.publication.store import Store

DELIVERED: Final = 0
BOTH: Final = 2
WHOLE: Final = 0
"""Instead of a tier: consumption in all of them."""
ONE_TIER: Final = 1

Used = Callable[[int], Fraction | None]
"""Consumption since the block period began, in the tariff's unit: in all tiers (WHOLE), or in one. None: not known."""


def unknown(tier: int) -> Fraction | None:
    """Nobody knows the consumption."""
    return None


@dataclass(frozen=True, slots=True)
class Active:
    """What holds now. `price` has the tariff's digits; None where it is not known."""

    tier: int | None
    block: int | None
    price: int | None


@dataclass(frozen=True, slots=True)
class Tariff:
    """A tariff. `prices`: by (tier, block), tier 0 where there are none, block 0 where there are none; `thresholds`: by tier."""

    information: Price.PublishTariffInformation
    prices: Mapping[tuple[int, int], int]
    thresholds: Mapping[int, tuple[int, ...]]
    labels: Mapping[int, str] = field(default_factory=dict)
    calendar: Schedule | None = None

    @property
    def scheme(self) -> int:
        """The charging scheme."""
        return self.information.tariff_type_charging_scheme >> 4

    def tier(self, utc: int, zone: Zone = UTC_ZONE) -> int | None:
        """The tier at a time; 0 where the tariff has none. None: unknown."""
        if self.scheme == BLOCK:
            return 0
        tiers = self.information.number_of_price_tiers_in_use
        if tiers <= ONE_TIER and self.calendar is None:
            return ONE_TIER
        tier = None if self.calendar is None else self.calendar.value(utc, zone)
        return tier if tier is not None and 1 <= tier <= tiers else None

    def block(self, tier: int, used: Used) -> int | None:
        """The block, from 1; 0 where the tariff has none. None: unknown."""
        if self.scheme == TOU:
            return 0
        information = self.information
        thresholds = self.thresholds.get(tier, self.thresholds.get(WHOLE))
        if thresholds is None or not information.block_threshold_divisor or not information.block_threshold_multiplier:
            return None
        consumption = used(tier if information.tier_block_mode in (1, 2) else WHOLE)
        if consumption is None:
            return None
        scaled = consumption * information.block_threshold_divisor / information.block_threshold_multiplier
        return 1 + sum(scaled > threshold for threshold in thresholds)

    def peak(self, cpp_price_tier: int) -> int | None:
        """The price of a critical peak, by its number from 0."""
        return self.prices.get((CPP[cpp_price_tier], 0)) if cpp_price_tier < len(CPP) else None

    def active(self, utc: int, used: Used = unknown, zone: Zone = UTC_ZONE) -> Active:
        """Tier, block and price at a time."""
        tier = self.tier(utc, zone)
        if tier is None:
            return Active(None, None, None)
        block = self.block(tier, used)
        return Active(tier, block, None if block is None else self.prices.get((tier, block)))


def tariff(store: Store, now: int, tariff_type: int = DELIVERED) -> Tariff | None:
    """The tariff of a type that is in force; None: there is none."""
    return store.made(_tariff, now, tariff_type)


def _tariff(store: Store, now: int, tariff_type: int) -> Tariff | None:
    information = store.one(Price.PublishTariffInformation, now, tariff_type_charging_scheme=tariff_type)
    if information is None and tariff_type != BOTH:
        information = store.one(Price.PublishTariffInformation, now, tariff_type_charging_scheme=BOTH)
    if information is None:
        return None
    known = {"issuer_tariff_id": information.issuer_tariff_id}
    prices: dict[tuple[int, int], int] = {}
    for matrix in store.in_force(Price.PublishPriceMatrix, now, **known):
        for entry in matrix.payload:
            by_tier = matrix.sub_payload_control & TOU_BASED
            key = (entry.tier_block_id, 0) if by_tier else (entry.tier_block_id >> 4, 1 + (entry.tier_block_id & 0x0F))
            prices[key] = entry.price
    thresholds: dict[int, tuple[int, ...]] = {}
    for part in store.in_force(Price.PublishBlockThresholds, now, **known):
        for threshold in part.payload:
            tier = WHOLE if part.sub_payload_control & ALL_TIERS else threshold.tier_number_of_block_thresholds >> 4
            thresholds[tier] = tuple(threshold.block_threshold)
    labels = {
        label.tier_id: (label.tier_label or b"").decode("utf-8", "replace")
        for part in store.in_force(Price.PublishTierLabels, now, **known)
        for label in part.tier_labels_payload
    }
    return Tariff(information, prices, thresholds, labels, schedule(store, now, tariff_type, BOTH))
