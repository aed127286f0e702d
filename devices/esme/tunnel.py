"""What comes through the HAN tunnel: DLMS, or, where the bench tunnels GB's protocol, messages of remote parties as well.

Protocol 0: each transfer is one whole wrapper PDU, and its APDU reaches the server unchanged. Protocol 6 (GB-HRGP): each is one
message; one that begins like a wrapper PDU goes to the server, the others to the inbox. A tunnel's sessions are by client and
server address and end with the tunnel. Server addresses that nobody has, and transfers that are no wrapper PDU, meet with silence.
"""

from __future__ import annotations

from typing import Final

from devices.parts.han import Han
from devices.parts.inbox import Inbox
from devices.parts.tunnel import TunnelServer
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import wrapper
from protocols.dlms.association import SMALLEST_PDU
from protocols.dlms.server import Server, Session
from protocols.zigbee.clusters.tunneling import GB_HRGP, NOT_MANUFACTURER_SPECIFIC, TRANSFER_LIMIT
from protocols.zigbee.tunneling import server as tunneling
from protocols.zigbee.tunneling.effects import Closed, Opened, Received
from protocols.zigbee.zcl.endpoint import Endpoint

WRAPPER_VERSION: Final = wrapper.VERSION.to_bytes(2, "big")
LARGEST_APDU: Final = TRANSFER_LIMIT - wrapper.HEADER_SIZE


class DlmsTunnel:
    """The server side of the endpoint's Tunneling cluster, with a COSEM server behind it."""

    def __init__(self, han: Han, endpoint: Endpoint, server: Server, protocol: int, inbox: Inbox) -> None:
        self._han = han
        self._messages = protocol == GB_HRGP
        self._inbox = inbox
        self._server = server
        self._limits: dict[int, int] = {}
        self._sessions: dict[tuple[int, int, int], Session] = {}
        machine = tunneling.Server(protocols=((NOT_MANUFACTURER_SPECIFIC, protocol),))
        self._tunnels = TunnelServer(han, endpoint, machine, self._hear)

    @property
    def tunnels(self) -> tunneling.Server:
        """Its end of the tunnels."""
        return self._tunnels.server

    def _hear(self, event: Opened | Received | Closed) -> None:
        match event:
            case Opened(tunnel=tunnel, limit=limit):
                self._limits[tunnel] = min(limit - wrapper.HEADER_SIZE, LARGEST_APDU)
            case Closed(tunnel=tunnel):
                self._limits.pop(tunnel, None)
                for key in [key for key in self._sessions if key[0] == tunnel]:
                    self._sessions.pop(key).close()
            case Received(tunnel=tunnel, data=data):
                self._transfer(tunnel, data)

    def _transfer(self, tunnel: int, data: bytes) -> None:
        if self._messages and data[:2] != WRAPPER_VERSION:
            for message in self._inbox.take(data):
                self._tunnels.send(tunnel, message)
            return
        try:
            pdu = wrapper.unwrap(data)
        except RemoteProtocolError as error:
            self._drop(str(error))
            return
        session = self._session(tunnel, pdu.source, pdu.destination)
        if session is None:
            self._drop(f"nobody at server address {pdu.destination}, or no room for an APDU")
            return
        for answer in session.receive(pdu.apdu, self._han.now):
            self._tunnels.send(tunnel, wrapper.wrap(pdu.destination, pdu.source, answer))

    def _session(self, tunnel: int, client: int, sap: int) -> Session | None:
        """The client's session. One that the device grants no association is not remembered."""
        key = tunnel, client, sap
        session = self._sessions.get(key)
        limit = self._limits.get(tunnel, 0)
        if session is None and limit >= SMALLEST_PDU:
            session = self._server.session(client, sap, limit)
            if session is not None and client in session.device.associations:
                self._sessions[key] = session
        return session

    def _drop(self, reason: str) -> None:
        self._han.board.log("tunnel.dropped", {"reason": reason})
