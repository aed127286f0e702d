"""A price as a display writes it. One of something else than kilowatt-hours has no value (bad inputs G6, G7)."""

from __future__ import annotations

from devices.parts.screen import NO_VALUE, POUND_STERLING, STALE
from protocols.zigbee.clusters.metering import Unit
from protocols.zigbee.clusters.price import Price


def minor(price: Price.PublishPrice) -> float | None:
    """Hundredths of the currency a kilowatt-hour; None: a price of something else."""
    digits = price.price_trailing_digit_and_price_tier >> 4
    return None if price.unit_of_measure != Unit.KILOWATT_HOURS else price.price / 10.0**digits * 100


def minor_name(price: Price.PublishPrice) -> str:
    """What a hundredth is called."""
    return "p" if price.currency == POUND_STERLING else "c"


def text(price: Price.PublishPrice | None) -> str:
    """The price with its unit."""
    if price is None:
        return STALE
    hundredths = minor(price)
    return NO_VALUE if hundredths is None else f"{hundredths:.2f} {minor_name(price)}/kWh"
