"""pyMeterBus reads our records in the frame of wired M-Bus, those of a live meter too, and who sends a wireless telegram.

Of wireless layers it knows the link layer alone (not the extended link layer, nor profile B): the published telegrams of
tests/protocols/wmbus stand for these.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devices.runtime.ether import TELEGRAM
from devices.runtime.kernel import HOUR, MIN, S
from protocols.wmbus import framing, records
from protocols.wmbus.coding import T2
from protocols.wmbus.link import Address, Control, DeviceType, Telegram
from protocols.wmbus.records import Coding, Quantity, Record
from protocols.wmbus.telegram import Content, Key, seal, unseal
from tools.bench.run import bench

pytestmark = pytest.mark.needs("peers")

ROOT = Path(__file__).resolve().parents[2]
GAS = Address("MBT", 12345678, 1, DeviceType.GAS)
PUBLISHED = bytes.fromhex("0C1427048502046D32371F1502FD170000")
"""OMS 2 annex N.2.1: 28504.27 m3, 31 May 2008 23:50, no error."""


@pytest.fixture
def judge() -> Callable[[bytes], dict[str, Any]]:
    def read(frame: bytes) -> dict[str, Any]:
        python, program = ROOT / ".venv-peers" / "bin" / "python", ROOT / "tests" / "peers" / "judges" / "mbus_reader.py"
        done = subprocess.run([python, program], input=frame.hex() + "\n", capture_output=True, text=True, check=True, timeout=60)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return read


def wired(data: bytes) -> bytes:
    """Records in a long frame: RSP-UD from primary address 1, with the long header."""
    address = GAS.build()
    inner = bytes((0x08, 1, 0x72)) + address[2:6] + address[:2] + address[6:] + bytes((7, 0, 0, 0)) + data
    return bytes((0x68, len(inner), len(inner), 0x68)) + inner + bytes((sum(inner) & 0xFF, 0x16))


def values(found: dict[str, Any]) -> list[tuple[str, object, int]]:
    assert "error" not in found, found["error"]
    return [(each["type"].partition(".")[2], each["value"], each["storage_number"]) for each in found["body"]["records"]]


@pytest.mark.req("S-085", part=True)
def test_a_judge_that_reads_published_records_reads_ours(judge) -> None:
    assert values(judge(wired(PUBLISHED))) == [
        ("VOLUME", 28504.27, 0), ("DATE_TIME_GENERAL", "2008-05-31T23:50", 0), ("ERROR_FLAGS", 0, 0),
    ]  # fmt: skip
    made = [
        Record.of(Quantity.VOLUME, 123_456_789, Coding.I32, -3),
        Record.of(Quantity.VOLUME, 28_504, Coding.BCD8, 0, storage=1),
        records.point_in_time(datetime(2026, 12, 31, 23, 59)),
        Record.of(Quantity.ERROR_FLAGS, 0x0101, Coding.I16),
        Record.of(Quantity.VALVE, 2, Coding.I8),
        Record.of(Quantity.ENERGY, 12_345_678, Coding.I32, 0),
        Record.of(Quantity.POWER, 5_000, Coding.I32, 0),
        Record.of(Quantity.FLOW_TEMPERATURE, 650, Coding.I16, -1),
        Record.of(Quantity.RETURN_TEMPERATURE, 400, Coding.I16, -1),
    ]
    assert values(judge(wired(records.build(made)))) == [
        ("VOLUME", 123456.789, 0), ("VOLUME", 28504, 1), ("DATE_TIME_GENERAL", "2026-12-31T23:59", 0),
        ("ERROR_FLAGS", 0x0101, 0), ("DIGITAL_OUTPUT", 2, 0), ("ENERGY_WH", 12_345_678, 0), ("POWER_W", 5_000, 0),
        ("FLOW_TEMPERATURE", 65.0, 0), ("RETURN_TEMPERATURE", 40.0, 0),
    ]  # fmt: skip


@pytest.mark.req("S-095", part=True)
def test_the_judge_reads_what_a_live_meter_reports(judge) -> None:
    heard: list[bytes] = []
    with bench(ROOT / "fixtures" / "benches" / "gas-by-mbus.toml") as home:
        home.log.subscribe(lambda now, who, kind, data: heard.append(data) if who.endswith("gas") else None, [TELEGRAM])
        home.run(for_=2 * HOUR)
        meter = home.board("mbus-gas").firmware
        content = unseal(framing.parse(T2.from_meter.decode(heard[-1])), meter.config.key)
        found = values(judge(wired(content.records.rstrip(b"\x2f"))))
        assert found[0] == ("VOLUME", meter.litres / 1000, 0)
        ((_, moment, _),) = [each for each in found if each[0] == "DATE_TIME_GENERAL"]
        told = datetime.strptime(str(moment), "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
        assert 29 * MIN < (home.utc - told).total_seconds() * S < 32 * MIN


def test_the_judge_sees_who_sends_a_wireless_telegram(judge) -> None:
    telegram = seal(Content(Control.SND_NR, GAS, 7, 0, PUBLISHED), Key())
    assert Telegram.parse(telegram).sender == GAS.build()
    header = judge(bytes((len(telegram),)) + telegram)["header"]
    assert header["manufacturer"] == "MBT"
    assert header["identification"].replace("0x", "").replace(", ", "") == "12345678"
    assert (header["version"], header["device_type"]) == ("0x1", "0x3")
