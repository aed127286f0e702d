"""Leaving the network, and sending others away (05-3474 clauses 3.2.2.16, 3.4.4, 3.6.1.10, 4.4.5).

Who may tell a device to leave: its parent, and the trust centre through the device objects; nobody else, whatever key he has. A
device that is to rejoin keeps its keys. Whose parent leaves looks for another one. Not here: what the firmware does after `Left`.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.zigbee import aps, nwk, security
from protocols.zigbee.context import Context
from protocols.zigbee.delivery import Delivery
from protocols.zigbee.devices import Device, Devices, Relation
from protocols.zigbee.network import Network, Origin
from protocols.zigbee.node import RX_ON_DEVICES, UNASSIGNED, DeviceLeft, Left, NodeType, ParentLost


class Leaving:
    """`forget` drops everything that belongs to the network, `changed` asks for the state to be stored."""

    def __init__(
        self,
        context: Context,
        network: Network,
        devices: Devices,
        delivery: Delivery,
        forget: Callable[[bool], None],
        changed: Callable[[], None],
    ) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self._delivery = delivery
        self._forget = forget
        self._changed = changed
        self.router_of: Callable[[int], int | None] = lambda eui64: None
        """The trust centre's: the router that told of a device."""
        self.told: Callable[[Device], None] = lambda device: None
        """A router's: the trust centre hears of a child that is gone."""
        network.on(nwk.Leave, self._heard)

    def leave(self, rejoin: bool, children: bool = False) -> None:
        """Tell the neighbours and go; first send the `children` away, too. Effect: Left."""
        network = self._network
        flag = nwk.Leave.REJOIN if rejoin else 0
        if children:
            for child in self._devices.children():
                self._ask(child, nwk.Leave.REQUEST | nwk.Leave.REMOVE_CHILDREN | flag)
        frame = nwk.Leave(flag | (nwk.Leave.REMOVE_CHILDREN if children else 0)).build()
        network.broadcast(RX_ON_DEVICES, frame, kind=nwk.COMMAND, radius=1, source_eui64=self._context.config.eui64)
        self._context.effects.append(Left(rejoin))
        self._forget(rejoin)

    def send_away(self, eui64: int) -> None:
        """A child leaves now; the trust centre has the router that is its parent do it."""
        device = self._devices.get(eui64)
        if device is None or device.short == UNASSIGNED:
            return
        router = self._devices.get(self.router_of(eui64) or 0)
        if device.relation is Relation.CHILD:
            self._ask(device, nwk.Leave.REQUEST)
            self._gone(device, False)
        elif router is not None and router.eui64 in self._delivery.link_keys:
            self._delivery.command(router.short, router.eui64, aps.RemoveDevice(eui64), security.DATA_KEY)
            self._gone(device, False)
        else:  # no child of ours, or not any more: if it is near enough, it hears us
            self._ask(device, nwk.Leave.REQUEST)
            self._gone(device, False)

    def _ask(self, child: Device, options: int) -> None:
        self._network.unicast(child.short, nwk.Leave(options).build(), kind=nwk.COMMAND, radius=1, hop=child.short)

    def _heard(self, origin: Origin, frame: nwk.Leave) -> None:
        device = self._devices.get(origin.sender)
        rejoin = bool(frame.options & nwk.Leave.REJOIN)
        if device is None or device.short != origin.header.source:
            self._context.drop("a leave on behalf of another device")
        elif not frame.options & nwk.Leave.REQUEST:
            self._gone(device, rejoin)
        elif self._network.type is not NodeType.COORDINATOR and device.relation is Relation.PARENT:
            self.leave(rejoin, bool(frame.options & nwk.Leave.REMOVE_CHILDREN))
        else:
            self._context.drop("a request to leave from one who may not")

    def _gone(self, device: Device, rejoin: bool) -> None:
        if device.relation is Relation.PARENT:
            device.lost = True
            self._context.effects.append(ParentLost())
        elif not rejoin:
            self._context.effects.append(DeviceLeft(device.eui64, device.short))
            if device.relation is Relation.CHILD:
                self.told(device)
            self._devices.forget(device.eui64)
            self._changed()
