"""A meter of 42 objects on Gurux's DLMS server, to be measured against: plain associations over the wrapper, on loopback.

    gurux.py serve      prints its port, then answers until its standard input ends
    gurux.py memory N   makes N meters and prints the KiB that each takes
    gurux.py ask PORT N for each line of its standard input lets Gurux's client GET N registers, and prints the us of each

Runs in .venv-peers, with nothing of ours. As released the server class answers nobody: it calls methods that its reply and its
base class do not have. Those are put in here, and the callbacks that it wants of its owner; the rest is Gurux's.
"""

from __future__ import annotations

import selectors
import socket
import sys
import tracemalloc
from time import perf_counter

from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData
from gurux_dlms.enums import AccessMode, Authentication, InterfaceType, MethodAccessMode
from gurux_dlms.GXServerReply import GXServerReply
from gurux_dlms.objects import GXDLMSAssociationLogicalName, GXDLMSClock, GXDLMSRegister
from gurux_dlms.secure import GXDLMSSecureServer

REGISTERS = 40
HEADER = 8

GXServerReply.setReply = lambda self, value: setattr(self, "reply", value)
GXServerReply.getConnectionInfo = lambda self: self.connectionInfo


class Meter(GXDLMSSecureServer):
    def __init__(self):
        association = GXDLMSAssociationLogicalName()
        super().__init__(association, InterfaceType.WRAPPER)
        registers = [GXDLMSRegister(f"1.0.{number}.8.0.255") for number in range(1, REGISTERS + 1)]
        for number, register in enumerate(registers):
            register.value = 1000 + number
        for thing in (association, *registers, GXDLMSClock()):
            self.items.append(thing)
            association.objectList.append(thing)
        self.initialize()

    def answer(self, frame: bytes) -> bytes:
        reply = GXServerReply(bytearray(frame))
        self.handleRequest(reply)
        return bytes(reply.reply or b"")


ANSWERS = {
    "isTarget": True, "onValidateAuthentication": 0,
    "onGetAttributeAccess": AccessMode.READ, "onGetMethodAccess": MethodAccessMode.NO_ACCESS,
    "onFindObject": None, "onPreGet": None, "onPostGet": None, "onPreRead": None, "onPostRead": None, "notifyRead": None,
    "onPreWrite": None, "onPostWrite": None, "onPreAction": None, "onPostAction": None, "setTransaction": None,
    "onConnected": None, "onInvalidConnection": None, "onDisconnected": None,
}  # fmt: skip
"""What the library asks its owner, and what it is told."""
for name, answer in ANSWERS.items():
    setattr(Meter, name, lambda self, *_, answer=answer: answer)


def serve() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    waiting.register(sys.stdin, selectors.EVENT_READ)
    meters: dict[int, Meter] = {}
    buffers: dict[int, bytearray] = {}
    print(listener.getsockname()[1], flush=True)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is listener:
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                meters[accepted.fileno()], buffers[accepted.fileno()] = Meter(), bytearray()
                waiting.register(accepted, selectors.EVENT_READ)
                continue
            data = key.fileobj.recv(4096)
            buffer = buffers[key.fd]
            buffer += data
            if not data:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
                continue
            while len(buffer) >= HEADER and len(buffer) >= (size := HEADER + int.from_bytes(buffer[6:8], "big")):
                answer = meters[key.fd].answer(bytes(buffer[:size]))
                del buffer[:size]
                key.fileobj.sendall(answer)


def memory(count: int) -> None:
    Meter()
    tracemalloc.start()
    kept = [Meter() for _ in range(count)]
    print(tracemalloc.get_traced_memory()[0] / len(kept) / 1024)


def ask(port: int, count: int) -> None:
    client = GXDLMSClient(True, 16, 1, Authentication.NONE, None, InterfaceType.WRAPPER)
    wire = socket.create_connection(("127.0.0.1", port), 20)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    registers = [GXDLMSRegister(f"1.0.{number}.8.0.255") for number in range(1, REGISTERS + 1)]

    def exchange(frames) -> GXReplyData:
        reply = GXReplyData()
        for frame in frames:
            wire.sendall(bytes(frame))
            client.getData(GXByteBuffer(wire.recv(4096)), reply)
        return reply

    client.parseAareResponse(exchange(client.aarqRequest()).data)
    for _ in sys.stdin:
        begin = perf_counter()
        for number in range(count):
            register = registers[number % REGISTERS]
            value = client.updateValue(register, 2, exchange(client.read(register, 2)).value)
            if value != 1000 + number % REGISTERS:
                raise SystemExit(f"{value} is wrong")
        print((perf_counter() - begin) / count * 1e6, flush=True)


if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "ask":
    ask(int(sys.argv[2]), int(sys.argv[3]))
else:
    memory(int(sys.argv[2]))
