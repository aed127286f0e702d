"""ZigBee device objects: the frames of 05-3474 clause 2.4 that a smart energy home needs.

Frames and the table of clusters only; `protocols.zigbee.device_objects` asks and answers. Every frame begins with a
transaction sequence number. A response's other fields follow only when its status is 0 (and, for the address and
descriptor responses, the address of interest always does). Not here: binding, groups, network management beyond leave and
permit joining.
"""

from __future__ import annotations

from protocols.core.codec import Frame, array, le, prefixed, rest, this, when

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
NOT_AUTHORIZED = 0x8D

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
    """Node_Desc_req and Active_EP_req, 2.4.3.1.3 and 2.4.3.1.6."""

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


class NodeDescriptorResponse(Frame):
    """Node_Desc_rsp, 2.4.4.2.3. Later revisions append fields: kept in `tail`."""

    sequence: le.u8
    status: le.u8
    short: le.u16
    descriptor: NodeDescriptor | None = when(this.status == 0, NodeDescriptor, default=None)
    tail: bytes = rest(default=b"")


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


class LeaveRequest(Frame):
    """Mgmt_Leave_req, 2.4.3.3.5. `flags`: 80 rejoin, 40 remove children; an address of 0 is the receiver."""

    sequence: le.u8
    eui64: le.u64
    flags: le.u8

    REJOIN = 0x80


class PermitJoiningRequest(Frame):
    """Mgmt_Permit_Joining_req, 2.4.3.3.7."""

    sequence: le.u8
    duration: le.u8
    significance: le.u8


class StatusResponse(Frame):
    """Any response that is a status alone: Mgmt_Leave_rsp, Mgmt_Permit_Joining_rsp, and the answer NOT_SUPPORTED."""

    sequence: le.u8
    status: le.u8


class Unparsed(Frame):
    """A response this node has no frame for."""

    sequence: le.u8
    data: bytes = rest()


NWK_ADDRESS = 0x0000
IEEE_ADDRESS = 0x0001
NODE_DESCRIPTOR = 0x0002
SIMPLE_DESCRIPTOR = 0x0004
ACTIVE_ENDPOINTS = 0x0005
MATCH_DESCRIPTOR = 0x0006
DEVICE_ANNOUNCE = 0x0013
LEAVE = 0x0034
PERMIT_JOINING = 0x0036

responses: dict[int, type[Frame]] = {
    RESPONSE | NWK_ADDRESS: AddressResponse,
    RESPONSE | IEEE_ADDRESS: AddressResponse,
    RESPONSE | NODE_DESCRIPTOR: NodeDescriptorResponse,
    RESPONSE | SIMPLE_DESCRIPTOR: SimpleDescriptorResponse,
    RESPONSE | ACTIVE_ENDPOINTS: ActiveEndpointsResponse,
    RESPONSE | MATCH_DESCRIPTOR: ActiveEndpointsResponse,
    RESPONSE | LEAVE: StatusResponse,
    RESPONSE | PERMIT_JOINING: StatusResponse,
}
"""Frame of each response cluster."""
