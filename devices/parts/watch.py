"""A meter as a display sees it: found by its services, asked in a rhythm, and not believed for long when it is silent.

Nobody tells a display its meters: who serves Metering is asked on the air, and its device type says what it is; the hub says
which of several belong to the same dwelling. A meter of its own address gets a link key brokered by the trust centre first; one
that answers on the network but not under the key gets a new one. After three polls without an answer the values are gone; the polls
go on, further and further apart up to a minute, and after three more the meter is looked for anew, wherever and whoever it is then.
Looking for one disturbs everybody: where nobody answers it is done less and less often, up to every three hours (SE 1.4 5.4: 3 to
24), and again when a device announces itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from devices.parts.dwelling import Dwelling
from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.runtime.tasks import Future
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.node import RX_ON_DEVICES, DeviceAnnounced
from protocols.zigbee.zcl.cluster import Attribute, Cluster

T = TypeVar("T")

S = 1_000_000_000
STALE_AFTER = 3
"""Polls without an answer."""
FORGET_AFTER = 6
LONGEST_PAUSE = 60 * S
REDISCOVERY = 180 * 60 * S
SETTLE = S
"""A partner has its key as soon as we have ours, but may have to ask for our address first."""
ANSWER = 4 * S
"""How long an answer may take. Polls ask for no APS acknowledgement: the answer is one, and they are most of the home's frames."""

Wanted = Sequence[tuple[type[Cluster], Sequence[Attribute[Any]]]]
"""What a poll reads: one question for each row."""

_SUMMATIONS = (Metering.current_summation_delivered, Metering.current_summation_received)
_FORMATTING = (Metering.metering_device_type, Metering.unit_of_measure, Metering.multiplier, Metering.divisor)


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter, or a mirror in the hub, and what its numbers mean."""

    eui64: int
    endpoint: int
    unit: int
    multiplier: int
    divisor: int
    rhythm: int = 0
    """More often than this (ns) it has nothing new."""


async def read(
    han: Han, address: int, endpoint: int, cluster: type[Cluster], attributes: Iterable[Attribute[Any]]
) -> dict[Attribute[Any], Any]:
    """The attributes that have a value. Raises NoAnswer, Refused."""
    values = await han.read(address, endpoint, cluster, list(attributes), timeout=ANSWER, acknowledged=False)
    return {attribute: value for attribute, value in values.items() if attribute.type.known(value)}


async def find(
    han: Han, device_type: int, *, in_hub: bool = False, dwelling: Dwelling | None = None, mirrored: int | None = None
) -> Meter | None:
    """The first meter of a type that tells what its numbers mean: a mirror does once its meter has reported.

    `in_hub`: the hub's mirrors and nobody else. Of several meters those of the `dwelling` count. Where there is none, the one that
    the hub shows with the type `mirrored`. Raises NoAnswer off the network.
    """
    answered = await han.match([Metering.id], destination=HUB if in_hub else RX_ON_DEVICES)
    places = [(address, endpoint) for address, endpoint in answered if (address == HUB) is in_hub]
    ours: tuple[int, ...] = ()
    if dwelling is not None and len({address for address, _ in places}) > 1:
        ours = await dwelling.devices()
    for address, endpoint in places:
        try:
            eui64 = await han.identify(address)
            if ours and eui64 not in ours:
                continue
            told = await _formatting(han, eui64, address, endpoint)
        except (NoAnswer, Refused):
            continue
        if told.get(Metering.metering_device_type) == device_type and len(told) == len(_FORMATTING):
            found = Meter(eui64, endpoint, *(told[attribute] for attribute in _FORMATTING[1:]))
            if len(places) == 1 or not await _generates(han, address, endpoint):
                return found
    if mirrored is not None and HUB in dict(answered):
        found_there = await find(han, mirrored, in_hub=True)
        return None if found_there is None else replace(found_there, rhythm=LONGEST_PAUSE)
    return None


async def _generates(han: Han, address: int, endpoint: int) -> bool:
    """Whether a meter is one of generation: no device type says so, but its registers do."""
    try:
        values = await read(han, address, endpoint, Metering, _SUMMATIONS)
    except (NoAnswer, Refused):
        return False
    delivered, received = (int(values.get(each, 0)) for each in _SUMMATIONS)
    return received > delivered


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
    """One meter's values. `seek` finds the meter, and in vain is asked every `rarest` ns in the end.

    `changed()` is called after each poll that changed what is known.
    """

    def __init__(
        self,
        han: Han,
        seek: Callable[[], Awaitable[Meter | None]],
        wanted: Wanted,
        period: int,
        changed: Callable[[], object],
        rarest: int = REDISCOVERY,
    ) -> None:
        self.meter: Meter | None = None
        self._han = han
        self._seek = seek
        self._wanted = wanted
        self._period = period
        self._changed = changed
        self._values: dict[Attribute[Any], Any] = {}
        self._failures = 0
        self._rarest = rarest
        self._before: Meter | None = None
        """The meter that was lost."""
        self._searches = 0
        self._search_at = 0
        self._rest: Future[None] | None = None
        han.on(DeviceAnnounced, self._announced)

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
            pause = max(0, started + self._pause() - self._han.now)
            if self.meter is None and self._searches > FORGET_AFTER:
                await self._rest_for(pause)
            else:
                await self._han.firmware.sleep(pause)

    async def _rest_for(self, pause: int) -> None:
        """Wait, and no longer than until somebody new is there."""
        self._rest = Future()
        with suppress(TimeoutError), self._han.firmware.timeout(pause):
            await self._rest
        self._rest = None

    def _announced(self, announced: DeviceAnnounced) -> None:
        if self._rest is not None and not self._rest.done:
            self._searches = self._failures = self._search_at = 0
            self._rest.set_result(None)

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
        if self.meter is None and self._failures < FORGET_AFTER:
            return min(self._period, LONGEST_PAUSE)
        if self.meter is None:
            return max(self._period, LONGEST_PAUSE) if self._before is not None else self._until_next_search()
        backed_off = self._period << max(0, min(self._failures - STALE_AFTER + 1, 8))
        return max(self._period, self.meter.rhythm, min(backed_off, LONGEST_PAUSE))

    async def _poll(self) -> None:
        meter = self.meter or await self._found()
        address = await self._han.find(meter.eui64)
        values: dict[Attribute[Any], Any] = {}
        for cluster, attributes in self._wanted:
            values |= await read(self._han, address, meter.endpoint, cluster, attributes)
        self.meter, self._values, self._searches = meter, values, 0
        self._changed()

    async def _found(self) -> Meter:
        """A meter that answered a search, or, between searches, the one that was lost. Raises NoAnswer."""
        if self._before is not None and self._han.now < self._search_at:
            return self._before
        self._searches += 1
        self._search_at = self._han.now + self._until_next_search()
        self.meter = await self._seek()
        if self.meter is None:
            raise NoAnswer("no such meter answers")
        return self.meter

    def _until_next_search(self) -> int:
        doubled = max(0, min(self._searches - FORGET_AFTER, 16))
        return min(max(self._period, LONGEST_PAUSE) << doubled, max(self._period, self._rarest))

    def _failed(self) -> None:
        self._failures += 1
        if self._failures == STALE_AFTER:
            self._values = {}
            self._changed()
        if self._failures % FORGET_AFTER == 0:
            self._before = self.meter or self._before
            self.meter = None
