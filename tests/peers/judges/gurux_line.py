"""A judge: Gurux's DLMS client on lines that begin otherwise. Runs in .venv-peers, with nothing of ours.

    gurux_line.py '{"link": "mode-e:/dev/pts/3", "server": 1, "obis": "1.0.1.8.0.255", "hdlc": {"window": 3, "information": 64}}'

Links: mode-e:PATH, as its example for a reader does it: sign-on at 300 baud 7E1, acknowledgement for HDLC, then the port at the
agreed rate and 8N1; pty:PATH and tcp:HOST:PORT, HDLC; udp:HOST:PORT, the wrapper. Prints as JSON: the object list's length, the
register's value, the window agreed (receive, transmit), the identification (mode E) and the rate. Of a whole window it acknowledges
one frame (N(R) goes up by one), so answers are kept to one window.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time

import serial
from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.objects import GXDLMSRegister
from gurux_dlms.secure import GXDLMSSecureClient

PATIENCE = 10.0
RATES = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}


class Line:
    def __init__(self, path: str, baud: int = 9600, bits: int = 8, parity: str = "N", patience: float = PATIENCE) -> None:
        self.port = serial.Serial(path, baud, bytesize=bits, parity=parity, timeout=patience)

    def send(self, data: bytes) -> None:
        self.port.write(data)

    def receive(self) -> bytes:
        return self.port.read(max(1, self.port.in_waiting))


class Socket:
    def __init__(self, kind: int, where: str) -> None:
        host, _, port = where.partition("?")[0].rpartition(":")
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((host, int(port)))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes:
        return self.socket.recv(65_535)


def sign_on(path: str) -> tuple[Line, str, int]:
    line = Line(path, 300, serial.SEVENBITS, serial.PARITY_EVEN, patience=2.0)
    line.send(b"/?!\r\n")
    said = line.port.read_until(b"\r\n")
    if said == b"/?!\r\n":  # the echo of an optical head
        said = line.port.read_until(b"\r\n")
    letter = said[4:5].decode()
    acknowledgement = b"\x062" + letter.encode() + b"2\r\n"
    line.send(acknowledgement)
    confirmation = line.port.read(6)
    if confirmation not in (b"", acknowledgement):
        raise SystemExit(f"confirmed with {confirmation!r}")
    line.port.close()
    time.sleep(0.2)
    return Line(path, RATES[letter]), said.decode().strip(), RATES[letter]


def main() -> dict[str, object]:
    order = json.loads(sys.argv[1])
    kind, _, where = order["link"].partition(":")
    found: dict[str, object] = {}
    if kind == "mode-e":
        link, found["identification"], found["rate"] = sign_on(where)
    elif kind == "pty":
        link = Line(where)
    else:
        link = Socket(socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM, where)
    framing = InterfaceType.WRAPPER if kind == "udp" else InterfaceType.HDLC
    dlms = GXDLMSSecureClient(True, 16, order["server"], Authentication.NONE, None, framing)
    if "hdlc" in order:
        settings = dlms.hdlcSettings
        settings.windowSizeRX = settings.windowSizeTX = order["hdlc"]["window"]
        settings.maxInfoRX = settings.maxInfoTX = order["hdlc"]["information"]

    def exchange(frames) -> GXReplyData:
        reply, note = GXReplyData(), GXReplyData()
        for first in [frames] if isinstance(frames, (bytes, bytearray)) else frames:
            frame = first
            reply.clear()
            while True:
                if frame:
                    link.send(bytes(frame))
                received = GXByteBuffer()
                while not dlms.getData(received, reply, note):
                    data = link.receive()
                    if not data:
                        raise SystemExit("no answer")
                    received.set(data)
                if not reply.isMoreData():
                    break
                frame = dlms.receiverReady(reply)
        return reply

    if snrm := dlms.snrmRequest():
        dlms.parseUAResponse(exchange(snrm).data)
        found["window"] = [int(dlms.hdlcSettings.windowSizeRX), int(dlms.hdlcSettings.windowSizeTX)]
    dlms.parseAareResponse(exchange(dlms.aarqRequest()).data)
    if "hdlc" not in order:
        found["objects"] = len(dlms.parseObjects(exchange(dlms.getObjectsRequest()).data, False))
    register = GXDLMSRegister(order["obis"])
    for attribute in (3, 2):
        dlms.updateValue(register, attribute, exchange(dlms.read(register, attribute)).value)
    found["value"] = register.value
    if release := dlms.releaseRequest():
        exchange(release)
    if disconnect := dlms.disconnectRequest():
        exchange(disconnect)
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):  # it prints while it deciphers
        answer = main()
    print(json.dumps(answer))
