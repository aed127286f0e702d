"""A tunnel over the air: long messages in fragments, idleness, a server that lost its power."""

from __future__ import annotations

import pytest

from devices.parts.han import Han
from devices.parts.tunnel import TunnelClients, TunnelServer
from devices.runtime.air import Air
from devices.runtime.board import Board, Reset
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import Kernel, S
from devices.runtime.supply import Mains, MainsSupply
from protocols.zigbee.clusters.tunneling import DLMS, NOT_MANUFACTURER_SPECIFIC, Protocol, Tunneling
from protocols.zigbee.node import DeviceAnnounced, NodeConfig, NodeType
from protocols.zigbee.tunneling.client import State
from protocols.zigbee.tunneling.effects import Closed, Opened, Peer, Received
from protocols.zigbee.tunneling.server import Server
from protocols.zigbee.zcl.endpoint import Endpoint

INSTALL_CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")  # ZigBee base device behaviour, with its CRC
HUB_EUI, METER_EUI = 0x00DB_1234_5678_9A00, 0x00DB_1234_5678_9A01


class Hub(Firmware):
    """Opens a tunnel to whoever announces itself."""

    def boot(self, why: Reset) -> None:
        self.heard: list[Opened | Received | Closed] = []
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.COORDINATOR))
        endpoint = Endpoint(1, 0x0500)
        self.tunnels = TunnelClients(self.han, endpoint, self.heard.append)
        self.han.add(endpoint)
        self.han.stack.trust_centre.add(METER_EUI, INSTALL_CODE)
        self.han.on(DeviceAnnounced, lambda device: self.tunnels.open(Peer(device.short, 1), DLMS))
        self.han.form()
        self.han.apply(self.han.stack.permit(254, self.now))


class Meter(Firmware):
    """Sends back what it is sent, reversed."""

    def boot(self, why: Reset) -> None:
        self.heard: list[Opened | Received | Closed] = []
        self.han = Han(self, NodeConfig(self.board.eui64, NodeType.ROUTER, install_code=INSTALL_CODE))
        endpoint = Endpoint(1, 0x0501)
        self.tunnels = TunnelServer(self.han, endpoint, Server(((NOT_MANUFACTURER_SPECIFIC, DLMS),)), self.listen)
        self.han.add(endpoint)
        self.spawn(self.han.join())

    def listen(self, effect: Opened | Received | Closed) -> None:
        self.heard.append(effect)
        if isinstance(effect, Received):
            self.tunnels.send(effect.tunnel, effect.data[::-1])


class Greeter(Meter):
    """Speaks first."""

    def listen(self, effect: Opened | Received | Closed) -> None:
        if isinstance(effect, Opened):
            self.tunnels.send(effect.tunnel, b"hello")


@pytest.fixture
def kernel():
    return Kernel(seed=1)


@pytest.fixture
def mains(kernel):
    """The meter's; the hub has its own."""
    return Mains(kernel)


@pytest.fixture
def air(kernel):
    return Air(kernel, "home1")


@pytest.fixture
def hub(kernel, air):
    supply = MainsSupply(Mains(kernel, "hub mains"))
    return Board(kernel, "hub", firmware=Hub, supply=supply, eui64=HUB_EUI, radio=air.radio("hub"))


@pytest.fixture
def meter(kernel, air, mains, hub):
    board = Board(kernel, "meter", firmware=Meter, supply=MainsSupply(mains), eui64=METER_EUI, radio=air.radio("meter"))
    kernel.run_until(20 * S)
    (opened,) = hub.firmware.heard
    assert isinstance(opened, Opened)
    hub.firmware.heard.clear()
    return board


@pytest.fixture
def peer(hub):
    return lambda: next(iter(hub.firmware.tunnels.clients))


def later(kernel, ns):
    kernel.run_until(kernel.now + ns)


def test_1400_octets_there_and_back(kernel, hub, meter, peer):
    data = bytes(range(200)) * 7
    hub.firmware.tunnels.send(peer(), data)
    later(kernel, 10 * S)
    (received,) = hub.firmware.heard
    assert received.data == data[::-1]
    assert [effect.data for effect in meter.firmware.heard if isinstance(effect, Received)] == [data]


def test_a_server_may_speak_as_soon_as_the_tunnel_is_open(kernel, air, mains, hub):
    Board(kernel, "meter", firmware=Greeter, supply=MainsSupply(mains), eui64=METER_EUI, radio=air.radio("meter"))
    later(kernel, 20 * S)
    opened, received = hub.firmware.heard
    assert isinstance(opened, Opened)
    assert received.data == b"hello"


@pytest.mark.req("S-084")
def test_a_tunnel_is_set_up_asked_about_used_and_closed(kernel, hub, meter, peer):
    tunnels, address = hub.firmware.tunnels, peer()
    asked = kernel.spawn(
        hub.firmware.han.request(*address, Tunneling.GetSupportedTunnelProtocols(0), Tunneling.SupportedTunnelProtocolsResponse),
        who="test",
    )
    later(kernel, S)
    assert asked.result().protocol_list == [Protocol(NOT_MANUFACTURER_SPECIFIC, DLMS)]
    payloads = [b"", b"\x00", bytes(range(256)), b"\x7e\xa0\x07" * 100, bytes.fromhex("DD00000000000011")]
    for payload in payloads:
        tunnels.send(address, payload)
        later(kernel, 2 * S)
    assert [effect.data for effect in meter.firmware.heard if isinstance(effect, Received)] == payloads
    tunnels.close(address)
    later(kernel, S)
    assert isinstance(meter.firmware.heard[-1], Closed)
    assert not meter.firmware.tunnels.server.tunnels


def test_a_loss_of_one_frame_in_five_is_mended(kernel, air, hub, meter, peer):
    air.set_loss("hub", "meter", 0.2)
    data = bytes(range(200)) * 7
    hub.firmware.tunnels.send(peer(), data)
    later(kernel, 20 * S)
    assert [effect.data for effect in hub.firmware.heard] == [data[::-1]]


def test_an_idle_tunnel_is_opened_again(kernel, hub, meter, peer):
    first = hub.firmware.tunnels.clients[peer()].tunnel
    later(kernel, 65_536 * S)
    closed, opened = hub.firmware.heard
    assert (closed.tunnel, type(opened)) == (first, Opened)
    assert opened.tunnel != first


def test_a_server_that_lost_its_power_says_that_it_knows_no_tunnel(kernel, mains, hub, meter, peer):
    mains.off(5 * S)
    later(kernel, 10 * S)
    hub.firmware.tunnels.send(peer(), b"are you there?")
    later(kernel, 5 * S)
    assert [type(effect) for effect in hub.firmware.heard] == [Closed, Opened]
    assert hub.firmware.tunnels.clients[peer()].state is State.OPEN
    hub.firmware.tunnels.send(peer(), b"and now?")
    later(kernel, 5 * S)
    assert hub.firmware.heard[-1].data == b"and now?"[::-1]
