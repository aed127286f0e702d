"""Whether the trust centre is still there (SE 1.4 annex A.3): asked at a base time and a random one on top, which it tells itself.

Three questions in a row without an answer: it is lost, and the device looks for its network, until it is found: that of a hub that
took the lost one's place, too (`protocols.zigbee.keys`). Any answer, a refusal too, shows that somebody is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devices.parts.node import HUB, NoAnswer, Refused
from devices.runtime.kernel import MIN, S
from protocols.zigbee.clusters.keep_alive import KeepAlive
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Endpoint

if TYPE_CHECKING:
    from devices.parts.han import Han

BASE: Final = 10
"""Minutes, until the trust centre says otherwise."""
JITTER: Final = 300
"""Seconds."""
MISSES: Final = 3

_ATTRIBUTES = (KeepAlive.keep_alive_base, KeepAlive.keep_alive_jitter)


class TrustCentreWatch:
    """The client of Keep-Alive on an endpoint; `server` is the endpoint of the trust centre that serves it."""

    def __init__(self, han: Han, endpoint: Endpoint, server: int = 1) -> None:
        self.misses = 0
        self._han = han
        self._source = endpoint.number
        self._server = server
        self._random = han.board.chance("keep alive")
        self._base, self._jitter = BASE, JITTER
        endpoint.use(KeepAlive)

    async def run(self) -> None:
        """Ask for as long as the power lasts. A stranger's trust centre is not asked: it need not know Keep-Alive."""
        han = self._han
        while not han.config.foreign:
            await han.firmware.sleep(self._base * MIN + int(self._random() * self._jitter * S))
            if han.joining:
                self.misses = 0
                continue
            try:
                self._take(await han.read(HUB, self._server, KeepAlive, _ATTRIBUTES, source=self._source))
                self.misses = 0
            except Refused:
                self.misses = 0
            except NoAnswer:
                self.misses += 1
            if self.misses >= MISSES and han.stack.joined:
                self.misses = 0
                han.board.log("han.trust-centre-lost", {"eui64": han.stack.trust_centre_eui64})
                han.firmware.spawn(han.rejoin())

    def _take(self, told: dict[Attribute[int], int | None]) -> None:
        base, jitter = (told.get(attribute) for attribute in _ATTRIBUTES)
        self._base = base or BASE
        self._jitter = JITTER if jitter is None else jitter
