"""ZigBee device objects: asks and answers for one node (05-3474 clause 2.4).

Answers from the descriptors the node registered; parents answer for their sleeping children where the clause says so
(NWK_addr_req). Nothing is answered to a broadcast unless the answer is positive. Not here: what the answers lead to.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.core.codec import Frame
from protocols.zigbee import mac, nwk, zdo
from protocols.zigbee.bindings import Bindings
from protocols.zigbee.context import Context
from protocols.zigbee.delivery import Delivery
from protocols.zigbee.devices import Devices, Relation
from protocols.zigbee.energy import EnergyScan
from protocols.zigbee.leaving import Leaving
from protocols.zigbee.management import Management
from protocols.zigbee.network import Network
from protocols.zigbee.node import (
    ROUTERS,
    RX_ON_DEVICES,
    DeviceAnnounced,
    MatchResponse,
    Message,
    NodeType,
    S,
    SimpleDescriptor,
    ZdoResponse,
)
from protocols.zigbee.parent_announcement import ParentAnnouncements

_LOGICAL = {
    NodeType.COORDINATOR: 0,
    NodeType.ROUTER: 1,
    NodeType.END_DEVICE: 2,
    NodeType.SLEEPY_END_DEVICE: 2,
}
_FREQUENCY_BAND_2400 = 0x40
_BUFFER = 82
_LONGEST_TRANSFER = 1500
_MAINS, _BATTERY = 0xC110, 0xC441
"""Power descriptors: on constant mains, always listening; on a disposable battery, listening now and then. Both full."""
_SERVER = 0x2C00
"""Server mask: stack compliance revision 22."""
_CHILDREN_A_FRAME = 24
_PRIMARY_TRUST_CENTRE = 0x0001


class DeviceObjects:
    """Endpoint 0 of one node."""

    def __init__(
        self,
        context: Context,
        network: Network,
        devices: Devices,
        delivery: Delivery,
        leaving: Leaving,
        energy: EnergyScan,
    ) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self._delivery = delivery
        self.management = Management(context, network, devices, leaving, energy)
        self._sequence = context.rng.getrandbits(8)
        self.endpoints = {descriptor.endpoint: descriptor for descriptor in context.config.endpoints}
        self.shown: Callable[[int | None, int], bool] | None = None
        """Whether a device that looks for services is told of an endpoint; None: everybody is told of all."""
        self.bindings = Bindings(context.config.eui64, self.endpoints)
        self.parents = ParentAnnouncements(context, network, devices, self.next_sequence, self.ask)
        self._requests: dict[int, Callable[[Message], Frame | None]] = {
            zdo.NWK_ADDRESS: self._network_address,
            zdo.IEEE_ADDRESS: self._extended_address,
            zdo.NODE_DESCRIPTOR: self._node_descriptor,
            zdo.POWER_DESCRIPTOR: self._power_descriptor,
            zdo.SIMPLE_DESCRIPTOR: self._simple_descriptor,
            zdo.ACTIVE_ENDPOINTS: self._active_endpoints,
            zdo.MATCH_DESCRIPTOR: self._match,
            zdo.DEVICE_ANNOUNCE: self._announced,
            zdo.PARENT_ANNOUNCE: self.parents.announced,
            zdo.BIND: self.bindings.bind,
            zdo.UNBIND: self.bindings.unbind,
            zdo.BINDINGS: self.bindings.tell,
            **self.management.requests,
        }
        self.management.answer = self._answer
        self._open_until = 0

    # --- asking --------------------------------------------------------------------------------------------------

    def next_sequence(self) -> int:
        """Next transaction sequence number."""
        self._sequence = sequence = self._sequence + 1 & 0xFF
        return sequence

    def ask(self, destination: int, cluster: int, request: Frame) -> None:
        """Send a request; whatever comes back becomes MatchResponse or ZdoResponse."""
        acknowledged = destination < nwk.LOWEST_BROADCAST
        self._delivery.send(
            destination,
            zdo.PROFILE,
            cluster,
            zdo.ENDPOINT,
            zdo.ENDPOINT,
            request.build(),
            ack=acknowledged,
            report=False,
        )

    def announce(self) -> None:
        """Broadcast device_annce; children that a router came back with are announced in time."""
        network = self._network
        frame = zdo.DeviceAnnounce(self.next_sequence(), network.short, self._context.config.eui64, network.capability)
        self.ask(RX_ON_DEVICES, zdo.DEVICE_ANNOUNCE, frame)
        self.parents.schedule()

    def match(self, destination: int, profile: int, inputs: list[int], outputs: list[int]) -> int:
        """Match_Desc_req; the sequence number of the answers."""
        sequence = self.next_sequence()
        of_interest = destination if destination < nwk.LOWEST_BROADCAST else RX_ON_DEVICES
        request = zdo.MatchDescriptorRequest(sequence, of_interest, profile, len(inputs), inputs, len(outputs), outputs)
        self.ask(destination, zdo.MATCH_DESCRIPTOR, request)
        return sequence

    def find(self, eui64: int) -> int:
        """NWK_addr_req to everybody; the sequence number of the answer."""
        sequence = self.next_sequence()
        self.ask(RX_ON_DEVICES, zdo.NWK_ADDRESS, zdo.NetworkAddressRequest(sequence, eui64, 0, 0))
        return sequence

    def open_routers(self, seconds: int) -> None:
        """Trust centre: have the routers there are, and those that come, let devices associate for so long."""
        self._open_until = self._context.now + seconds * S
        if self._network.neighbours.known():
            self.ask(ROUTERS, zdo.PERMIT_JOINING, zdo.PermitJoiningRequest(self.next_sequence(), seconds, 1))

    def change_channel(self, channel: int) -> None:
        """Network manager: tell everybody who listens the new channel, and go there."""
        update_id = self._network.update_id + 1 & 0xFF
        request = zdo.NetworkUpdateRequest(
            self.next_sequence(), 1 << channel, zdo.NetworkUpdateRequest.CHANGE_CHANNEL, update_id=update_id
        )
        self.ask(RX_ON_DEVICES, zdo.NETWORK_UPDATE, request)
        self._network.changes.channel(channel, update_id)

    def _let_join(self, router: int) -> None:
        seconds = (self._open_until - self._context.now) // S
        if seconds > 0:
            self.ask(router, zdo.PERMIT_JOINING, zdo.PermitJoiningRequest(self.next_sequence(), seconds, 1))

    # --- receiving -----------------------------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        """A frame for endpoint 0. Raises RemoteProtocolError on malformed octets."""
        self._context.layer = "zdo"
        if message.cluster & zdo.RESPONSE:
            self._response(message)
            return
        handler = self._requests.get(message.cluster)
        if handler is None:
            if not message.broadcast and message.payload:
                self._answer(message, zdo.StatusResponse(message.payload[0], zdo.NOT_SUPPORTED))
            return
        answer = handler(message)
        if answer is not None:
            self._answer(message, answer)

    def _answer(self, message: Message, answer: Frame) -> None:
        self.ask(message.source, message.cluster | zdo.RESPONSE, answer)

    def _response(self, message: Message) -> None:
        frame_type = zdo.responses.get(message.cluster, zdo.Unparsed)
        frame = frame_type.parse(message.payload)
        effects = self._context.effects
        if isinstance(frame, zdo.ActiveEndpointsResponse) and message.cluster == zdo.RESPONSE | zdo.MATCH_DESCRIPTOR:
            effects.append(MatchResponse(message.source, frame.sequence, frame.status, tuple(frame.endpoints)))
            return
        if isinstance(frame, zdo.ParentAnnounceResponse):
            self.parents.answered(frame)
            return
        if isinstance(frame, zdo.AddressResponse) and not frame.status and frame.short < nwk.LOWEST_BROADCAST:
            self._devices.learn(frame.eui64, frame.short)
        effects.append(ZdoResponse(message.source, message.cluster, message.payload[0], frame))

    # --- answering -----------------------------------------------------------------------------------------------

    def _network_address(self, message: Message) -> Frame | None:
        request = zdo.NetworkAddressRequest.parse(message.payload)
        if request.eui64 == self._context.config.eui64:
            short: int | None = self._network.short
        else:
            device = self._devices.get(request.eui64)
            short = device.short if device is not None and device.relation is Relation.CHILD else None
        if short is None:
            if message.broadcast:
                return None
            return zdo.AddressResponse(request.sequence, zdo.DEVICE_NOT_FOUND, request.eui64, mac.BROADCAST, b"")
        return zdo.AddressResponse(request.sequence, zdo.SUCCESS, request.eui64, short, self._associated(request))

    def _extended_address(self, message: Message) -> Frame | None:
        request = zdo.ExtendedAddressRequest.parse(message.payload)
        if request.short == self._network.short:
            eui64 = self._context.config.eui64
            return zdo.AddressResponse(request.sequence, zdo.SUCCESS, eui64, request.short, self._associated(request))
        device = self._devices.at(request.short)
        if device is not None and device.relation is Relation.CHILD:
            return zdo.AddressResponse(request.sequence, zdo.SUCCESS, device.eui64, request.short, b"")
        if message.broadcast:
            return None
        return zdo.AddressResponse(request.sequence, zdo.DEVICE_NOT_FOUND, 0, request.short, b"")

    def _associated(self, request: zdo.NetworkAddressRequest | zdo.ExtendedAddressRequest) -> bytes:
        """Our children, where the request is for them, too."""
        if request.type != zdo.EXTENDED:
            return b""
        shorts = [child.short for child in self._devices.children()][request.start : request.start + _CHILDREN_A_FRAME]
        return zdo.AssociatedDevices(len(shorts), request.start, shorts).build()

    def _for_us(self, short: int) -> bool:
        return short == self._network.short

    def _node_descriptor(self, message: Message) -> Frame | None:
        request = zdo.AddressOfInterest.parse(message.payload)
        if not self._for_us(request.short):
            return zdo.NodeDescriptorResponse(request.sequence, zdo.DEVICE_NOT_FOUND, request.short)
        config = self._context.config
        server = _SERVER | (_PRIMARY_TRUST_CENTRE if config.type is NodeType.COORDINATOR else 0)
        descriptor = zdo.NodeDescriptor(
            type=_LOGICAL[config.type],
            band=_FREQUENCY_BAND_2400,
            capability=self._network.capability,
            manufacturer=config.manufacturer,
            buffer=_BUFFER,
            incoming=_LONGEST_TRANSFER,
            server=server,
            outgoing=_LONGEST_TRANSFER,
            capabilities=0,
        )
        return zdo.NodeDescriptorResponse(request.sequence, zdo.SUCCESS, request.short, descriptor)

    def _power_descriptor(self, message: Message) -> Frame | None:
        request = zdo.AddressOfInterest.parse(message.payload)
        if not self._for_us(request.short):
            return zdo.PowerDescriptorResponse(request.sequence, zdo.DEVICE_NOT_FOUND, request.short)
        descriptor = _MAINS if self._context.config.mains_powered else _BATTERY
        return zdo.PowerDescriptorResponse(request.sequence, zdo.SUCCESS, request.short, descriptor)

    def _simple_descriptor(self, message: Message) -> Frame | None:
        request = zdo.SimpleDescriptorRequest.parse(message.payload)
        descriptor = self.endpoints.get(request.endpoint)
        status = zdo.SUCCESS
        if not self._for_us(request.short):
            status = zdo.DEVICE_NOT_FOUND
        elif not 1 <= request.endpoint <= 254:
            status = zdo.INVALID_ENDPOINT
        elif descriptor is None:
            status = zdo.NOT_ACTIVE
        octets = _octets(descriptor) if descriptor is not None and not status else b""
        return zdo.SimpleDescriptorResponse(request.sequence, status, request.short, octets)

    def _active_endpoints(self, message: Message) -> Frame | None:
        request = zdo.AddressOfInterest.parse(message.payload)
        if not self._for_us(request.short):
            return zdo.ActiveEndpointsResponse(request.sequence, zdo.DEVICE_NOT_FOUND, request.short, b"")
        return zdo.ActiveEndpointsResponse(request.sequence, zdo.SUCCESS, request.short, bytes(sorted(self.endpoints)))

    def _match(self, message: Message) -> Frame | None:
        request = zdo.MatchDescriptorRequest.parse(message.payload)
        if request.short < nwk.LOWEST_BROADCAST and not self._for_us(request.short):
            return zdo.ActiveEndpointsResponse(request.sequence, zdo.DEVICE_NOT_FOUND, request.short, b"")
        matching = bytes(
            endpoint
            for endpoint, descriptor in sorted(self.endpoints.items())
            if request.profile in (descriptor.profile, zdo.WILDCARD_PROFILE)
            and (
                any(cluster in descriptor.input_clusters for cluster in request.inputs)
                or any(cluster in descriptor.output_clusters for cluster in request.outputs)
            )
            and (self.shown is None or self.shown(message.source_eui64, endpoint))
        )
        if not matching and message.broadcast:
            return None
        return zdo.ActiveEndpointsResponse(request.sequence, zdo.SUCCESS, self._network.short, matching)

    def _announced(self, message: Message) -> Frame | None:
        request = zdo.DeviceAnnounce.parse(message.payload)
        if request.short != message.source or request.eui64 == self._context.config.eui64:
            self._context.drop("an announcement of another device")
            return None
        device = self._devices.learn(request.eui64, request.short)
        device.capability = request.capability
        if device.relation is Relation.PARENT:
            self._network.parent = request.short
        if device.router:
            self._let_join(request.short)
        self._context.effects.append(DeviceAnnounced(request.eui64, request.short, request.capability))
        return None


def _octets(descriptor: SimpleDescriptor) -> bytes:
    inputs, outputs = list(descriptor.input_clusters), list(descriptor.output_clusters)
    return zdo.Descriptor(
        descriptor.endpoint,
        descriptor.profile,
        descriptor.device_id,
        descriptor.device_version,
        len(inputs),
        inputs,
        len(outputs),
        outputs,
    ).build()
