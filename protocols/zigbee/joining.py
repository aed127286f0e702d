"""Getting onto a network: scan, associate, await the key, announce; rejoin; keeping the parent's interest.

802.15.4-2006 clauses 7.5.2.1 and 7.5.3; 05-3474 clauses 3.6.1.4, 4.6.3 and 3.6.10 (end device time-out); SE 1.4 clause 5.4 for the
number of scans and the back-off. A node rejoins through any router of its network: under the network key, and where that is not
understood, without it (trust centre rejoin); then it is sent the key anew. Which keys it may come under is `keys`' to say.
An end device whose parent is lost asks on its channel whether the parent still knows it (orphan scan, 7.5.2.1.4 and 3.6.1.4.3)
before it looks for another; that answer proves nothing, so the parent has to show the network key too, by granting a time-out.
Not here: orphan scan of other channels, channel changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

from protocols.zigbee import enhanced, mac, nwk, security
from protocols.zigbee.context import Context
from protocols.zigbee.delivery import Delivery
from protocols.zigbee.devices import Devices, Relation
from protocols.zigbee.neighbours import cost
from protocols.zigbee.network import Network, Origin
from protocols.zigbee.node import COORDINATOR, MINUTE, MS, UNASSIGNED, JoinFailed, NodeType, S, TxStatus
from protocols.zigbee.polling import Poller

SCAN = 138_240_000
"""Listening time on a channel: 9 superframes of 15.36 ms (scan duration 3)."""
SCANS = 3
BETWEEN_SCANS = S
RESPONSE_WAIT = 491_520_000
"""macResponseWaitTime."""
KEY_WAIT = 5 * S
REJOIN_WAIT = 2 * S
TIMEOUT_WAIT = 2 * S
PROOF_WAIT = S
PROOFS = 2
"""A parent that has restarted may only doubt our frame counter the first time."""
RETRY_FIRST = MINUTE
RETRY_MOST = 15 * MINUTE

GOOD_ENOUGH = 3
"""Link cost up to which a parent nearer to the coordinator is the better one (05-3474 clause 3.6.1.4.1.1)."""

_CANDIDATES = 16
_PRO = 2


class State(Enum):
    """Where a node is on its way onto a network."""

    OFF = "off"
    SCANNING = "scanning"
    ASSOCIATING = "associating"
    AWAITING_KEY = "awaiting the network key"
    ORPHANED = "looking for its parent"
    REALIGNED = "awaiting its parent's proof"
    REJOINING = "rejoining"
    ON = "on"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible parent, as its beacon told."""

    depth: int
    lqi: int
    channel: int
    pan_id: int
    short: int
    extended_pan_id: int
    update_id: int
    page: int = 0


class Joining:
    """The joining side of one node. `joined` is called when the node is on a network; it says whether by rejoin."""

    def __init__(
        self,
        context: Context,
        network: Network,
        devices: Devices,
        delivery: Delivery,
        poller: Poller,
        joined: Callable[[bool], None],
    ) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self._delivery = delivery
        self._poller = poller
        self._joined = joined
        self.state = State.OFF
        self.trust_centre = 0
        self.again = False
        """A rejoin is under way, or was the last attempt."""
        self._secured = True
        self._parent = 0
        self._scans = 0
        self._candidates: list[Candidate] = []
        self._retry = RETRY_FIRST
        self._before: Candidate | None = None
        self._old_short = UNASSIGNED
        network.on(nwk.RejoinResponse, self._rejoin_response)
        network.on(nwk.EndDeviceTimeoutResponse, self._timeout_response)
        network.on_enhanced.append(self._enhanced)

    def reset(self) -> None:
        """Forget any attempt."""
        self.state = State.OFF
        for timer in ("scan", "associate", "key", "rejoin", "keep alive"):
            self._context.timers.cancel(timer)

    # --- scanning ------------------------------------------------------------------------------------------------

    def join(self) -> None:
        """Look for a network that lets us in."""
        self.again = False
        self._delivery.link_keys.clear()
        self._network.reset()
        self._devices.clear()
        self._begin()

    def rejoin(self) -> None:
        """Look for our network and a parent in it."""
        network = self._network
        self.again = True
        self._before = Candidate(
            network.depth,
            0,
            network.channel,
            network.pan_id,
            network.parent,
            network.extended_pan_id,
            network.update_id,
            network.page,
        )
        self._old_short = network.short
        parent = self._devices.at(network.parent)
        if network.orphaned and not network.routing and not network.page and parent is not None and not parent.lost:
            self._ask_parent()
        else:
            self._begin()

    def _begin(self) -> None:
        self.reset()
        self._network.joined = False
        self._poller.reset()
        self._scans = 0
        self._candidates = []
        self.state = State.SCANNING
        self._scan(0)

    def _scan(self, index: int) -> None:
        network = self._network
        config = self._context.config
        places = config.sub_ghz or [(0, channel) for channel in config.channels]
        if index == len(places):
            self._scanned()
            return
        network.page, network.channel = places[index]
        network.pan_id = mac.BROADCAST
        network.configure(rx_on=True)
        if not network.page:
            request = mac.beacon_request(network.next_sequence())
        else:
            rejoin = enhanced.Rejoin(network.extended_pan_id, self._old_short) if self.again else None
            request = enhanced.beacon_request(network.next_sequence(), config.eui64, rejoin)
        self._context.transmit(request)
        self._context.after("scan", SCAN, partial(self._scan, index + 1))

    def beacon(self, header: mac.Header, msdu: bytes, lqi: int) -> None:
        """A beacon was heard. Raises RemoteProtocolError on malformed octets."""
        if self.state is not State.SCANNING or header.source is None or header.source_pan is None:
            self._context.ignore("beacon")
            return
        beacon = mac.Beacon.parse(msdu)
        told = mac.BeaconPayload.parse(beacon.payload)
        self._consider(told, header.source_pan, header.source, beacon.association_permit, lqi)

    def _enhanced(self, frame: enhanced.Enhanced, lqi: int) -> None:
        """The same of an enhanced beacon."""
        if self.state is not State.SCANNING:
            return
        told = enhanced.answer(frame)
        if told is not None:
            permit = bool(told.superframe & mac.ASSOCIATION_PERMIT)
            self._consider(told.payload, told.pan_id, told.source, permit, lqi)

    def _consider(self, told: mac.BeaconPayload, pan_id: int, source: int, permit: bool, lqi: int) -> None:
        network = self._network
        wanted = network.extended_pan_id if self.again else self._context.config.extended_pan_id
        capacity = told.router_capacity if network.routing else told.end_device_capacity
        open_to_us = self.again or permit
        if told.stack_profile != _PRO or wanted not in (None, told.extended_pan_id) or not (capacity and open_to_us):
            self._context.ignore("a network not for us")
            return
        candidate = Candidate(told.depth, lqi, network.channel, pan_id, source, told.extended_pan_id, told.update_id, network.page)
        if candidate not in self._candidates and len(self._candidates) < _CANDIDATES:
            self._candidates.append(candidate)

    def _scanned(self) -> None:
        self._scans += 1
        if not self._candidates and self._scans < SCANS:
            self._context.after("scan", BETWEEN_SCANS, partial(self._scan, 0))
            return
        self._candidates.sort(key=lambda each: (cost(each.lqi) > GOOD_ENOUGH, each.depth, -each.lqi))
        self._next("no network found")

    def _next(self, reason: str) -> None:
        """Try the next candidate; fail for `reason` when there is none."""
        network = self._network
        network.awaiting_key = False
        network.joined = False
        if not self._candidates:
            self._fail(reason)
            return
        candidate = self._candidates.pop(0)
        self._adopt(candidate)
        network.short = self._old_short if self.again else UNASSIGNED
        network.configure()
        if self.again:
            self._ask_rejoin(candidate)
        else:
            self._ask_association(candidate)

    def _adopt(self, candidate: Candidate) -> None:
        network = self._network
        network.page, network.channel = candidate.page, candidate.channel
        network.pan_id = candidate.pan_id
        network.extended_pan_id = candidate.extended_pan_id
        network.update_id = candidate.update_id
        network.parent = candidate.short
        network.depth = candidate.depth + 1

    def _fail(self, reason: str) -> None:
        network = self._network
        self.reset()
        self._poller.reset()
        if self.again and self._before is not None:
            # The old parent may only have been away: go on as we were, so that its return needs nothing.
            self._adopt(self._before)
            network.depth = self._before.depth
            network.short = self._old_short
            network.joined = True
            self.state = State.ON
            network.configure()
        else:
            network.reset()
        retry = BETWEEN_SCANS if self._context.config.foreign else self._retry
        self._context.effects.append(JoinFailed(reason, retry))
        self._retry = min(2 * self._retry, RETRY_MOST)

    # --- orphan scan ---------------------------------------------------------------------------------------------

    def _ask_parent(self) -> None:
        network = self._network
        self.reset()
        self._poller.reset()
        self.state = State.ORPHANED
        network.joined = False
        network.pan_id = mac.BROADCAST
        network.configure(rx_on=True)
        self._context.transmit(mac.orphan_notification(network.next_sequence(), self._context.config.eui64))
        self._context.after("scan", RESPONSE_WAIT, self._begin)

    def _realignment(self, header: mac.Header, told: mac.CoordinatorRealignment) -> None:
        """The parent's answer to an orphan; ignored unless we asked just now, and from anybody else."""
        network, context = self._network, self._context
        parent = self._devices.at(network.parent)
        if (
            self.state is not State.ORPHANED
            or header.destination_eui64 != context.config.eui64
            or parent is None
            or header.source_eui64 != parent.eui64
            or told.channel not in mac.CHANNELS
            or told.page
            or not COORDINATOR < told.short < nwk.LOWEST_BROADCAST
        ):
            context.ignore("an unsolicited realignment")
            return
        network.pan_id, network.channel, network.parent, network.short = told.pan_id, told.channel, told.coordinator, told.short
        network.joined = True
        network.configure()
        self._know_parent(parent.eui64)
        self.state = State.REALIGNED
        self._await_proof(PROOFS)

    def _await_proof(self, attempts: int) -> None:
        if not attempts:
            self._begin()
            return
        self._context.after("scan", PROOF_WAIT, partial(self._await_proof, attempts - 1))
        self.ask_timeout()

    # --- association ---------------------------------------------------------------------------------------------

    def _ask_association(self, candidate: Candidate) -> None:
        self.state = State.ASSOCIATING
        network = self._network
        psdu = mac.association_request(
            network.next_sequence(),
            candidate.pan_id,
            candidate.short,
            self._context.config.eui64,
            self._network.capability,
        )
        self._context.transmit(psdu, False, self._association_sent)
        self._context.after("associate", 2 * RESPONSE_WAIT, partial(self._next, "no association response"))

    def _association_sent(self, status: TxStatus, frame_pending: bool) -> None:
        if self.state is not State.ASSOCIATING:
            return
        if status is TxStatus.ACKED:
            self._context.after("scan", RESPONSE_WAIT, self._poller.request)
        else:
            self._next("association not acknowledged")

    def answer(self, header: mac.Header, command: mac.AssociationResponse | mac.CoordinatorRealignment) -> None:
        """A parent's MAC command. Ignored unless we asked just now."""
        if isinstance(command, mac.AssociationResponse):
            self._association_response(header, command)
        else:
            self._realignment(header, command)

    def _association_response(self, header: mac.Header, response: mac.AssociationResponse) -> None:
        """The coordinator's answer; ignored unless we asked just now."""
        context = self._context
        network = self._network
        if (
            self.state is not State.ASSOCIATING
            or header.destination_eui64 != context.config.eui64
            or header.source_eui64 is None
            or header.destination_pan != network.pan_id
        ):
            context.ignore("an unsolicited association response")
            return
        context.timers.cancel("associate")
        if response.status or response.short >= nwk.LOWEST_BROADCAST or response.short == COORDINATOR:
            self._next("association refused")
            return
        network.short = response.short
        self._await_key(header.source_eui64)

    def _await_key(self, parent: int) -> None:
        self.state = State.AWAITING_KEY
        self._parent = parent  # known once the key came: before that it may be anybody
        self._network.joined = False
        self._network.awaiting_key = True
        self._network.configure()
        self._context.after("key", KEY_WAIT, partial(self._next, "no network key"))
        self._poller.want("key")

    def network_key(self, trust_centre: int, sequence: int, key: bytes) -> None:
        """The trust centre gave us the network key: we are in."""
        network = self._network
        network.awaiting_key = False
        held = network.keys.get(sequence)
        # Neighbours' counters hold on for as long as the key does.
        network.keys = {sequence: security.NetworkKey(key) if held is None or held.key != key else held}
        network.active_key = sequence
        self.trust_centre = trust_centre
        self._know_parent(self._parent)
        centre = self._devices.get(trust_centre)
        if centre is None:
            centre = self._devices.learn(trust_centre, COORDINATOR)
        centre.partner = True
        self._context.timers.cancel("key")
        self._poller.done("key")
        self._on(rejoined=self.again)

    def _know_parent(self, eui64: int) -> None:
        for device in self._devices:
            if device.relation is Relation.PARENT:
                device.relation = Relation.NONE
        parent = self._devices.learn(eui64, self._network.parent)
        parent.relation = Relation.PARENT
        parent.capability |= mac.CAPABILITY_ROUTER
        if eui64 == self.trust_centre:
            parent.partner = True

    def _on(self, rejoined: bool) -> None:
        has_timeout = self.state is State.REALIGNED
        self._network.joined = True
        self.state = State.ON
        self._candidates = []
        self._retry = RETRY_FIRST
        self._joined(rejoined)
        if not has_timeout:
            self.ask_timeout()

    # --- rejoin --------------------------------------------------------------------------------------------------

    def _ask_rejoin(self, candidate: Candidate, secured: bool = True) -> None:
        self.state = State.REJOINING
        self._secured = secured
        network = self._network
        network.joined = True
        known = self._devices.at(candidate.short)
        network.unicast(
            candidate.short,
            nwk.RejoinRequest(self._network.capability).build(),
            kind=nwk.COMMAND,
            radius=1,
            secure=secured,
            hop=candidate.short,
            source_eui64=self._context.config.eui64,
            destination_eui64=known.eui64 if known is not None and secured else None,
            confirm=self._rejoin_sent,
        )
        self._poller.want("rejoin")
        if secured and self._delivery.trusts(self.trust_centre):
            otherwise = partial(self._ask_rejoin, candidate, secured=False)
        else:
            otherwise = partial(self._next, "no rejoin response")
        self._context.after("rejoin", REJOIN_WAIT, otherwise)

    def _rejoin_sent(self, status: TxStatus, frame_pending: bool) -> None:
        if self.state is State.REJOINING and status is not TxStatus.ACKED:
            self._context.timers.cancel("rejoin")
            self._next("rejoin not acknowledged")

    def _rejoin_response(self, origin: Origin, frame: nwk.RejoinResponse) -> None:
        network = self._network
        if (
            self.state is not State.REJOINING
            or origin.secured is not self._secured
            or origin.header.source != network.parent
            or origin.header.destination_eui64 not in (None, self._context.config.eui64)
        ):
            self._context.ignore("an unsolicited rejoin response")
            return
        self._context.timers.cancel("rejoin")
        self._poller.done("rejoin")
        if frame.status or frame.short >= nwk.LOWEST_BROADCAST or frame.short == COORDINATOR:
            self._next("rejoin refused")
            return
        network.short = frame.short
        if self._secured:
            self._know_parent(origin.sender)
            network.configure()
            self._on(rejoined=True)
        else:
            self._await_key(origin.sender)

    # --- end device time-out -------------------------------------------------------------------------------------

    def ask_timeout(self) -> None:
        """End devices: tell the parent how long our silence means nothing."""
        network = self._network
        if network.routing:
            return
        parent = self._devices.at(network.parent)
        request = nwk.EndDeviceTimeoutRequest(self._context.config.end_device_timeout, 0)
        network.unicast(
            network.parent,
            request.build(),
            kind=nwk.COMMAND,
            radius=1,
            source_eui64=self._context.config.eui64,
            destination_eui64=None if parent is None else parent.eui64,
        )
        self._poller.want("timeout")
        self._context.after("timeout", TIMEOUT_WAIT, partial(self._poller.done, "timeout"))
        self.keep_alive(by_poll=False)

    def _timeout_response(self, origin: Origin, frame: nwk.EndDeviceTimeoutResponse) -> None:
        if origin.header.source != self._network.parent:
            self._context.ignore("a time-out response of no use")
            return
        self._poller.done("timeout")
        if self.state is State.REALIGNED:
            self._context.timers.cancel("scan")
            self._on(rejoined=True)
        if not frame.status:
            self.keep_alive(bool(frame.parent & nwk.EndDeviceTimeoutResponse.DATA_POLL))

    def keep_alive(self, by_poll: bool) -> None:
        """Show a sign of life three times in each time-out: a data request where the parent counts those."""
        if self._context.config.type in (NodeType.END_DEVICE, NodeType.SLEEPY_END_DEVICE):
            third = nwk.timeout_ns(self._context.config.end_device_timeout) // 3
            self._context.after("keep alive", max(third, 100 * MS), partial(self._keep_alive_now, by_poll))

    def _keep_alive_now(self, by_poll: bool) -> None:
        if by_poll:
            self._poller.request()
            self.keep_alive(by_poll)
        else:
            self.ask_timeout()
