"""A judge: pydlms' DLMS client asks meters and prints what it understood, as JSON. Runs in .venv-peers, with nothing of ours.

    pydlms_client.py '[{"link": "tcp:127.0.0.1:4059", "framing": "wrapper", "client": 16, "server": 3, "ask": [["clock"]]}, ...]'

An order is a list of visits, each an association of its own. Links: tcp:HOST:PORT, udp:HOST:PORT, pty:PATH. Framings: wrapper,
hdlc, optical (a sign-on of IEC 62056-21 in mode E first). Of a visit may be told, too:

    "mechanism": none, lls, hls, hls_md5, hls_sha1, hls_gmac, hls_sha256, hls_ecdsa; "secret": its secret, as text
    "security": {"suite": 0, "level": "AUTHENTICATED_ENCRYPTED", "protection": "glo", "key_info": "identified", "title": ..,
                 "server_title": .., "key": .., "authentication_key": .., "master_key": .., "counter": 1, "dedicated": false,
                 "signing_key": .., "peer_signing_key": ..}        octets are hexadecimal; keys of curves are raw
    "window", "information" (HDLC), "address_size", "server_physical", "max_pdu", "gbt_window", "access"
    "counter_from": "meter" (the counter that it reads as the public client), "refusal" (the one that a refusal names)

Questions: ["clock"], ["register", OBIS], ["extended", OBIS], ["entries", OBIS, FIRST, COUNT], ["profile", OBIS, FROM, TO],
["objects"], ["list", OBIS...], ["state", OBIS], ["disconnect", OBIS], ["reconnect", OBIS], ["set-clock", ISO],
["access", [KIND, CLASS, OBIS, NUMBER, VALUE]...], ["walk"], ["days", COUNT] (so many special
days written and read back), ["transfer", NUMBER, KEY], ["agree", NUMBER]. Of each visit the
answers stand in the order of the questions; a refusal is {"refused": code}, and a visit that came to nothing {"failed": why}.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from pydlms import (
    AccessAction,
    AccessGet,
    AccessSet,
    CosemDateTime,
    DlmsClient,
    DlmsData,
    Mechanism,
    SecurityContext,
    ServiceError,
)
from pydlms.apdu import xdlms
from pydlms.cosem.enums import DataType
from pydlms.hdlc.connection import HdlcParameters
from pydlms.security.general import ONE_PASS_DH, STATIC_UNIFIED_MODEL, KeyInfo
from pydlms.security.suites import SecurityPolicy

PATIENCE = 20.0
SCHEMES = {"1e1s": ONE_PASS_DH, "0e2s": STATIC_UNIFIED_MODEL}
CURVES = {32: ec.SECP256R1(), 48: ec.SECP384R1()}


def octets(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def plain(value: object) -> object:
    return value.to_datetime().isoformat() if isinstance(value, CosemDateTime) else value


def bare(data: DlmsData) -> object:
    """As JSON has it: octets in hexadecimal digits, bit-strings as they are written."""
    if data.tag in (DataType.ARRAY, DataType.STRUCTURE):
        return [bare(item) for item in data.value]
    if data.tag is DataType.BIT_STRING:
        return "".join("01"[bit] for bit in data.value)
    value = data.to_python()
    return bytes(value).hex() if isinstance(value, (bytes, bytearray)) else value


def private_key(text: str | None):
    raw = octets(text)
    return raw and ec.derive_private_key(int.from_bytes(raw, "big"), CURVES[len(raw)])


def public_key(text: str | None):
    raw = octets(text)
    return raw and ec.EllipticCurvePublicKey.from_encoded_point(CURVES[len(raw) // 2], b"\x04" + raw)


def security(suite=0, level="AUTHENTICATED_ENCRYPTED", counter=1, **said) -> SecurityContext:
    own, peer = private_key(said.get("signing_key")), public_key(said.get("peer_signing_key"))
    return SecurityContext(
        encryption_key=octets(said.get("key")), authentication_key=octets(said.get("authentication_key")),
        master_key=octets(said.get("master_key")), client_system_title=octets(said.get("title")),
        server_system_title=octets(said.get("server_title")), invocation_counter=counter, suite=suite,
        policy=SecurityPolicy[level], signing_key=own, peer_signing_key=peer, key_agreement_key=own, peer_key_agreement_key=peer,
    )  # fmt: skip


def settings(visit: dict) -> dict[str, object]:
    """What DlmsClient's builders take beside the link."""
    found: dict[str, object] = {"mechanism": Mechanism[visit.get("mechanism", "none").upper()], "password": visit.get("secret")}
    for name, theirs in (("max_pdu", "max_receive_pdu_size"), ("gbt_window", "gbt_window")):
        if name in visit:
            found[theirs] = visit[name]
    if "gbt_window" in visit:
        found["propose_gbt"] = True
    if visit.get("counter_from") == "meter":
        found["discover_invocation_counter"] = True
    if visit.get("counter_from") == "refusal":
        found["invocation_counter_retry"] = True
    if visit.get("access"):
        found["propose_access"] = True
    if "security" in visit:
        said = dict(visit["security"])
        kind, _, scheme = said.pop("key_info", "identified").partition(" ")
        found["key_info"] = KeyInfo(kind, scheme=SCHEMES[scheme]) if scheme else KeyInfo(kind)
        found["protection"] = said.pop("protection", "glo")
        found["use_dedicated_key"] = said.pop("dedicated", False)
        if said.get("key"):
            found["security"] = security(**said)
        found["client_system_title"] = octets(said.get("title"))
        found["signing_key"] = private_key(said.get("signing_key"))
        found["server_public_key"] = public_key(said.get("peer_signing_key"))
    return found


def connected(visit: dict) -> DlmsClient:
    kind, _, where = visit["link"].partition(":")
    place = {"client_sap": visit["client"], "server_logical": visit["server"], "timeout": PATIENCE} | settings(visit)
    if visit["framing"] != "wrapper":
        size = visit.get("information", 128)
        place["hdlc_parameters"] = HdlcParameters(size, size, visit.get("window", 1), visit.get("window", 1))
        for name in ("address_size", "server_physical"):
            if name in visit:
                place[name] = visit[name]
    if kind == "pty":
        return (DlmsClient.optical if visit["framing"] == "optical" else DlmsClient.serial)(where, **place)
    host, _, port = where.partition("?")[0].rpartition(":")
    if kind == "udp":
        return DlmsClient.udp(host, int(port), **place)
    return DlmsClient.tcp(host, int(port), hdlc=visit["framing"] == "hdlc", **place)


class Judge:
    def __init__(self, meter: DlmsClient) -> None:
        self.meter = meter

    def clock(self) -> str:
        return self.meter.get_clock().to_datetime().isoformat()

    def register(self, obis: str, class_id: int = 3) -> dict[str, object]:
        found = self.meter.get_register(obis, class_id)
        return {"value": found.raw, "scaler": found.scaler, "unit": int(found.unit)}

    def extended(self, obis: str) -> dict[str, object]:
        return self.register(obis, 4)

    def entries(self, obis: str, first: int, count: int) -> list[list[object]]:
        return self.rows(obis, xdlms.entry_descriptor(first, first + count - 1))

    def profile(self, obis: str, since: str, until: str) -> list[list[object]]:
        moments = (xdlms.date_time_value(datetime.fromisoformat(each)) for each in (since, until))
        return self.rows(obis, xdlms.range_descriptor(*moments))

    def rows(self, obis: str, selection) -> list[list[object]]:
        buffer = self.meter.read_profile(obis, selection, typed=True)
        return [[plain(cell) for cell in row] for row in buffer.rows]

    def objects(self) -> list[list[object]]:
        return [[int(each.class_id), each.version, str(each.logical_name)] for each in self.meter.get_association_view()]

    def list(self, *names: str) -> list[object]:
        return [value.to_python() for value in self.meter.get_many([(name, 3, 2) for name in names])]

    def state(self, obis: str) -> list[object]:
        return [value.to_python() for value in self.meter.get_many([(obis, 70, 2), (obis, 70, 3)])]

    def disconnect(self, obis: str) -> str:
        self.meter.action(obis, 70, 1, DlmsData.int8(0))
        return "done"

    def reconnect(self, obis: str) -> str:
        self.meter.action(obis, 70, 2, DlmsData.int8(0))
        return "done"

    def set_clock(self, moment: str) -> str:
        self.meter.set_clock(datetime.fromisoformat(moment))
        return "written"

    def access(self, *operations: list[object]) -> list[list[object]]:
        kinds = {"get": AccessGet, "set": AccessSet, "action": AccessAction}
        asked = []
        for kind, class_id, obis, number, *value in operations:
            parameters = [DlmsData.octet_string(octets(value[0]))] if kind == "set" else [DlmsData.int8(0)]
            asked.append(kinds[kind](obis, class_id, number, *(parameters if kind != "get" else [])))
        return [[int(each.result), each.data.to_python()] for each in self.meter.access(asked)]

    def walk(self) -> list[list[object]]:
        """Every attribute that the object list says can be read."""
        found: list[list[object]] = []
        for entry in self.meter.get_association_view():
            for right in entry.rights.attributes:
                if right.readable:
                    name, class_id, number = entry.logical_name, entry.class_id, right.attribute_id
                    found.append([class_id, str(name), number, bare(self.meter.get(name, class_id, number))])
        return found

    def days(self, count: int) -> list[object]:
        """A special days table filled, read and emptied again."""
        table = "0.0.11.0.0.255", 11, 2
        dates = [bytes((0x07, 0xEA, 1 + number % 12, 1 + number % 28, 0xFF)) for number in range(count)]
        days = [[DlmsData.uint16(n), DlmsData.octet_string(date), DlmsData.uint8(1)] for n, date in enumerate(dates, 1)]
        full = DlmsData.array([DlmsData.structure(day) for day in days])
        self.meter.set(*table, full)
        found = self.meter.get(*table)
        self.meter.set(*table, DlmsData.array([]))
        return [len(found.value), found == full]

    def transfer(self, number: int, key: str) -> str:
        self.meter.transfer_keys({number: octets(key)})
        return "transferred"

    def agree(self, number: int) -> str:
        return self.meter.agree_keys([number])[number].hex()


def visited(visit: dict) -> list[object]:
    answers: list[object] = []
    with connected(visit) as meter:
        judge = Judge(meter)
        for name, *arguments in visit["ask"]:
            try:
                answers.append(getattr(judge, name.replace("-", "_"))(*arguments))
            except ServiceError as refusal:
                answers.append({"refused": int(refusal.result)})
    return answers


def main() -> None:
    logging.disable(logging.CRITICAL)
    found: list[object] = []
    for visit in json.loads(sys.argv[1]):
        try:
            found.append(visited(visit))
        except Exception as failure:  # whatever the library has for it
            found.append({"failed": f"{type(failure).__name__}: {failure}"})
    print(json.dumps(found, default=str))


main()
