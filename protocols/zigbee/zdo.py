"""ZigBee device objects: the frames of 05-3474 clause 2.4 that a smart energy home needs.

Frames and the table of clusters only; `protocols.zigbee.device_objects` asks and answers. Every frame begins with a
transaction sequence number. A response's other fields follow only when its status is 0 (and, for the address and
descriptor responses, the address of interest always does). Not here: energy scans, and the servers of later revisions.
"""

from __future__ import annotations

from protocols.core.codec import Frame, array, const, le, octets, prefixed, rest, this, when

PROFILE = 0x0000
ENDPOINT = 0x00
RESPONSE = 0x8000

SUCCESS = 0x00
INVALID_REQUEST_TYPE = 0x80
DEVICE_NOT_FOUND = 0x81
INVALID_ENDPOINT = 0x82
NOT_ACTIVE = 0x83
NOT_SUPPORTED = 0x84
NO_MATCH = 0x86
NO_ENTRY = 0x88
TABLE_FULL = 0x8C
NOT_AUTHORIZED = 0x8D

EXTENDED = 1
"""Type of an address request: the associated devices, too."""

WILDCARD_PROFILE = 0xFFFF


class NetworkAddressRequest(Frame):
    """NWK_addr_req, 2.4.3.1.1. `type` 0: the device alone."""

    sequence: le.u8
    eui64: le.u64
    type: le.u8
    start: le.u8


class ExtendedAddressRequest(Frame):
    """IEEE_addr_req, 2.4.3.1.2."""

    sequence: le.u8
    short: le.u16
    type: le.u8
    start: le.u8


class AddressResponse(Frame):
    """NWK_addr_rsp and IEEE_addr_rsp, 2.4.4.2.1. The list of associated devices stays in `devices`."""

    sequence: le.u8
    status: le.u8
    eui64: le.u64
    short: le.u16
    devices: bytes = rest()


class AddressOfInterest(Frame):
    """Node_Desc_req, Power_Desc_req and Active_EP_req, 2.4.3.1.3, 2.4.3.1.4 and 2.4.3.1.6."""

    sequence: le.u8
    short: le.u16


class NodeDescriptor(Frame):
    """2.3.2.3."""

    type: le.u8
    band: le.u8
    capability: le.u8
    manufacturer: le.u16
    buffer: le.u8
    incoming: le.u16
    server: le.u16
    outgoing: le.u16
    capabilities: le.u8

    @property
    def router(self) -> bool:
        return bool(self.capability & 0x02)

    @property
    def mains(self) -> bool:
        return bool(self.capability & 0x04)

    @property
    def revision(self) -> int:
        """Revision of the standard that the stack complies with; 0: before 21."""
        return self.server >> 9


class NodeDescriptorResponse(Frame):
    """Node_Desc_rsp, 2.4.4.2.3. Later revisions append fields: kept in `tail`."""

    sequence: le.u8
    status: le.u8
    short: le.u16
    descriptor: NodeDescriptor | None = when(this.status == 0, NodeDescriptor, default=None)
    tail: bytes = rest(default=b"")


class PowerDescriptorResponse(Frame):
    """Power_Desc_rsp, 2.4.4.2.4. `descriptor`, 2.3.2.4: mode, sources there are, source used, level: four bits each."""

    sequence: le.u8
    status: le.u8
    short: le.u16
    descriptor: int | None = when(this.status == 0, le.u16, default=None)


class SimpleDescriptorRequest(Frame):
    """Simple_Desc_req, 2.4.3.1.5."""

    sequence: le.u8
    short: le.u16
    endpoint: le.u8


class Descriptor(Frame):
    """Simple descriptor as sent, 2.3.2.5."""

    endpoint: le.u8
    profile: le.u16
    device: le.u16
    version: le.u8
    input_count: le.u8
    inputs: list[int] = array(le.u16, count=this.input_count)
    output_count: le.u8
    outputs: list[int] = array(le.u16, count=this.output_count)


class SimpleDescriptorResponse(Frame):
    """Simple_Desc_rsp, 2.4.4.2.5. `descriptor` holds a `Descriptor`, empty unless status is 0."""

    sequence: le.u8
    status: le.u8
    short: le.u16
    descriptor: bytes = prefixed(le.u8)


class ActiveEndpointsResponse(Frame):
    """Active_EP_rsp, 2.4.4.2.6, and Match_Desc_rsp, 2.4.4.2.7: they have the same fields."""

    sequence: le.u8
    status: le.u8
    short: le.u16
    endpoints: bytes = prefixed(le.u8)


class MatchDescriptorRequest(Frame):
    """Match_Desc_req, 2.4.3.1.7."""

    sequence: le.u8
    short: le.u16
    profile: le.u16
    input_count: le.u8
    inputs: list[int] = array(le.u16, count=this.input_count)
    output_count: le.u8
    outputs: list[int] = array(le.u16, count=this.output_count)


class DeviceAnnounce(Frame):
    """Device_annce, 2.4.3.1.11."""

    sequence: le.u8
    short: le.u16
    eui64: le.u64
    capability: le.u8


class ParentAnnounce(Frame):
    """Parent_annce, 05-3474-21 clause 2.4.3.1.12: end devices whose parent the sender is."""

    sequence: le.u8
    count: le.u8
    children: list[int] = array(le.u64, count=this.count)


class ParentAnnounceResponse(Frame):
    """Parent_annce_rsp, 2.4.4.2.22: those of them whose parent is another."""

    sequence: le.u8
    status: le.u8
    count: le.u8
    children: list[int] = array(le.u64, count=this.count)


class BindRequest(Frame):
    """Bind_req and Unbind_req, 2.4.3.2.2 and 2.4.3.2.3. `mode`: 1 to a group, 3 to an endpoint of a device."""

    sequence: le.u8
    source: le.u64
    endpoint: le.u8
    cluster: le.u16
    mode: le.u8
    group: int | None = when(this.mode == 1, le.u16, default=None)
    destination: int | None = when(this.mode == 3, le.u64, default=None)
    destination_endpoint: int | None = when(this.mode == 3, le.u8, default=None)


class BindingsRequest(Frame):
    """Mgmt_Bind_req, 2.4.3.3.4: the table from entry `start` on."""

    sequence: le.u8
    start: le.u8


class Binding(Frame):
    """An entry of the binding table, to an endpoint of a device."""

    source: le.u64
    endpoint: le.u8
    cluster: le.u16
    mode: int = const(0x03, le.u8)
    destination: le.u64
    destination_endpoint: le.u8


class BindingsResponse(Frame):
    """Mgmt_Bind_rsp, 2.4.4.3.4."""

    sequence: le.u8
    status: le.u8
    total: le.u8
    start: le.u8
    count: le.u8
    entries: list[Binding] = array(Binding, count=this.count)


class TableRequest(Frame):
    """Mgmt_Lqi_req and Mgmt_Rtg_req, 2.4.3.3.2 and 2.4.3.3.3: the table from entry `start` on."""

    sequence: le.u8
    start: le.u8


class Neighbour(Frame):
    """An entry of the neighbour table, 2.4.4.3.2. `kind`: two bits of type, two of rx-on, three of relation, from the lowest up."""

    extended_pan_id: le.u64
    eui64: le.u64
    short: le.u16
    kind: le.u8
    permit: le.u8
    depth: le.u8
    lqi: le.u8

    PERMIT_UNKNOWN = 0x02
    CHILD = 1

    @property
    def is_child(self) -> bool:
        return self.kind >> 4 & 0x07 == self.CHILD


class NeighboursResponse(Frame):
    """Mgmt_Lqi_rsp, 2.4.4.3.2."""

    sequence: le.u8
    status: le.u8
    total: le.u8
    start: le.u8
    count: le.u8
    entries: list[Neighbour] = array(Neighbour, count=this.count)


class Route(Frame):
    """An entry of the routing table, 2.4.4.3.3. `status`: 0 active, 1 discovery under way, 2 discovery failed, and flags."""

    destination: le.u16
    status: le.u8
    hop: le.u16

    MANY_TO_ONE = 0x10
    RECORD_REQUIRED = 0x20


class RoutesResponse(Frame):
    """Mgmt_Rtg_rsp, 2.4.4.3.3."""

    sequence: le.u8
    status: le.u8
    total: le.u8
    start: le.u8
    count: le.u8
    entries: list[Route] = array(Route, count=this.count)


class AssociatedDevices(Frame):
    """What an address response of type 1 ends in: the children, by short address."""

    count: le.u8
    start: le.u8
    shorts: list[int] = array(le.u16, count=this.count)


class LeaveRequest(Frame):
    """Mgmt_Leave_req, 2.4.3.3.5. `flags`: 80 rejoin, 40 remove children; an address of 0 is the receiver."""

    sequence: le.u8
    eui64: le.u64
    flags: le.u8

    REJOIN = 0x80
    REMOVE_CHILDREN = 0x40


class PermitJoiningRequest(Frame):
    """Mgmt_Permit_Joining_req, 2.4.3.3.7."""

    sequence: le.u8
    duration: le.u8
    significance: le.u8

    MOST = 254
    """Seconds; 255 would be for ever."""


class NetworkUpdateRequest(Frame):
    """Mgmt_NWK_Update_req, 2.4.3.3.9. `duration` 0 to 5: an energy scan; FE: go to the channel; FF: who manages which channels."""

    sequence: le.u8
    channels: le.u32
    duration: le.u8
    count: int | None = when(this.duration <= 5, le.u8, default=None)
    update_id: int | None = when(this.duration >= 0xFE, le.u8, default=None)
    manager: int | None = when(this.duration == 0xFF, le.u16, default=None)

    CHANGE_CHANNEL = 0xFE
    MOST_SCANS = 5


class NetworkUpdateNotify(Frame):
    """Mgmt_NWK_Update_notify, 2.4.4.3.9. `levels`: the energy of each of `channels`, lowest first."""

    sequence: le.u8
    status: le.u8
    channels: le.u32 = 0
    transmissions: le.u16 = 0
    failures: le.u16 = 0
    count: le.u8 = 0
    levels: bytes = octets(this.count, default=b"")


class StatusResponse(Frame):
    """Any response that is a status alone: to binding, leave and permit joining, and the answer NOT_SUPPORTED."""

    sequence: le.u8
    status: le.u8


class Unparsed(Frame):
    """A response this node has no frame for."""

    sequence: le.u8
    data: bytes = rest()


NWK_ADDRESS = 0x0000
IEEE_ADDRESS = 0x0001
NODE_DESCRIPTOR = 0x0002
POWER_DESCRIPTOR = 0x0003
SIMPLE_DESCRIPTOR = 0x0004
ACTIVE_ENDPOINTS = 0x0005
MATCH_DESCRIPTOR = 0x0006
DEVICE_ANNOUNCE = 0x0013
PARENT_ANNOUNCE = 0x001F
BIND = 0x0021
UNBIND = 0x0022
NEIGHBOURS = 0x0031
ROUTES = 0x0032
BINDINGS = 0x0033
LEAVE = 0x0034
PERMIT_JOINING = 0x0036
NETWORK_UPDATE = 0x0038

responses: dict[int, type[Frame]] = {
    RESPONSE | NWK_ADDRESS: AddressResponse,
    RESPONSE | IEEE_ADDRESS: AddressResponse,
    RESPONSE | NODE_DESCRIPTOR: NodeDescriptorResponse,
    RESPONSE | POWER_DESCRIPTOR: PowerDescriptorResponse,
    RESPONSE | SIMPLE_DESCRIPTOR: SimpleDescriptorResponse,
    RESPONSE | ACTIVE_ENDPOINTS: ActiveEndpointsResponse,
    RESPONSE | MATCH_DESCRIPTOR: ActiveEndpointsResponse,
    RESPONSE | PARENT_ANNOUNCE: ParentAnnounceResponse,
    RESPONSE | BIND: StatusResponse,
    RESPONSE | UNBIND: StatusResponse,
    RESPONSE | NEIGHBOURS: NeighboursResponse,
    RESPONSE | ROUTES: RoutesResponse,
    RESPONSE | BINDINGS: BindingsResponse,
    RESPONSE | LEAVE: StatusResponse,
    RESPONSE | PERMIT_JOINING: StatusResponse,
    RESPONSE | NETWORK_UPDATE: NetworkUpdateNotify,
}
"""Frame of each response cluster."""
