"""A judge: Gurux's DLMS client asks a meter and prints what it understood, as JSON. Runs in .venv-peers, with nothing of ours.

    gurux.py '{"link": "tcp:127.0.0.1:4059", "framing": "wrapper", "client": 16, "server": 3, "ask": [["clock"], ...]}'

Links: tcp:HOST:PORT and pty:PATH. Questions: ["clock"], ["register", OBIS], ["extended", OBIS], ["profile", OBIS, FROM, TO],
["entries", OBIS, FIRST, COUNT], ["objects"], ["set-clock", ISO]. Answers stand in the order of the questions; a refusal is
{"refused": code}.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from datetime import datetime

import serial
from gurux_dlms import GXByteBuffer, GXDateTime, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.objects import GXDLMSClock, GXDLMSExtendedRegister, GXDLMSProfileGeneric, GXDLMSRegister
from gurux_dlms.secure import GXDLMSSecureClient

PATIENCE = 20.0


class Tcp:
    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), PATIENCE)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes:
        return self.socket.recv(4096)


class Line:
    def __init__(self, path: str) -> None:
        self.port = serial.Serial(path, 9600, timeout=PATIENCE)

    def send(self, data: bytes) -> None:
        self.port.write(data)

    def receive(self) -> bytes:
        return self.port.read(max(1, self.port.in_waiting))


class Refused(Exception):
    pass


class Judge:
    def __init__(self, link, framing: str, client: int, server: int, password: str | None) -> None:
        kind = InterfaceType.HDLC if framing == "hdlc" else InterfaceType.WRAPPER
        auth = Authentication.NONE if password is None else Authentication.LOW
        self.link = link
        self.dlms = GXDLMSSecureClient(True, client, server, auth, password, kind)

    def exchange(self, frames) -> GXReplyData:
        reply, note = GXReplyData(), GXReplyData()
        for first in [frames] if isinstance(frames, (bytes, bytearray)) else frames:
            frame = first
            reply.clear()
            while True:
                self.link.send(bytes(frame))
                received = GXByteBuffer()
                until = time.monotonic() + PATIENCE
                while not self.dlms.getData(received, reply, note):
                    data = self.link.receive()
                    if not data or time.monotonic() > until:
                        raise SystemExit("no answer")
                    received.set(data)
                if not reply.isMoreData():
                    break
                frame = self.dlms.receiverReady(reply)
        if reply.error:
            raise Refused(int(reply.error))
        return reply

    def __enter__(self):
        if snrm := self.dlms.snrmRequest():
            self.dlms.parseUAResponse(self.exchange(snrm).data)
        self.dlms.parseAareResponse(self.exchange(self.dlms.aarqRequest()).data)
        return self

    def __exit__(self, *_) -> None:
        if release := self.dlms.releaseRequest():
            self.exchange(release)
        if disconnect := self.dlms.disconnectRequest():
            self.exchange(disconnect)

    def get(self, thing, attribute: int):
        return self.dlms.updateValue(thing, attribute, self.exchange(self.dlms.read(thing, attribute)).value)

    # --- questions

    def clock(self) -> str:
        clock = GXDLMSClock("0.0.1.0.0.255")
        self.get(clock, 2)
        return clock.time.value.isoformat()

    def register(self, obis: str, kind=GXDLMSRegister) -> dict[str, object]:
        register = kind(obis)
        self.get(register, 3)
        self.get(register, 2)
        return {"value": register.value, "scaler": register.scaler, "unit": int(register.unit)}

    def extended(self, obis: str) -> dict[str, object]:
        register = GXDLMSExtendedRegister(obis)
        for attribute in (3, 2, 5):
            self.get(register, attribute)
        moment = register.captureTime
        return {
            "value": register.value,
            "scaler": register.scaler,
            "unit": int(register.unit),
            "captured": moment.value.isoformat() if isinstance(moment, GXDateTime) else str(moment),
        }

    def profile(self, obis: str, since: str, until: str) -> list[list[object]]:
        return self.rows(
            obis, lambda it: self.dlms.readRowsByRange(it, datetime.fromisoformat(since), datetime.fromisoformat(until))
        )

    def entries(self, obis: str, first: int, count: int) -> list[list[object]]:
        return self.rows(obis, lambda it: self.dlms.readRowsByEntry(it, first, count))

    def rows(self, obis: str, request) -> list[list[object]]:
        profile = GXDLMSProfileGeneric(obis)
        self.get(profile, 3)
        self.dlms.updateValue(profile, 2, self.exchange(request(profile)).value)
        return [[cell.value.isoformat() if isinstance(cell, GXDateTime) else cell for cell in row] for row in profile.buffer]

    def objects(self) -> list[list[object]]:
        reply = self.exchange(self.dlms.getObjectsRequest())
        return [[int(it.objectType), it.version, it.logicalName] for it in self.dlms.parseObjects(reply.data, False)]

    def set_clock(self, moment: str) -> str:
        clock = GXDLMSClock("0.0.1.0.0.255")
        clock.time = GXDateTime(datetime.fromisoformat(moment))
        self.exchange(self.dlms.write(clock, 2))
        return "written"


def main() -> None:
    order = json.loads(sys.argv[1])
    kind, _, where = order["link"].partition(":")
    if kind == "tcp":
        host, _, port = where.partition("?")[0].rpartition(":")
        link = Tcp(host, int(port))
    else:
        link = Line(where)
    answers: list[object] = []
    with Judge(link, order["framing"], order["client"], order["server"], order.get("password")) as judge:
        for name, *arguments in order["ask"]:
            try:
                answers.append(getattr(judge, name.replace("-", "_"))(*arguments))
            except Refused as refusal:
                answers.append({"refused": refusal.args[0]})
    print(json.dumps(answers))


main()
