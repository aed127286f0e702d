"""A judge: pydlms reads, writes and calls objects of any class, and makes compact data and shortened profiles out. In .venv-peers.

    pydlms_classes.py '{"port": 4059, "password": "..", "ask": [["get", 104, "0.0.30.3.0.255", 4], ...]}'

Over the wrapper on loopback, as client 1 with a password, at server 1. Questions:
    ["get", CLASS, OBIS, NUMBER]                the attribute's value
    ["set", CLASS, OBIS, NUMBER, VALUE]         "written"
    ["action", CLASS, OBIS, NUMBER, VALUE]      what the method returns
    ["compact", OBIS]                           the values of a compact data object's buffer
    ["rows", OBIS]                              a profile's rows, with null-data and deltas resolved

A VALUE is [TYPE, VALUE] by pydlms' name of the type, structures and arrays with a list of such; of answers, octets are hexadecimal.
A refusal is {"refused": code}.
"""

from __future__ import annotations

import json
import logging
import sys

from pydlms import CosemDateTime, DlmsClient, DlmsData, Mechanism, ServiceError

PATIENCE = 20.0


def data(kind: str, value=None) -> DlmsData:
    if kind in ("structure", "array"):
        return getattr(DlmsData, kind)([data(*item) for item in value])
    if kind == "null":
        return DlmsData.null()
    return getattr(DlmsData, kind)(bytes.fromhex(value) if kind == "octet_string" else value)


def plain(value):
    if isinstance(value, CosemDateTime):
        return value.to_datetime().isoformat()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


class Judge:
    def __init__(self, meter: DlmsClient) -> None:
        self.meter = meter

    def get(self, class_id: int, obis: str, number: int):
        return plain(self.meter.get(obis, class_id, number).to_python())

    def set(self, class_id: int, obis: str, number: int, value: list) -> str:
        self.meter.set(obis, class_id, number, data(*value))
        return "written"

    def action(self, class_id: int, obis: str, number: int, value: list):
        returned = self.meter.action(obis, class_id, number, data(*value))
        return None if returned is None else plain(returned.to_python())

    def compact(self, obis: str):
        read = self.meter.read_compact_data(obis)
        return {"template": read.template_id, "values": plain(read.values), "columns": len(read.columns)}

    def rows(self, obis: str):
        buffer = self.meter.read_profile(obis, typed=True, fill_timestamps=True, fill_values=True, resolve_deltas=True)
        return plain(buffer.rows)


def main() -> None:
    logging.disable(logging.CRITICAL)
    order = json.loads(sys.argv[1])
    answers: list[object] = []
    with DlmsClient.tcp(
        "127.0.0.1", order["port"], client_sap=1, server_logical=1, timeout=PATIENCE, mechanism=Mechanism.LLS,
        password=order["password"],
    ) as meter:  # fmt: skip
        judge = Judge(meter)
        for name, *arguments in order["ask"]:
            try:
                answers.append(getattr(judge, name)(*arguments))
            except ServiceError as refusal:
                answers.append({"refused": int(refusal.result)})
    print(json.dumps(answers))


main()
