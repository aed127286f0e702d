"""The same reading over every carrier of the WAN: application octets are the same, whatever is below them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devices.runtime.kernel import MIN, MS, S
from devices.runtime.port import Port
from protocols.core.effects import Send
from protocols.dlms import axdr, hdlc, wrapper
from protocols.dlms.client import Client, drive
from protocols.dlms.cosem import AccessError
from tests.sim.told import Told
from tools.bench.tally import Tally
from tools.cli.kept import closing, summary

HUB = "home1/hub"
CLIENT = 16
HOME = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "esme"\nat = [0.3, 0]\n'
QUESTIONS = (
    (1, "0-0:42.0.0", 1, 2), (1, "0-0:96.1.0", 1, 2), (3, "0-0:42.0.0", 1, 2), (3, "1-0:1.8.0", 3, 3), (3, "0-0:96.1.0", 1, 2)
)  # fmt: skip


class Tcp:
    def __init__(self, run: Told) -> None:
        self.answers: list[wrapper.Pdu] = []
        splitter = wrapper.Splitter()
        self.stream = run.net.host("client").connect(HUB, 4059)
        self.stream.on_data = lambda data: self.answers.extend(splitter.feed(data))

    def send(self, sap: int, apdu: bytes) -> None:
        self.stream.send(wrapper.wrap(CLIENT, sap, apdu))

    def end(self) -> None:
        self.stream.close()


class Udp:
    def __init__(self, run: Told) -> None:
        self.answers: list[wrapper.Pdu] = []
        self.socket = run.net.host("client").bind()
        self.socket.on_datagram = lambda host, port, data: self.answers.append(wrapper.unwrap(data))

    def send(self, sap: int, apdu: bytes) -> None:
        self.socket.send(HUB, 4059, wrapper.wrap(CLIENT, sap, apdu))

    def end(self) -> None:
        self.socket.close()


class SerialWrapper:
    def __init__(self, run: Told) -> None:
        self.answers: list[wrapper.Pdu] = []
        splitter = wrapper.Splitter()
        self.plug = Port(run.kernel, "modem")
        self.plug.on_receive = lambda data: self.answers.extend(splitter.feed(data))
        self.plug.attach(run.hub.uart("modem"), baud=9600)

    def send(self, sap: int, apdu: bytes) -> None:
        self.plug.write(wrapper.wrap(CLIENT, sap, apdu))

    def end(self) -> None:
        self.plug.detach()


class SerialHdlc:
    """One data link a logical device."""

    def __init__(self, run: Told) -> None:
        self.run = run
        self.answers: list[wrapper.Pdu] = []
        self.links: dict[int, hdlc.ClientLink] = {}
        self.plug = Port(run.kernel, "modem")
        self.plug.on_receive = self.received
        self.plug.attach(run.hub.uart("modem"), baud=9600)

    def link(self, sap: int) -> hdlc.ClientLink:
        if sap not in self.links:
            self.links = {sap: hdlc.ClientLink(CLIENT, sap, hdlc.Parameters(hdlc.Limits(1024, 1024, 7, 7)))}
            self.apply(sap, self.links[sap].connect(self.run.now))
            self.run.run(for_=2 * S)
        return self.links[sap]

    def send(self, sap: int, apdu: bytes) -> None:
        self.apply(sap, self.link(sap).request(apdu, self.run.now))

    def received(self, data: bytes) -> None:
        for sap, link in self.links.items():
            self.apply(sap, link.feed(data, self.run.now))

    def apply(self, sap: int, effects: list[object]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.plug.write(effect.data)
            elif isinstance(effect, hdlc.Apdu):
                self.answers.append(wrapper.Pdu(sap, CLIENT, effect.data))

    def end(self) -> None:
        self.plug.detach()


CARRIERS: tuple[Callable[[Told], Tcp | Udp | SerialWrapper | SerialHdlc], ...] = (Tcp, Udp, SerialWrapper, SerialHdlc)


def conversation(run: Told, carrier: Tcp | Udp | SerialWrapper | SerialHdlc) -> list[tuple[int, bytes, bytes]]:
    """(SAP, request, answer) of the whole reading."""
    said: list[tuple[int, bytes, bytes]] = []

    def exchange(sap: int, apdu: bytes) -> bytes:
        carrier.send(sap, apdu)
        end = run.now + 20 * S
        while not carrier.answers:
            assert run.now < end, f"no answer of SAP {sap}"
            run.run(for_=50 * MS)
        answer = carrier.answers.pop(0)
        assert (answer.source, answer.destination) == (sap, CLIENT)
        said.append((sap, apdu, answer.apdu))
        return answer.apdu

    for sap, obis, class_id, attribute in QUESTIONS:
        client = Client(CLIENT, sap)
        for procedure in (client.associate(), client.get(obis, class_id, attribute), client.release()):
            drive(procedure, lambda apdu, sap=sap: exchange(sap, apdu))
    return said


@pytest.mark.req("S-016")
def test_application_octets_are_the_same_over_tcp_udp_and_a_serial_modem_with_wrapper_and_hdlc(build) -> None:
    run = build(HOME)
    said = {}
    for kind in CARRIERS:
        carrier = kind(run)
        run.run(for_=S)
        said[kind] = conversation(run, carrier)
        carrier.end()
        run.run(for_=MIN)
    assert len(said[Tcp]) == 3 * len(QUESTIONS)
    assert all(each == said[Tcp] for each in said.values())


def test_pulling_the_modem_ends_what_it_had_open(build) -> None:
    run = build(HOME)
    modem = SerialWrapper(run)
    client = Client(CLIENT, 3)
    drive(client.associate(), lambda apdu: ask(run, modem, apdu))
    modem.end()
    run.run(for_=MIN)
    assert run.head_end.meter("esme").register("1-0:1.8.0").value > 0  # the same client address, over TCP
    again = SerialWrapper(run)
    assert ask(run, again, next(iter(Client(CLIENT, 3).associate())))[:1] == b"\x61"


class Heard:
    """What comes out of a hub's modem line."""

    def __init__(self, run: Told) -> None:
        self.octets = b""
        self.plug = Port(run.kernel, "modem")
        self.plug.on_receive = self.take
        self.plug.attach(run.hub.uart("modem"), baud=9600)

    def take(self, data: bytes) -> None:
        self.octets += data


def outage(run: Told) -> None:
    """Long enough to be told, and what comes after it."""
    run.run(for_=10 * MIN)
    run.mains.off(200 * S)
    run.run(for_=10 * MIN)


def unasked(octets: bytes) -> list[wrapper.Pdu]:
    """The notices of UI frames. LLC of a response comes before."""
    frames = hdlc.Deframer().feed(octets)
    assert {frame.kind for frame in frames} == {hdlc.Kind.UI}
    assert all(frame.information[:3] == b"\xe6\xe7\x00" for frame in frames)
    return [wrapper.Pdu(frame.source.upper, frame.destination.upper, frame.information[3:]) for frame in frames]


@pytest.mark.req("S-016")
def test_notices_are_the_same_octets_over_tcp_udp_and_a_serial_modem_with_wrapper_and_hdlc(build) -> None:
    """Last gasp and first breath of the same home, four times."""
    told: dict[str, list[wrapper.Pdu]] = {}
    for way in ("tcp", "udp", "modem", "modem-wrapper"):
        run = build(HOME.replace('kind = "hub"', f'kind = "hub"\nnotices = "{way}"'))
        sent: list[bytes] = []
        run.log.subscribe(lambda now, who, kind, data, sent=sent: sent.append(data), ["net.data", "net.datagram"])
        line = Heard(run) if way.startswith("modem") else None
        outage(run)
        assert run.notices() == ([] if line else ["LastGasp", "FirstBreath"])
        if way == "modem":
            told[way] = unasked(line.octets)
        else:
            told[way] = wrapper.Splitter().feed(b"".join(sent) if line is None else line.octets)
        assert bool(sent) is (line is None)  # by one way, and by no other
        assert run.hub.firmware.notifier.waiting == 0
    assert len(told["tcp"]) == 2
    assert {(pdu.source, pdu.destination) for pdu in told["tcp"]} == {(1, 1)}
    assert all(each == told["tcp"] for each in told.values())


def test_the_last_gasp_waits_for_a_plug_and_comes_once_when_one_goes_in(build) -> None:
    run = build(HOME.replace('kind = "hub"', 'kind = "hub"\nnotices = "modem-wrapper"'))
    outage(run)
    assert run.hub.firmware.notifier.waiting == 2
    tally = Tally(run.kernel)
    assert "  home1: 2 notices of its hub wait for a way to the head end" in closing(run, tally, 1.0)
    assert summary(run, tally, 1.0)["notices_waiting"] == {"home1": 2}
    run.hub.cut(off_for=MIN)
    run.run(for_=10 * MIN)
    line = Heard(run)
    run.run(for_=S)
    first, second = wrapper.Splitter().feed(line.octets)
    assert (first.apdu, second.apdu) != (second.apdu, first.apdu)
    run.run(for_=10 * MIN)
    assert wrapper.Splitter().feed(line.octets) == [first, second]
    assert "notices_waiting" not in summary(run, tally, 1.0)


def test_what_goes_out_of_the_modem_comes_out_of_the_reserve(build) -> None:
    """Ten seconds of it are left when the loss is an outage, 20 J: a last gasp of 4 J leaves, and one of 30 J does not."""
    sent = {}
    for joules in (4, 30):
        way = f'kind = "hub"\nnotices = "modem-wrapper"\nreserve_s = 190\ndraw_w = 2.0\nmessage_j = {joules}'
        run = build(HOME.replace('kind = "hub"', way))
        line = Heard(run)
        run.run(for_=10 * MIN)
        run.mains.off(10 * MIN)
        run.run(for_=195 * S)
        sent[joules] = len(wrapper.Splitter().feed(line.octets))
        run.run(for_=20 * MIN)
        assert len(wrapper.Splitter().feed(line.octets)) == 2  # the other one was told late
    assert sent == {4: 1, 30: 0}


PUSH = ("0-0:25.9.0", 40, 3)


def test_the_head_end_says_in_the_push_setup_what_notices_go_by(build) -> None:
    run = build(HOME)
    hub = run.head_end.meter("hub", writes=True)
    assert hub.get(*PUSH).python == [0, b"dcc:4059", 0]
    for wrong in ((5, b"dcc:4059"), (200, b"0123"), (1, b""), (0, b"dcc:0"), (0, b"dcc:65536"), (2, b"dcc:4059"), (201, b"")):
        with pytest.raises(AccessError):
            hub.set(*PUSH, axdr.structure(axdr.enum(wrong[0]), axdr.octets(wrong[1]), axdr.enum(0)))
    hub.set(*PUSH, axdr.structure(axdr.enum(5), axdr.octets(b""), axdr.enum(0)))
    run.hub.cut(off_for=MIN)
    run.run(for_=5 * MIN)
    line = Heard(run)
    outage(run)
    assert len(unasked(line.octets)) == 2
    assert run.notices() == []
    assert hub.get(*PUSH).python == [5, b"", 0]


def test_a_line_at_rest_takes_the_other_framing_and_a_notice_in_one_waits_for_the_end_of_the_other(build) -> None:
    run = build(HOME.replace('kind = "hub"', 'kind = "hub"\nnotices = "modem"'))
    run.run(for_=10 * MIN)
    run.mains.off(200 * S)
    run.run(for_=170 * S)
    line, client = Heard(run), Client(CLIENT, 1)
    line.plug.write(wrapper.wrap(CLIENT, 1, next(iter(client.associate()))))
    run.run(for_=20 * S)
    assert len(wrapper.Splitter().feed(line.octets)) == 1  # the association is open, and the last gasp waits
    assert run.hub.firmware.notifier.waiting == 1
    line.octets = b""
    run.run(for_=10 * MIN)
    assert len(unasked(line.octets)) == 2
    line.octets = b""
    line.plug.write(hdlc_snrm(1))
    run.run(for_=2 * S)
    assert [frame.kind for frame in hdlc.Deframer().feed(line.octets)] == [hdlc.Kind.UA]
    line.octets = b""
    line.plug.write(wrapper.wrap(CLIENT, 1, next(iter(client.associate()))))  # the data link is open: these are no frames
    run.run(for_=2 * S)
    assert line.octets == b""
    line.plug.write(hdlc.Frame.unnumbered(hdlc.Kind.DISC, hdlc.Address(1), hdlc.Address(CLIENT), poll=True).build())
    run.run(for_=2 * S)
    line.octets = b""
    line.plug.write(wrapper.wrap(CLIENT, 1, next(iter(client.associate()))))
    run.run(for_=2 * S)
    assert len(wrapper.Splitter().feed(line.octets)) == 1


def hdlc_snrm(sap: int) -> bytes:
    (sent,) = hdlc.ClientLink(CLIENT, sap).connect(0)
    return bytes(sent.data)


def ask(run: Told, modem: SerialWrapper, apdu: bytes) -> bytes:
    modem.send(3, apdu)
    for _ in range(200):
        if modem.answers:
            return modem.answers.pop(0).apdu
        run.run(for_=100 * MS)
    raise AssertionError("no answer")


@pytest.mark.parametrize("sap", [1, 3])
def test_who_calls_after_one_who_left_without_a_word_is_let_in(build, sap: int) -> None:
    run = build(HOME)
    modem = SerialWrapper(run)

    def exchange(apdu: bytes) -> bytes:
        modem.send(sap, apdu)
        run.until(lambda: bool(modem.answers), MIN)
        return modem.answers.pop(0).apdu

    for _ in range(3):
        client = Client(CLIENT, sap)
        drive(client.associate(), exchange)
        assert drive(client.get("0-0:42.0.0", 1, 2), exchange).value
    assert modem.answers == []


def test_no_serial_modem_is_answered_under_gateway(build) -> None:
    run = build(HOME.replace('kind = "hub"', 'kind = "hub"\nwan_application = "gateway"'))
    modem = SerialWrapper(run)
    modem.send(1, next(iter(Client(CLIENT, 1).associate())))
    run.run(for_=MIN)
    assert modem.answers == []
