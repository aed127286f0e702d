"""Messages of remote parties through a tunnel of protocol 6 (GB-HRGP) at a device that is awake: each transfer is one, bare."""

from __future__ import annotations

from devices.parts.han import Han
from devices.parts.inbox import Inbox
from devices.parts.tunnel import TunnelServer
from protocols.zigbee.tunneling.effects import Closed, Opened, Received
from protocols.zigbee.tunneling.server import Server
from protocols.zigbee.zcl.endpoint import Endpoint


class MessageTunnel:
    """The server side of the endpoint's Tunneling cluster, with the inbox behind it."""

    def __init__(self, han: Han, endpoint: Endpoint, inbox: Inbox) -> None:
        self._inbox = inbox
        self._tunnels = TunnelServer(han, endpoint, Server(), self._hear)

    def _hear(self, event: Opened | Received | Closed) -> None:
        if isinstance(event, Received):
            for message in self._inbox.take(event.data):
                self._tunnels.send(event.tunnel, message)
