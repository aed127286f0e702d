"""A published tariff's price on a display: what it is called and what a kilowatt-hour costs now.

Import it only where something is published: it brings the tables along.
"""

from __future__ import annotations

from devices.parts.price_text import text
from devices.parts.screen import line
from protocols.zigbee.calendar.schedule import Zone
from protocols.zigbee.price.current import current_price
from protocols.zigbee.price.tariff import Used, tariff, unknown
from protocols.zigbee.publication.store import Store


def label(store: Store, now: int, zone: Zone, used: Used = unknown) -> str:
    """The tier's name and the number of the block; of a critical peak, that it is one."""
    known, price = tariff(store, now), current_price(store, now, used=used, zone=zone)
    block = known.active(now, used, zone).block if known is not None else None
    name = "" if price is None else (price.rate_label or b"").decode("utf-8", "replace")
    return f"{name or 'price'} {block}" if block else name or "price"


def price_line(store: Store, now: int, zone: Zone) -> str:
    """Both on one line; dashes where consumption decides the block."""
    return line(label(store, now, zone), text(current_price(store, now, zone=zone)))
