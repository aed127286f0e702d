"""Tunneling cluster 0x0704: messages of other protocols between two devices (SE 1.4 annex D.6).

A client opens a tunnel for one protocol at a server; both then transfer whole messages, each up to the size that the
other said it takes. The two ends as machines are `protocols.zigbee.tunneling`.
"""

from __future__ import annotations

from enum import IntEnum

from protocols.core.codec import Frame, array, le, rest, this, trailing
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import uint16

DLMS = 0
"""Protocol id of DLMS/COSEM (IEC 62056): a wrapper PDU in each transfer."""
GB_HRGP = 6
"""Protocol id of GBCS messages."""
NOT_MANUFACTURER_SPECIFIC = 0xFFFF

NO_TUNNEL = 0xFFFF
"""Identifier of no tunnel."""
TRANSFER_LIMIT = 1500
"""Octets of data in one transfer, where nobody said otherwise."""


class TunnelStatus(IntEnum):
    """Answers to RequestTunnel."""

    SUCCESS = 0
    BUSY = 1
    NO_MORE_TUNNEL_IDS = 2
    PROTOCOL_NOT_SUPPORTED = 3
    FLOW_CONTROL_NOT_SUPPORTED = 4


class TransferStatus(IntEnum):
    """Why transferred data was refused."""

    NO_SUCH_TUNNEL = 0
    WRONG_DEVICE = 1
    DATA_OVERFLOW = 2


class Protocol(Frame):
    """A protocol that a server tunnels."""

    manufacturer_code: le.u16
    protocol_id: le.u8


class Tunneling(Cluster, id=0x0704, name="Tunneling"):
    """The server accepts tunnels, the client opens them."""

    close_tunnel_timeout = attribute(0x0000, uint16)
    """Seconds without data after which the server closes a tunnel."""

    @command(0x00, to=SERVER)
    class RequestTunnel(Frame):
        """Open a tunnel."""

        protocol_id: le.u8
        manufacturer_code: le.u16
        flow_control_support: le.boolean
        maximum_incoming_transfer_size: int | None = trailing(le.u16, default=None)

    @command(0x01, to=SERVER)
    class CloseTunnel(Frame):
        """Close a tunnel of one's own."""

        tunnel_id: le.u16

    @command(0x02, to=SERVER)
    class TransferDataClientToServer(Frame):
        """A message for the server's protocol."""

        tunnel_id: le.u16
        data: bytes = rest()

    @command(0x03, to=SERVER)
    class TransferDataErrorClientToServer(Frame):
        """The client refused data: `TransferStatus`."""

        tunnel_id: le.u16
        transfer_data_status: le.u8

    @command(0x04, to=SERVER)
    class AckTransferDataClientToServer(Frame):
        """Flow control: so many octets may follow."""

        tunnel_id: le.u16
        number_of_bytes_left: le.u16

    @command(0x05, to=SERVER)
    class ReadyDataClientToServer(Frame):
        """Flow control: ready for so many octets again."""

        tunnel_id: le.u16
        number_of_octets_left: le.u16

    @command(0x06, to=SERVER)
    class GetSupportedTunnelProtocols(Frame):
        """Ask which protocols are tunnelled, from the n-th on."""

        protocol_offset: le.u8

    @command(0x00, to=CLIENT)
    class RequestTunnelResponse(Frame):
        """The tunnel's identifier, or 0xFFFF and why there is none: `TunnelStatus`."""

        tunnel_id: le.u16
        tunnel_status: le.u8
        maximum_incoming_transfer_size: int | None = trailing(le.u16, default=None)

    @command(0x01, to=CLIENT)
    class TransferDataServerToClient(Frame):
        """A message for the client's protocol."""

        tunnel_id: le.u16
        data: bytes = rest()

    @command(0x02, to=CLIENT)
    class TransferDataErrorServerToClient(Frame):
        """The server refused data: `TransferStatus`."""

        tunnel_id: le.u16
        transfer_data_status: le.u8

    @command(0x03, to=CLIENT)
    class AckTransferDataServerToClient(Frame):
        """Flow control: so many octets may follow."""

        tunnel_id: le.u16
        number_of_bytes_left: le.u16

    @command(0x04, to=CLIENT)
    class ReadyDataServerToClient(Frame):
        """Flow control: ready for so many octets again."""

        tunnel_id: le.u16
        number_of_octets_left: le.u16

    @command(0x05, to=CLIENT)
    class SupportedTunnelProtocolsResponse(Frame):
        """The protocols tunnelled here."""

        protocol_list_complete: le.boolean
        protocol_count: le.u8
        protocol_list: list[Protocol] = array(Protocol, this.protocol_count)

    @command(0x06, to=CLIENT)
    class TunnelClosureNotification(Frame):
        """The server closed a tunnel that was idle."""

        tunnel_id: le.u16
