"""The consumer access device's firmware: a way out of the home's network for readings, and none into it.

It reads power, import, gas and price as a display does and writes a snapshot, one line of JSON, to its port `lan` whenever one of
them was read, and every minute:

    {"time": "2026-01-14T08:30:00Z", "electricity": {"power_kw": 0.412, "import_kwh": 4711.25, "price": "28.62 p/kWh"},
     "gas": {"volume_m3": 345.678, "read_at": "2026-01-14T08:00:12Z"}}

What is not known is null. What arrives at the port is counted and goes nowhere: no octet of it reaches the network, in whatever
words. Not here: what the consumer's equipment does with the lines (MQTT, an app).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from devices.cad.config import Config
from devices.parts.consumer_display import ConsumerDisplay
from devices.parts.han import HUB
from devices.parts.price_text import text
from devices.parts.screen import STALE
from devices.parts.watch import LONGEST_PAUSE, Watch, find
from devices.runtime.board import Board, Reset
from protocols.dlms.cosem import date_time
from protocols.zigbee.clusters.metering import DeviceType, Metering
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request

S = 1_000_000_000
LAN = "lan"
RX_ON_WHEN_IDLE = 1
NO_PRICE = 0xFFFFFFFF
UNTIL_CHANGED = 0xFFFF


class Firmware(ConsumerDisplay):
    """Asks meter and hub, and tells the port `lan`. The board has a radio."""

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board, config)
        self.config = config
        self.ignored = 0
        """Octets that came in at the port."""
        self._price: Price.PublishPrice | None = None

    def boot(self, why: Reset) -> None:
        self._lan = self.board.uart(LAN)
        self._lan.on_receive = self._ignore
        super().boot(why)

    def watch(self, endpoint: Endpoint) -> Sequence[Watch]:
        power = [(Metering, [Metering.instantaneous_demand, Metering.current_summation_delivered])]
        gas = [(Metering, [Metering.current_summation_delivered, Metering.reading_snapshot_time])]
        if self.config.in_hub:
            seek = partial(find, self.han, DeviceType.MIRRORED_ELECTRIC, in_hub=True)
        else:
            mirrored = DeviceType.MIRRORED_ELECTRIC
            seek = partial(find, self.han, DeviceType.ELECTRIC, dwelling=self.dwelling, mirrored=mirrored)
        self.electricity = Watch(self.han, seek, power, self.config.electricity_period, self.show)
        seek = partial(find, self.han, DeviceType.MIRRORED_GAS, in_hub=True)
        self.gas = Watch(self.han, seek, gas, self.config.gas_period, self.show, LONGEST_PAUSE)
        endpoint.use(Price).on(Price.PublishPrice, self._published)
        return self.electricity, self.gas

    async def refresh(self) -> None:
        await super().refresh()
        self._price = await self.han.request(HUB, 1, Price.GetCurrentPrice(RX_ON_WHEN_IDLE), Price.PublishPrice)

    def _published(self, command: Price.PublishPrice, request: Request) -> Outcome:
        if request.message.source == HUB:
            self._price = command
            self.show()
        return None

    def _ignore(self, data: bytes) -> None:
        self.ignored += len(data)
        self.board.log("cad.ignored", {"octets": len(data)})

    # --- what it tells ---

    @property
    def snapshot(self) -> dict[str, object]:
        """What is known now, in the words of the lines."""
        read_at = self.gas.get(Metering.reading_snapshot_time)
        return {
            "time": _instant(self.clock.utc),
            "electricity": {
                "power_kw": _amount(self.electricity, self.electricity.get(Metering.instantaneous_demand)),
                "import_kwh": _amount(self.electricity, self.electricity.get(Metering.current_summation_delivered)),
                "price": self._priced(),
            },
            "gas": {
                "volume_m3": _amount(self.gas, self.gas.get(Metering.current_summation_delivered)),
                "read_at": _instant(None if read_at is None else (read_at + EPOCH) * S),
            },
        }

    def show(self) -> None:
        """Write a line."""
        if self._lan.occupied:
            self._lan.write(json.dumps(self.snapshot).encode() + b"\n")

    def face(self) -> list[str]:
        """It has none."""
        return []

    def _priced(self) -> str | None:
        price, utc = self._price, self.clock.utc
        if price is None or price.price == NO_PRICE or utc is None:
            return None
        over = price.start_time + 60 * price.duration_in_minutes if price.duration_in_minutes != UNTIL_CHANGED else None
        if over is not None and price.start_time and utc // S - EPOCH >= over:
            return None
        told = text(price)
        return None if told == STALE else told


def _amount(watch: Watch, value: int | None) -> float | None:
    meter = watch.meter
    return None if meter is None or value is None or not meter.divisor else round(value * meter.multiplier / meter.divisor, 6)


def _instant(utc: int | None) -> str | None:
    return None if utc is None else date_time.to_datetime(utc - utc % S).isoformat().replace("+00:00", "Z")
