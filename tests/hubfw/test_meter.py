"""One client address, one association: what becomes of it when its connection goes."""

from __future__ import annotations

import pytest

from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import S
from hubfw.han.tunnels import WAITING
from protocols.dlms import acse, initiate, wrapper
from protocols.dlms.client import AssociationRefused, Refused

RLRQ = acse.RLRQ.of().build()


@pytest.fixture
def premises(home):
    premises = home("esme")
    premises.commission()
    premises.esme.firmware.requests.clear()
    return premises


def asked(premises):
    return [pdu.apdu for pdu in premises.esme.firmware.requests]


@pytest.mark.req("S-014", part=True)
def test_apdus_pass_unchanged_both_ways(premises):
    line = premises.head_end.connect(3)
    sent = []
    exchange = line.exchange
    line.exchange = lambda apdu: (sent.append(apdu), exchange(apdu))[1]
    line.associate()
    line.get("1-0:1.8.0", 3, 2)
    assert asked(premises) == sent


def test_a_connection_that_goes_takes_its_association_with_it(premises):
    line = premises.head_end.connect(3)
    line.associate()
    line.close()
    assert asked(premises)[-1] == RLRQ
    other = premises.head_end.connect(3)
    with pytest.raises(Refused):
        other.get("1-0:1.8.0", 3, 2)
    other.associate()
    assert other.get("1-0:1.8.0", 3, 2).value == 4711


def test_a_client_that_released_by_itself_is_not_released_again(premises):
    line = premises.head_end.connect(3)
    line.associate()
    line.release()
    line.close()
    premises.run(5)
    assert asked(premises).count(RLRQ) == 1


def test_a_late_answer_never_reaches_the_next_connection(premises):
    line = premises.head_end.connect(3)
    line.associate()
    held = []
    tunnels = premises.esme.firmware.tunnels
    send, tunnels.send = tunnels.send, lambda tunnel, data: held.append((tunnel, data))
    with pytest.raises(TimeoutError):
        line.exchange(bytes.fromhex("C001C100030100010800FF0200"), 1 * S)
    line.close()
    other = premises.head_end.connect(3)
    premises.run(1)
    tunnels.send = send
    procedure = other.client.associate()
    apdu = next(procedure)
    premises.kernel.after(S // 2, lambda: [send(*late) for late in held], who="test")
    assert other.exchange(apdu)[0] == 0x61  # the AARE, and neither the register nor the release


def test_a_client_that_was_refused_an_association_does_not_hold_its_address(premises):
    line = premises.head_end.connect(3, 1, b"wrong")
    with pytest.raises(Exception, match="authentication"):
        line.associate()
    line.close()
    assert RLRQ not in asked(premises)
    other = premises.head_end.connect(3, 1, b"12345678")
    other.associate()


def test_a_client_whose_terms_were_refused_does_not_hold_its_address(premises):
    line = premises.head_end.connect(3)
    terms = initiate.InitiateRequest(None, None, None, 6, initiate.Conformance.GET, 10).build()
    refusal = acse.AARE.parse(line.exchange(acse.AARQ.propose(acse.Context.LOGICAL_NAME, terms).build()))
    assert refusal.diagnostic is acse.Diagnostic.NO_REASON_GIVEN
    line.close()
    assert RLRQ not in asked(premises)
    premises.head_end.connect(3).associate()


def test_a_client_that_got_an_exception_instead_of_an_association_does_not_hold_its_address(premises):
    line = premises.head_end.connect(3)
    assert line.exchange(bytes.fromhex("C001C100030100010800FF0200")) == bytes.fromhex("D80101")
    line.close()
    assert RLRQ not in asked(premises)


def test_an_association_that_was_asked_for_twice_goes_with_its_connection(premises):
    line = premises.head_end.connect(3)
    line.associate()
    with pytest.raises(AssociationRefused, match="no-reason-given"):
        line.associate()
    line.close()
    assert asked(premises)[-1] == RLRQ
    other = premises.head_end.connect(3)
    other.associate()
    assert other.get("1-0:1.8.0", 3, 2).value == 4711


def test_a_meter_that_is_gone_leaves_requests_unanswered_and_few_of_them_kept(premises):
    premises.esme.cut()
    premises.run(1)
    tunnel = premises.hub.firmware.tunnels.of(premises.esme.eui64)
    tunnel.closed()  # as after an answer that the tunnel is not known
    line = premises.head_end.connect(3)
    for client in range(20, 20 + 2 * WAITING):
        line.stream.send(wrapper.wrap(client, 3, RLRQ))
    premises.run(2)
    assert tunnel.dropped == WAITING
    assert any(kind == "tunnel.dropped" for kind, _ in premises.told("tunnel."))


def test_two_clients_at_one_meter_are_kept_apart(premises):
    reader, writer = premises.head_end.connect(3, 16), premises.head_end.connect(3, 1, b"12345678")
    reader.associate()
    writer.associate()
    assert reader.get("1-0:1.8.0", 3, 2) == writer.get("1-0:1.8.0", 3, 2)
    writer.close()
    assert reader.get("1-0:1.8.0", 3, 2).value == 4711


def test_a_release_that_is_lost_is_asked_for_again(premises):
    line = premises.head_end.connect(3)
    line.associate()
    lost = Fault(Effect.DROP, sender="hub", receiver="esme", until=premises.kernel.now + 9 * S)
    premises.air.faults = Faults(premises.kernel, "deaf", [lost])
    line.close()
    premises.run(40)
    other = premises.head_end.connect(3)
    other.associate()
    assert other.get("1-0:1.8.0", 3, 2).value == 4711
