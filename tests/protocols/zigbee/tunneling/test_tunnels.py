"""Both ends of a tunnel: opening, refusals, sizes, idleness, loss (SE 1.4 annex D.6)."""

from __future__ import annotations

import pytest

from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.tunneling import (
    DLMS,
    GB_HRGP,
    NOT_MANUFACTURER_SPECIFIC,
    Protocol,
    TransferStatus,
    Tunneling,
    TunnelStatus,
)
from protocols.zigbee.tunneling.client import RETRY, Client, State
from protocols.zigbee.tunneling.effects import Answer, Closed, Command, Opened, Peer, Received, Refuse
from protocols.zigbee.tunneling.server import UNHEARD, Server
from protocols.zigbee.zcl.status import Status

S = 1_000_000_000
HUB, STRANGER, METER = Peer(0x0000, 1), Peer(0x4321, 1), Peer(0x1234, 1)


def request(protocol=GB_HRGP, manufacturer=NOT_MANUFACTURER_SPECIFIC, flow_control=0, size=1500):
    return Tunneling.RequestTunnel(protocol, manufacturer, flow_control, size)


@pytest.fixture
def server():
    return Server(capacity=2)


@pytest.fixture
def tunnel(server):
    """The identifier of a tunnel that the hub opened."""
    answer, opened = server.receive(request(), HUB, 0)
    assert answer == Answer(Tunneling.RequestTunnelResponse(opened.tunnel, TunnelStatus.SUCCESS, 1500))
    assert opened == Opened(HUB, opened.tunnel, GB_HRGP, 1500)
    return opened.tunnel


def status_of(effects):
    (answer,) = effects
    assert answer.command.tunnel_id == 0xFFFF
    return answer.command.tunnel_status


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        (request(protocol=DLMS), TunnelStatus.PROTOCOL_NOT_SUPPORTED),
        (request(manufacturer=0x1234), TunnelStatus.PROTOCOL_NOT_SUPPORTED),
        (request(flow_control=1), TunnelStatus.FLOW_CONTROL_NOT_SUPPORTED),
    ],
)
def test_what_a_server_does_not_offer(server, wanted, status):
    assert status_of(server.receive(wanted, HUB, 0)) == status
    assert not server.tunnels


def test_a_second_tunnel_and_one_too_many(server, tunnel):
    assert status_of(server.receive(request(), HUB, 0)) == TunnelStatus.BUSY
    server.receive(request(), STRANGER, 0)
    assert status_of(server.receive(request(), METER, 0)) == TunnelStatus.NO_MORE_TUNNEL_IDS
    assert len(server.tunnels) == 2


def test_a_tunnel_that_its_client_never_heard_of_makes_way(server, tunnel):
    """The client's power went before it knew the answer; one that carried something is the client's to close."""
    assert status_of(server.receive(request(), HUB, 9 * S)) == TunnelStatus.BUSY
    answer, closed, opened = sorted(server.receive(request(), HUB, 10 * S), key=lambda effect: type(effect).__name__)
    assert answer.command.tunnel_status == TunnelStatus.SUCCESS
    assert (closed.tunnel, opened.tunnel) == (tunnel, answer.command.tunnel_id)
    assert list(server.tunnels) == [opened.tunnel]
    server.receive(Tunneling.TransferDataClientToServer(opened.tunnel, b"data"), HUB, 10 * S)
    assert status_of(server.receive(request(), HUB, 100 * S)) == TunnelStatus.BUSY


def test_data_both_ways(server, tunnel):
    data = bytes(1500)
    assert server.receive(Tunneling.TransferDataClientToServer(tunnel, data), HUB, 0) == [Received(HUB, tunnel, data)]
    assert server.send(tunnel, data, 0) == [Command(HUB, Tunneling.TransferDataServerToClient(tunnel, data))]
    with pytest.raises(LocalProtocolError):
        server.send(tunnel, bytes(1501), 0)
    with pytest.raises(LocalProtocolError):
        server.send(tunnel + 1, b"", 0)


@pytest.mark.parametrize(
    ("peer", "offset", "size", "status"),
    [
        (HUB, 1, 10, TransferStatus.NO_SUCH_TUNNEL),
        (STRANGER, 0, 10, TransferStatus.WRONG_DEVICE),
        (HUB, 0, 1501, TransferStatus.DATA_OVERFLOW),
    ],
)
def test_data_refused(server, tunnel, peer, offset, size, status):
    sent = Tunneling.TransferDataClientToServer(tunnel + offset, bytes(size))
    refusal = Tunneling.TransferDataErrorServerToClient(tunnel + offset, status)
    assert server.receive(sent, peer, 0) == [Answer(refusal)]
    good = Tunneling.TransferDataClientToServer(tunnel, b"x")
    assert server.receive(good, HUB, 0) == [Received(HUB, tunnel, b"x")]


def test_an_error_is_not_answered_with_an_error(server, tunnel):
    for id in (tunnel, tunnel + 1):
        effects = server.receive(Tunneling.TransferDataErrorClientToServer(id, 0), HUB, 0)
        assert not [effect for effect in effects if isinstance(effect, Answer | Command | Refuse)]
    assert not server.tunnels


def test_closing(server, tunnel):
    assert server.receive(Tunneling.CloseTunnel(tunnel), STRANGER, 0) == [Refuse(Status.NOT_FOUND)]
    assert server.receive(Tunneling.CloseTunnel(tunnel), HUB, 0) == [Closed(HUB, tunnel, "closed by the client")]
    assert server.receive(Tunneling.CloseTunnel(tunnel), HUB, 0) == [Refuse(Status.NOT_FOUND)]


def test_an_idle_tunnel_is_closed_after_65535_seconds(server, tunnel):
    server.receive(Tunneling.TransferDataClientToServer(tunnel, b"x"), HUB, 100 * S)
    assert server.deadline == 65_635 * S
    assert server.expire(65_635 * S - 1) == []
    assert server.expire(65_635 * S) == [
        Command(HUB, Tunneling.TunnelClosureNotification(tunnel)),
        Closed(HUB, tunnel, "idle"),
    ]
    late = server.receive(Tunneling.TransferDataClientToServer(tunnel, b"x"), HUB, 65_636 * S)
    assert late == [Answer(Tunneling.TransferDataErrorServerToClient(tunnel, TransferStatus.NO_SUCH_TUNNEL))]


def test_a_device_that_joined_anew_has_no_tunnel(server, tunnel):
    assert server.forget(HUB.address) == [Closed(HUB, tunnel, "device left or rejoined")]
    assert server.receive(request(), HUB, 0)[0].command.tunnel_status == TunnelStatus.SUCCESS


def test_the_protocols_offered(server):
    (answer,) = server.receive(Tunneling.GetSupportedTunnelProtocols(0), HUB, 0)
    assert answer.command == Tunneling.SupportedTunnelProtocolsResponse(1, 1, [Protocol(0xFFFF, GB_HRGP)])
    (answer,) = server.receive(Tunneling.GetSupportedTunnelProtocols(5), HUB, 0)
    assert answer.command == Tunneling.SupportedTunnelProtocolsResponse(1, 0, [])


def test_flow_control_is_not_spoken(server, tunnel):
    assert server.receive(Tunneling.ReadyDataClientToServer(tunnel, 10), HUB, 0) == [Refuse(Status.UNSUP_CLUSTER_COMMAND)]


REQUEST = Command(METER, request())


def granted(id=7, status=TunnelStatus.SUCCESS, size=1500):
    return Tunneling.RequestTunnelResponse(id, status, size)


@pytest.fixture
def client():
    client = Client(METER)
    assert client.open(0) == [REQUEST]
    return client


@pytest.fixture
def open_client(client):
    assert client.receive(granted(), 0) == [Opened(METER, 7, GB_HRGP, 1500)]
    assert client.deadline is None
    return client


def test_a_client_sends_what_the_server_takes(client):
    with pytest.raises(LocalProtocolError):
        client.send(b"x", 0)
    client.receive(granted(size=100), 0)
    assert client.send(bytes(100), 0) == [Command(METER, Tunneling.TransferDataClientToServer(7, bytes(100)))]
    with pytest.raises(LocalProtocolError):
        client.send(bytes(101), 0)


@pytest.mark.parametrize("status", [TunnelStatus.BUSY, TunnelStatus.NO_MORE_TUNNEL_IDS])
def test_a_busy_server_is_asked_again_in_180_seconds_and_not_before(client, status):
    (closed,) = client.receive(granted(0xFFFF, status), 5 * S)
    assert isinstance(closed, Closed)
    assert client.deadline == 5 * S + RETRY
    assert client.expire(5 * S + RETRY - 1) == []
    assert client.expire(5 * S + RETRY) == [REQUEST]


def test_a_server_that_does_not_tunnel_this_is_left_alone(client):
    client.receive(granted(0xFFFF, TunnelStatus.PROTOCOL_NOT_SUPPORTED), 0)
    assert (client.state, client.deadline) == (State.CLOSED, None)


def test_no_answer_is_tried_again(client):
    (closed,) = client.expire(client.deadline)
    assert closed.reason == "no answer"
    assert client.expire(client.deadline) == [REQUEST]


@pytest.mark.parametrize(
    "news",
    [
        Tunneling.TransferDataErrorServerToClient(7, TransferStatus.NO_SUCH_TUNNEL),
        Tunneling.TransferDataErrorServerToClient(7, TransferStatus.WRONG_DEVICE),
        Tunneling.TunnelClosureNotification(7),
    ],
)
def test_a_tunnel_that_is_gone_is_opened_again_at_once(open_client, news):
    closed, again = open_client.receive(news, S)
    assert (closed.tunnel, again) == (7, REQUEST)
    assert open_client.receive(granted(8), S) == [Opened(METER, 8, GB_HRGP, 1500)]


def test_news_of_other_tunnels_changes_nothing(open_client):
    assert open_client.receive(Tunneling.TunnelClosureNotification(8), 0) == []
    assert open_client.receive(Tunneling.TransferDataErrorServerToClient(8, 0), 0) == []
    assert open_client.receive(Tunneling.TransferDataErrorServerToClient(7, TransferStatus.DATA_OVERFLOW), 0) == []
    assert open_client.state is State.OPEN


def test_a_client_refuses_data_that_is_not_for_it(open_client):
    (answer,) = open_client.receive(Tunneling.TransferDataServerToClient(9, b"x"), 0)
    assert answer.command == Tunneling.TransferDataErrorClientToServer(9, TransferStatus.NO_SUCH_TUNNEL)
    (answer,) = open_client.receive(Tunneling.TransferDataServerToClient(7, bytes(1501)), 0)
    assert answer.command == Tunneling.TransferDataErrorClientToServer(7, TransferStatus.DATA_OVERFLOW)
    assert open_client.receive(Tunneling.TransferDataServerToClient(7, b"x"), 0) == [Received(METER, 7, b"x")]


def test_a_late_grant_is_given_back(client):
    client.close(0)
    assert client.receive(granted(9), S) == [Answer(Tunneling.CloseTunnel(9))]
    assert client.receive(granted(0xFFFF, TunnelStatus.BUSY), S) == []
    assert client.state is State.CLOSED


def test_closing_and_opening_after_a_restart(open_client):
    assert open_client.close(0)[0] == Command(METER, Tunneling.CloseTunnel(7))
    assert open_client.open(0, stale=7) == [Command(METER, Tunneling.CloseTunnel(7)), REQUEST]
    with pytest.raises(LocalProtocolError):
        open_client.open(0)


def test_client_and_server_agree():
    server, client = Server(((NOT_MANUFACTURER_SPECIFIC, DLMS),)), Client(METER, DLMS)
    (asked,) = client.open(0)
    answer, opened = server.receive(asked.command, HUB, 0)
    client.receive(answer.command, 0)
    (data,) = client.send(b"to the meter", 0)
    assert server.receive(data.command, HUB, 0) == [Received(HUB, opened.tunnel, b"to the meter")]
    (data,) = server.send(opened.tunnel, b"to the hub", 0)
    assert client.receive(data.command, 0) == [Received(METER, opened.tunnel, b"to the hub")]


def test_a_client_that_sleeps_waits_for_its_owner_after_busy():
    client = Client(METER, retry=None)
    client.open(0)
    assert client.receive(granted(0xFFFF, TunnelStatus.BUSY), 0) == [Closed(METER, 0xFFFF, "busy")]
    assert (client.state, client.deadline) == (State.WAITING, None)
    assert client.open(1) == [REQUEST]


def test_without_identifiers_left_the_last_tunnel_is_given_back_before_the_next_attempt():
    client = Client(METER)
    client.open(0)
    client.receive(granted(7), 0)
    client.receive(Tunneling.TunnelClosureNotification(7), 0)
    answered = client.receive(granted(0xFFFF, TunnelStatus.NO_MORE_TUNNEL_IDS), 0)
    assert answered[0] == Command(METER, Tunneling.CloseTunnel(7))
    assert client.deadline == RETRY
    client.expire(RETRY)
    assert client.receive(granted(0xFFFF, TunnelStatus.NO_MORE_TUNNEL_IDS), 0)[0] == Command(METER, Tunneling.CloseTunnel(7))
    client.expire(RETRY)
    client.receive(granted(8), RETRY)
    client.receive(Tunneling.TunnelClosureNotification(8), RETRY)
    assert client.receive(granted(0xFFFF, TunnelStatus.BUSY), RETRY)[0] == Command(METER, Tunneling.CloseTunnel(8))


@pytest.mark.parametrize("lost", [0, 1, 5])
def test_an_old_tunnel_keeps_a_client_out_for_180_s_for_each_closing_that_is_lost(lost):
    """The first words to close are lost; the tunnel has carried data, so the server would keep it for 18 h."""
    server, client, now, closings = Server(), Client(METER), UNHEARD, 0
    server.receive(request(), HUB, 0)
    server.send(0, b"carried", 0)
    effects = client.open(now, stale=0)  # the hub has restarted
    while client.state is not State.OPEN:
        if not effects:
            now = client.deadline
            effects = client.expire(now)
        effect = effects.pop(0)
        if isinstance(effect, Command):
            closings += isinstance(effect.command, Tunneling.CloseTunnel)
            if isinstance(effect.command, Tunneling.CloseTunnel) and closings <= lost:
                continue
            for answer in server.receive(effect.command, HUB, now):
                if isinstance(answer, Answer):
                    effects += client.receive(answer.command, now)
    assert now - UNHEARD == lost * RETRY


def test_who_is_not_admitted_gets_no_tunnel():
    server = Server(admits=lambda peer: peer == HUB)
    assert server.receive(request(), STRANGER, 0) == [Refuse(Status.NOT_AUTHORIZED)]
    assert server.receive(request(), HUB, 0)[0].command.tunnel_status == TunnelStatus.SUCCESS
