"""The meter of 42 objects on this project's server, as a program like gurux.py: one loop over sockets, a session for each.

    python -m tests.bench.servers.ours serve        prints its port, then answers until its standard input ends
    python -m tests.bench.servers.ours memory N     makes N meters and prints the KiB that each takes

Client 16 reads without security; client 2 must cipher and authenticate every APDU (suite 0).
"""

from __future__ import annotations

import selectors
import socket
import sys
import tracemalloc
from itertools import count

from protocols.dlms import axdr, cosem, wrapper
from protocols.dlms.cosem import Access, Unit, date_time
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Policy
from protocols.dlms.server import Association, LogicalDevice, Server, Session

REGISTERS = 40
PLAIN, CIPHERING = 16, 2
TITLE, CLIENT_TITLE = b"MBE\0\0\0\0\1", b"MBH\0\0\0\0\1"
KEYS = {KeyId.UNICAST_ENCRYPTION: bytes(range(16)), KeyId.AUTHENTICATION: bytes(range(0xD0, 0xE0))}
LARGEST = 1024
EVERYTHING = Policy.AUTHENTICATED_REQUEST | Policy.ENCRYPTED_REQUEST | Policy.AUTHENTICATED_RESPONSE | Policy.ENCRYPTED_RESPONSE


def material(title: bytes) -> SecurityMaterial:
    """Test keys, and a counter that starts anew with each run."""
    numbers = count(1)
    return SecurityMaterial(title, KeySet(KEYS), lambda: next(numbers))


def meter() -> Server:
    """Name, SAP assignment, associations, 40 registers, a clock."""
    secured = material(TITLE)
    reads = Rights(Access.READ, methods=False)
    associations = [Association(PLAIN, rights=reads), Association(CIPHERING, rights=reads, security=secured, policy=EVERYTHING)]
    device = LogicalDevice(b"MBE0000000000001", (), associations, security=secured)
    for number in range(REGISTERS):
        value = axdr.u32(1000 + number)
        device.add(cosem.Register(f"1-0:{number + 1}.8.0", value=value, scaler_unit=(0, Unit.WATT_HOUR)))
    device.add(cosem.Clock("0-0:1.0.0", time=lambda: date_time.encode(0)))
    return Server({1: device})


class Connection:
    """One client's stream."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._splitter = wrapper.Splitter()
        self._sessions: dict[tuple[int, int], Session | None] = {}

    def take(self, data: bytes) -> bytes:
        """Octets in, octets out."""
        answers = b""
        for client, sap, apdu in self._splitter.feed(data):
            if (client, sap) not in self._sessions:
                self._sessions[client, sap] = self._server.session(client, sap, LARGEST)
            session = self._sessions[client, sap]
            if session is not None:
                for answer in session.receive(apdu, 0):
                    answers += wrapper.wrap(sap, client, answer)
        return answers


def serve() -> None:
    server = meter()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    connections: dict[int, Connection] = {}
    print(listener.getsockname()[1], flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is listener:
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[accepted.fileno()] = Connection(server)
                waiting.register(accepted, selectors.EVENT_READ)
                continue
            peer = key.fileobj
            assert isinstance(peer, socket.socket)
            data = peer.recv(4096)
            if data:
                peer.sendall(connections[key.fd].take(data))
            else:
                waiting.unregister(peer)
                peer.close()


def memory(number: int) -> None:
    meter()
    tracemalloc.start()
    kept = [meter() for _ in range(number)]
    print(tracemalloc.get_traced_memory()[0] / len(kept) / 1024)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        memory(int(sys.argv[2]))
