"""The narrowband channel: windows, collisions, loss, power."""

from __future__ import annotations

import pytest

from devices.runtime.ether import TELEGRAM, Ether, Transceiver
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import MS, Kernel
from protocols.core.errors import LocalProtocolError

AIRTIME = 10 * MS


def listener(ether: Ether, who: str) -> tuple[Transceiver, list[tuple[int, bytes]]]:
    heard: list[tuple[int, bytes]] = []
    radio = ether.transceiver(who)
    radio.on_receive = lambda chips: heard.append((ether.kernel.now, chips))
    radio.listen_always()
    return radio, heard


def test_a_telegram_is_heard_at_its_end_by_who_listened_at_its_beginning() -> None:
    kernel = Kernel(1)
    ether = Ether(kernel)
    meter = ether.transceiver("meter")
    _, always = listener(ether, "hub")
    windowed = ether.transceiver("other")
    heard: list[bytes] = []
    windowed.on_receive = heard.append
    windowed.listen(5 * MS, 6 * MS)
    logged: list[tuple[str, object]] = []
    kernel.log.subscribe(lambda now, who, kind, data: logged.append((who, data)), (TELEGRAM,))
    for at, chips in ((0, b"early"), (20 * MS, b"late")):
        kernel.at(at, meter.transmit, chips, AIRTIME, who="test")
    kernel.run_until(40 * MS)
    assert always == [(10 * MS, b"early"), (30 * MS, b"late")]
    assert heard == []
    assert logged == [("meter", b"early"), ("meter", b"late")]
    windowed.listen(45 * MS, 46 * MS)
    kernel.at(46 * MS, meter.transmit, b"in time", AIRTIME, who="test")
    kernel.run_until(60 * MS)
    assert heard == [b"in time"]
    assert meter.on_ns == 3 * AIRTIME
    assert windowed.on_ns == 2 * MS


def test_two_at_once_destroy_each_other() -> None:
    kernel = Kernel(1)
    ether = Ether(kernel)
    first, second = ether.transceiver("first"), ether.transceiver("second")
    _, heard = listener(ether, "hub")
    kernel.at(0, first.transmit, b"1", AIRTIME, who="test")
    kernel.at(5 * MS, second.transmit, b"2", AIRTIME, who="test")
    kernel.at(16 * MS, first.transmit, b"3", AIRTIME, who="test")
    kernel.run_until(50 * MS)
    assert heard == [(26 * MS, b"3")]
    assert ether.collisions == 1


def test_a_sender_hears_nothing_and_sends_one_telegram_at_a_time() -> None:
    kernel = Kernel(1)
    ether = Ether(kernel)
    hub, heard = listener(ether, "hub")
    kernel.at(0, hub.transmit, b"own", AIRTIME, who="test")
    kernel.run_until(1 * MS)
    with pytest.raises(LocalProtocolError, match="sending"):
        hub.transmit(b"more", AIRTIME)
    with pytest.raises(LocalProtocolError, match="already"):
        ether.transceiver("hub")
    kernel.run_until(20 * MS)
    assert heard == []


def test_loss_faults_and_power() -> None:
    kernel = Kernel(7)
    ether = Ether(kernel, loss=0.5)
    meter = ether.transceiver("meter")
    hub, heard = listener(ether, "hub")
    for number in range(200):
        kernel.at(number * 20 * MS, meter.transmit, b"%d" % number, AIRTIME, who="test")
    kernel.run_until(200 * 20 * MS)
    assert 70 < len(heard) < 130
    ether.loss, before = 0.0, len(heard)
    ether.faults = Faults(kernel, "ether", [Fault(Effect.DROP, nth=1), Fault(Effect.DELAY, amount=MS, nth=2)])
    start = kernel.now
    for number in range(3):
        kernel.at(start + number * 20 * MS, meter.transmit, b"x", AIRTIME, who="test")
    kernel.run_until(start + 100 * MS)
    assert [at - start for at, _ in heard[before:]] == [30 * MS, 51 * MS]
    before = len(heard)
    kernel.at(kernel.now, meter.transmit, b"cut", AIRTIME, who="test")
    kernel.after(MS, meter.reset, who="test")
    kernel.run_until(kernel.now + 20 * MS)
    hub.reset()
    kernel.at(kernel.now, meter.transmit, b"deaf", AIRTIME, who="test")
    kernel.run_until(kernel.now + 20 * MS)
    assert len(heard) == before
