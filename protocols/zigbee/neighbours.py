"""Neighbouring routers: link status, link cost, and when one counts as gone (05-3474 clauses 3.4.8, 3.6.1.5, 3.6.3.1).

Routers say every period whom they hear; the coordinator does once it knows a router, so that a home without one hears nothing
of it. A neighbour that does not acknowledge, or that was silent for three periods, is `lost` until it is heard again: frames find
another way round. The table is `protocols.zigbee.devices`. Not here: routes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from protocols.zigbee import mac, nwk
from protocols.zigbee.devices import Device, Relation
from protocols.zigbee.node import COORDINATOR, ROUTERS

if TYPE_CHECKING:
    from protocols.zigbee.network import Network, Origin

SILENCE = 3
"""nwkRouterAgeLimit: link status periods."""
_LISTED = 24
"""Neighbours that one link status has room for."""


class Neighbours:
    """The routers around one router."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._context = network.context
        self.several = False
        """There are two neighbouring routers at least, and so perhaps another way when one fails."""
        network.on(nwk.LinkStatus, self._link_status)

    def start(self) -> None:
        """Say every period which routers we hear."""
        period = self._context.config.link_status_period
        if self._network.routing and period is not None:
            self._context.after("link status", int(self._context.rng.random() * period), partial(self._send, period))

    def known(self) -> list[Device]:
        """Neighbouring routers, lost ones too, by address."""
        routers = [device for device in self._network.devices if device.router and device.relation is not Relation.NONE]
        return sorted(routers, key=lambda device: device.short)

    def _two(self) -> bool:
        routers = (each for each in self._network.devices if each.router and each.relation is not Relation.NONE)
        return next(routers, None) is not None and next(routers, None) is not None

    def others(self, *but: int) -> bool:
        """Whether there is a router to ask other than these; a lost one may hear us all the same."""
        return any(device.short not in but for device in self.known())

    def met(self, eui64: int) -> Device | None:
        """A router sent us something only routers send: it is our neighbour. None: it is unknown (its entry was evicted)."""
        device = self._network.devices.get(eui64)
        if device is not None:
            if device.relation is Relation.NONE:
                device.relation = Relation.NEIGHBOUR
            if not device.router:
                device.capability |= mac.CAPABILITY_ROUTER
            device.lqi = self._network.lqi
            self.several = self.several or self._two()
        return device

    def _send(self, period: int) -> None:
        network = self._network
        known = self.known()
        self.several = len(known) > 1
        for device in known:
            if device.heard + SILENCE * period < self._context.now and not device.lost:
                network.routes.lost(device)
        if known or network.short != COORDINATOR:
            links = [
                nwk.LinkCost(device.short, cost(device.lqi) | device.outgoing_cost << 4) for device in known if not device.lost
            ][:_LISTED]
            frame = nwk.LinkStatus(len(links) | nwk.LinkStatus.FIRST_AND_LAST, links)
            network.broadcast(ROUTERS, frame.build(), kind=nwk.COMMAND, radius=1, source_eui64=self._context.config.eui64)
        self._context.after("link status", period, partial(self._send, period))

    def _link_status(self, origin: Origin, frame: nwk.LinkStatus) -> None:
        network = self._network
        device = network.devices.get(origin.sender)
        if device is None or device.short != origin.header.source or not network.routing:
            return
        self.met(origin.sender)
        for link in frame.links:
            if link.neighbour == network.short:
                device.outgoing_cost = link.costs & 0x07


def cost(lqi: int) -> int:
    """Link cost of a link quality: 1 for a good link to 7."""
    return max(1, min(7, 8 - lqi // 32))
