"""`meterbench metrics`, called as a user does; tshark counts the same frames."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from devices.runtime.kernel import MIN, S
from devices.runtime.port import Port
from protocols.dlms import hdlc, wrapper
from protocols.dlms.client import Client
from protocols.iec62056_21.characters import with_parity
from protocols.zigbee.clusters.metering import Metering
from tools.bench.config import load, loads
from tools.bench.metrics import SIDES, Metrics, prometheus
from tools.bench.run import Run
from tools.bench.tally import Tally
from tools.capture import keys as key_file
from tools.capture.observer import Capture
from tools.headend.smart_energy import GatewayLine, SmartEnergy

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
HOME = BENCHES / "home.toml"


@pytest.mark.req("S-052", part=True)
@pytest.mark.req("S-040")
def test_every_leg_is_counted_by_type_and_says_where_it_lies() -> None:
    run = Run(load(HOME))
    metrics, tally = Metrics(run.kernel, run.zigbee_keys), Tally(run.kernel)
    run.run_until(10 * MIN)
    run.head_end.meter("esme").register("1-0:1.8.0")
    with_visit = run.visit()
    run.run(for_=2 * MIN)
    with_visit.end()
    totals = dict(metrics.totals())
    assert set(totals) == {"HAN", "WAN", "optical", "service"} <= set(SIDES)
    assert {SIDES[leg] for leg in ("HAN", "wired")} == {"home"}
    assert SIDES["WAN"] == "wide area"
    assert totals["HAN"].messages == tally.frames
    sent = {(leg, kind): traffic.messages for leg, kind, traffic in metrics.rows()}
    for request, response in (("AARQ", "AARE"), ("GetRequestNormal", "GetResponseNormal"), ("RLRQ", "RLRE")):
        assert sent["WAN", f"DLMS {request}"] == sent["WAN", f"DLMS {response}"] > 0
        assert sent["HAN", f"Tunneling DLMS {request}"] >= sent["WAN", f"DLMS {request}"]  # the hub asked the meter's name, too
    for leg, total in metrics.totals():
        below = [traffic for each, _, traffic in metrics.rows() if each == leg]
        assert sum(traffic.messages for traffic in below) == total.messages
        assert sum(traffic.octets for traffic in below) == total.octets
        assert max(traffic.peak_octets for traffic in below) <= total.peak_octets <= total.octets
    assert not any(kind == "ciphered" for leg, kind in sent if leg == "HAN")


READS = """
[[read]]
requester = "volt"
device = "esme"
first_min = 5
[[read]]
requester = "flame"
device = "gsme"
register = "7-0:3.0.0"
first_min = 12
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 10
"""


@pytest.mark.req("S-014", part=True)
def test_translations_on_each_path_are_counted(meterbench, tmp_path: Path) -> None:
    """Gas is translated once, electricity and what the hub itself is never; what a hub passes on unread isn't either."""
    bench = tmp_path / "reads.toml"
    bench.write_text(READS, encoding="utf-8")
    code, out, _ = meterbench("metrics", bench, "--until", "13m", "--json")
    paths = {(path["to"], path["translations"]): path["requests"] for path in json.loads(out)["paths"]}
    assert (code, set(paths)) == (0, {("SAP 1", 0), ("SAP 2", 1), ("SAP 3", 0)})
    assert paths["SAP 2", 1] >= 3 <= paths["SAP 3", 0]  # an association, a read, a release
    run = Run(loads('[[home]]\n[[home.device]]\nkind = "hub"\nwan_application = "gateway"\n[[home.device]]\nkind = "esme"\n'))
    metrics = Metrics(run.kernel, run.zigbee_keys)
    run.run_until(MIN)
    line = GatewayLine(run.kernel, run.head_end.host, run.hub.name, b"12345678")
    run.head_end.settle(line.login())
    run.head_end.settle(SmartEnergy(line).read(run.esme.eui64, 1, Metering, [Metering.current_summation_delivered]))
    path = run.hub.name, f"{run.esme.eui64:016X}", 0
    assert metrics.paths == {path: 1}
    said = f'meterbench_path_requests_total{{hub="{path[0]}",to="{path[1]}",translations="0"}} 1'
    assert said in list(prometheus(metrics, run.now))


def wired(name: str) -> dict[str, int]:
    """Messages by type on a home's wire."""
    run = Run(load(BENCHES / f"{name}.toml"))
    metrics = Metrics(run.kernel, run.zigbee_keys)
    run.run_until(10 * MIN)
    run.head_end.meter("esme").register("1-0:1.8.0")
    return {kind: traffic.messages for leg, kind, traffic in metrics.rows() if leg == "wired"}


@pytest.mark.req("S-052", part=True)
def test_a_wire_is_counted_by_type_whichever_protocol_it_carries() -> None:
    dlms = wired("wired")
    assert dlms["DLMS GetRequestNormal"] == dlms["DLMS GetResponseNormal"] > 0
    assert dlms["HDLC SNRM"] >= dlms["HDLC UA"] > 0
    flag = wired("wired-flag")
    assert flag["FLAG request"] >= flag["FLAG identification"] >= flag["FLAG option select"] > flag["FLAG data"] > 0
    assert flag["FLAG P0"] == flag["FLAG P1"] == flag["FLAG W1"] == flag["FLAG B0"] == 1  # the hub has set the clock
    assert flag["FLAG acknowledgement"] == 2
    assert len(flag) == 9


@pytest.mark.parametrize(
    ("bench", "minutes", "legs"),
    [
        ("consumer-network", 2, {"HAN", "modules"}),
        ("wan-module", 2, {"HAN", "modules"}),
        ("han-module", 2, {"HAN", "modules"}),
    ],
)
def test_lines_between_a_hub_and_its_modules_are_a_leg_of_their_own(meterbench, bench: str, minutes: int, legs: set[str]) -> None:
    code, out, err = meterbench("metrics", BENCHES / f"{bench}.toml", "--until", f"{minutes}m", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)["legs"]
    assert {each["leg"] for each in told} == legs
    assert all(each["messages"] > 0 for each in told)


def test_a_serial_modem_is_counted_as_wan() -> None:
    run = Run(load(HOME))
    metrics = Metrics(run.kernel, run.zigbee_keys)
    run.run_until(5 * MIN)
    assert "WAN" not in dict(metrics.totals())
    client = Client(16, 1)
    link = hdlc.ClientLink(16, 1, hdlc.Parameters(hdlc.Limits(1024, 1024, 7, 7)))
    (connect,) = link.connect(run.now)
    for octets in (wrapper.wrap(16, 1, next(iter(client.associate()))), connect.data):
        plug = Port(run.kernel, "home1/hub.modem#0")
        plug.attach(run.board("hub").uart("modem"), baud=9600)
        plug.write(octets)
        run.run(for_=MIN)
        plug.detach()
    sent = {kind: traffic.messages for leg, kind, traffic in metrics.rows() if leg == "WAN"}
    assert sent == {"DLMS AARQ": 1, "DLMS AARE": 1, "HDLC SNRM": 1, "HDLC UA": 1}


@pytest.mark.req("S-052", part=True)
def test_on_a_wan_of_zigbee_packets_they_are_what_is_counted() -> None:
    bench = '[[home]]\n[[home.device]]\nkind = "hub"\nwan_application = "gateway"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
    run = Run(loads(bench))
    run.run_until(2 * MIN)
    metrics = Metrics(run.kernel, run.zigbee_keys)
    octets: list[int] = []
    run.log.subscribe(lambda now, who, kind, data: octets.append(len(data)), ["net.data"])
    line = GatewayLine(run.kernel, run.head_end.host, "home1/hub", b"12345678")
    run.head_end.settle(line.login())
    attributes = [Metering.current_summation_delivered]
    run.head_end.settle(SmartEnergy(line).read(run.board("esme").eui64, 1, Metering, attributes))
    run.run(for_=S)
    sent = {kind: traffic.messages for leg, kind, traffic in metrics.rows() if leg == "WAN"}
    assert sent == {
        "gateway Login": 1,
        "gateway SendAPSMessage": 1,
        "gateway Result": 2,
        "gateway NotifyAPSMessage": 1,
        "gateway Acknowledge": 1,
    }
    assert dict(metrics.totals())["WAN"].octets == sum(octets)


def test_what_an_outside_reader_says_at_the_optical_port_is_on_that_leg() -> None:
    run = Run(load(HOME))
    metrics = Metrics(run.kernel, run.zigbee_keys)
    run.run_until(5 * MIN)
    plug = Port(run.kernel, "home1/esme.optical#0")
    plug.attach(run.board("esme").uart("optical"), baud=300)
    plug.write(with_parity(b"/?!\r\n"))
    run.run(for_=5 * S)
    sent = {kind: traffic.messages for leg, kind, traffic in metrics.rows() if leg == "optical"}
    assert sent == {"FLAG request": 1, "FLAG identification": 1}


def test_a_peak_is_of_one_second() -> None:
    run = Run(load(HOME))
    times: Counter[int] = Counter()
    run.log.subscribe(lambda now, who, kind, data: times.update([now // 1_000_000_000]), ["air.frame"])
    metrics = Metrics(run.kernel, run.zigbee_keys)
    run.run_until(5 * MIN)
    assert dict(metrics.totals())["HAN"].peak_messages == max(times.values())


@pytest.mark.req("S-052", part=True)
@pytest.mark.needs("tshark")
def test_tshark_counts_the_same(tmp_path: Path) -> None:
    run = Run(load(HOME))
    metrics = Metrics(run.kernel, run.zigbee_keys)
    with Capture(tmp_path / "f.pcapng", run.kernel, "metrics"):
        run.run_until(6 * MIN)
    home = tmp_path / "config"
    home.mkdir()
    key_file.write(home / "zigbee_pc_keys", run.zigbee_keys())
    done = subprocess.run(
        ["tshark", "-n", "-r", tmp_path / "f.pcapng", "-T", "fields", "-e", "_ws.col.Info", "-e", "wpan.frame_type"],
        env={"PATH": "/usr/bin:/bin", "WIRESHARK_CONFIG_DIR": str(home), "HOME": str(tmp_path)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    named: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for line in done.stdout.splitlines():
        info, mac_type = line.split("\t")
        named[info.split(",")[0].split(" (")[0]] += 1
        types[mac_type] += 1
    rows = {kind: traffic.messages for leg, kind, traffic in metrics.rows() if leg == "HAN"}
    assert int(types["0x0002"]) == rows["MAC acknowledgement"]
    assert int(types["0x0000"]) == rows["MAC beacon"]
    for ours, theirs in (("MAC DataRequest", "Data Request"), ("ZDO DeviceAnnounce", "Device Announcement")):
        assert rows[ours] == named[theirs] > 0


@pytest.mark.req("S-052", part=True)
def test_the_command_prints_a_table_json_and_prometheus(meterbench) -> None:
    code, out, err = meterbench("metrics", HOME, "--until", "5m")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["messages", "octets", "peak/s", "octets/s"]
    assert lines[1].startswith("HAN (home)")
    assert lines[-1] == "00:05:00.000 of home, seed 7"
    han = int(lines[1].split()[2].replace(",", ""))
    plain = json.loads(meterbench("metrics", HOME, "--until", "5m", "--json")[1])
    (leg,) = plain["legs"]
    assert (leg["leg"], leg["side"], leg["messages"]) == ("HAN", "home", han)
    assert sum(row["messages"] for row in plain["messages"]) == han
    code, out, _ = meterbench("metrics", HOME, "--until", "5m", "--prometheus")
    assert code == 0
    samples = [line for line in out.splitlines() if not line.startswith("#")]
    pattern = r'meterbench_[a-z_]+(\{leg="[^"\\\n]+",type="[^"\\\n]+"\})? [0-9.e+]+'
    assert all(re.fullmatch(pattern, line) for line in samples)
    assert sum(int(line.split()[-1]) for line in samples if line.startswith("meterbench_messages_total")) == han
    assert samples[-1] == "meterbench_virtual_seconds 300"
    families = re.findall(r"# TYPE (\S+) (counter|gauge)", out)
    assert [name for name, _ in families] == re.findall(r"# HELP (\S+)", out)


@pytest.mark.req("S-052", part=True)
def test_prometheus_has_what_the_table_has(meterbench) -> None:
    """Everything that JSON says is a sample, with its labels as the text format wants them (version 0.0.4)."""
    arguments = ("metrics", BENCHES / "gas-direct.toml", "--until", "2h")
    plain = json.loads(meterbench(*arguments, "--json")[1])
    label = r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*"'
    sample = re.compile(rf"([a-zA-Z_:][\w:]*)(?:\{{({label}(?:,{label})*)\}})? (\d+)")
    found: dict[tuple[str, str], int] = {}
    typed: list[str] = []
    out = meterbench(*arguments, "--prometheus")[1]
    assert out.endswith("\n")
    for line in out.splitlines():
        if line.startswith("#"):
            _, what, family, text = line.split(" ", 3)
            assert what in ("HELP", "TYPE")
            assert text
            typed += [family] * (what == "TYPE")
            continue
        matched = sample.fullmatch(line)
        assert matched, line
        name, labels, value = matched.groups("")
        assert typed[-1] == name  # a family is in one piece, behind its type
        assert (name, labels) not in found
        found[name, labels] = int(value)
    assert len(typed) == len(set(typed))
    for row in plain["messages"]:
        where = f'leg="{row["leg"]}",type="{row["type"]}"'
        values = [row[key] for key in ("messages", "octets", "peak_messages_per_second", "peak_octets_per_second")]
        names = ("messages_total", "octets_total", "peak_messages_per_second", "peak_octets_per_second")
        assert [found[f"meterbench_{name}", where] for name in names] == values
    for row in plain["requesters"]:
        assert found["meterbench_requester_octets_total", f'requester="{row["requester"]}"'] == row["octets"]
    assert plain["systems"]
    for row in plain["systems"]:
        assert found["meterbench_system_messages_total", f'from="{row["from"]}",to="{row["to"]}"'] == row["messages"]
    assert found["meterbench_virtual_seconds", ""] == 7200


def test_a_long_run_is_told_to_the_second() -> None:
    run = Run(load(HOME))
    *_, last = prometheus(Metrics(run.kernel, run.zigbee_keys), 1_000_001 * S)
    assert last == "meterbench_virtual_seconds 1000001"


def test_a_journals_run_is_counted_again(meterbench, tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    assert meterbench("run", HOME, "--until", "5m", "--journal", journal)[0] == 0
    of_bench = json.loads(meterbench("metrics", HOME, "--until", "5m", "--json")[1])
    of_journal = json.loads(meterbench("metrics", journal, "--bench", HOME, "--json")[1])
    assert of_journal == of_bench


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.toml",), "no such file"),
        (("journal.jsonl",), "no such file"),
        ((HOME, "--bench", HOME), "--bench is for a journal"),
        ((HOME, "--until", "soon"), "soon"),
        (("journal.jsonl", "--until", "1h"), "for a bench file"),
    ],
)
def test_bad_use_is_one_line(meterbench, arguments: tuple[object, ...], message: str) -> None:
    code, out, err = meterbench("metrics", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
