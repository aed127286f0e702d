"""The wide-area network: connect, order, half-close, refusal, lost power, partitions, caps."""

from __future__ import annotations

import pytest

from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import MIN, MS, Kernel, S
from devices.runtime.net import GIVE_UP, LARGEST_DATAGRAM, MAX_UNSENT, Closed, Net, Stream
from protocols.core.errors import LocalProtocolError


class Wan:
    """A head end and a hub that listens; what either end sees, with the time in ms."""

    def __init__(self) -> None:
        self.kernel = Kernel(seed=2)
        self.net = Net(self.kernel, latency=20 * MS)
        self.head_end = self.net.host("head end")
        self.hub = self.net.host("hub")
        self.seen: list[tuple[int, str, object]] = []
        self.accepted: list[Stream] = []
        self.hub.listen(4059, self.accept)

    def note(self, what: str, value: object = None) -> None:
        self.seen.append((self.kernel.now // MS, what, value))

    def accept(self, stream: Stream) -> None:
        self.accepted.append(stream)
        self.watch("hub", stream)

    def watch(self, name: str, stream: Stream) -> Stream:
        stream.on_open = lambda: self.note(f"{name} open")
        stream.on_data = lambda data: self.note(f"{name} data", data)
        stream.on_close = lambda why: self.note(f"{name} close", why)
        return stream

    def connect(self, port: int = 4059) -> Stream:
        return self.watch("head end", self.head_end.connect("hub", port))


@pytest.fixture
def wan() -> Wan:
    return Wan()


def test_a_connection_takes_a_round_trip_and_data_follow_in_order(wan: Wan) -> None:
    stream = wan.connect()
    stream.send(b"one")
    stream.send(b"two")
    wan.kernel.run_until(1 * S)
    wan.accepted[0].send(b"answer")
    wan.kernel.run_until(2 * S)
    assert wan.seen == [
        (40, "head end open", None), (60, "hub data", b"one"), (60, "hub data", b"two"), (1020, "head end data", b"answer"),
    ]  # fmt: skip
    assert (stream.peer, stream.peer_port, wan.accepted[0].peer) == ("hub", 4059, "head end")


def test_each_connection_is_its_own(wan: Wan) -> None:
    one, two = wan.connect(), wan.connect()
    assert one.port != two.port
    two.send(b"two")
    wan.kernel.run_until(1 * S)
    assert len(wan.accepted) == 2
    assert [what for what in wan.seen if what[1] == "hub data"] == [(60, "hub data", b"two")]


def test_nobody_listens(wan: Wan) -> None:
    stream = wan.connect(4060)
    stream.send(b"lost")
    wan.kernel.run_until(1 * S)
    assert wan.seen == [(40, "head end close", Closed.REFUSED)]
    stream.send(b"harmless")
    stream.close()
    wan.hub.unlisten(4059)
    wan.connect()
    wan.kernel.run_until(2 * S)
    assert wan.seen[1:] == [(1040, "head end close", Closed.REFUSED)]
    with pytest.raises(LocalProtocolError, match="hub:4059 is taken"):
        [wan.hub.listen(4059, wan.accept) for _ in range(2)]


def test_close_delivers_what_was_sent_first_and_tells_the_peer_only(wan: Wan) -> None:
    stream = wan.connect()
    stream.send(b"last words")
    stream.close()
    wan.kernel.run_until(1 * S)
    assert wan.seen == [(60, "hub data", b"last words"), (60, "hub close", Closed.CLOSED)]
    assert not wan.hub.streams
    assert not wan.head_end.streams


def test_reset_drops_what_was_not_sent_and_tells_the_peer_only(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(S)
    wan.seen.clear()
    wan.net.partition("head end", "hub")
    stream.send(b"never")
    wan.net.heal("head end", "hub")
    stream.reset()
    stream.reset()
    wan.kernel.run_until(MIN)
    assert wan.seen == [(2020, "hub close", Closed.RESET)]  # at the next attempt
    assert (stream.closed, stream.unsent, wan.head_end.streams, wan.hub.streams) == (Closed.RESET, 0, {}, {})


def test_half_close_lets_the_peer_finish(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    peer = wan.accepted[0]
    peer.on_finish = lambda: wan.note("hub finish")
    stream.finish()
    with pytest.raises(LocalProtocolError, match="after finishing"):
        stream.send(b"more")
    wan.kernel.run_until(2 * S)
    peer.send(b"still speaking")
    peer.finish()
    wan.kernel.run_until(3 * S)
    assert wan.seen[1:] == [
        (1020, "hub finish", None), (2000, "hub close", Closed.CLOSED),
        (2020, "head end data", b"still speaking"), (2020, "head end close", Closed.CLOSED),
    ]  # fmt: skip
    assert not wan.hub.streams
    assert not wan.head_end.streams


def test_a_peer_that_knows_no_half_close_closes(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    stream.finish()
    wan.kernel.run_until(2 * S)
    assert wan.seen[1:] == [(1020, "hub close", Closed.CLOSED), (1040, "head end close", Closed.CLOSED)]


def test_a_host_that_restarted_resets_what_it_does_not_know(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    wan.hub.reset()
    wan.hub.up = True
    wan.kernel.run_until(2 * S)
    assert len(wan.seen) == 1  # nobody told anybody
    stream.send(b"anyone?")
    wan.kernel.run_until(3 * S)
    assert wan.seen[1:] == [(2040, "head end close", Closed.RESET)]


def test_a_host_without_power_answers_nothing_until_it_is_back(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    wan.head_end.up = False
    wan.accepted[0].send(b"held")
    wan.kernel.run_until(5 * S)
    wan.head_end.up = True
    wan.kernel.run_until(30 * S)
    assert wan.seen[1:] == [(1000 + 7000 + 20, "head end data", b"held")]  # tried after 1, 3 and 7 s
    assert stream.closed is None


def test_what_is_under_way_to_a_host_that_goes_down_is_sent_again_in_order(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    stream.send(b"one")
    wan.kernel.run_until(1010 * MS)
    stream.send(b"two")
    wan.hub.up = False
    wan.kernel.run_until(1025 * MS)
    assert (stream.unsent, stream.stuck_since) == (6, 1020 * MS)
    wan.hub.up = True  # before the second one arrives, which waits for the first one all the same
    stream.close()
    wan.kernel.run_until(MIN)
    assert wan.seen[1:] == [(2040, "hub data", b"one"), (2040, "hub data", b"two"), (2040, "hub close", Closed.CLOSED)]
    assert (stream.unsent, wan.head_end.streams, wan.kernel.next_due()) == (0, {}, None)


def test_a_host_that_lost_power_with_something_under_way_to_it_is_found_out(wan: Wan) -> None:
    restarted, gone = wan.connect(), wan.watch("other", wan.net.host("meter").connect("hub", 4059))
    wan.kernel.run_until(1 * S)
    restarted.send(b"lost")
    gone.send(b"lost")
    wan.kernel.run_until(1010 * MS)
    wan.hub.reset()
    wan.net.partition("meter", "hub")
    wan.kernel.run_until(1500 * MS)
    wan.hub.up = True
    wan.kernel.run_until(5 * MIN)
    assert wan.seen[2:] == [(2060, "head end close", Closed.RESET), (61_020, "other close", Closed.TIMED_OUT)]
    assert not wan.head_end.streams
    assert not wan.net.host("meter").streams


def test_what_is_under_way_of_a_stream_given_up_is_not_sent_again(wan: Wan) -> None:
    stream, dead = wan.connect(), wan.net.host("meter").connect("hub", 4059)
    wan.kernel.run_until(1 * S)
    wan.accepted[0].reset()
    wan.kernel.run_until(1010 * MS)
    stream.send(b"crosses the reset")
    dead.send(b"last gasp")
    wan.net.host("meter").reset()
    wan.kernel.run_until(1025 * MS)
    wan.hub.up = False
    wan.kernel.run_until(1030 * MS)
    assert wan.seen[1:] == [(1020, "head end close", Closed.RESET)]
    assert (stream.unsent, wan.kernel.next_due()) == (0, None)


def test_what_never_passes_times_out(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    wan.hub.reset()
    stream.send(b"anyone?")
    wan.kernel.run_until(5 * MIN)
    assert wan.seen[1:] == [(1000 + GIVE_UP // MS, "head end close", Closed.TIMED_OUT)]
    lost = wan.watch("lost", wan.head_end.connect("no such host", 1))
    wan.kernel.run_until(10 * MIN)
    assert (lost.closed, wan.seen[-1][1:]) == (Closed.TIMED_OUT, ("lost close", Closed.TIMED_OUT))
    assert wan.kernel.next_due() is None


def test_a_partition_is_one_way_and_heals(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    wan.net.partition("head end", "hub")
    stream.send(b"held")
    stream.send(b"behind it")
    wan.accepted[0].send(b"passes")
    wan.kernel.run_until(2500 * MS)
    wan.net.heal("head end", "hub")
    wan.kernel.run_until(9 * S)
    assert wan.seen[1:] == [(1020, "head end data", b"passes"), (4020, "hub data", b"held"), (4020, "hub data", b"behind it")]


def test_an_answer_that_cannot_return_leaves_no_half_open_connection(wan: Wan) -> None:
    wan.net.partition("hub", "head end")
    wan.connect()
    wan.kernel.run_until(5 * MIN)
    assert wan.seen == [(60_000, "head end close", Closed.TIMED_OUT), (60_020, "hub close", Closed.TIMED_OUT)]
    assert not wan.hub.streams
    assert not wan.head_end.streams


def test_a_stream_keeps_its_order_under_every_fault(wan: Wan) -> None:
    wan.net.faults = Faults(wan.kernel, "wan", [
        Fault(Effect.DROP, chance=0.2), Fault(Effect.DUPLICATE, chance=0.2, amount=5 * MS),
        Fault(Effect.REORDER, chance=0.2, amount=80 * MS), Fault(Effect.DELAY, chance=0.1, amount=50 * MS),
    ])  # fmt: skip
    stream = wan.connect()
    for number in range(100):
        stream.send(bytes((number,)))
        wan.kernel.run_until(wan.kernel.now + 100 * MS)
    wan.kernel.run_until(10 * MIN)
    assert [data for _, what, data in wan.seen if what == "hub data"] == [bytes((number,)) for number in range(100)]
    assert all(wan.net.faults.count)


def test_corruption_reaches_the_peer(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    wan.net.faults = Faults(wan.kernel, "wan", [Fault(Effect.CORRUPT, amount=0)])
    stream.send(b"\x00\x01")
    wan.kernel.run_until(2 * S)
    assert wan.seen[-1] == (1020, "hub data", b"\x01\x01")


def test_a_queue_that_does_not_move_is_capped(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    wan.net.partition("head end", "hub")
    for _ in range(64):
        stream.send(bytes(1024))
    assert stream.closed is None
    assert MAX_UNSENT == 64 * 1024
    stream.send(b"x")
    assert wan.seen[-1] == (1000, "head end close", Closed.OVERFLOW)


def test_a_resetting_owner_hears_nothing_more(wan: Wan) -> None:
    stream = wan.connect()
    stream.send(b"under way")
    wan.kernel.run_until(50 * MS)
    wan.hub.reset()
    wan.kernel.run_until(5 * MIN)
    assert [what for what in wan.seen if what[1].startswith("hub")] == []


# --- datagrams


def test_datagrams_go_to_a_port_and_back(wan: Wan) -> None:
    server, client = wan.hub.bind(4059), wan.head_end.bind()
    server.on_datagram = lambda host, port, data: server.send(host, port, data[::-1])
    client.on_datagram = lambda host, port, data: wan.note(f"{host}:{port}", data)
    client.send("hub", 4059, b"abc")
    client.send("hub", 4060, b"nobody")
    client.send("nowhere", 4059, b"no host")
    wan.kernel.run_until(1 * S)
    assert wan.seen == [(40, "hub:4059", b"cba")]
    with pytest.raises(LocalProtocolError):
        wan.hub.bind(4059)
    with pytest.raises(LocalProtocolError):
        client.send("hub", 4059, bytes(LARGEST_DATAGRAM + 1))
    assert wan.head_end.bind().port != client.port
    server.close()
    server.close()
    assert wan.hub.bind(4059) is not server


def test_a_datagram_may_be_lost_or_doubled_and_dies_with_its_port(wan: Wan) -> None:
    server, client = wan.hub.bind(4059), wan.head_end.bind()
    server.on_datagram = lambda host, port, data: wan.note("hub", data)
    wan.net.faults = Faults(wan.kernel, "faults", [Fault(Effect.DROP, nth=1), Fault(Effect.DUPLICATE, nth=1)])
    for data in (b"lost", b"doubled"):
        client.send("hub", 4059, data)
    wan.kernel.run_until(1 * S)
    assert [value for _, _, value in wan.seen] == [b"doubled"] * 2
    wan.hub.reset()
    wan.hub.up = True
    client.send("hub", 4059, b"after a restart")
    wan.kernel.run_until(2 * S)
    assert len(wan.seen) == 2


def test_probes_tell_who_is_out_of_reach(wan: Wan) -> None:
    stream = wan.connect()
    wan.kernel.run_until(1 * S)
    stream.probe()
    wan.kernel.run_until(2 * S)
    assert stream.stuck_since is None
    assert wan.seen == [(40, "head end open", None)]
    wan.hub.reset()
    stream.probe()
    wan.kernel.run_until(5 * S)
    assert stream.stuck_since == 2 * S
    wan.hub.up = True  # and knows nothing of it
    wan.kernel.run_until(20 * S)
    assert stream.closed is Closed.RESET
