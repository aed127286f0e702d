"""A judge: Gurux's DLMS client reads, writes and calls objects by class and name. Runs in .venv-peers, with nothing of ours.

    gurux_rows.py '{"port": 4059, "server": 2, "password": "..", "ask": [["get", CLASS, OBIS, NUMBER], ...]}'

Over the wrapper on loopback, as client 1 with a password. Questions: ["get", CLASS, OBIS, NUMBER], ["set", CLASS, OBIS, TYPE,
VALUE] (attribute 2; TYPE as Gurux's DataType has it; of a structure VALUE lists pairs of those), ["call", OBIS, METHOD] of a
disconnect control, ["capture", OBIS] of a profile, ["rows", OBIS]. Octets are {"hex": ..}, a date-time is ISO. A refusal is
{"refused": code}.
"""

from __future__ import annotations

import json
import sys

from gurux_dlms import GXDateTime
from gurux_dlms import objects as classes
from gurux_dlms.enums import DataType
from gurux_dlms.GXStructure import GXStructure
from gurux_wrapper import Client, Refused

CLASSES = {
    1: classes.GXDLMSData, 3: classes.GXDLMSRegister, 4: classes.GXDLMSExtendedRegister, 7: classes.GXDLMSProfileGeneric,
    70: classes.GXDLMSDisconnectControl,
}  # fmt: skip


def plain(value):
    if isinstance(value, GXDateTime):
        return value.value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return {"hex": bytes(value).hex()}
    return [plain(each) for each in value] if isinstance(value, list) else value


class Judge(Client):
    def get(self, kind: int, obis: str, number: int):
        thing = CLASSES[kind](obis)
        if kind in (3, 4) and number == 2:  # Gurux gives the number by its scaler: the raw one is asked for
            return plain(self.exchange(self.dlms.read(thing, number)).value)
        value = self.exchange(self.dlms.read(thing, number)).value
        self.dlms.updateValue(thing, number, value)
        if kind in (3, 4) and number == 3:
            return [thing.scaler, int(thing.unit)]
        return plain(thing.captureTime if (kind, number) == (4, 5) else value)

    def set(self, kind: int, obis: str, name: str, value) -> str:
        thing = CLASSES[kind](obis)
        thing.value, wanted = self.data(name, value), DataType[name]
        thing.setDataType(2, wanted)
        self.exchange(self.dlms.write(thing, 2))
        return "written"

    def data(self, name: str, value):
        if name == "STRUCTURE":
            made = GXStructure()
            for each, one in value:
                made.append(self.typed(each, one))
            return made
        return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value

    def typed(self, name: str, value):
        from gurux_dlms.GXUInt8 import GXUInt8
        from gurux_dlms.GXUInt16 import GXUInt16
        from gurux_dlms.GXUInt32 import GXUInt32

        return {"UINT8": GXUInt8, "UINT16": GXUInt16, "UINT32": GXUInt32}[name](value)

    def call(self, obis: str, method: str) -> str:
        thing = classes.GXDLMSDisconnectControl(obis)
        self.exchange(thing.remoteDisconnect(self.dlms) if method == "disconnect" else thing.remoteReconnect(self.dlms))
        return "done"

    def capture(self, obis: str) -> str:
        self.exchange(classes.GXDLMSProfileGeneric(obis).capture(self.dlms))
        return "done"

    def rows(self, obis: str):
        profile = classes.GXDLMSProfileGeneric(obis)
        self.dlms.updateValue(profile, 3, self.exchange(self.dlms.read(profile, 3)).value)
        self.dlms.updateValue(profile, 2, self.exchange(self.dlms.read(profile, 2)).value)
        return [[plain(cell) for cell in row] for row in profile.buffer]


def main() -> None:
    order = json.loads(sys.argv[1])
    judge = Judge(order["port"], order["server"], order["password"])
    answers = []
    for name, *arguments in order["ask"]:
        try:
            answers.append(getattr(judge, name)(*arguments))
        except Refused as refusal:
            answers.append({"refused": refusal.args[0]})
    print(json.dumps(answers))


main()
