"""Third-party clients on the lines below DLMS: mode E at the optical port, HDLC windows and addresses, the wrapper over UDP.

Values are compared with what our own client reads just before and just after; the judges alone say that the octets are right.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocols.dlms.client import Client
from protocols.dlms.meter import Meter
from tools.links import open_stream, parse
from tools.links.exchange import WrapperExchange

pytestmark = pytest.mark.needs("peers")

HOME = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "home.toml"
JUDGES = Path(__file__).resolve().parent / "judges"
IMPORT = "1.0.1.8.0.255"
ELECTRICITY, METER = 3, 1


@pytest.fixture(scope="module")
def endpoints(start_program) -> dict[str, str]:
    return start_program("serve", HOME, "--ready-json", "--after", "65m").endpoints


@pytest.fixture
def register(endpoints: dict[str, str]) -> Callable[[], float]:
    """The meter's import register (Wh) as our own client reads it over the WAN."""

    def read() -> float:
        stream = open_stream(parse(endpoints["hub.wan"]))
        with WrapperExchange(stream, 16, ELECTRICITY, 20.0) as exchange, Meter(exchange, Client(16, ELECTRICITY)) as meter:
            return float(meter.register("1-0:1.8.0").value)

    return read


def run(*command: object) -> Any:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def gurux(peers_python: Path) -> Callable[..., dict[str, Any]]:
    def ask(link: str, server: int = METER, **more: object) -> dict[str, Any]:
        found: dict[str, Any] = run(
            peers_python, JUDGES / "gurux_line.py", json.dumps({"link": link, "server": server, "obis": IMPORT} | more)
        )
        return found

    return ask


@pytest.fixture
def pydlms(peers_python: Path) -> Callable[..., list[Any]]:
    """What pydlms answers to a visit's questions: register and object list."""

    def ask(link: str, framing: str, server: int = METER, **more: object) -> list[Any]:
        visit = {"link": link, "framing": framing, "client": 16, "server": server, "ask": [["register", IMPORT], ["objects"]]}
        (answers,) = run(peers_python, JUDGES / "pydlms_client.py", json.dumps([visit | more]))
        assert isinstance(answers, list), answers
        return answers

    return ask


@pytest.mark.dlms("server 62056-21 mode E")
def test_gurux_signs_on_in_mode_e_twice(endpoints, gurux, register) -> None:
    before = register()
    for _ in range(2):
        found = gurux(f"mode-e:{parse(endpoints['esme.optical']).path}")
        assert found["identification"] == "/MBE5\\2ESME"
        assert found["rate"] == 9600
        assert found["objects"] > 40
        assert before <= found["value"] <= register()


@pytest.mark.dlms("server 62056-21 mode E")
def test_pydlms_signs_on_in_mode_e(endpoints, pydlms, register) -> None:
    before = register()
    value, objects = pydlms(endpoints["esme.optical"], "optical")
    assert before <= value["value"] <= register()
    assert len(objects) > 40


@pytest.mark.dlms("server 62056-21 mode C", "server 62056-21 readout")
def test_pydlms_reads_out_in_mode_c(endpoints, peers_python: Path, register) -> None:
    program = (
        "import json, sys\n"
        "from pydlms.transports.serial import read_mode_c\n"
        "found = read_mode_c(sys.argv[1])\n"
        "sets = {each.address: [each.value, each.unit] for each in found.data_sets}\n"
        "print(json.dumps([found.identification.manufacturer, sets]))"
    )
    before = register()
    maker, sets = run(peers_python, "-c", program, parse(endpoints["esme.optical"]).path)
    assert maker == "MBE"
    value, unit = sets["1-0:1.8.0"]
    assert unit == "kWh"
    assert before <= float(value) * 1000 <= register()


@pytest.mark.dlms("server HDLC window", "server HDLC segmentation", "server HDLC negotiation")
@pytest.mark.parametrize("information", [32, 64, 1024])
@pytest.mark.parametrize("window", [1, 3, 7])
def test_pydlms_with_windows_of_any_size(endpoints, pydlms, register, window: int, information: int) -> None:
    before = register()
    value, objects = pydlms(endpoints["esme.optical.tcp"], "hdlc", window=window, information=information)
    assert before <= value["value"] <= register()
    assert len(objects) > 40


@pytest.mark.dlms("server HDLC addresses 1 2 4")
@pytest.mark.parametrize("size", [1, 2, 4])
def test_pydlms_with_addresses_of_any_size(endpoints, pydlms, register, size: int) -> None:
    before = register()
    more = {} if size == 1 else {"server_physical": 17}
    value, _ = pydlms(endpoints["esme.optical.tcp"], "hdlc", address_size=size, **more)
    assert before <= value["value"] <= register()


@pytest.mark.dlms("server HDLC window")
@pytest.mark.parametrize("window", [1, 2])
def test_gurux_with_a_window(endpoints, gurux, register, window: int) -> None:
    before = register()
    found = gurux(endpoints["esme.optical.tcp"], hdlc={"window": window, "information": 40})
    assert found["window"] == [window, window]
    assert before <= found["value"] <= register()


@pytest.mark.dlms("server wrapper UDP")
@pytest.mark.req("S-018", part=True)
def test_gurux_over_udp(endpoints, gurux, register) -> None:
    before = register()
    found = gurux(endpoints["hub.wan.udp"], ELECTRICITY)
    assert found["objects"] > 40
    assert before <= found["value"] <= register()


@pytest.mark.dlms("server wrapper UDP")
def test_pydlms_over_udp(endpoints, pydlms, register) -> None:
    before = register()
    value, objects = pydlms(endpoints["hub.wan.udp"], "wrapper", ELECTRICITY)
    assert before <= value["value"] <= register()
    assert len(objects) > 40
