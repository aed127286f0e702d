"""An electricity meter on its premises, and three ways to talk DLMS to it: HAN tunnel, optical head, and its server itself."""

from __future__ import annotations

from functools import partial

import pytest

from devices import esme
from devices.parts.han import Refused
from devices.parts.tunnel import TunnelClients
from devices.runtime.board import Board
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import MIN, S
from devices.runtime.port import Port
from devices.runtime.rtc import Rtc
from devices.runtime.supply import Mains, MainsSupply
from protocols.core.effects import Send
from protocols.dlms import hdlc, wrapper
from protocols.dlms.client import Client
from protocols.dlms.direct import Direct
from protocols.dlms.meter import Meter
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.tunneling import DLMS
from protocols.zigbee.tunneling.effects import Closed, Opened, Peer, Received

PASSWORD = b"00000000"
PARAMETERS = hdlc.Parameters(hdlc.Limits(512, 512, 1, 1))


class Head:
    """An optical head with a DLMS client behind it: real HDLC, octet by octet at 9600 baud. `plug`: one that is on the meter."""

    def __init__(self, premises, port, client=16, baud=9600, plug=None):
        self.premises = premises
        self.port = plug or Port(premises.kernel, "head")
        self.wire = self.port.wire or self.port.attach(port, baud=baud)
        self.link = hdlc.ClientLink(client, 1, PARAMETERS)
        self.effects = []
        self.port.on_receive = lambda data: self.apply(self.link.feed(data, premises.kernel.now))

    def apply(self, effects):
        for effect in effects:
            if isinstance(effect, Send):
                self.port.write(effect.data)
            else:
                self.effects.append(effect)

    def connect(self):
        self.apply(self.link.connect(self.premises.kernel.now))
        return self.effect()

    def effect(self, within=10 * S):
        self.premises.until(lambda: self.effects, within)
        return self.effects.pop(0)

    def exchange(self, apdu):
        if apdu:
            self.apply(self.link.request(apdu, self.premises.kernel.now))
        answer = self.effect()
        assert isinstance(answer, hdlc.Apdu)
        return answer.data


class Tunnel:
    """The hub's end of the tunnel. `sent` and `received` are the transfers' octets."""

    def __init__(self, premises, hub):
        self.premises = premises
        self.events, self.sent, self.received = [], [], []
        endpoint = hub.firmware.han.endpoints[1]
        self.clients = TunnelClients(hub.firmware.han, endpoint, self.events.append)
        hub.firmware.han.add(endpoint)

    def open(self, address):
        self.peer = Peer(address, 1)
        self.clients.open(self.peer, DLMS)
        event = self.event()
        assert isinstance(event, Opened), event

    def event(self, within=30 * S) -> Opened | Received | Closed:
        self.premises.until(lambda: self.events, within)
        return self.events.pop(0)

    def transfer(self, data):
        self.sent.append(data)
        self.clients.send(self.peer, data)

    def ask(self, client, apdu, sap=1):
        if apdu:
            self.transfer(wrapper.wrap(client, sap, apdu))
        event = self.event()
        assert isinstance(event, Received), event
        self.received.append(event.data)
        return wrapper.unwrap(event.data)

    def exchange(self, client):
        return lambda apdu: self.ask(client, apdu).apdu


class Bench:
    """The meter with what a test asks of it. Its mains are its own: the hub's supply stays."""

    def __init__(self, premises, hub, board, mains):
        self.premises, self.hub, self.board, self.mains = premises, hub, board, mains
        self.kernel = premises.kernel
        self.reports: list[tuple[int, dict]] = []

    @property
    def firmware(self) -> esme.Firmware:
        return self.board.firmware

    @property
    def meter(self):
        return self.firmware.meter

    def run(self, for_):
        self.premises.run(for_)

    def listen(self):
        """Hear the meter's reports at the hub."""
        client = self.hub.firmware.han.endpoints[1].client(Metering)
        client.on_report(lambda values, request: self.reports.append((self.kernel.now, values)))

    def head(self, **settings):
        return Head(self.premises, self.board.uart("optical"), **settings)

    def optical(self, client=16, password=None):
        """A DLMS client on the optical port; connect and associate are done."""
        head = self.head(client=client)
        assert isinstance(head.connect(), hdlc.Connected)
        found = Meter(head.exchange, Client(client, 1, password))
        found.associate()
        return found

    def tunnel(self):
        tunnel = Tunnel(self.premises, self.hub)
        tunnel.open(self.hub.firmware.han.stack.address_of(self.board.eui64))
        return tunnel

    def direct(self, client=16, password=None):
        """A client of the meter's server with nothing between: no time passes."""
        session = self.firmware.server.session(client, 1, 4096)
        found = Meter(Direct(session, lambda: self.kernel.now), Client(client, 1, password))
        found.associate()
        return found

    def read(self, cluster, attribute):
        """What the endpoint would answer in this instant."""
        return self.firmware.han.endpoints[1].server(cluster)[attribute]

    def manager(self):
        return self.direct(1, PASSWORD)

    def command(self, command, expect=None):
        """The hub sends a command of Metering: the command that answers, None for a success, the status of a refusal."""
        hub = self.hub.firmware

        async def ask():
            address = hub.han.stack.address_of(self.board.eui64)
            try:
                if expect is not None:
                    return await hub.han.request(address, 1, command, expect)
                return await hub.han.confirm(address, 1, command)
            except Refused as refused:
                return refused.status

        task = hub.spawn(ask())
        self.premises.until(lambda: task.done)
        return task.result()


@pytest.fixture
def new_meter(premises, scripted_hub, install_code):
    """Make a meter and run until it has joined and has the time."""

    def make(*, hold_up=S, flash=None, ppm=0.0, wait=True, **settings):
        config = esme.Config(install_code, lls_password=PASSWORD, **settings)
        mains = Mains(premises.kernel, "the meter's mains")
        board = Board(
            premises.kernel, "esme", firmware=partial(esme.Firmware, config=config),
            supply=MainsSupply(mains, hold_up), eui64=0x00DB_1234_5678_9A01, radio=premises.air.radio("esme"),
            flash=flash or Flash(256 * KIB), rtc=Rtc(premises.kernel, ppm), buttons=("a", "b"), display=(24, 8),
        )  # fmt: skip
        bench = Bench(premises, scripted_hub, board, mains)
        if wait:
            premises.until(lambda: board.firmware is not None and board.firmware.commissioned, 5 * MIN)
        return bench

    return make


@pytest.fixture
def meter(new_meter):
    return new_meter()
