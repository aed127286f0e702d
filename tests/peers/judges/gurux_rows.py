"""A judge: Gurux's DLMS client reads, writes and calls objects by class and name. Runs in .venv-peers, with nothing of ours.

    gurux_rows.py '{"port": 4059, "server": 2, "password": "..", "ask": [["get", CLASS, OBIS, NUMBER], ...]}'

Over the wrapper on loopback, as client 1 with a password. Questions: ["get", CLASS, OBIS, NUMBER], ["set", CLASS, OBIS, TYPE,
VALUE] (attribute 2; TYPE as Gurux's DataType has it; of a structure or array VALUE lists pairs of those), ["call", OBIS, METHOD]
of a disconnect control, ["capture", OBIS] of a profile, ["rows", OBIS], ["publish", OBIS, SCRIPTS] and ["calendar", OBIS] of an
activity calendar, ["special", OBIS] of special days. Of account, credit, charge and token gateway ["method", CLASS, OBIS, METHOD,
TYPE, VALUE], ["write", CLASS, OBIS, NUMBER, {NAME: VALUE}] with the names of Gurux's object, and ["seen", CLASS, OBIS, NUMBER,
NAME...], what that object makes of an attribute; ["charge", OBIS] of the active unit charge. Of any class, also those that Gurux
has no object of, ["raw", CLASS, OBIS, NUMBER]: the data as such. Octets are {"hex": ..}, a date-time is ISO, bits are a text of 0
and 1. A refusal is {"refused": code}.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

from gurux_dlms import GXDateTime, GXTime
from gurux_dlms import objects as classes
from gurux_dlms.enums import DataType
from gurux_dlms.GXArray import GXArray
from gurux_dlms.GXBitString import GXBitString
from gurux_dlms.GXStructure import GXStructure
from gurux_dlms.objects.GXDLMSDayProfile import GXDLMSDayProfile
from gurux_dlms.objects.GXDLMSDayProfileAction import GXDLMSDayProfileAction
from gurux_dlms.objects.GXDLMSSeasonProfile import GXDLMSSeasonProfile
from gurux_dlms.objects.GXDLMSWeekProfile import GXDLMSWeekProfile
from gurux_wrapper import Client, Refused

CLASSES = {
    1: classes.GXDLMSData, 3: classes.GXDLMSRegister, 4: classes.GXDLMSExtendedRegister, 7: classes.GXDLMSProfileGeneric,
    11: classes.GXDLMSSpecialDaysTable, 70: classes.GXDLMSDisconnectControl, 111: classes.GXDLMSAccount, 112: classes.GXDLMSCredit,
    113: classes.GXDLMSCharge, 115: classes.GXDLMSTokenGateway,
}  # fmt: skip


def plain(value):
    if isinstance(value, GXDateTime):
        return value.value.isoformat()
    if isinstance(value, GXBitString):
        return str(value)
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

    def raw(self, kind: int, obis: str, number: int):
        return plain(self.exchange(self.dlms.read(SimpleNamespace(name=obis, objectType=kind), number)).value)

    def set(self, kind: int, obis: str, name: str, value) -> str:
        thing = CLASSES.get(kind, classes.GXDLMSData)(obis)
        thing.objectType = kind  # of a class that Gurux has no object of, too
        thing.value, wanted = self.data(name, value), DataType[name]
        thing.setDataType(2, wanted)
        self.exchange(self.dlms.write(thing, 2))
        return "written"

    def data(self, name: str, value):
        if name in ("STRUCTURE", "ARRAY"):
            made = GXStructure() if name == "STRUCTURE" else GXArray()
            for each, one in value:
                made.append(self.typed(each, one))
            return made
        return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value

    def typed(self, name: str, value):
        from gurux_dlms.GXEnum import GXEnum
        from gurux_dlms.GXInt16 import GXInt16
        from gurux_dlms.GXUInt8 import GXUInt8
        from gurux_dlms.GXUInt16 import GXUInt16
        from gurux_dlms.GXUInt32 import GXUInt32

        if name in ("STRUCTURE", "ARRAY", "OCTET_STRING"):
            return self.data(name, value)
        numbers = {"INT16": GXInt16, "UINT8": GXUInt8, "UINT16": GXUInt16, "UINT32": GXUInt32, "ENUM": GXEnum}
        return numbers[name](value)

    def call(self, obis: str, method: str) -> str:
        thing = classes.GXDLMSDisconnectControl(obis)
        self.exchange(thing.remoteDisconnect(self.dlms) if method == "disconnect" else thing.remoteReconnect(self.dlms))
        return "done"

    def capture(self, obis: str) -> str:
        self.exchange(classes.GXDLMSProfileGeneric(obis).capture(self.dlms))
        return "done"

    def publish(self, obis: str, scripts: str) -> str:
        """Two days: by day the first tier, at weekends and night the second."""
        thing = classes.GXDLMSActivityCalendar(obis)
        thing.calendarNamePassive = "gurux"
        thing.seasonProfilePassive = [GXDLMSSeasonProfile(b"1", GXDateTime(datetime(2024, 4, 1, tzinfo=UTC)), b"1")]
        week = GXDLMSWeekProfile()
        week.name = b"1"
        week.monday = week.tuesday = week.wednesday = week.thursday = week.friday = 1
        week.saturday = week.sunday = 2
        thing.weekProfileTablePassive, thing.dayProfileTablePassive = [week], []
        for day_id, switches in ((1, ((0, 2), (7, 1), (22, 2))), (2, ((0, 2),))):
            day = GXDLMSDayProfile()
            day.dayId, day.daySchedules = day_id, []
            for hour, tier in switches:
                action = GXDLMSDayProfileAction()
                action.startTime = GXTime(f"{hour:02}:00:00", "%H:%M:%S")
                action.scriptLogicalName, action.scriptSelector = scripts, tier
                day.daySchedules.append(action)
            thing.dayProfileTablePassive.append(day)
        for number in (6, 7, 8, 9):
            self.exchange(self.dlms.write(thing, number))
        self.exchange(thing.activatePassiveCalendar(self.dlms))
        return "written"

    def calendar(self, obis: str):
        thing = classes.GXDLMSActivityCalendar(obis)
        for number in (2, 3, 4, 5):
            self.dlms.updateValue(thing, number, self.exchange(self.dlms.read(thing, number)).value)
        weeks = [[plain(week.name), week.monday, week.friday, week.saturday, week.sunday] for week in thing.weekProfileTableActive]
        days = [
            [day.dayId, [[each.startTime.value.hour, each.scriptLogicalName, each.scriptSelector] for each in day.daySchedules]]
            for day in thing.dayProfileTableActive
        ]
        seasons = [
            [plain(season.name), str(season.start.value.date()), plain(season.weekName)] for season in thing.seasonProfileActive
        ]
        return [thing.calendarNameActive, seasons, weeks, days]

    def write(self, kind: int, obis: str, number: int, values: dict) -> str:
        thing = CLASSES[kind](obis)
        for name, value in values.items():
            setattr(thing, name, value)
        self.exchange(self.dlms.write(thing, number))
        return "written"

    def method(self, kind: int, obis: str, number: int, name: str, value) -> str:
        """Any method: its parameter is typed by name."""
        given, wanted = self.data(name, value), DataType[name]
        self.exchange(self.dlms.method(CLASSES[kind](obis), number, given, wanted))
        return "done"

    def seen(self, kind: int, obis: str, number: int, *names: str):
        """What Gurux's own object of the class makes of an attribute."""
        thing = CLASSES[kind](obis)
        self.dlms.updateValue(thing, number, self.exchange(self.dlms.read(thing, number)).value)
        found = [getattr(thing, name) for name in names]
        return [int(each) if isinstance(each, int) else plain(each) for each in found]

    def charge(self, obis: str):
        """Price and scale of the active unit charge."""
        thing = classes.GXDLMSCharge(obis)
        self.dlms.updateValue(thing, 5, self.exchange(self.dlms.read(thing, 5)).value)
        unit = thing.unitChargeActive
        scaling = unit.chargePerUnitScaling
        return [scaling.commodityScale, scaling.priceScale, [line.chargePerUnit for line in unit.chargeTables]]

    def special(self, obis: str):
        thing = classes.GXDLMSSpecialDaysTable(obis)
        self.dlms.updateValue(thing, 2, self.exchange(self.dlms.read(thing, 2)).value)
        return [[each.index, each.dayId] for each in thing.entries]

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
