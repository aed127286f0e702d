"""A device below 1 GHz that keeps silence when the hub asks it to (Sub-GHz cluster, SE 1.4 annex D.13).

While it lasts nothing is sent but what belongs to that cluster: who wants to send anything gets NoAnswer at once. A device that
restarts does not know whether silence is kept, and asks. Polls, acknowledgements and the network layer's own frames go on.
"""

from __future__ import annotations

from contextlib import suppress

from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.runtime.kernel import MIN
from protocols.zigbee.clusters.sub_ghz import SubGhz
from protocols.zigbee.node import Joined
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

HUB_ENDPOINT = 1


class Silence:
    """The client side of one device."""

    def __init__(self, han: Han, endpoint: Endpoint) -> None:
        self._han = han
        self._endpoint = endpoint.number
        self._until = 0
        endpoint.use(SubGhz).on(SubGhz.SuspendZclMessages, self._told)
        han.silent = self.kept
        han.on(Joined, lambda joined: han.firmware.spawn(self.ask()) if joined.resumed else None)

    def kept(self, cluster: int) -> bool:
        """Whether nothing may be said to a cluster now."""
        return cluster != SubGhz.id and self._han.now < self._until

    async def ask(self) -> None:
        """Ask the hub whether silence is kept; one that does not answer keeps none."""
        with suppress(NoAnswer, Refused):
            question, answer = SubGhz.GetSuspendZclMessagesStatus(), SubGhz.SuspendZclMessages
            self._keep((await self._han.request(HUB, HUB_ENDPOINT, question, answer, source=self._endpoint)).period)

    def _told(self, command: SubGhz.SuspendZclMessages, request: Request) -> Outcome:
        self._keep(command.period)
        return Status.SUCCESS

    def _keep(self, minutes: int) -> None:
        self._until = self._han.now + minutes * MIN
        self._han.board.log("han.silence", {"minutes": minutes})
