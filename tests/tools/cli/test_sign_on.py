"""`meterbench readout`, `read --mode-e` and `read udp:` against a served home, whose journal replays to the same digest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[3] / "fixtures" / "benches" / "home.toml"


@pytest.fixture(scope="module")
def journal(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("served") / "journal.jsonl"
    return path


@pytest.fixture(scope="module")
def program(start_program, journal: Path):
    return start_program("serve", HOME, "--ready-json", "--after", "40m", "--journal", journal)


@pytest.mark.parametrize("endpoint", ["esme.optical", "esme.optical.tcp"])
def test_the_registers_that_the_meter_shows(meterbench, program, endpoint: str) -> None:
    code, out, err = meterbench("readout", program.endpoints[endpoint])
    assert (code, err) == (0, "")
    first, *lines = out.splitlines()
    assert first == "MBE ESME (mode E)"
    shown = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}
    assert re.fullmatch(r"004321\.\d{3} kWh", shown["1-0:1.8.0"])
    assert shown["1-0:32.7.0"] == "230.0 V"


def test_as_json_and_slowly(meterbench, program) -> None:
    code, out, _ = meterbench("readout", program.endpoints["esme.optical"], "--json", "--rate", 1200)
    found = json.loads(out)
    assert code == 0
    assert (found["maker"], found["name"], found["mode"]) == ("MBE", "ESME", "E")
    assert {"address": "1-0:32.7.0", "values": [{"text": "230.0", "unit": "V"}]} in found["data_sets"]


@pytest.mark.parametrize("endpoint", ["esme.optical", "esme.optical.tcp"])
def test_mode_e_and_then_dlms(meterbench, program, endpoint: str) -> None:
    for _ in range(2):  # what it leaves behind is a meter at rest
        code, out, err = meterbench("read", program.endpoints[endpoint], "1-0:32.7.0", "--mode-e")
        assert (code, err) == (0, "")
        assert out.split() == ["1-0:32.7.0", "230.0", "V"]


def test_the_wrapper_over_udp(meterbench, program) -> None:
    for server, wanted in ((3, "1-0:32.7.0"), (1, "0-0:42.0.0"), (2, "7-0:3.0.0")):
        code, out, err = meterbench("read", program.endpoints["hub.wan.udp"], wanted, "--server", server)
        assert (code, err) == (0, "")
        assert out.split()[0] == wanted


def test_mode_e_goes_with_hdlc(meterbench) -> None:
    code, _, err = meterbench("read", "tcp:127.0.0.1:4059", "1-0:1.8.0", "--mode-e")
    assert code == 2
    assert "--mode-e goes with HDLC" in err


def test_a_meter_that_says_nothing_by_itself(meterbench, program) -> None:
    code, out, err = meterbench("readout", program.endpoints["esme.optical"], "--listen", "0.1")
    assert (code, out) == (3, "")
    assert "nothing was said within 0.1 s" in err


def test_a_meter_that_does_not_answer_a_sign_on_is_one_line(meterbench, program) -> None:
    """It has no address of its own, so none is the right one."""
    code, out, err = meterbench("readout", program.endpoints["esme.optical"], "--address", "77")
    assert (code, out) == (3, "")
    assert err.endswith("IEC 62056-21: no answer while SIGNING_ON\n")


def test_an_address_that_is_none(meterbench, program) -> None:
    code, _, err = meterbench("readout", program.endpoints["esme.optical"], "--address", "a!")
    assert code == 2
    assert "a device address is" in err


def test_datagrams_and_sign_ons_are_in_the_journal_and_replayed(meterbench, program, journal: Path) -> None:
    assert program.stop() == (0, "", "")
    records = [json.loads(line) for line in journal.read_text().splitlines()]
    inputs = {record["endpoint"].partition("#")[0] for record in records if record["record"] == "input"}
    assert inputs == {"home1/hub.wan.udp", "home1/esme.optical"}
    code, out, err = meterbench("replay", journal, "--bench", HOME)
    assert (code, err) == (0, "")
    assert records[-1]["digest"] in out
