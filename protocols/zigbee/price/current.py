"""The price in force as PublishPrice tells it: published as such, of a critical peak, or worked out from the tariff.

(SE 1.4 clause D.4.2.4.1.) Tiers beyond 15 are in the extended fields. A tariff whose price is not known, for want of a
calendar, a matrix or the consumption, gives none.
"""

from __future__ import annotations

from typing import Final

from protocols.zigbee.calendar.schedule import UTC_ZONE, Zone
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.price.table import TIERS
from protocols.zigbee.price.tariff import Used, tariff, unknown
from protocols.zigbee.publication.store import Store
from protocols.zigbee.publication.table import UNTIL_CHANGED

ACKNOWLEDGE: Final = 0x01
"""Price control: whoever takes the price says so."""
REJECTED: Final = 2
PENDING: Final = 0
PLAIN_TIERS: Final = 15
LONGEST_LABEL: Final = 12
NO_RATIO: Final = 0xFF
NO_PRICE: Final = 0xFFFFFFFF


def critical_peak(store: Store, now: int) -> Price.PublishCppEvent | None:
    """The critical peak event in force, if it is accepted or forced."""
    event = store.one(Price.PublishCppEvent, now)
    return None if event is None or event.cpp_auth in (PENDING, REJECTED) else event


def current_price(store: Store, now: int, *, used: Used = unknown, zone: Zone = UTC_ZONE) -> Price.PublishPrice | None:
    """What answers GetCurrentPrice; None: no price is known."""
    published = store.one(Price.PublishPrice, now)
    if published is not None:
        values = {name: getattr(published, name) for name in published.__struct_fields__}
        return Price.PublishPrice(**{**values, "current_time": now})
    known = tariff(store, now)
    if known is None:
        return None
    information = known.information
    active = known.active(now, used, zone)
    event = critical_peak(store, now)
    peak = None if event is None else known.peak(event.cpp_price_tier)
    price = active.price if peak is None else peak
    if active.tier is None or price is None:
        return None
    tier = active.tier
    tiers = information.number_of_price_tiers_in_use
    plain, most = min(tier, PLAIN_TIERS), min(tiers, PLAIN_TIERS)
    return Price.PublishPrice(
        provider_id=information.provider_id,
        rate_label=_label(known.labels.get(tier, "") if event is None or peak is None else f"CPP{event.cpp_price_tier + 1}"),
        issuer_event_id=information.issuer_event_id,
        current_time=now,
        unit_of_measure=information.unit_of_measure,
        currency=information.currency,
        price_trailing_digit_and_price_tier=information.price_trailing_digit & 0xF0 | plain,
        number_of_price_tiers_and_register_tier=most << 4 | plain,
        start_time=now,
        duration_in_minutes=UNTIL_CHANGED,
        price=price,
        price_ratio=NO_RATIO,
        generation_price=NO_PRICE,
        generation_price_ratio=NO_RATIO,
        **(_extended(information, tiers, tier) if TIERS >= tiers > PLAIN_TIERS else {}),
    )


def _label(text: str) -> bytes:
    return text.encode()[:LONGEST_LABEL].decode(errors="ignore").encode()  # never half a character


def _extended(information: Price.PublishTariffInformation, tiers: int, tier: int) -> dict[str, int]:
    beyond = max(0, tier - PLAIN_TIERS)
    return {
        "alternate_cost_delivered": NO_PRICE,
        "alternate_cost_unit": 0xFF,
        "alternate_cost_trailing_digit": 0xFF,
        "number_of_block_thresholds": information.number_of_block_thresholds_in_use,
        "price_control": 0x02,
        "number_of_generation_tiers": 0,
        "generation_tier": 0,
        "extended_number_of_price_tiers": tiers - PLAIN_TIERS,
        "extended_price_tier": beyond,
        "extended_register_tier": beyond,
    }
