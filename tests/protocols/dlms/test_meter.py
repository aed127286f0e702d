"""A meter in plain words: quantities, instants, rows and objects, and meters that answer strangely."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.client import Client
from protocols.dlms.cosem import (
    Access,
    AccessError,
    Clock,
    Column,
    Compression,
    ControlState,
    DemandRegister,
    DisconnectControl,
    ProfileGeneric,
    Register,
    Unit,
    date_time,
)
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.direct import Direct
from protocols.dlms.meter import AsyncMeter, Meter
from protocols.dlms.obis import Obis
from protocols.dlms.reading import Entry, Quantity
from protocols.dlms.server import LogicalDevice, Server, open_profile

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
PASSWORD = b"12345678"


def octets(moment: datetime) -> Data:
    return axdr.octets(date_time.encode(date_time.from_datetime(moment)))


class Bench:
    """A server with a meter, and the clock settings it got."""

    def __init__(self) -> None:
        self.settings: list[datetime] = []
        self.time = octets(NOON)
        clock = Clock("0-0:1.0.0", time=lambda: self.time, on={"time": self.set})
        energy = Register("1-0:1.8.0", value=axdr.u32(1_234_567), scaler_unit=(-1, Unit.WATT_HOUR))
        power = Register("1-0:1.7.0", value=axdr.i16(-25), scaler_unit=(2, 99))
        word = Register("0-0:96.5.0", value=axdr.visible("seven"), scaler_unit=(0, Unit.COUNT))
        status = DataClass("0-0:96.10.1", value=axdr.u8(0))
        self.profile = ProfileGeneric(
            "1-0:99.1.0", columns=(Column(clock), Column(energy), Column(status)), profile_entries=200, capture_period=1800
        )
        self.timeless = ProfileGeneric("1-0:99.2.0", columns=(Column(energy),), profile_entries=9)
        things = [clock, energy, power, word, self.profile, self.timeless, DisconnectControl("0-0:96.3.10")]
        self.server = Server({
            1: LogicalDevice(b"MBH", (), open_profile(PASSWORD)), 3: LogicalDevice(b"MBE", things, open_profile(PASSWORD)),
        })  # fmt: skip

    def set(self, value: Data) -> None:
        instant = date_time.instant(value.value)
        assert instant is not None
        self.settings.append(date_time.to_datetime(instant))

    def exchange(self, client: Client) -> Callable[[bytes], bytes]:
        session = self.server.session(client.client_sap, client.server_sap, 200)
        assert session is not None
        return Direct(session)

    def meter(self, sap: int = 3, password: bytes | None = None) -> Meter:
        client = Client(16 if password is None else 1, sap, password)
        return Meter(self.exchange(client), client)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_registers_have_their_unit(bench: Bench) -> None:
    with bench.meter() as meter:
        assert meter.register("1-0:1.8.0") == Quantity(Decimal("123456.7"), Unit.WATT_HOUR)
        assert str(meter.register("1-0:1.8.0")) == "123456.7 Wh"
        assert str(meter.register("1-0:1.7.0")) == "-2500 unit 99"
        with pytest.raises(RemoteProtocolError, match="register's value expected, the meter sent"):
            meter.register("0-0:96.5.0")
        with pytest.raises(AccessError, match="object-undefined"):
            meter.register("1-0:2.8.0")
        with pytest.raises(AccessError, match=r"0-0:1\.0\.0\.255 is no register of any class: object-class-inconsistent"):
            meter.register("0-0:1.0.0")


def test_a_demand_register_says_its_running_average(bench: Bench) -> None:
    passed = iter((0, 126_000, 126_000))
    demand = DemandRegister("1-0:1.4.0", total=lambda: next(passed), utc=lambda: 0, scaler_unit=(1, Unit.WATT), period=1800)
    bench.server.devices[3].add(demand)
    with bench.meter() as meter:
        assert str(meter.register("1-0:1.4.0")) == str(meter.read("1-0:1.4.0")) == "700 W"


def test_the_clock_is_read_and_set(bench: Bench) -> None:
    with bench.meter() as meter:
        assert meter.clock() == NOON
        with pytest.raises(AccessError, match="read-write-denied"):
            meter.set_clock(NOON)
    with bench.meter(password=PASSWORD) as meter:
        meter.set_clock(NOON + HALF_HOUR)
        meter.set_clock(date_time.from_datetime(NOON))
    assert bench.settings == [NOON + HALF_HOUR, NOON]
    bench.time = axdr.octets(b"\xff" * 9 + b"\x80\x00\xff")
    with bench.meter() as meter:
        assert meter.clock() is None


def fill(bench: Bench, rows: int) -> None:
    for number in range(rows):
        bench.profile.append((octets(NOON + number * HALF_HOUR), axdr.u32(number * 10), axdr.u8(number % 2)))


@pytest.mark.dlms("client GET selection by range", "client GET selection by entry")
def test_rows(bench: Bench) -> None:
    fill(bench, 96)
    with bench.meter() as meter:
        profile = meter.profile("1-0:99.1.0")
        assert len(profile.rows()) == 96
        expected = [(NOON + number * HALF_HOUR, Quantity(Decimal(number), Unit.WATT_HOUR), number % 2) for number in (4, 5, 6)]
        assert profile.rows(NOON + 4 * HALF_HOUR, NOON + 6 * HALF_HOUR) == expected
        assert profile.rows(since=date_time.from_datetime(NOON + 94 * HALF_HOUR)) == profile.entries(95)
        assert profile.rows(until=NOON) == profile.entries(1, 1)
        assert [column.is_clock for column in profile.columns()] == [True, False, False]


@pytest.mark.dlms("client null-data compression")
def test_null_data_says_unchanged(bench: Bench) -> None:
    fill(bench, 2)
    bench.profile.append((axdr.null(), axdr.null(), axdr.u8(7)))
    with bench.meter() as meter:
        last = meter.profile("1-0:99.1.0").rows()[-1]
    assert last == (NOON + 2 * HALF_HOUR, Quantity(Decimal(1), Unit.WATT_HOUR), 7)


@pytest.mark.dlms("client compact array", "client null-data compression", "server null-data compression")
@pytest.mark.parametrize("options", [{"compression": Compression.DELTA}, {"compact": True}], ids=["deltas", "compact array"])
def test_a_buffer_made_short_reads_the_same(bench: Bench, options: dict[str, object]) -> None:
    fill(bench, 96)
    columns = bench.profile.columns
    short = ProfileGeneric("1-0:99.3.0", columns=columns, profile_entries=200, capture_period=1800, **options)
    short.restore(bench.profile.image())
    bench.server.devices[3].add(short)
    assert len(short.buffer.build()) < len(bench.profile.buffer.build()) * 0.9
    with bench.meter() as meter:
        whole = meter.profile("1-0:99.1.0").rows()
        assert meter.profile("1-0:99.3.0").rows() == whole
        assert meter.profile("1-0:99.3.0").rows(NOON + 5 * HALF_HOUR, NOON + 9 * HALF_HOUR) == whole[5:10]


@pytest.mark.dlms("client object list selection", "server object list selection")
def test_objects_of_some_classes(bench: Bench) -> None:
    with bench.meter() as meter:
        whole = meter.objects()
        chosen = meter.objects([3, 7])
        assert [entry.name for entry in chosen] == [entry.name for entry in whole if entry.class_id in (3, 7)]
        assert len(chosen) == 5
        assert meter.objects([9000]) == []


def test_an_object_of_the_list_is_read_by_the_declaration_of_its_class(bench: Bench) -> None:
    with bench.meter() as meter:
        objects = {entry.name: entry for entry in meter.objects()}
        energy = meter.attributes(objects[Obis("1-0:1.8.0")])
        assert [(each.name, each.value) for each in energy] == [
            ("logical_name", "1-0:1.8.0.255"), ("value", 1_234_567), ("scaler_unit", [-1, 30]),
        ]  # fmt: skip
        switch = meter.attributes(objects[Obis("0-0:96.3.10")])
        assert [each.name for each in switch] == ["logical_name", "output_state", "control_state", "control_mode"]
        assert meter.attributes(replace(objects[Obis("1-0:1.8.0")], version=9))[1].name == "attribute 2"


@pytest.mark.dlms("server selected columns", "client selected columns")
def test_some_columns(bench: Bench) -> None:
    """By logical name or number, in the order that was asked for; the meter sends no others."""
    fill(bench, 6)
    with bench.meter() as meter:
        profile = meter.profile("1-0:99.1.0")
        assert profile.rows(columns=["0-0:96.10.1", 0])[:2] == [(0, NOON), (1, NOON + HALF_HOUR)]
        energies = [(Quantity(Decimal(number), Unit.WATT_HOUR),) for number in (4, 5)]
        assert profile.rows(since=NOON + 4 * HALF_HOUR, columns=["1-0:1.8.0"]) == energies
        with pytest.raises(LocalProtocolError, match=r"no column 1-0:2\.8\.0: it captures 0-0:1\.0\.0\.255, 1-0:1\.8\.0\.255, "):
            profile.rows(columns=["1-0:2.8.0"])
        with pytest.raises(LocalProtocolError, match="no column 3"):
            profile.rows(columns=[3])


def test_reading_by_name_alone(bench: Bench) -> None:
    fill(bench, 2)
    with bench.meter() as meter:
        assert meter.read("1-0:1.8.0") == Quantity(Decimal("123456.7"), Unit.WATT_HOUR)
        assert meter.read("0-0:1.0.0") == NOON
        assert meter.read("0-0:42.0.0") == b"MBE"
        assert meter.read("1-0:99.1.0") == meter.profile("1-0:99.1.0").rows()
        assert meter.read("0-0:96.3.10") == {
            "logical_name": "0-0:96.3.10.255", "output_state": True, "control_state": 1, "control_mode": 4
        }  # fmt: skip
        assert meter.read("0-0:96.3.10", "control_mode") == 4
        assert meter.read("1-0:1.8.0", 2) == 1_234_567
        with pytest.raises(
            AccessError, match=r"0-0:9\.9\.9\.255 is not among the 11 objects that this client finds: object-undefined"
        ):
            meter.read("0-0:9.9.9")
        with pytest.raises(
            LocalProtocolError, match=r"Register 1-0:1\.8\.0\.255 has no attribute 'volume', but logical_name, value,"
        ):
            meter.read("1-0:1.8.0", "volume")


def test_the_switch(bench: Bench) -> None:
    with bench.meter(password=PASSWORD) as meter:
        assert meter.switch.state is ControlState.CONNECTED
        meter.switch.disconnect()
        assert meter.switch.state is ControlState.DISCONNECTED
        meter.switch.reconnect()
        assert meter.switch.state is ControlState.CONNECTED
    with bench.meter() as meter, pytest.raises(AccessError, match="read-write-denied"):
        meter.switch.disconnect()


def test_objects_are_told_in_words(bench: Bench) -> None:
    with bench.meter(password=PASSWORD) as meter:
        told = {str(entry.name): str(entry) for entry in meter.objects()}
    assert told["1-0:1.8.0.255"] == "1-0:1.8.0.255 Register: logical_name r, value r, scaler_unit r"
    assert told["0-0:96.3.10.255"] == (
        "0-0:96.3.10.255 DisconnectControl: logical_name r, output_state r, control_state r, control_mode rw, "
        "remote_disconnect(), remote_reconnect()"
    )
    assert str(Entry(9998, 7, Obis("0-0:9.9.9"), {1: Access.READ, 2: Access.NONE}, {1: True, 2: False})) == (
        "0-0:9.9.9.255 class 9998: 1 r, 2 -, 1()"
    )


def test_a_profile_without_a_clock_has_no_times(bench: Bench) -> None:
    bench.timeless.capture()
    with bench.meter() as meter:
        assert meter.profile("1-0:99.2.0").rows() == [(Quantity(Decimal("123456.7"), Unit.WATT_HOUR),)]
        with pytest.raises(RemoteProtocolError, match="captures no clock"):
            meter.profile("1-0:99.2.0").rows(since=NOON)


def test_objects_and_names(bench: Bench) -> None:
    with bench.meter() as meter:
        objects = {entry.name: entry for entry in meter.objects()}
        assert len(objects) == 11
        assert objects[Obis("0-0:1.0.0")].attributes[2] == Access.READ
        assert not any(objects[Obis("0-0:96.3.10")].methods.values())
        assert meter.logical_device_name() == b"MBE"
    with bench.meter(password=PASSWORD) as meter:
        objects = {entry.name: entry for entry in meter.objects()}
        assert objects[Obis("0-0:1.0.0")].attributes[2] == Access.READ_WRITE
        assert objects[Obis("0-0:96.3.10")].methods == {1: True, 2: True}
    with bench.meter(sap=1) as meter:
        assert meter.names() == {1: b"MBH", 3: b"MBE"}


def test_the_same_words_in_tasks(bench: Bench) -> None:
    fill(bench, 4)
    client = Client(16, 3)
    exchange = bench.exchange(client)

    async def reply(data: bytes) -> bytes:
        return exchange(data)

    async def read() -> tuple[Quantity, int, int]:
        async with AsyncMeter(reply, client) as meter:
            profile = meter.profile("1-0:99.1.0")
            rows = await profile.rows(until=NOON)
            assert await meter.read("0-0:1.0.0") == NOON
            return await meter.register("1-0:1.8.0"), len(rows), len(await profile.entries(2)) + len(await profile.columns())

    task = read()
    with pytest.raises(StopIteration) as done:
        task.send(None)
    assert done.value.value == (Quantity(Decimal("123456.7"), Unit.WATT_HOUR), 1, 6)


STRANGE = [
    axdr.null(), axdr.u8(1), axdr.octets(b"short"), axdr.array([axdr.null()]), axdr.structure(), axdr.utf8("\ufffd"),
    axdr.array([axdr.structure(axdr.u16(1), axdr.u8(0), axdr.octets(b"short"), axdr.structure(axdr.array([]), axdr.array([])))]),
    axdr.array([axdr.structure(axdr.null(), axdr.null())]), axdr.structure(axdr.i8(0), axdr.octets(b"x")),
    axdr.octets(bytes.fromhex("270E0C1FFF173B3B63FCB800")),
]  # fmt: skip


@pytest.mark.parametrize("value", STRANGE, ids=range(len(STRANGE)))
@pytest.mark.parametrize("call", [
    lambda meter: meter.register("1-0:1.8.0"), lambda meter: meter.clock(), lambda meter: meter.objects(),
    lambda meter: meter.names(), lambda meter: meter.logical_device_name(), lambda meter: meter.rows("1-0:99.1.0"),
    lambda meter: meter.columns("1-0:99.1.0"), lambda meter: meter.switch.state, lambda meter: meter.read("1-0:1.8.0"),
], ids=["register", "clock", "objects", "names", "name", "rows", "columns", "switch", "read"])  # fmt: skip
def test_strange_answers_are_the_meters_fault(value: Data, call: Callable[[Meter], object]) -> None:
    def exchange(data: bytes) -> bytes:
        return b"\xc4\x01" + data[2:3] + b"\x00" + value.build()

    with suppress(RemoteProtocolError):
        call(Meter(exchange))
