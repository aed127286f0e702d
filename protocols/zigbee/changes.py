"""A network that changes its PAN identifier or its channel under way (05-3474 clauses 3.4.9, 3.4.10, 3.6.1.13, 3.3.1.9).

A beacon of a stranger with our PAN identifier is reported to the coordinator, which chooses another one and tells everybody; all
change after the broadcast's delivery time. Sleepers are told through their parents, and who missed it finds the network
by its extended identifier. The update identifier in beacons grows with each change. Not here: who decides on channels (the hub's
firmware), conflicts of short addresses (`addresses`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from protocols.zigbee import mac, nwk
from protocols.zigbee.broadcasts import DELIVERY
from protocols.zigbee.node import COORDINATOR, MINUTE, NodeType

if TYPE_CHECKING:
    from protocols.zigbee.network import Network, Origin

REPORT_PAUSE = MINUTE
"""A conflict is reported no more often than this."""
_HEARD = 16
"""PAN identifiers remembered at once."""
_LISTED = 8
_LAST_PAN = 0x3FFF


class Changes:
    """One node's part."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._context = network.context
        self._others: dict[int, None] = {}
        self._reported = -REPORT_PAUSE
        network.on(nwk.NetworkReport, self._report)
        network.on(nwk.NetworkUpdate, self._update)

    def beacon(self, pan_id: int, payload: mac.BeaconPayload) -> None:
        """A router heard a beacon of some network."""
        network = self._network
        if payload.extended_pan_id == network.extended_pan_id:
            return
        self._hear(pan_id)
        if pan_id != network.pan_id or self._reported + REPORT_PAUSE > self._context.now:
            return
        self._reported = self._context.now
        if network.type is NodeType.COORDINATOR:
            self.move()
        else:
            heard = list(self._others)[-_LISTED:]
            report = nwk.NetworkReport(len(heard), network.extended_pan_id, heard)
            network.unicast(COORDINATOR, report.build(), kind=nwk.COMMAND, source_eui64=self._context.config.eui64)

    def _hear(self, pan_id: int) -> None:
        self._others.pop(pan_id, None)
        if len(self._others) >= _HEARD:
            del self._others[next(iter(self._others))]
        self._others[pan_id] = None

    def _report(self, origin: Origin, frame: nwk.NetworkReport) -> None:
        network = self._network
        if network.type is not NodeType.COORDINATOR or frame.extended_pan_id != network.extended_pan_id:
            self._context.drop("a report of a network that is not ours to manage")
            return
        for pan_id in frame.pan_ids:
            self._hear(pan_id)
        if network.pan_id in frame.pan_ids and self._reported + REPORT_PAUSE <= self._context.now:
            self._reported = self._context.now
            self.move()

    def move(self) -> None:
        """Coordinator: take a PAN identifier that nobody around uses, and everybody along."""
        network = self._network
        while True:
            pan_id = self._context.rng.getrandbits(14) & _LAST_PAN | 1
            if pan_id != network.pan_id and pan_id not in self._others:
                break
        update = nwk.NetworkUpdate(network.extended_pan_id, network.update_id + 1 & 0xFF, pan_id)
        network.broadcast(mac.BROADCAST, update.build(), kind=nwk.COMMAND, source_eui64=self._context.config.eui64)
        self._later(pan_id, network.channel, update.update_id)

    def _update(self, origin: Origin, frame: nwk.NetworkUpdate) -> None:
        network = self._network
        newer = 0 < (frame.update_id - network.update_id & 0xFF) < 0x80
        manager = origin.header.source == COORDINATOR and network.type is not NodeType.COORDINATOR
        if not manager or not newer or frame.extended_pan_id != network.extended_pan_id:
            self._context.drop("a network update not from the manager, of another network, or an old one")
            return
        self._later(frame.pan_id, network.channel, frame.update_id)

    def channel(self, channel: int, update_id: int) -> None:
        """The manager moves the network to another channel: go there once everybody knows."""
        self._later(self._network.pan_id, channel, update_id)

    def _later(self, pan_id: int, channel: int, update_id: int) -> None:
        self._context.after("change", DELIVERY, partial(self._now, pan_id, channel, update_id))

    def _now(self, pan_id: int, channel: int, update_id: int) -> None:
        network = self._network
        if network.joined:
            network.pan_id, network.channel, network.update_id = pan_id, channel, update_id
            network.configure()
            network.changed()
