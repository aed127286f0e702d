"""Hearing of what the hub publishes: nothing but an ear on the Price client until the hub publishes something (`published`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.han import HUB, Han, Refused
from devices.parts.network_clock import NetworkClock
from protocols.core.codec import Frame
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.node import Joined
from protocols.zigbee.zcl.cluster import CLIENT
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.parts.published import Published
    from protocols.zigbee.calendar.schedule import Zone
    from protocols.zigbee.publication.store import Store

KEY: Final = "published"
DAY: Final = 86_400_000_000_000
SETTLE: Final = 5_000_000_000
"""After the first publication: the rest of it has come by then."""
_NO_SERVER: Final = (Status.UNSUP_CLUSTER_COMMAND, Status.UNSUPPORTED_CLUSTER)


class Subscription:
    """On an endpoint that uses Price. `changed()`: what holds now may be something else."""

    def __init__(self, han: Han, endpoint: Endpoint, clock: NetworkClock, changed: Callable[[], object]) -> None:
        self._han = han
        self._endpoint = endpoint
        self._clock = clock
        self._changed = changed
        self._published: Published | None = None
        self._caught_up: int | None = None
        han.on(Joined, self._joined)
        price = endpoint.use(Price)
        for command in Price.commands[CLIENT].values():
            if command not in price.handlers:  # a display may have an ear of its own for prices
                price.on(command, self._first)
        if KEY in han.board.nvm:
            self._begin()

    def store(self, fuel: int = 0) -> Store | None:
        """What is published for electricity (0) or gas (1); None: nothing ever was."""
        return None if self._published is None else self._published.store(fuel)

    @property
    def zone(self) -> Zone:
        """The premises' time, where anything is published."""
        assert self._published is not None
        return self._published.zone

    def answer_peak(self, event: int, *, accept: bool) -> None:
        """The customer's answer to a critical peak."""
        if self._published is not None:
            self._published.answer_peak(event, accept=accept)

    def _joined(self, joined: Joined) -> None:
        self._caught_up = None

    async def catch_up(self) -> None:
        """Ask for what may have been missed: after joining, rejoining and a restart, and daily where there is something."""
        now = self._han.now
        if self._caught_up is None or (self._published is not None and now - self._caught_up >= DAY):
            await self._fetch()
            self._caught_up = now

    async def _fetch(self) -> None:
        if self._published is None:
            try:
                await self._han.request(HUB, 1, Price.GetTariffInformation(0, 0, 0, 0), Price.PublishTariffInformation)
            except Refused as refused:
                if refused.status in _NO_SERVER:
                    return
        await self._begin().fetch()

    def _begin(self) -> Published:
        if self._published is None:
            from devices.parts.published import Published  # most homes have no published tariff, and need none of its tables

            handlers = self._endpoint.use(Price).handlers
            if handlers.get(Price.PublishPrice) == self._first:
                del handlers[Price.PublishPrice]
            self._published = Published(self._han, self._endpoint, self._clock, self._changed)
        return self._published

    def _first(self, command: Frame, request: Request) -> Outcome:
        if request.message.source != HUB:
            return Status.NOT_AUTHORIZED
        outcome = self._begin().heard(command, request)
        self._han.firmware.spawn(self._complete())
        return outcome

    async def _complete(self) -> None:
        """Ask for what was pushed to clusters that this device did not use yet."""
        await self._han.firmware.sleep(SETTLE)
        await self._fetch()
