"""COSEM servers behind a serial port: several logical devices and clients, silence, and the end of a visit."""

from __future__ import annotations

import pytest

from devices.parts.dlms_port import DlmsPort
from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, Kernel, S
from devices.runtime.port import Port
from devices.runtime.supply import Mains, MainsSupply
from protocols.core.effects import Send
from protocols.dlms import hdlc
from protocols.dlms.client import Client, Refused
from protocols.dlms.meter import Meter
from protocols.dlms.server import LogicalDevice, Server, open_profile

NAMES = {1: b"first", 2: b"second"}


class Device(Firmware):
    def boot(self, why):
        devices = {sap: LogicalDevice(name, associations=open_profile(b"12345678")) for sap, name in NAMES.items()}
        self.port = DlmsPort(self, self.board.uart("service"), Server(devices))


@pytest.fixture
def kernel():
    return Kernel()


@pytest.fixture
def board(kernel):
    made = Board(kernel, "device", firmware=Device, supply=MainsSupply(Mains(kernel)))
    kernel.run_until(0)
    return made


class Terminal:
    """Clients on one line, each with its own data link."""

    def __init__(self, kernel, board):
        self.kernel = kernel
        self.port = Port(kernel, "terminal")
        self.wire = self.port.attach(board.uart("service"), baud=9600)
        self.links, self.effects = {}, []
        self.port.on_receive = lambda data: [self.apply(link.feed(data, kernel.now)) for link in self.links.values()]

    def apply(self, effects):
        for effect in effects:
            if isinstance(effect, Send):
                self.port.write(effect.data)
            elif not isinstance(effect, hdlc.Discarded):
                self.effects.append(effect)

    def effect(self):
        while not self.effects:
            due = min(self.kernel.next_due() or 1 << 62, self.kernel.now + S)
            self.kernel.run_until(due)
        return self.effects.pop(0)

    def meter(self, client, server, password=None):
        link = self.links[client, server] = hdlc.ClientLink(client, server)
        self.apply(link.connect(self.kernel.now))
        assert isinstance(self.effect(), hdlc.Connected)

        def exchange(apdu):
            self.apply(link.request(apdu, self.kernel.now))
            answer = self.effect()
            assert isinstance(answer, hdlc.Apdu), answer
            return answer.data

        made = Meter(exchange, Client(client, server, password))
        made.associate()
        return made


@pytest.fixture
def terminal(kernel, board):
    return Terminal(kernel, board)


def test_each_client_and_logical_device_has_its_own_association(terminal):
    first, second = terminal.meter(16, 1), terminal.meter(16, 2)
    manager = terminal.meter(1, 2, b"12345678")
    assert [meter.logical_device_name() for meter in (first, second, manager)] == [b"first", b"second", b"second"]
    assert first.names() == NAMES
    second.release()
    with pytest.raises(Refused):
        second.logical_device_name()
    assert manager.logical_device_name() == b"second"


def test_nobody_is_at_another_address(kernel, terminal):
    link = terminal.links[16, 3] = hdlc.ClientLink(16, 3)
    heard = []
    terminal.port.on_receive = heard.append
    terminal.apply(link.connect(kernel.now))
    kernel.run_until(kernel.now + MIN)
    assert heard == []


def test_a_silent_client_loses_its_association(kernel, terminal):
    meter = terminal.meter(16, 1)
    kernel.run_until(kernel.now + 3 * MIN)
    again = terminal.links[16, 1] = hdlc.ClientLink(16, 1)
    terminal.apply(again.connect(kernel.now))
    assert isinstance(terminal.effect(), hdlc.Connected)

    def exchange(apdu):
        terminal.apply(again.request(apdu, kernel.now))
        return terminal.effect().data

    meter.exchange = exchange
    with pytest.raises(Refused):
        meter.logical_device_name()


def test_a_device_that_lost_its_power_answers_when_it_is_back(kernel, board, terminal):
    terminal.meter(16, 1)
    board.cut(off_for=S)
    kernel.run_until(kernel.now + 2 * S)
    assert terminal.meter(16, 1).logical_device_name() == b"first"
