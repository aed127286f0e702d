"""When a sleepy end device asks its parent for held frames (802.15.4-2006 clause 7.1.16; 05-3474 clause 3.6.8).

A poll that the parent answers with frame pending goes on until nothing is pending. While some layer waits for an answer
the node polls by itself, soon at first and then every `NodeConfig.poll_period`. Not here: the firmware's own rhythm (a GB gas
meter wakes every 30 minutes), which calls `Stack.poll`. For other node types only association needs a poll.
"""

from __future__ import annotations

from collections.abc import Hashable

from protocols.zigbee import mac
from protocols.zigbee.context import Context
from protocols.zigbee.network import Network
from protocols.zigbee.node import MS, TxStatus

FIRST = 15 * MS
"""Time a parent in range needs to answer what it can answer at once."""


class Poller:
    """Sends data requests to the parent."""

    def __init__(self, context: Context, network: Network) -> None:
        self._context = context
        self._network = network
        self._awaited: dict[Hashable, None] = {}
        self._until = 0
        self.more = False
        """The last poll's answer was that there is something, and nothing has come yet."""

    def reset(self) -> None:
        """Nothing is awaited any more."""
        self._awaited.clear()
        self._until = 0
        self.more = False
        self._context.timers.cancel("poll")

    def want(self, name: Hashable) -> None:
        """Something is awaited from now on."""
        if self._network.sleepy:
            self._awaited[name] = None
            self._context.after("poll", FIRST, self._tick)

    def done(self, name: Hashable) -> None:
        """It is awaited no longer."""
        self._awaited.pop(name, None)

    def stay_awake(self, until: int) -> None:
        """Poll in the usual rhythm until then."""
        if self._network.sleepy:
            self._until = max(self._until, until)
            self._context.after("poll", FIRST, self._tick)

    def _tick(self) -> None:
        if self._awaited or self._context.now < self._until:
            self.request()
            self._context.after("poll", self._context.config.poll_period, self._tick)

    def request(self) -> None:
        """Send one data request to the parent."""
        network = self._network
        psdu = mac.data_request(network.next_sequence(), network.pan_id, network.parent, network.short, self._context.config.eui64)
        self._context.transmit(psdu, False, self._confirm)

    def _confirm(self, status: TxStatus, frame_pending: bool) -> None:
        self.more = frame_pending and self._network.sleepy
        self._network.parent_answered(status)

    def frame_arrived(self) -> None:
        """A frame came in after there was `more`: ask whether that was all."""
        self.more = False
        self.request()
