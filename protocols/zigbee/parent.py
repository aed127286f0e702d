"""The parent's side: beacons, association, orphans, rejoin, time-outs and ageing (05-3474 clauses 3.6.1.4, 3.6.1.6, 3.6.10).

A device that associates, or rejoins without the network key, and then shows no knowledge of it within 10 s is forgotten. Not here:
whether a device may have the key (`trust_centre`), holding frames for sleepers (the medium).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from protocols.core.errors import LocalProtocolError
from protocols.zigbee import enhanced, mac, nwk
from protocols.zigbee.context import Context
from protocols.zigbee.devices import Device, Devices, Relation
from protocols.zigbee.network import Network, Origin
from protocols.zigbee.node import DeviceLeft, S, TxStatus

AUTHENTICATION = 10 * S
"""How long a new child has to use the network key."""
MOST_PERMIT = 254
DEFAULT_TIMEOUT = 8
LONGEST_TIMEOUT = 14

_SENT_AWAY = 16
_SUPERFRAME = 0x0FFF
"""Beacon order, superframe order and final slot of a network without superframes."""
_PAN_COORDINATOR, _ASSOCIATION_PERMIT = 0x4000, 0x8000
_STACK = 0x0022
"""Stack profile 2, protocol version 2."""
_ROUTER_CAPACITY, _END_DEVICE_CAPACITY = 0x0400, 0x8000
_DEEPEST = 15


class Parent:
    """Parent side of one coordinator or router.

    `associated` is called with a device that just got its address, `rejoined` with one that came back and whether it has the
    network key, `changed` when the children did. `admits` says whether a device without the key may come back.
    """

    def __init__(
        self,
        context: Context,
        network: Network,
        devices: Devices,
        associated: Callable[[Device], None],
        rejoined: Callable[[Device, bool], None],
        admits: Callable[[int], bool],
        changed: Callable[[], None],
    ) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self._associated = associated
        self._rejoined = rejoined
        self._admits = admits
        self._changed = changed
        self.permitted = False
        self._sent_away: dict[int, int] = {}
        network.on(nwk.RejoinRequest, self._rejoin_request)
        network.on(nwk.EndDeviceTimeoutRequest, self._timeout_request)
        network.on_enhanced.append(self._enhanced)

    def permit(self, seconds: int) -> None:
        """Let devices associate for so many seconds; 0 closes. Raises LocalProtocolError over 254."""
        if not 0 <= seconds <= MOST_PERMIT:
            raise LocalProtocolError(f"permit joining for {seconds} s; 0 to {MOST_PERMIT} are possible")
        self.permitted = seconds > 0
        if self.permitted:
            self._context.after("permit", seconds * S, self._close)
        else:
            self._context.timers.cancel("permit")

    def _close(self) -> None:
        self.permitted = False

    # --- MAC commands --------------------------------------------------------------------------------------------

    def scan(self, header: mac.Header, command: mac.BeaconRequest | mac.OrphanNotification) -> None:
        """Somebody scans: for any network, or for its parent."""
        if isinstance(command, mac.BeaconRequest):
            self._beacon_request()
        else:
            self._orphan_notification(header)

    def _beacon_request(self) -> None:
        network, context = self._network, self._context
        psdu = mac.beacon(network.next_sequence(), network.pan_id, network.short, self._superframe(), self._beacon_payload())
        context.transmit(psdu, interface=context.interface)

    def _orphan_notification(self, header: mac.Header) -> None:
        """If the orphan is a child that we know yet, it is told where it belongs (3.6.1.4.3.2)."""
        context, network = self._context, self._network
        child = None if header.source_eui64 is None else self._devices.get(header.source_eui64)
        if child is None or child.relation is not Relation.CHILD or child.router or context.interface:
            context.ignore("an orphan that is not ours")
            return
        told = mac.CoordinatorRealignment(network.pan_id, network.short, network.channel, child.short)
        context.transmit(mac.realignment(network.next_sequence(), context.config.eui64, child.eui64, told))

    def _enhanced(self, frame: enhanced.Enhanced, lqi: int) -> None:
        """Somebody scans below 1 GHz, and says whom it looks for."""
        network, context = self._network, self._context
        if not (network.routing and network.joined):
            return
        question = enhanced.question(frame)
        if question is None or not self._meant(question, lqi):
            context.ignore("an enhanced frame that asks for nothing of ours")
            return
        psdu = enhanced.beacon(
            network.next_sequence(),
            network.pan_id,
            context.config.eui64,
            network.short,
            self._superframe(),
            self._beacon_payload(),
        )
        context.transmit(psdu, interface=context.interface)

    def _meant(self, question: enhanced.Question, lqi: int) -> bool:
        if question.rejoin is not None and question.rejoin.extended_pan_id != self._network.extended_pan_id:
            return False
        wanted = question.filter
        if wanted is None:
            return True
        return (
            (self.permitted or not question.joining)
            and lqi >= (wanted.lqi or 0)
            and (wanted.percent is None or self._context.rng.random() * 100 < wanted.percent)
        )

    def _superframe(self) -> int:
        network = self._network
        superframe = _SUPERFRAME
        if network.short == 0:
            superframe |= _PAN_COORDINATOR
        if self.permitted:
            superframe |= _ASSOCIATION_PERMIT
        return superframe

    def _beacon_payload(self) -> mac.BeaconPayload:
        network = self._network
        stack = _STACK | min(network.depth, _DEEPEST) << 11
        if len(self._devices.children()) < self._context.config.max_children:
            stack |= _ROUTER_CAPACITY | _END_DEVICE_CAPACITY
        return mac.BeaconPayload(stack, network.extended_pan_id, 0xFFFFFF, network.update_id)

    def association_request(self, header: mac.Header, request: mac.AssociationRequest) -> None:
        """A device asks for an address."""
        context, network = self._context, self._network
        eui64 = header.source_eui64
        if not self.permitted or eui64 is None or header.destination != network.short:
            context.ignore("association while closed")
            return
        device = self._devices.get(eui64)
        known = device is not None and device.relation is Relation.CHILD
        if not known and len(self._devices.children()) >= context.config.max_children:
            self._answer(eui64, mac.BROADCAST, 1, None)
            return
        if device is None or device.short >= nwk.LOWEST_BROADCAST:
            device = self._devices.learn(eui64, network.addresses.draw())
        device.relation = Relation.CHILD
        device.capability = request.capability
        device.interface = context.interface
        device.timeout = DEFAULT_TIMEOUT
        device.heard = context.now
        device.kept = True
        self._answer(eui64, device.short, 0, device)
        self._age()

    def _answer(self, eui64: int, short: int, status: int, device: Device | None) -> None:
        network = self._network
        psdu = mac.association_response(network.next_sequence(), network.pan_id, eui64, self._context.config.eui64, short, status)
        context = self._context
        context.transmit(psdu, True, None if device is None else partial(self._answered, device), context.interface)

    def _answered(self, device: Device, status: TxStatus, frame_pending: bool) -> None:
        if status is not TxStatus.ACKED:
            self._drop_unauthenticated(device)
            return
        self._context.after(("authenticate", device.eui64), AUTHENTICATION, partial(self._drop_unauthenticated, device))
        self._associated(device)

    def _drop_unauthenticated(self, device: Device) -> None:
        proved = self._network.keys[self._network.active_key].incoming
        if device.eui64 not in proved and device.relation is Relation.CHILD:
            self._devices.forget(device.eui64)

    def data_request(self, header: mac.Header) -> None:
        """A sleeper polls: a sign of life; from one that is no child of ours, a reason to send it looking for its parent."""
        if header.source is None or header.destination != self._network.short:
            return
        device = self._devices.at(header.source)
        if device is not None and device.relation is Relation.CHILD:
            device.heard = self._context.now
            device.kept = True
            return
        if not self._spare(header.source):
            return
        leave = nwk.Leave(nwk.Leave.REQUEST | nwk.Leave.REJOIN)
        self._network.unicast(header.source, leave.build(), kind=nwk.COMMAND, radius=1, hop=header.source, indirect=True)

    def _spare(self, short: int) -> bool:
        """Send this one away no more for a while. False: that was so already, or there are too many of them."""
        now = self._context.now
        self._sent_away = {other: until for other, until in self._sent_away.items() if until > now}
        if short in self._sent_away or len(self._sent_away) >= _SENT_AWAY:
            return False
        self._sent_away[short] = now + AUTHENTICATION
        return True

    # --- NWK commands --------------------------------------------------------------------------------------------

    def _rejoin_request(self, origin: Origin, frame: nwk.RejoinRequest) -> None:
        context, network = self._context, self._network
        header = origin.header
        if header.source_eui64 != origin.sender or not network.routing:
            context.drop("a rejoin request that is not the sender's own")
            return
        if not origin.secured and not self._admits(origin.sender):
            return
        device = self._devices.get(origin.sender)
        full = len(self._devices.children()) >= context.config.max_children
        if full and (device is None or device.relation is not Relation.CHILD):
            self._answer_rejoin(origin, mac.BROADCAST, 1, not frame.capability & mac.CAPABILITY_RX_ON)
            return
        known = device is not None and device.relation is Relation.CHILD
        device = self._devices.learn(origin.sender, self._address(origin, device))
        if origin.secured or not known:  # who only says that it is a child of ours changes nothing about that child
            device.relation = Relation.CHILD
            device.capability = frame.capability
            device.interface = context.interface
            device.timeout = DEFAULT_TIMEOUT
            device.heard = context.now
            device.kept = True
        self._answer_rejoin(origin, device.short, 0, device.sleepy)
        if not origin.secured:
            context.after(("authenticate", device.eui64), AUTHENTICATION, partial(self._drop_unauthenticated, device))
        self._age()
        self._rejoined(device, origin.secured)
        self._changed()

    def _address(self, origin: Origin, device: Device | None) -> int:
        """The short address of a device that comes back: the one it has, unless that is ours, reserved or another's.

        Who has no key may claim any address: a device that we know keeps the one we know.
        """
        if not origin.secured and device is not None and device.short < nwk.LOWEST_BROADCAST:
            return device.short
        wanted = origin.header.source
        usable = self._network.addresses.free(wanted)
        # A secured frame has mapped the address to its sender already.
        if usable and not origin.secured:
            usable = self._devices.at(wanted) is None
        return wanted if usable else self._network.addresses.draw()

    def _answer_rejoin(self, origin: Origin, short: int, status: int, sleepy: bool) -> None:
        source = origin.header.source
        self._spare(source)  # it may poll under the old address for the answer
        self._network.unicast(
            source,
            nwk.RejoinResponse(short, status).build(),
            kind=nwk.COMMAND,
            radius=1,
            secure=origin.secured,
            hop=source,
            indirect=sleepy,
            source_eui64=self._context.config.eui64,
            destination_eui64=origin.sender,
        )

    def _timeout_request(self, origin: Origin, frame: nwk.EndDeviceTimeoutRequest) -> None:
        device = self._devices.get(origin.sender)
        if device is None or device.relation is not Relation.CHILD or origin.header.source != device.short:
            self._context.ignore("a time-out request of no child")
            return
        device.kept = True
        good = frame.timeout <= LONGEST_TIMEOUT
        if good and device.timeout != frame.timeout:
            device.timeout = frame.timeout
            self._changed()
        offers = nwk.EndDeviceTimeoutResponse.DATA_POLL | nwk.EndDeviceTimeoutResponse.TIMEOUT_REQUEST
        self._network.unicast(
            device.short,
            nwk.EndDeviceTimeoutResponse(0 if good else 1, offers).build(),
            kind=nwk.COMMAND,
            radius=1,
            source_eui64=self._context.config.eui64,
            destination_eui64=device.eui64,
        )
        self._age()

    # --- ageing --------------------------------------------------------------------------------------------------

    def resumed(self, announce: Callable[[], None]) -> None:
        """After a restart every child's time-out starts again, and the children there were are announced."""
        for child in self._devices.children():
            child.heard = self._context.now
        self._age()
        announce()

    def _age(self) -> None:
        """Forget children not heard of within their time-out, and look again when the next one is due."""
        now = self._context.now
        nearest: int | None = None
        aged = False
        for child in self._devices.children():
            if child.router:
                continue
            due = child.heard + nwk.timeout_ns(child.timeout)
            if due <= now:
                aged = True
                self._devices.forget(child.eui64)
                self._context.effects.append(DeviceLeft(child.eui64, child.short, aged=True))
            elif nearest is None or due < nearest:
                nearest = due
        if nearest is not None:
            self._context.timers.set("ageing", nearest, self._age)
        if aged:
            self._changed()
