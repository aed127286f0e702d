"""ZigBee device objects, network management: neighbours, routes, joining, leaving, channels (05-3474 clause 2.4.4.3).

The trust centre alone opens, sends away and moves the network, and has channels measured; anybody may ask for the tables, a few
entries at a time. Not here: bindings (`device_objects`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from protocols.core.codec import Frame
from protocols.zigbee import mac, zdo
from protocols.zigbee.context import Context
from protocols.zigbee.devices import Device, Devices, Relation
from protocols.zigbee.energy import LONGEST, EnergyScan, Levels
from protocols.zigbee.leaving import Leaving
from protocols.zigbee.network import TRUST_CENTRE_ADDRESS, Network
from protocols.zigbee.node import COORDINATOR, UNASSIGNED, Message
from protocols.zigbee.routing import ACTIVE, FAILED, Route

_NEIGHBOURS_A_FRAME = 3
_ROUTES_A_FRAME = 10
_RELATIONS = {Relation.PARENT: 0, Relation.CHILD: 1, Relation.NEIGHBOUR: 2, Relation.NONE: 3}
_STATUS = {ACTIVE: 0, FAILED: 2}
_UNDERWAY = 1
_UNKNOWN_DEPTH = 0xFF
_TYPE_ROUTER, _TYPE_END_DEVICE = 1, 2


class Management:
    """Answers for one node. `permit` opens it for so many seconds; `changes` has the network's parameters changed."""

    def __init__(self, context: Context, network: Network, devices: Devices, leaving: Leaving, energy: EnergyScan) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self._leaving = leaving
        self._energy = energy
        self.permit: Callable[[int], object] = lambda seconds: None
        self.requests: dict[int, Callable[[Message], Frame | None]] = {
            zdo.NEIGHBOURS: self._neighbours,
            zdo.ROUTES: self._routes,
            zdo.LEAVE: self._leave,
            zdo.PERMIT_JOINING: self._permit,
            zdo.NETWORK_UPDATE: self._update,
        }
        self.answer: Callable[[Message, Frame], None] = lambda message, frame: None

    def _neighbours(self, message: Message) -> Frame | None:
        request = zdo.TableRequest.parse(message.payload)
        near = [device for device in self._devices if device.relation is not Relation.NONE]
        told = [self._neighbour(device) for device in near[request.start : request.start + _NEIGHBOURS_A_FRAME]]
        return zdo.NeighboursResponse(request.sequence, zdo.SUCCESS, len(near), request.start, len(told), told)

    def _neighbour(self, device: Device) -> zdo.Neighbour:
        kind = COORDINATOR if device.short == COORDINATOR else _TYPE_ROUTER if device.router else _TYPE_END_DEVICE
        listens = 0 if device.sleepy else 1
        depth = _UNKNOWN_DEPTH
        if device.relation is Relation.CHILD:
            depth = self._network.depth + 1
        elif device.relation is Relation.PARENT:
            depth = max(self._network.depth - 1, 0)
        return zdo.Neighbour(
            self._network.extended_pan_id,
            device.eui64,
            device.short,
            kind | listens << 2 | _RELATIONS[device.relation] << 4,
            zdo.Neighbour.PERMIT_UNKNOWN,
            depth,
            0 if device.lost else device.lqi,
        )

    def _routes(self, message: Message) -> Frame | None:
        request = zdo.TableRequest.parse(message.payload)
        if not self._network.routing:
            return zdo.StatusResponse(request.sequence, zdo.NOT_SUPPORTED)
        table = self._network.routes.table
        routes = [_route(destination, route) for destination, route in table.items()]
        told = routes[request.start : request.start + _ROUTES_A_FRAME]
        return zdo.RoutesResponse(request.sequence, zdo.SUCCESS, len(routes), request.start, len(told), told)

    def _leave(self, message: Message) -> Frame | None:
        request = zdo.LeaveRequest.parse(message.payload)
        ours = request.eui64 in (0, self._context.config.eui64)
        child = self._devices.get(request.eui64)
        if not ours and (child is None or child.relation is not Relation.CHILD):
            return zdo.StatusResponse(request.sequence, zdo.DEVICE_NOT_FOUND)
        if message.source != TRUST_CENTRE_ADDRESS or self._network.short == TRUST_CENTRE_ADDRESS:
            return zdo.StatusResponse(request.sequence, zdo.NOT_AUTHORIZED)
        self.answer(message, zdo.StatusResponse(request.sequence, zdo.SUCCESS))
        if ours:
            flags = request.flags
            self._leaving.leave(bool(flags & zdo.LeaveRequest.REJOIN), bool(flags & zdo.LeaveRequest.REMOVE_CHILDREN))
        else:
            self._leaving.send_away(request.eui64)
        return None

    def _permit(self, message: Message) -> Frame | None:
        request = zdo.PermitJoiningRequest.parse(message.payload)
        # Who may join is the device log's business, opening the network the hub's own: nobody else's over the air.
        if self._network.short == TRUST_CENTRE_ADDRESS or message.source != TRUST_CENTRE_ADDRESS:
            status = zdo.NOT_AUTHORIZED
        else:
            status = zdo.SUCCESS
            if self._network.routing:
                self.permit(min(request.duration, zdo.PermitJoiningRequest.MOST))
        return None if message.broadcast else zdo.StatusResponse(request.sequence, status)

    def _update(self, message: Message) -> Frame | None:
        request = zdo.NetworkUpdateRequest.parse(message.payload)
        if request.duration != zdo.NetworkUpdateRequest.CHANGE_CHANNEL:
            return None if message.broadcast else self._scan(message, request)
        channels = [number for number in range(32) if request.channels & 1 << number]
        if message.source != TRUST_CENTRE_ADDRESS or len(channels) != 1 or channels[0] not in self._context.config.channels:
            self._context.drop("a change of channel not from the network manager, or to none of ours")
            return None
        self._network.changes.channel(channels[0], request.update_id or 0)
        return None

    def _scan(self, message: Message, request: zdo.NetworkUpdateRequest) -> Frame | None:
        """Measure the channels as often as asked, and tell each time."""
        network = self._network
        channels = [number for number in mac.CHANNELS if request.channels & 1 << number]
        times = request.count or 0
        if request.duration > LONGEST or network.sleepy or network.page:
            status = zdo.NOT_SUPPORTED
        elif message.source != TRUST_CENTRE_ADDRESS or network.short == TRUST_CENTRE_ADDRESS:
            status = zdo.NOT_AUTHORIZED
        elif channels and 1 <= times <= zdo.NetworkUpdateRequest.MOST_SCANS and self._measure(message, request, channels, times):
            return None
        else:
            status = zdo.INVALID_REQUEST_TYPE
        return zdo.NetworkUpdateNotify(request.sequence, status)

    def _measure(self, message: Message, request: zdo.NetworkUpdateRequest, channels: list[int], times: int) -> bool:
        return self._energy.start(channels, request.duration, partial(self._measured, message, request, channels, times))

    def _measured(
        self, message: Message, request: zdo.NetworkUpdateRequest, channels: list[int], times: int, levels: Levels
    ) -> None:
        context, octets = self._context, bytes(levels.values())
        told, status = sum(1 << channel for channel in levels), zdo.SUCCESS if levels else zdo.NOT_SUPPORTED
        sent, failed = context.transmissions & 0xFFFF, context.failures & 0xFFFF
        self.answer(message, zdo.NetworkUpdateNotify(request.sequence, status, told, sent, failed, len(octets), octets))
        if octets and times > 1:
            self._measure(message, request, channels, times - 1)


def _route(destination: int, route: Route) -> zdo.Route:
    status = _STATUS.get(route.status, _UNDERWAY)
    if route.many_to_one:
        status |= zdo.Route.MANY_TO_ONE | (zdo.Route.RECORD_REQUIRED if route.told is not None else 0)
    return zdo.Route(destination, status, route.hop if route.status == ACTIVE else UNASSIGNED)
