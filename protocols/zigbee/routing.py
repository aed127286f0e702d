"""Mesh routing: discovery by cost, the routing table, many-to-one routes, route records, source routes (05-3474 clause 3.6.3).

A router that knows no way asks for one by a route request; who has the destination, or is its parent, answers, and the way back
is a route, too. So is what relayed frames show. The coordinator is the concentrator: once frames reach it through others it asks
every router for a route to itself, is told by route records how they came, and answers along that way. A link that fails takes
its routes with it; the source is told, and asks anew. Frames wait for their route, a few at a time.

Every table has a fixed size, and the oldest entry goes. A home where every device hears the hub has no use for any of this, and
nothing here is sent in it: a router that knows no other router than its parent asks the parent. Not here: multicast, route
repair by routers, link quality between other devices than neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from protocols.zigbee import mac, nwk
from protocols.zigbee.devices import Device, Relation
from protocols.zigbee.neighbours import cost
from protocols.zigbee.node import COORDINATOR, MINUTE, MS, ROUTERS, NodeType, S, TxStatus

if TYPE_CHECKING:
    from protocols.zigbee.context import Confirm
    from protocols.zigbee.network import Network, Origin

ROUTES = 32
RECORDS = 32
DISCOVERIES = 16
WAITING = 8
"""Frames that wait for a route at once."""
LIFE = 10 * S
"""nwkcRouteDiscoveryTime."""
RETRY = 254 * MS
"""nwkcRREQRetryInterval."""
TRIES = 3
JITTER = (2 * MS, 128 * MS)
"""nwkcMinRREQJitter, nwkcMaxRREQJitter."""
ANNOUNCE = 5 * MINUTE
"""How often the concentrator asks for routes to itself."""
ANNOUNCE_AGAIN = 10 * S
"""How soon after the last time it does so when told of a failure."""
MOST_RELAYS = 11
"""More than a frame of any use has room for."""

ACTIVE, UNDERWAY, FAILED = 0, 1, 2
"""Status of a route (table 3-51); the values are those of Mgmt_Rtg_rsp."""


@dataclass(slots=True)
class Route:
    """The neighbour to hand frames for one destination to. `owes`: whose route record the concentrator has not been sent."""

    hop: int
    status: int = ACTIVE
    many_to_one: bool = False
    told: set[int] | None = None
    """Sources whose route record has been sent to this concentrator; None: it wants none."""


@dataclass(slots=True)
class Discovery:
    """A route request that came by: who gave it to us most cheaply, and the best answer so far."""

    sender: int
    cost: int
    expires: int
    answer: int = 0xFF


@dataclass(frozen=True, slots=True)
class Waiting:
    """A frame without a route. `source` is whose it is."""

    destination: int
    source: int
    header: bytes
    payload: bytes
    secure: bool
    confirm: Confirm | None
    indirect: bool


class Routing:
    """The routes of one router."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._context = network.context
        self._identifier = network.context.rng.getrandbits(8) if network.routing else 0
        self.clear()
        network.on(nwk.RouteRequest, self._request)
        network.on(nwk.RouteReply, self._reply)
        network.on(nwk.RouteRecord, self._record)
        network.on(nwk.NetworkStatus, self._status)

    def clear(self) -> None:
        """No network."""
        self.table: dict[int, Route] = {}
        self.records: dict[int, tuple[int, ...]] = {}
        self._discoveries: dict[tuple[int, int], Discovery] = {}
        self._waiting: list[Waiting] = []
        self._announced = -ANNOUNCE
        self.concentrator: Route | None = None
        """The many-to-one route to the coordinator."""

    # --- choosing ------------------------------------------------------------------------------------------------

    def next_hop(self, destination: int) -> int | None:
        """Whom to hand a frame for a device that is no neighbour; None: nobody yet, a route has to be found."""
        network = self._network
        route = self.table.get(destination)
        if route is not None:
            if route.status == ACTIVE:
                return route.hop
            if route.status == UNDERWAY:
                return None
        if network.type is NodeType.COORDINATOR:
            fallback, known = destination, network.neighbours.others(destination)
        else:
            fallback, known = network.parent, network.neighbours.others(destination, network.parent)
            if destination == COORDINATOR and not self._lost(fallback):
                return fallback
        return fallback if route is not None or not known else None

    def _lost(self, short: int) -> bool:
        device = self._network.devices.at(short)
        return device is not None and device.lost

    def learn(self, destination: int, hop: int) -> None:
        """Frames for this destination can be handed to this neighbour."""
        route = self.table.get(destination)
        if route is not None and (route.many_to_one or (route.hop == hop and route.status == ACTIVE)):
            return
        self._install(destination, Route(hop))

    def relayed(self, source: int, hop: int) -> None:
        """A neighbour handed us a frame of this device: that is the way back, and it is no child of ours (any more)."""
        self.learn(source, hop)
        device = self._network.devices.at(source)
        if device is not None and device.relation is Relation.CHILD:
            device.relation = Relation.NONE
        if self._network.type is NodeType.COORDINATOR:
            self._announce(ANNOUNCE)

    def _install(self, destination: int, route: Route) -> None:
        self.table.pop(destination, None)
        if len(self.table) >= ROUTES:
            del self.table[next(iter(self.table))]
        self.table[destination] = route
        if destination == COORDINATOR:
            self.concentrator = route if route.many_to_one else None
        self._context.timers.cancel(("route", destination))
        self._flush(destination, route.hop)

    def _forget(self, destination: int) -> None:
        self.records.pop(destination, None)
        route = self.table.get(destination)
        if route is not None and route.status == ACTIVE:
            del self.table[destination]
            if route is self.concentrator:
                self.concentrator = None

    # --- waiting -------------------------------------------------------------------------------------------------

    def wait(self, frame: Waiting) -> None:
        """Keep a frame until there is a route, and ask for one."""
        if len(self._waiting) >= WAITING:
            self._give_up([frame])
            return
        self._waiting.append(frame)
        self._discover(frame.destination, TRIES)

    def _flush(self, destination: int, hop: int) -> None:
        if self._waiting:
            due = [frame for frame in self._waiting if frame.destination == destination]
            self._waiting = [frame for frame in self._waiting if frame.destination != destination]
            for frame in due:
                self._network.forward(hop, frame)

    def _give_up(self, frames: Iterable[Waiting]) -> None:
        for frame in frames:
            if frame.source != self._network.short:
                self.tell(frame.source, nwk.NO_ROUTE, frame.destination)
            elif frame.confirm is not None:
                frame.confirm(TxStatus.NO_ACK, False)

    # --- discovery -----------------------------------------------------------------------------------------------

    def _discover(self, destination: int, tries: int) -> None:
        route = self.table.get(destination)
        if route is not None and route.status == UNDERWAY and tries == TRIES:
            return
        if not tries:
            self._not_found(destination)
            return
        if tries == TRIES:
            self.table.pop(destination, None)
            if len(self.table) >= ROUTES:
                del self.table[next(iter(self.table))]
            self.table[destination] = Route(mac.BROADCAST, UNDERWAY)
        self._context.after(("route", destination), RETRY, partial(self._discover, destination, tries - 1))
        self._ask(destination, 0)

    def _ask(self, destination: int, options: int) -> None:
        network = self._network
        self._identifier = identifier = self._identifier + 1 & 0xFF
        self._enter((network.short, identifier), Discovery(network.short, 0, self._context.now + LIFE))
        request = nwk.RouteRequest(options, identifier, destination, 0)
        header = network.header(nwk.COMMAND, ROUTERS, nwk.MAX_RADIUS)
        network.spread(ROUTERS, header, request.build(), None)

    def _not_found(self, destination: int) -> None:
        """Nobody answered: a child gets its frames all the same, for it may be there without our knowing. Ask again later."""
        device = self._network.devices.at(destination)
        self.table[destination] = Route(mac.BROADCAST, FAILED)
        self._context.after(("route", destination), LIFE, partial(self._again, destination))
        if device is not None and device.relation is not Relation.NONE:
            self._flush(destination, destination)
            return
        lost = [frame for frame in self._waiting if frame.destination == destination]
        self._waiting = [frame for frame in self._waiting if frame.destination != destination]
        self._give_up(lost)

    def _again(self, destination: int) -> None:
        route = self.table.get(destination)
        if route is not None and route.status == FAILED:
            del self.table[destination]

    def _enter(self, key: tuple[int, int], discovery: Discovery) -> None:
        table = self._discoveries
        table.pop(key, None)
        if len(table) >= DISCOVERIES:
            oldest = next(iter(table))
            del table[oldest]
            self._context.timers.cancel(("request", oldest))
        table[key] = discovery

    def _request(self, origin: Origin, frame: nwk.RouteRequest) -> None:
        network, header = self._network, origin.header
        if not network.routing or header.source == network.short:
            self._context.ignore("our own route request, or not for us")
            return
        neighbour = network.neighbours.met(origin.sender)
        if neighbour is None:
            return
        key = header.source, frame.identifier
        path = min(0xFF, frame.cost + max(cost(network.lqi), neighbour.outgoing_cost))
        known = self._discoveries.get(key)
        if known is not None and known.expires > self._context.now and known.cost <= path:
            self._context.ignore("a route request heard before")
            return
        self._enter(key, Discovery(neighbour.short, path, self._context.now + LIFE))
        to_one = frame.options & nwk.RouteRequest.TO_ONE
        if to_one:
            told: set[int] | None = set() if to_one == nwk.RouteRequest.MANY_TO_ONE else None
            self._install(header.source, Route(neighbour.short, ACTIVE, True, told))
        else:
            self.learn(header.source, neighbour.short)
            if frame.destination == network.short or self._parent_of(frame.destination):
                self._answer(neighbour.short, nwk.RouteReply(0, frame.identifier, header.source, frame.destination, 0))
                return
        if header.radius > 1:
            low, high = JITTER
            delay = low + int(self._context.rng.random() * (high - low))
            onward = nwk.Header(header.control, header.destination, header.source, header.radius - 1, header.sequence,
                                header.destination_eui64, header.source_eui64)  # fmt: skip
            request = nwk.RouteRequest(frame.options, frame.identifier, frame.destination, path, frame.destination_eui64)
            send = partial(network.spread, header.destination, onward.build(), request.build(), None)
            self._context.after(("request", key), delay, send)

    def _parent_of(self, destination: int) -> bool:
        device = self._network.devices.at(destination)
        return device is not None and device.relation is Relation.CHILD and not device.router and not device.lost

    def _answer(self, hop: int, reply: nwk.RouteReply) -> None:
        self._network.unicast(hop, reply.build(), kind=nwk.COMMAND, hop=hop, source_eui64=self._context.config.eui64)

    def _reply(self, origin: Origin, frame: nwk.RouteReply) -> None:
        network = self._network
        discovery = self._discoveries.get((frame.originator, frame.identifier))
        neighbour = network.neighbours.met(origin.sender)
        if discovery is None or neighbour is None or discovery.expires < self._context.now:
            self._context.ignore("a route reply that nobody asked for")
            return
        path = min(0xFF, frame.cost + max(cost(network.lqi), neighbour.outgoing_cost))
        if path >= discovery.answer:
            self._context.ignore("a route no better than the one we have")
            return
        discovery.answer = path
        self._install(frame.responder, Route(neighbour.short))
        if frame.originator != network.short:
            self.learn(frame.originator, discovery.sender)
            reply = nwk.RouteReply(
                frame.options, frame.identifier, frame.originator, frame.responder, path,
                frame.originator_eui64, frame.responder_eui64,
            )  # fmt: skip
            self._answer(discovery.sender, reply)

    # --- failure -------------------------------------------------------------------------------------------------

    def lost(self, device: Device) -> None:
        """A neighbour does not acknowledge, or was silent for too long: nothing goes through it until it is heard."""
        device.lost = True
        device.outgoing_cost = 0
        for destination, route in list(self.table.items()):
            if route.hop == device.short:
                self._forget(destination)
        for destination, relays in list(self.records.items()):
            if device.short in relays:
                del self.records[destination]

    def sent(self, hop: int, header: bytes, confirm: Confirm | None, status: TxStatus, frame_pending: bool) -> None:
        """A frame was handed to a neighbour, or was not: then whoever sent it is told, and finds another way."""
        if status is TxStatus.NO_ACK:
            destination, source = int.from_bytes(header[2:4], "little"), int.from_bytes(header[4:6], "little")
            device = self._network.devices.at(hop)
            if device is not None:
                self.lost(device)
            if source != self._network.short:
                self.tell(source, nwk.LINK_FAILURE if hop != destination else nwk.NO_ROUTE, destination)
        if confirm is not None:
            confirm(status, frame_pending)

    def tell(self, source: int, status: int, destination: int) -> None:
        """Network status: why a frame of `source` did not get through."""
        self._network.unicast(
            source, nwk.NetworkStatus(status, destination).build(), kind=nwk.COMMAND, source_eui64=self._context.config.eui64
        )

    def _status(self, origin: Origin, frame: nwk.NetworkStatus) -> None:
        if frame.status == nwk.BAD_FRAME_COUNTER:
            self._network.freshness.refused(origin)
            return
        if frame.status == nwk.ADDRESS_CONFLICT:
            self._network.addresses.told(frame.destination)
            return
        self._forget(frame.destination)
        if frame.status == nwk.MANY_TO_ONE_FAILURE and self._network.type is NodeType.COORDINATOR:
            self._announce(ANNOUNCE_AGAIN)

    # --- the concentrator ----------------------------------------------------------------------------------------

    def _announce(self, pause: int) -> None:
        """Concentrator: ask every router for a route to us, unless we did so a short while ago."""
        if self._announced + pause <= self._context.now:
            self._announced = self._context.now
            self._ask(ROUTERS, nwk.RouteRequest.MANY_TO_ONE)

    def record(self, route: Route, source: int) -> None:
        """Before a frame of ours or of a child goes to the concentrator for the first time: how it comes there."""
        network = self._network
        if route.told is None or source in route.told:
            return
        if len(route.told) >= RECORDS:
            route.told.clear()
        route.told.add(source)
        relays = [] if source == network.short else [network.short]
        record = nwk.RouteRecord(len(relays), relays)
        network.unicast(COORDINATOR, record.build(), kind=nwk.COMMAND, hop=route.hop, source=source)

    def appended(self, payload: bytes) -> bytes:
        """A route record with our address, for the next hop. Raises RemoteProtocolError."""
        record = nwk.RouteRecord.parse(payload)
        relays = [*record.relays, self._network.short]
        return nwk.RouteRecord(len(relays), relays).build()

    def _record(self, origin: Origin, frame: nwk.RouteRecord) -> None:
        source = origin.header.source
        if self._network.type is not NodeType.COORDINATOR or len(frame.relays) > MOST_RELAYS:
            self._context.ignore("a route record of no use")
            return
        self.records.pop(source, None)
        if frame.relays:
            if len(self.records) >= RECORDS:
                del self.records[next(iter(self.records))]
            self.records[source] = tuple(frame.relays)
