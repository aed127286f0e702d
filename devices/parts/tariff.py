"""The electricity price in force, as a Price server tells it: one rate that holds until it is changed (SE 1.4 annex D.4).

A meter and a hub both serve it. Tiers, blocks, calendars and changes to come are not here: they come with the GB message layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from devices.runtime.rtc import Rtc
from protocols.zigbee.clusters.metering import Unit
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.zcl.endpoint import Endpoint
from protocols.zigbee.zcl.status import Status

ONE_TIER: Final = 1
LONGEST_RATE_LABEL: Final = 12
_UNTIL_CHANGED: Final = 0xFFFF
_NO_RATIO: Final = 0xFF
_NO_PRICE: Final = 0xFFFFFFFF
_UNKNOWN_TIME: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Tariff:
    """The price in force. `price` has `digits` decimals, in units of `currency` (ISO 4217) a kilowatt-hour."""

    label: str = "Standard"
    price: int = 2450
    digits: int = 4
    currency: int = 826


STANDARD: Final = Tariff()


def serve_price(endpoint: Endpoint, tariff: Tariff, rtc: Rtc) -> None:
    """Have the Price cluster on an endpoint, with its attributes and the answer to GetCurrentPrice."""
    price = endpoint.serve(Price, {
        Price.tariff_label: tariff.label.encode(),
        Price.number_of_price_tiers_in_use: ONE_TIER,
        Price.unit_of_measure: Unit.KILOWATT_HOURS,
        Price.currency: tariff.currency,
        Price.price_trailing_digit: tariff.digits << 4,
    })  # fmt: skip
    price.on(Price.GetCurrentPrice, lambda command, request: publication(tariff, rtc))
    price.on(Price.PriceAcknowledgement, lambda command, request: Status.SUCCESS)  # mandatory, and nothing hangs on it here


def publication(tariff: Tariff, rtc: Rtc) -> Price.PublishPrice:
    """The answer to GetCurrentPrice."""
    label = tariff.label.encode()[:LONGEST_RATE_LABEL].decode(errors="ignore")  # never half a character
    return Price.PublishPrice(
        provider_id=0,
        rate_label=label.encode(),
        issuer_event_id=1,
        current_time=seconds(rtc.read()) if rtc.valid else _UNKNOWN_TIME,
        unit_of_measure=Unit.KILOWATT_HOURS,
        currency=tariff.currency,
        price_trailing_digit_and_price_tier=tariff.digits << 4 | ONE_TIER,
        number_of_price_tiers_and_register_tier=ONE_TIER << 4 | ONE_TIER,
        start_time=0,
        duration_in_minutes=_UNTIL_CHANGED,
        price=tariff.price,
        price_ratio=_NO_RATIO,
        generation_price=_NO_PRICE,
        generation_price_ratio=_NO_RATIO,
    )
