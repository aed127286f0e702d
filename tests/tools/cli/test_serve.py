"""`meterbench serve`, as programs of other people see it: a process, a ready line, links, an end."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from protocols.dlms.client import Client
from protocols.dlms.meter import Meter
from tools.capture import reader
from tools.capture.keys import read as read_keys
from tools.errors import LinkDown
from tools.links import open_stream, parse
from tools.links.exchange import HdlcExchange, WrapperExchange

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
HOME = BENCHES / "home.toml"
HUB, GAS, ELECTRICITY = 1, 2, 3


@pytest.fixture(scope="module")
def served(start_program) -> dict[str, str]:
    """One home that every test here may read: its endpoints."""
    endpoints: dict[str, str] = start_program("serve", HOME, "--ready-json").endpoints
    return endpoints


def over_wan(spelling: str, server: int, question: Callable[[Meter], object]) -> object:
    with WrapperExchange(open_stream(parse(spelling)), 16, server, 20.0) as exchange, Meter(exchange, Client(16, server)) as meter:
        return question(meter)


def over_hdlc(spelling: str, question: Callable[[Meter], object]) -> object:
    with HdlcExchange(open_stream(parse(spelling)), 16, 1, 20.0) as exchange, Meter(exchange, Client(16, 1)) as meter:
        return question(meter)


def test_the_first_line_says_where_everything_is(served: dict[str, str]) -> None:
    assert list(served) == ["hub.wan", "hub.wan.udp", "esme.optical", "esme.optical.tcp"]
    assert parse(served["hub.wan"]).host == parse(served["hub.wan.udp"]).host == "127.0.0.1"
    assert parse(served["esme.optical"]).scheme == "pty"
    assert parse(served["esme.optical.tcp"]).text("framing") == "hdlc"


@pytest.mark.req("S-018", part=True)
def test_one_address_leads_to_hub_gas_and_electricity(served: dict[str, str]) -> None:
    names = over_wan(served["hub.wan"], HUB, Meter.names)
    assert isinstance(names, dict)
    assert list(names) == [HUB, GAS, ELECTRICITY]
    for server, name in names.items():
        assert over_wan(served["hub.wan"], server, Meter.logical_device_name) == name
    assert over_hdlc(served["esme.optical.tcp"], Meter.logical_device_name) == names[ELECTRICITY]


def test_an_optical_port_takes_one_reader_at_a_time(served: dict[str, str]) -> None:
    spelling = served["esme.optical.tcp"]
    with HdlcExchange(open_stream(parse(spelling)), 16, 1, 20.0) as first, Meter(first, Client(16, 1)) as meter:
        name = meter.logical_device_name()
        with pytest.raises(LinkDown), HdlcExchange(open_stream(parse(spelling)), 16, 1, 20.0):
            pass
        assert meter.logical_device_name() == name
    assert over_hdlc(spelling, Meter.logical_device_name) == name


def test_readers_of_the_hub_do_not_disturb_each_other(served: dict[str, str]) -> None:
    found: list[object] = []
    readers = [
        threading.Thread(target=lambda server=server: found.append(over_wan(served["hub.wan"], server, Meter.logical_device_name)))
        for server in (HUB, GAS, ELECTRICITY)
    ]
    for each in readers:
        each.start()
    for each in readers:
        each.join()
    assert len(set(found)) == 3


def test_what_is_kept_and_a_replay_with_all_that_came_from_outside(start_program, meterbench, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("capture", "keys", "journal")}
    kept = [word for name, path in files.items() for word in (f"--{name}", path)]
    program = start_program("serve", HOME, "--ready-json", "--after", "30m", "--seed", 5, *kept)
    endpoints = program.endpoints
    assert read_keys(files["keys"])
    over_wan(endpoints["hub.wan"], ELECTRICITY, Meter.objects)
    over_wan(endpoints["hub.wan"], GAS, Meter.clock)
    over_hdlc(endpoints["esme.optical.tcp"], Meter.clock)
    over_hdlc(endpoints["esme.optical"], Meter.clock)
    with socket.create_connection(("127.0.0.1", parse(endpoints["hub.wan"]).port)) as rude:
        rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert program.stop() == (0, "", "")
    records = [json.loads(line) for line in files["journal"].read_text().splitlines()]
    inputs = {record["endpoint"].partition("#")[0] for record in records if record["record"] == "input"}
    assert inputs == {"home1/hub.wan", "home1/esme.optical"}
    code, out, err = meterbench("replay", files["journal"], "--bench", HOME)
    assert (code, err) == (0, "")
    assert records[-1]["digest"] in out
    assert {packet.link_type for packet in reader.read(files["capture"])} == {283, 252}


def test_people_are_told_more_after_the_first_line(start_program) -> None:
    program = start_program("serve", HOME, "--after", "1m")
    assert program.endpoints
    code, out, err = program.stop(signal.SIGINT)
    assert (code, err) == (0, "")
    assert "esme       is on the network" in out
    assert "esme.optical.tcp  tcp:127.0.0.1:" in out
    assert "\ndigest " in out


def test_a_reader_of_its_output_that_has_gone_does_not_end_it(start_program, meterbench, tmp_path: Path) -> None:
    program = start_program("serve", HOME, "--after", "1m", "--journal", tmp_path / "journal.jsonl")
    endpoints = program.endpoints
    program.deafen()
    over_wan(endpoints["hub.wan"], HUB, Meter.clock)
    code, _, err = program.stop()
    assert (code, err) == (0, "")
    assert meterbench("replay", tmp_path / "journal.jsonl", "--bench", HOME)[0] == 0


def test_a_sniffer_hears_the_air_as_it_happens(start_program) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sniffer:
        sniffer.bind(("127.0.0.1", 17754))
        sniffer.settimeout(60)
        assert start_program("serve", HOME, "--ready-json", "--after", "1m", "--zep", "--pace", 20).endpoints
        packet = sniffer.recv(1024)
    assert packet[:4] == b"EX\x02\x01"
    assert packet[4] == 15  # the channel of the bench


def test_sigterm_before_it_is_ready_ends_it_as_well(start_program, meterbench, tmp_path: Path) -> None:
    journal, capture = tmp_path / "journal.jsonl", tmp_path / "home.pcapng"
    program = start_program("serve", HOME, "--after", "60d", "--journal", journal, "--capture", capture, wait=False)
    while not (capture.exists() and capture.stat().st_size):  # the file's buffer has filled: time is passing
        assert program.running
    code, out, err = program.stop()
    assert (code, out, err) == (0, "", "")
    assert meterbench("replay", journal, "--bench", HOME)[0] == 0


def test_who_has_not_joined_is_named(start_program, tmp_path: Path) -> None:
    bench = tmp_path / "far.toml"
    bench.write_text(HOME.read_text().replace("at = [6, 2]", "at = [600, 2]"))
    program = start_program("serve", bench, "--ready-json")
    assert program.first_line == ""
    assert program.stop() == (
        1, "", "meterbench: not commissioned after 120 minutes of virtual time: home1: gsme has not joined\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    "links, code, said",
    [
        ('"hub.wan" = "tcp-listen:0.0.0.0:0"', 2, "is open to others and clients need no password"),
        ('"hub.wan" = "tcp-listen:BUSY"', 3, "address already in use"),
        ('"hub.wam" = "tcp-listen:0"', 2, 'did you mean "hub.wan"?'),
        ("", 2, "no links to serve"),
    ],
)
def test_what_cannot_be_served_is_told_in_a_line(meterbench, tmp_path: Path, links: str, code: int, said: str) -> None:
    bench = tmp_path / "bench.toml"
    with socket.create_server(("127.0.0.1", 0)) as busy:
        text = HOME.read_text().partition("[links]")[0] + "[links]\n" + links.replace("BUSY", str(busy.getsockname()[1]))
        bench.write_text(text)
        result = meterbench("serve", bench, "--after", "1s")
    assert result[:2] == (code, "")
    assert result[2].count("\n") == 1
    assert said in result[2]


def test_now_is_now(start_program, tmp_path: Path) -> None:
    bench = tmp_path / "now.toml"
    bench.write_text(HOME.read_text().replace("start = 2026-01-14T00:00:00Z", 'start = "now"'))
    endpoints = start_program("serve", bench, "--ready-json", "--after", "1h").endpoints
    clock = over_wan(endpoints["hub.wan"], ELECTRICITY, Meter.clock)
    assert isinstance(clock, datetime)
    assert abs(datetime.now(UTC) - clock) < timedelta(minutes=5)
