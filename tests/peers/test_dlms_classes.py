"""Gurux's objects read one instance of each class that acts, counts or sets up, call their methods and write what they can."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr, cosem, wrapper
from protocols.dlms.cosem import Access, BaudRate, Image, ImageStatus, PortMode, ResponseTime, Service, Unit, date_time
from protocols.dlms.cosem.push import Message, TransportService, push_objects
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice, Server, open_profile

pytestmark = pytest.mark.needs("peers")

JUDGE = Path(__file__).resolve().parent / "judges" / "gurux_classes.py"
PASSWORD = "12345678"
NOW = date_time.from_datetime(datetime(2024, 5, 5, 12, 7, 30, tzinfo=UTC))
SCRIPTS, DIARY, POWER = Obis("0-0:10.0.100"), Obis("0-0:96.99.0"), Obis("1-0:1.7.0")
EVERYTHING = Access.READ_WRITE


class Flash:
    """A store for images whose octets are all good."""

    capacity = 10_000

    def __init__(self) -> None:
        self.size, self.status, self.blocks = 0, ImageStatus.NOT_INITIATED, {}
        self.images: Sequence[Image] = ()

    def begin(self, identifier: bytes, size: int) -> None:
        self.identifier, self.size, self.status, self.blocks = identifier, size, ImageStatus.INITIATED, {}

    def has(self, block: int) -> bool:
        return block in self.blocks

    def put(self, block: int, octets: bytes) -> None:
        self.blocks[block] = octets

    def verify(self) -> None:
        self.status = ImageStatus.VERIFICATION_SUCCESSFUL
        self.images = [Image(self.size, self.identifier, b"\x01\x02")]

    def activate(self) -> None:
        self.status = ImageStatus.ACTIVATION_SUCCESSFUL


class Lab:
    """A logical device with one object of each class, and what became of it."""

    def __init__(self) -> None:
        self.utc = NOW
        self.joules = 0
        self.flash = Flash()
        self.device = LogicalDevice(b"LAB0000000000001", associations=open_profile(PASSWORD.encode()))
        for thing in self.objects():
            self.device.add(thing)

    def objects(self) -> Iterator[cosem.InterfaceClass]:
        def octets(text: str) -> bytes:
            return bytes.fromhex(text)

        def set_time(value: axdr.Data) -> None:
            self.utc = date_time.instant(value.value) or 0

        everything = {"access": dict.fromkeys(("entries",), EVERYTHING)}
        yield cosem.Data(DIARY, value=axdr.u16(0))
        yield cosem.Register(POWER, value=axdr.u32(0), scaler_unit=(0, Unit.WATT))
        yield cosem.DemandRegister(
            "1-0:1.4.0", total=lambda: self.joules, utc=lambda: self.utc, scaler_unit=(-1, Unit.WATT), period=900,
            number_of_periods=3, status=axdr.u8(5),
        )  # fmt: skip
        yield cosem.RegisterActivation(
            "0-0:14.0.1", register_assignment=[(3, Obis("1-0:1.8.1")), (3, Obis("1-0:1.8.2"))],
            mask_list=[(b"day", [1]), (b"night", [1, 2])], active_mask=b"night",
        )  # fmt: skip
        yield cosem.Clock(
            "0-0:1.0.0", time=lambda: date_time.encode(self.utc), on={"time": set_time}, time_zone=-60, status=0x04,
            daylight_savings_begin=octets("FFFF03FE07020000008000FF"), daylight_savings_end=octets("FFFF0AFE07030000008000FF"),
            daylight_savings_deviation=60, daylight_savings_enabled=False, clock_base=5, measuring_period=1800,
        )  # fmt: skip
        writes = [(n, [(Service.WRITE, 1, DIARY, 2, axdr.u16(n))]) for n in (1, 2)]
        yield cosem.ScriptTable(
            SCRIPTS, find=self.device.find, scripts=[*writes, (3, [(Service.EXECUTE, 9, SCRIPTS, 1, axdr.u16(0))])]
        )
        yield cosem.Schedule("0-0:12.0.0", **everything, entries=[
            (7, True, SCRIPTS, 2, octets("091E0000"), 0xFFFF, "0000011", "10", octets("FFFF041DFF"), octets("07E80C1FFF")),
        ])  # fmt: skip
        yield cosem.SpecialDaysTable("0-0:11.0.0", entries=[(1, octets("FFFF0C19FF"), 3), (2, octets("07E80505FF"), 4)])
        yield cosem.ImageTransfer("0-0:44.0.0", store=self.flash, image_block_size=16)
        yield cosem.IecLocalPortSetup(
            "0-0:20.0.0", default_mode=PortMode.HDLC, default_baud=BaudRate.B600, prop_baud=BaudRate.B19200,
            response_time=ResponseTime.MS_200, device_addr=b"METER-01",
        )  # fmt: skip
        yield cosem.ActivityCalendar(
            "0-0:13.0.0", calendar_name_active=b"now", calendar_name_passive=b"then",
            season_profile_active=[(b"summer", octets("FFFF0401FF000000008000FF"), b"w1")],
            week_profile_table_active=[(b"w1", 1, 2, 1, 2, 1, 3, 4)],
            day_profile_table_active=[(1, [(octets("07000000"), SCRIPTS, 1), (octets("171E0000"), SCRIPTS, 2)]), (2, [])],
            activate_passive_calendar_time=octets("07E90101FF00000000000000"),
        )  # fmt: skip
        yield cosem.RegisterMonitor(
            "0-0:16.0.0", find=self.device.find, monitored_value=(3, POWER, 2),
            thresholds=axdr.array([axdr.u32(100), axdr.u32(200)]),
            actions=[((SCRIPTS, 1), (SCRIPTS, 2)), ((SCRIPTS, 3), (SCRIPTS, 0))],
        )  # fmt: skip
        yield cosem.SingleActionSchedule(
            "0-0:15.0.0", executed_script=(SCRIPTS, 2), type=5,
            execution_time=[(octets("0C1E0000"), octets("FFFF0101FF")), (octets("00000000"), octets("07E80615FF"))],
        )  # fmt: skip
        yield cosem.PushSetup(
            "0-0:25.9.0", send_destination_and_method=(TransportService.TCP, b"127.0.0.1:4059", Message.A_XDR),
            push_object_list=push_objects([(self["0-0:42.0.0"], 2), (self["0-0:1.0.0"], 2), (self["0-0:96.99.0"], 2)]),
            communication_window=[(octets("FFFFFFFFFF160000008000FF"), octets("FFFFFFFFFF173000008000FF"))],
            randomisation_start_interval=600, number_of_retries=3, repetition_delay=60,
        )  # fmt: skip
        yield cosem.IecHdlcSetup(
            "0-0:22.0.0", comm_speed=BaudRate.B38400, window_size_transmit=3, window_size_receive=5,
            max_info_field_length_transmit=512, max_info_field_length_receive=1024,
            inter_octet_time_out=30, inactivity_time_out=90, device_address=0x123,
        )  # fmt: skip

    def __getitem__(self, name: str) -> Any:
        return self.device.find(Obis(name))


class Wrapped(threading.Thread):
    """The lab behind a socket: connections one after another, until it is closed."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self.server = Server({1: lab.device})
        self.lab = lab
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def run(self) -> None:
        with suppress(OSError):
            while True:
                self.serve(self.listener.accept()[0])

    def serve(self, link: socket.socket) -> None:
        splitter, sessions = wrapper.Splitter(), {}
        with link, suppress(RemoteProtocolError):
            while data := link.recv(4096):
                for pdu in splitter.feed(data):
                    way = pdu.source, pdu.destination
                    if way not in sessions:
                        sessions[way] = self.server.session(*way, 1024)
                    for answer in sessions[way].receive(pdu.apdu, self.lab.utc):
                        link.sendall(wrapper.wrap(pdu.destination, pdu.source, answer))


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def gurux(lab: Lab, peers_python: Path) -> Iterator[Callable[..., list[Any]]]:
    """What Gurux's objects hold after each question."""
    served = Wrapped(lab)
    served.start()

    def ask(*questions: list[Any]) -> list[Any]:
        order = json.dumps({"port": served.port, "password": PASSWORD, "ask": questions})
        done = subprocess.run([str(peers_python), str(JUDGE), order], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers

    yield ask
    served.listener.close()


TABLE = "0.0.10.0.100.255"
READINGS: list[tuple[str, str, list[int], dict[str, Any]]] = [
    ("GXDLMSDemandRegister", "1.0.1.4.0.255", [4, 1, 2, 3, *range(5, 10)], {
        "currentAverageValue": 0, "lastAverageValue": 0, "scaler": 0.1, "unit": Unit.WATT, "status": 5,
        "captureTime": "2024-05-05 day 7 12:07:30",
        "startTimeCurrent": "2024-05-05 day 7 12:07:30", "period": 900, "numberOfPeriods": 3,
    }),
    ("GXDLMSRegisterActivation", "0.0.14.0.1.255", [1, 2, 3, 4], {
        "registerAssignment": [{"objectType": 3, "logicalName": f"1.0.1.8.{n}.255"} for n in (1, 2)],
        "maskList": [[b"day".hex(), [1]], [b"night".hex(), [1, 2]]],
        "activeMask": b"night".hex(),
    }),
    ("GXDLMSClock", "0.0.1.0.0.255", list(range(1, 10)), {
        "time": "2024-05-05 day 7 12:07:30", "timeZone": -60, "status": 4, "begin": "*-03-L day 7 02:00:00",
        "end": "*-10-L day 7 03:00:00", "deviation": 60, "enabled": False, "clockBase": 5,
    }),
    ("GXDLMSScriptTable", TABLE, [1, 2], {
        "scripts": [
            {"id": number, "actions": [{
                "type_": service, "objectType": 0, "parameterDataType": 18, "target": target, "logicalName": None, "index": index,
                "parameter": parameter,
            }]}
            for number, service, target, index, parameter in (
                (1, 1, "0.0.96.99.0.255", 2, 1), (2, 1, "0.0.96.99.0.255", 2, 2), (3, 2, TABLE, 1, 0),
            )
        ],
    }),
    ("GXDLMSSchedule", "0.0.12.0.0.255", [1, 2], {
        "entries": [{
            "index": 7, "enable": True, "logicalName": TABLE, "scriptSelector": 2, "switchTime": "09:30:00",
            "validityWindow": 65535,
            "execWeekdays": 0x20 | 0x40, "execSpecDays": "10", "beginDate": "*-04-29", "endDate": "2024-12-31",
        }],
    }),
    ("GXDLMSSpecialDaysTable", "0.0.11.0.0.255", [1, 2], {
        "entries": [{"index": 1, "date": "*-12-25", "dayId": 3}, {"index": 2, "date": "2024-05-05", "dayId": 4}],
    }),
    ("GXDLMSImageTransfer", "0.0.44.0.0.255", [1, 2, 3, 4, 5, 6, 7], {
        "imageBlockSize": 16, "imageTransferredBlocksStatus": "", "imageFirstNotTransferredBlockNumber": 0,
        "imageTransferEnabled": True, "imageTransferStatus": 0, "imageActivateInfo": [],
    }),
    ("GXDLMSIECLocalPortSetup", "0.0.20.0.0.255", [1, 2, 3, 4, 5, 6], {
        "defaultMode": 1, "defaultBaudrate": 1, "proposedBaudrate": 6, "responseTime": 1, "deviceAddress": "METER-01",
    }),
    ("GXDLMSActivityCalendar", "0.0.13.0.0.255", list(range(1, 11)), {
        "calendarNameActive": "now",
        "seasonProfileActive": [{"name": b"summer".hex(), "start": "*-04-01 00:00:00", "weekName": b"w1".hex()}],
        "weekProfileTableActive": [{
            "name": b"w1".hex(), "monday": 1, "tuesday": 2, "wednesday": 1, "thursday": 2, "friday": 1, "saturday": 3, "sunday": 4,
        }],
        "dayProfileTableActive": [
            {"dayId": 1, "daySchedules": [
                {"startTime": "07:00:00", "scriptLogicalName": TABLE, "scriptSelector": 1},
                {"startTime": "23:30:00", "scriptLogicalName": TABLE, "scriptSelector": 2},
            ]},
            {"dayId": 2, "daySchedules": []},
        ],
        "calendarNamePassive": "then", "seasonProfilePassive": [], "weekProfileTablePassive": [], "dayProfileTablePassive": [],
        "time": "2025-01-01 00:00:00",
    }),
    ("GXDLMSRegisterMonitor", "0.0.16.0.0.255", [1, 2, 3, 4], {
        "thresholds": [100, 200],
        "monitoredValue": {"objectType": 3, "logicalName": "1.0.1.7.0.255", "attributeIndex": 2},
        "actions": [
            {name: {"logicalName": TABLE, "scriptSelector": number} for name, number in (("actionUp", up), ("actionDown", down))}
            for up, down in ((1, 2), (3, 0))
        ],
    }),
    ("GXDLMSActionSchedule", "0.0.15.0.0.255", [1, 2, 3, 4], {
        "target": TABLE, "executedScriptSelector": 2, "type_": 5, "executionTime": ["*-01-01 12:30:00", "2024-06-21 00:00:00"],
    }),
    ("GXDLMSPushSetup", "0.0.25.9.0.255", list(range(1, 8)), {
        "service": TransportService.TCP, "destination": "127.0.0.1:4059", "message": Message.A_XDR,
        "randomisationStartInterval": 600, "numberOfRetries": 3,
    }),
    ("GXDLMSHdlcSetup", "0.0.22.0.0.255", list(range(1, 10)), {
        "communicationSpeed": 7, "windowSizeTransmit": 3, "windowSizeReceive": 5, "maximumInfoLengthTransmit": 512,
        "maximumInfoLengthReceive": 1024, "interCharachterTimeout": 30, "inactivityTimeout": 90, "deviceAddress": 0x123,
    }),
]  # fmt: skip
"""Gurux's object, its name, the attributes read, and what Gurux's fields must hold then."""


@pytest.mark.dlms(
    *[f"class 5 attribute {n}" for n in range(1, 10)],
    *[f"class 6 attribute {n}" for n in range(1, 5)],
    *[f"class 8 attribute {n}" for n in range(1, 10)],
    *[f"class 9 attribute {n}" for n in range(1, 3)],
    *[f"class 10 attribute {n}" for n in range(1, 3)],
    *[f"class 11 attribute {n}" for n in range(1, 3)],
    *[f"class 18 attribute {n}" for n in range(1, 8)],
    *[f"class 19 attribute {n}" for n in range(1, 7)],
    *[f"class 20 attribute {n}" for n in range(1, 11)],
    *[f"class 21 attribute {n}" for n in range(1, 5)],
    *[f"class 22 attribute {n}" for n in range(1, 5)],
    *[f"class 23 attribute {n}" for n in range(1, 10)],
    *[f"class 40 attribute {n}" for n in range(1, 8)],
)
@pytest.mark.req("S-010", part=True)
def test_gurux_reads_every_attribute_of_every_class(gurux) -> None:
    versions = {"GXDLMSPushSetup": 0}
    found = gurux(*(["read", kind, name, numbers, versions.get(kind)] for kind, name, numbers, _ in READINGS))
    for (kind, logical_name, _, expected), fields in zip(READINGS, found, strict=True):
        assert {name: fields[name] for name in expected} == expected, kind
        assert fields["logicalName"] == logical_name


@pytest.mark.dlms(*[f"class 18 method {n}" for n in range(1, 5)])
def test_gurux_transfers_an_image(gurux, lab: Lab) -> None:
    octets = bytes(range(250)) * 3
    steps = gurux(["image", "0.0.44.0.0.255", "v2", octets.hex()])[0]
    blocks = -(-len(octets) // 16)
    info = [[len(octets), b"v2".hex(), "0102"]]
    assert steps == [
        ["0" * blocks, 0, ImageStatus.INITIATED, []],
        ["1" * blocks, blocks, ImageStatus.INITIATED, []],
        ["1" * blocks, blocks, ImageStatus.VERIFICATION_SUCCESSFUL, info],
        ["1" * blocks, blocks, ImageStatus.ACTIVATION_SUCCESSFUL, info],
    ]
    assert b"".join(lab.flash.blocks.values()) == octets


@pytest.mark.dlms("class 20 method 1")
def test_gurux_writes_and_activates_a_calendar(gurux, lab: Lab) -> None:
    assert gurux(["calendar", "0.0.13.0.0.255", TABLE]) == ["written"]
    calendar = lab["0-0:13.0.0"]
    assert calendar.calendar_name_active == axdr.octets(b"gurux")
    profiles = [day.value for day in calendar.day_profile_table_active.value]
    days = [(day_id.value, *(item.value for item in actions.value[0].value)) for day_id, actions in profiles]
    assert days == [(1, bytes((6, 30, 0, 0xFF)), SCRIPTS, 1), (2, bytes((8, 30, 0, 0xFF)), SCRIPTS, 2)]
    home = cosem.Timetable(list(lab.device), lab.device.find)
    (done,) = home.expire(NOW)  # a Sunday noon
    assert (done.call.argument.value, done.result) == (2, 0)
    assert lab["0-0:96.99.0"].value == axdr.u16(2)


@pytest.mark.dlms(
    "class 5 method 2", "class 6 method 2", "class 6 method 3", "class 8 method 2", "class 8 method 6", "class 9 method 1",
    "class 10 method 2", "class 10 method 3", "class 11 method 1", "class 11 method 2",
)  # fmt: skip
def test_gurux_calls_methods(gurux, lab: Lab) -> None:
    lab.joules = 2_700_000
    done = gurux(
        ["call", "GXDLMSScriptTable", TABLE, "execute", [1]],
        ["call", "GXDLMSScriptTable", TABLE, "execute", [9]],
        ["call", "GXDLMSDemandRegister", "1.0.1.4.0.255", "nextPeriod", []],
        ["call", "GXDLMSRegisterActivation", "0.0.14.0.1.255", "addMask", [{"hex": b"dawn".hex()}, [2]]],
        ["call", "GXDLMSRegisterActivation", "0.0.14.0.1.255", "removeMask", [{"hex": b"day".hex()}]],
        ["call", "GXDLMSClock", "0.0.1.0.0.255", "adjustToMeasuringPeriod", []],
        ["call", "GXDLMSClock", "0.0.1.0.0.255", "shiftTime", [-90]],
        ["copy", "GXDLMSSchedule", "0.0.12.0.0.255", 9],
        ["delete", "GXDLMSSchedule", "0.0.12.0.0.255", 7],
        ["copy", "GXDLMSSpecialDaysTable", "0.0.11.0.0.255", 5],
        ["delete", "GXDLMSSpecialDaysTable", "0.0.11.0.0.255", 2],
    )
    assert done == ["done", {"refused": 13}, *["done"] * 9]
    assert lab["0-0:96.99.0"].value == axdr.u16(1)
    assert lab["1-0:1.4.0"].last_average_value == axdr.u32(1_000)
    assert [mask.value[0].value for mask in lab["0-0:14.0.1"].mask_list.value] == [b"night", b"dawn"]
    assert date_time.to_datetime(lab.utc) == datetime(2024, 5, 5, 11, 58, 30, tzinfo=UTC)
    fresh = Lab()
    (entry,), (before,) = lab["0-0:12.0.0"].entries.value, fresh["0-0:12.0.0"].entries.value
    assert entry.value[0] == axdr.u16(9)
    weekdays = entry.value[6]
    assert weekdays.value == before.value[6].value + "0"  # Gurux writes eight
    assert [item.python for item in entry.value if item is not weekdays][1:] == [
        item.python for item in before.value if item is not before.value[6]
    ][1:]
    days = [tuple(item.value for item in day.value) for day in lab["0-0:11.0.0"].entries.value]
    assert days == [(5, bytes.fromhex("FFFF0C19FF"), 3)]  # the same date: the first one gave way


@pytest.mark.dlms("class 8 method 4", "class 8 method 5")
def test_gurux_presets_the_clock(gurux, lab: Lab) -> None:
    wrong, right = gurux(
        ["preset", "0.0.1.0.0.255", "2024-05-05 15:00:00", "2024-05-05 13:00:00", "2024-05-05 14:00:00"],
        ["preset", "0.0.1.0.0.255", "2024-05-05 15:00:00", "2024-05-05 12:00:00", "2024-05-05 14:00:00"],
    )
    assert (wrong, right) == ({"refused": 250}, "done")
    assert date_time.to_datetime(lab.utc) == datetime(2024, 5, 5, 15, tzinfo=UTC)


@pytest.mark.dlms("server DataNotification")
def test_gurux_hears_a_push(gurux, lab: Lab) -> None:
    apdu = lab.device.notification(lab["0-0:25.9.0"], 7, date_time.encode(NOW))
    values, at = gurux(["notification", wrapper.wrap(1, 1, apdu).hex()])[0]
    assert values == [b"LAB0000000000001".hex(), date_time.encode(NOW).hex(), 0]
    assert at == "2024-05-05 day 7 12:07:30"
