"""Third-party meters, each a program of its own, read by our client: pydlms' simulator, and Gurux's server as far as it goes."""

from __future__ import annotations

import json
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from protocols.dlms import axdr
from protocols.dlms.acse import Mechanism
from protocols.dlms.association import CONFORMANCE
from protocols.dlms.authentication import Authentication, Security
from protocols.dlms.client import Client, drive, item
from protocols.dlms.cosem import AccessError
from protocols.dlms.initiate import Conformance
from protocols.dlms.meter import Meter
from protocols.dlms.security.context import Kind, Protection
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from protocols.dlms.security.suites import Suite
from tools.links import open_stream, parse
from tools.links.exchange import HdlcExchange, WrapperExchange

pytestmark = pytest.mark.needs("peers")

HERE = Path(__file__).resolve().parent
PYDLMS, GURUX = HERE / "judges" / "pydlms_meter.py", HERE.parent / "bench" / "servers" / "gurux.py"
PATIENCE = 60.0
SECRET = b"sixteen octets!!"
METER, CLIENT = b"PYD\0\0\0\0\1", b"MBH\0\0\0\0\1"
IN_GENERAL_BLOCKS = CONFORMANCE & ~(
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)
FIRST_ROW = datetime(2024, 5, 1, tzinfo=UTC)
ENERGY = 12_345_678
"""Of pydlms' example meter: Wh, and rows of a profile every quarter of an hour from FIRST_ROW on, 1000, 1007, 1014 .."""
HLS = [mechanism for mechanism in Mechanism if mechanism >= Mechanism.HIGH]
CIPHERING = 30
"""Added to a mechanism: the client that uses it with ciphering."""


@contextmanager
def program(*command: object) -> Iterator[str]:
    """A program that answers until its standard input ends: its first line."""
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        try:
            ready, _, _ = select.select([running.stdout], [], [], PATIENCE)
            assert ready, "it does not say that it is ready"
            yield running.stdout.readline()
        finally:
            running.stdin.close()


class Simulator:
    """A meter of pydlms with one security suite, and what our client needs to talk to it."""

    def __init__(self, suite: int, level: str, start: Callable[..., str], **more: Any) -> None:
        self.suite = Suite(suite)
        octets = self.suite.key_octets
        self._keys = {KeyId.UNICAST_ENCRYPTION: bytes(range(octets)), KeyId.AUTHENTICATION: bytes(range(0xD0, 0xD0 + octets))}
        order: dict[str, Any] = {
            "suite": suite, "level": level, "title": METER.hex(), "secret": SECRET.hex(), "window": 3, "gbt_window": 3,
            "key": self._keys[KeyId.UNICAST_ENCRYPTION].hex(), "authentication_key": self._keys[KeyId.AUTHENTICATION].hex(),
        }  # fmt: skip
        order |= more
        self._signing: dict[str, Any] = {}
        if self.suite.curve is not None:
            curve = ec.SECP256R1() if suite == 1 else ec.SECP384R1()
            own, peer = (ec.derive_private_key(0xC0FFEE + number, curve) for number in range(2))
            self._signing = {"signing": scalar(own), "peer_signing": {METER: point(peer)}}
            order |= {"signing_key": scalar(peer).hex(), "client_signing_key": point(own).hex()}
        self._counter = count(1)
        self.ports: dict[str, int] = json.loads(start(PYDLMS, json.dumps(order)))

    def _client(self, mechanism: Mechanism, protection: Protection | None, **more: Any) -> Client:
        material = SecurityMaterial(CLIENT, KeySet(self._keys, **self._signing), lambda: next(self._counter), suite=self.suite)
        sap = int(mechanism) + (CIPHERING if protection else 0) if mechanism else 16
        authentication = Authentication(mechanism, SECRET if mechanism else b"", Random(7), CLIENT)
        keyed = mechanism in (Mechanism.HIGH_GMAC, Mechanism.HIGH_ECDSA)
        security = Security(material, METER, protection or Protection()) if protection or keyed else None
        return Client(sap, 1, authentication=authentication, security=security, **more)

    @contextmanager
    def meter(
        self, mechanism: Mechanism, protection: Protection | None = None, framing: str = "wrapper", **more: Any
    ) -> Iterator[Meter]:
        """An association of our client."""
        client, stream = self._client(mechanism, protection, **more), open_stream(parse(f"tcp:127.0.0.1:{self.ports[framing]}"))
        exchange = WrapperExchange if framing == "wrapper" else HdlcExchange
        with exchange(stream, client.client_sap, 1, 20.0) as link, Meter(link, client) as meter:
            yield meter


def scalar(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_numbers().private_value.to_bytes(key.key_size // 8, "big")


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers, octets = key.public_key().public_numbers(), key.key_size // 8
    return numbers.x.to_bytes(octets, "big") + numbers.y.to_bytes(octets, "big")


@pytest.fixture(scope="module")
def simulators(peers_python: Path) -> Iterator[Callable[..., Simulator]]:
    """pydlms' meter of a suite and policy, started when it is first asked for."""
    made: dict[tuple[int, str], Simulator] = {}
    with ExitStack() as stack:

        def simulator(suite: int = 0, level: str = "AUTHENTICATED_ENCRYPTED") -> Simulator:
            if (suite, level) not in made:
                made[suite, level] = Simulator(suite, level, lambda *command: stack.enter_context(program(peers_python, *command)))
            return made[suite, level]

        yield simulator


def reads(meter: Meter) -> None:
    """Everything that a reading client does, with the values that pydlms' example meter has."""
    assert str(meter.register("1-0:1.8.0")) == f"{ENERGY} Wh"
    assert str(meter.register("1-0:32.7.0")) == "230.1 V"
    assert meter.clock() == datetime(2024, 5, 1, 10, tzinfo=UTC)
    names = {(entry.class_id, str(entry.name)) for entry in meter.objects()}
    assert {(3, "1-0:1.8.0.255"), (7, "1-0:99.1.0.255"), (70, "0-0:96.3.10.255")} <= names
    rows = meter.profile("1-0:99.1.0").rows()
    assert [(row[0], int(row[1].value)) for row in rows] == [
        (FIRST_ROW + timedelta(minutes=15 * number), 1000 + 7 * number) for number in range(96)
    ]


@pytest.mark.dlms(
    "client no security", "client LLS", "client HLS 2", "client HLS 3 MD5", "client HLS 4 SHA-1", "client HLS 5 GMAC",
    "client HLS 6 SHA-256", "client wrapper TCP",
)  # fmt: skip
@pytest.mark.parametrize("framing", ["wrapper", "hdlc"])
@pytest.mark.parametrize("mechanism", [Mechanism.LOWEST, Mechanism.LOW, *HLS[:-1]], ids=lambda it: it.name.lower())
def test_pydlms_is_read_with_every_mechanism(simulators, mechanism: Mechanism, framing: str) -> None:
    with simulators().meter(mechanism, framing=framing) as meter:
        reads(meter)


@pytest.mark.dlms("client HLS 7 ECDSA")
@pytest.mark.parametrize("suite", [1, 2])
def test_pydlms_is_read_with_ecdsa(simulators, suite: int) -> None:
    with simulators(suite).meter(Mechanism.HIGH_ECDSA) as meter:
        reads(meter)


BOTH = Protection(Kind.GLO, True, True)
CIPHERED = [
    *((0, "AUTHENTICATED_ENCRYPTED", mechanism, BOTH) for mechanism in HLS[:-1]),
    (0, "AUTHENTICATED_ENCRYPTED", Mechanism.HIGH_GMAC, Protection(Kind.GENERAL_GLO, True, True)),
    (0, "AUTHENTICATED", Mechanism.HIGH_GMAC, Protection(Kind.GLO, True)),
    (0, "ENCRYPTED", Mechanism.HIGH_GMAC, Protection(Kind.GLO, False, True)),
    # no GMAC with other suites: this meter leaves the suite out of the security control of its answer, which ours refuses
    *((suite, "AUTHENTICATED_ENCRYPTED", mechanism, BOTH) for suite in (1, 2) for mechanism in HLS[-2:]),
]


@pytest.mark.dlms(
    "client glo suite 0", "client glo suite 1", "client glo suite 2", "client general-glo suite 0",
    "client authentication only", "client encryption only", "client authenticated encryption", "client context LN ciphered",
)  # fmt: skip
@pytest.mark.parametrize("suite, level, mechanism, protection", CIPHERED)
def test_pydlms_is_read_ciphered(simulators, suite: int, level: str, mechanism: Mechanism, protection: Protection) -> None:
    with simulators(suite, level).meter(mechanism, protection) as meter:
        reads(meter)


@pytest.mark.dlms("client SET normal", "client ACTION normal", "client GET with-list")
@pytest.mark.parametrize("protection", [None, BOTH], ids=["plain", "ciphered"])
def test_pydlms_is_written_and_acted_on(simulators, protection: Protection | None) -> None:
    with simulators().meter(Mechanism.HIGH_GMAC, protection) as meter:
        client, exchange = meter.client, meter.exchange
        before = drive(client.get("0-0:1.0.0", 8, 2), exchange)
        drive(client.set("0-0:1.0.0", 8, 2, axdr.octets(bytes.fromhex("07EA0101FF000000FF000000"))), exchange)
        assert meter.clock() == datetime(2026, 1, 1, tzinfo=UTC)
        drive(client.set("0-0:1.0.0", 8, 2, before), exchange)
        drive(client.set("0-0:96.3.10", 70, 2, axdr.boolean(True)), exchange)
        drive(client.action("0-0:96.3.10", 70, 1), exchange)
        assert drive(client.get("0-0:96.3.10", 70, 2), exchange).python is False
        several = [item("1-0:1.8.0", 3, 2), item("1-0:99.99.0", 3, 2), item("1-0:2.8.0", 3, 2)]
        first, second, third = drive(client.get_list(several), exchange)
        assert (first.value, third.value) == (ENERGY, 4321)
        assert isinstance(second, AccessError)


@pytest.mark.dlms("client GET next")
@pytest.mark.parametrize("protection", [None, BOTH], ids=["plain", "ciphered"])
@pytest.mark.parametrize("size", [100, 300])
def test_pydlms_answers_in_blocks(simulators, size: int, protection: Protection | None) -> None:
    with simulators().meter(Mechanism.HIGH_GMAC, protection, max_pdu=size) as meter:
        reads(meter)


@pytest.mark.dlms(
    "client general block transfer", "client general block transfer streaming", "client general block transfer window"
)
@pytest.mark.dlms("client general block transfer recovery", part=True)
@pytest.mark.parametrize("protection", [None, BOTH], ids=["plain", "ciphered"])
@pytest.mark.parametrize("loses", [[], [3], [2, 5, 6]])
def test_pydlms_answers_in_general_blocks_some_of_which_get_lost(
    peers_python: Path, protection: Protection | None, loses: list[int]
) -> None:
    """The end of a stream gets through in these: what is missing before it is asked for by number."""
    with ExitStack() as stack:

        def start(*command: object) -> str:
            return stack.enter_context(program(peers_python, *command))

        simulator = Simulator(0, "AUTHENTICATED_ENCRYPTED", start, gbt_window=4, loses=loses)
        with simulator.meter(Mechanism.HIGH_GMAC, protection, max_pdu=200, conformance=IN_GENERAL_BLOCKS) as meter:
            reads(meter)


@pytest.mark.dlms("client GET selection by range", "client GET selection by entry")
def test_pydlms_rows_by_time_and_by_number(simulators) -> None:
    with simulators().meter(Mechanism.LOW) as meter:
        profile = meter.profile("1-0:99.1.0")
        hour = profile.rows(since=FIRST_ROW + timedelta(hours=1), until=FIRST_ROW + timedelta(hours=2))
        assert [int(row[1].value) for row in hour] == [1028, 1035, 1042, 1049, 1056]
        assert [int(row[1].value) for row in profile.entries(2, 4)] == [1007, 1014, 1021]


@pytest.mark.dlms("client diagnostics")
def test_pydlms_lets_nobody_in_with_another_secret(simulators) -> None:
    simulator = simulators()
    for mechanism in (Mechanism.LOW, Mechanism.HIGH_MD5, Mechanism.HIGH_SHA256):
        client = Client(int(mechanism), 1, authentication=Authentication(mechanism, b"another secret", Random(7), CLIENT))
        with (
            WrapperExchange(open_stream(parse(f"tcp:127.0.0.1:{simulator.ports['wrapper']}")), int(mechanism), 1, 20.0) as link,
            pytest.raises(Exception, match=r"authentication|denied|other-reason|proof|refus"),
        ):
            drive(client.associate(), link)


@pytest.mark.dlms("client GET normal")
def test_gurux_server_is_read(peers_python: Path) -> None:
    """With what its release lacks put in. Its object list and its ciphering do not answer."""
    with program(peers_python, GURUX, "serve") as port:
        stream = open_stream(parse(f"tcp:127.0.0.1:{int(port)}"))
        with WrapperExchange(stream, 16, 1, 20.0) as exchange, Meter(exchange, Client(16, 1)) as meter:
            registers = [item(f"1-0:{number}.8.0", 3, 2) for number in range(1, 41)]
            one_by_one = [drive(meter.client.get(one.attribute.instance_id, 3, 2), exchange).value for one in registers]
            at_once = [value.value for value in drive(meter.client.get_list(registers), exchange)]
            assert one_by_one == at_once == [*range(1000, 1040)]
            assert drive(meter.client.get("1-0:1.8.0", 3, 3), exchange).python == [0, 0]
