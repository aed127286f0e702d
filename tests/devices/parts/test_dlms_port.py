"""A serial port with logical devices behind it: links and sessions by client, and what ends them."""

from __future__ import annotations

import pytest

from devices.parts.dlms_port import PARAMETERS, DlmsPort
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import S
from devices.runtime.port import Port, Wire
from protocols.core.effects import Send
from protocols.dlms import axdr, cosem, hdlc
from protocols.dlms.association import CONFORMANCE, Terms
from protocols.dlms.client import Client, Refused
from protocols.dlms.cosem import Access, AccessError
from protocols.dlms.meter import Meter
from protocols.dlms.server import Association, LogicalDevice, Server, open_profile

PASSWORD = b"12345678"
PDU_TOO_LONG = bytes.fromhex("D80104")
PRE_ESTABLISHED = 40
ALL = 0x7F
SET_TEXT = bytes.fromhex("C1 01 01 0001 0000600100FF 02 00 09 03") + b"new"
"""An unconfirmed SET."""


class Station(Firmware):
    """Two logical devices, each with a register, and a long text in the first."""

    def boot(self, why):
        self.written = []

        def device(number):
            return [
                cosem.Register("1-0:1.8.0", value=axdr.u32(number), scaler_unit=(0, cosem.Unit.WATT_HOUR)),
                cosem.Data(
                    "0-0:96.1.0",
                    value=axdr.octets(bytes(3000)),
                    access={"value": Access.READ_WRITE},
                    on={"value": lambda value: self.written.append((number, bytes(value.value)))},
                ),
            ]

        there = Association(PRE_ESTABLISHED, pre_established=Terms(CONFORMANCE, 1024))
        devices = {sap: LogicalDevice(b"MBE-%d" % sap, device(sap), [*open_profile(PASSWORD), there]) for sap in (1, 2)}
        self.server = Server(devices)
        self.port = DlmsPort(self, self.board.uart("serial"), self.server)

    def associations(self):
        return [device.opened for device in self.server.devices.values()]


class Plug:
    """One end of a wire into the port; several links may use it, as several clients behind one head do."""

    def __init__(self, premises, port, baud=None):
        self.premises = premises
        self.port = Port(premises.kernel, "plug")
        self.wire = Wire(premises.kernel, self.port, port, baud=baud)
        self.links = {}
        self.news = []
        self.port.on_receive = self.receive

    def receive(self, data):
        for link in self.links.values():
            self.apply(link.feed(data, self.premises.kernel.now))

    def apply(self, effects):
        for effect in effects:
            if isinstance(effect, Send):
                self.port.write(effect.data)
            elif not isinstance(effect, hdlc.Discarded):
                self.news.append(effect)

    def wait(self):
        self.premises.until(lambda: self.news, 15 * S)
        return self.news.pop(0)

    def connect(self, client=16, server=1):
        link = self.links[client, server] = hdlc.ClientLink(client, server, PARAMETERS)
        self.apply(link.connect(self.premises.kernel.now))
        return self.wait()

    def exchange(self, apdu, client=16, server=1):
        self.apply(self.links[client, server].request(apdu, self.premises.kernel.now))
        answer = self.wait()
        assert isinstance(answer, hdlc.Apdu), answer
        return answer.data

    def meter(self, client=16, server=1, password=None):
        assert isinstance(self.connect(client, server), hdlc.Connected)
        meter = Meter(lambda apdu: self.exchange(apdu, client, server), Client(client, server, password))
        meter.associate()
        return meter


@pytest.fixture
def station(premises):
    board = premises.put("station", Station, 1)
    premises.run(S)
    return board


@pytest.fixture
def plug(premises, station):
    return lambda **how: Plug(premises, station.uart("serial"), **how)


def test_each_client_has_its_own_association_with_each_device(plug):
    head = plug()
    public, second, manager = head.meter(), head.meter(server=2), head.meter(1, 1, PASSWORD)
    assert [each.register("1-0:1.8.0").value for each in (public, second, manager)] == [1, 2, 1]
    manager.set("0-0:96.1.0", 1, 2, axdr.octets(b"new"))
    with pytest.raises(AccessError):
        public.set("0-0:96.1.0", 1, 2, axdr.octets(b"newer"))
    public.release()
    with pytest.raises(Refused):
        public.register("1-0:1.8.0")
    assert bytes(manager.get("0-0:96.1.0", 1, 2).value) == b"new"


def test_a_long_answer_comes_in_segments(plug):
    meter = plug(baud=9600).meter()
    assert bytes(meter.get("0-0:96.1.0", 1, 2).value) == bytes(3000)


def test_an_apdu_longer_than_the_port_takes_is_refused_and_the_next_is_served(plug):
    head = plug()
    meter = head.meter()
    assert head.exchange(b"\xc0" * (PARAMETERS.largest_apdu + 1)) == PDU_TOO_LONG
    assert meter.register("1-0:1.8.0").value == 1


@pytest.mark.parametrize("properly", [True, False])
def test_an_association_ends_with_its_data_link(plug, premises, properly):
    """Closed, or only set up anew by the same client."""
    head = plug()
    meter = head.meter()
    if properly:
        head.apply(head.links[16, 1].disconnect(premises.kernel.now))
        assert isinstance(head.wait(), hdlc.Disconnected)
    assert isinstance(head.connect(), hdlc.Connected)
    with pytest.raises(Refused):
        meter.register("1-0:1.8.0")


def test_a_silent_client_is_dropped_after_two_minutes(plug, premises):
    head = plug()
    meter = head.meter()
    premises.run(110 * S)
    assert meter.register("1-0:1.8.0").value == 1
    premises.run(121 * S)
    head.apply(head.links[16, 1].request(b"\x62\x00", premises.kernel.now))
    assert isinstance(head.wait(), hdlc.Failed)  # DM


def test_the_plug_ends_everything_that_was_open(plug, premises):
    head = plug()
    head.meter()
    head.meter(1, 1, PASSWORD)
    head.wire.unplug()
    other = plug()
    other.links = head.links  # with the numbers of the old connection
    other.apply(head.links[1, 1].request(b"\x62\x00", premises.kernel.now))
    assert isinstance(other.wait(), hdlc.Failed)
    assert other.meter().register("1-0:1.8.0").value == 1


def test_a_power_cut_ends_it_too_and_the_plug_stays_in(plug, station, premises):
    head = plug()
    meter = head.meter()
    station.cut(off_for=S)
    premises.run(2 * S)
    head.apply(head.links[16, 1].request(b"\x62\x00", premises.kernel.now))
    assert isinstance(head.wait(), hdlc.Failed)
    assert isinstance(head.connect(), hdlc.Connected)
    meter.associate()
    assert meter.register("1-0:1.8.0").value == 1


def test_sessions_leave_nothing_behind(plug, premises, station):
    head = plug()
    head.meter()
    head.meter(1, 1, PASSWORD)
    head.meter(server=2)
    assert [len(opened) for opened in station.firmware.associations()] == [2, 1]
    head.connect()  # anew
    head.apply(head.links[1, 1].disconnect(premises.kernel.now))
    premises.run(S)
    assert [len(opened) for opened in station.firmware.associations()] == [0, 1]
    head.wire.unplug()
    premises.run(S)
    assert station.firmware.associations() == [[], []]


def unnumbered(client, server, apdu):
    return hdlc.Frame.unnumbered(
        hdlc.Kind.UI, hdlc.Address(server), hdlc.Address(client), poll=False, information=b"\xe6\xe6\x00" + apdu
    ).build()


def test_what_comes_unnumbered_is_carried_out_under_the_clients_association(plug, premises, station):
    head = plug()
    head.meter(1, 1, PASSWORD)
    head.port.write(unnumbered(1, 1, SET_TEXT))
    head.port.write(unnumbered(16, 1, SET_TEXT.replace(b"new", b"no!")))
    premises.run(S)
    assert head.news == []
    assert station.firmware.written == [(1, b"new")]


def test_what_is_for_all_stations_is_carried_out_where_an_association_is_there_unasked(plug, premises, station):
    """Bad input A8: nothing of it is answered, and a client's own association is not used for it."""
    head = plug()
    head.meter(1, 1, PASSWORD)
    head.port.write(unnumbered(1, ALL, SET_TEXT))
    premises.run(S)
    assert station.firmware.written == []
    head.port.write(unnumbered(PRE_ESTABLISHED, ALL, SET_TEXT))
    premises.run(S)
    assert head.news == []
    assert station.firmware.written == [(1, b"new"), (2, b"new")]
    assert [len(opened) for opened in station.firmware.associations()] == [1, 0]


def test_a_notification_goes_out_unnumbered(plug, premises, station):
    head = plug()
    head.meter()
    notification = bytes.fromhex("0F 00000001 00 09 03") + b"hey"
    station.firmware.port.notify(16, 1, notification)
    assert head.wait() == hdlc.Unconfirmed(16, 1, notification)


def test_an_address_that_nobody_has_is_not_answered(plug, premises):
    head = plug()
    link = head.links[16, 7] = hdlc.ClientLink(16, 7, PARAMETERS)
    head.apply(link.connect(premises.kernel.now))
    premises.run(3 * S)
    assert head.news == []
    del head.links[16, 7]
    assert head.meter().register("1-0:1.8.0").value == 1


@pytest.mark.parametrize("size", [1, 2, 7])
def test_octets_may_come_in_any_pieces(plug, premises, size):
    """Bad input A16."""
    head = plug()
    write = head.port.write

    def pieces(data):
        for at in range(0, len(data), size):
            write(data[at : at + size])

    head.port.write = pieces
    assert head.meter().register("1-0:1.8.0").value == 1


def test_the_port_speaks_only_when_asked(plug, premises):
    head = plug()
    heard = []
    head.port.on_receive = heard.append
    for octets in (b"/?!\r\n", bytes(300), b"\x7e" * 40, bytes.fromhex("7EA7FF") * 30, bytes.fromhex("7EA00703219300")):
        head.port.write(octets)
        premises.run(5 * S)
    assert heard == []
    head.port.on_receive = head.receive
    assert head.meter().register("1-0:1.8.0").value == 1
