"""Passing frames on: by our own routes, or along the source route that a frame brings (05-3474 clauses 3.6.3.3, 3.6.3.6).

What a relay knows better than the source it tells it: no route, a source route that breaks. Not here: broadcasts, finding routes
(`routing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocols.zigbee import nwk
from protocols.zigbee.devices import Relation
from protocols.zigbee.node import COORDINATOR
from protocols.zigbee.routing import Waiting

if TYPE_CHECKING:
    from protocols.zigbee.network import Network

_RADIUS = 6
"""Where the radius is in a header."""
_ROUTE_RECORD = b"\x05"


class Relay:
    """What a router does with other devices' frames."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def relay(self, header: nwk.Header, octets: bytes, payload: bytes, previous: int) -> None:
        """Pass a unicast frame on that `previous` gave us. Raises RemoteProtocolError on a malformed route record."""
        network, routes = self._network, self._network.routes
        destination = header.destination
        if header.radius <= 1:
            network.context.drop("radius used up")
            return
        if header.route is not None:
            self._along(header.route, header, payload)
            return
        if destination == COORDINATOR and header.control & nwk.TYPE and payload[:1] == _ROUTE_RECORD:
            payload = routes.appended(payload)
        elif destination == COORDINATOR and routes.concentrator is not None and header.source == previous:
            device = network.devices.at(previous)
            if device is not None and device.relation is Relation.CHILD and not device.router:
                routes.record(routes.concentrator, previous)
        hop = network.next_hop(destination)
        if hop is None:
            routes.wait(Waiting(destination, header.source, onward(octets), payload, True, None, False))
        elif hop in (header.source, previous):
            network.context.drop("no route")
            routes.tell(header.source, nwk.NO_ROUTE, destination)
        else:
            network.hand(hop, onward(octets), payload)

    def _along(self, route: nwk.SourceRoute, header: nwk.Header, payload: bytes) -> None:
        """A source route says who is next."""
        network, at = self._network, route.index
        if at >= len(route.relays) or route.relays[at] != network.short:
            network.context.drop("a source route that does not go by us")
            return
        hop = header.destination if at == 0 else route.relays[at - 1]
        device = network.devices.at(hop)
        if device is None or device.relation is Relation.NONE or device.lost:
            network.context.drop("a source route to no neighbour")
            network.routes.tell(header.source, nwk.SOURCE_ROUTE_FAILURE, header.destination)
            return
        further = nwk.Header(
            header.control,
            header.destination,
            header.source,
            header.radius - 1,
            header.sequence,
            header.destination_eui64,
            header.source_eui64,
            route=nwk.SourceRoute(route.count, max(at - 1, 0), route.relays),
        )
        network.hand(hop, further.build(), payload)


def onward(octets: bytes) -> bytes:
    """The header for the next hop."""
    return octets[:_RADIUS] + bytes((octets[_RADIUS] - 1,)) + octets[_RADIUS + 1 :]
