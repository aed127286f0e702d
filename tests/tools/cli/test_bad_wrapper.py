"""Bad inputs B1 to B5 against a served hub, over real TCP: what the wrapper's peers may do wrong, and who notices.

After each case the next good client is served, and a bystander that was there before keeps its association.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.dlms import wrapper
from protocols.dlms.client import Client, drive
from tools.links import parse

HOME = Path(__file__).resolve().parents[3] / "fixtures" / "benches" / "home.toml"
HUB, GAS, ELECTRICITY, NOBODY = 1, 2, 3, 77
PUBLIC, MANAGEMENT = 16, 1
PASSWORD = b"12345678"
PATIENCE = 30.0
LARGEST_PDU = 4096 + 8
CONNECTIONS = 8
PACE = 60
"""Half a minute of the meters' time in half a second."""

AARQ = next(Client(PUBLIC).associate())
OBJECT_LIST = bytes.fromhex("C001C1000F0000280000FF0200")


class Ended(Exception):
    """The server ended the connection."""


class Peer:
    """One TCP connection to the hub."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place, PATIENCE)
        self._splitter = wrapper.Splitter()
        self._heard: list[wrapper.Pdu] = []

    def say(self, octets: bytes) -> None:
        try:
            self.socket.sendall(octets)
        except (ConnectionResetError, BrokenPipeError):
            raise Ended from None

    def hear(self) -> wrapper.Pdu:
        """The next PDU. Raises Ended, and TimeoutError after the socket's patience."""
        while not self._heard:
            try:
                octets = self.socket.recv(65536)
            except ConnectionResetError:
                octets = b""
            if not octets:
                raise Ended
            self._heard += self._splitter.feed(octets)
        return self._heard.pop(0)

    def until_it_ends(self) -> None:
        with pytest.raises(Ended):
            self.hear()

    def associate(self, server: int, client: int = PUBLIC) -> Visit:
        return Visit(self, server, client)

    def reset(self) -> None:
        """Leave without a good-bye: RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class Visit:
    """An open association of one client with one server."""

    def __init__(self, peer: Peer, server: int, client: int) -> None:
        self._peer, self._pair = peer, (client, server)
        self._client = Client(client, server, PASSWORD if client == MANAGEMENT else None)
        drive(self._client.associate(), self._exchange)

    def name(self) -> bytes:
        """The logical device's name: a good request and its answer."""
        return bytes(drive(self._client.get("0-0:42.0.0", 1, 2), self._exchange).value)

    def _exchange(self, apdu: bytes) -> bytes:
        client, server = self._pair
        self._peer.say(wrapper.wrap(client, server, apdu))
        answer = self._peer.hear()
        assert (answer.destination, answer.source) == self._pair, "an answer came that nobody asked for"
        return answer.apdu


@pytest.fixture(scope="module")
def program(start_program, tmp_path_factory):
    """A served home whose head end is near."""
    bench = tmp_path_factory.mktemp("bench") / "near.toml"
    bench.write_text(HOME.read_text().replace("latency_ms = 40", "latency_ms = 0"))
    return start_program("serve", bench, "--ready-json", "--after", "1m")


@pytest.fixture(scope="module")
def place(program) -> tuple[str, int]:
    return place_of(program)


def place_of(program) -> tuple[str, int]:
    spec = parse(program.endpoints["hub.wan"])
    return spec.host, spec.port


@pytest.fixture
def peers(place: tuple[str, int]) -> Iterator[list[Peer]]:
    """Connections that the test ends."""
    opened: list[Peer] = []
    yield opened
    for peer in opened:
        peer.socket.close()


@pytest.fixture
def peer(place: tuple[str, int], peers: list[Peer]) -> Peer:
    """Who misbehaves."""
    peers.append(Peer(place))
    return peers[-1]


@pytest.fixture
def others_are_served(place: tuple[str, int], peers: list[Peer]) -> Iterator[None]:
    """Around a case: a bystander keeps its association, and a new client gets one."""
    peers.append(Peer(place))
    bystander = peers[-1].associate(ELECTRICITY, MANAGEMENT)
    name = bystander.name()
    yield
    assert bystander.name() == name
    peers.append(Peer(place))
    assert peers[-1].associate(GAS).name() != name


def header(version: int, source: int, destination: int, length: int) -> bytes:
    return b"".join(field.to_bytes(2, "big") for field in (version, source, destination, length))


ENDS = {
    "B1 version 0": header(0, PUBLIC, HUB, len(AARQ)) + AARQ,
    "B1 version 2": header(2, PUBLIC, HUB, len(AARQ)) + AARQ,
    "B1 version with its octets swapped": header(0x0100, PUBLIC, HUB, len(AARQ)) + AARQ,
    "B1 HDLC on the port of the wrapper": bytes.fromhex("7EA00802032193C5347E"),
    "B1 another protocol": b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n",
    "B2 length of 65,535 with 10 octets": header(1, PUBLIC, HUB, 0xFFFF) + bytes(10),
    "B2 one octet beyond the cap": header(1, PUBLIC, HUB, LARGEST_PDU - 7) + bytes(10),
}


@pytest.mark.usefixtures("others_are_served")
@pytest.mark.parametrize("octets", ENDS.values(), ids=ENDS)
def test_the_connection_is_dropped(peer: Peer, octets: bytes) -> None:
    peer.say(octets)
    peer.until_it_ends()


STAYS = {
    "B2 length of 0": header(1, PUBLIC, HUB, 0),
    "B2 a hundred times a length of 0": header(1, PUBLIC, HUB, 0) * 100,
    "B5 a server that is not there": wrapper.wrap(PUBLIC, NOBODY, AARQ),
    "B5 server 0": wrapper.wrap(PUBLIC, 0, AARQ),
    "B5 the highest server": wrapper.wrap(PUBLIC, 0xFFFF, AARQ),
}


@pytest.mark.usefixtures("others_are_served")
@pytest.mark.parametrize("octets", STAYS.values(), ids=STAYS)
def test_there_is_no_answer_and_the_connection_stays(peer: Peer, octets: bytes) -> None:
    visit = peer.associate(HUB)
    peer.say(octets)
    assert visit.name()  # the first to be heard is its answer


@pytest.mark.usefixtures("others_are_served")
def test_b2_declared_lengths_fill_no_memory(program, place: tuple[str, int]) -> None:
    def flood() -> None:
        for _ in range(100):
            peer = Peer(place)
            peer.say(header(1, PUBLIC, HUB, 0xFFFF) + bytes(10))
            peer.until_it_ends()
            peer.socket.close()

    flood()  # what is made on first use
    before = program.memory
    for _ in range(5):
        flood()
    assert program.memory - before < 4 * 1024


def test_b3_an_octet_each_half_minute_is_not_enough_to_stay(start_program) -> None:
    place = place_of(start_program("serve", HOME, "--ready-json", "--after", "1m", "--pace", PACE))
    slow, busy = Peer(place), Peer(place)
    visit = busy.associate(HUB)
    name, said = visit.name(), iter(header(1, PUBLIC, HUB, len(AARQ)) + AARQ)
    slow.socket.settimeout(30 / PACE)
    ended = False
    while not ended:
        try:
            slow.say(bytes((next(said),)))  # StopIteration: it was kept to the end
            slow.hear()
        except TimeoutError:
            assert visit.name() == name
        except Ended:
            ended = True
    assert len(list(said)) > len(AARQ) / 2, "it was kept for longer than a few minutes"
    assert visit.name() == name
    for peer in (slow, busy):
        peer.socket.close()


def test_b4_a_thousand_connections_that_say_nothing(program, place: tuple[str, int], peers: list[Peer]) -> None:
    peers.append(Peer(place))
    visit = peers[-1].associate(HUB)
    name, before = visit.name(), program.descriptors
    for number in range(1000):
        peers.append(Peer(place))
        if number % 2 == 0:  # never the one that was silent longest
            assert visit.name() == name
            assert program.descriptors < before + 2 * CONNECTIONS  # some are being closed
        if len(peers) > 50:
            peers.pop(1).socket.close()
    peers[1].until_it_ends()
    assert peers[-1].associate(GAS).name() != visit.name() == name
    assert program.descriptors <= before + CONNECTIONS


@pytest.mark.usefixtures("others_are_served")
def test_b4_resets_in_the_middle_of_an_answer(program, place: tuple[str, int]) -> None:
    def rush() -> None:
        peer = Peer(place)
        peer.associate(GAS)
        for _ in range(20):
            peer.say(wrapper.wrap(PUBLIC, GAS, OBJECT_LIST))
        peer.hear()
        peer.reset()

    rush()
    before = program.descriptors
    for _ in range(20):
        rush()
    assert program.descriptors <= before
