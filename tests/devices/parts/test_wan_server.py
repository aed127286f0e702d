"""A COSEM server at a WAN address of its own: sessions by connection, wherever the octets are cut, and whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.parts.wan_server import ADDRESSES, CONNECTIONS, PORT, WanServer
from devices.runtime.kernel import MS, Kernel, S
from devices.runtime.net import Closed, Net, Stream
from protocols.dlms import axdr, cosem, wrapper
from protocols.dlms.client import Client
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.server import PUBLIC_CLIENT, Server, open_profile

NAME = "0-0:96.1.0"
AARQ = next(Client(PUBLIC_CLIENT, 1).associate())


class Meter:
    """The server at `meter`, and a head end on the same network."""

    def __init__(self) -> None:
        self.kernel = Kernel(seed=1)
        net = Net(self.kernel, latency=MS)
        thing = cosem.Data(NAME, value=axdr.octets(b"G4"))
        device = LogicalDevice(b"MBE0000000000001", [thing], open_profile(b"12345678"))
        self.server = WanServer(self.kernel, net.host("meter"), Server({1: device}))
        self.head_end = net.host("dcc")

    def call(self) -> tuple[Stream, bytearray, list[Closed]]:
        """A connection: the stream, what came over it, and why it ended."""
        stream, heard, ends = self.head_end.connect("meter", PORT), bytearray(), list[Closed]()
        stream.on_data, stream.on_close = heard.extend, ends.append
        self.run()
        return stream, heard, ends

    def run(self, ns: int = S) -> None:
        self.kernel.run_until(self.kernel.now + ns)


def pdus(octets: bytearray) -> list[wrapper.Pdu]:
    return wrapper.Splitter().feed(bytes(octets))


@given(st.integers(1, 40))
def test_an_association_comes_through_wherever_the_octets_are_cut(size: int) -> None:
    meter = Meter()
    stream, heard, ends = meter.call()
    request = wrapper.wrap(PUBLIC_CLIENT, 1, AARQ)
    for at in range(0, len(request), size):
        stream.send(request[at : at + size])
        meter.run(10 * MS)
    (answer,) = pdus(heard)
    assert (answer.source, answer.destination, answer.apdu[0]) == (1, PUBLIC_CLIENT, 0x61)
    assert ends == []
    assert meter.server.last_heard > 0


@given(st.binary(max_size=64))
def test_whatever_comes_nothing_falls_and_others_are_served(octets: bytes) -> None:
    meter = Meter()
    bad, _, _ = meter.call()
    bad.send(octets)
    meter.run()
    stream, heard, _ = meter.call()
    stream.send(wrapper.wrap(PUBLIC_CLIENT, 1, AARQ))
    meter.run()
    assert pdus(heard)


def test_octets_that_are_no_wrapper_end_the_connection() -> None:
    meter = Meter()
    stream, heard, ends = meter.call()
    stream.send(b"\x00\x02\x00\x10\x00\x01\x00\x01\x60")
    meter.run()
    assert ends == [Closed.CLOSED]
    assert not heard


def test_each_connection_has_its_own_associations_and_an_unknown_server_gives_no_answer() -> None:
    meter = Meter()
    first, answered, _ = meter.call()
    second, unanswered, _ = meter.call()
    first.send(wrapper.wrap(PUBLIC_CLIENT, 1, AARQ))
    second.send(wrapper.wrap(PUBLIC_CLIENT, 9, AARQ))
    meter.run()
    assert len(pdus(answered)) == 1
    assert not unanswered
    request = next(Client(PUBLIC_CLIENT, 1).get(NAME, 1, 2))
    for stream in (first, second):
        stream.send(wrapper.wrap(PUBLIC_CLIENT, 1, request))
    meter.run()
    assert pdus(answered)[1].apdu.endswith(b"G4")
    assert not pdus(unanswered)[0].apdu.endswith(b"G4")


def test_connections_and_addresses_are_bounded() -> None:
    meter = Meter()
    ends = [meter.call()[2] for _ in range(CONNECTIONS + 1)]
    assert ends == [[]] * CONNECTIONS + [[Closed.RESET]]
    meter = Meter()
    stream, _, _ = meter.call()
    for client in range(100, 100 + 3 * ADDRESSES):
        stream.send(wrapper.wrap(client, 1, AARQ))
    meter.run()
    assert all(len(open_) <= ADDRESSES for open_ in meter.server._sessions.values())


def test_who_closes_takes_everybody_along() -> None:
    meter = Meter()
    _, _, ends = meter.call()
    meter.server.close()
    meter.run()
    assert ends == [Closed.CLOSED]
    assert meter.call()[2] == [Closed.REFUSED]


@pytest.mark.parametrize("octets", [b"\x00\x01\x00\x10\x00\x01\x00\x00", b"\x00\x01"])
def test_nothing_said_is_nothing_answered(octets: bytes) -> None:
    meter = Meter()
    stream, heard, ends = meter.call()
    stream.send(octets)
    meter.run()
    assert not heard
    assert not ends
