"""Calorific value, conversion factor and price by which the gas meter makes energy and money of litres.

As the hub publishes them: the meter fetches what its mirror's flags tell of, keeps it in one record, and goes by it from its
start time on, like the hub's own gas attributes. Until something is published the values are those it was made with. What a
wake could not fetch, the next one does. Past periods are shown at the present values. Once a tariff of several rates is published
the litres are counted by tier and block (`devices.parts.split`).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from devices.gsme.config import Config
from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.network_clock import NetworkClock
from protocols.zigbee.clusters.metering import Unit
from protocols.zigbee.clusters.mirror import CalendarCommand, PriceCommand
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.gsme.register import Register
    from devices.parts.published import Published
    from devices.parts.published_split import PublishedSplit
    from protocols.zigbee.calendar.schedule import Zone
    from protocols.zigbee.price.tariff import Tariff
    from protocols.zigbee.publication.store import Store

KEY: Final = "published"
SPLIT: Final = "gas/split"
TIERS: Final = 4
"""That GB's meters have."""
WANTED: Final = "gas/wanted"
GAS: Final = 1
DIGITS: Final = 5
"""Decimals of prices and of the conversion factor here."""
TENTHS: Final = 1

PRICES: Final = (
    PriceCommand.PUBLISH_BLOCK_PERIOD
    | PriceCommand.PUBLISH_TARIFF_INFORMATION
    | PriceCommand.PUBLISH_CONVERSION_FACTOR
    | PriceCommand.PUBLISH_CALORIFIC_VALUE
    | PriceCommand.PUBLISH_PRICE_MATRIX
    | PriceCommand.PUBLISH_BLOCK_THRESHOLDS
    | PriceCommand.PUBLISH_TIER_LABELS
    | PriceCommand.CANCEL_TARIFF
)
CALENDARS: Final = (
    CalendarCommand.PUBLISH_CALENDAR
    | CalendarCommand.PUBLISH_SPECIAL_DAYS
    | CalendarCommand.PUBLISH_SEASONS
    | CalendarCommand.PUBLISH_WEEK
    | CalendarCommand.PUBLISH_DAY
    | CalendarCommand.CANCEL_CALENDAR
)
"""Flags of what the meter itself goes by."""


def scaled(value: int, digits: int, wanted: int) -> int:
    """A number of `digits` decimals as one of `wanted`, rounded down."""
    return int(value * Fraction(10) ** (wanted - digits))


class Rates:
    """On the meter's endpoint, once there is one (`start`). `read`: has a reading taken."""

    def __init__(self, han: Han, clock: NetworkClock, config: Config, register: Register, read: Callable[[], object]) -> None:
        self._han = han
        self._endpoint: Endpoint
        self._clock = clock
        self._config = config
        self._board = han.board
        self._register = register
        self._read = read
        self._published: Published | None = None
        self._split: PublishedSplit | None = None
        self.on_change: Callable[[], object] = lambda: None
        """Told when what is published is another."""

    def start(self, endpoint: Endpoint) -> None:
        """Take up what is kept."""
        self._endpoint = endpoint
        if KEY in self._board.nvm:
            self._keep()
            self._changed()

    def _keep(self) -> Published:
        if self._published is None:
            from devices.parts.published import Published  # only where something is published
            from protocols.zigbee.clusters.calendar import Calendar

            self._published = Published(self._han, self._endpoint, self._clock, self._changed, (Price, Calendar))
        return self._published

    def _changed(self) -> None:
        """What is published is another: whoever counts by it looks at it."""
        store = self.store
        if self._split is not None:
            self._split.look()
        elif store is not None:
            from devices.parts.published_split import PublishedSplit, several
            from devices.parts.split import Split

            if several(store):
                register = self._register
                split = Split(self._board.nvm, SPLIT, TIERS, lambda: register.reading.litres, self._read)
                register.beside = split.counted
                self._split = PublishedSplit(self._han.firmware, split, self, TIERS, self._litres)
        self.on_change()

    def _litres(self, unit: int) -> Fraction | None:
        """Of a unit of the tariff."""
        energy = self.conversion_factor * self.calorific_value
        if unit == Unit.KILOWATT_HOURS and energy:
            return Fraction(3_600_000 * 1000, energy)
        return Fraction(1000) if unit == Unit.CUBIC_METRES else None

    # --- fetching ---

    async def wanted(self) -> None:
        """There is something new, to be fetched before the meter sleeps again, or at another wake."""
        self._board.nvm.put({WANTED: True})

    async def _fetch(self) -> None:
        published = self._keep()
        with self._han.awake:
            for at in sorted({at for _, at in await self._han.match([Price.id], destination=HUB)}):
                try:
                    values = await self._han.read(HUB, at, Price, [Price.commodity_type])
                except Refused:
                    continue
                if values.get(Price.commodity_type) == GAS:
                    await published.fetch_from(at)
            await published.fetch_zone()
        self._board.nvm.delete(WANTED)

    async def fetch(self) -> None:
        """At a wake: fetch what was told of, now or at an earlier one."""
        if self._split is not None:
            self._split.look()  # the time may be known again
        if WANTED not in self._board.nvm:
            return
        try:
            await self._fetch()
        except NoAnswer as reason:
            self._board.log("gsme.not-done", {"reason": str(reason)})

    async def fetch_zone(self) -> None:
        """With the time: what local time is may be another, or another year's summer. Raises NoAnswer."""
        if self._published is not None:
            await self._published.fetch_zone()

    # --- what holds now ---

    @property
    def now(self) -> int | None:
        """Seconds since 2000; None: nothing was ever published, or there is no reliable time."""
        return None if self._published is None else self._published.now

    def in_tier(self, number: int) -> int:
        """Litres in a tier, as the last reading has it: all in the first where only one rate was ever published."""
        if self._split is not None:
            return self._split.split.tier(number)
        return self._register.reading.litres if number == 1 else 0

    def in_block(self, number: int) -> int:
        """Likewise in a block."""
        return 0 if self._split is None else self._split.split.block(number)

    @property
    def store(self) -> Store | None:
        """What is published for gas; None: nothing ever was."""
        return None if self._published is None else self._published.store(GAS)

    @property
    def calorific_value(self) -> int:
        """Tenths of a megajoule a cubic metre."""
        held = self._held(Price.PublishCalorificValue)
        return self._config.calorific_value if held is None else scaled(*held, TENTHS)

    @property
    def conversion_factor(self) -> int:
        """Hundred-thousandths."""
        held = self._held(Price.PublishConversionFactor)
        return self._config.conversion_factor if held is None else scaled(*held, DIGITS)

    def _held(self, command: type[Price.PublishCalorificValue] | type[Price.PublishConversionFactor]) -> tuple[int, int] | None:
        """(value, decimals) in force."""
        if self._published is None or (now := self._published.now) is None or (store := self.store) is None:
            return None
        frame = store.one(command, now)
        if isinstance(frame, Price.PublishCalorificValue):
            return frame.calorific_value, frame.calorific_value_trailing_digit >> 4
        return None if frame is None else (frame.conversion_factor, frame.conversion_factor_trailing_digit >> 4)

    @property
    def price(self) -> int:
        """Of a kilowatt-hour now, hundred-thousandths of the currency."""
        used = {} if self._split is None else {"used": self._split.used}
        return self._money(lambda tariff, now: tariff.active(now, zone=self.zone, **used).price, self._config.price)

    @property
    def standing_charge(self) -> int:
        """Of a day, likewise."""
        return self._money(lambda tariff, now: tariff.information.standing_charge, self._config.standing_charge)

    @property
    def zone(self) -> Zone:
        """The premises' time."""
        assert self._published is not None
        return self._published.zone

    def _money(self, amount: Callable[[Tariff, int], int | None], otherwise: int) -> int:
        if self._published is None or (now := self._published.now) is None or (store := self.store) is None:
            return otherwise
        from protocols.zigbee.price.tariff import tariff

        known = tariff(store, now)
        value = None if known is None else amount(known, now)
        if known is None:
            return otherwise
        return otherwise if value is None else scaled(value, known.information.price_trailing_digit >> 4, DIGITS)
