"""The price of a kilowatt-hour now, as the meter or the hub publishes it (SE 1.4 annex D.4), and what it makes the power cost.

The meter is asked first: it is what bills are made of. A publication is taken from either; one with an older issuer event
than what the same device published before is not, nor one for a time to come: the price is asked for again every hour.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.network_clock import NetworkClock
from devices.parts.screen import NO_VALUE, POUND_STERLING, STALE
from devices.parts.watch import Meter
from protocols.zigbee.clusters.metering import Unit
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request

S = 1_000_000_000
RX_ON_WHEN_IDLE = 1
UNTIL_CHANGED = 0xFFFF
NO_PRICE = 0xFFFFFFFF


class PriceTag:
    """The client side of Price on an endpoint. `changed()` is called when there is another price."""

    def __init__(self, han: Han, endpoint: Endpoint, clock: NetworkClock, changed: Callable[[], object]) -> None:
        self._han = han
        self._clock = clock
        self._changed = changed
        self._price: Price.PublishPrice | None = None
        self._from = HUB
        self._end: int | None = None
        endpoint.use(Price).on(Price.PublishPrice, self._published)

    async def fetch(self, meter: Meter | None) -> None:
        """Ask for the price in force. Raises NoAnswer, and Refused when nobody tells."""
        if meter is not None:
            with suppress(NoAnswer, Refused):
                await self._ask(await self._han.find(meter.eui64), meter.endpoint)
                return
        await self._ask(HUB, 1)

    async def _ask(self, address: int, endpoint: int) -> None:
        price = await self._han.request(address, endpoint, Price.GetCurrentPrice(RX_ON_WHEN_IDLE), Price.PublishPrice)
        self._take(price, address)

    def _published(self, command: Price.PublishPrice, request: Request) -> Outcome:
        self._take(command, request.message.source)
        return None

    def _take(self, price: Price.PublishPrice, source: int) -> None:
        utc = self._clock.utc
        now = None if utc is None else utc // S - EPOCH
        known = self._price
        if known is not None and source == self._from and price.issuer_event_id < known.issuer_event_id:
            return
        if price.start_time and now is not None and price.start_time > now:
            return
        self._price, self._from, self._end = price, source, None
        start = price.start_time or now
        if price.duration_in_minutes != UNTIL_CHANGED and start is not None:
            self._end = start + 60 * price.duration_in_minutes
        self._changed()

    @property
    def _in_force(self) -> Price.PublishPrice | None:
        utc = self._clock.utc
        over = self._end is not None and utc is not None and utc // S - EPOCH >= self._end
        return None if over or self._price is None or self._price.price == NO_PRICE else self._price

    @property
    def _minor(self) -> float | None:
        """Hundredths of the currency a kilowatt-hour; None: no price, or of something else."""
        price = self._in_force
        if price is None or price.unit_of_measure != Unit.KILOWATT_HOURS:
            return None
        return price.price / 10.0 ** (price.price_trailing_digit_and_price_tier >> 4) * 100

    @property
    def _minor_name(self) -> str:
        price = self._price
        return "p" if price is not None and price.currency == POUND_STERLING else "c"

    @property
    def text(self) -> str:
        """For the face."""
        if self._in_force is None:
            return STALE
        return NO_VALUE if self._minor is None else f"{self._minor:.2f} {self._minor_name}/kWh"

    def cost(self, demand: int | None, meter: Meter | None) -> str:
        """What an hour at this demand costs. Export costs nothing."""
        minor = self._minor
        if demand is None or meter is None or minor is None:
            return STALE
        if not meter.multiplier or not meter.divisor:
            return NO_VALUE
        return f"{max(0.0, demand * meter.multiplier / meter.divisor) * minor:.1f} {self._minor_name}/h"
