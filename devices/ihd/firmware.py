"""The in-home display's firmware: electricity every 10 s with its cost, gas with its age, the hub's messages and time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from devices.ihd.config import Config
from devices.ihd.price import PriceTag
from devices.parts.consumer_display import ConsumerDisplay
from devices.parts.han import NoAnswer, Refused
from devices.parts.screen import STALE, ago, amount, clock_line, line
from devices.parts.watch import LONGEST_PAUSE, Meter, Watch, find
from devices.runtime.board import Board
from protocols.zigbee.clusters.metering import DeviceType, Metering
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.metering.fast_poll import MOST_MINUTES
from protocols.zigbee.node import MINUTE
from protocols.zigbee.zcl.endpoint import Endpoint

S = 1_000_000_000
NOW = "now"
"""The button that has power shown every few seconds for some minutes."""
AS_OFTEN_AS_IT_ALLOWS = 1


class Firmware(ConsumerDisplay):
    """Asks meter and hub, shows what they say. The board has a radio, a display of 24 x 8 cells, the buttons `ok` and `now`."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board, config)
        self.config = config
        self._priced_by: Meter | None = None
        self._hurrying = False

    def watch(self, endpoint: Endpoint) -> Sequence[Watch]:
        power = [(Metering, [Metering.instantaneous_demand, Metering.current_summation_delivered])]
        gas = [(Metering, [Metering.current_summation_delivered, Metering.reading_snapshot_time])]
        seek = partial(find, self.han, DeviceType.ELECTRIC, dwelling=self.dwelling, mirrored=DeviceType.MIRRORED_ELECTRIC)
        self.electricity = Watch(self.han, seek, power, self.config.electricity_period, self._power_read)
        seek = partial(find, self.han, DeviceType.MIRRORED_GAS, in_hub=True)
        self.gas = Watch(self.han, seek, gas, self.config.gas_period, self.show, LONGEST_PAUSE)
        self.price = PriceTag(self.han, endpoint, self.clock, self.show)
        return self.electricity, self.gas

    def _power_read(self) -> None:
        self.price.metered(self.electricity.get(Metering.current_summation_delivered), self.electricity.meter)
        if self.electricity.meter is not self._priced_by:
            self._priced_by = self.electricity.meter
            self.spawn(self._fetch_price())
        self.show()

    async def _fetch_price(self) -> None:
        with suppress(NoAnswer, Refused):
            await self.price.fetch(self.electricity.meter)

    async def refresh(self) -> None:
        await super().refresh()
        await self.price.subscription.catch_up()
        await self.price.fetch(self.electricity.meter)

    def press(self, button: str) -> None:
        super().press(button)
        if button == NOW and not self._hurrying:
            self._hurrying = True
            self.spawn(self._hurry())

    async def _hurry(self) -> None:
        try:
            await self._read_fast()
        except (NoAnswer, Refused) as reason:
            self.board.log("ihd.no-fast-poll", {"reason": str(reason)})
        finally:
            self._hurrying = False

    async def _read_fast(self) -> None:
        """Ask the electricity meter for fast poll mode, and read it as often as it allows, for as long as it lasts."""
        meter, utc = self.electricity.meter, self.clock.utc
        if meter is None or utc is None:
            raise NoAnswer("no meter, or no time")
        address = await self.han.find(meter.eui64)
        asked = Metering.RequestFastPollMode(AS_OFTEN_AS_IT_ALLOWS, MOST_MINUTES)
        granted = await self.han.request(address, meter.endpoint, asked, Metering.RequestFastPollModeResponse)
        lasts = min((granted.fast_poll_mode_endtime + EPOCH) * S - utc, MOST_MINUTES * MINUTE)
        await self.electricity.hurry(max(granted.applied_update_period, 1) * S, self.now + lasts)

    def pressed(self) -> None:
        self.price.accept_peak()
        super().pressed()

    def face(self) -> list[str]:
        demand = self.electricity.get(Metering.instantaneous_demand)
        snapshot = self.gas.get(Metering.reading_snapshot_time)
        read_at = None if snapshot is None else (snapshot + EPOCH) * S
        volume = self._amount(self.gas, self.gas.get(Metering.current_summation_delivered))
        total = self._amount(self.electricity, self.electricity.get(Metering.current_summation_delivered))
        return [
            clock_line(self.clock.utc),
            line("ELECTRICITY", self._amount(self.electricity, demand, rate=True))
            if demand is None or demand >= 0
            else line("EXPORTING", self._amount(self.electricity, -demand, rate=True)),
            line("cost now", self.price.cost(demand, self.electricity.meter)),
            line("total", total),
            line(self.price.label, self.price.text),
            line("GAS", volume),
            line("read", STALE if volume == STALE else ago(read_at, self.clock.utc)),
        ]

    def _amount(self, watch: Watch, value: int | None, *, rate: bool = False) -> str:
        meter = watch.meter
        if meter is None:
            return STALE
        return amount(value, meter.multiplier, meter.divisor, meter.unit, rate=rate)
