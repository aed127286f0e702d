"""tshark, with the exported keys, opens what suppliers publish in a living home: every frame named, none malformed, values ours."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import hubfw
from devices.runtime.kernel import HOUR, MIN, S
from protocols.core.codec import Frame
from protocols.zigbee.calendar.schedule import day
from protocols.zigbee.clusters.calendar import Calendar, SpecialDay
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.price import BlockThresholds, Price
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.status import Status
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run
from tools.capture import keys
from tools.capture.observer import Capture

pytestmark = pytest.mark.needs("tshark")

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "tariffs.toml"
DATA = "zbee_aps.type == 0 && (zbee_aps.cluster == 0x0700 || zbee_aps.cluster == 0x0707 || zbee_aps.cluster == 0x0708)"
PRICE = "zbee_zcl_se.price"


class Home:
    """A capture of an hour in which everything that can be published is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run = Run(load(BENCH))
        with Capture(folder / "home.pcapng", run.kernel, "test"):
            commission(run)
            run.run_until(10 * MIN)
            hub = run.hub.firmware
            assert isinstance(hub, hubfw.Firmware)
            now = run.hub.rtc.read() // S - EPOCH
            for command in everything(now):
                assert hub.tariffs.publish(command) is Status.SUCCESS, command
            run.run(for_=3 * MIN)
            run.ihd.buttons.press("ok")
            publisher = hub.tariffs.of("electricity")
            assert publisher is not None
            publisher.ask(DeviceManagement.GetEventConfiguration(0xFFFF))
            run.run(for_=MIN)
            hub.tariffs.publish(Price.CancelTariff(1, 9, 0))
            hub.tariffs.publish(Calendar.CancelCalendar(1, 9, 0))
            run.run_until(HOUR)
        keys.write(folder / "zigbee_pc_keys", run.zigbee_keys())

    def ask(self, wanted: str, *names: str) -> list[list[str]]:
        """tshark's fields of the packets that a display filter wants."""
        command = ["tshark", "-n", "-r", str(self.folder / "home.pcapng"), "-Y", wanted, "-T", "fields"]
        for name in names:
            command += ["-e", name]
        environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(self.folder)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
        return [line.split("\t") for line in done.stdout.splitlines()]


def everything(now: int) -> list[Frame]:
    """One of each that the bench file does not have."""
    later = now + 7200
    return [
        Price.PublishTariffInformation(1, now, 9, later, 0x10, b"later", 0, 1, 0, 826, 0x50, 0, 0, 1, 1),
        Price.PublishBlockThresholds(1, now, later, 9, 0, 1, 1, [BlockThresholds(1, [77])]),
        Price.PublishBlockPeriod(1, now, 0, 30, 0, 1, 0, 1),
        Price.PublishCO2Value(1, now, 0, 0, 233, 1, 0x30),
        Price.PublishCreditPayment(1, now, later, 0, 1, 5000, now, b"A1"),
        Price.PublishCurrencyConversion(1, now, later, 826, 978, 117, 0x20, 0),
        Price.PublishCppEvent(1, now, later, 60, 0, 0, 0),
        Price.PublishPrice(1, b"spot", now, now, 0, 826, 0x51, 0x11, later, 30, 24_680, 0xFF, 0xFFFFFFFF, 0xFF),
        Calendar.PublishCalendar(1, now, 9, later, 0, 0, b"later", 0, 0, 1),
        Calendar.PublishSpecialDays(1, now, 9, later, 0, 1, 0, 1, [SpecialDay(day(2026, 5, 25), 1)]),
        DeviceManagement.PublishChangeOfTenancy(1, now, 0, later, 0),
        DeviceManagement.PublishChangeOfSupplier(1, now, 0, 2, later, 0, b"New", b"0800"),
        DeviceManagement.RequestNewPasswordResponse(now, now, 60, 2, b"1234"),
        DeviceManagement.UpdateSiteId(now, now, 1, b"1300012345678"),
        DeviceManagement.UpdateCIN(now, now, 1, b"4711"),
        DeviceManagement.SetEventConfiguration(now, now, 1, 1, b"\xff\xff"),
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("tariffs"))


def test_nothing_of_it_is_malformed_or_closed(home: Home) -> None:
    rows = home.ask(DATA, "frame.protocols", "zbee_sec.encrypted_payload", "_ws.malformed")
    assert len(rows) > 150
    assert {tuple(row[1:]) for row in rows} == {("", "")}
    assert all("zbee_zcl" in row[0] for row in rows)


def test_every_command_is_named(home: Home) -> None:
    named = {row[0].partition(": ")[2].partition(",")[0] for row in home.ask(DATA, "_ws.col.Info")}
    assert named >= {
        "Publish Price", "Publish Block Period", "Publish Conversion Factor", "Publish Calorific Value",
        "Publish Tariff Information", "Publish Price Matrix", "Publish Block Thresholds", "Publish CO2 Value",
        "Publish Tier Labels", "Publish Billing Period", "Publish Consolidated Bill", "Publish CPP Event",
        "Publish Credit Payment", "Publish Currency Conversion", "Cancel Tariff", "CPP Event Response",
        "Publish Calendar", "Publish Day Profile", "Publish Week Profile", "Publish Seasons", "Publish Special Days",
        "Cancel Calendar", "Publish Change Of Tenancy", "Publish Change Of Supplier", "Update Site ID", "Update CIN",
        "Set Event Configuration", "Get Event Configuration", "Request New Password Response",
        "Report Event Configuration", "Get Current Price", "Get Scheduled Prices", "Get Change Of Supplier", "Get Site ID",
        "Get Tariff Information", "Get Price Matrix", "Get Calorific Value", "Get Calendar", "Get Day Profiles",
    }  # fmt: skip
    assert not [name for name in named if "nknown" in name]


def numbers(home: Home, wanted: str, field: str) -> set[int]:
    return {int(value, 0) for (row,) in home.ask(f"{DATA} && {wanted}", field) for value in row.split(",")}


def test_values_are_those_of_the_bench_file(home: Home) -> None:
    assert numbers(home, f"{PRICE}.cmd.srv_tx.id == 0x03", f"{PRICE}.calorific_value") == {402}
    assert numbers(home, f"{PRICE}.cmd.srv_tx.id == 0x02", f"{PRICE}.conversion_factor") == {102_264}
    prices = numbers(home, f"{PRICE}.cmd.srv_tx.id == 0x05", f"{PRICE}.price_matrix.price")
    assert prices == {30_100, 9_500, 90_000, 6_200}
    assert numbers(home, f"{PRICE}.cmd.srv_tx.id == 0x0a", f"{PRICE}.consolidated_bill") == {6120}
    weeks = home.ask(f"{DATA} && zbee_zcl_se.calendar.cmd.srv_tx.id == 0x02", *(
        f"zbee_zcl_se.calendar.day_id_ref_{day}" for day in ("monday", "friday", "saturday", "sunday")))  # fmt: skip
    assert {tuple(int(value, 0) for value in week) for week in weeks} == {(1, 1, 2, 2)}
