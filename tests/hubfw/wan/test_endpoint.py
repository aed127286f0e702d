from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import Kernel, S
from devices.runtime.net import Net, Socket, Stream
from devices.runtime.supply import Battery
from hubfw.wan.endpoint import ADDRESSES, CONNECTIONS, IDLE, KEEP_ALIVE, PORT, QUIET, Endpoint, Reply, Shared
from protocols.dlms import wrapper


@dataclass
class Echo:
    """A target that answers with what it was sent, when told to."""

    released: list[int] = field(default_factory=list)
    pending: list[Reply] = field(default_factory=list)
    hold: bool = False

    def request(self, client: int, apdu: bytes, reply: Reply) -> None:
        if self.hold:
            self.pending.append(lambda _: reply(apdu))
        else:
            reply(b"re:" + apdu)

    def release(self, client: int) -> None:
        self.released.append(client)


class Echoes(Shared):
    """Each connection has an echo of its own, which counts."""

    def __init__(self) -> None:
        self.made: list[Echo] = []

    def fresh(self) -> Echo:
        self.made.append(Echo())
        return self.made[-1]


class Wan:
    """A hub's endpoint with targets at SAP 1 and 3, a device of its own at SAP 2, and clients on the network."""

    def __init__(self) -> None:
        self.kernel = Kernel("wan")
        self.net = Net(self.kernel)
        self.targets = {1: Echo(), 2: Echoes(), 3: Echo()}
        self.board = Board(self.kernel, "hub", firmware=Firmware, supply=Battery(self.kernel), net=self.net.host("hub"))
        self.run(0)
        self.endpoint = Endpoint(self.board, self.targets)

    def run(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now + int(seconds * S))

    def client(self, host: str = "dcc") -> Client:
        return Client(self, self.net.host(host).connect("hub", PORT))

    def peer(self, host: str = "dcc") -> Peer:
        return Peer(self, self.net.host(host).bind())


class Client:
    def __init__(self, wan: Wan, stream: Stream) -> None:
        self.wan, self.stream = wan, stream
        self.splitter = wrapper.Splitter()
        self.answers: list[wrapper.Pdu] = []
        stream.on_data = lambda data: self.answers.extend(self.splitter.feed(data))

    def ask(self, sap: int, apdu: bytes, client: int = 16) -> list[wrapper.Pdu]:
        self.stream.send(wrapper.wrap(client, sap, apdu))
        self.wan.run(1)
        answers, self.answers = self.answers, []
        return answers


class Peer:
    """A client over UDP."""

    def __init__(self, wan: Wan, socket: Socket) -> None:
        self.wan, self.socket = wan, socket
        self.answers: list[wrapper.Pdu] = []
        socket.on_datagram = lambda host, port, data: self.answers.append(wrapper.unwrap(data))

    def ask(self, sap: int, apdu: bytes, client: int = 16) -> list[wrapper.Pdu]:
        self.socket.send("hub", PORT, wrapper.wrap(client, sap, apdu))
        self.wan.run(1)
        answers, self.answers = self.answers, []
        return answers


@pytest.fixture
def wan() -> Wan:
    return Wan()


@pytest.mark.req("S-018", part=True)
def test_each_sap_is_its_own_device_behind_one_address(wan: Wan) -> None:
    client = wan.client()
    assert client.ask(3, b"x") == [wrapper.Pdu(3, 16, b"re:x")]
    assert client.ask(1, b"y", client=1) == [wrapper.Pdu(1, 1, b"re:y")]


def test_an_unknown_sap_gets_no_answer_and_the_connection_stays(wan: Wan) -> None:
    client = wan.client()
    assert client.ask(77, b"x") == []
    assert client.ask(3, b"x") == [wrapper.Pdu(3, 16, b"re:x")]


def test_octets_that_are_no_wrapper_end_the_connection_and_no_other(wan: Wan) -> None:
    bad, good = wan.client(), wan.client()
    bad.stream.send(b"GET / HTTP/1.1\r\n\r\n")
    wan.run(1)
    assert bad.stream.closed is not None
    assert good.ask(3, b"x")


def test_a_client_address_at_a_meter_belongs_to_one_connection_at_a_time(wan: Wan) -> None:
    first, second = wan.client(), wan.client()
    assert first.ask(3, b"a")
    assert second.ask(1, b"b")  # the same client address at another device is another matter
    assert second.ask(3, b"c") == []
    assert second.stream.closed is not None
    assert wan.endpoint.refused == 1
    first.stream.close()
    wan.run(1)
    assert wan.targets[3].released == [16]
    assert wan.client().ask(3, b"d")


def test_an_answer_for_a_client_that_left_goes_to_nobody(wan: Wan) -> None:
    wan.targets[3].hold = True
    first = wan.client()
    assert first.ask(3, b"late") == []
    first.stream.close()
    wan.run(1)
    second = wan.client()
    assert second.ask(3, b"mine") == []
    for reply in wan.targets[3].pending:
        reply(b"")
    wan.run(1)
    assert second.answers == [wrapper.Pdu(3, 16, b"mine")]
    assert wan.endpoint.unclaimed == 1


def test_one_connection_too_many_closes_the_one_longest_silent(wan: Wan) -> None:
    clients = []
    for _ in range(CONNECTIONS):
        clients.append(wan.client())
        wan.run(1)
    assert clients[0].ask(1, b"still here")
    late = wan.client()
    wan.run(1)
    assert [client.stream.closed is None for client in clients] == [True, False, *[True] * (CONNECTIONS - 2)]
    assert late.ask(3, b"x", client=2)


def test_a_silent_connection_is_closed(wan: Wan) -> None:
    client = wan.client()
    wan.run(IDLE / S / 2)
    assert client.ask(3, b"x")
    wan.run(IDLE / S - 2)
    assert client.stream.closed is None
    wan.run(5)
    assert client.stream.closed is not None


def test_one_connection_cannot_take_every_client_address(wan: Wan) -> None:
    client = wan.client()
    for number in range(ADDRESSES):
        assert client.ask(3, b"x", client=number + 1)
    assert client.ask(3, b"x", client=ADDRESSES)
    assert client.ask(3, b"x", client=ADDRESSES + 1) == []
    assert client.stream.closed is not None


# --- a device that tells connections apart


def test_connections_share_client_addresses_at_the_hubs_own_devices(wan: Wan) -> None:
    first, second, third = wan.client(), wan.client(), wan.peer()
    assert [each.ask(2, b"x") for each in (first, second, third)] == [[wrapper.Pdu(2, 16, b"re:x")]] * 3
    assert first.ask(2, b"y", client=1)
    echoes = wan.targets[2].made
    assert len(echoes) == 3
    first.stream.close()
    wan.run(1)
    assert [echo.released for echo in echoes] == [[16, 1], [], []]
    assert second.ask(2, b"z")


@pytest.mark.parametrize("over", ["client", "peer"])
def test_a_client_address_is_free_when_its_association_is_released(wan: Wan, over: str) -> None:
    wan.targets[3].hold = True
    first, second = getattr(wan, over)(), getattr(wan, over)()
    assert first.ask(3, b"\x62") == []
    wan.targets[3].pending.pop()(b"")
    assert second.ask(3, b"b") == []
    first, second = getattr(wan, over)(), getattr(wan, over)()
    first.ask(3, b"\x63", client=2)  # the echo of it is a release response
    wan.targets[3].pending.pop()(b"")
    assert wan.targets[3].released[-1] == 2
    wan.targets[3].hold = False
    assert second.ask(3, b"b", client=2)


# --- who goes without a word


def test_a_client_that_vanished_keeps_its_address_for_half_a_minute_at_most(wan: Wan) -> None:
    """Its host has lost its power: nothing is said, and the hub finds out."""
    gone = wan.client("laptop")
    assert gone.ask(3, b"a")
    wan.net.host("laptop").reset()
    wan.run(3 * KEEP_ALIVE / S + 1)
    assert wan.targets[3].released == [16]
    assert wan.client().ask(3, b"b")
    assert wan.endpoint.refused == 0


def test_a_client_that_restarted_keeps_it_no_longer_than_it_takes_to_ask(wan: Wan) -> None:
    gone = wan.client("laptop")
    assert gone.ask(3, b"a")
    wan.net.host("laptop").reset()
    wan.net.host("laptop").up = True
    wan.run(KEEP_ALIVE / S + 1)
    assert wan.client().ask(3, b"b")


def test_a_client_that_is_only_quiet_keeps_it(wan: Wan) -> None:
    quiet = wan.client()
    assert quiet.ask(3, b"a")
    wan.run(IDLE / S - 20)
    assert wan.client().ask(3, b"b") == []
    assert quiet.ask(3, b"c")


# --- UDP


@pytest.mark.req("S-018", part=True)
def test_datagrams_are_answered_on_the_same_port(wan: Wan) -> None:
    peer = wan.peer()
    assert peer.ask(3, b"x") == [wrapper.Pdu(3, 16, b"re:x")]
    assert peer.ask(1, b"y", client=1) == [wrapper.Pdu(1, 1, b"re:y")]
    assert peer.ask(77, b"z") == []


@pytest.mark.parametrize(
    "datagram",
    [b"", b"\x00", wrapper.wrap(16, 3, b"x")[:-1], wrapper.wrap(16, 3, b"x") + b"y", b"\x00\x02" + wrapper.wrap(16, 3, b"x")[2:],
     wrapper.wrap(16, 3, b"x") * 2, bytes.fromhex("0001001000030000"), bytes.fromhex("000100100003FFFF") + bytes(60_000)],
)  # fmt: skip
def test_a_datagram_that_is_not_one_pdu_is_lost_alone(wan: Wan, datagram: bytes) -> None:
    peer = wan.peer()
    peer.socket.send("hub", PORT, datagram)
    wan.run(1)
    assert peer.answers == []
    assert peer.ask(3, b"x") == [wrapper.Pdu(3, 16, b"re:x")]


def test_an_address_at_a_meter_is_taken_over_udp_too_and_free_when_its_user_is_quiet(wan: Wan) -> None:
    first, second = wan.peer(), wan.peer()
    assert first.ask(3, b"a")
    assert second.ask(3, b"b") == []
    assert first.ask(3, b"c")
    wan.run(QUIET / S)
    assert second.ask(3, b"d")
    assert wan.targets[3].released == [16]


def test_peers_are_forgotten_after_a_while_and_are_capped(wan: Wan) -> None:
    peers = [wan.peer() for _ in range(3 * CONNECTIONS)]
    assert all(peer.ask(2, b"x") for peer in peers)
    assert len(wan.endpoint._connections) == len(wan.endpoint._peers) == CONNECTIONS
    wan.run(IDLE / S + 1)
    assert not wan.endpoint._connections
    assert not wan.endpoint._peers
    assert peers[0].ask(3, b"x")
