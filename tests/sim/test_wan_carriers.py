"""The same reading over every carrier of the WAN: application octets are the same, whatever is below them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from devices.runtime.kernel import MIN, MS, S
from devices.runtime.port import Port
from protocols.core.effects import Send
from protocols.dlms import hdlc, wrapper
from protocols.dlms.client import Client, drive
from tests.sim.told import Told

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


def ask(run: Told, modem: SerialWrapper, apdu: bytes) -> bytes:
    modem.send(3, apdu)
    for _ in range(200):
        if modem.answers:
            return modem.answers.pop(0).apdu
        run.run(for_=100 * MS)
    raise AssertionError("no answer")


def test_no_serial_modem_is_answered_under_gateway(build) -> None:
    run = build(HOME.replace('kind = "hub"', 'kind = "hub"\nwan_application = "gateway"'))
    modem = SerialWrapper(run)
    modem.send(1, next(iter(Client(CLIENT, 1).associate())))
    run.run(for_=MIN)
    assert modem.answers == []
