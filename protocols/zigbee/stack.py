"""One ZigBee node, sans-I/O: coordinator, router, rx-on or sleepy end device (05-3474, 802.15.4-2006).

`Stack` is the only class a radio and a firmware need; the effects it returns are in `protocols.zigbee.node`. Every call
that can do anything returns the effects, in the order in which they are to be carried out. The radio's side is
`receive`, `confirm`, `expire` and `deadline`; everything else is the firmware's.

Routes are found and kept below (`routing`). MAC acknowledgements and MAC retries are the medium's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from random import Random

from protocols.core.effects import Effect
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.zigbee import aps, mac, nwk, security, snapshot, zdo
from protocols.zigbee.backup import Backup
from protocols.zigbee.context import Context
from protocols.zigbee.delivery import Delivery
from protocols.zigbee.device_objects import DeviceObjects
from protocols.zigbee.devices import Device, Devices
from protocols.zigbee.energy import EnergyScan
from protocols.zigbee.grouping import Grouping
from protocols.zigbee.interpan import OutsideNetwork
from protocols.zigbee.joining import Joining, State
from protocols.zigbee.keys import Keys
from protocols.zigbee.leaving import Leaving
from protocols.zigbee.network import Network
from protocols.zigbee.node import (
    COORDINATOR,
    UNASSIGNED,
    Counters,
    Joined,
    Message,
    NetworkState,
    NodeConfig,
    NodeType,
    Persist,
    TxStatus,
    Undelivered,
)
from protocols.zigbee.parent import Parent
from protocols.zigbee.polling import Poller
from protocols.zigbee.trust_centre import TrustCentre


class Stack(Grouping):
    """A node. `rng` is the node's own random stream; `counters` its reserve-ahead outgoing frame counters."""

    def __init__(self, config: NodeConfig, rng: Random, counters: Counters) -> None:
        if config.type is not NodeType.COORDINATOR:
            security.preconfigured_link_key(config.install_code)
        self.config = config
        self._changed = False
        self._context = context = Context(config, rng, counters)
        self.timers = context.timers
        """For who asks for the `deadline` at each frame."""
        self._devices = Devices(config.max_children)
        self._network = network = Network(context, self._devices, self)
        self._poller = Poller(context, network)
        self._delivery = Delivery(context, network, self._devices, self._poller, self._deliver)
        self._joining = Joining(context, network, self._devices, self._delivery, self._poller, self._on_network)
        self._leaving = Leaving(context, network, self._devices, self._delivery, self._forget, self._store)
        self._energy = EnergyScan(context)
        self._zdo = DeviceObjects(context, network, self._devices, self._delivery, self._leaving, self._energy)
        self._parent = Parent(context, network, self._devices, self._associated, self._rejoined, self._admits, self._store)
        self.inter_pan = OutsideNetwork(context, network, self._energy, self._done)
        self._centre: TrustCentre | None = None
        self._keys: Keys | None = None
        if config.type is NodeType.COORDINATOR:
            self._centre = TrustCentre(context, network, self._devices, self._delivery, self._store)
            self._leaving.router_of = self._centre.routers.get
        else:
            self._leaving.told = partial(self._update, status=aps.DEVICE_LEFT)
            self._keys = Keys(
                context,
                network,
                self._devices,
                self._delivery,
                self._joining,
                self._poller,
                self._store,
                self._leaving.send_away,
                self._zdo.find,
            )
        self._zdo.management.permit = self._parent.permit
        self._zdo.bindings.changed = self._zdo.parents.changed = self._store
        network.changed = self._store
        network.addresses.renamed = self._renamed

    # --- what it is ----------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> int | None:
        """When `expire` is wanted, in ns; None: never."""
        return self._context.timers.deadline

    @property
    def joined(self) -> bool:
        """On a network, with its key."""
        return self._joining.state is State.ON

    @property
    def short(self) -> int:
        """Our short address; 0xFFFF: none."""
        return self._network.short

    @property
    def parent(self) -> int:
        """Short address of our parent; 0xFFFF: none."""
        return self._network.parent

    @property
    def children(self) -> list[int]:
        """EUI-64 of the devices whose parent we are."""
        return [child.eui64 for child in self._devices.children()]

    @property
    def drops(self) -> Counter[tuple[str, str]]:
        """Received frames not used, by layer and reason."""
        return self._context.drops

    @property
    def trust_centre(self) -> TrustCentre:
        """The coordinator's trust centre, with its device log. Raises LocalProtocolError for other nodes."""
        if self._centre is None:
            raise LocalProtocolError("only the coordinator has a trust centre")
        return self._centre

    @property
    def trust_centre_eui64(self) -> int:
        """EUI-64 of the network's trust centre; 0 before joining."""
        return self._joining.trust_centre

    def address_of(self, eui64: int) -> int | None:
        """Short address of a known device."""
        device = self._devices.get(eui64)
        return None if device is None or device.short == UNASSIGNED else device.short

    def eui64_of(self, short: int) -> int | None:
        """EUI-64 of a known device."""
        device = self._devices.at(short)
        return None if device is None else device.eui64

    def has_link_key(self, eui64: int) -> bool:
        """Whether data can be sent to this device under a link key."""
        return self._delivery.trusts(eui64)

    def labelled_keys(self) -> list[tuple[str, bytes]]:
        """Every key held, labelled, for a capture's key file, and at the trust centre those it once held."""
        return snapshot.keys(self._network, self._delivery, self._centre) + self.inter_pan.labelled()

    # --- the radio's side ----------------------------------------------------------------------------------------

    def receive(self, psdu: bytes, now: int, lqi: int = 255, interface: int = 0) -> list[Effect]:
        """A PSDU with its FCS arrived on a radio. Never raises on octets from the air: refuses, counts and says so (`Dropped`)."""
        context = self._context
        context.now = now
        context.psdu = psdu
        context.interface = interface
        try:
            self._network.receive(psdu, lqi)
        except RemoteProtocolError as reason:
            context.drop("malformed", str(reason))
        if self._poller.more:
            self._poller.frame_arrived()
        return self._done()

    def confirm(self, handle: int, status: TxStatus, frame_pending: bool, now: int) -> list[Effect]:
        """The transmission `handle` ended; `frame_pending` is the bit of the acknowledgement received."""
        self._context.now = now
        self._context.confirmed(handle, status, frame_pending)
        return self._done()

    def expire(self, now: int) -> list[Effect]:
        """Time has come to `deadline` (calling early is harmless)."""
        self._context.now = now
        self._context.timers.expire(now)
        return self._done()

    def _done(self) -> list[Effect]:
        if self._changed:
            self._changed = False
            if self._network.keys and self.config.stored:
                state = snapshot.take(self._network, self._devices, self._delivery, self._joining, self._centre, self._zdo.bindings)
                self._context.effects.append(Persist(state.plain()))
        context = self._context
        effects, context.effects = context.effects, []
        return effects

    def beacon(self, header: mac.Header, msdu: bytes, lqi: int) -> None:
        """From the NWK data path, not for callers: a beacon was heard."""
        network = self._network
        if network.joined and network.routing and header.source_pan is not None:
            network.changes.beacon(header.source_pan, mac.BeaconPayload.parse(mac.Beacon.parse(msdu).payload))
        self._joining.beacon(header, msdu, lqi)

    def mac_command(self, header: mac.Header, msdu: bytes) -> None:
        """From the NWK data path, not for callers: a MAC command was heard."""
        command = mac.commands.parse(msdu)
        if isinstance(command, mac.AssociationResponse | mac.CoordinatorRealignment):
            self._joining.answer(header, command)
        elif not (self._network.routing and self.joined):
            self._context.ignore("a command to a parent")
        elif isinstance(command, mac.BeaconRequest | mac.OrphanNotification):
            self._parent.scan(header, command)
        elif header.destination_pan != self._network.pan_id:
            self._context.ignore("not for us")
        elif isinstance(command, mac.AssociationRequest):
            self._parent.association_request(header, command)
        else:
            self._parent.data_request(header)
            self._heard(header.source)

    def nsdu(self, header: nwk.Header, payload: bytes, secured: bool) -> None:
        """From the NWK data path, not for callers: an APS frame for us."""
        self._delivery.nsdu(header, payload, secured)
        self._heard(header.source)

    def _heard(self, short: int | None) -> None:
        centre = self._centre
        if centre is not None and centre.without_key and short is not None:
            device = self._devices.at(short)
            if device is not None:
                centre.heard(device)

    def _deliver(self, message: Message) -> None:
        if message.destination_endpoint != zdo.ENDPOINT:
            self._context.effects.append(message)
        elif message.profile == zdo.PROFILE:
            self._zdo.message(message)
        else:
            self._context.drop("another profile on endpoint 0")

    # --- network life --------------------------------------------------------------------------------------------

    def form(self, now: int, successor_of: Backup | None = None) -> list[Effect]:
        """Coordinator: start a network; as `successor_of` another hub, that one's. Effects: Configure, Joined, Persist.

        Raises DeviceLogFull, or LocalProtocolError on a node that is no coordinator.
        """
        centre = self.trust_centre
        self._context.now = now
        network, config = self._network, self.config
        network.reset()
        network.pan_id = self._context.rng.getrandbits(14) | 1 if config.pan_id is None else config.pan_id
        network.extended_pan_id = config.eui64 if config.extended_pan_id is None else config.extended_pan_id
        if successor_of is not None:
            network.extended_pan_id = successor_of.extended_pan_id
            centre.take_over(successor_of)
        network.short = COORDINATOR
        network.keys = {0: security.NetworkKey(centre.new_network_key())}
        self._joining.trust_centre = config.eui64
        self.inter_pan.survey(partial(self._go_on, resumed=False))
        return self._done()

    def _go_on(self, resumed: bool) -> None:
        network = self._network
        network.joined = True
        self._joining.state = State.ON
        network.configure()
        network.neighbours.start()
        self._context.effects.append(Joined(network.short, network.pan_id, network.extended_pan_id, network.channel, resumed))

    def permit(self, seconds: int, now: int) -> list[Effect]:
        """Coordinator: let devices associate for `seconds` (1..254; 0 closes). Raises LocalProtocolError."""
        _ = self.trust_centre
        self._context.now = now
        self._parent.permit(seconds)
        self._zdo.open_routers(seconds)
        return self._done()

    def change_channel(self, channel: int, now: int) -> list[Effect]:
        """Coordinator: move the network to a channel of the same page, after everybody was told. Effects: Configure, Persist.

        Sleepers are not told; they find the network again. Raises LocalProtocolError for a channel of 2.4 GHz that there is not.
        """
        _ = self.trust_centre
        if channel not in mac.CHANNELS:
            raise LocalProtocolError(f"there is no channel {channel}")
        self._context.now = now
        self._zdo.change_channel(channel)
        return self._done()

    def join(self, now: int) -> list[Effect]:
        """Scan, associate, await the network key, announce. Ends in Joined (with Persist) or JoinFailed."""
        if self._centre is not None:
            raise LocalProtocolError("a coordinator forms its network")
        self._context.now = now
        self._delivery.reset()
        self._joining.join()
        return self._done()

    def rejoin(self, now: int) -> list[Effect]:
        """Look for the network again and rejoin it under its key. Ends in Joined or JoinFailed.

        After JoinFailed the node goes on with its old parent, which may come back. Raises LocalProtocolError when there is
        no network to rejoin.
        """
        if self._centre is not None or not self._network.keys:
            raise LocalProtocolError("there is no network to rejoin")
        self._context.now = now
        self._joining.rejoin()
        return self._done()

    def resume(self, state: Mapping[str, object], now: int) -> list[Effect]:
        """Go on after a restart with what Persist gave; nothing is sent. Effects: Configure, Joined(resumed=True)."""
        stored = NetworkState.from_plain(state)
        self._context.now = now
        snapshot.give(stored, self._network, self._devices, self._delivery, self._joining, self._centre, self._zdo.bindings)
        self._parent.resumed(self._zdo.parents.schedule)
        self._go_on(resumed=True)
        self._joining.keep_alive(by_poll=True)
        return self._done()

    def establish(self, eui64: int, key: bytes, now: int) -> list[Effect]:
        """Put the link key that certificates made in the place of the one held with a device. Effect: Persist."""
        self._context.now = now
        device = self._devices.get(eui64)
        if device is not None and eui64 in self._delivery.link_keys:
            device.partner = True
            self._delivery.link_keys[eui64] = security.LinkKey(key, security.CERTIFIED)
            if self._centre is not None:
                self._centre.made.append((eui64, key))
            self._store()
        return self._done()

    def expel(self, eui64: int, now: int) -> list[Effect]:
        """Coordinator: send a device away that stays in the log. Effect: DeviceLeft, if it was on the network."""
        _ = self.trust_centre
        self._context.now = now
        self._leaving.send_away(eui64)
        return self._done()

    def leave(self, now: int, *, rejoin: bool = False) -> list[Effect]:
        """Tell the neighbours, forget the network (not with `rejoin`). Effect: Left."""
        self._context.now = now
        if self.joined:
            self._leaving.leave(rejoin)
        return self._done()

    def remove(self, eui64: int, now: int) -> list[Effect]:
        """Coordinator: strike a device off the log and send it away. Effect: DeviceLeft, if it was on the network."""
        centre = self.trust_centre
        self._context.now = now
        self._leaving.send_away(eui64)
        centre.remove(eui64)
        return self._done()

    def replace_network_key(self, now: int) -> list[Effect]:
        """Coordinator: hand out a new network key; everybody switches to it 10 s later."""
        centre = self.trust_centre
        self._context.now = now
        centre.replace_network_key()
        return self._done()

    def tune(self, page: int, channel: int, now: int) -> list[Effect]:
        """Go to another channel below 1 GHz, where the network is or will be: a coordinator with its second radio."""
        network = self._network
        self._context.now = now
        if network.second is not None:
            network.second = page, channel
        else:
            network.page, network.channel = page, channel
        network.configure()
        self._store()
        return self._done()

    def poll(self, now: int) -> list[Effect]:
        """Sleepy: ask the parent once for held frames; goes on by itself while the parent has more."""
        self._context.now = now
        if self.joined and self._centre is None:
            self._poller.request()
        return self._done()

    def stay_awake(self, until: int, now: int) -> list[Effect]:
        """Sleepy: poll every `config.poll_period` until then (an answer of the application is awaited)."""
        self._context.now = now
        self._poller.stay_awake(until)
        return self._done()

    # --- what happens to it --------------------------------------------------------------------------------------

    def _store(self) -> None:
        self._changed = True

    def _renamed(self) -> None:
        self._store()
        self._zdo.announce()

    def _on_network(self, rejoined: bool) -> None:
        network = self._network
        self._context.effects.append(Joined(network.short, network.pan_id, network.extended_pan_id, network.channel, rejoined))
        self._store()
        self._zdo.announce()
        network.neighbours.start()

    def _associated(self, device: Device) -> None:
        if self._centre is None:
            self._update(device, aps.UNSECURED_JOIN)
        else:
            self._centre.associated(device)

    def _rejoined(self, device: Device, secured: bool) -> None:
        if self._centre is None:
            self._update(device, aps.SECURED_REJOIN if secured else aps.UNSECURED_REJOIN)
        elif not secured:
            self._centre.rejoined(device)

    def _update(self, device: Device, status: int) -> None:
        update = aps.UpdateDevice(device.eui64, device.short, status)
        self._delivery.command(COORDINATOR, self._joining.trust_centre, update, security.DATA_KEY)

    def _admits(self, eui64: int) -> bool:
        """Whether a device may come back without the network key: a router lets the trust centre decide."""
        return self._centre is None or self._centre.admits(eui64)

    def _forget(self, rejoin: bool) -> None:
        """We have left: nothing of the network stays, unless we come back."""
        self._poller.reset()
        if rejoin:
            return
        self._zdo.bindings.restore(())
        self._delivery.groups.restore(())
        self._delivery.reset()
        self._joining.reset()
        self._energy.reset()
        self._context.timers.clear()
        self._network.reset()
        self._devices.clear()
        if self._centre is None:
            self._delivery.link_keys.clear()
            self._joining.trust_centre = 0

    # --- data ----------------------------------------------------------------------------------------------------

    def send(
        self,
        destination: int,
        profile: int,
        cluster: int,
        source_endpoint: int,
        destination_endpoint: int,
        payload: bytes,
        *,
        link_key: bool,
        ack: bool = True,
        now: int,
    ) -> tuple[int, list[Effect]]:
        """Send to a short address or a broadcast address; fragments when it must.

        Returns the handle that Delivered or Undelivered will name ("no network" when not joined). Raises
        LocalProtocolError when the call can never work: a payload over 4,096 octets, a broadcast with an ACK, a link key or
        more than one frame. Fragments are acknowledged even without `ack`.
        """
        self._context.now = now
        if not self.joined:
            handle = self._context.handle()
            self._context.effects.append(Undelivered(handle, "no network"))
        else:
            handle = self._delivery.send(
                destination, profile, cluster, source_endpoint, destination_endpoint, payload, link_key=link_key, ack=ack
            )
        return handle, self._done()

    # --- keys ----------------------------------------------------------------------------------------------------

    def request_partner_key(self, eui64: int, now: int) -> list[Effect]:
        """Ask the trust centre for a link key with a partner, or with itself. Ends in PartnerKey or PartnerKeyFailed.

        Raises LocalProtocolError on the trust centre, or when not on a network.
        """
        if self._keys is None:
            raise LocalProtocolError("the trust centre has a link key with every device")
        self._context.now = now
        self._keys.request_partner(eui64)
        return self._done()
