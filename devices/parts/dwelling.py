"""Which devices belong to this one's dwelling: the client of MDU Pairing on an endpoint (SE 1.4 annex D.13).

In a house of several dwellings behind one hub a display hears the neighbours' meters, too. It asks the hub only where more than one
meter answers: anybody else's home hears nothing of it.
"""

from __future__ import annotations

from contextlib import suppress

from devices.parts.han import HUB, Han
from devices.runtime.tasks import Future
from protocols.zigbee.clusters.mdu_pairing import MduPairing
from protocols.zigbee.mdu_pairing.dwellings import Pairing
from protocols.zigbee.node import S
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

ANSWER = 4 * S


class Dwelling:
    """The list as the hub told it last."""

    def __init__(self, han: Han, endpoint: Endpoint) -> None:
        self._han = han
        self._endpoint = endpoint.number
        self._pairing = Pairing()
        self._complete: Future[None] | None = None
        endpoint.use(MduPairing).on(MduPairing.PairingResponse, self._told)

    async def devices(self) -> tuple[int, ...]:
        """EUI-64s, asked for anew unless the hub has nothing newer; none where it knows of no dwelling. Raises NoAnswer."""
        complete = self._complete = Future()
        request = MduPairing.PairingRequest(self._pairing.version, self._han.config.eui64)
        self._han.command(HUB, 1, request, source=self._endpoint)
        with suppress(TimeoutError), self._han.awake, self._han.firmware.timeout(ANSWER):
            await complete
        self._complete = None
        return self._pairing.devices

    def _told(self, command: MduPairing.PairingResponse, request: Request) -> Outcome:
        """A part; only the hub's counts, and only when it was asked."""
        waiting = self._complete
        if request.message.source != HUB or waiting is None or waiting.done:
            return Status.NOT_AUTHORIZED
        if self._pairing.received(command):
            waiting.set_result(None)
        return Status.SUCCESS
