"""Others about a home with two gas meters: Gurux's client reads each at its SAP, tshark sees each report to a mirror of its own."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from devices import gsme, ppmid
from devices.parts.han import HUB
from devices.runtime.kernel import HOUR, MIN
from hubfw.translation import Freshness
from hubfw.translation_rows import ROWS
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.metering import Metering
from tests.peers import on_loopback
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run
from tools.capture import keys
from tools.capture.observer import Capture

JUDGE = Path(__file__).resolve().parent / "judges" / "gurux_rows.py"
BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "two-gas-meters.toml"
METERS = ("gas1", "gas2")
METERING = "zbee_aps.cluster == 0x0702"
VOLUME = "7-0:3.0.0"
SITE = next(row for row in ROWS if row.attribute is Metering.site_id)
PASSING = (Metering.remaining_battery_life_in_days, Metering.reading_snapshot_time)
"""Days go by, and Gurux writes times in another way."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two-gas-meters")


@pytest.fixture(scope="module")
def home(folder: Path) -> Run:
    """A home of 70 minutes, at whose end a display looks for meters once more; all of that is in the capture."""
    run = Run(load(BENCH))
    with Capture(folder / "home.pcapng", run.kernel, "test"):
        commission(run)
        run.run_until(HOUR + 9 * MIN)
        display = run.ppmid.firmware
        assert isinstance(display, ppmid.Firmware)
        display.spawn(display.han.match([Metering.id], destination=HUB))
        run.run_until(HOUR + 10 * MIN)
    keys.write(folder / "zigbee_pc_keys", run.zigbee_keys())
    return run


def tshark(folder: Path, wanted: str, *names: str) -> list[tuple[str, ...]]:
    """Fields of the packets that a display filter wants, each with its first value."""
    command = ["tshark", "-n", "-r", str(folder / "home.pcapng"), "-Y", wanted, "-T", "fields", "-E", "occurrence=a"]
    for name in names:
        command += ["-e", name]
    environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


def meter(home: Run, label: str) -> gsme.Firmware:
    firmware = home.board(label).firmware
    assert isinstance(firmware, gsme.Firmware)
    return firmware


def mirror(home: Run, label: str) -> int:
    """The endpoint of a meter's mirror, as the meter has it."""
    endpoint = meter(home, label).mirror
    assert endpoint is not None
    return endpoint


def short(home: Run, label: str) -> str:
    """A device's address, as tshark writes it."""
    han = getattr(home.board(label).firmware, "han", None)
    assert han is not None
    return f"0x{han.stack.short:04x}"


def dotted(name: str) -> str:
    """As Gurux writes a logical name."""
    return ".".join(map(str, bytes(Obis(name))))


@pytest.mark.needs("peers")
@pytest.mark.req("S-018", part=True)
@pytest.mark.req("S-012", part=True)
def test_gurux_reads_at_each_sap_what_that_meter_holds_itself(home: Run, peers_python: Path) -> None:
    said: dict[str, dict[str, object]] = {}
    for label in METERS:
        endpoint = meter(home, label).han.endpoints[1]
        mirrored = [row for row in ROWS if row.freshness is Freshness.MIRROR and not row.optional and row.attribute not in PASSING]
        servers = {row: endpoint.server(row.cluster) for row in mirrored}
        held = {row: server[row.attribute] for row, server in servers.items() if row.attribute in server}
        numbers = {row: value for row, value in held.items() if isinstance(value, int)}
        questions = [["get", row.class_id, dotted(row.name), 2] for row in [*numbers, SITE]]
        sap = home.head_end.settle(home.head_end.find(label))
        *answers, site = on_loopback.ask(peers_python, JUDGE, home, sap, questions)
        said[label] = {row.name: answer for row, answer in zip(numbers, answers, strict=True)}
        assert said[label] == {row.name: value for row, value in numbers.items()}
        assert bytes.fromhex(site["hex"]) == meter(home, label).config.mprn
    assert len(said["gas1"]) > 40
    assert said["gas1"][VOLUME] != said["gas2"][VOLUME]


@pytest.mark.needs("tshark")
def test_tshark_sees_each_meter_report_to_an_endpoint_of_its_own_and_displays_find_them(home: Run, folder: Path) -> None:
    reports = Counter(tshark(folder, f"zbee_zcl.cmd.id == 0x0a && zbee_nwk.dst == 0 && {METERING}", "zbee_nwk.src", "zbee_aps.dst"))
    place = {label: str(mirror(home, label)) for label in METERS}
    assert set(reports) == {(short(home, label), place[label]) for label in METERS}
    assert len(set(place.values())) == 2
    assert min(reports.values()) > 10
    reads = tshark(folder, f"zbee_zcl.cmd.id == 0x00 && zbee_nwk.dst == 0 && {METERING}", "zbee_nwk.src", "zbee_aps.dst")
    assert {(short(home, "ihd1"), place["gas1"]), (short(home, "ihd2"), place["gas2"])} <= set(reads)
    found = tshark(folder, f"zbee_zdp.ep_count && zbee_nwk.src == 0 && zbee_nwk.dst == {short(home, 'ppmid')}", "zbee_zdp.endpoint")
    assert found[-1] == ("16,17",)
    assert tshark(folder, "_ws.malformed", "frame.number") == []
