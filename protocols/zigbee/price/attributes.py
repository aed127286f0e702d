"""The Price server's attributes as what is in force makes them (SE 1.4 clause D.4.2.2).

One row says from which publication and field an attribute comes; prices and thresholds of a tariff fill their grids.
The sets of received energy (0x8000 on) hold the tariff of type received.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from protocols.core.codec import Frame
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.price.table import BLOCK_TOU_OWN_THRESHOLDS, CPP, TOU
from protocols.zigbee.price.tariff import BOTH, DELIVERED, WHOLE, Tariff, tariff
from protocols.zigbee.publication.store import Store
from protocols.zigbee.zcl.cluster import Attribute

RECEIVED: Final = 1
GRID: Final = 15
"""Tiers whose prices by block have attributes of their own."""
LAST_PRICED_TIER: Final = 48

Values = dict[Attribute[object], object]


class From(NamedTuple):
    """Where attributes come from: for delivered and for received energy, None where there is none; publication and field."""

    sides: tuple[Attribute[object] | None, Attribute[object] | None]
    command: type[Frame]
    field: str


FIELDS: Final = (
    From((Price.calorific_value, None), Price.PublishCalorificValue, "calorific_value"),
    From((Price.calorific_value_unit, None), Price.PublishCalorificValue, "calorific_value_unit"),
    From((Price.calorific_value_trailing_digit, None), Price.PublishCalorificValue, "calorific_value_trailing_digit"),
    From((Price.conversion_factor, None), Price.PublishConversionFactor, "conversion_factor"),
    From((Price.conversion_factor_trailing_digit, None), Price.PublishConversionFactor, "conversion_factor_trailing_digit"),
    From((Price.start_of_block_period, Price.rx_start_of_block_period), Price.PublishBlockPeriod, "block_period_start_time"),
    From((Price.block_period_duration, Price.rx_block_period_duration), Price.PublishBlockPeriod, "block_period_duration"),
    From((Price.block_period_duration_type, None), Price.PublishBlockPeriod, "block_period_duration_type"),
    From((Price.co2, Price.rx_co2), Price.PublishCO2Value, "co2_value"),
    From((Price.co2_unit, Price.rx_co2_unit), Price.PublishCO2Value, "co2_value_unit"),
    From((Price.co2_trailing_digit, Price.rx_co2_trailing_digit), Price.PublishCO2Value, "co2_value_trailing_digit"),
    From((Price.current_billing_period_start, Price.rx_current_billing_period_start),
         Price.PublishBillingPeriod, "billing_period_start_time"),
    From((Price.current_billing_period_duration, Price.rx_current_billing_period_duration),
         Price.PublishBillingPeriod, "billing_period_duration"),
    From((Price.tariff_label, Price.rx_tariff_label), Price.PublishTariffInformation, "tariff_label"),
    From((Price.number_of_price_tiers_in_use, Price.rx_number_of_price_tiers_in_use),
         Price.PublishTariffInformation, "number_of_price_tiers_in_use"),
    From((Price.number_of_block_thresholds_in_use, Price.rx_number_of_block_thresholds_in_use),
         Price.PublishTariffInformation, "number_of_block_thresholds_in_use"),
    From((Price.tier_block_mode, Price.rx_tier_block_mode), Price.PublishTariffInformation, "tier_block_mode"),
    From((Price.threshold_multiplier, Price.rx_threshold_multiplier), Price.PublishTariffInformation, "block_threshold_multiplier"),
    From((Price.threshold_divisor, Price.rx_threshold_divisor), Price.PublishTariffInformation, "block_threshold_divisor"),
    From((Price.unit_of_measure, None), Price.PublishTariffInformation, "unit_of_measure"),
    From((Price.currency, None), Price.PublishTariffInformation, "currency"),
    From((Price.price_trailing_digit, None), Price.PublishTariffInformation, "price_trailing_digit"),
    From((Price.standing_charge, None), Price.PublishTariffInformation, "standing_charge"),
)  # fmt: skip


def attributes(store: Store, now: int) -> Values:
    """All that have a value now."""
    values: Values = {}
    for side in (DELIVERED, RECEIVED):
        for row in FIELDS:
            attribute, frame = row.sides[side], in_force(store, row.command, now, side)
            if attribute is not None and frame is not None and (value := getattr(frame, row.field)) is not None:
                values[attribute] = value
        known = tariff(store, now, side)
        if known is not None:
            values |= _tariff(known, side)
        values |= _bill(store, now, side)
    payments = [entry.first for entry in store.entries(Price.PublishCreditPayment)]
    for place, payment in enumerate(reversed(payments), 1):
        assert isinstance(payment, Price.PublishCreditPayment)
        values |= _payment(payment, place)
    return values


def in_force(store: Store, command: type[Frame], now: int, side: int) -> Frame | None:
    """What holds of a type of tariff, or of both types at once; what has no type is for delivered energy."""
    name = next((name for name in store.rows[command].about if name.startswith("tariff_type")), None)
    if name is None:
        return store.one(command, now) if side == DELIVERED else None
    return store.one(command, now, **{name: side}) or store.one(command, now, **{name: BOTH})


def _tariff(known: Tariff, side: int) -> Values:
    values: Values = dict(_prices(known, side))
    if side == DELIVERED:
        values |= dict(_thresholds(known))
    labels = Price.rx_tier_price_label if side else Price.tier_price_label
    for tier, label in known.labels.items():
        values[labels[tier]] = label.encode()
    return values


def _prices(known: Tariff, side: int) -> Iterator[tuple[Attribute[object], object]]:
    alone = Price.rx_no_tier_block_price if side else Price.no_tier_block_price
    grid = Price.rx_tier_block_price if side else Price.tier_block_price
    beyond = Price.rx_price_tier if side else Price.price_tier
    for (tier, block), price in known.prices.items():
        if tier in CPP:
            if side == DELIVERED:
                yield Price.cpp_price[1 + CPP.index(tier)], price
        elif tier == WHOLE:
            yield alone[max(block, 1)], price
        elif tier <= GRID:
            yield grid[tier][max(block, 1)], price
        elif known.scheme == TOU and tier <= LAST_PRICED_TIER:
            yield beyond[tier], price


def _thresholds(known: Tariff) -> Iterator[tuple[Attribute[object], object]]:
    for tier, thresholds in known.thresholds.items():
        own = known.scheme == BLOCK_TOU_OWN_THRESHOLDS and tier != WHOLE
        yield (Price.tier_block_threshold_count[tier] if own else Price.block_threshold_count), len(thresholds)
        for number, threshold in enumerate(thresholds, 1):
            yield (Price.tier_block_threshold[tier][number] if own else Price.block_threshold[number]), threshold


def _bill(store: Store, now: int, side: int) -> Values:
    """The last billing period that is over, and its bill."""
    start, duration, bill = (
        (Price.rx_last_billing_period_start, Price.rx_last_billing_period_duration, Price.rx_last_billing_period_consolidated_bill)
        if side
        else (Price.last_billing_period_start, Price.last_billing_period_duration, Price.last_billing_period_consolidated_bill)
    )
    values: Values = {}
    for frame in (entry.first for entry in store.entries(Price.PublishConsolidatedBill) if (entry.end or now + 1) <= now):
        assert isinstance(frame, Price.PublishConsolidatedBill)
        if frame.tariff_type & 0x0F == side:
            values = {
                start: frame.billing_period_start_time,
                duration: frame.billing_period_duration,
                bill: frame.consolidated_bill,
            }
    return values


def _payment(payment: Price.PublishCreditPayment, place: int) -> Values:
    """A payment; the latest has place 1, and says what is due."""
    values: Values = {
        Price.credit_payment[place]: payment.credit_payment,
        Price.credit_payment_date[place]: payment.credit_payment_date,
        Price.credit_payment_ref[place]: payment.credit_payment_ref,
    }
    if place == 1:
        values[Price.credit_payment_due_date] = payment.credit_payment_due_date
        values[Price.credit_payment_status] = payment.credit_payment_status
        values[Price.credit_payment_over_due_amount] = payment.credit_payment_over_due_amount
    return values
