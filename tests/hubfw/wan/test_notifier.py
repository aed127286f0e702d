"""Notifications: kept until the destination has them, in order, once."""

from __future__ import annotations

from itertools import pairwise

import pytest

from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, Kernel, S
from devices.runtime.net import Net
from devices.runtime.supply import Battery
from hubfw.wan.notifier import CAPACITY, Notifier
from protocols.dlms import wrapper
from protocols.dlms.cosem.push import TransportService


class Teller(Firmware):
    service = TransportService.TCP
    plugged = False

    def boot(self, why):
        self.notifier = Notifier(self, lambda: ("dcc", 4059), lambda: self.service, tell=self.say)
        self.said = []
        self.notifier.start()

    def say(self, service, apdu):
        if self.plugged:
            self.said.append((service, apdu))
        return self.plugged

    def tell(self, apdu):
        self.board.nvm.put(self.notifier.add(apdu))
        self.notifier.start()


class Wan:
    def __init__(self):
        self.kernel = Kernel("notifier")
        self.net = Net(self.kernel)
        self.taken = []
        self.closes = True
        self.hub = Board(self.kernel, "hub", firmware=Teller, supply=Battery(self.kernel), net=self.net.host("hub"))
        self.run(1)

    def listen(self):
        self.net.host("dcc").listen(4059, self.accept)

    def accept(self, stream):
        splitter = wrapper.Splitter()
        stream.on_data = lambda data: self.taken.extend(pdu.apdu for pdu in splitter.feed(data))
        if not self.closes:
            stream.on_finish = lambda: None

    def run(self, seconds):
        self.kernel.run_until(self.kernel.now + int(seconds * S))

    def tell(self, *apdus):
        for apdu in apdus:
            self.hub.firmware.tell(apdu)


@pytest.fixture
def wan():
    return Wan()


def test_they_arrive_once_and_in_order(wan):
    wan.listen()
    wan.tell(b"one", b"two", b"three")
    wan.run(300)
    assert wan.taken == [b"one", b"two", b"three"]
    assert wan.hub.firmware.notifier.waiting == 0


def test_a_destination_that_keeps_its_end_open_has_them_all_the_same(wan):
    wan.closes = False
    wan.listen()
    wan.tell(b"one", b"two")
    wan.run(60)
    assert wan.taken == [b"one", b"two"]


def test_nobody_listening_is_tried_again_with_longer_pauses(wan):
    wan.tell(b"one")
    opened = []
    wan.kernel.log.subscribe(lambda now, who, kind, data: opened.append(now) if kind == "net.open" else None)
    wan.net.host("dcc")
    wan.run(10 * 60)
    gaps = [(later - sooner) // S for sooner, later in pairwise(opened)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == 60
    wan.listen()
    wan.run(120)
    assert wan.taken == [b"one"]


def test_a_partition_delays_and_does_not_repeat(wan):
    wan.listen()
    wan.net.partition("hub", "dcc")
    wan.tell(b"one")
    wan.run(5 * 60)
    assert wan.taken == []
    wan.net.heal("hub", "dcc")
    wan.run(3 * 60)
    assert wan.taken == [b"one"]


def test_what_was_not_sent_is_sent_after_a_restart(wan):
    wan.tell(b"one", b"two")
    wan.run(3)
    wan.hub.cut(MIN)
    wan.run(120)
    wan.listen()
    wan.run(180)
    assert wan.taken == [b"one", b"two"]
    wan.hub.cut(MIN)
    wan.run(180)
    assert wan.taken == [b"one", b"two"]


def test_the_queue_is_bounded_and_keeps_the_newest(wan):
    wan.tell(*(bytes([number]) for number in range(CAPACITY + 5)))
    assert wan.hub.firmware.notifier.waiting == CAPACITY
    wan.listen()
    wan.run(300)
    newest = [bytes([number]) for number in range(5, CAPACITY + 5)]
    assert wan.taken == [b"\0", *newest]  # the first was on its way already


def test_a_flood_without_priority_displaces_none_that_has_it(wan):
    """As of an outage: the second octet has the long-invoke-id's priority."""
    outage, minor = [bytes((0x0F, 0x80, number)) for number in range(3)], [bytes((0x0F, 0, number)) for number in range(60)]
    wan.tell(*outage, *minor)
    assert wan.hub.firmware.notifier.waiting == CAPACITY
    wan.listen()
    wan.run(300)
    assert wan.taken == [*outage, *minor[-(CAPACITY - 3) :]]


def test_by_udp_each_is_one_datagram_and_nobody_is_asked(wan, monkeypatch):
    monkeypatch.setattr(Teller, "service", TransportService.UDP)
    heard = []
    wan.net.host("dcc").bind(4059).on_datagram = lambda host, port, data: heard.append(wrapper.unwrap(data))
    wan.tell(b"one", b"two", b"three")
    wan.run(1)
    assert heard == [wrapper.Pdu(1, 1, apdu) for apdu in (b"one", b"two", b"three")]
    assert (wan.hub.firmware.notifier.waiting, wan.hub.firmware.notifier.sent) == (0, 3)
    assert len(wan.net.host("hub").sockets) == 0


def test_by_a_line_they_wait_until_somebody_is_plugged_in(wan, monkeypatch):
    monkeypatch.setattr(Teller, "service", TransportService.HDLC)
    wan.tell(b"one", b"two")
    wan.run(45 * 60)
    hub = wan.hub.firmware
    assert (hub.said, hub.notifier.waiting) == ([], 2)
    hub.plugged = True
    hub.notifier.try_now()
    assert hub.said == [(TransportService.HDLC, b"one"), (TransportService.HDLC, b"two")]
    assert (hub.notifier.waiting, hub.notifier.sent) == (0, 2)
