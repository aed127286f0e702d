"""A meter as a display sees it: found by its services, asked in a rhythm, and not believed for long when it is silent.

Nobody tells a display its meters: who serves Metering is asked on the air, and its device type says what it is. A meter of
its own address gets a link key brokered by the trust centre first; one that answers on the network but not under the key gets
a new one. After three polls without an answer the values are gone; the polls go on, further and further apart up to a minute, and
after three more the meter is looked for anew, wherever and whoever it is then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from devices.parts.han import HUB, Han, NoAnswer, Refused
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.node import RX_ON_DEVICES
from protocols.zigbee.zcl.cluster import Attribute, Cluster

T = TypeVar("T")

S = 1_000_000_000
STALE_AFTER = 3
"""Polls without an answer."""
FORGET_AFTER = 6
LONGEST_PAUSE = 60 * S
SETTLE = S
"""A partner has its key as soon as we have ours, but may have to ask for our address first."""
ANSWER = 4 * S
"""How long an answer may take. Polls ask for no APS acknowledgement: the answer is one, and they are most of the home's frames."""

Wanted = Sequence[tuple[type[Cluster], Sequence[Attribute[Any]]]]
"""What a poll reads: one question for each row."""

_FORMATTING = (Metering.metering_device_type, Metering.unit_of_measure, Metering.multiplier, Metering.divisor)


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter, or a mirror in the hub, and what its numbers mean."""

    eui64: int
    endpoint: int
    unit: int
    multiplier: int
    divisor: int


async def read(
    han: Han, address: int, endpoint: int, cluster: type[Cluster], attributes: Iterable[Attribute[Any]]
) -> dict[Attribute[Any], Any]:
    """The attributes that have a value. Raises NoAnswer, Refused."""
    values = await han.read(address, endpoint, cluster, list(attributes), timeout=ANSWER, acknowledged=False)
    return {attribute: value for attribute, value in values.items() if attribute.type.known(value)}


async def find(han: Han, device_type: int, *, in_hub: bool = False) -> Meter | None:
    """The first meter of a type that tells what its numbers mean: a mirror does once its meter has reported.

    `in_hub`: the hub's mirrors and nobody else. Raises NoAnswer off the network.
    """
    for address, endpoint in await han.match([Metering.id], destination=HUB if in_hub else RX_ON_DEVICES):
        if (address == HUB) is not in_hub:
            continue
        try:
            eui64 = await han.identify(address)
            told = await _formatting(han, eui64, address, endpoint)
        except (NoAnswer, Refused):
            continue
        if told.get(Metering.metering_device_type) == device_type and len(told) == len(_FORMATTING):
            return Meter(eui64, endpoint, *(told[attribute] for attribute in _FORMATTING[1:]))
    return None


async def _formatting(han: Han, eui64: int, address: int, endpoint: int) -> dict[Attribute[Any], Any]:
    if han.shares_key(address):
        try:
            return await read(han, address, endpoint, Metering, _FORMATTING)
        except NoAnswer:
            if address == HUB:
                raise
    await han.partner_key(eui64)
    await han.firmware.sleep(SETTLE)
    return await read(han, address, endpoint, Metering, _FORMATTING)


class Watch:
    """One meter's values. `seek` finds the meter; `changed()` is called after each poll that changed what is known."""

    def __init__(
        self, han: Han, seek: Callable[[], Awaitable[Meter | None]], wanted: Wanted, period: int, changed: Callable[[], object]
    ) -> None:
        self.meter: Meter | None = None
        self._han = han
        self._seek = seek
        self._wanted = wanted
        self._period = period
        self._changed = changed
        self._values: dict[Attribute[Any], Any] = {}
        self._failures = 0

    def get(self, attribute: Attribute[T]) -> T | None:
        """The value last read; None when it is not known, or stale."""
        value: T | None = self._values.get(attribute)
        return value

    async def run(self) -> None:
        """Poll for ever."""
        while True:
            started = self._han.now
            try:
                await self._poll()
                self._failures = 0
            except (NoAnswer, Refused):
                self._failed()
            await self._han.firmware.sleep(max(0, started + self._pause() - self._han.now))

    async def look(self) -> None:
        """Poll once, now. Raises NoAnswer, Refused."""
        await self._poll()

    async def hurry(self, period: int, end: int) -> None:
        """Poll every `period` ns as well, until `end` (ns) or the meter's silence."""
        while self._han.now < end and self.meter is not None and self._failures == 0:
            started = self._han.now
            with suppress(NoAnswer, Refused):
                await self._poll()
            await self._han.firmware.sleep(max(0, started + period - self._han.now))

    def _pause(self) -> int:
        if self.meter is None:
            return min(self._period, LONGEST_PAUSE) if self._failures < FORGET_AFTER else max(self._period, LONGEST_PAUSE)
        backed_off = self._period << max(0, min(self._failures - STALE_AFTER + 1, 8))
        return max(self._period, min(backed_off, LONGEST_PAUSE))

    async def _poll(self) -> None:
        if self.meter is None:
            self.meter = await self._seek()
            if self.meter is None:
                raise NoAnswer("no such meter answers")
        address = await self._han.find(self.meter.eui64)
        values: dict[Attribute[Any], Any] = {}
        for cluster, attributes in self._wanted:
            values |= await read(self._han, address, self.meter.endpoint, cluster, attributes)
        self._values = values
        self._changed()

    def _failed(self) -> None:
        self._failures += 1
        if self._failures == STALE_AFTER:
            self._values = {}
            self._changed()
        if self._failures % FORGET_AFTER == 0:
            self.meter = None
