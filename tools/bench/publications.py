"""What suppliers publish on a bench: `[[home.publish]]` tables, and the Smart Energy commands that each of them is.

Money is in pence, energy in kilowatt-hours; times of the day are the premises' or UTC. The hub is given the commands as a
supplier's system would give them, `after_s` of virtual time; a hub that has no power or no time yet gets them when it has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

from msgspec import Meta

from devices.runtime.kernel import MIN, S
from tools.bench.declared import Declared

if TYPE_CHECKING:
    from protocols.core.codec import Frame
    from tools.bench.home import Home

Pence = Annotated[float, Meta(ge=0, le=100_000)]
Fuel = Literal["electricity", "gas"]
T = TypeVar("T")
POUND: Final = 826
EPOCH: Final = 946_684_800
PROVIDER: Final = 1
DIGITS: Final = 0x50
"""Prices have five decimals: thousandths of a penny."""
UNTIL_CHANGED: Final = 0xFFFF
NO_VALUE: Final = 0xFFFFFFFF
_SWITCH = re.compile(r"([01]\d|2[0-3]):([0-5]\d) (.+)")
_TIME_REFERENCES: Final = {"utc": 0, "local": 2}
LONGEST_LABEL: Final = 12


def thousandths(pence: float) -> int:
    """A price as commands carry it."""
    return round(pence * 1000)


class _Publication(Declared, frozen=True, kw_only=True, tag_field="kind"):
    """`after_s`: when it is published. `starts_s`: how long after that it begins to hold. `meter`: the gas meter for which it is,
    by name; the first one unless said.

    Each kind has `commands(event, now)`: its commands, issued as `event` at `now` (seconds since 2000).
    """

    fuel: Fuel = "electricity"
    after_s: Annotated[float, Meta(ge=0, le=366 * 86_400)] = 0
    starts_s: Annotated[int, Meta(ge=0, le=366 * 86_400)] = 0
    meter: str | None = None

    def start(self, now: int) -> int:
        """The start time that goes into commands."""
        return now + self.starts_s if self.starts_s else now


class Tier(Declared, frozen=True, kw_only=True):
    """A price tier: its name, and a price for each block."""

    label: Annotated[str, Meta(min_length=1, max_length=LONGEST_LABEL)]
    pence: Annotated[list[Pence], Meta(min_length=1, max_length=16)]


class Tariff(_Publication, frozen=True, kw_only=True, tag="tariff"):
    """A tariff of tiers by time of day, blocks by consumption, or both, with its calendar and labels."""

    label: Annotated[str, Meta(max_length=24)] = "Tariff"
    id: Annotated[int, Meta(ge=1, le=0xFFFFFFFE)] = 1
    standing_charge: Pence = 0
    """A day."""
    tiers: Annotated[list[Tier], Meta(min_length=1, max_length=48)]
    blocks: Annotated[list[Annotated[int, Meta(ge=1)]], Meta(max_length=15)] = []
    """Kilowatt-hours in a block period after which the next price holds."""
    block_days: Annotated[int, Meta(ge=1, le=366)] = 30
    weekdays: Annotated[list[str], Meta(max_length=48)] = []
    """`HH:MM LABEL`, from 00:00 on."""
    weekend: Annotated[list[str], Meta(max_length=48)] = []
    """Saturdays, Sundays and special days, where they differ."""
    special_days: Annotated[list[str], Meta(max_length=50)] = []
    """ISO dates."""
    time: Literal["utc", "local"] = "utc"
    peak_pence: Pence | None = None
    """The price in a critical peak."""

    def __post_init__(self) -> None:
        for tier in self.tiers:
            if len(tier.pence) != len(self.blocks) + 1:
                raise ValueError(f'"{tier.label}" has {len(tier.pence)} prices, and {len(self.blocks) + 1} blocks need as many')
        if len(self.tiers) > 1 and not self.weekdays:
            raise ValueError("`weekdays` says when which of several tiers holds")
        for switches in (self.weekdays, self.weekend):
            self._switches(switches)
        if self.special_days and not self.weekend:
            raise ValueError("`special_days` are as `weekend` says, and there is none")
        for text in self.special_days:
            datetime.fromisoformat(text)

    def _switches(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        labels = [tier.label for tier in self.tiers]
        found: list[tuple[int, int]] = []
        for text in texts:
            match = _SWITCH.fullmatch(text)
            if match is None or match[3] not in labels:
                raise ValueError(f'"{text}" is not a time and a tier such as "07:00 {labels[0]}"')
            found.append((60 * int(match[1]) + int(match[2]), 1 + labels.index(match[3])))
        if found and (found[0][0] or found != sorted(found) or len({minute for minute, _ in found}) < len(found)):
            raise ValueError(f"switches begin at 00:00 and follow each other: {', '.join(texts)}")
        return found

    def commands(self, event: int, now: int) -> Iterator[Frame]:
        from protocols.zigbee.clusters.price import BlockThresholds, Price, PriceMatrixEntry, TierLabel

        start, tiers, blocks = self.start(now), len(self.tiers), len(self.blocks)
        scheme = 2 if blocks else 0
        yield Price.PublishTariffInformation(
            PROVIDER, event, self.id, start, scheme << 4, self.label.encode(), tiers, blocks, 0, POUND, DIGITS,
            thousandths(self.standing_charge), 0 if blocks else 0xFF, 1, 1,
        )  # fmt: skip
        if blocks:
            entries = [
                PriceMatrixEntry(tier << 4 | block, thousandths(pence))
                for tier, each in enumerate(self.tiers, 1)
                for block, pence in enumerate(each.pence)
            ]
        else:
            entries = [PriceMatrixEntry(tier, thousandths(each.pence[0])) for tier, each in enumerate(self.tiers, 1)]
            if self.peak_pence is not None:
                entries.append(PriceMatrixEntry(0xFE, thousandths(self.peak_pence)))
        for index, piece in enumerate(pieces := _pieces(entries, 8)):
            yield Price.PublishPriceMatrix(PROVIDER, event, start, self.id, index, len(pieces), 0 if blocks else 1, piece)
        if blocks:
            thresholds = [BlockThresholds(blocks, self.blocks)]
            yield Price.PublishBlockThresholds(PROVIDER, event, start, self.id, 0, 1, 1, thresholds)
            yield Price.PublishBlockPeriod(PROVIDER, event, start, self.block_days, 0, 1, 0, 1)
        labels = [TierLabel(tier, each.label.encode()) for tier, each in enumerate(self.tiers, 1)]
        for index, labelled in enumerate(named := _pieces(labels, 3)):
            yield Price.PublishTierLabels(PROVIDER, event, self.id, index, len(named), len(labelled), labelled)
        if self.weekdays:
            yield from self._calendar(event, start)

    def _calendar(self, event: int, start: int) -> Iterator[Frame]:
        from protocols.zigbee.calendar.schedule import ANY, day
        from protocols.zigbee.clusters.calendar import Calendar, ScheduleEntry, SeasonEntry, SpecialDay

        profiles = [self._switches(switches) for switches in (self.weekdays, self.weekend) if switches]
        reference, days = _TIME_REFERENCES[self.time], len(profiles)
        yield Calendar.PublishCalendar(PROVIDER, event, self.id, start, 0, reference, self.label[:12].encode(), 1, 1, days)
        for number, switches in enumerate(profiles, 1):
            entries = [ScheduleEntry(minute, tier) for minute, tier in switches]
            for index, piece in enumerate(pieces := _pieces(entries, 12)):
                yield Calendar.PublishDayProfile(PROVIDER, event, self.id, number, len(entries), index, len(pieces), 0, piece)
        yield Calendar.PublishWeekProfile(PROVIDER, event, self.id, 1, 1, 1, 1, 1, 1, days, days)
        yield Calendar.PublishSeasons(PROVIDER, event, self.id, 0, 1, [SeasonEntry(day(ANY, 1, 1), 1)])
        dates = [datetime.fromisoformat(text) for text in self.special_days]
        special = [SpecialDay(day(date.year, date.month, date.day), days) for date in dates]
        for index, part in enumerate(parts := _pieces(special, 8)):
            yield Calendar.PublishSpecialDays(PROVIDER, event, self.id, start, 0, len(special), index, len(parts), part)


class Ahead(_Publication, frozen=True, kw_only=True, tag_field="kind"):
    """Prices that are told ahead of their time."""

    wan: bool = False
    """They come over the WAN, in a message of the head end's (`wan_prices`); unless said the hub is given them without one."""


class CriticalPeak(Ahead, frozen=True, kw_only=True, tag="critical-peak"):
    """A critical peak event. `ask`: the customer may refuse it."""

    minutes: Annotated[int, Meta(ge=1, le=1440)]
    tier: Literal[1, 2] = 1
    ask: bool = False

    def commands(self, event: int, now: int) -> Iterator[Frame]:
        from protocols.zigbee.clusters.price import Price

        yield Price.PublishCppEvent(PROVIDER, event, self.start(now), self.minutes, 0, self.tier - 1, 0 if self.ask else 3)


class RealTimePrices(Ahead, frozen=True, kw_only=True, tag="real-time-prices"):
    """Prices one after the other, each for so many minutes. `acknowledge`: displays say that they have them."""

    pence: Annotated[list[Pence], Meta(min_length=1, max_length=50)]
    minutes: Annotated[int, Meta(ge=1, le=1440)] = 30
    label: Annotated[str, Meta(max_length=LONGEST_LABEL)] = "Spot"
    acknowledge: bool = False

    def commands(self, event: int, now: int) -> Iterator[Frame]:
        from protocols.zigbee.clusters.price import Price

        control = {} if not self.acknowledge else {
            "alternate_cost_delivered": NO_VALUE, "alternate_cost_unit": 0xFF, "alternate_cost_trailing_digit": 0xFF,
            "number_of_block_thresholds": 0, "price_control": 1,
        }  # fmt: skip
        for number, pence in enumerate(self.pence):
            yield Price.PublishPrice(
                PROVIDER, self.label.encode(), event + number, now, 0, POUND, DIGITS | 1, 0x11,
                self.start(now) + 60 * self.minutes * number, self.minutes, thousandths(pence), 0xFF, NO_VALUE, 0xFF, **control,
            )  # fmt: skip


class Bill(_Publication, frozen=True, kw_only=True, tag="bill"):
    """The consolidated bill of the billing period that has just ended; and the next period begins."""

    pounds: Annotated[float, Meta(ge=0, le=1_000_000)]
    days: Annotated[int, Meta(ge=1, le=366)] = 30

    def commands(self, event: int, now: int) -> Iterator[Frame]:
        from protocols.zigbee.clusters.price import Price

        start = self.start(now)
        yield Price.PublishConsolidatedBill(
            PROVIDER, event, start - 86_400 * self.days, self.days, 1, 0, round(100 * self.pounds), POUND, 0x20
        )
        yield Price.PublishBillingPeriod(PROVIDER, event, start, self.days, 1, 0)


class CalorificValue(_Publication, frozen=True, kw_only=True, tag="calorific-value"):
    """Megajoules a cubic metre, to a tenth."""

    fuel: Fuel = "gas"
    megajoules: Annotated[float, Meta(gt=0, le=100)]

    def commands(self, event: int, now: int) -> Iterator[Frame]:
        from protocols.zigbee.clusters.price import Price

        yield Price.PublishCalorificValue(event, self.start(now), round(10 * self.megajoules), 1, 0x10)


class ConversionFactor(_Publication, frozen=True, kw_only=True, tag="conversion-factor"):
    """Volume conversion, to five decimals."""

    fuel: Fuel = "gas"
    factor: Annotated[float, Meta(gt=0, le=10)]

    def commands(self, event: int, now: int) -> Iterator[Frame]:
        from protocols.zigbee.clusters.price import Price

        yield Price.PublishConversionFactor(event, self.start(now), round(100_000 * self.factor), 0x50)


Publication = Tariff | CriticalPeak | RealTimePrices | Bill | CalorificValue | ConversionFactor
PUBLICATIONS: Final[dict[str, type[Declared]]] = {
    str(kind.__struct_config__.tag): kind for kind in (Tariff, CriticalPeak, RealTimePrices, Bill, CalorificValue, ConversionFactor)
}


def _pieces(items: Sequence[T], most: int) -> list[list[T]]:
    return [list(items[at : at + most]) for at in range(0, len(items), most)]


def schedule(home: Home, publications: Sequence[Publication]) -> None:
    """Have each given in its time to the hub that is there then."""
    for number, publication in enumerate(publications):
        if isinstance(publication, Ahead) and publication.wan:
            continue  # `wan_prices` sends it
        home.kernel.at(int(publication.after_s * S), _publish, home, publication, number, who=home.hub.name)


def _publish(home: Home, publication: Publication, number: int) -> None:
    import hubfw

    kernel, hub = home.kernel, home.hub
    firmware = hub.firmware
    if not isinstance(firmware, hubfw.Firmware) or not hub.rtc.valid or not firmware.commissioned:
        kernel.at(kernel.now + MIN // 6, _publish, home, publication, number, who=hub.name)
        return
    now = hub.rtc.read() // S - EPOCH
    meter = publication.meter
    fuel = publication.fuel if meter is None else firmware.gas.fuel(home.identities[meter].eui64)
    for command in publication.commands(now + number, now):
        firmware.tariffs.publish(command, fuel)
