"""A judge: Gurux's DLMS client asks meters and prints what it understood, as JSON. Runs in .venv-peers, with nothing of ours.

    gurux.py '[{"link": "tcp:127.0.0.1:4059", "framing": "wrapper", "client": 16, "server": 3, "ask": [["clock"], ...]}, ...]'

An order is a list of visits, each an association of its own. Links: tcp:HOST:PORT and pty:PATH. Framings: wrapper, hdlc. Of a
visit may be told, too:

    "mechanism": none, low, high, high_md5, high_sha1, high_gmac, high_sha256, high_ecdsa; "secret": its secret, as text
    "security": {"suite": 0, "level": "AUTHENTICATION_ENCRYPTION", "title": .., "key": .., "authentication_key": .., "counter": 1,
                 "dedicated_key": .., "signing_key": .., "peer_signing_key": ..}    octets are hexadecimal; keys of curves are raw

Questions: ["clock"], ["register", OBIS], ["extended", OBIS], ["profile", OBIS, FROM, TO], ["entries", OBIS, FIRST, COUNT],
["objects"], ["set-clock", ISO], ["list", OBIS...], ["walk"], ["state", OBIS], ["disconnect", OBIS], ["reconnect", OBIS],
["security"] (attributes 2 to 6 of the security setup), ["transfer", KEK, NUMBER, KEY], ["generate", TYPE], ["request", TYPE]. Of
each visit the answers stand in the order of the questions; a refusal is {"refused": code}, and a visit that came to nothing
{"failed": why}.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from datetime import datetime

import serial
from gurux_dlms import GXByteBuffer, GXDateTime, GXReplyData
from gurux_dlms.ecdsa import GXPrivateKey, GXPublicKey
from gurux_dlms.enums import Authentication, InterfaceType, Security
from gurux_dlms.objects import (
    GXDLMSClock,
    GXDLMSDisconnectControl,
    GXDLMSExtendedRegister,
    GXDLMSObject,
    GXDLMSProfileGeneric,
    GXDLMSRegister,
    GXDLMSSecuritySetup,
)
from gurux_dlms.objects.enums import SecuritySuite
from gurux_dlms.secure import GXDLMSSecureClient

PATIENCE = 20.0
BUFFER = 2
"""Of a profile: understood only when its columns are known."""


class Tcp:
    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), PATIENCE)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes:
        return self.socket.recv(4096)

    def close(self) -> None:
        self.socket.close()


class Line:
    def __init__(self, path: str) -> None:
        self.port = serial.Serial(path, 9600, timeout=PATIENCE)

    def send(self, data: bytes) -> None:
        self.port.write(data)

    def receive(self) -> bytes:
        return self.port.read(max(1, self.port.in_waiting))

    def close(self) -> None:
        self.port.close()


class Refused(Exception):
    pass


def octets(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


class Judge:
    def __init__(self, link, visit: dict) -> None:
        kind = InterfaceType.HDLC if visit["framing"] == "hdlc" else InterfaceType.WRAPPER
        mechanism = Authentication[visit.get("mechanism", "none").upper()]
        self.link = link
        self.dlms = GXDLMSSecureClient(True, visit["client"], visit["server"], mechanism, visit.get("secret"), kind)
        if "security" in visit:
            self.secure(**visit["security"])

    def secure(self, suite=0, level="NONE", title=None, key=None, authentication_key=None, counter=1, **more) -> None:
        cipher = self.dlms.ciphering
        cipher.securitySuite = SecuritySuite(suite)
        cipher.security = Security[level]
        cipher.systemTitle = octets(title)
        cipher.blockCipherKey, cipher.authenticationKey = octets(key), octets(authentication_key)
        cipher.invocationCounter = counter
        if dedicated := octets(more.get("dedicated_key")):
            cipher.dedicatedKey = dedicated
        if "signing_key" in more:
            own, peer = (octets(more[name]) for name in ("signing_key", "peer_signing_key"))
            # With the tag of an uncompressed point: the other form is read wrongly.
            cipher.signingKeyPair = GXPublicKey.fromRawBytes(b"\x04" + peer), GXPrivateKey.fromRawBytes(own)

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
        if self.dlms.authentication > Authentication.LOW:
            self.dlms.parseApplicationAssociationResponse(self.exchange(self.dlms.getApplicationAssociationRequest()).data)
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

    def list(self, *names: str) -> list[object]:
        """Registers with one request."""
        registers = [GXDLMSRegister(name) for name in names]
        values = []
        reply = GXReplyData()
        for frame in self.dlms.readList([(register, 2) for register in registers]):
            reply = self.exchange(frame)
            values += reply.value
        self.dlms.updateValues([(register, 2) for register in registers], values)
        return [register.value for register in registers]

    def walk(self) -> list[list[object]]:
        """Every attribute that Gurux's objects have, read into them; what the meter refuses is left out."""
        reply = self.exchange(self.dlms.getObjectsRequest())
        found: list[list[object]] = []
        for thing in self.dlms.parseObjects(reply.data, False):
            if type(thing) is GXDLMSObject:
                continue  # a class that it does not know
            for number in sorted(thing.getAttributeIndexToRead(True), key=lambda it: it == BUFFER):
                with contextlib.suppress(Refused):
                    self.get(thing, number)
                    found.append([int(thing.objectType), thing.logicalName, number])
        return found

    def state(self, obis: str) -> list[object]:
        """Output and control state of a switch."""
        switch = GXDLMSDisconnectControl(obis)
        self.get(switch, 2)
        self.get(switch, 3)
        return [bool(switch.outputState), int(switch.controlState)]

    def security(self) -> list[object]:
        """Policy, suite, titles of client and server, and of each certificate entity, type, and whether all else was said."""
        setup = GXDLMSSecuritySetup()
        for attribute in range(2, 7):
            self.get(setup, attribute)
        titles = [bytes(title).hex().upper() for title in (setup.clientSystemTitle, setup.serverSystemTitle)]
        listed = [[int(it.entity), int(it.type_), bool(it.serialNumber and it.issuer and it.subject)] for it in setup.certificates]
        return [int(setup.securityPolicy), int(setup.securitySuite), *titles, listed]

    def transfer(self, kek: str, number: int, key: str) -> str:
        self.exchange(GXDLMSSecuritySetup().globalKeyTransfer(self.dlms, octets(kek), [(number, octets(key))]))
        return "transferred"

    def generate(self, type: int) -> str:
        self.exchange(GXDLMSSecuritySetup().generateKeyPair(self.dlms, type))
        return "done"

    def request(self, type: int) -> str:
        return bytes(self.exchange(GXDLMSSecuritySetup().generateCertificate(self.dlms, type)).value).hex()

    def disconnect(self, obis: str) -> str:
        self.exchange(GXDLMSDisconnectControl(obis).remoteDisconnect(self.dlms))
        return "done"

    def reconnect(self, obis: str) -> str:
        self.exchange(GXDLMSDisconnectControl(obis).remoteReconnect(self.dlms))
        return "done"


def visit(order: dict) -> list[object]:
    kind, _, where = order["link"].partition(":")
    if kind == "tcp":
        host, _, port = where.partition("?")[0].rpartition(":")
        link = Tcp(host, int(port))
    else:
        link = Line(where)
    answers: list[object] = []
    with contextlib.closing(link), Judge(link, order) as judge:
        for name, *arguments in order["ask"]:
            try:
                answers.append(getattr(judge, name.replace("-", "_"))(*arguments))
            except Refused as refusal:
                answers.append({"refused": refusal.args[0]})
    return answers


def main() -> None:
    found: list[object] = []
    with contextlib.redirect_stdout(sys.stderr):  # it prints while it deciphers
        for order in json.loads(sys.argv[1]):
            try:
                found.append(visit(order))
            except (Exception, SystemExit) as failure:  # whatever a library has for a refusal
                found.append({"failed": f"{type(failure).__name__}: {failure}"})
    print(json.dumps(found))


main()
