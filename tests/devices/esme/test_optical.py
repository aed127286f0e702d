"""The optical port over HDLC: one head at a time, sessions that end with the head. For the sign-on see test_sign_on."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.port import Occupied, Port
from protocols.dlms import hdlc
from protocols.dlms.client import AssociationRefused, Client, Refused
from protocols.dlms.cosem import AccessError
from protocols.dlms.direct import Direct
from protocols.dlms.meter import Meter

OWN_NAMES = {
    "0-0:42.0.0.255", "0-0:40.0.0.255", "0-0:41.0.0.255", "0-0:1.0.0.255", "0-0:0.2.1.255", "1-0:0.2.0.255", "0-0:96.1.0.255",
    "1-0:1.8.0.255", "1-0:2.8.0.255", "1-0:3.8.0.255", "1-0:4.8.0.255", "1-0:1.7.0.255", "1-0:32.7.0.255", "1-0:99.1.0.255",
    "0-0:94.44.34.10", "0-0:94.44.34.20", "0-0:99.1.0.255", "0-0:99.1.1.255", "0-0:99.1.2.255", "0-0:99.1.3.255",
    "0-0:96.3.10.255", "1-0:32.24.0.255", "1-0:1.6.0.255", "0-0:96.7.0.255", "0-0:96.7.10.255", "0-0:96.7.15.255",
}  # fmt: skip


def test_a_client_reads_over_hdlc_at_9600_baud(meter):
    meter.run(2 * HOUR)
    client = meter.optical()
    assert client.names() == {1: b"MBEB123456789A01"}
    assert client.logical_device_name() == b"MBEB123456789A01"
    assert abs(client.clock().timestamp() - meter.kernel.utc / S) < 2
    assert client.register("1-0:1.8.0").value == meter.meter.import_wh
    assert str(client.register("1-0:32.7.0")) == "230.0 V"
    assert len(client.profile("1-0:99.1.0").rows()) == len(client.profile("0-0:99.1.0").rows()) == 4
    names = {str(entry.name).removesuffix(".255") for entry in client.objects()}
    assert {name.removesuffix(".255") for name in OWN_NAMES} <= names


def test_client_16_writes_nothing_and_client_1_needs_the_password(meter, premises):
    client = meter.optical()
    with pytest.raises(AccessError):
        client.set_clock(premises.kernel.utc)
    with pytest.raises(AccessError):
        client.action("0-0:96.3.10", 70, 1)
    assert meter.meter.switch.closed
    client = Client(1, 1, b"99999999")
    session = meter.firmware.server.session(1, 1, 1024)
    with pytest.raises(AssociationRefused):
        Meter(Direct(session), client).associate()
    assert all(entry.methods == dict.fromkeys(entry.methods, False) for entry in meter.direct().objects())


def test_nobody_can_reset_or_add_to_a_log(meter):
    meter.run(HOUR)
    manager = meter.manager()
    before = manager.profile("1-0:99.1.0").rows()
    for method in (1, 2):
        with pytest.raises(AccessError):
            manager.action("1-0:99.1.0", 7, method)
    assert manager.profile("1-0:99.1.0").rows() == before


def test_one_head_at_a_time(meter, premises):
    meter.head()
    with pytest.raises(Occupied):
        Port(premises.kernel, "another").attach(meter.board.uart("optical"))


def test_pulling_the_head_ends_link_and_session(meter):
    head = meter.head()
    head.connect()
    client = Meter(head.exchange)
    client.associate()
    head.wire.unplug()
    meter.run(S)
    again = meter.head()
    again.link = head.link  # the old connection's numbers on a new head
    again.apply(again.link.request(b"\xc0\x01\xc1\x00\x08\x00\x00\x01\x00\x00\xff\x02\x00", meter.kernel.now))
    assert isinstance(again.effect(), hdlc.Failed)  # DM: nothing is connected
    again.link = hdlc.ClientLink(16, 1)
    assert isinstance(again.connect(), hdlc.Connected)
    with pytest.raises(Refused):
        Meter(again.exchange, client.client).clock()


@pytest.mark.parametrize("octets", [b"/?x~\r\n", b"\x00" * 50, b"\x01\x02\x03"])
def test_what_begins_neither_frame_nor_sign_on_is_not_answered(meter, octets):
    head = meter.head()
    heard = []
    head.port.on_receive = heard.append
    head.port.write(octets)
    meter.run(MIN)
    assert heard == []
    head.port.on_receive = lambda data: head.apply(head.link.feed(data, meter.kernel.now))
    assert isinstance(head.connect(), hdlc.Connected)


def test_a_request_longer_than_the_port_takes_is_refused(meter):
    head = meter.head(baud=115200)
    head.connect()
    client = Meter(head.exchange)
    client.associate()
    assert head.exchange(b"\xc0" * 6000) == bytes.fromhex("D80104")
