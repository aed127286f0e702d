"""DLMS through the HAN tunnel between two real stacks: one wrapper PDU a transfer, octets unchanged, sessions by client."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, S
from protocols.dlms import wrapper
from protocols.dlms.client import Client, Refused
from protocols.dlms.meter import Meter
from protocols.zigbee.clusters.tunneling import TRANSFER_LIMIT
from protocols.zigbee.tunneling.effects import Closed

GET_CLOCK = bytes.fromhex("C001C100080000010000FF0200")


@pytest.fixture
def tunnel(meter):
    return meter.tunnel()


@pytest.mark.req("S-012")
def test_a_client_reads_through_the_tunnel_and_apdus_are_the_ports_own(meter, tunnel):
    """What the tunnel carries is what the optical port answers to the same octets, behind eight octets of wrapper."""
    meter.run(HOUR)
    meter.manager().action("0-0:96.3.10", 70, 1)  # the register stands still, so both ways read one value
    asked = []
    over_tunnel, head = tunnel.exchange(16), meter.head()
    head.connect()

    def exchange(apdu):
        answer = over_tunnel(apdu)
        asked.append((apdu, answer))
        return answer

    client = Meter(exchange, Client(16, 1, max_pdu=1000))
    client.associate()
    assert client.register("1-0:1.8.0").value == meter.meter.import_wh
    assert len(client.profile("1-0:99.1.0").rows()) == 2
    assert len(client.objects()) > 30
    for (apdu, answer), sent, received in zip(asked, tunnel.sent, tunnel.received, strict=True):
        assert sent == wrapper.wrap(16, 1, apdu)
        assert received == wrapper.wrap(1, 16, answer)
        assert head.exchange(apdu) == answer
        assert len(received) <= TRANSFER_LIMIT


def test_no_answer_is_longer_than_the_tunnel_carries(meter, tunnel):
    meter.run(3 * HOUR)
    client = Meter(tunnel.exchange(16), Client(16, 1, max_pdu=65_535))
    assert client.associate().max_pdu == TRANSFER_LIMIT - wrapper.HEADER_SIZE == 1_492
    assert len(client.objects()) > 30  # longer than that: in blocks
    assert max(map(len, tunnel.received)) == TRANSFER_LIMIT


def test_each_client_address_has_its_own_session(meter, tunnel):
    public = Meter(tunnel.exchange(16), Client(16, 1))
    manager = Meter(tunnel.exchange(1), Client(1, 1, b"00000000"))
    public.associate()
    with pytest.raises(Refused):
        manager.clock()
    manager.associate()
    manager.action("0-0:96.3.10", 70, 1)
    assert public.get("0-0:96.3.10", 70, 3).value == 0
    public.release()
    assert manager.get("0-0:96.3.10", 70, 3).value == 0


def test_sessions_end_with_the_tunnel(meter, tunnel):
    client = Meter(tunnel.exchange(16), Client(16, 1))
    client.associate()
    tunnel.clients.close(tunnel.peer)
    meter.run(2 * S)
    tunnel.events.clear()
    tunnel.open(tunnel.peer.address)
    with pytest.raises(Refused):
        client.clock()


def test_strangers_and_rubbish_are_met_with_silence_and_the_next_request_is_served(meter, tunnel):
    for octets in (b"", b"\x00", wrapper.wrap(16, 99, GET_CLOCK), b"\x00\x02" + wrapper.wrap(16, 1, GET_CLOCK)[2:], bytes(600)):
        tunnel.transfer(octets)
    two = wrapper.wrap(16, 1, GET_CLOCK) * 2
    tunnel.transfer(two)
    meter.run(20 * S)
    assert tunnel.events == []
    assert Meter(tunnel.exchange(16), Client(16, 1)).associate().max_pdu
    # a client that the meter does not know is answered, refused, and not remembered
    assert tunnel.ask(77, GET_CLOCK).apdu == bytes.fromhex("D80101")


def test_a_server_address_nobody_has_is_not_taken_for_another(meter, tunnel):
    Meter(tunnel.exchange(16), Client(16, 1)).associate()
    tunnel.transfer(wrapper.wrap(16, 2, GET_CLOCK))
    meter.run(20 * S)
    assert tunnel.events == []


def test_after_a_power_cut_the_old_tunnel_is_gone(meter, tunnel):
    client = Meter(tunnel.exchange(16), Client(16, 1))
    client.associate()
    meter.board.cut(off_for=S)
    meter.run(5 * S)
    tunnel.transfer(wrapper.wrap(16, 1, GET_CLOCK))
    assert isinstance(tunnel.event(), Closed)
