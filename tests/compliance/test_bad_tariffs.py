"""Bad inputs G6, G7 and G14 on a living home: a hub that publishes nonsense to a display, and a supplier that does to the hub.

After each, display and hub hold what they held, the display shows the price that it showed, and the next good publication is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hubfw
from devices import ihd
from devices.parts.han import Refused
from devices.runtime.kernel import MIN, S
from protocols.core.codec import Frame
from protocols.zigbee.clusters.calendar import Calendar, ScheduleEntry
from protocols.zigbee.clusters.price import BlockThresholds, Price, PriceMatrixEntry, TierLabel
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.publication.store import Store
from protocols.zigbee.zcl.cluster import command_of
from protocols.zigbee.zcl.foundation import DefaultResponse
from protocols.zigbee.zcl.status import Status
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "tariffs.toml"
TARIFF, PROVIDER = 1, 1
NO_VALUE = 0xFFFFFFFF
Make = Callable[[int], Frame]


class Live:
    """A commissioned home with a tariff in force; `say` is what its hub, gone mad, says to the display."""

    def __init__(self) -> None:
        self.run = Run(load(BENCH))
        commission(self.run)
        self.run.run_until(10 * MIN)
        hub, display = self.run.hub.firmware, self.run.ihd.firmware
        assert isinstance(hub, hubfw.Firmware)
        assert isinstance(display, ihd.Firmware)
        self.hub, self.display = hub, display
        self.restarts: list[object] = []
        self.run.log.subscribe(lambda now, who, kind, data: self.restarts.append((who, data)), ["power"])
        (information,) = [entry.first for entry in self.held.entries(Price.PublishTariffInformation)]
        assert isinstance(information, Price.PublishTariffInformation)
        self.event = information.issuer_event_id
        self.later = self.event

    @property
    def held(self) -> Store:
        """What the display holds for electricity."""
        store = self.display.price.subscription.store()
        assert store is not None
        return store

    def newer(self) -> int:
        """An issuer event identifier later than any before."""
        self.later += 1
        return self.later

    def say(self, command: Frame) -> Status:
        """The hub says it to the display; what the display answers."""
        address = self.hub.han.stack.address_of(self.run.ihd.eui64)
        assert address is not None

        async def ask() -> Status:
            try:
                await self.hub.han.ask(address, 1, command_of(type(command)).cluster, command, DefaultResponse)
            except Refused as refused:
                return Status(refused.status)
            return Status.SUCCESS

        task = self.hub.spawn(ask())
        self.run.run(for_=5 * S)
        return task.result()

    @property
    def price(self) -> str:
        """The line of the face."""
        return self.run.screen("ihd")[4]


@pytest.fixture(scope="module")
def live() -> Live:
    return Live()


@pytest.fixture
def untouched(live: Live) -> Iterator[None]:
    """The active tariff stays as it is, everywhere, and the next good frame is taken."""
    publisher = live.hub.tariffs.of("electricity")
    assert publisher is not None
    held, published, shown = live.held.plain(), publisher.store.plain(), live.price
    assert shown.split() == ["Night", "9.50", "p/kWh"]
    yield
    live.run.run(for_=MIN)
    assert live.held.plain() == held
    assert publisher.store.plain() == published
    assert live.price == shown
    assert not live.restarts
    assert live.say(Price.PublishCO2Value(PROVIDER, live.newer(), 0, 0, 233, 1, 0x30)) == Status.SUCCESS


def information(event: int, *, start: int = 0, tiers: int = 2, thresholds: int = 0, scheme: int = 0, type_: int = 0) -> Frame:
    return Price.PublishTariffInformation(
        PROVIDER, event, TARIFF, start, scheme << 4 | type_, b"bad", tiers, thresholds, 0, 826, 0x50, 0, 0xFF, 1, 1
    )


def matrix(event: int, *prices: tuple[int, int]) -> Frame:
    return Price.PublishPriceMatrix(PROVIDER, event, 0, TARIFF, 0, 1, 1, [PriceMatrixEntry(*each) for each in prices])


def day(event: int, *switches: tuple[int, int], number: int = 1, total: int | None = None, parts: int = 1) -> Frame:
    entries = [ScheduleEntry(*each) for each in switches]
    return Calendar.PublishDayProfile(PROVIDER, event, TARIFF, number, total or len(entries), 0, parts, 0, entries)


def calendar(event: int, *, days: int = 2, seasons: int = 1) -> Frame:
    return Calendar.PublishCalendar(PROVIDER, event, TARIFF, 0, 0, 0, b"bad", seasons, 1, days)


OUT_OF_RANGE: dict[str, Make] = {
    "tier 3 of 2 in the matrix": lambda event: matrix(event, (1, 1), (3, 1)),
    "tier 0 in the matrix": lambda event: matrix(event, (0, 1)),
    "tier 255 twice in the matrix": lambda event: matrix(event, (0xFF, 1), (0xFF, 2)),
    "49 tiers": lambda event: information(event, tiers=49),
    "16 thresholds": lambda event: information(event, thresholds=16),
    "charging scheme 15": lambda event: information(event, scheme=15),
    "tariff type 3": lambda event: information(event, type_=3),
    "a label for tier 200": lambda event: Price.PublishTierLabels(PROVIDER, event, TARIFF, 0, 1, 1, [TierLabel(200, b"x")]),
    "thresholds of tier 15": lambda event: Price.PublishBlockThresholds(
        PROVIDER, event, 0, TARIFF, 0, 1, 0, [BlockThresholds(0xF1, [1])]),
    "thresholds that fall": lambda event: Price.PublishBlockThresholds(
        PROVIDER, event, 0, TARIFF, 0, 1, 1, [BlockThresholds(0x02, [9, 5])]),
    "day 0": lambda event: day(event, (0, 1), number=0),
    "day 3 of 2": lambda event: day(event, (0, 1), number=3),
    "day 255": lambda event: day(event, (0, 1), number=255),
    "a switch to tier 0": lambda event: day(event, (0, 0)),
    "a switch to tier 255": lambda event: day(event, (0, 255)),
    "a week of days that are not there": lambda event: Calendar.PublishWeekProfile(PROVIDER, event, TARIFF, 1, *[9] * 7),
    "week 2 of 1": lambda event: Calendar.PublishWeekProfile(PROVIDER, event, TARIFF, 2, *[1] * 7),
    "critical peak 3": lambda event: Price.PublishCppEvent(PROVIDER, event, 0, 60, 0, 2, 3),
    "a peak that is neither asked nor forced": lambda event: Price.PublishCppEvent(PROVIDER, event, 0, 60, 0, 0, 77),
}  # fmt: skip


@pytest.mark.parametrize("make", OUT_OF_RANGE.values(), ids=OUT_OF_RANGE.keys())
@pytest.mark.usefixtures("untouched")
def test_g7_out_of_range_is_refused_by_display_and_hub(live: Live, make: Make) -> None:
    assert live.say(make(live.newer())) == Status.INVALID_FIELD
    assert live.hub.tariffs.publish(make(live.newer())) == Status.INVALID_FIELD


SWITCHES: dict[str, tuple[Make, Status]] = {
    "49 switch times": (
        lambda event: day(event, *((minute, 1) for minute in range(20)), total=49, parts=3), Status.INSUFFICIENT_SPACE),
    "a gap after midnight": (lambda event: day(event, (420, 1)), Status.INVALID_FIELD),
    "switches that overlap": (lambda event: day(event, (0, 2), (420, 1), (420, 2)), Status.INVALID_FIELD),
    "switches in disorder": (lambda event: day(event, (0, 2), (900, 1), (420, 2)), Status.INVALID_FIELD),
    "a switch after midnight": (lambda event: day(event, (0, 2), (1440, 1)), Status.INVALID_FIELD),
    "fewer switches than it says": (lambda event: day(event, (0, 2), total=5), Status.INVALID_FIELD),
    "17 days": (lambda event: calendar(event, days=17), Status.INSUFFICIENT_SPACE),
    "5 seasons": (lambda event: calendar(event, seasons=5), Status.INSUFFICIENT_SPACE),
}  # fmt: skip


@pytest.mark.parametrize(("make", "status"), SWITCHES.values(), ids=SWITCHES.keys())
@pytest.mark.usefixtures("untouched")
def test_g14_calendars_that_cannot_be_are_refused_by_display_and_hub(live: Live, make: Make, status: Status) -> None:
    assert live.say(make(live.newer())) == status
    assert live.hub.tariffs.publish(make(live.newer())) == status


OLDER: dict[str, Make] = {
    "tariff": information,
    "prices": lambda event: matrix(event, (1, 1), (2, 1)),
    "day": lambda event: day(event, (0, 1)),
    "calendar": calendar,
}


@pytest.mark.parametrize("make", OLDER.values(), ids=OLDER.keys())
@pytest.mark.usefixtures("untouched")
def test_g14_what_was_issued_before_is_ignored(live: Live, make: Make) -> None:
    assert live.say(make(live.event - 1)) == Status.SUCCESS
    assert live.hub.tariffs.publish(make(live.event - 1)) == Status.SUCCESS


@pytest.mark.usefixtures("untouched")
def test_g14_withdrawing_what_is_not_there(live: Live) -> None:
    assert live.say(information(live.newer(), start=NO_VALUE)) == Status.NOT_FOUND
    assert live.say(Price.CancelTariff(PROVIDER, 99, 0)) == Status.NOT_FOUND


def test_g6_a_divisor_of_zero_shows_no_price() -> None:
    """Blocks whose thresholds are divided by nothing: dashes, whatever price there was before."""
    live = Live()
    now = live.run.ihd.rtc.read() // S - EPOCH
    for command in (
        Price.PublishTariffInformation(PROVIDER, live.newer(), 5, now, 0x20, b"zero", 2, 1, 0, 826, 0x50, 0, 0, 1, 0),
        Price.PublishPriceMatrix(
            PROVIDER, live.newer(), now, 5, 0, 1, 0, [PriceMatrixEntry(tier, 100 * tier) for tier in (0x10, 0x11, 0x20, 0x21)]),
        Price.PublishBlockThresholds(PROVIDER, live.newer(), now, 5, 0, 1, 1, [BlockThresholds(1, [10])]),
    ):  # fmt: skip
        assert live.say(command) == Status.SUCCESS
    live.run.run(for_=MIN)
    store = live.held
    taken = store.one(Price.PublishTariffInformation, now + 10)
    assert taken is not None
    assert taken.block_threshold_divisor == 0
    assert not live.restarts
    assert live.price.split() == ["price", "----"]
