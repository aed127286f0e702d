"""`meterbench device`: a home in four processes over MQTT, over TCP, and with a wire; mediums that go and come back."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest

from devices.runtime.kernel import MS, S
from protocols.core.crc import append_kermit
from protocols.zigbee import zdo
from protocols.zigbee.node import ZdoResponse
from tools.air.carriers import Seats, medium_carrier
from tools.bench.config import load
from tools.bench.part import Choice, Part
from tools.bench.realtime import Driver
from tools.links import parse

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 120.0
"""Seconds within which anything here happens, on a machine that does other things too."""
BROKER = """
import asyncio, sys
from tools.links import parse
from tools.links.broker import embedded

async def serve():
    async with embedded(parse(sys.argv[1])):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(serve())
"""
NOISE = append_kermit(bytes.fromhex("4188010100ffff0100"))
BENCH = """
name = "four"
seed = 7
[[home]]
device = [
  {{ kind = "hub" }},
  {{ kind = "esme", at = [0.3, 0], interface = "{interface}" }},
  {{ kind = "gsme", at = [6, 2], wake_minutes = 30 }},
  {{ kind = "ihd", at = [8, -3] }},
]
[links]
"hub.wan" = "tcp-listen:0"
"""


class Program:
    """One `meterbench` program, and what it says."""

    def __init__(self, *arguments: str) -> None:
        self.said: list[dict[str, Any]] = []
        self.error = ""
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tools.cli.main import main; main()", *arguments],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def runs(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    def until(self, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The next thing it says that is wanted."""
        while (said := self._lines.get(timeout=PATIENCE)) is not None:
            self.said.append(said)
            if wanted(said):
                return said
        raise AssertionError(f"ended with {self.end()}, after {self.said}")

    def says(self, word: str) -> Any:
        """What stands behind the next `word`."""
        return self.until(lambda said: word in said)[word]

    def kill(self) -> None:
        """No time for a word."""
        self._process.kill()
        self.end()

    def end(self) -> tuple[int, str]:
        """Exit code and standard error, after SIGTERM if it still runs."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Exit code and standard error of a program that ends by itself."""
        assert self._process.stderr is not None
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        if not self._process.stderr.closed:
            with self._process.stderr as stderr:
                self.error = stderr.read()
        return code, self.error

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                self._lines.put(json.loads(line))
        self._lines.put(None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """`start("esme", "--air", ...)`: a device's program, ended with the test."""
    path = tmp_path / "four.toml"
    with ExitStack() as stack:

        def start(kind: str, *arguments: str, interface: str = "han") -> Program:
            path.write_text(BENCH.format(interface=interface))
            program = Program("device", kind, "--config", str(path), "--json", *arguments)
            stack.callback(program.end)
            return program

        yield start


@pytest.fixture
def embedded_broker() -> Iterator[Callable[[str], None]]:
    """`embedded_broker(link)`: our own broker, in a process of its own as in a hub's."""
    with ExitStack() as stack:

        def serve(link: str) -> None:
            process = subprocess.Popen([sys.executable, "-c", BROKER, link], cwd=ROOT, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

        yield serve


@pytest.fixture
def read() -> Callable[..., list[dict[str, Any]]]:
    """`read(link, server, *wanted)`: what another program, our reader, gets."""

    def read(link: str, server: int, *wanted: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-c", "from tools.cli.main import main; main()", "read", link, *wanted]
        done = subprocess.run(
            [*command, "--server", str(server), "--timeout", "30", "--json"],
            cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


@pytest.fixture
def reads(read):
    """A home is shown to work: by the head end's way in, and by the display's face."""

    def check(hub: Program, endpoints: dict[str, str], ihd: Program) -> None:
        hub.says("commissioned")
        clock, energy = read(endpoints["hub.wan"], 3, "0-0:1.0.0", "1-0:1.8.0")
        (volume,) = read(endpoints["hub.wan"], 2, "7-0:3.0.0")
        assert clock["value"].startswith("07ea010e0300")  # Wednesday, 14 January 2026, in the first hour
        assert (energy["unit"], volume["unit"]) == ("Wh", "m³")
        shown = ihd.until(lambda said: re.search(r"total +[0-9.]+ kWh", str(said)))
        total = float(re.search(r"total +([0-9.]+) kWh", str(shown))[1])
        assert abs(total * 1000 - float(energy["value"])) < 100

    return check


def home(start: Callable[..., Program], serve: list[str], reach: Callable[[str], list[str]]) -> Any:
    """The four processes. The display comes when the meter is there: one that finds none looks again after a minute."""
    hub = start("hub", *serve)
    ready = hub.until(lambda said: "ready" in said)
    air = [*reach(ready["air"]), "--screen"]
    esme, gsme = start("esme", *air), start("gsme", *air)
    esme.until(lambda said: "Wed 14 Jan 2026" in str(said.get("screen")))  # it has joined, and has the time from the hub
    return hub, ready["endpoints"], [esme, gsme, start("ihd", *air)]


def end(*programs: Program) -> None:
    """All go when they are told to, and have nothing to complain of."""
    assert [program.end() for program in programs] == [(0, "")] * len(programs)


def test_a_home_of_four_processes_over_tcp(start, reads):
    hub, endpoints, others = home(start, ["--air", "tcp-listen:0"], lambda air: ["--air", air])
    reads(hub, endpoints, others[-1])
    end(*others, hub)


@pytest.mark.needs("mosquitto")
def test_a_home_of_four_processes_over_mosquitto(start, reads, broker):
    air = ["--air", f"mqtt://127.0.0.1:{broker.port}/meterbench"]
    hub, endpoints, others = home(start, air, lambda _: air)
    reads(hub, endpoints, others[-1])
    end(*others, hub)


@pytest.mark.needs("amqtt")
def test_a_home_of_four_processes_over_the_broker_inside_the_hub(start, reads, free_port):
    air = ["--air", f"mqtt://127.0.0.1:{free_port}/meterbench"]
    hub, endpoints, others = home(start, [*air, "--broker"], lambda _: air)
    reads(hub, endpoints, others[-1])
    end(*others, hub)


def test_a_home_of_four_processes_with_a_wire_to_the_meter(start, read, tmp_path):
    """The electricity meter is on a pty pair, HDLC, and only the others are on the air."""
    wire = tmp_path / "wire"
    hub = start("hub", "--air", "tcp-listen:0", "--wired", f"serial:{wire}", interface="wired")
    ready = hub.until(lambda said: "ready" in said)
    air = ["--air", ready["air"]]
    esme = start("esme", *air, "--wired", f"pty:{wire}", interface="wired")
    gsme, ihd = start("gsme", *air, interface="wired"), start("ihd", *air, "--screen", interface="wired")
    assert str(wire) in hub.says("wired")
    assert any(str(wire) in said.get("waiting", "") for said in hub.said)
    esme.says("wired")
    hub.says("commissioned")
    clock, energy = read(ready["endpoints"]["hub.wan"], 3, "0-0:1.0.0", "1-0:1.8.0")
    assert (clock["value"][:8], energy["unit"]) == ("07ea010e", "Wh")
    ihd.until(lambda said: re.search(r"price +[0-9.]+ p/kWh", str(said)))
    end(esme, gsme, ihd, hub)


def test_devices_wait_for_a_hub_that_is_not_there_and_start_anew_with_the_next(start, free_port):
    air, serve = f"tcp:127.0.0.1:{free_port}", f"tcp-listen:{free_port}"
    esme = start("esme", "--air", air)
    assert esme.says("waiting") == f"{air}: connection refused"
    hub = start("hub", "--air", serve)
    esme.says("ready")
    hub.says("attached")
    hub.kill()
    assert "connection" in esme.says("waiting") or "closed" in esme.said[-1]["waiting"]
    hub = start("hub", "--air", serve)
    esme.says("restarting")
    esme.says("ready")
    assert hub.says("attached") == "home1/esme"
    end(esme, hub)


@pytest.mark.needs("mosquitto")
def test_a_broker_that_goes_and_comes_back_is_a_pause(start, broker):
    air = ["--air", f"mqtt://127.0.0.1:{broker.port}/meterbench"]
    hub, esme = start("hub", *air), start("esme", *air)
    esme.says("ready")
    hub.says("attached")
    broker.stop()
    assert "broker is gone" in esme.says("waiting")
    assert hub.says("detached") == "home1/esme"
    broker.start()
    esme.says("back")
    assert hub.says("attached") == "home1/esme"
    end(esme, hub)


@pytest.mark.needs("mosquitto")
def test_a_device_that_dies_is_known(start, broker):
    air = ["--air", f"mqtt://127.0.0.1:{broker.port}/meterbench"]
    hub, esme = start("hub", *air), start("esme", *air)
    hub.says("attached")
    esme.says("ready")
    esme.kill()
    assert hub.says("detached") == "home1/esme"
    end(hub)


@pytest.mark.parametrize("carrier", ["tcp", pytest.param("mqtt", marks=pytest.mark.needs("amqtt"))])
def test_a_meter_in_another_process_measures_channels_for_the_hub(start, embedded_broker, tmp_path, free_port, carrier):
    """The hub runs here, and asks as 05-3474 has it (Mgmt_NWK_Update); a stranger speaks on channel 25."""
    link, there = parse(f"tcp-listen:{free_port}"), f"tcp:127.0.0.1:{free_port}"
    if carrier == "mqtt":
        there = f"mqtt://127.0.0.1:{free_port}/bench"
        link = parse(f"{there}/1/four/home1")
        embedded_broker(there)
    esme = start("esme", "--air", there)
    part = Part(Choice(load(tmp_path / "four.toml"), "hub", None, None), start_ns=1_768_348_800 * S, now=0, number=5)
    hub = part.board
    told = []

    def ask() -> None:
        meter = next(iter(part.seats))
        stack = hub.firmware.han.stack
        short = stack.address_of(meter)
        if short is not None:
            for time in range(50):
                part.kernel.after(time * 10 * MS, stranger.transmit, time, NOISE, who="test")
            hub.firmware.han.apply(stack.energy(short, (20, 25), 3, hub.firmware.now)[1])
        if not told:  # it has not joined yet
            part.kernel.after(S, ask, who="test")

    def hear(answer: ZdoResponse) -> None:
        if answer.cluster == zdo.RESPONSE | zdo.NETWORK_UPDATE and not answer.response.status:
            told.append(answer.response)

    stranger = hub.radio.air.radio("stranger", 1, 1)
    stranger.configure(channel=25, pan_id=0xBAD0, short=1, eui64=1, rx_on_when_idle=True)
    part.kernel.after(S, ask, who="test")
    part.kernel.after(S // 2, lambda: hub.firmware.han.on(ZdoResponse, hear), who="test")

    async def story() -> None:
        driver = Driver(part.inputs)
        medium = medium_carrier(link, Seats(part.seats, driver.feed, lambda seat, here: None))
        async with AsyncExitStack() as stack:
            await medium.start()
            stack.push_async_callback(medium.stop)
            running = asyncio.ensure_future(driver.run())
            while not told and not running.done() and esme.runs:
                await asyncio.sleep(0.02)
            driver.stop()
            await running
            await asyncio.to_thread(end, esme)

    asyncio.run(asyncio.wait_for(story(), PATIENCE))
    quiet, loud = told[0].levels
    assert (quiet, loud > 100) == (0, True)


def test_another_seed_is_another_bench(start):
    hub = start("hub", "--air", "tcp-listen:0")
    esme = start("esme", "--air", hub.says("air"), "--seed", "8")
    code, error = esme.ended()
    assert code == 2
    assert "home1/esme is refused: the bench file or the seed is another one" in error
    end(hub)


def test_a_display_behind_a_dongle_joins_a_served_home_and_shows_its_meter(tmp_path: Path) -> None:
    path = tmp_path / "dongle.toml"
    shipped = (ROOT / "fixtures/benches/dongle.toml").read_text()
    path.write_text(shipped.replace('kind = "ihd"\n', 'kind = "ihd"\nelsewhere = true\n'))
    with ExitStack() as stack:
        served = Program("serve", str(path), "--ready-json", "--after", "5m")
        stack.callback(served.end)
        link = served.says("endpoints")["air.rcp"]
        display = Program("device", "ihd", "--config", str(path), "--air", f"spinel:{link}", "--screen", "--json")
        stack.callback(display.end)
        assert display.says("dongle") == link
        assert re.fullmatch("0x[0-9a-f]{4}", display.says("joined"))
        shown = display.until(lambda said: any(re.search("total +4321.*kWh", line) for line in said.get("screen", ())))
        assert shown
        assert (display.end()[0], served.end()[0]) == (0, 0)
