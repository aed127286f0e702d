"""A judge: Gurux's objects of many classes, read from a device, written and called. Runs in .venv-peers, with nothing of ours.

    gurux_classes.py '{"port": 4059, "password": "..", "ask": [["read", "GXDLMSClock", "0.0.1.0.0.255", [2, 3]], ...]}'

Over the wrapper on loopback, as client 1 with a password, at server 1. Questions:
    ["read", CLASS, OBIS, [NUMBER...], VERSION] every field of the object, with those attributes read; null: Gurux's own version
    ["call", CLASS, OBIS, METHOD, [ARGUMENT...]]          a method of the object, by Gurux's name of it; {"hex": ..} is octets
    ["copy", CLASS, OBIS, INDEX]                the first entry of a table inserted under another index
    ["delete", CLASS, OBIS, INDEX]              the entry of an index deleted
    ["image", OBIS, IDENTIFIER, HEX]            block size read, image transferred, verified, activated; what it has after each
    ["calendar", OBIS, SCRIPTS]                 a calendar of Gurux's making written and activated: one season, two days
    ["notification", HEX]                       what a data notification in the wrapper says: its values, and its time
    ["preset", OBIS, TIME, START, END]          a clock's time preset and set; times as YYYY-MM-DD hh:mm:ss of UTC

Octets are hexadecimal. Of a date-time open fields are `*`, and the last day of a month `L`; the weekday follows, if there is one.
A refusal is {"refused": code}.
"""

from __future__ import annotations

import contextlib
import json
import sys
from datetime import UTC, datetime
from enum import IntEnum

from gurux_dlms import GXByteBuffer, GXDate, GXDateTime, GXReplyData, GXTime
from gurux_dlms import objects as classes
from gurux_dlms.enums import DateTimeExtraInfo, DateTimeSkips
from gurux_dlms.GXBitString import GXBitString
from gurux_dlms.objects.GXDLMSDayProfile import GXDLMSDayProfile
from gurux_dlms.objects.GXDLMSDayProfileAction import GXDLMSDayProfileAction
from gurux_dlms.objects.GXDLMSSeasonProfile import GXDLMSSeasonProfile
from gurux_dlms.objects.GXDLMSWeekProfile import GXDLMSWeekProfile
from gurux_wrapper import Client, Refused

OF_EVERY_OBJECT = {
    "objectType", "attributes", "methodAttributes", "version", "shortName", "description", "parent",
    "readTimes", "status_", "buffer",
}  # fmt: skip


class Judge(Client):
    def get(self, thing, number: int) -> None:
        self.dlms.updateValue(thing, number, self.exchange(self.dlms.read(thing, number)).value)

    # --- questions

    def read(self, kind: str, obis: str, numbers: list[int], version: int | None) -> dict[str, object]:
        thing = getattr(classes, kind)(obis)
        if version is not None:
            thing.version = version
        for number in numbers:
            self.get(thing, number)
        return {name: plain(value) for name, value in vars(thing).items() if name not in OF_EVERY_OBJECT}

    def call(self, kind: str, obis: str, method: str, arguments: list) -> str:
        thing = getattr(classes, kind)(obis)
        given = [bytes.fromhex(it["hex"]) if isinstance(it, dict) else it for it in arguments]
        self.exchange(getattr(thing, method)(self.dlms, *given))
        return "done"

    def copy(self, kind: str, obis: str, index: int) -> str:
        thing = getattr(classes, kind)(obis)
        self.get(thing, 2)
        thing.entries[0].index = index
        self.exchange(thing.insert(self.dlms, thing.entries[0]))
        return "done"

    def delete(self, kind: str, obis: str, index: int) -> str:
        thing = getattr(classes, kind)(obis)
        self.get(thing, 2)
        self.exchange(thing.delete(self.dlms, next(entry for entry in thing.entries if entry.index == index)))
        return "done"

    def notification(self, octets: str) -> list[object]:
        reply, note = GXReplyData(), GXReplyData()
        self.dlms.getData(GXByteBuffer(bytes.fromhex(octets)), reply, note)
        at = note.time if isinstance(note.time, GXDateTime) else GXDateTime(note.time)
        return [plain(note.value), moment(at)]

    def preset(self, obis: str, *times: str) -> str:
        thing = classes.GXDLMSClock(obis)
        moments = [GXDateTime(datetime.fromisoformat(f"{time}+00:00")) for time in times]
        self.exchange(thing.presetAdjustingTime(self.dlms, *moments))
        self.exchange(thing.adjustToPresetTime(self.dlms))
        return "done"

    def image(self, obis: str, identifier: str, octets: str) -> list[object]:
        thing = classes.GXDLMSImageTransfer(obis)
        self.get(thing, 2)
        found = []
        for step in (
            lambda: thing.imageTransferInitiate(self.dlms, identifier, len(octets) // 2),
            lambda: [frame for frames in thing.imageBlockTransfer(self.dlms, bytes.fromhex(octets), [0]) for frame in frames],
            lambda: thing.imageVerify(self.dlms),
            lambda: thing.imageActivate(self.dlms),
        ):
            self.exchange(step())
            for number in (3, 4, 6, 7):
                self.get(thing, number)
            info = [[it.size, plain(it.identification), plain(it.signature)] for it in thing.imageActivateInfo]
            missing = int(thing.imageFirstNotTransferredBlockNumber)
            found.append([thing.imageTransferredBlocksStatus, missing, int(thing.imageTransferStatus), info])
        return found

    def calendar(self, obis: str, scripts: str) -> str:
        thing = classes.GXDLMSActivityCalendar(obis)
        thing.calendarNamePassive = "gurux"
        thing.seasonProfilePassive = [GXDLMSSeasonProfile(b"s", GXDateTime(datetime(2024, 4, 1, tzinfo=UTC)), b"w")]
        week = GXDLMSWeekProfile()
        week.name = b"w"
        week.monday = week.tuesday = week.wednesday = week.thursday = week.friday = 1
        week.saturday = week.sunday = 2
        thing.weekProfileTablePassive = [week]
        thing.dayProfileTablePassive = []
        for day_id, hour in ((1, 6), (2, 8)):
            action = GXDLMSDayProfileAction()
            action.startTime = GXTime(f"{hour:02}:30:00", "%H:%M:%S")
            action.scriptLogicalName, action.scriptSelector = scripts, day_id
            day = GXDLMSDayProfile()
            day.dayId, day.daySchedules = day_id, [action]
            thing.dayProfileTablePassive.append(day)
        for number in (6, 7, 8, 9):
            self.exchange(self.dlms.write(thing, number))
        self.exchange(thing.activatePassiveCalendar(self.dlms))
        return "written"


def plain(value):
    """What Gurux holds, as JSON has it."""
    if isinstance(value, GXDateTime):
        return moment(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, GXBitString):
        return str(value)
    if isinstance(value, IntEnum):
        return int(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, classes.GXDLMSObject):
        return value.logicalName
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return {name: plain(item) for name, item in vars(value).items()}


def moment(value: GXDateTime) -> str:
    def field(skip: DateTimeSkips, number: int, width: int = 2) -> str:
        return "*" if value.skip & skip else f"{number:0{width}}"

    at, skips = value.value, DateTimeSkips
    last = "L" if value.extra & DateTimeExtraInfo.LAST_DAY else field(skips.DAY, at.day)
    day = "-".join((field(skips.YEAR, at.year, 4), field(skips.MONTH, at.month), last))
    if value.dayOfWeek != 0xFF:
        day += f" day {value.dayOfWeek}"
    time = ":".join((field(skips.HOUR, at.hour), field(skips.MINUTE, at.minute), field(skips.SECOND, at.second)))
    return time if isinstance(value, GXTime) else day if isinstance(value, GXDate) else f"{day} {time}"


def main() -> None:
    order = json.loads(sys.argv[1])
    answers: list[object] = []
    with contextlib.redirect_stdout(sys.stderr):
        judge = Judge(order["port"], 1, order["password"])
        for name, *arguments in order["ask"]:
            try:
                answers.append(getattr(judge, name)(*arguments))
            except Refused as refusal:
                answers.append({"refused": refusal.args[0]})
    print(json.dumps(answers))


main()
