"""The hub's own logical devices over the WAN: each connection has associations of its own, and over UDP, too."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import S
from hubfw.hub_device import OUTAGE, PUSH_SETUP, RESTORED
from protocols.dlms import axdr, wrapper
from protocols.dlms.client import Client, Refused, drive
from protocols.dlms.xdlms import DataNotification

NAME = ("0-0:42.0.0", 1, 2)
PASSWORD = b"12345678"


@pytest.fixture
def premises(home):
    premises = home("gsme")
    premises.commission()
    return premises


@pytest.mark.parametrize("sap", [1, 2])
def test_two_connections_have_the_same_client_address_each_with_its_own_association(premises, sap) -> None:
    first, second = premises.head_end.connect(sap), premises.head_end.connect(sap)
    first.associate()
    with pytest.raises(Refused):
        second.get(*NAME)
    second.associate()
    assert first.get(*NAME) == second.get(*NAME)
    first.close()
    assert second.get(*NAME)
    second.release()
    with pytest.raises(Refused):
        second.get(*NAME)
    assert not premises.hub.firmware.server.devices[sap].opened


def test_a_client_over_udp(premises) -> None:
    socket = premises.net.host("laptop").bind()
    answers = []
    socket.on_datagram = lambda host, port, data: answers.append(wrapper.unwrap(data))

    def exchange(apdu: bytes) -> bytes:
        if apdu:
            socket.send("hub", 4059, wrapper.wrap(16, 1, apdu))
        premises.run(1)
        answer = answers.pop(0)
        assert (answer.source, answer.destination) == (1, 16)
        return answer.apdu

    client = Client()
    drive(client.associate(), exchange)
    over_tcp = premises.head_end.connect(1)
    over_tcp.associate()
    assert drive(client.get(*NAME), exchange) == over_tcp.get(*NAME)
    drive(client.release(), exchange)


def test_notifications_by_udp_when_the_push_setup_says_so(premises) -> None:
    heard = []
    premises.net.host("listener").bind(4061).on_datagram = lambda host, port, data: heard.append(wrapper.unwrap(data))
    manager = premises.head_end.connect(1, 1, PASSWORD)
    manager.associate()
    manager.set(PUSH_SETUP, 40, 3, axdr.structure(axdr.enum(1), axdr.octets(b"listener:4061"), axdr.enum(0)))
    manager.close()
    premises.hub.cut(off_for=S)  # the hub remembers
    premises.run(60)
    premises.mains.off(200 * S)
    premises.run(400)
    bodies = [DataNotification.parse(pdu.apdu).body.python for pdu in heard]
    assert [body[1] for body in bodies] == [OUTAGE, RESTORED]
    assert premises.head_end.bodies() == []
