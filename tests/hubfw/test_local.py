"""The hub's own logical devices over the WAN: each connection has associations of its own, and over UDP, too."""

from __future__ import annotations

import pytest

from protocols.dlms import wrapper
from protocols.dlms.client import Client, Refused, drive

NAME = ("0-0:42.0.0", 1, 2)


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
