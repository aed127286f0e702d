"""What judges with Gurux's client share: an association over the wrapper, on loopback. Run in .venv-peers, with nothing of ours."""

from __future__ import annotations

import socket

from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.secure import GXDLMSSecureClient

PATIENCE = 20.0


class Refused(Exception):
    """The one argument is the code."""


class Client:
    """Client 1 with a password, associated."""

    def __init__(self, port: int, server: int, password: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.dlms = GXDLMSSecureClient(True, 1, server, Authentication.LOW, password, InterfaceType.WRAPPER)
        self.dlms.parseAareResponse(self.exchange(self.dlms.aarqRequest()).data)

    def exchange(self, frames) -> GXReplyData:
        """One service with all its blocks. Raises Refused."""
        reply, note = GXReplyData(), GXReplyData()
        for first in [frames] if isinstance(frames, (bytes, bytearray)) else frames:
            frame = first
            reply.clear()
            while True:
                self.socket.sendall(bytes(frame))
                received = GXByteBuffer()
                while not self.dlms.getData(received, reply, note):
                    data = self.socket.recv(4096)
                    if not data:
                        raise SystemExit("no answer")
                    received.set(data)
                if not reply.isMoreData():
                    break
                frame = self.dlms.receiverReady(reply)
            if reply.error:
                raise Refused(int(reply.error))
        return reply
