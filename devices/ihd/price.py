"""The price of a kilowatt-hour now, as the meter or the hub publishes it (SE 1.4 annex D.4), and what it makes the power cost.

Where the hub publishes a tariff, that is it: tier and block are worked out here, minute by minute, or are the hub's to say where
consumption since the block period began is not known here. Else the meter is asked first: it is what bills are made of. A
price is taken from either; one with an older issuer event than what the same device published before is not, nor one for a
time to come: the price is asked for again every hour.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction

from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.network_clock import NetworkClock
from devices.parts.price_text import minor, minor_name, text
from devices.parts.screen import NO_VALUE, STALE
from devices.parts.subscription import Subscription
from devices.parts.watch import Meter
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request

S = 1_000_000_000
RX_ON_WHEN_IDLE = 1
UNTIL_CHANGED = 0xFFFF
NO_PRICE = 0xFFFFFFFF
BEGIN = 120
"""A register read within so many seconds is what it showed when a block period began."""
BLOCK_PERIOD = "ihd/block-period"
WHOLE = 0
PENDING = 0
PLAIN_TIER = 0x0F
ASK_AGAIN = 300 * S
"""While consumption decides the price, and is not known here."""


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
        self.subscription = Subscription(han, endpoint, clock, changed)
        self._base: tuple[int, Fraction] | None = None
        stored = han.board.nvm.get(BLOCK_PERIOD)
        if stored is not None:
            self._base = stored[0], Fraction(stored[1], stored[2])
        self._shown: Fraction | None = None
        self._asked: int | None = None

    async def fetch(self, meter: Meter | None) -> None:
        """Ask for the price in force. Raises NoAnswer, and Refused when nobody tells."""
        if meter is not None and self.subscription.store() is None:
            with suppress(NoAnswer, Refused):
                await self._ask(await self._han.find(meter.eui64), meter.endpoint)
                return
        await self._ask(HUB, 1)

    async def _ask_hub(self) -> None:
        with suppress(NoAnswer, Refused):
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

    # --- the hub's tariff ---

    def metered(self, register: int | None, meter: Meter | None) -> None:
        """What the electricity register shows now: consumption in a block period is counted from here."""
        store = self.subscription.store()
        if store is None:
            return
        now = self._now
        if now is None or register is None or meter is None or not meter.divisor:
            return
        if self._in_force is None and (self._asked is None or self._han.now - self._asked >= ASK_AGAIN):
            self._asked = self._han.now
            self._han.firmware.spawn(self._ask_hub())
        period = store.one(Price.PublishBlockPeriod, now)
        self._shown = Fraction(register * meter.multiplier, meter.divisor)
        if period is None or (self._base is not None and self._base[0] == period.block_period_start_time):
            return
        if now - period.block_period_start_time <= BEGIN:
            self._base = period.block_period_start_time, self._shown
            kept = [self._base[0], self._shown.numerator, self._shown.denominator]
            self._han.board.nvm.put({BLOCK_PERIOD: kept})

    def _used(self, tier: int) -> Fraction | None:
        store, now = self.subscription.store(), self._now
        period = None if store is None or now is None else store.one(Price.PublishBlockPeriod, now)
        known = period is not None and self._base is not None and self._base[0] == period.block_period_start_time
        return self._shown - self._base[1] if tier == WHOLE and known and self._base and self._shown is not None else None

    @property
    def _worked_out(self) -> Price.PublishPrice | None:
        """The price that the hub's tariff makes now."""
        store = self.subscription.store()
        if store is None:
            return None
        now = self._now
        if now is None:
            return None
        from protocols.zigbee.price.current import current_price  # as Subscription does: only where there is a tariff

        return current_price(store, now, used=self._used, zone=self.subscription.zone)

    @property
    def _of_this_tariff(self) -> bool:
        """Whether the price that was told goes with the tariff and tier in force, where there is a tariff."""
        store = self.subscription.store()
        if store is None:
            return True
        now = self._now
        if now is None:
            return True
        from protocols.zigbee.price.tariff import tariff

        known = tariff(store, now)
        if known is None:
            return True
        tier = known.tier(now, self.subscription.zone)
        told = self._price
        return (
            told is not None
            and tier is not None
            and (self._from, told.issuer_event_id) == (HUB, known.information.issuer_event_id)
            and told.price_trailing_digit_and_price_tier & PLAIN_TIER == min(tier, PLAIN_TIER)
        )

    @property
    def _now(self) -> int | None:
        utc = self._clock.utc
        return None if utc is None else utc // S - EPOCH

    @property
    def label(self) -> str:
        """What the price is called: its tier and block, a peak that waits for the customer's answer."""
        store = self.subscription.store()
        now = None if store is None else self._now
        if store is None or now is None:
            return "price"
        if self.pending_peak is not None:
            return "peak? OK"
        from devices.parts.price_line import label

        return label(store, now, self.subscription.zone, self._used)

    @property
    def pending_peak(self) -> int | None:
        """The issuer event identifier of a critical peak, now or to come, that the customer may refuse."""
        store = self.subscription.store()
        events = [] if store is None else list(store.entries(Price.PublishCppEvent))
        return next((each.event for each in events if getattr(each.first, "cpp_auth", None) == PENDING), None)

    def accept_peak(self) -> None:
        """The customer agrees to the peak that waits."""
        if self.pending_peak is not None:
            self.subscription.answer_peak(self.pending_peak, accept=True)

    # --- what is shown ---

    @property
    def _in_force(self) -> Price.PublishPrice | None:
        worked_out = self._worked_out
        if worked_out is not None:
            return worked_out
        if not self._of_this_tariff:
            return None
        utc = self._clock.utc
        over = self._end is not None and utc is not None and utc // S - EPOCH >= self._end
        return None if over or self._price is None or self._price.price == NO_PRICE else self._price

    @property
    def text(self) -> str:
        """For the face."""
        return text(self._in_force)

    def cost(self, demand: int | None, meter: Meter | None) -> str:
        """What an hour at this demand costs. Export costs nothing."""
        price = self._in_force
        hundredths = None if price is None else minor(price)
        if demand is None or meter is None or price is None or hundredths is None:
            return STALE
        if not meter.multiplier or not meter.divisor:
            return NO_VALUE
        return f"{max(0.0, demand * meter.multiplier / meter.divisor) * hundredths:.1f} {minor_name(price)}/h"
