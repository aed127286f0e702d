"""Third-party DLMS clients, each a program of its own, read our meters by every way into the bench.

The values are compared with what our own client reads just before and just after the judge; the judges alone say that the
octets between are right.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from protocols.dlms.client import Client
from protocols.dlms.meter import Meter
from tools.bench.config import Access
from tools.links import open_stream, parse
from tools.links.exchange import WrapperExchange

pytestmark = pytest.mark.needs("peers")

T = TypeVar("T")
HOME = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "home.toml"
GURUX = Path(__file__).resolve().parent / "judges" / "gurux.py"
START = datetime(2026, 1, 14, tzinfo=UTC)  # of the bench
AFTER = timedelta(minutes=185)  # of virtual time before the links open: six half hours are in the log
PUBLIC, MANAGEMENT = 16, 1
HUB, GAS, ELECTRICITY, METER = 1, 2, 3, 1
READ_WRITE_DENIED = 3
IMPORT, GAS_VOLUME = "1.0.1.8.0.255", "7.0.3.0.0.255"
WATT_HOURS, CUBIC_METRES = 30, 13


class Way(NamedTuple):
    """A way to a logical device: endpoint of the bench, framing, server address, and what pydlms calls such a link."""

    endpoint: str
    framing: str
    server: int
    pydlms: str


WAN = Way("hub.wan", "wrapper", ELECTRICITY, "tcp://{}")
WAYS = [WAN, Way("esme.optical.tcp", "hdlc", METER, "tcp+hdlc://{}"), Way("esme.optical", "hdlc", METER, "{}")]


@pytest.fixture(
    scope="module",
    params=[WAN, Way("esme.optical.tcp", "hdlc", METER, "tcp+hdlc://{}"), Way("esme.optical", "hdlc", METER, "{}")],
    ids=["hub WAN", "HDLC over TCP", "optical pty"],
)
def way(request: pytest.FixtureRequest) -> Way:
    """Every way to the electricity meter, one after the other: a pty cannot tell when a client goes, so its port stays
    occupied for a while, and it comes last."""
    chosen: Way = request.param
    return chosen


@pytest.fixture(scope="module")
def endpoints(start_program) -> dict[str, str]:
    return start_program("serve", HOME, "--ready-json", "--pace", 5, "--after", f"{AFTER.seconds}s").endpoints


@pytest.fixture
def gurux(endpoints: dict[str, str], peers_python: Path) -> Callable[..., list[Any]]:
    """What Gurux's client answers to each question, in one association."""

    def ask(way: Way, *questions: list[object], client: int = PUBLIC, password: str | None = None) -> list[Any]:
        visit = {"link": endpoints[way.endpoint], "framing": way.framing, "client": client, "server": way.server, "ask": questions}
        if password is not None:
            visit |= {"mechanism": "low", "secret": password}
        (answers,) = json.loads(run(peers_python, GURUX, json.dumps([visit])))
        assert isinstance(answers, list), answers
        return answers

    return ask


@pytest.fixture
def pydlms(endpoints: dict[str, str], peers_python: Path) -> Callable[..., list[dict[str, Any]]]:
    """What the `pydlms` command prints, as JSON."""

    def ask(way: Way, command: str, *options: object) -> list[dict[str, Any]]:
        place = endpoints[way.endpoint].partition(":")[2].partition("?")[0]
        program = peers_python.with_name("pydlms")
        done = run(program, "--json", command, "--server", way.server, *options, way.pydlms.format(place))
        answers: list[dict[str, Any]] = json.loads(done)
        return answers

    return ask


def run(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def ours(endpoints: dict[str, str]) -> Callable[[int, Callable[[Meter], T]], T]:
    """What our own client reads over the WAN, in a connection of its own: `ours(GAS, lambda meter: meter.clock())`."""

    def ask(server: int, question: Callable[[Meter], T]) -> T:
        stream = open_stream(parse(endpoints[WAN.endpoint]))
        with WrapperExchange(stream, PUBLIC, server, 20.0) as exchange, Meter(exchange, Client(PUBLIC, server)) as meter:
            return question(meter)

    return ask


def half_hours(meter: Meter) -> list[list[object]]:
    """The half-hour profile as plain rows."""
    rows = meter.profile("1-0:99.1.0").rows()
    return [[at.isoformat(), status, int(energy.value)] for at, status, energy in rows]


# --- Gurux


@pytest.mark.dlms(
    "server no security", "server AARQ AARE", "server context LN", "server GET normal", "server GET selection by range",
    "server GET selection by entry", "server wrapper TCP", "class 8 attribute 2", "class 3 attribute 2",
    "class 3 attribute 3", "class 7 attribute 2", "class 7 attribute 3",
)  # fmt: skip
@pytest.mark.req("S-010", part=True)
def test_gurux_reads_clock_register_and_profile(gurux, ours, way: Way) -> None:
    since, until = START + timedelta(hours=1), START + timedelta(hours=2, minutes=30)
    before = ours(ELECTRICITY, lambda meter: (meter.clock(), meter.register("1-0:1.8.0").value, half_hours(meter)))
    time, register, by_time, by_number = gurux(
        way,
        ["clock"],
        ["register", IMPORT],
        ["profile", "1.0.99.1.0.255", since.isoformat(), until.isoformat()],
        ["entries", "0.0.99.1.0.255", 2, 3],
    )
    after = ours(ELECTRICITY, lambda meter: (meter.clock(), meter.register("1-0:1.8.0").value))
    assert before[0] <= datetime.fromisoformat(time) <= after[0]
    assert (register["scaler"], register["unit"]) == (1, WATT_HOURS)
    assert before[1] <= register["value"] <= after[1]
    rows = before[2]
    assert [row[0] for row in rows] == [(START + timedelta(minutes=30 * n)).isoformat() for n in range(1, 7)]
    assert by_time == [row for row in rows if since.isoformat() <= row[0] <= until.isoformat()]
    assert len(by_time) == 4
    assert by_number == rows[1:4]
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    assert rows[-1][2] <= register["value"]


@pytest.mark.dlms("class 15 attribute 2")
def test_gurux_finds_the_objects_that_we_find(gurux, ours, way: Way) -> None:
    found = gurux(way, ["objects"])[0]
    assert found == ours(ELECTRICITY, plain_objects)
    assert [3, 0, IMPORT] in found


@pytest.mark.parametrize("server", [HUB, GAS])
def test_gurux_finds_the_objects_of_hub_and_gas(gurux, ours, server: int) -> None:
    assert gurux(WAN._replace(server=server), ["objects"])[0] == ours(server, plain_objects)


def plain_objects(meter: Meter) -> list[list[object]]:
    return [[entry.class_id, entry.version, ".".join(map(str, bytes(entry.name)))] for entry in meter.objects()]


@pytest.mark.dlms("class 4 attribute 2", "class 4 attribute 3", "class 4 attribute 5")
@pytest.mark.req("S-013", part=True)
def test_gurux_reads_gas_from_the_mirror_with_the_time_of_its_report(gurux, ours) -> None:
    before = ours(GAS, lambda meter: (meter.clock(), meter.register("7-0:3.0.0").value))
    gas = gurux(WAN._replace(server=GAS), ["extended", GAS_VOLUME])[0]
    assert gas["unit"] == CUBIC_METRES
    assert gas["value"] == pytest.approx(float(before[1]), abs=1e-6)
    age = before[0] - datetime.fromisoformat(gas["captured"])
    assert timedelta(0) < age < timedelta(minutes=31)


@pytest.mark.dlms("server LLS", "server SET normal")
def test_gurux_may_write_as_client_1_with_the_password_and_not_as_client_16(gurux, way: Way) -> None:
    (now,) = gurux(way, ["clock"])
    earlier = datetime.fromisoformat(now).replace(microsecond=0) - timedelta(minutes=10)
    assert gurux(way, ["set-clock", earlier.isoformat()]) == [{"refused": READ_WRITE_DENIED}]
    written, time = gurux(way, ["set-clock", earlier.isoformat()], ["clock"], client=MANAGEMENT, password=Access().password)
    assert written == "written"
    assert timedelta(0) <= datetime.fromisoformat(time) - earlier < timedelta(minutes=5)
    later = datetime.fromisoformat(now).isoformat()
    assert gurux(way, ["set-clock", later], client=MANAGEMENT, password=Access().password) == ["written"]


@pytest.mark.dlms("server diagnostics")
def test_gurux_is_refused_with_a_wrong_password(gurux) -> None:
    with pytest.raises(AssertionError, match="Authentication failure"):
        gurux(WAN, ["clock"], client=MANAGEMENT, password="12345679")


# --- pydlms


@pytest.mark.dlms(
    "server no security", "server GET normal", "server GET selection by entry", "server wrapper TCP", "class 8 attribute 2",
    "class 3 attribute 2", "class 7 attribute 2",
)  # fmt: skip
def test_pydlms_reads_clock_register_and_profile(pydlms, ours, way: Way) -> None:
    before = ours(ELECTRICITY, lambda meter: (meter.clock(), meter.register("1-0:1.8.0").value, half_hours(meter)))
    time = pydlms(way, "clock")[0]["clock"]
    register = pydlms(way, "read", "--obis", IMPORT, "--register")[0]
    rows = pydlms(way, "profile", "--obis", "1.0.99.1.0.255", "--typed")
    last = pydlms(way, "profile", "--obis", "0.0.99.1.0.255", "--typed", "--last", 2)
    after = ours(ELECTRICITY, lambda meter: (meter.clock(), meter.register("1-0:1.8.0").value))
    assert before[0] <= moment(time) <= after[0]
    assert register["unit"] == "Wh"
    assert before[1] <= register["value"] <= after[1]
    plain = [[moment(row["0.0.1.0.0.255/2"]).isoformat(), row["0.0.96.10.1.255/2"], row[f"{IMPORT}/2"]] for row in rows]
    assert plain == before[2]
    assert len(plain) == 6
    assert last == rows[-2:]


@pytest.mark.dlms("class 15 attribute 2")
def test_pydlms_finds_the_objects_that_we_find(pydlms, ours, way: Way) -> None:
    found = [[entry["class"], entry["version"], entry["obis"]] for entry in pydlms(way, "list")]
    assert found == ours(ELECTRICITY, plain_objects)


def test_pydlms_reads_gas_from_the_mirror(pydlms, ours) -> None:
    gas = pydlms(WAN._replace(server=GAS), "read", "--obis", GAS_VOLUME, "--class", 4, "--register")[0]
    assert (gas["value"], gas["unit"]) == (pytest.approx(float(ours(GAS, lambda it: it.register("7-0:3.0.0").value))), "m3")


def moment(text: str) -> datetime:
    """A date-time as pydlms prints it."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f %z")
