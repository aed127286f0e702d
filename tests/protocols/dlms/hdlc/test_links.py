"""HDLC client against HDLC server, and each against a script of frames: every rule of the state tables (A8 to A14)."""

from __future__ import annotations

import heapq
import random
import tracemalloc
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.effects import Effect, Send
from protocols.core.errors import LocalProtocolError
from protocols.dlms.hdlc import (
    Address,
    Apdu,
    ClientLink,
    Connected,
    Deframer,
    Discarded,
    Disconnected,
    Failed,
    Frame,
    Kind,
    Limits,
    Parameters,
    ServerLink,
    TooLong,
    Unconfirmed,
    client,
    server,
)

S = 1_000_000_000
MS = 1_000_000
CLIENT, SERVER = Address(16), Address(1)
COMMAND, RESPONSE = b"\xe6\xe6\x00", b"\xe6\xe7\x00"


def frames(effects: list[Effect]) -> list[Frame]:
    """What was sent."""
    return Deframer().feed(b"".join(effect.data for effect in effects if isinstance(effect, Send)))


def kinds(effects: list[Effect]) -> list[object]:
    """The frames sent and the other effects, in order, as short as can be."""
    return [frames([effect])[0].kind if isinstance(effect, Send) else type(effect) for effect in effects]


class Peer:
    """A script's pen: frames from one station, built by hand, given to a link."""

    def __init__(self, link: ServerLink | ClientLink, own: Address, other: Address) -> None:
        self.link, self.own, self.other = link, own, other

    def u(self, kind: Kind, information: bytes = b"", *, poll: bool = True, now: int = 0) -> list[Effect]:
        frame = Frame.unnumbered(kind, self.other, self.own, poll=poll, information=information)
        return self.link.feed(frame.build(), now)

    def s(self, kind: Kind, received: int, *, poll: bool = True, now: int = 0) -> list[Effect]:
        return self.link.feed(Frame.numbered(kind, self.other, self.own, receive=received, poll=poll).build(), now)

    def i(
        self, sent: int, received: int, information: bytes, *, poll: bool = True, more: bool = False, now: int = 0
    ) -> list[Effect]:
        frame = Frame.numbered(
            Kind.I, self.other, self.own, send=sent, receive=received, poll=poll, information=information, segmented=more
        )
        return self.link.feed(frame.build(), now)


@pytest.fixture
def meter() -> ServerLink:
    return ServerLink([1], Parameters(Limits(window_receive=1)))


@pytest.fixture
def reader(meter: ServerLink) -> Peer:
    """A client's pen, connected to the meter."""
    pen = Peer(meter, CLIENT, SERVER)
    assert kinds(pen.u(Kind.SNRM)) == [Kind.UA, Connected]
    return pen


# --- the two together


class Line:
    """Client and server on a line that takes time, loses, damages and cuts, all by one seed."""

    def __init__(
        self, client_link: ClientLink, server_link: ServerLink, answer: Callable[[bytes], bytes], *,
        seed: object = 0, loss: float = 0, damage: float = 0, octet: int = MS // 10,
    ) -> None:  # fmt: skip
        self.client, self.server, self.answer = client_link, server_link, answer
        self.rng = random.Random(str(seed))
        self.loss, self.damage, self.octet = loss, damage, octet
        self.now = 0
        self.order = count()
        self.flying: list[tuple[int, int, bool, bytes]] = []
        self.requests: list[bytes] = []
        self.seen: list[Effect] = []

    def apply(self, effects: list[Effect], *, to_server: bool) -> None:
        at = self.now
        for effect in effects:
            if isinstance(effect, Send):
                data = bytearray(effect.data)
                if self.rng.random() < self.loss:
                    continue
                if self.rng.random() < self.damage:
                    data[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
                while data:  # in lumps, as serial drivers do
                    size = self.rng.randint(1, len(data))
                    at += size * self.octet
                    heapq.heappush(self.flying, (at, next(self.order), to_server, bytes(data[:size])))
                    del data[:size]
            elif to_server:
                self.seen.append(effect)
            elif isinstance(effect, Apdu):
                self.requests.append(effect.data)
                reply = self.server.reply(effect.client, effect.server, self.answer(effect.data), self.now)
                self.apply(reply, to_server=False)

    def until(self, *wanted: type[Effect]) -> Effect:
        """Run until the client says one of these."""
        for _ in range(100_000):
            for effect in self.seen:
                if isinstance(effect, wanted):
                    self.seen.remove(effect)
                    return effect
            links: list[ClientLink | ServerLink] = [self.client, self.server]
            due = [(link.deadline, place) for place, link in enumerate(links) if link.deadline is not None]
            at, place = min(due, default=(1 << 62, 0))
            if self.flying and self.flying[0][0] <= at:
                self.now, _, to_server, data = heapq.heappop(self.flying)
                link: ClientLink | ServerLink = self.server if to_server else self.client
                self.apply(link.feed(data, self.now), to_server=not to_server)
            else:
                self.now = at
                self.apply(links[place].expire(self.now), to_server=place == 0)
        raise AssertionError(f"never came: {wanted}")

    def call(self, effects: list[Effect], *wanted: type[Effect]) -> Effect:
        self.apply(effects, to_server=True)
        return self.until(*wanted)


SMALL = Limits(32, 32, 1, 1)
WIDE = Limits(64, 50, 3, 4)


@pytest.mark.dlms("client HDLC window", part=True)
@pytest.mark.dlms(
    "server HDLC segmentation", "client HDLC segmentation", "server HDLC negotiation", "client HDLC negotiation",
    "server HDLC addresses 1 2 4", "client HDLC addresses 1 2 4",
)  # fmt: skip
@pytest.mark.parametrize("theirs", [Limits(), SMALL, WIDE, Limits(2030, 2030, 7, 7)])
@pytest.mark.parametrize("ours", [Limits(), SMALL, WIDE, Limits(2030, 2030, 7, 7)])
@pytest.mark.parametrize("address", [Address(1), Address(1, 17), Address(1, 17, 4)])
def test_any_size_both_ways(theirs: Limits, ours: Limits, address: Address) -> None:
    line = Line(ClientLink(16, address, Parameters(ours)), ServerLink([1], Parameters(theirs)), lambda apdu: apdu[::-1])
    assert line.call(line.client.connect(0), Connected) == Connected(16, 1)
    for size in (1, 28, 29, 30, 125, 126, 128, 253, 1000, 4096):
        apdu = bytes(n & 0xFF for n in range(size))
        assert line.call(line.client.request(apdu, line.now), Apdu, Failed) == Apdu(16, 1, apdu[::-1])
    assert line.call(line.client.disconnect(line.now), Disconnected) == Disconnected(16, 1)
    assert line.server.deadline is None
    assert not line.seen
    assert line.now < 120 * S


@pytest.mark.dlms("server HDLC retransmission", "client HDLC retransmission", "server HDLC window", "client HDLC window")
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("limits", [Limits(), SMALL, WIDE, Limits(40, 40, 7, 7)])
def test_loss_and_damage_cost_time_and_nothing_else(limits: Limits, seed: int) -> None:
    """Every request is executed once and in order, every answer is the right one."""
    setup = Parameters(limits, inter_octet_time_out=500 * MS, response_time_out=2 * S, attempts=20, inactivity_time_out=3600 * S)
    line = Line(
        ClientLink(16, 1, setup), ServerLink([1], setup), lambda apdu: apdu[:4] + b"!" * (apdu[4] * 2),
        seed=f"{limits}/{seed}", loss=0.1, damage=0.1,
    )  # fmt: skip
    assert line.call(line.client.connect(0), Connected, Failed) == Connected(16, 1)
    sent = []
    for number in range(15):
        size = line.rng.randrange(200)
        apdu = number.to_bytes(4, "big") + bytes((size,)) + bytes(size)
        sent.append(apdu)
        assert line.call(line.client.request(apdu, line.now), Apdu, Failed) == Apdu(16, 1, apdu[:4] + b"!" * (size * 2))
    assert line.requests == sent


def test_a_response_slower_than_the_time_out_is_still_taken_once() -> None:
    """The repeat is not executed, the late answers of the two polls do not multiply."""
    link, meter_ = ClientLink(16, 1, Parameters(response_time_out=1 * S)), ServerLink([1])
    (snrm,) = link.connect(0)
    assert isinstance(snrm, Send)
    ua = meter_.feed(snrm.data, 0)[0]
    assert isinstance(ua, Send)
    link.feed(ua.data, 0)
    (request,) = link.request(b"\xc0", 0)
    (repeat,) = link.expire(1 * S)
    assert isinstance(request, Send)
    assert isinstance(repeat, Send)
    assert request == repeat
    assert meter_.feed(request.data, 0) == [Apdu(16, 1, b"\xc0")]
    assert kinds(meter_.feed(repeat.data, 0)) == [Discarded, Kind.RR]
    # RR acknowledges: the client goes on waiting, and polls when its time is up
    assert meter_.reply(16, 1, b"\xc4", 0) == []
    rr = Frame.numbered(Kind.RR, CLIENT, SERVER, receive=1, poll=True).build()
    assert link.feed(rr, 1 * S) == []
    (poll,) = link.expire(2 * S)
    assert frames([poll])[0].kind is Kind.RR
    assert isinstance(poll, Send)
    (answer,) = meter_.feed(poll.data, 0)
    assert isinstance(answer, Send)
    assert link.feed(answer.data, 2 * S) == [Apdu(16, 1, b"\xc4")]
    assert kinds(link.feed(answer.data, 2 * S)) == [Discarded]


# --- the server


def test_a_server_answers_within_one_poll(meter: ServerLink, reader: Peer) -> None:
    assert reader.i(0, 0, COMMAND + b"\xc0\x01") == [Apdu(16, 1, b"\xc0\x01")]
    (answer,) = frames(meter.reply(16, 1, b"\xc4\x01", 0))
    assert answer == Frame.numbered(Kind.I, CLIENT, SERVER, send=0, receive=1, poll=True, information=RESPONSE + b"\xc4\x01")


@pytest.mark.dlms("server HDLC broadcast")
def test_other_stations_and_broadcast(meter: ServerLink, reader: Peer) -> None:
    """A8: other stations' frames are ignored; all-station UI is delivered, and nothing to all stations is answered."""
    shared = ServerLink([1, 2], station=17)
    for destination in (Address(3), Address(1, 18), Address(0)):
        assert kinds(Peer(shared, CLIENT, destination).u(Kind.SNRM)) == [Discarded]
    for destination in (Address(1), Address(2, 17), Address(2, 17, 4)):
        assert Kind.UA in kinds(Peer(shared, CLIENT, destination).u(Kind.SNRM))
    for everybody in (Address(0x7F), Address(1, 0x7F), Address(0x3FFF, 0x3FFF)):
        pen = Peer(shared, CLIENT, everybody)
        assert kinds(pen.u(Kind.SNRM)) == kinds(pen.u(Kind.DISC)) == kinds(pen.i(0, 0, COMMAND)) == [Discarded]
        assert pen.u(Kind.UI, COMMAND + b"\xc1") == [Unconfirmed(16, everybody.upper, b"\xc1")]
    assert kinds(Peer(shared, Address(1, 17), Address(1)).u(Kind.SNRM)) == [Discarded]
    assert kinds(Peer(shared, Address(0), Address(1)).u(Kind.SNRM)) == [Discarded]


def test_reserved_addresses() -> None:
    """IEC 62056-46 6.4.2.4: no station is nobody; the calling device is the one that has called."""
    shared = ServerLink([1], station=17)
    for lower in (Address(1, 0), Address(1, 0, 4)):
        assert kinds(Peer(shared, CLIENT, lower).u(Kind.SNRM)) == [Discarded]
        assert kinds(Peer(ServerLink([1]), CLIENT, lower).u(Kind.SNRM)) == [Discarded]
    for calling in (Address(1, 0x7E), Address(1, 0x3FFE, 4)):
        assert kinds(Peer(shared, CLIENT, calling).u(Kind.SNRM)) == [Discarded]
        caller = ServerLink([1], station=17)
        caller.calling = True
        effects = Peer(caller, CLIENT, calling).u(Kind.SNRM)
        assert kinds(effects) == [Kind.UA, Connected]
        assert frames(effects)[0].source == calling
    assert kinds(Peer(shared, Address(0x7F), Address(1, 17)).u(Kind.SNRM)) == [Discarded]


@pytest.mark.dlms("server HDLC FRMR DM")
def test_disconnected_mode() -> None:
    """A9: DM to everything that polls; C22: DISC without a connection too. Without a poll, silence."""
    pen = Peer(ServerLink([1]), CLIENT, SERVER)
    assert kinds(pen.i(0, 0, COMMAND)) == kinds(pen.s(Kind.RR, 0)) == kinds(pen.u(Kind.DISC)) == [Kind.DM]
    assert kinds(pen.i(0, 0, COMMAND, poll=False)) == [Discarded]


def test_repeated_and_out_of_order_frames_are_not_executed(meter: ServerLink, reader: Peer) -> None:
    """A10."""
    assert kinds(reader.i(1, 0, COMMAND)) == [Discarded, Kind.RR]
    assert kinds(reader.i(0, 0, COMMAND + b"\xc0")) == [Apdu]
    assert kinds(meter.reply(16, 1, b"\xc4", 0)) == [Kind.I]
    # the answer was lost: it comes again, and with it the N(R) expected; nothing is executed
    again = reader.i(0, 0, COMMAND + b"\xc0")
    assert kinds(again) == [Discarded, Kind.I]
    assert frames(again)[0].receive_number == 1
    # the answer was acknowledged: RR
    ready = reader.i(0, 1, COMMAND + b"\xc0")
    assert kinds(ready) == [Discarded, Kind.RR]
    assert frames(ready)[0].receive_number == 1


@pytest.mark.parametrize("received", [1, 5, 7])
@pytest.mark.parametrize("numbered", [Kind.I, Kind.RR, Kind.RNR])
def test_acknowledging_what_was_never_sent(reader: Peer, numbered: Kind, received: int) -> None:
    """A11: FRMR with reason Z (ISO/IEC 13239), and out of normal response mode."""
    effects = reader.i(0, received, COMMAND) if numbered is Kind.I else reader.s(numbered, received)
    assert kinds(effects) == [Kind.FRMR, Disconnected]
    (report,) = frames(effects)
    control = {Kind.I: 0x10, Kind.RR: 0x11, Kind.RNR: 0x15}[numbered] | received << 5
    assert report.information == bytes((control, 0x00, 0x08))
    assert kinds(reader.i(0, 0, COMMAND)) == [Kind.DM]
    assert kinds(reader.u(Kind.SNRM)) == [Kind.UA, Connected]


@pytest.mark.dlms("server HDLC FRMR DM")
def test_undefined_control_field(reader: Peer) -> None:
    effects = reader.link.feed(Frame(SERVER, CLIENT, 0x19).build(), 0)
    assert kinds(effects) == [Kind.FRMR, Disconnected]
    assert frames(effects)[0].information == bytes((0x19, 0x00, 0x01))


@pytest.mark.parametrize("control", [0x11, 0x15])
def test_information_where_there_is_none(reader: Peer, control: int) -> None:
    """FRMR with reasons W and X (ISO/IEC 13239 5.5.3.4.2)."""
    effects = reader.link.feed(Frame(SERVER, CLIENT, control, b"x").build(), 0)
    assert kinds(effects) == [Kind.FRMR, Disconnected]
    assert frames(effects)[0].information == bytes((control, 0x00, 0x03))


def test_more_frames_than_the_window() -> None:
    """A12: the excess is dropped, and asked for again by N(R)."""
    pen = Peer(ServerLink([1], Parameters(Limits(window_receive=3))), CLIENT, SERVER)
    pen.u(Kind.SNRM, Limits(window_transmit=7).build())
    for number in range(3):
        assert pen.i(number, 0, b"", poll=False, more=True) == []
    for number in (3, 4, 5):
        assert kinds(pen.i(number, 0, b"", poll=False, more=True)) == [Discarded]
    assert frames(pen.s(Kind.RR, 0))[0].receive_number == 3


def test_segments_without_end() -> None:
    """A13: at the largest size it is said once; the rest is dropped; the next APDU is good again."""
    meter_ = ServerLink([1], Parameters(largest_apdu=300))
    pen = Peer(meter_, CLIENT, SERVER)
    pen.u(Kind.SNRM)
    assert kinds(pen.i(0, 0, COMMAND + bytes(120), more=True)) == [Kind.RR]
    assert kinds(pen.i(1, 0, bytes(128), more=True)) == [Kind.RR]
    assert pen.i(2, 0, bytes(128), more=True) == [TooLong(16, 1)]
    assert kinds(meter_.reply(16, 1, b"\xd8\x02\x04", 0)) == [Kind.I]
    for number in range(3, 103):
        assert kinds(pen.i(number % 8, 1, bytes(128), more=True)) == [Kind.RR]
    assert kinds(pen.i(103 % 8, 1, bytes(128))) == [Kind.RR]
    assert pen.i(104 % 8, 1, COMMAND + b"\xc0") == [Apdu(16, 1, b"\xc0")]


@pytest.mark.parametrize(
    "said",
    [
        "05020000 06020000 070100 080100",
        "0502FFFF 0602FFFF 0701FF 0801FF",
        "050100 060100 070400000000 080400000000",
    ],
)
def test_negotiation_with_nonsense(said: str) -> None:
    """A14: UA with our own limits, never a zero window."""
    parameters = bytes.fromhex(said.replace(" ", ""))
    pen = Peer(ServerLink([1], Parameters(Limits(200, 210, 2, 3))), CLIENT, SERVER)
    effects = pen.u(Kind.SNRM, b"\x81\x80" + bytes((len(parameters),)) + parameters)
    assert kinds(effects) == [Kind.UA, Connected]
    assert Limits.parse(frames(effects)[0].information) == Limits(200, 210, 2, 3)


def test_damaged_negotiation_is_not_answered(meter: ServerLink) -> None:
    assert kinds(Peer(meter, CLIENT, SERVER).u(Kind.SNRM, b"\x81\x80\x02\x05\x09")) == [Discarded]


def test_information_longer_than_agreed_is_dropped(reader: Peer) -> None:
    """A5. Agreed is what the client said it would send, where that is less than ours."""
    modest = Peer(reader.link, Address(17), SERVER)
    modest.u(Kind.SNRM, Limits(information_transmit=64).build())
    assert kinds(modest.i(0, 0, COMMAND + bytes(62))) == [Discarded]
    assert kinds(modest.i(0, 0, COMMAND + bytes(61))) == [Apdu]
    assert kinds(reader.i(0, 0, COMMAND + bytes(126))) == [Discarded]
    assert kinds(reader.i(0, 0, COMMAND + bytes(125))) == [Apdu]


@pytest.mark.dlms("server HDLC several clients")
def test_several_clients_have_their_own_connections() -> None:
    meter_ = ServerLink([1, 2])
    pens = {(who, where): Peer(meter_, Address(who), Address(where)) for who in (16, 32) for where in (1, 2)}
    for (who, where), pen in pens.items():
        assert pen.u(Kind.SNRM)[1:] == [Connected(who, where)]
    for (who, where), pen in pens.items():
        assert pen.i(0, 0, COMMAND + b"\xc0") == [Apdu(who, where, b"\xc0")]
    for who, where in reversed(list(pens)):
        (answer,) = frames(meter_.reply(who, where, bytes((who, where)), 0))
        assert (answer.destination, answer.source) == (Address(who), Address(where))
        assert answer.information == RESPONSE + bytes((who, where))
    assert kinds(pens[16, 1].u(Kind.DISC)) == [Kind.UA, Disconnected]
    assert kinds(pens[16, 1].i(1, 1, COMMAND)) == [Kind.DM]
    assert kinds(pens[32, 1].i(1, 1, COMMAND)) == [Apdu]


def test_one_connection_too_many_is_refused_and_the_others_stand() -> None:
    meter_ = ServerLink([1], Parameters(connections=2))
    pens = [Peer(meter_, Address(who), SERVER) for who in (1, 16, 32)]
    assert [kinds(pen.u(Kind.SNRM)) for pen in pens] == [[Kind.UA, Connected], [Kind.UA, Connected], [Kind.DM]]
    assert kinds(pens[0].u(Kind.SNRM)) == [Disconnected, Kind.UA, Connected]
    pens[1].u(Kind.DISC)
    assert kinds(pens[2].u(Kind.SNRM)) == [Kind.UA, Connected]


def test_the_address_called_is_the_address_that_answers() -> None:
    """However many octets the client spends."""
    meter_ = ServerLink([1])
    for called in (Address(1), Address(1, 17), Address(1, 17, 4)):
        (ua,) = frames(Peer(meter_, CLIENT, called).u(Kind.SNRM))
        assert ua.source == called


def test_a_second_snrm_starts_again(meter: ServerLink, reader: Peer) -> None:
    reader.i(0, 0, COMMAND + b"\xc0", poll=True)
    assert kinds(reader.u(Kind.SNRM)) == [Disconnected, Kind.UA, Connected]
    assert kinds(reader.i(0, 0, COMMAND + b"\xc0")) == [Apdu]


@pytest.mark.dlms("server HDLC inactivity")
def test_silence_closes_the_connection(meter: ServerLink, reader: Peer) -> None:
    assert meter.deadline == 120 * S
    reader.s(Kind.RR, 0, now=50 * S)
    assert meter.deadline == 170 * S
    assert meter.expire(169 * S) == []
    assert meter.expire(170 * S) == [Disconnected(16, 1)]
    assert meter.deadline is None
    assert kinds(meter.reply(16, 1, b"\xc4", 171 * S)) == [Discarded]


def test_a_busy_client_is_not_sent_to(meter: ServerLink, reader: Peer) -> None:
    reader.i(0, 0, COMMAND + b"\xc0", poll=False)
    assert meter.reply(16, 1, b"\xc4", 0) == []
    assert kinds(reader.s(Kind.RNR, 0)) == [Kind.RR]
    assert kinds(reader.s(Kind.RR, 0)) == [Kind.I]


def test_several_apdus_to_one_request(meter: ServerLink, reader: Peer) -> None:
    """As general block transfer streams them: the first at once, each further one when polled; a new request ends it."""
    reader.i(0, 0, COMMAND + b"\xe0")
    assert frames(meter.reply(16, 1, b"\xe0\x01", 0))[0].information == RESPONSE + b"\xe0\x01"
    assert meter.reply(16, 1, b"\xe0\x02", 0) == meter.reply(16, 1, b"\xe0\x03", 0) == []
    assert frames(reader.s(Kind.RR, 1))[0].information == RESPONSE + b"\xe0\x02"
    assert reader.i(1, 2, COMMAND + b"\xc0") == [Apdu(16, 1, b"\xc0")]
    assert frames(meter.reply(16, 1, b"\xc4", 0))[0].information == RESPONSE + b"\xc4"
    assert kinds(reader.s(Kind.RR, 3)) == [Kind.RR]


def test_a_long_answer_is_held_once(meter: ServerLink, reader: Peer) -> None:
    """It is cut as the window opens: no second copy of a megabyte."""
    answer = bytes(1 << 20)
    reader.i(0, 0, COMMAND + b"\xc0")
    tracemalloc.start()
    meter.reply(16, 1, answer, 0)
    received = 1
    for number in range(1, 200):
        (frame,) = frames(reader.s(Kind.RR, number % 8))
        received += frame.segmented
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert received == 200
    assert peak < 100_000


def test_wrong_llc_is_dropped_and_the_poll_answered(reader: Peer) -> None:
    assert kinds(reader.i(0, 0, RESPONSE + b"\xc0")) == [Discarded, Kind.RR]
    assert kinds(reader.u(Kind.UI, b"\xc0")) == [Discarded]


@pytest.mark.dlms("server HDLC UI")
def test_notifications(meter: ServerLink, reader: Peer) -> None:
    (frame,) = frames(meter.notify(16, 1, b"\x0f"))
    assert frame == Frame.unnumbered(Kind.UI, CLIENT, SERVER, poll=False, information=RESPONSE + b"\x0f")
    (frame,) = frames(meter.notify(32, 1, b"\x0f"))
    assert frame.destination == Address(32)
    with pytest.raises(LocalProtocolError):
        meter.notify(16, 1, bytes(126))


def test_a_frame_that_stops_half_way(meter: ServerLink) -> None:
    """A3 on a link: the inter-octet time-out makes it a loss."""
    snrm = Frame.unnumbered(Kind.SNRM, SERVER, CLIENT, poll=True).build()
    assert meter.feed(snrm[:-1], 5 * S) == []
    assert meter.deadline == 6 * S
    assert meter.expire(5 * S) == []
    assert kinds(meter.expire(6 * S)) == [Discarded]
    assert meter.deadline is None
    assert kinds(meter.feed(snrm, 7 * S)) == [Kind.UA, Connected]


def test_every_event_has_a_row() -> None:
    for rules in (server.RULES, client.RULES):
        for state, rows in rules.items():
            assert set(rows) == set(Kind), state
    assert set(server.RULES) == set(server.State)
    assert set(client.RULES) == set(client.State)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=8), st.booleans()), max_size=30), st.booleans())
def test_no_sequence_of_frames_breaks_a_link(script: list[tuple[int, bytes, bool]], connected: bool) -> None:
    """Any control field in any state, with any information: effects only. Afterwards a good SNRM still works."""
    meter_, reader_ = ServerLink([1]), ClientLink(16, 1)
    if connected:
        Peer(meter_, CLIENT, SERVER).u(Kind.SNRM)
        reader_.connect(0)
        Peer(reader_, SERVER, CLIENT).u(Kind.UA)
        reader_.request(b"\xc0", 0)
    for control, information, segmented in script:
        for effect in meter_.feed(Frame(SERVER, CLIENT, control, information, segmented).build(), 0):
            if isinstance(effect, Apdu | TooLong):
                meter_.reply(effect.client, effect.server, b"\xc4", 0)
        reader_.feed(Frame(CLIENT, SERVER, control, information, segmented).build(), 0)
    assert Kind.UA in kinds(Peer(meter_, CLIENT, SERVER).u(Kind.SNRM))


# --- the client


@pytest.fixture
def head_end() -> ClientLink:
    link = ClientLink(16, 1, Parameters(response_time_out=2 * S, attempts=3))
    assert kinds(link.connect(0)) == [Kind.SNRM]
    return link


@pytest.fixture
def pen(head_end: ClientLink) -> Peer:
    """A server's pen, connected to the head end."""
    pen = Peer(head_end, SERVER, CLIENT)
    assert kinds(pen.u(Kind.UA)) == [Connected]
    assert head_end.deadline is None
    return pen


def test_connecting_is_repeated_and_given_up(head_end: ClientLink) -> None:
    assert head_end.expire(1 * S) == []
    assert kinds(head_end.expire(2 * S)) == kinds(head_end.expire(4 * S)) == [Kind.SNRM]
    assert kinds(head_end.expire(6 * S)) == [Failed]
    assert head_end.deadline is None
    assert kinds(head_end.connect(10 * S)) == [Kind.SNRM]


@pytest.mark.dlms("client HDLC FRMR DM")
def test_a_server_that_refuses(head_end: ClientLink) -> None:
    assert kinds(Peer(head_end, SERVER, CLIENT).u(Kind.DM)) == [Failed]


def test_calls_out_of_turn_are_our_error(head_end: ClientLink) -> None:
    idle = ClientLink(16, 1)
    for call in (lambda: idle.request(b"\xc0", 0), lambda: idle.disconnect(0), lambda: head_end.connect(0)):
        with pytest.raises(LocalProtocolError):
            call()
    Peer(head_end, SERVER, CLIENT).u(Kind.UA)
    head_end.request(b"\xc0", 0)
    with pytest.raises(LocalProtocolError):
        head_end.request(b"\xc0", 0)


def test_a_request_is_repeated_and_given_up(head_end: ClientLink, pen: Peer) -> None:
    first = head_end.request(b"\xc0", 0)
    assert frames(first)[0].information == COMMAND + b"\xc0"
    assert head_end.expire(2 * S) == head_end.expire(4 * S) == first
    assert kinds(head_end.expire(6 * S)) == [Failed]


def test_a_busy_server_is_polled_within_bounds(head_end: ClientLink, pen: Peer) -> None:
    """RR for ever is not progress."""
    head_end.request(b"\xc0", 0)
    assert pen.s(Kind.RR, 1, now=1 * S) == []
    now = 1 * S
    for _ in range(3):
        now += 2 * S
        assert kinds(head_end.expire(now)) == [Kind.RR]
        assert kinds(pen.s(Kind.RR, 1, now=now)) == [Discarded]
    assert kinds(head_end.expire(now + 2 * S)) == [Failed]


def test_a_gap_in_the_answer_is_asked_for_within_bounds(head_end: ClientLink) -> None:
    link = ClientLink(16, 1, Parameters(Limits(window_receive=3), attempts=3))
    link.connect(0)
    pen_ = Peer(link, SERVER, CLIENT)
    pen_.u(Kind.UA, Limits(window_transmit=3).build())
    link.request(b"\xc0", 0)
    assert pen_.i(0, 1, RESPONSE + b"\xc4", poll=False, more=True) == []
    for _ in range(2):
        effects = pen_.i(2, 1, b"c", more=True)
        assert kinds(effects) == [Discarded, Kind.RR]
        assert frames(effects)[0].receive_number == 1
    assert pen_.i(1, 1, b"b", poll=False, more=True) == []
    assert pen_.i(2, 1, b"c") == [Apdu(16, 1, b"\xc4bc")]
    link.request(b"\xc0", 0)
    answers = [kinds(pen_.i(5, 2, b"x")) for _ in range(10)]
    assert answers.count([Discarded, Kind.I]) + answers.count([Discarded, Kind.RR]) == 2


def test_an_answer_without_end(head_end: ClientLink, pen: Peer) -> None:
    link = ClientLink(16, 1, Parameters(largest_apdu=200))
    link.connect(0)
    pen_ = Peer(link, SERVER, CLIENT)
    pen_.u(Kind.UA)
    link.request(b"\xc0", 0)
    assert kinds(pen_.i(0, 1, RESPONSE + bytes(125), more=True)) == [Kind.RR]
    assert kinds(pen_.i(1, 1, bytes(128), more=True)) == [Failed]
    assert kinds(pen_.i(2, 1, bytes(128), more=True)) == [Discarded]


@pytest.mark.parametrize("kind", [Kind.DM, Kind.FRMR])
def test_a_server_that_has_forgotten_us(head_end: ClientLink, pen: Peer, kind: Kind) -> None:
    head_end.request(b"\xc0", 0)
    assert kinds(pen.u(kind)) == [Failed]
    assert kinds(head_end.connect(0)) == [Kind.SNRM]


def test_disconnecting(head_end: ClientLink, pen: Peer) -> None:
    assert kinds(head_end.disconnect(0)) == [Kind.DISC]
    assert kinds(head_end.expire(2 * S)) == [Kind.DISC]
    assert pen.u(Kind.UA) == [Disconnected(16, 1)]
    assert head_end.deadline is None


def test_disconnecting_from_the_dead(head_end: ClientLink, pen: Peer) -> None:
    head_end.disconnect(0)
    head_end.expire(2 * S)
    head_end.expire(4 * S)
    assert head_end.expire(6 * S) == [Disconnected(16, 1)]


@pytest.mark.dlms("client HDLC echo")
def test_our_own_echo_is_not_an_answer(head_end: ClientLink, pen: Peer) -> None:
    """Optical heads repeat what is sent into them."""
    (request,) = head_end.request(b"\xc0", 0)
    assert isinstance(request, Send)
    assert kinds(head_end.feed(request.data, 0)) == [Discarded]
    assert pen.i(0, 1, RESPONSE + b"\xc4") == [Apdu(16, 1, b"\xc4")]


@pytest.mark.dlms("client HDLC UI")
def test_a_push_in_any_state(head_end: ClientLink) -> None:
    pen_ = Peer(head_end, SERVER, CLIENT)
    assert pen_.u(Kind.UI, RESPONSE + b"\x0f", poll=False) == [Unconfirmed(16, 1, b"\x0f")]
    pen_.u(Kind.UA)
    head_end.request(b"\xc0", 0)
    assert pen_.u(Kind.UI, RESPONSE + b"\x0f", poll=False) == [Unconfirmed(16, 1, b"\x0f")]
    assert kinds(pen_.u(Kind.UI, b"\x0f", poll=False)) == [Discarded]


@pytest.mark.dlms("client HDLC broadcast")
def test_a_push_to_all_clients(head_end: ClientLink) -> None:
    everybody = Peer(head_end, SERVER, Address(0x7F))
    assert everybody.u(Kind.UI, RESPONSE + b"\x0f", poll=False) == [Unconfirmed(16, 1, b"\x0f")]
    assert kinds(everybody.u(Kind.UA)) == [Discarded]


def test_a_server_that_owes_more_is_polled(head_end: ClientLink, pen: Peer) -> None:
    head_end.request(b"\xe0", 0)
    assert pen.i(0, 1, RESPONSE + b"\xe0\x01") == [Apdu(16, 1, b"\xe0\x01")]
    (poll,) = frames(head_end.poll(0))
    assert (poll.kind, poll.receive_number, poll.poll) == (Kind.RR, 1, True)
    assert pen.i(1, 1, RESPONSE + b"\xe0\x02", poll=False) == [Apdu(16, 1, b"\xe0\x02")]
    assert head_end.state is client.State.REQUESTING
    assert kinds(pen.i(2, 1, RESPONSE + b"\xe0\x03")) == [Discarded]  # the window is 1
    (again,) = frames(head_end.expire(2 * S))
    assert again.receive_number == 2
    assert pen.i(2, 1, RESPONSE + b"\xe0\x03") == [Apdu(16, 1, b"\xe0\x03")]
    assert head_end.state is client.State.CONNECTED


def test_an_answer_without_llc_ends_it(head_end: ClientLink, pen: Peer) -> None:
    head_end.request(b"\xc0", 0)
    assert kinds(pen.i(0, 1, b"\xc4")) == [Failed]


@pytest.mark.parametrize("wrong", [Limits(31), Limits(2031), Limits(window_receive=8), Limits(window_transmit=0)])
def test_impossible_parameters_are_our_error(wrong: Limits) -> None:
    with pytest.raises(LocalProtocolError):
        Parameters(wrong)
